//! Table `faults`: one row per page fault that Linux told of, by time: those in user mode. Empty on the mini-kernel, where a
//! page fault is a visit.
//!
//! | column | meaning |
//! |---|---|
//! | `time_ns` | when |
//! | `process`, `thread` | whose |
//! | `size` | `minor`: no device was needed; `major`: one was |
//! | `address`, `instruction` | what was touched, by which instruction |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type, UInt64Type};
use trapline_trace_format::event::FaultSize;

use super::columns::{numbers, words};
use super::rows::FaultRow;

/// Word of [`FaultSize::Major`] in the column `size`.
pub(crate) const MAJOR: &str = "major";
const MINOR: &str = "minor";

pub(super) fn frame(rows: &[FaultRow]) -> PolarsResult<DataFrame> {
    let size = |row: &FaultRow| match row.size {
        FaultSize::Minor => MINOR,
        FaultSize::Major => MAJOR,
    };
    let columns = vec![
        numbers::<Int64Type>("time_ns", rows.iter().map(|row| row.time_ns)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        words("size", rows.iter().map(size)),
        numbers::<UInt64Type>("address", rows.iter().map(|row| row.address)),
        numbers::<UInt64Type>("instruction", rows.iter().map(|row| row.instruction)),
    ];
    DataFrame::new(rows.len(), columns)
}
