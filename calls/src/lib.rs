//! What the system calls of Linux are: names and numbers, classes, arguments, what of a program's memory is worth keeping,
//! and the
//! text of a call as strace prints it.
//!
//! Key functions: [`name`], [`fetches`], [`descriptors`], [`CallSet::parse`]. Neighbours: the tracer asks what to read, the
//! analyzer asks for names, `trapline export` prints. No ptrace, no dataframes, no command line here.

mod descriptors;
pub mod fetch;
mod kind;
mod names;
mod numbers;
mod plan;
mod set;
pub mod strace;
mod table;
pub mod text;

pub use descriptors::{Descriptors, descriptors};
pub use fetch::{Fetch, Length, Span, What, When};
pub use numbers::{X32_BIT, name, numbers};
pub use plan::fetches;
pub use set::CallSet;
