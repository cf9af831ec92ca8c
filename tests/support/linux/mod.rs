//! Programs on Linux: run as they are and run under the recorder, and what must be true of every trace of them.
//!
//! `run.rs` runs, `traced.rs` reads a trace, `account.rs` holds its events against each other. The programs are in
//! `fixtures/programs/linux`, one behaviour each.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod account;
mod run;
mod traced;

pub(crate) use account::{Call, faults};
pub(crate) use run::{
    Left, Run, Started, User, field, program, recorder, run, send, state, threads,
};
pub(crate) use traced::Traced;

/// The number of getppid, which no C library calls by itself: programs count with it.
pub(crate) const GETPPID: i32 = 110;

/// Runs a program as it is and under the recorder, and holds both against each other: output and exit status are the same,
/// no process is left, and the trace is whole. None when it cannot be built here.
pub(crate) fn as_bare(line: &str, options: &[&str]) -> Option<Traced> {
    as_bare_for(User::Same, line, options)
}

/// As [`as_bare`], for somebody.
pub(crate) fn as_bare_for(user: User, line: &str, options: &[&str]) -> Option<Traced> {
    let program = program(line)?;
    let bare = run(user, &program);
    let traced = Traced::record(user, &program, options);
    assert_eq!(
        (bare.status, &bare.stdout),
        (traced.run.status, &traced.run.stdout),
        "{line} {options:?}: bare, traced: {}",
        traced.run
    );
    traced.assert_whole();
    Some(traced)
}
