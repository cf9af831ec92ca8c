//! Table `programs`: one row per program that a process ran, by its start: the first from the process's arrival on, then
//! one for each exec.
//!
//! | column | meaning |
//! |---|---|
//! | `process`, `name` | whose, and the program's file name |
//! | `space` | the address space that it ran in: the number of the process that the space was made for |
//! | `start_ns` | the process's arrival, or the exec |
//! | `run_ns` | first return to user mode since then: its memory is in place; null if never |
//! | `end_ns` | the next exec, or the end of the process; null if the trace ended first |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type};

use super::columns::{numbers, optional_numbers, words};
use super::rows::ProgramRow;

pub(super) fn frame(rows: &[ProgramRow]) -> PolarsResult<DataFrame> {
    let columns = vec![
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        words("name", rows.iter().map(|row| row.name.as_str())),
        numbers::<UInt32Type>("space", rows.iter().map(|row| row.space)),
        numbers::<Int64Type>("start_ns", rows.iter().map(|row| row.start_ns)),
        optional_numbers::<Int64Type>("run_ns", rows.iter().map(|row| row.run_ns)),
        optional_numbers::<Int64Type>("end_ns", rows.iter().map(|row| row.end_ns)),
    ];
    DataFrame::new(rows.len(), columns)
}
