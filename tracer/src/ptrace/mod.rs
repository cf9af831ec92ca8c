//! The fence for ptrace, fork and shared memory: all of the tracer's unsafe code but the counter reading in `clock.rs`.
//!
//! Safety: the memory shared with the machine is only read through [`region::Region`], which trusts no value in it; a new
//! process between fork and exec makes only async-signal-safe calls ([`spawn`]); siginfo is copied bytes.
//!
//! Key types: [`task::Stopped`] and [`task::Running`]. A request can only be made on a task that is stopped, and resuming
//! it gives the right away.
#![allow(unsafe_code)]

pub(crate) mod region;
pub(crate) mod spawn;
pub(crate) mod task;
