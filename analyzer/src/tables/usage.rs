//! Table `usage`: what Linux itself counted, one row per thread and one per process, at its end or at the trace's. Empty on the
//! mini-kernel.
//!
//! | column | meaning |
//! |---|---|
//! | `time_ns` | when it was read |
//! | `process`, `thread` | whose |
//! | `role` | `process` for a process as a whole, `thread` for one thread alone |
//! | `user_ns`, `system_ns` | CPU time; the sum is exact, its division is an estimate of the kernel's ticks |
//! | `minor_faults`, `major_faults` | page faults, those inside system calls included |
//! | `voluntary`, `involuntary` | context switches, those at the tracer's stops included |
//! | `max_resident_bytes` | most memory at once; 0 for a thread |
//! | `waiting_ns` | ready and without a CPU; 0 where the kernel does not say |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type, UInt64Type};
use trapline_trace_format::event::Role;

use super::columns::{numbers, words};
use super::lifecycle::{PROCESS, THREAD};
use super::rows::UsageRow;

pub(super) fn frame(rows: &[UsageRow]) -> PolarsResult<DataFrame> {
    let role = |row: &UsageRow| match row.of {
        Role::Process => PROCESS,
        Role::Thread => THREAD,
    };
    let i64s =
        |name, value: fn(&UsageRow) -> i64| numbers::<Int64Type>(name, rows.iter().map(value));
    let u64s =
        |name, value: fn(&UsageRow) -> u64| numbers::<UInt64Type>(name, rows.iter().map(value));
    let columns = vec![
        i64s("time_ns", |row| row.time_ns),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        words("role", rows.iter().map(role)),
        i64s("user_ns", |row| row.usage.user_ns),
        i64s("system_ns", |row| row.usage.system_ns),
        u64s("minor_faults", |row| row.usage.minor_faults),
        u64s("major_faults", |row| row.usage.major_faults),
        u64s("voluntary", |row| row.usage.voluntary_switches),
        u64s("involuntary", |row| row.usage.involuntary_switches),
        u64s("max_resident_bytes", |row| row.usage.max_resident_bytes),
        i64s("waiting_ns", |row| row.usage.waiting_ns),
    ];
    DataFrame::new(rows.len(), columns)
}
