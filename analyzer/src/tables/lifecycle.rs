//! Table `lifecycle`: one row per thread, by arrival. The idle thread has none.
//!
//! | column | meaning |
//! |---|---|
//! | `thread`, `process`, `parent` | ids; the parent is the process that asked for it, 0 for the first jobs |
//! | `name` | program; the last one that the process ran |
//! | `arrival_ns` | when it came to be, ready |
//! | `first_run_ns` | when it first had the CPU; null if never |
//! | `completion_ns` | when it ended; null if the trace did first |
//! | `waiting_ns` | ready but not running |
//! | `blocked_ns` | neither ready nor running |
//! | `status` | `code` or `killed`; null if not ended, or if nothing says how |
//! | `exit_code` | for `code` |
//! | `signal`, `cause`, `address` | for `killed`: the signal a parent would see, what it did, where |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt8Type, UInt32Type, UInt64Type};
use trapline_trace_format::event::{Cause, ExitStatus};

use super::columns::{numbers, optional_numbers, optional_words, words};
use super::rows::LifecycleRow;

/// Word of [`ExitStatus::Code`] in the column `status`.
pub(crate) const CODE: &str = "code";
/// Word of [`ExitStatus::Killed`] in the column `status`.
pub(crate) const KILLED: &str = "killed";

pub(super) fn frame(rows: &[LifecycleRow]) -> PolarsResult<DataFrame> {
    let statuses = || rows.iter().map(|row| row.status);
    let killed = || {
        statuses().map(|status| match status {
            Some(ExitStatus::Killed {
                signal,
                cause,
                address,
            }) => Some((signal, cause, address)),
            _ => None,
        })
    };
    let exit_code = statuses().map(|status| match status {
        Some(ExitStatus::Code(code)) => Some(code),
        _ => None,
    });
    let status_word = |status| match status {
        ExitStatus::Code(_) => CODE,
        ExitStatus::Killed { .. } => KILLED,
    };
    let columns = vec![
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("parent", rows.iter().map(|row| row.parent)),
        words("name", rows.iter().map(|row| row.name.as_str())),
        numbers::<Int64Type>("arrival_ns", rows.iter().map(|row| row.arrival_ns)),
        optional_numbers::<Int64Type>("first_run_ns", rows.iter().map(|row| row.first_run_ns)),
        optional_numbers::<Int64Type>("completion_ns", rows.iter().map(|row| row.completion_ns)),
        numbers::<Int64Type>("waiting_ns", rows.iter().map(|row| row.waiting_ns)),
        numbers::<Int64Type>("blocked_ns", rows.iter().map(|row| row.blocked_ns)),
        optional_words("status", statuses().map(|status| status.map(status_word))),
        optional_numbers::<UInt8Type>("exit_code", exit_code),
        optional_numbers::<UInt8Type>("signal", killed().map(|killed| killed.map(|k| k.0))),
        optional_words(
            "cause",
            killed().map(|killed| killed.map(|k| Cause::word(k.1))),
        ),
        optional_numbers::<UInt64Type>("address", killed().map(|killed| killed.map(|k| k.2))),
    ];
    DataFrame::new(rows.len(), columns)
}
