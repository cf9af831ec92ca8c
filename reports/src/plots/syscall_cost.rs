//! What system calls cost: kernel time per call, a row of bars for each of the calls made most.

use trapline_analyzer::summary::{PlotData, Summary};
use trapline_trace_format::event::Cause;

use super::histogram::{self, Row};
use super::ink::Ink;
use super::picture::Picture;
use crate::text::escape::escape_short;

const TITLE: &str = "What system calls cost";

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    let rows: Vec<Row<'_>> = data
        .syscall_costs
        .iter()
        .map(|(name, buckets)| Row {
            name: escape_short(name, 24),
            ink: Ink::Kernel(Some(Cause::Syscall)),
            buckets,
            distribution: summary
                .syscalls
                .iter()
                .find(|stat| stat.name == *name)
                .map(|stat| &stat.kernel),
        })
        .collect();
    let words = ("calls", "CPU time in the kernel per call (logarithmic)");
    histogram::draw(
        TITLE,
        width,
        &rows,
        words,
        "No system call was made in this trace.",
    )
}
