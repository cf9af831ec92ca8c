//! Promises of `replay` about hosts that are not like the one of the recording: what is missing is named before anything starts,
//! what only may make a difference is said, and the CPU that a trace was recorded on is found again.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use programs::{Program, Tool, available};
use support::parallel::{allowed_cpus, on_all_cpus};
use support::replay::{Ran, fault_of_replay, of_another_host, replay};
use support::{Scratch, skip, stderr, text};
use trapline_trace_format::meta::{Host, Processor};

fn processor(host: &mut Host) -> &mut Processor {
    host.processor.as_mut().expect("a processor")
}

fn refusal(ran: &Ran) -> String {
    assert_eq!(ran.status, 1, "{}", text(&ran.output));
    assert!(ran.runs.is_empty());
    let said = stderr(&ran.output);
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_cpu_that_lacks_something_is_refused_before_anything_starts() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello"]);
    let better = of_another_host(&trace, |host| {
        processor(host).features.push("avx4096".to_owned());
    });
    let said = refusal(&replay(&better, &[]));
    assert!(
        said.contains("can do avx4096") && said.contains("--any-cpu"),
        "{said}"
    );
    let tried = replay(&better, &["--any-cpu"]);
    assert_eq!(fault_of_replay(&better, &tried), None);
    assert!(stderr(&tried.output).contains("cannot do avx4096"));
}

#[test]
fn a_cpu_that_differs_otherwise_is_named_and_tried() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--", "hello"]);
    type Change = (&'static str, fn(&mut Processor));
    let changes: [Change; 4] = [
        ("it can do more", |cpu| drop(cpu.features.pop())),
        ("it keeps its vector registers in another order", |cpu| {
            cpu.xsave.clear();
        }),
        ("and was TrapInside", |cpu| {
            "TrapInside".clone_into(&mut cpu.vendor);
        }),
        ("describes itself otherwise", |cpu| cpu.answers ^= 1),
    ];
    for (named, change) in changes {
        let other = of_another_host(&trace, |host| change(processor(host)));
        let ran = replay(&other, &[]);
        assert_eq!(fault_of_replay(&other, &ran), None, "{named}");
        let said = stderr(&ran.output);
        assert!(said.contains(named), "{named}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let silent = of_another_host(&trace, |host| host.processor = None);
    let ran = replay(&silent, &[]);
    assert_eq!(fault_of_replay(&silent, &ran), None);
    assert_eq!(stderr(&ran.output), "");
}

#[test]
fn a_program_that_keeps_the_number_of_its_cpu_is_replayed_on_that_cpu() {
    let cpus = allowed_cpus();
    if cpus.len() < 2 {
        return support::not_here("one CPU may be used");
    }
    // The GNU C library keeps what CPUID says.
    let programs = available(&[Program::new(Tool::Glibc, "join")]);
    let Some(program) = programs.first() else {
        return;
    };
    let scratch = Scratch::new();
    let folders: Vec<_> = cpus
        .iter()
        .map(|cpu| scratch.path(&cpu.to_string()))
        .collect();
    let traces = on_all_cpus(folders, |folder| {
        fs::create_dir(&folder).expect("a folder");
        let own = Scratch::new();
        let trace = program
            .record(&own, &["--tracer", "none"])
            .expect("a trace");
        let moved = folder.join("join.trap");
        let copied = Command::new("cp").arg("-r").args([&trace, &moved]).status();
        assert!(copied.is_ok_and(|status| status.success()));
        moved
    });
    for trace in traces {
        let ran = replay(&trace, &[]);
        assert_eq!(fault_of_replay(&trace, &ran), None);
        assert_eq!(stderr(&ran.output), "");
    }
}

#[test]
fn a_limit_of_the_host_that_is_too_low_is_named() {
    let scratch = Scratch::new();
    let jobs = ["--job", "spin 5"].repeat(6);
    let trace = scratch.record("six.trap", &jobs);
    let Some(output) = replay_with_few_processes(&scratch, &trace) else {
        return skip("setpriv or prlimit is not installed");
    };
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said = stderr(&output);
    assert!(
        said.contains("it needs 9 processes at a time") && said.contains("ulimit -u"),
        "{said}"
    );
}

/// The replay of a trace by a user who may start no more processes than that it takes to say so.
fn replay_with_few_processes(scratch: &Scratch, trace: &Path) -> Option<Output> {
    let home = scratch.path("home");
    fs::create_dir(&home).expect("a folder");
    fs::set_permissions(scratch.path("."), fs::Permissions::from_mode(0o755)).expect("permissions");
    // The binary may lie where only root can look.
    let binary = home.join("trapline");
    fs::copy(env!("CARGO_BIN_EXE_trapline"), &binary).expect("a copy");
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let mut command = Command::new("prlimit");
    if is_root {
        command = Command::new("setpriv");
        // A user that nobody is, so that nobody else's processes count.
        let user = ["--reuid", "65531", "--regid", "65531", "--clear-groups"];
        command.args(user).arg("prlimit");
    }
    command
        .arg("--nproc=6")
        .arg(&binary)
        .arg("replay")
        .arg(trace);
    command.output().ok()
}
