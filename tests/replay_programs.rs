//! Promises of `replay` about unmodified programs: threads, processes, signals, pipes, memory, files, shells come out the same.
//! The programs are those of `tests/programs.rs`.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use programs::{Program, Tool, available};

/// Replays each twice; panics with all that were not the same.
fn come_out_the_same(tool: Tool, lines: &str, options: &[&str]) {
    let programs: Vec<Program> = lines
        .split(", ")
        .map(|line| Program::new(tool, line))
        .collect();
    let failed: Vec<String> = available(&programs)
        .iter()
        .filter_map(|program| program.replay(options, 2).err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed\n\n{}",
        failed.len(),
        programs.len(),
        failed.join("\n\n")
    );
}

const THREADS: &str = "join, mutex, condition, barrier, local, detached, semaphore, rwlock, cancel, robust, leave exit, \
                       leave fork, leave exec, directed";

#[test]
fn threads_come_out_the_same() {
    come_out_the_same(Tool::Glibc, THREADS, &["--tracer", "none"]);
}

#[test]
fn threads_come_out_the_same_with_a_tracer_and_with_musl() {
    come_out_the_same(Tool::Musl, THREADS, &["--tracer", "ptrace"]);
}

#[test]
fn additions_that_were_lost_in_a_race_are_lost_again() {
    let race = Program::new(Tool::Glibc, "race");
    if available(std::slice::from_ref(&race)).is_empty() {
        return;
    }
    let options = ["--tracer", "none", "--quantum", "200us", "--tick", "100us"];
    let replayed = race
        .replay(&options, 20)
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(replayed.preemptions > 10, "{}", replayed.preemptions);
    let lost = replayed.console.trim().strip_prefix("lost ");
    let lost: u32 = lost.and_then(|lost| lost.parse().ok()).expect("a number");
    assert!(lost > 0, "there was no race");
}

#[test]
fn processes_come_out_the_same() {
    let lines = "tree, copy, vfork, spawn, waits, zombies, orphans, groups, execute, inherit";
    come_out_the_same(Tool::Glibc, lines, &["--tracer", "none"]);
}

#[test]
fn pipes_and_polling_come_out_the_same() {
    let lines = "pipes, broken, nonblocking, socketpair, eventfd, poll, select";
    come_out_the_same(Tool::Glibc, lines, &["--tracer", "none"]);
}

#[test]
fn signals_come_out_the_same() {
    let lines = "siginfo, sigchld, recover, altstack, suspend, alarm, restart, masks";
    come_out_the_same(Tool::Glibc, lines, &["--tracer", "none"]);
}

#[test]
fn a_signal_that_ends_a_tight_loop_comes_out_the_same() {
    come_out_the_same(Tool::Glibc, "context", &["--tracer", "none"]);
}

#[test]
fn memory_comes_out_the_same() {
    let lines = "anonymous, mapfile, protect, remap, shared, heap, advise, recursion";
    come_out_the_same(Tool::Glibc, lines, &["--tracer", "none"]);
}

#[test]
fn files_and_endings_come_out_the_same() {
    let lines = "opens, positions, names, folders, stats, descriptors, devices, stdio, start, clocks, jumps, deaths, \
                 endings return 3, endings abort 0, endings null 8, endings divide 0";
    come_out_the_same(Tool::Glibc, lines, &["--tracer", "none"]);
}

#[test]
fn rust_programs_come_out_the_same() {
    let lines = "threads, channels, locks, conditions, files, commands, panics, time, collections";
    come_out_the_same(Tool::Rust, lines, &["--tracer", "none"]);
}

#[test]
fn shells_come_out_the_same() {
    let lines = "sh/pipelines, sh/subshells, sh/here, sh/jobs, sh/traps, sh/redirect, sh/words, sh/errexit, sh/reading";
    come_out_the_same(Tool::Busybox, lines, &["--tracer", "none"]);
    come_out_the_same(Tool::Bash, lines, &["--tracer", "none"]);
}
