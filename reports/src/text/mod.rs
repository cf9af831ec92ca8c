//! What people read on a terminal: summaries, comparisons and the protocol timeline, as plain strings.
//!
//! Key type: [`Style`]. The caller decides where the text goes and whether it may be coloured; nothing here looks at
//! the terminal or the environment.

mod comparison;
pub mod escape;
mod measurement;
mod measurements;
mod recorded;
mod summary;
mod table;
pub mod timeline;

pub use comparison::comparison;
pub use measurement::{measured_comparison, measurement};
pub use measurements::{MeasureRow, measurements};
pub use recorded::recorded;
pub use summary::summary;

/// Whether text may be coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences at all.
    #[default]
    Plain,
    /// Headings bold, verdicts coloured, with ANSI escape sequences.
    Coloured,
}

impl Style {
    /// A heading.
    fn heading(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    /// What is less important.
    fn faint(self, text: &str) -> String {
        self.wrapped("2", text)
    }

    /// What is as it should be.
    fn good(self, text: &str) -> String {
        self.wrapped("32", text)
    }

    /// What a reader must not miss.
    fn bad(self, text: &str) -> String {
        self.wrapped("1;31", text)
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
