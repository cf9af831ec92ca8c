//! One self-contained HTML file of one or several traces, and the picture files beside it.
//!
//! Key function: [`write_report`]. `document.rs` is the page's skeleton, `sections.rs` one trace's part of it, `grid.rs`
//! tables, `figure.rs` pictures, `words.rs` the definitions, `files.rs` the writing. The page needs no script, no
//! network and no other file; it follows the reader's light or dark theme and prints in light.

mod document;
mod figure;
mod files;
mod grid;
mod sections;
mod words;

pub use document::document;
pub use files::{ReportPaths, write_report};
