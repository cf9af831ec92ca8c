//! Table `signals`: one row per signal that was acted upon, by time.
//!
//! | column | meaning |
//! |---|---|
//! | `time_ns` | when |
//! | `process`, `thread` | to whom |
//! | `signal` | its Linux number |
//! | `sender` | the process that sent it; 0 is the kernel |
//! | `action` | `handler` (of the program's, started), `kill`, `stop`, `continue` or `ignore` |
//! | `handler` | for `handler`: its address |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt8Type, UInt32Type, UInt64Type};
use trapline_trace_format::event::SignalAction;

use super::columns::{numbers, optional_numbers, words};
use super::rows::SignalRow;

pub(super) fn frame(rows: &[SignalRow]) -> PolarsResult<DataFrame> {
    let handler = rows.iter().map(|row| match row.action {
        SignalAction::Handler { address } => Some(address),
        _ => None,
    });
    let columns = vec![
        numbers::<Int64Type>("time_ns", rows.iter().map(|row| row.time_ns)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<UInt8Type>("signal", rows.iter().map(|row| row.signal)),
        numbers::<UInt32Type>("sender", rows.iter().map(|row| row.sender)),
        words("action", rows.iter().map(|row| row.action.word())),
        optional_numbers::<UInt64Type>("handler", handler),
    ];
    DataFrame::new(rows.len(), columns)
}
