//! Per system call: how many, how many failed, how long the kernel worked and how long the caller waited.
//!
//! Kernel time is as for causes. Elapsed is what the caller waits: from its last instruction before the call to its first
//! after it, by the clock less the tracer's time in between. It includes blocking and other threads' turns; only calls
//! that returned have one. A result from -4095 to -1 is a
//! negated errno; -38 is ENOSYS, a call that the kernel does not know.

use std::collections::HashMap;

use polars::prelude::{LazyFrame, col, lit};
use trapline_trace_format::event::Nanos;

use super::distribution::distribution;
use super::memory;
use super::query::{grouped, lists};
use crate::error::AnalyzerError;
use crate::summary::{SyscallStat, UnknownCall};
use crate::syscall_names::name_of_number;
use crate::tables::Tables;

const FIRST_ERRNO: i64 = -4095;
const ENOSYS: i64 = -38;

/// One row per system call number that occurred, most kernel time first.
pub(crate) fn syscalls(tables: &Tables) -> Result<Vec<SyscallStat>, AnalyzerError> {
    let result = || col("result");
    let failed = result()
        .gt_eq(lit(FIRST_ERRNO))
        .and(result().lt(lit(0_i64)));
    let inside = col("return_ns") - col("enter_ns") - col("tracer_ns");
    let elapsed = col("entry_ns") + inside + col("exit_ns");
    let frame = calls(tables)
        .group_by([col("number")])
        .agg([
            failed.sum().alias("errors"),
            result().eq(lit(ENOSYS)).sum().alias("unknown"),
            col("kernel_ns"),
            elapsed.alias("elapsed_ns"),
        ])
        .collect()?;
    let numbers = frame.column("number")?.i32()?;
    let (errors, unknown) = (
        frame.column("errors")?.u32()?,
        frame.column("unknown")?.u32()?,
    );
    let groups = lists(&frame, "kernel_ns")?
        .into_iter()
        .zip(lists(&frame, "elapsed_ns")?);
    let counts = errors.iter().zip(unknown.iter());
    let mut rows = Vec::with_capacity(frame.height());
    for ((number, (errors, unknown)), (mut kernel, mut elapsed)) in
        numbers.iter().zip(counts).zip(groups)
    {
        let number = number.unwrap_or(-1);
        rows.push(SyscallStat {
            number,
            name: name_of_number(number),
            errors: errors.unwrap_or(0).into(),
            unknown: unknown.unwrap_or(0).into(),
            kernel: distribution(&mut kernel),
            elapsed: distribution(&mut elapsed),
        });
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(row.kernel.total_ns), row.number));
    Ok(rows)
}

/// The calls that the kernel did not know, by program; most calls first.
pub(crate) fn unknown_calls(tables: &Tables) -> Result<Vec<UnknownCall>, AnalyzerError> {
    let unknown = calls(tables).filter(col("result").eq(lit(ENOSYS)));
    let columns = ["process", "number", "enter_ns"].map(col);
    let frame = unknown.select(columns).collect()?;
    let programs = memory::programs(tables)?;
    let spaces = memory::Spaces::of(&programs);
    let processes = frame.column("process")?.u32()?.iter();
    let numbers = frame.column("number")?.i32()?.iter();
    let times = frame.column("enter_ns")?.i64()?.iter();
    let mut counts: HashMap<(&str, i32), u64> = HashMap::new();
    for ((process, number), time_ns) in processes.zip(numbers).zip(times) {
        let program = spaces.program_at(process.unwrap_or(0), time_ns.unwrap_or(0));
        let name = program.map_or("", |program| program.name.as_str());
        *counts.entry((name, number.unwrap_or(-1))).or_default() += 1;
    }
    let row = |((program, number), count): ((&str, i32), u64)| UnknownCall {
        program: program.to_owned(),
        number,
        name: name_of_number(number),
        count,
    };
    let mut rows: Vec<UnknownCall> = counts.into_iter().map(row).collect();
    rows.sort_by(|a, b| {
        let key = |row: &UnknownCall| (std::cmp::Reverse(row.count), row.number);
        key(a).cmp(&key(b)).then_with(|| a.program.cmp(&b.program))
    });
    Ok(rows)
}

/// The kernel time of each call by number, the number with most calls first.
pub(crate) fn kernel_times(tables: &Tables) -> Result<Vec<(i32, Vec<Nanos>)>, AnalyzerError> {
    let (frame, groups) = grouped(calls(tables), "number", col("kernel_ns"))?;
    let numbers = frame
        .column("number")?
        .i32()?
        .iter()
        .map(|number| number.unwrap_or(-1));
    let mut rows: Vec<_> = numbers.zip(groups).collect();
    rows.sort_by_key(|(number, times)| (std::cmp::Reverse(times.len()), *number));
    Ok(rows)
}

/// The visits that are system calls.
fn calls(tables: &Tables) -> LazyFrame {
    tables
        .visits
        .clone()
        .filter(col("cause").eq(lit("syscall")))
}
