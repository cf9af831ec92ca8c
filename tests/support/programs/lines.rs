//! Every program of `fixtures/programs` with the arguments that tests give it.
//!
//! Neighbours: `tests/programs.rs` runs them on Linux and on the mini-kernel, `tests/replay_suite.rs` replays them.

use std::collections::BTreeSet;
use std::path::Path;

use super::program::{Program, SOURCES};
use super::tool::Tool;

pub(crate) const THREADS: &[&str] = &[
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
pub(crate) const PROCESSES: &[&str] = &[
    "tree", "copy", "vfork", "spawn", "waits", "zombies", "orphans", "groups", "execute", "inherit",
];
pub(crate) const COMMUNICATION: &[&str] = &[
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
pub(crate) const SIGNALS: &[&str] = &[
    "siginfo", "sigchld", "recover", "altstack", "context", "suspend", "alarm", "restart", "masks",
];
pub(crate) const MEMORY: &[&str] = &[
    "anonymous",
    "mapfile",
    "protect",
    "remap",
    "shared",
    "heap",
    "advise",
    "recursion",
];
pub(crate) const FILES: &[&str] = &[
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
pub(crate) const LIVES: &[&str] = &[
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
pub(crate) const RUST: &[&str] = &[
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
pub(crate) const SHELL: &[&str] = &[
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
pub(crate) const BASH: &[&str] = &[
    "bash/arrays",
    "bash/conditions",
    "bash/streams",
    "bash/substitute",
];

pub(crate) const APPLETS: &[&str] = &["sh/applets"];
/// Adds to a number without a lock: what comes out is another each time, on any kernel.
pub(crate) const RACE: &[&str] = &["race"];
/// Who builds C.
pub(crate) const C: &[Tool] = &[Tool::Glibc, Tool::Musl];

/// The programs behind these lines, each built with each of these tools.
pub(crate) fn programs(tools: &[Tool], lines: &[&str]) -> Vec<Program> {
    lines
        .iter()
        .flat_map(|line| tools.iter().map(|tool| Program::new(*tool, line)))
        .collect()
}

/// All that say the same on both kernels.
pub(crate) fn all() -> Vec<Program> {
    let c = [
        THREADS,
        PROCESSES,
        COMMUNICATION,
        SIGNALS,
        MEMORY,
        FILES,
        LIVES,
    ];
    let mut all = programs(C, &c.concat());
    all.extend(programs(&[Tool::Rust], RUST));
    all.extend(programs(&[Tool::Busybox], &[SHELL, APPLETS].concat()));
    all.extend(programs(&[Tool::Bash], &[SHELL, BASH].concat()));
    all
}

/// Sources in `fixtures/programs` that none of these programs is made of.
pub(crate) fn sources_without(programs: &[Program]) -> Vec<String> {
    let used: BTreeSet<_> = programs.iter().map(Program::source).collect();
    ["c", "rust", "scripts/sh", "scripts/bash"]
        .iter()
        .flat_map(|folder| {
            std::fs::read_dir(Path::new(SOURCES).join(folder)).expect("a folder of sources")
        })
        .map(|entry| entry.expect("a source").path())
        .filter(|path| path.extension().is_some_and(|kind| kind != "h") && !used.contains(path))
        .map(|path| path.display().to_string())
        .collect()
}
