//! What `measure` prints: one row per figure, and how it compares with the host's own kernel.

use super::Style;
use super::table::section;
use crate::tables::{Column, Table};
use crate::units::duration_f64;

/// One figure of `measure`.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureRow {
    /// What was measured.
    pub what: &'static str,
    /// On which kernel.
    pub kernel: &'static str,
    /// Whether a tracer stopped every trap and return.
    pub traced: bool,
    /// Median over the rounds, nanoseconds.
    pub median_ns: f64,
    /// Fastest round.
    pub low_ns: f64,
    /// Slowest round.
    pub high_ns: f64,
}

/// The figures as a table.
#[must_use]
pub fn measurements(rows: &[MeasureRow], style: Style) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.what.to_owned(),
            row.kernel.to_owned(),
            if row.traced { "yes" } else { "no" }.to_owned(),
            duration_f64(row.median_ns),
            duration_f64(row.low_ns),
            duration_f64(row.high_ns),
        ]
    });
    let table = Table {
        title: "What the doors cost on this host",
        note: "Each round gives a median; the columns are the median, the least and the greatest of those.".into(),
        columns: vec![
            Column::Words("operation"),
            Column::Words("kernel"),
            Column::Words("traced"),
            Column::Numbers("median"),
            Column::Numbers("least"),
            Column::Numbers("greatest"),
        ],
        rows: cells.collect(),
    };
    section(&table, style).trim_start_matches('\n').to_owned()
}
