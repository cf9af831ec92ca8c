//! Per system call: how many, how many failed, how long the kernel worked and how long the caller waited.
//!
//! Kernel time is as for causes. Elapsed is what the caller waits: from its last instruction before the call to its first
//! after it, by the clock less the tracer's time in between. It includes blocking and other threads' turns; only calls
//! that returned have one. A result from -4095 to -1 is a
//! negated errno; -38 is ENOSYS, a call that the kernel does not know.

use std::collections::HashMap;

use polars::prelude::{DataType, LazyFrame, col, lit};
use trapline_trace_format::event::{Abi, Nanos};

use super::distribution::{distribution, of_buckets};
use super::memory;
use super::query::{abi_of, lists};
use crate::error::AnalyzerError;
use crate::summary::{Distribution, SyscallStat, UnknownCall};
use crate::syscall_names::syscall_name;
use crate::tables::Tables;

const FIRST_ERRNO: i64 = -4095;
const ENOSYS: i64 = -38;

/// One row per system call that occurred, most kernel time first.
pub(crate) fn syscalls(tables: &Tables) -> Result<Vec<SyscallStat>, AnalyzerError> {
    let result = || col("result");
    let failed = result()
        .gt_eq(lit(FIRST_ERRNO))
        .and(result().lt(lit(0_i64)));
    let by_clock = || col("entry_ns") + col("return_ns") - col("enter_ns") + col("exit_ns");
    let frame = calls(tables)
        .group_by([col("abi"), col("number")])
        .agg([
            failed.sum().alias("errors"),
            result().eq(lit(ENOSYS)).sum().alias("unknown"),
            col("kernel_ns"),
            (by_clock() - col("tracer_ns")).alias("elapsed_ns"),
            by_clock().alias("by_clock_ns"),
        ])
        .collect()?;
    let (abis, numbers) = (frame.column("abi")?.str()?, frame.column("number")?.i32()?);
    let errors = frame.column("errors")?.u32()?;
    let unknown = frame.column("unknown")?.u32()?;
    let times = lists(&frame, "kernel_ns")?
        .into_iter()
        .zip(lists(&frame, "elapsed_ns")?)
        .zip(lists(&frame, "by_clock_ns")?);
    let mut rows = tallied(tables)?;
    for (row, ((mut kernel, mut elapsed), mut by_clock)) in times.enumerate() {
        let abi = abi_of("visits", abis.get(row).unwrap_or_default())?;
        let number = numbers.get(row).unwrap_or(-1);
        rows.push(SyscallStat {
            abi,
            number,
            name: syscall_name(abi, number),
            errors: errors.get(row).unwrap_or(0).into(),
            unknown: unknown.get(row).unwrap_or(0).into(),
            kernel: distribution(&mut kernel),
            elapsed: distribution(&mut elapsed),
            by_clock: distribution(&mut by_clock),
        });
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(row.kernel.total_ns), row.abi, row.number));
    Ok(rows)
}

/// The calls of a recording that keeps statistics alone. Kernel time is elapsed time there, and which errors were ENOSYS is
/// not known.
fn tallied(tables: &Tables) -> Result<Vec<SyscallStat>, AnalyzerError> {
    let sum = |name: &str| col(name).sum().alias(name);
    let groups = tables.tallies.clone().group_by([col("abi"), col("number")]);
    let columns = [
        sum("errors"),
        sum("total_ns"),
        col("duration_ns"),
        col("count").cast(DataType::Int64),
    ];
    let frame = groups.agg(columns).collect()?;
    let (abis, numbers) = (frame.column("abi")?.str()?, frame.column("number")?.i32()?);
    let errors = frame.column("errors")?.u64()?;
    let totals = frame.column("total_ns")?.i64()?;
    let buckets = lists(&frame, "duration_ns")?
        .into_iter()
        .zip(lists(&frame, "count")?);
    let mut rows = Vec::with_capacity(frame.height());
    for (row, (durations, counts)) in buckets.enumerate() {
        let abi = abi_of("tallies", abis.get(row).unwrap_or_default())?;
        let number = numbers.get(row).unwrap_or(-1);
        let counts = counts.into_iter().map(|count| count as u64);
        let mut buckets = durations.into_iter().zip(counts).collect();
        let elapsed = of_buckets(&mut buckets, totals.get(row).unwrap_or(0));
        rows.push(SyscallStat {
            abi,
            number,
            name: syscall_name(abi, number),
            errors: errors.get(row).unwrap_or(0),
            unknown: 0,
            kernel: elapsed,
            elapsed,
            by_clock: Distribution::default(),
        });
    }
    Ok(rows)
}

/// The calls that the kernel did not know, by program; most calls first.
pub(crate) fn unknown_calls(tables: &Tables) -> Result<Vec<UnknownCall>, AnalyzerError> {
    let unknown = calls(tables).filter(col("result").eq(lit(ENOSYS)));
    let columns = ["process", "abi", "number", "enter_ns"].map(col);
    let frame = unknown.select(columns).collect()?;
    let programs = memory::programs(tables)?;
    let spaces = memory::Spaces::of(&programs);
    let processes = frame.column("process")?.u32()?.iter();
    let numbers = frame.column("number")?.i32()?.iter();
    let times = frame.column("enter_ns")?.i64()?.iter();
    let abis = frame.column("abi")?.str()?.iter();
    let mut counts: HashMap<(&str, Abi, i32), u64> = HashMap::new();
    for (((process, number), time_ns), abi) in processes.zip(numbers).zip(times).zip(abis) {
        let abi = abi_of("visits", abi.unwrap_or_default())?;
        let program = spaces.program_at(process.unwrap_or(0), time_ns.unwrap_or(0));
        let name = program.map_or("", |program| program.name.as_str());
        *counts.entry((name, abi, number.unwrap_or(-1))).or_default() += 1;
    }
    let row = |((program, abi, number), count): ((&str, Abi, i32), u64)| UnknownCall {
        program: program.to_owned(),
        number,
        name: syscall_name(abi, number),
        count,
    };
    let mut rows: Vec<UnknownCall> = counts.into_iter().map(row).collect();
    rows.sort_by(|a, b| {
        let key = |row: &UnknownCall| (std::cmp::Reverse(row.count), row.number);
        key(a).cmp(&key(b)).then_with(|| a.program.cmp(&b.program))
    });
    Ok(rows)
}

/// The kernel time of each call, the one with most calls first.
pub(crate) fn kernel_times(tables: &Tables) -> Result<Vec<(Abi, i32, Vec<Nanos>)>, AnalyzerError> {
    let groups = calls(tables).group_by([col("abi"), col("number")]);
    let frame = groups.agg([col("kernel_ns")]).collect()?;
    let (abis, numbers) = (frame.column("abi")?.str()?, frame.column("number")?.i32()?);
    let mut rows = Vec::with_capacity(frame.height());
    for (row, times) in lists(&frame, "kernel_ns")?.into_iter().enumerate() {
        let abi = abi_of("visits", abis.get(row).unwrap_or_default())?;
        rows.push((abi, numbers.get(row).unwrap_or(-1), times));
    }
    rows.sort_by_key(|(abi, number, times)| (std::cmp::Reverse(times.len()), *abi, *number));
    Ok(rows)
}

/// The visits that are system calls.
fn calls(tables: &Tables) -> LazyFrame {
    tables
        .visits
        .clone()
        .filter(col("cause").eq(lit("syscall")))
}
