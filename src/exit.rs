//! Exit statuses: what a script may rely on.
//!
//! Key type: [`Exit`]. A wrong command line is 2 and comes, but for one case, from clap.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all is fine, also when a reader closed the pipe early.
    Fine,
    /// 1: an error, told in one line.
    Error,
    /// 2: a command line that asks for what this version does not have.
    Usage,
    /// 3: `compare --fail-over` found a metric worse by more than the limit.
    Regression,
    /// 4: a trace is incomplete; results are those of its intact part.
    Incomplete,
    /// 4, too: a replay was not the same as its recording.
    Diverged,
    /// `record` passes on the traced program's own status.
    Program(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Regression => 3,
            Exit::Incomplete | Exit::Diverged => 4,
            Exit::Program(status) => status,
        })
    }
}
