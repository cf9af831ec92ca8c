//! trapline sees what strace sees: as many calls of each kind in real programs, and the same text for each call of a program that
//! always does the same.

#[path = "support/strace/mod.rs"]
mod strace;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use strace::{Both, Options, both, by_thread, is_known_strace, is_there};
use support::{Scratch, skip, text};

/// Calls whose number depends on who is first, so that two runs under the same tracer differ, too: whether a lock is taken,
/// whether a thread gets an area for its memory of its own, how many ends of children one signal tells.
const RACES: [&str; 7] = [
    "futex",
    "rt_sigreturn",
    "madvise",
    "mprotect",
    "munmap",
    "mmap",
    "getrandom",
];

/// Everything is decided by the program alone.
const NOTHING: [&str; 0] = [];

fn same_counts(program: &[&str], but: &[&str], prepare: &dyn Fn(&Path)) {
    let scratch = Scratch::new();
    let Some(both) = both(&scratch, program, Options::Follow, prepare) else {
        return;
    };
    let counts = both.counts().map(|mut counts| {
        counts.retain(|name, _| !but.contains(&name.as_str()));
        counts
    });
    let [theirs, ours] = counts;
    assert!(
        theirs.len() > 5,
        "{program:?}: strace saw nothing: {theirs:?}"
    );
    assert_eq!(theirs, ours, "{program:?}: strace, trapline");
}

fn nothing(_: &Path) {}

#[test]
fn ls_makes_as_many_calls_as_strace_counts() {
    same_counts(&["ls", "-l", "/"], &NOTHING, &nothing);
}

#[test]
fn cat_makes_as_many_calls_as_strace_counts() {
    same_counts(&["cat", "/etc/passwd"], &NOTHING, &nothing);
}

#[test]
fn find_makes_as_many_calls_as_strace_counts() {
    let prepare = |folder: &Path| {
        for name in ["a/b/c", "a/d", "e"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
            fs::write(folder.join(name).join("file.conf"), "x").expect("a file");
        }
    };
    same_counts(&["find", ".", "-name", "*.conf"], &NOTHING, &prepare);
}

#[test]
fn a_pipeline_of_a_shell_makes_as_many_calls_as_strace_counts() {
    let script = "ls / | sort -r | wc -l; (cat < /etc/passwd) > copy; test -f copy && rm copy";
    // How many signals tell of the ends of three children, the shell learns by luck; it then asks for each.
    same_counts(&["sh", "-c", script], &["rt_sigreturn", "wait4"], &nothing);
}

#[test]
fn python_with_a_child_makes_as_many_calls_as_strace_counts() {
    let Some(python) = python() else {
        skip("python3 is missing");
        return;
    };
    let script =
        "import json, subprocess; subprocess.run(['true']); print(json.dumps(list(range(9))))";
    same_counts(&[&python, "-B", "-c", script], &NOTHING, &nothing);
}

#[test]
fn git_log_makes_as_many_calls_as_strace_counts() {
    if !is_there("git") {
        skip("git is missing");
        return;
    }
    let prepare = |folder: &Path| {
        let git = |arguments: &[&str]| {
            let ran = Command::new("git")
                .args(["-c", "user.name=a", "-c", "user.email=a@b"])
                .args(arguments)
                .current_dir(folder)
                .env("HOME", folder)
                .output()
                .expect("git runs");
            assert!(ran.status.success(), "{arguments:?}: {}", text(&ran));
        };
        git(&["init", "-q"]);
        git(&["commit", "-q", "--allow-empty", "-m", "first"]);
        git(&["commit", "-q", "--allow-empty", "-m", "second"]);
    };
    same_counts(&["git", "log", "--oneline"], &NOTHING, &prepare);
}

#[test]
fn a_c_compiler_makes_as_many_calls_as_strace_counts() {
    let prepare = |folder: &Path| {
        let source = "#include <stdio.h>\nint main(void) { return puts(\"x\") == 0; }\n";
        fs::write(folder.join("x.c"), source).expect("a file");
    };
    // The name of a temporary file is drawn again when the C library's draw would favour some letters: 1 in 20.
    let program = ["cc", "-c", "x.c", "-o", "x.o"];
    same_counts(&program, &["getrandom"], &prepare);
}

#[test]
fn tar_makes_as_many_calls_as_strace_counts() {
    let prepare = |folder: &Path| {
        fs::create_dir(folder.join("a")).expect("a folder");
        fs::write(folder.join("a/file"), vec![b'x'; 100_000]).expect("a file");
    };
    same_counts(&["tar", "cf", "a.tar", "a"], &NOTHING, &prepare);
}

#[test]
fn sort_with_threads_makes_as_many_calls_as_strace_counts_but_for_races() {
    let prepare = |folder: &Path| {
        let lines: String = (0..300_000_u32)
            .map(|n| format!("{}\n", n.wrapping_mul(7919)))
            .collect();
        fs::write(folder.join("lines"), lines).expect("a file");
    };
    let program = [
        "sort",
        "-n",
        "--parallel=2",
        "-S",
        "50M",
        "-o",
        "sorted",
        "lines",
    ];
    same_counts(&program, &RACES, &prepare);
}

#[test]
fn perl_makes_as_many_calls_as_strace_counts() {
    let script = "open F, '<', '/etc/passwd'; my @lines = <F>; print scalar @lines; system 'true'";
    same_counts(&["perl", "-e", script], &NOTHING, &nothing);
}

#[test]
fn awk_and_sed_make_as_many_calls_as_strace_counts() {
    let script = "{ n += length($0) } END { print n }";
    same_counts(&["awk", script, "/etc/passwd"], &NOTHING, &nothing);
    same_counts(
        &["sed", "-n", "s/root/x/p", "/etc/passwd"],
        &NOTHING,
        &nothing,
    );
}

#[test]
fn every_line_of_a_program_that_does_always_the_same_is_strace_s() {
    let scratch = Scratch::new();
    let Some(both) = calls(&scratch) else {
        return;
    };
    let (theirs, ours) = (by_thread(&both.strace), by_thread(&both.exported(&[])));
    assert!(
        theirs.iter().flatten().count() > 200,
        "strace saw too little"
    );
    for (thread, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        for (theirs, ours) in theirs.iter().zip(ours) {
            assert_eq!(theirs, ours, "thread {thread}: strace, trapline");
        }
        assert_eq!(theirs.len(), ours.len(), "thread {thread}");
    }
    assert_eq!(theirs.len(), ours.len(), "threads");
}

#[test]
fn sets_of_calls_choose_what_strace_chooses() {
    let scratch = Scratch::new();
    let Some(both) = calls(&scratch) else {
        return;
    };
    for set in [
        "%file",
        "%process",
        "%network",
        "%signal",
        "%ipc",
        "%desc",
        "%memory",
        "%creds",
        "%stat",
        "%lstat",
        "%fstat",
        "%%stat",
        "%statfs",
        "%%statfs",
        "%clock",
        "%pure",
        "file,%creds",
        "!%file,%desc",
        "/^p|stat",
        "!/e",
        "openat,?no_such_call",
        "39",
        "none",
    ] {
        let [theirs, ours] = both.chosen(set);
        assert_eq!(theirs, ours, "{set}: strace, trapline");
        assert_eq!(
            theirs.is_empty(),
            matches!(set, "none" | "%ipc" | "%stat" | "%lstat"),
            "{set}"
        );
    }
}

#[test]
fn a_trace_of_statistics_alone_has_no_lines_and_says_so() {
    let scratch = Scratch::new();
    let trace = scratch.record("sum.trap", &["--summary-only", "--", "/bin/true"]);
    let mut export = support::trapline();
    let export = export.args(["export", "--format", "strace"]).arg(trace);
    let output = export.output().expect("export runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        support::stderr(&output).contains("without --summary-only"),
        "{}",
        text(&output)
    );
}

/// The program that makes many calls, built and run under both.
fn calls(scratch: &Scratch) -> Option<Both> {
    if !is_known_strace() {
        return None;
    }
    if !is_there("cc") {
        skip("cc is missing");
        return None;
    }
    let program = scratch.path("calls");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/strace/calls.c");
    let built = Command::new("cc")
        .args(["-w", "-pthread", "-o"])
        .arg(&program)
        .arg(source)
        .output()
        .expect("cc runs");
    assert!(built.status.success(), "{}", text(&built));
    let program = program.to_str().expect("a path of text");
    both(scratch, &[program, "thread"], Options::Follow, &nothing)
}

#[test]
fn the_text_of_a_whole_run_is_strace_s_to_the_letter() {
    if !is_known_strace() {
        return;
    }
    let scratch = Scratch::new();
    let program = ["cat", "/etc/passwd"];
    let Some(both) = both(&scratch, &program, Options::Alone, &nothing) else {
        return;
    };
    let ours = both.exported(&["--pids", "never"]);
    assert_eq!(both.strace.len(), ours.len());
    for (theirs, ours) in both.strace.iter().zip(&ours) {
        // Chance, the number of the process, an address in the tracer.
        let differs = ["getrandom(", "set_tid_address(", "execve("];
        if !differs.iter().any(|call| theirs.starts_with(call)) {
            assert_eq!(theirs, ours);
        }
    }
}

/// The interpreter itself: its name may be a script's that finds out which one is meant.
fn python() -> Option<String> {
    let said = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    let path = support::stdout(&said).trim().to_owned();
    (said.status.success() && !path.is_empty()).then_some(path)
}
