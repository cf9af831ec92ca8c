//! Statistic to text, PNG/SVG plot and HTML page. Sees plain result structs, never a dataframe.
//!
//! - [`text`]: what `stat`, `compare` and `timeline` print on a terminal.
//! - [`plots`]: the pictures, each drawn once and rendered as SVG or PNG.
//! - [`page`]: one self-contained HTML file of one or several traces.
//! - [`disassembly`]: machine code around an instruction pointer.
//! - [`trace_events`]: events for Perfetto's user interface.
//! - [`units`]: how durations, shares and counts are written, everywhere alike.
//!
//! Neighbours: `trapline-analyzer` computes what is shown here; the command line decides where it goes. Strings that
//! come from a trace are made safe in one place, [`text::escape`], before any of the three shows them.

pub mod disassembly;
mod error;
mod labels;
pub mod page;
mod partition;
pub mod plots;
mod tables;
pub mod text;
pub mod trace_events;
mod tree;
pub mod units;

pub use error::ReportError;
pub use page::{ReportPaths, write_report};
