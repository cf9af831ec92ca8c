//! Table `slices`: one row per stay of a thread on the CPU, by its start.
//!
//! | column | meaning |
//! |---|---|
//! | `thread` | which; 0 is idle |
//! | `start_ns`, `end_ns` | from getting the CPU to the decision that it loses it; no end if the trace ended first |
//! | `reason` | why it lost the CPU; null if it did not |
//! | `tracer_ns` | the tracer's time in between |
//! | `quantum_ns` | for slices that end because the quantum expired: what the thread got, from getting the CPU (or the renewal of its quantum, if nobody else was ready then) to losing it, without the tracer |
//! | `cpu` | on Linux: the CPU that it began on, if the host told of it |
//!
//! On Linux the tracer's stops do not end a stay; where the host told of no context switches, a stay is as long as the
//! thread's life.

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type};
use trapline_trace_format::event::SwitchReason;

use super::columns::{numbers, optional_numbers, optional_words};
use super::rows::SliceRow;

pub(super) fn frame(rows: &[SliceRow]) -> PolarsResult<DataFrame> {
    let columns = vec![
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<Int64Type>("start_ns", rows.iter().map(|row| row.start_ns)),
        optional_numbers::<Int64Type>("end_ns", rows.iter().map(|row| row.end_ns)),
        optional_words(
            "reason",
            rows.iter().map(|row| row.reason.map(SwitchReason::word)),
        ),
        numbers::<Int64Type>("tracer_ns", rows.iter().map(|row| row.tracer_ns)),
        optional_numbers::<Int64Type>("quantum_ns", rows.iter().map(|row| row.quantum_ns)),
        optional_numbers::<UInt32Type>("cpu", rows.iter().map(|row| row.cpu)),
    ];
    DataFrame::new(rows.len(), columns)
}
