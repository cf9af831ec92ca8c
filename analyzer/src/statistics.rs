//! Statistics, one file each: a query on the tables and the plain numbers that it gives. Each file begins with the
//! definition of what it computes.

pub(crate) mod causes;
pub(crate) mod distribution;
pub(crate) mod linux;
pub(crate) mod memory;
pub(crate) mod overhead;
pub(crate) mod partition;
pub(crate) mod processes;
pub(crate) mod quantum;
mod query;
pub(crate) mod switches;
pub(crate) mod syscalls;
#[cfg(test)]
mod tests;
pub(crate) mod threads;

pub(crate) use query::{cause_of, reason_of, unknown};
