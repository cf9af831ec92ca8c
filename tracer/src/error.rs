//! What can go wrong while recording. Each message says what was tried; a remedy follows where there is one.

use nix::errno::Errno;
use trapline_trace_format::error::FormatError;

/// A recording could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// The host refused a call.
    #[error("cannot {operation}: {errno}")]
    Host {
        /// What was tried.
        operation: &'static str,
        /// The host's answer.
        errno: Errno,
    },
    /// The machine's host process could not be started.
    #[error("cannot start the machine: {step} failed: {errno}")]
    Start {
        /// Step in the new process.
        step: &'static str,
        /// The host's answer.
        errno: Errno,
    },
    /// A job's program cannot run on the mini-kernel.
    #[error("job {number} ({command}): {reason}")]
    Job {
        /// Counted from 1, as on the command line.
        number: usize,
        /// Its arguments, joined by spaces.
        command: String,
        /// Why.
        reason: String,
    },
    /// A program of this host cannot be traced.
    #[error("cannot record {name}: {why}")]
    Program {
        /// The program as the user named it, or the process.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// Options that cannot be.
    #[error("{0}")]
    Options(String),
    /// The machine stopped without halting.
    #[error("the mini-kernel failed: {0}")]
    Machine(String),
    /// The two witnesses do not agree.
    #[error("the witnesses disagree: {0}")]
    Witnesses(String),
    /// The trace could not be written or read back.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Names the operation of a failed host call.
pub(crate) trait During<T> {
    /// `operation` completes the sentence "cannot ...".
    fn during(self, operation: &'static str) -> Result<T, TracerError>;
}

impl<T> During<T> for nix::Result<T> {
    fn during(self, operation: &'static str) -> Result<T, TracerError> {
        self.map_err(|errno| TracerError::Host { operation, errno })
    }
}

impl<T> During<T> for std::io::Result<T> {
    fn during(self, operation: &'static str) -> Result<T, TracerError> {
        self.map_err(|error| TracerError::Host {
            operation,
            errno: error
                .raw_os_error()
                .map_or(Errno::UnknownErrno, Errno::from_raw),
        })
    }
}
