//! Table `processes`: one row per process, by arrival. The kernel itself has none.
//!
//! | column | meaning |
//! |---|---|
//! | `process`, `parent` | ids; the parent is the process that asked for it, 0 for the first jobs |
//! | `name` | program; the last one that it ran |
//! | `arrival_ns` | when it came to be |
//! | `completion_ns` | when its last thread had ended; null if the trace did first |
//! | `threads` | how many threads it had in its life |
//! | `programs` | how many programs it ran: 1 and one for each exec |
//! | `status`, ... | how it ended, as its parent is told: see `status.rs` |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type};

use super::columns::{numbers, optional_numbers, words};
use super::rows::ProcessRow;
use super::status;

pub(super) fn frame(rows: &[ProcessRow]) -> PolarsResult<DataFrame> {
    let mut columns = vec![
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("parent", rows.iter().map(|row| row.parent)),
        words("name", rows.iter().map(|row| row.name.as_str())),
        numbers::<Int64Type>("arrival_ns", rows.iter().map(|row| row.arrival_ns)),
        optional_numbers::<Int64Type>("completion_ns", rows.iter().map(|row| row.completion_ns)),
        numbers::<UInt32Type>("threads", rows.iter().map(|row| row.threads)),
        numbers::<UInt32Type>("programs", rows.iter().map(|row| row.programs)),
    ];
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    columns.extend(status::columns(&statuses));
    DataFrame::new(rows.len(), columns)
}
