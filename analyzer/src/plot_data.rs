//! What plots need on top of the summary: the intervals of a span of time, histograms, and memory maps.
//!
//! The span begins at 0 and ends before the first slice or visit that is one too many for a page; intervals that reach
//! beyond it are cut at its end.

use std::collections::HashMap;

use polars::prelude::{DataFrame, LazyFrame, col};
use trapline_trace_format::event::{Nanos, SwitchReason};
use trapline_trace_format::meta::Target;

use crate::error::AnalyzerError;
use crate::statistics::memory::Peak;
use crate::statistics::{self, distribution::buckets};
use crate::statistics::{cause_of, reason_of};
use crate::summary::{Bucket, MemoryColumn, MemoryPicture, Part, PlotData, Slice, Visit};
use crate::syscall_names::syscall_name;
use crate::tables::Tables;
use trapline_trace_format::maps::Mapping;

/// Histograms of more system calls than this do not fit on a page.
const MAX_SYSCALLS: usize = 8;

/// The data of all plots.
pub(crate) fn plot_data(
    tables: &Tables,
    target: &Target,
    partition: &[Part],
    wall_ns: Nanos,
) -> Result<PlotData, AnalyzerError> {
    let (slices, slices_end_ns) = first_rows(&tables.slices, SLICE, "start_ns", wall_ns)?;
    let (visits, visits_end_ns) = first_rows(&tables.visits, VISIT, "enter_ns", wall_ns)?;
    let shown_ns = slices_end_ns.min(visits_end_ns);
    let switch_times = match target {
        Target::Mini { .. } => statistics::switches::costs(tables)?,
        Target::Linux { .. } => statistics::linux::away_times(tables)?,
    };
    let of_reason = |(reason, costs): (SwitchReason, Vec<Nanos>)| (reason, buckets(&costs));
    Ok(PlotData {
        slices: to_slices(&slices, shown_ns)?,
        visits: to_visits(&visits, shown_ns)?,
        shown_ns,
        syscall_costs: syscall_costs(tables)?,
        switch_costs: switch_times.into_iter().map(of_reason).collect(),
        quanta: buckets(&statistics::quantum::lengths(tables)?),
        memory: memory(tables, partition)?,
    })
}

const SLICE: &[&str] = &["thread", "start_ns", "end_ns", "reason"];
const VISIT: &[&str] = &["thread", "cause", "enter_ns", "left_ns"];

/// As many rows as fit, and the time up to which they are all there are.
fn first_rows(
    table: &LazyFrame,
    columns: &[&str],
    start: &str,
    wall_ns: Nanos,
) -> Result<(DataFrame, Nanos), AnalyzerError> {
    let most = PlotData::MAX_INTERVALS;
    let columns: Vec<_> = columns.iter().map(|name| col(*name)).collect();
    let frame = table
        .clone()
        .limit(most as u32 + 1)
        .select(columns)
        .collect()?;
    let one_too_many = frame.column(start)?.i64()?.iter().nth(most).flatten();
    Ok((frame.head(Some(most)), one_too_many.unwrap_or(wall_ns)))
}

fn to_slices(frame: &DataFrame, shown_ns: Nanos) -> Result<Vec<Slice>, AnalyzerError> {
    let threads = frame.column("thread")?.u32()?.iter();
    let starts = frame.column("start_ns")?.i64()?.iter();
    let ends = frame.column("end_ns")?.i64()?.iter();
    let reasons = frame.column("reason")?.str()?.iter();
    let mut slices = Vec::with_capacity(frame.height());
    for (((thread, start), end), reason) in threads.zip(starts).zip(ends).zip(reasons) {
        let (start_ns, end_ns) = (start.unwrap_or(0), end.unwrap_or(shown_ns).min(shown_ns));
        if start_ns < shown_ns {
            let reason = reason.map(|word| reason_of("slices", word)).transpose()?;
            slices.push(Slice {
                thread: thread.unwrap_or(0),
                start_ns,
                end_ns,
                reason,
            });
        }
    }
    Ok(slices)
}

fn to_visits(frame: &DataFrame, shown_ns: Nanos) -> Result<Vec<Visit>, AnalyzerError> {
    let threads = frame.column("thread")?.u32()?.iter();
    let causes = frame.column("cause")?.str()?.iter();
    let starts = frame.column("enter_ns")?.i64()?.iter();
    let ends = frame.column("left_ns")?.i64()?.iter();
    let mut visits = Vec::with_capacity(frame.height());
    for (((thread, cause), start), end) in threads.zip(causes).zip(starts).zip(ends) {
        let (start_ns, end_ns) = (start.unwrap_or(0), end.unwrap_or(shown_ns).min(shown_ns));
        if start_ns < shown_ns {
            let cause = cause_of("visits", cause.unwrap_or_default())?;
            visits.push(Visit {
                thread: thread.unwrap_or(0),
                cause,
                start_ns,
                end_ns,
            });
        }
    }
    Ok(visits)
}

/// Kernel time per call of the system calls with most calls.
fn syscall_costs(tables: &Tables) -> Result<Vec<(String, Vec<Bucket>)>, AnalyzerError> {
    let calls = statistics::syscalls::kernel_times(tables)?
        .into_iter()
        .take(MAX_SYSCALLS);
    Ok(calls
        .map(|(abi, number, times)| (syscall_name(abi, number), buckets(&times)))
        .collect())
}

/// The largest memory map of each of the processes with most CPU time, by arrival.
fn memory(tables: &Tables, partition: &[Part]) -> Result<MemoryPicture, AnalyzerError> {
    use statistics::memory::{Crowds, Stacks, at_peaks, changes, peaks, programs};
    let changes = changes(tables)?;
    let programs = programs(tables)?;
    let threads = statistics::threads::threads(tables, partition)?;
    let peaks = peaks(&changes, &programs, &Crowds::of_threads(&threads));
    let mut cpu_ns: HashMap<u32, Nanos> = HashMap::new();
    for thread in &threads {
        let total = cpu_ns.entry(thread.process).or_default();
        *total = total.saturating_add(thread.user_ns.saturating_add(thread.kernel_ns));
    }
    let mut chosen: Vec<_> = peaks.into_iter().collect();
    chosen.sort_by_key(|(process, _)| {
        (
            std::cmp::Reverse(cpu_ns.get(process).copied().unwrap_or(0)),
            *process,
        )
    });
    let left_out = chosen.len().saturating_sub(PlotData::MAX_MAPS) as u64;
    chosen.truncate(PlotData::MAX_MAPS);
    // Ids rise with arrival.
    chosen.sort_by_key(|(process, _)| *process);

    let stacks = Stacks::of(tables, &programs)?;
    let moments: Vec<_> = chosen.iter().map(|(_, peak)| *peak).collect();
    let maps = at_peaks(&changes, &stacks, &moments);
    let column = |((process, peak), mappings): ((u32, Peak), Vec<Mapping>)| {
        let mut named = programs.iter().filter(|program| program.process == process);
        MemoryColumn {
            process,
            name: named
                .next_back()
                .map_or_else(String::new, |program| program.name.clone()),
            time_ns: peak.time_ns,
            threads: peak.threads,
            space: peak.space,
            mappings,
        }
    };
    Ok(MemoryPicture {
        columns: chosen.into_iter().zip(maps).map(column).collect(),
        left_out,
    })
}
