//! Promises about unmodified programs: output and exit status are those of Linux, witnesses agree, the partition of the wall
//! time adds up, and every system call is known. The programs are in `fixtures/programs`, one behaviour each.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::process::Stdio;

use programs::lines::{
    APPLETS, BASH, C, COMMUNICATION, FILES, LIVES, MEMORY, PROCESSES, RUST, SHELL, SIGNALS,
    THREADS, all, programs,
};
use programs::{Tool, available, installed, run_as_on_linux};
use support::{Scratch, skip, stdout, text, trapline};

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
    run_as_on_linux(&programs(&[Tool::Busybox], APPLETS));
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
    for program in available(&all()) {
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
