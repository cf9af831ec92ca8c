//! Table `visits`: one row per stay in the kernel, by the time of the trap.
//!
//! | column | meaning |
//! |---|---|
//! | `thread`, `process` | whose |
//! | `cause` | why: `syscall`, `timer`, `page_fault`, ... |
//! | `abi` | the table of a system call's number: `x86_64`, `i386` or `x32` |
//! | `number` | system call or signal |
//! | `enter_ns` | the trap: first instruction of the kernel |
//! | `left_ns` | first time that the visit left the CPU: return-from-trap, switch away or end of the thread |
//! | `return_ns` | return-from-trap: last instruction of the kernel; null if the thread ended or the trace did |
//! | `end_ns` | `return_ns`, or when the thread ended; null if the trace ended first |
//! | `kernel_ns` | CPU time in the kernel: entry, handler and exit cost, without switches away and the tracer |
//! | `entry_ns`, `exit_ns` | the calibrated parts of `kernel_ns` before `enter_ns` and after `return_ns` |
//! | `tracer_ns` | the tracer's time between `enter_ns` and `end_ns`, whoever had the CPU |
//! | `signal` | the last signal that was acted upon during the visit: a fault that is not resolved ends in one |
//! | `result` | what the thread found in its result register; null without a return |
//! | `instruction`, `address` | instruction pointer at the trap, address of a fault |
//! | `argument0` to `argument5` | argument registers of a system call |
//!
//! Times are i64 nanoseconds since the start of the trace. In a trace that was cut, `kernel_ns` is what was seen.
//!
//! On Linux `enter_ns` and `return_ns` are the tracer's stops, `kernel_ns` is time on a CPU where the host told of context
//! switches and time by the clock where it did not, always without the tracer, and `tracer_ns` is of this thread alone.

use polars::prelude::{
    Column, DataFrame, Int32Type, Int64Type, PolarsResult, UInt8Type, UInt32Type, UInt64Type,
};

use super::columns::{numbers, optional_numbers, words};
use super::rows::VisitRow;

pub(super) fn frame(rows: Vec<VisitRow>) -> PolarsResult<DataFrame> {
    let i64s = |name, value: fn(&VisitRow) -> i64| -> Column {
        numbers::<Int64Type>(name, rows.iter().map(value))
    };
    let optional_i64s = |name, value: fn(&VisitRow) -> Option<i64>| -> Column {
        optional_numbers::<Int64Type>(name, rows.iter().map(value))
    };
    let u64s = |name, value: fn(&VisitRow) -> u64| -> Column {
        numbers::<UInt64Type>(name, rows.iter().map(value))
    };
    let mut columns = vec![
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        words("cause", rows.iter().map(|row| row.cause().word())),
        words("abi", rows.iter().map(|row| row.trap.abi.word())),
        numbers::<Int32Type>("number", rows.iter().map(|row| row.trap.number)),
        i64s("enter_ns", |row| row.enter_ns),
        optional_i64s("left_ns", |row| row.left_ns),
        optional_i64s("return_ns", |row| {
            row.returned.map(|returned| returned.time_ns)
        }),
        optional_i64s("end_ns", |row| row.end_ns),
        i64s("kernel_ns", |row| row.kernel_ns),
        i64s("entry_ns", |row| row.entry_ns),
        i64s("exit_ns", |row| row.exit_ns),
        i64s("tracer_ns", |row| row.tracer_ns),
        optional_i64s("result", |row| row.returned.map(|returned| returned.result)),
        optional_numbers::<UInt8Type>("signal", rows.iter().map(|row| row.signal)),
        u64s("instruction", |row| row.trap.instruction),
        u64s("address", |row| row.trap.address),
    ];
    for index in 0..6 {
        let arguments = rows.iter().map(|row| row.trap.arguments[index]);
        columns.push(numbers::<UInt64Type>(
            &format!("argument{index}"),
            arguments,
        ));
    }
    DataFrame::new(rows.len(), columns)
}
