//! What context switches cost: a row of bars for each reason. On Linux, which does not tell, how long threads were away.

use trapline_analyzer::summary::{PlotData, Summary};

use super::histogram::{self, Row};
use super::ink::Ink;
use super::picture::Picture;

const TITLE: &str = "What context switches cost";
const TITLE_OF_AWAY: &str = "How long threads were away that lost their CPU";

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    let rows: Vec<Row<'_>> = data
        .switch_costs
        .iter()
        .map(|(reason, buckets)| Row {
            name: reason.word().to_owned(),
            ink: Ink::Switch,
            buckets,
            distribution: match &summary.linux {
                Some(linux) => {
                    let away = linux.away.iter().find(|stat| stat.reason == *reason);
                    away.map(|stat| &stat.away)
                }
                None => {
                    let stats = &mut summary.switches.iter();
                    stats
                        .find(|stat| stat.reason == *reason)
                        .map(|stat| &stat.cost)
                }
            },
        })
        .collect();
    let (title, axis) = match summary.linux {
        Some(_) => (TITLE_OF_AWAY, "time away from a CPU (logarithmic)"),
        None => (TITLE, "switch cost (logarithmic)"),
    };
    let empty = "No context switch happened in this trace.";
    histogram::draw(title, width, &rows, ("switches", axis), empty)
}
