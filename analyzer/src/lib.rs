//! Traces to dataframes, statistics and comparisons.
//!
//! The way of an event: `tables/` fold the log into tables and keep them beside it, `statistics/` compute each
//! part of a [`Summary`] from the tables, [`comparison`] holds two summaries against each other. polars lives here and
//! nowhere else; what leaves this crate are plain structs.
//!
//! ```no_run
//! # fn main() -> Result<(), trapline_analyzer::AnalyzerError> {
//! let analysis = trapline_analyzer::Analysis::load("first.trap".as_ref())?;
//! let summary = analysis.summary()?;
//! println!("{} ns, {:.1} % overhead", summary.wall_ns, summary.overhead.without_probe * 100.0);
//! # Ok(())
//! # }
//! ```

mod analysis;
pub mod comparison;
mod error;
pub mod export;
mod measurement;
mod plot_data;
mod protocol;
mod statistics;
pub mod summary;
mod syscall_names;
mod tables;
#[cfg(test)]
mod testing;

pub use analysis::Analysis;
pub use comparison::compare;
pub use comparison::{Measured, MeasuredComparison, MeasuredRow, Verdict, compare_measured};
pub use error::AnalyzerError;
pub use measurement::{About, measurement};
pub use protocol::Protocol;
pub use summary::{Comparison, PlotData, Summary};
pub use syscall_names::syscall_name;
pub use trapline_trace_format::maps::Mapping;
