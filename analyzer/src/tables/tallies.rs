//! Table `tallies`: the system calls of a recording that keeps statistics alone, one row per process, call and bucket of
//! durations. Empty where every call is a visit.
//!
//! | column | meaning |
//! |---|---|
//! | `process`, `abi`, `number` | whose call, of which table, which |
//! | `errors`, `total_ns` | of the call: how many failed, how long all took together; in its first row, 0 in the others |
//! | `duration_ns`, `count` | the lower end of a bucket at most 1 % wide, and how many calls are in it |
//!
//! Durations are by the clock, blocked time included, the tracer's stops not.

use polars::prelude::{DataFrame, Int32Type, Int64Type, PolarsResult, UInt32Type, UInt64Type};

use super::columns::{numbers, words};
use super::rows::TallyRow;

pub(super) fn frame(rows: &[TallyRow]) -> PolarsResult<DataFrame> {
    let buckets = rows.iter().flat_map(|row| {
        let of_call = row.tally.durations.iter().enumerate();
        of_call.map(move |(index, bucket)| (row, index == 0, *bucket))
    });
    let buckets: Vec<_> = buckets.collect();
    let columns = vec![
        numbers::<UInt32Type>("process", buckets.iter().map(|(row, ..)| row.process)),
        words("abi", buckets.iter().map(|(row, ..)| row.tally.abi.word())),
        numbers::<Int32Type>("number", buckets.iter().map(|(row, ..)| row.tally.number)),
        numbers::<UInt64Type>(
            "errors",
            buckets
                .iter()
                .map(|(row, first, _)| if *first { row.tally.errors } else { 0 }),
        ),
        numbers::<Int64Type>(
            "total_ns",
            buckets
                .iter()
                .map(|(row, first, _)| if *first { row.tally.total_ns } else { 0 }),
        ),
        numbers::<Int64Type>(
            "duration_ns",
            buckets
                .iter()
                .map(|(.., (ns, _))| i64::try_from(*ns).unwrap_or(i64::MAX)),
        ),
        numbers::<UInt64Type>("count", buckets.iter().map(|(.., (_, count))| *count)),
    ];
    DataFrame::new(buckets.len(), columns)
}
