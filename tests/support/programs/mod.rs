//! Programs that run on Linux and on the mini-kernel, and whether both runs say the same.
//!
//! `tool.rs` builds, `program.rs` says what runs in which folder, `run.rs` runs on either kernel and compares, `replay.rs` replays;
//! `lines.rs` lists all of them.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

pub(crate) mod lines;
mod program;
mod replay;
mod run;
mod tool;

pub(crate) use program::Program;
pub(crate) use tool::{Tool, installed};

use crate::support::skip;

/// Compares the runs of programs on both kernels; panics with all that differ. Programs whose tool is missing are skipped.
pub(crate) fn run_as_on_linux(programs: &[Program]) {
    let failed: Vec<String> = available(programs)
        .iter()
        .filter_map(|program| program.compare().err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed\n\n{}",
        failed.len(),
        programs.len(),
        failed.join("\n")
    );
}

/// Those programs whose tool is here; says of the others that they are skipped.
pub(crate) fn available(programs: &[Program]) -> Vec<Program> {
    let mut tools: Vec<(Tool, bool)> = Vec::new();
    for program in programs {
        if !tools.iter().any(|(tool, _)| *tool == program.tool) {
            tools.push((program.tool, program.tool.is_there()));
        }
    }
    for (tool, _) in tools.iter().filter(|(_, is_there)| !is_there) {
        skip(tool.wants());
    }
    programs
        .iter()
        .filter(|program| tools.contains(&(program.tool, true)))
        .cloned()
        .collect()
}
