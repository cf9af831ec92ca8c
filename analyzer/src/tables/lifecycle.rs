//! Table `lifecycle`: one row per thread, by arrival. The idle thread has none.
//!
//! | column | meaning |
//! |---|---|
//! | `thread`, `process`, `parent` | ids; the parent is the process that asked for it, 0 for the first jobs |
//! | `role` | `process` for the first thread of a process, else `thread` |
//! | `name` | program; the last one that the process ran while the thread lived |
//! | `arrival_ns` | when it came to be, ready |
//! | `first_run_ns` | when it first had the CPU; null if never |
//! | `completion_ns` | when it ended; null if the trace did first |
//! | `waiting_ns` | ready but not running |
//! | `blocked_ns` | neither ready nor running |
//! | `blocked_WAIT_ns` | the part of `blocked_ns` in which it waited for that: `sleep`, `futex`, `pipe`, ...; `other` where nothing says for what |
//! | `status`, ... | how it ended: see `status.rs` |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type};
use trapline_trace_format::event::{Role, Waits};

use super::columns::{numbers, optional_numbers, words};
use super::rows::{Blocked, LifecycleRow};
use super::status;

/// Word of [`Role::Process`] in the column `role`.
pub(crate) const PROCESS: &str = "process";
/// Word of [`Role::Thread`] in the column `role`.
pub(crate) const THREAD: &str = "thread";

/// The column of the time in which this was waited for.
pub(crate) fn blocked_column(waits: Option<Waits>) -> String {
    format!("blocked_{}_ns", waits.map_or("other", Waits::word))
}

/// The kinds of waits, as `blocked_column` names them.
pub(crate) fn wait_kinds() -> impl Iterator<Item = Option<Waits>> {
    Blocked::kinds()
}

pub(super) fn frame(rows: &[LifecycleRow]) -> PolarsResult<DataFrame> {
    let role = |row: &LifecycleRow| match row.role {
        Role::Process => PROCESS,
        Role::Thread => THREAD,
    };
    let mut columns = vec![
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("parent", rows.iter().map(|row| row.parent)),
        words("role", rows.iter().map(role)),
        words("name", rows.iter().map(|row| row.name.as_str())),
        numbers::<Int64Type>("arrival_ns", rows.iter().map(|row| row.arrival_ns)),
        optional_numbers::<Int64Type>("first_run_ns", rows.iter().map(|row| row.first_run_ns)),
        optional_numbers::<Int64Type>("completion_ns", rows.iter().map(|row| row.completion_ns)),
        numbers::<Int64Type>("waiting_ns", rows.iter().map(|row| row.waiting_ns)),
        numbers::<Int64Type>("blocked_ns", rows.iter().map(|row| row.blocked.total())),
    ];
    for waits in wait_kinds() {
        let ns = rows.iter().map(|row| row.blocked.of(waits));
        columns.push(numbers::<Int64Type>(&blocked_column(waits), ns));
    }
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    columns.extend(status::columns(&statuses));
    DataFrame::new(rows.len(), columns)
}
