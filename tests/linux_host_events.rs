//! Promises about what Linux itself tells of a traced program: told one by one it is what the kernel counted, and where
//! perf_event_open is refused, as in containers, everything else is there and the reason is said.

#[path = "support/cli.rs"]
#[allow(dead_code)]
mod cli;
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use serde_json::Value;

use cli::{Ran, trapline};
use support::Scratch;

const SCRIPT: &str = "sleep 0.03; ls / > /dev/null; echo out; sleep 0.03; exit 3";
const NOBODY: u32 = 65534;

/// The summary that `stat --json` gives.
fn summary(trace: &Path) -> Value {
    let output = trapline(&["stat", "--json"]).arg(trace).output();
    let ran = Ran::from(output.expect("trapline starts"));
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let mut all: Vec<Value> = serde_json::from_str(&ran.stdout).expect("JSON");
    all.remove(0)
}

/// The sum of a number of each row that is chosen.
fn sum(rows: &Value, number: &str, chosen: impl Fn(&Value) -> bool) -> u64 {
    let rows = rows.as_array().expect("rows");
    let chosen = rows.iter().filter(|row| chosen(row));
    chosen
        .map(|row| row[number].as_u64().expect("a number"))
        .sum()
}

#[test]
fn what_is_told_one_by_one_is_what_the_kernel_counted() {
    let scratch = Scratch::new();
    let trace = scratch.path("told.trap");
    let ran = trapline(&["record", "--page-faults", "-o"])
        .arg(&trace)
        .args(["--", "/bin/sh", "-c", SCRIPT])
        .output();
    let ran = Ran::from(ran.expect("trapline starts"));
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(3), "out\n"),
        "{}",
        ran.stderr
    );
    let summary = summary(&trace);
    let target = &summary["meta"]["target"];
    if target["switches"]["is"] == "refused" {
        return support::not_here(&target["switches"]["why"].to_string());
    }
    let linux = &summary["linux"];
    let processes = summary["processes"].as_array().expect("processes").len() as u64;
    let voluntary = |row: &Value| row["voluntary"] == true;
    let own = sum(&linux["away"], "count", voluntary);
    let tracers = sum(&linux["away_by_tracer"], "count", voluntary);
    let counted = linux["usage"]["voluntary"].as_u64().expect("a number");
    // Before its exec a process that we start has switches that are not in the trace; so has each one at its very end.
    let told = own + tracers;
    assert!(
        told <= counted + processes,
        "{told} told, {counted} counted"
    );
    assert!(
        counted <= told + 10 + 2 * processes,
        "{told} told, {counted} counted"
    );
    // The shell waits three times, the sleepers sleep.
    assert!(
        (5..30).contains(&own),
        "{own} switches of the program's own"
    );
    // Two stops for each call that returned.
    let calls = summary["syscalls"].as_array().expect("calls").iter();
    let returned = calls.map(|call| call["elapsed"]["count"].as_u64().expect("a number"));
    let calls: u64 = returned.sum();
    assert!(tracers >= 2 * calls, "{tracers} switches at {calls} calls");
    let (minor, all) = (&linux["minor_faults"], &linux["usage"]["minor_faults"]);
    let (minor, all) = (minor.as_u64().expect("one"), all.as_u64().expect("one"));
    assert!(
        minor > 0 && minor <= all,
        "{minor} faults told, {all} counted"
    );
}

/// A shell's thread in which perf_event_open is refused, and all that it starts.
fn where_perf_is_refused<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    const PERF_EVENT_OPEN: i64 = 298;
    const EPERM: u32 = 1;
    let thread = std::thread::spawn(move || {
        let rules = [(PERF_EVENT_OPEN, vec![])].into_iter().collect();
        let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(EPERM));
        let filter = SeccompFilter::new(rules, allow, refuse, TargetArch::x86_64);
        let program: BpfProgram = filter
            .expect("a filter")
            .try_into()
            .expect("a program of the filter");
        apply_filter(&program).expect("everyone may filter himself");
        work()
    });
    thread.join().expect("no panic")
}

/// A copy of the command that everyone may run, in a folder where everyone may write; run by nobody, if we may choose.
fn by_nobody(scratch: &Scratch) -> (PathBuf, impl Fn(&[&str]) -> Command + Send + 'static) {
    let folder = scratch.path("");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("permissions");
    let copy = scratch.path("trapline");
    fs::copy(env!("CARGO_BIN_EXE_trapline"), &copy).expect("a copy");
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("permissions");
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let start = {
        let folder = folder.clone();
        move |arguments: &[&str]| {
            let mut command = Command::new(&copy);
            command.args(arguments).current_dir(&folder);
            if is_root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        }
    };
    (folder, start)
}

#[test]
fn without_perf_event_open_all_else_is_there_and_the_reason_is_said() {
    let scratch = Scratch::new();
    let (folder, start) = by_nobody(&scratch);
    where_perf_is_refused(move || {
        let run = |arguments: &[&str]| Ran::from(start(arguments).output().expect("it starts"));
        let recorded = run(&["record", "-o", "bare.trap", "--", "/bin/sh", "-c", SCRIPT]);
        assert_eq!(recorded.status, Some(3), "{}", recorded.stderr);
        assert_eq!(recorded.stdout, "out\n");

        let stat = run(&["stat", "bare.trap"]);
        assert_eq!(stat.status, Some(0), "{}", stat.stderr);
        let missing = stat.stdout.lines().find(|line| line.contains("not in it"));
        let missing = missing.expect("what is missing is said");
        for word in ["perf_event_open", "EPERM", "seccomp", "PERFMON"] {
            assert!(missing.contains(word), "{missing}");
        }
        let summary = summary(&folder.join("bare.trap"));
        assert_eq!(summary["meta"]["target"]["switches"]["is"], "refused");
        assert_eq!(summary["meta"]["lost"], Value::Array(Vec::new()));
        let usage = &summary["linux"]["usage"];
        for count in ["voluntary", "minor_faults", "max_resident_bytes"] {
            assert!(
                usage[count].as_u64().expect("a number") > 0,
                "{count}: {usage}"
            );
        }
        assert_eq!(summary["linux"]["accounts"], 4);
        // Three processes sleep or wait; where nothing says so, that is time in the kernel.
        let kernel = sum(&summary["partition"], "ns", |part| {
            part["activity"] == "kernel"
        });
        assert!(kernel > 60_000_000, "{kernel} ns");

        for arguments in [
            &["report", "bare.trap", "-o", "page"][..],
            &["timeline", "bare.trap"],
            &["compare", "bare.trap", "bare.trap"],
        ] {
            let ran = run(arguments);
            assert_eq!(ran.status, Some(0), "{arguments:?}: {}", ran.stderr);
        }
        let page = fs::read_to_string(folder.join("page/index.html")).expect("a page");
        assert!(page.contains("Not in this trace: context switches one by one"));
        assert!(folder.join("page/bare-timeline.png").exists());

        let doctor = run(&["doctor"]);
        let line = doctor
            .stdout
            .lines()
            .find(|line| line.contains("context switches"));
        let line = line.expect("doctor speaks of context switches");
        assert!(
            line.starts_with("limited") && line.contains("EPERM"),
            "{line}"
        );
        assert!(
            doctor.stdout.contains("--cap-add PERFMON"),
            "{}",
            doctor.stdout
        );
    });
}
