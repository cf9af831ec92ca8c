//! Promises about unmodified programs: output and exit status are those of Linux, witnesses agree, the partition of the wall
//! time adds up, and every system call is known. The programs are in `fixtures/programs`, one behaviour each.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::process::Stdio;

use programs::{Program, Tool, available, installed, run_as_on_linux};
use support::{Scratch, skip, stdout, text, trapline};

const THREADS: &[&str] = &[
    "join",
    "mutex",
    "condition",
    "barrier",
    "local",
    "detached",
    "semaphore",
    "rwlock",
    "cancel",
    "robust",
    "leave exit",
    "leave fork",
    "leave exec",
    "directed",
];
const PROCESSES: &[&str] = &[
    "tree", "copy", "vfork", "spawn", "waits", "zombies", "orphans", "groups", "execute", "inherit",
];
const COMMUNICATION: &[&str] = &[
    "pipes",
    "broken",
    "nonblocking",
    "socketpair",
    "eventfd",
    "fifo",
    "poll",
    "select",
    "epoll",
];
const SIGNALS: &[&str] = &[
    "siginfo", "sigchld", "recover", "altstack", "context", "suspend", "alarm", "restart", "masks",
];
const MEMORY: &[&str] = &[
    "anonymous",
    "mapfile",
    "protect",
    "remap",
    "shared",
    "heap",
    "advise",
    "recursion",
];
const FILES: &[&str] = &[
    "opens",
    "positions",
    "names",
    "folders",
    "stats",
    "descriptors",
    "devices",
    "locks",
    "proc",
    "stdio",
];
const LIVES: &[&str] = &[
    "start",
    "clocks",
    "jumps",
    "deaths",
    "endings return 3",
    "endings exit 4",
    "endings exit 256",
    "endings quick 5",
    "endings abort 0",
    "endings abort 1",
    "endings abort 2",
    "endings raise 9",
    "endings raise 15",
    "endings raise 17",
    "endings null 8",
    "endings trap 0",
    "endings divide 0",
];
const RUST: &[&str] = &[
    "threads",
    "channels",
    "locks",
    "conditions",
    "files",
    "commands",
    "panics",
    "time",
    "collections",
];
const SHELL: &[&str] = &[
    "sh/pipelines",
    "sh/subshells",
    "sh/here",
    "sh/jobs",
    "sh/traps",
    "sh/redirect",
    "sh/words",
    "sh/errexit",
    "sh/reading",
];
const BASH: &[&str] = &[
    "bash/arrays",
    "bash/conditions",
    "bash/streams",
    "bash/substitute",
];

/// The programs behind these lines, each built with each of these tools.
fn programs(tools: &[Tool], lines: &[&str]) -> Vec<Program> {
    lines
        .iter()
        .flat_map(|line| tools.iter().map(|tool| Program::new(*tool, line)))
        .collect()
}

const C: &[Tool] = &[Tool::Glibc, Tool::Musl];

#[test]
fn threads_in_c_run_as_on_linux() {
    run_as_on_linux(&programs(C, THREADS));
}

#[test]
fn processes_in_c_run_as_on_linux() {
    run_as_on_linux(&programs(C, PROCESSES));
}

#[test]
fn pipes_sockets_and_polling_in_c_run_as_on_linux() {
    run_as_on_linux(&programs(C, COMMUNICATION));
}

#[test]
fn signals_in_c_run_as_on_linux() {
    run_as_on_linux(&programs(C, SIGNALS));
}

#[test]
fn memory_in_c_runs_as_on_linux() {
    run_as_on_linux(&programs(C, MEMORY));
}

#[test]
fn files_in_c_run_as_on_linux() {
    run_as_on_linux(&programs(C, FILES));
}

#[test]
fn starts_clocks_and_endings_in_c_are_as_on_linux() {
    run_as_on_linux(&programs(C, LIVES));
}

#[test]
fn rust_programs_run_as_on_linux() {
    run_as_on_linux(&programs(&[Tool::Rust], RUST));
}

#[test]
fn scripts_of_busybox_run_as_on_linux() {
    run_as_on_linux(&programs(&[Tool::Busybox], SHELL));
}

#[test]
fn thirty_applets_of_busybox_run_as_on_linux() {
    run_as_on_linux(&programs(&[Tool::Busybox], &["sh/applets"]));
}

#[test]
fn scripts_of_bash_run_as_on_linux() {
    run_as_on_linux(&programs(&[Tool::Bash], &[SHELL, BASH].concat()));
}

#[test]
fn a_shell_command_needs_nothing_but_busybox() {
    let Some(busybox) = installed("busybox") else {
        return skip("a static busybox is not installed (Debian: busybox-static)");
    };
    let scratch = Scratch::new();
    let root = scratch.path("root");
    std::fs::create_dir_all(root.join("bin")).expect("a folder");
    std::fs::copy(busybox, root.join("bin/busybox")).expect("a copy");
    let command = "for i in 3 1 2; do echo $i; done | sort | tr '\\n' ' '; ls /bin; (exit 7)";
    let output = trapline()
        .args(["record", "--kernel", "mini", "--root"])
        .arg(root)
        .arg("-o")
        .arg(scratch.path("sh.trap"))
        .args(["--", "/bin/busybox", "sh", "-c", command])
        .stdin(Stdio::null())
        .output()
        .expect("record runs");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert_eq!(stdout(&output), "1 2 3 busybox\n", "{}", text(&output));
}

#[test]
#[ignore = "takes minutes; run it after adding a program, also with `taskset 1` and on a busy machine"]
fn programs_say_the_same_twenty_times_on_linux() {
    let c = [
        THREADS,
        PROCESSES,
        COMMUNICATION,
        SIGNALS,
        MEMORY,
        FILES,
        LIVES,
    ]
    .concat();
    let mut all = programs(C, &c);
    all.extend(programs(&[Tool::Rust], RUST));
    all.extend(programs(
        &[Tool::Busybox],
        &[SHELL, &["sh/applets"]].concat(),
    ));
    all.extend(programs(&[Tool::Bash], &[SHELL, BASH].concat()));
    for program in available(&all) {
        let first = program.run_on_linux().expect("a run");
        for round in 1..20 {
            assert_eq!(
                program.run_on_linux().expect("a run"),
                first,
                "{program:?}, round {round}"
            );
        }
    }
}
