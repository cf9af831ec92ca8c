//! What can go wrong while a report is made: drawing and writing.
//!
//! Key type: [`ReportError`]. Each message says what was being done, where, and where it helps, what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or directory of the report could not be written.
    #[error("cannot {doing} {}; choose a directory that you may write to with -o", .path.display())]
    Write {
        /// What was being done, as `create the directory`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be drawn. A defect of trapline, never of a trace.
    #[error("cannot draw {picture}: {detail}")]
    Draw {
        /// Which picture.
        picture: &'static str,
        /// What the drawing library said.
        detail: String,
    },
}

impl ReportError {
    /// For `map_err`: the failure of `doing` something to `path`.
    pub(crate) fn write(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}
