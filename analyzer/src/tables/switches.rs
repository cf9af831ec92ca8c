//! Table `switches`: one row per context switch, by the time of the decision.
//!
//! | column | meaning |
//! |---|---|
//! | `from`, `to` | the thread that lost the CPU and the one that got it; 0 is idle |
//! | `reason`, `voluntary` | why, and whether the thread gave the CPU away |
//! | `waits` | what `from` waits for, when it blocks |
//! | `begin_ns` | the decision |
//! | `end_ns` | `to` has the CPU; null if the trace ended first |
//! | `handover_ns` | `begin_ns` to `end_ns` without the tracer |
//! | `cost_ns` | switch cost: `handover_ns` and what the kernel still did until the first user instruction of `to`, exit cost included, without the tracer. Ends early if `to` loses the CPU again before that; just `handover_ns` when `to` is idle |
//! | `tracer_ns` | the tracer's time between `begin_ns` and `end_ns` |
//! | `cpu`, `away_ns`, `by_tracer` | on Linux: which CPU `from` lost, how long until it had one again (null if never), whether a stop of the tracer's made it lose it |
//!
//! Linux tells of a thread that loses a CPU, and neither who gets it nor what it cost: `to`, `handover_ns` and `cost_ns` are 0
//! then, `end_ns` is null.
//!
//! Only the hand-over counts as `switch` in the partition of the wall time: what follows it is kernel time of `to`.

use polars::prelude::{
    BooleanChunked, DataFrame, Int64Type, IntoColumn, NewChunkedArray, PolarsResult, UInt32Type,
};
use trapline_trace_format::event::Waits;

use super::columns::{numbers, optional_numbers, optional_words, words};
use super::rows::SwitchRow;

pub(super) fn frame(rows: &[SwitchRow]) -> PolarsResult<DataFrame> {
    let voluntary = rows.iter().map(|row| row.reason.is_voluntary());
    let by_tracer = rows.iter().map(|row| row.by_tracer);
    let columns = vec![
        numbers::<UInt32Type>("from", rows.iter().map(|row| row.from)),
        numbers::<UInt32Type>("to", rows.iter().map(|row| row.to)),
        words("reason", rows.iter().map(|row| row.reason.word())),
        BooleanChunked::from_iter_values("voluntary".into(), voluntary).into_column(),
        optional_words("waits", rows.iter().map(|row| row.waits.map(Waits::word))),
        numbers::<Int64Type>("begin_ns", rows.iter().map(|row| row.begin_ns)),
        optional_numbers::<Int64Type>("end_ns", rows.iter().map(|row| row.end_ns)),
        numbers::<Int64Type>("handover_ns", rows.iter().map(|row| row.handover_ns)),
        numbers::<Int64Type>("cost_ns", rows.iter().map(|row| row.cost_ns)),
        numbers::<Int64Type>("tracer_ns", rows.iter().map(|row| row.tracer_ns)),
        optional_numbers::<UInt32Type>("cpu", rows.iter().map(|row| row.cpu)),
        optional_numbers::<Int64Type>("away_ns", rows.iter().map(|row| row.away_ns)),
        BooleanChunked::from_iter_values("by_tracer".into(), by_tracer).into_column(),
    ];
    DataFrame::new(rows.len(), columns)
}
