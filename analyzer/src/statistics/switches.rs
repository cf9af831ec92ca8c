//! Per reason of context switch: how many and what they cost.
//!
//! Switch cost is from the decision to the first instruction of the next thread, without the tracer's stops; see
//! `tables/switches.rs`. Switches to idle cost the hand-over. A switch that the end of the trace cut counts with what was
//! seen of it. Those at the tracer's stops (Linux) do not count; what a switch costs, Linux does not tell: 0.

use polars::prelude::col;
use trapline_trace_format::event::SwitchReason;

use super::distribution::distribution;
use super::query::{grouped, reason_of};
use crate::error::AnalyzerError;
use crate::summary::SwitchStat;
use crate::tables::Tables;

/// One row per reason that occurred, in the order of [`SwitchReason::ALL`].
pub(crate) fn switches(tables: &Tables) -> Result<Vec<SwitchStat>, AnalyzerError> {
    let mut rows = Vec::new();
    for (reason, mut costs) in costs(tables)? {
        let voluntary = reason.is_voluntary();
        rows.push(SwitchStat {
            reason,
            voluntary,
            cost: distribution(&mut costs),
        });
    }
    Ok(rows)
}

/// The cost of each switch by reason, in the order of [`SwitchReason::ALL`].
pub(crate) fn costs(tables: &Tables) -> Result<Vec<(SwitchReason, Vec<i64>)>, AnalyzerError> {
    let own = tables.switches.clone().filter(col("by_tracer").not());
    let (frame, groups) = grouped(own, "reason", col("cost_ns"))?;
    let mut rows = Vec::with_capacity(groups.len());
    for (word, costs) in frame.column("reason")?.str()?.iter().zip(groups) {
        rows.push((reason_of("switches", word.unwrap_or_default())?, costs));
    }
    rows.sort_by_key(|(reason, _)| SwitchReason::ALL.iter().position(|known| known == reason));
    Ok(rows)
}
