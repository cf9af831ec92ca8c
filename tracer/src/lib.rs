//! ptrace stops to trace events: runs the mini-kernel in a child process tree and records what it does, or any program of this host.
//!
//! | module | what |
//! |---|---|
//! | [`machine`] | the mini-kernel as a host process tree: its memory, its programs, its start |
//! | [`record`] | from stops and the kernel's log to events, live |
//! | [`replay`] | the same machine again from its trace, every event held against the recorded one |
//! | [`witness`] | the two witnesses held against each other, event for event |
//! | [`mod@calibrate`], [`mod@measure`] | what the instruments cost; what the doors cost |
//! | [`clock`], [`host`] | the time, and what the trace says of the host |
//! | [`host_events`] | what Linux itself tells of traced threads: switches, page faults, accounts |
//! | [`linux`] | programs on the host's own Linux, from ptrace stops to a finished trace |
//! | `ptrace` | the fence: ptrace, fork, waiting; a request on a running task cannot be written |
//!
//! Nothing here knows polars, clap or reports; the caller hands in options and gets a finished trace folder.

pub mod calibrate;
pub mod clock;
mod error;
pub mod host;
pub mod host_events;
pub mod linux;
pub mod machine;
pub mod measure;
mod processor;
mod ptrace;
pub mod record;
pub mod replay;
pub mod witness;

pub use error::TracerError;
