//! What can go wrong while a trace is analysed.
//!
//! Key type: [`AnalyzerError`]. A trace that is damaged or ends early is no error as long as a prefix of it is intact;
//! [`crate::Summary::incomplete`] says so then.

use polars::error::PolarsError;
use trapline_trace_format::error::FormatError;

/// A trace could not be analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The trace folder cannot be read or is no trace.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A table cannot be made, written or queried.
    #[error("cannot query the tables: {0}")]
    Query(#[from] PolarsError),
    /// A table holds what no version writes.
    #[error("table {table}: {reason}; delete the trace's tables folder to have it rebuilt")]
    Content {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
}
