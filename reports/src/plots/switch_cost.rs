//! What context switches cost: a row of bars for each reason.

use trapline_analyzer::summary::{PlotData, Summary};

use super::histogram::{self, Row};
use super::ink::Ink;
use super::picture::Picture;

const TITLE: &str = "What context switches cost";

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    let rows: Vec<Row<'_>> = data
        .switch_costs
        .iter()
        .map(|(reason, buckets)| Row {
            name: reason.word().to_owned(),
            ink: Ink::Switch,
            buckets,
            distribution: summary
                .switches
                .iter()
                .find(|stat| stat.reason == *reason)
                .map(|stat| &stat.cost),
        })
        .collect();
    let words = ("switches", "switch cost (logarithmic)");
    histogram::draw(
        TITLE,
        width,
        &rows,
        words,
        "No context switch happened in this trace.",
    )
}
