//! ptrace of Linux programs: the raw part of `linux/`. What a stop is, what may be asked of a stopped task, how a program
//! is started or attached to, how its memory is read.
//!
//! | module | what |
//! |---|---|
//! | [`stop`] | a raw wait status decoded once, and waiting |
//! | [`task`] | requests on a task: of one that is stopped all, of one that runs almost none |
//! | [`start`] | fork and execve of a program that is traced from its first call on |
//! | [`probe`] | a child that measures what a stop costs |
//! | [`memory`] | reading the memory of a stopped task |
//! | [`interrupts`] | signals to the tracer itself, and its timer |
//!
//! Source of everything here: ptrace(2), signal(7), seccomp(2).

pub(crate) mod interrupts;
pub(crate) mod memory;
pub(crate) mod probe;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod task;
