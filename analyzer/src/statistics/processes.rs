//! Per process: what its threads got together, its programs, its page faults, its largest memory map, how it ended.
//!
//! Times are the sums of its threads' times, so a process of several threads can have waited longer than it lived.
//! Response is from the process's arrival to the first run of its first thread to run, turnaround from its arrival to the
//! end of its last thread. A page fault is resolved when the program went on without a signal; the signals of faults that
//! are not are SIGSEGV and SIGBUS. Faults that the end of the trace cut count as neither.

use std::collections::HashMap;

use polars::prelude::{DataType, col, len, lit};
use trapline_trace_format::event::{ExitStatus, Nanos, Waits};

use super::linux;
use super::memory::{self, Crowds, Peak, Program};
use crate::error::AnalyzerError;
use crate::summary::{BlockedStat, PageFaults, ProcessStat, ThreadStat};
use crate::tables::{Tables, status};

const SIGBUS: u8 = 7;
const SIGSEGV: u8 = 11;

/// One row per process, by arrival, then id.
pub(crate) fn processes(
    tables: &Tables,
    threads: &[ThreadStat],
) -> Result<Vec<ProcessStat>, AnalyzerError> {
    let programs = memory::programs(tables)?;
    let crowds = Crowds::of_threads(threads);
    let peaks = memory::peaks(&memory::changes(tables)?, &programs, &crowds);
    let faults = page_faults(tables)?;
    let killers = killers(tables)?;
    let mut rows = bare(tables, &peaks, &faults, &killers)?;
    let places: HashMap<u32, usize> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| (row.process, place))
        .collect();
    for Program { process, name, .. } in &programs {
        if let Some(place) = places.get(process) {
            rows[*place].programs.push(name.clone());
        }
    }
    let mut blocked: HashMap<u32, Totals> = HashMap::new();
    for thread in threads {
        if let Some(place) = places.get(&thread.process) {
            add(&mut rows[*place], thread);
            blocked
                .entry(thread.process)
                .or_default()
                .add(&thread.blocked);
        }
    }
    let usage = linux::usage(tables)?;
    let told = faults_told(tables)?;
    for row in &mut rows {
        row.usage = usage.get(&row.process).copied();
        row.page_faults.resolved += told.get(&row.process).copied().unwrap_or(0);
        row.blocked = blocked.remove(&row.process).unwrap_or_default().stats();
    }
    rows.sort_by_key(|row| (row.arrival_ns, row.process));
    Ok(rows)
}

/// All page faults together.
pub(crate) fn all_page_faults(processes: &[ProcessStat]) -> PageFaults {
    let mut all = PageFaults::default();
    for row in processes {
        all.resolved += row.page_faults.resolved;
        all.refused += row.page_faults.refused;
    }
    all
}

/// Time blocked of all threads together.
pub(crate) fn all_blocked(threads: &[ThreadStat]) -> Vec<BlockedStat> {
    let mut totals = Totals::default();
    threads
        .iter()
        .for_each(|thread| totals.add(&thread.blocked));
    totals.stats()
}

/// What the table says of each process, without its threads.
fn bare(
    tables: &Tables,
    peaks: &HashMap<u32, Peak>,
    faults: &HashMap<u32, PageFaults>,
    killers: &HashMap<u32, u32>,
) -> Result<Vec<ProcessStat>, AnalyzerError> {
    let frame = tables.processes.clone().collect()?;
    let (ids, parents) = (
        frame.column("process")?.u32()?,
        frame.column("parent")?.u32()?,
    );
    let names = frame.column("name")?.str()?;
    let counts = frame.column("threads")?.u32()?;
    let arrivals = frame.column("arrival_ns")?.i64()?;
    let completions = frame.column("completion_ns")?.i64()?;
    let statuses = status::statuses("processes", &frame)?;
    let row = |(index, status): (usize, Option<ExitStatus>)| {
        let process = ids.get(index).unwrap_or(0);
        let arrival_ns = arrivals.get(index).unwrap_or(0);
        let sent = matches!(status, Some(ExitStatus::Killed { cause: None, .. }));
        ProcessStat {
            process,
            parent: parents.get(index).unwrap_or(0),
            name: names.get(index).unwrap_or_default().to_owned(),
            programs: Vec::new(),
            threads: counts.get(index).unwrap_or(0).into(),
            arrival_ns,
            user_ns: 0,
            kernel_ns: 0,
            waiting_ns: 0,
            blocked_ns: 0,
            blocked: Vec::new(),
            response_ns: None,
            turnaround_ns: completions
                .get(index)
                .map(|end| end.saturating_sub(arrival_ns)),
            voluntary: 0,
            involuntary: 0,
            traps: 0,
            page_faults: faults.get(&process).copied().unwrap_or_default(),
            peak_mapped_bytes: peaks.get(&process).map_or(0, |peak| peak.bytes),
            status,
            usage: None,
            killed_by: killers.get(&process).copied().filter(|_| sent),
        }
    };
    Ok(statuses.into_iter().enumerate().map(row).collect())
}

fn add(row: &mut ProcessStat, thread: &ThreadStat) {
    let add = |sum: &mut Nanos, ns: Nanos| *sum = sum.saturating_add(ns);
    add(&mut row.user_ns, thread.user_ns);
    add(&mut row.kernel_ns, thread.kernel_ns);
    add(&mut row.waiting_ns, thread.waiting_ns);
    add(&mut row.blocked_ns, thread.blocked_ns);
    row.voluntary += thread.voluntary;
    row.involuntary += thread.involuntary;
    row.traps += thread.traps;
    let first_run_ns = thread.response_ns.map(|ns| {
        thread
            .arrival_ns
            .saturating_add(ns)
            .saturating_sub(row.arrival_ns)
    });
    row.response_ns = match (row.response_ns, first_run_ns) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
}

/// Resolved and refused page faults by process.
fn page_faults(tables: &Tables) -> Result<HashMap<u32, PageFaults>, AnalyzerError> {
    let signalled = col("signal")
        .eq(lit(SIGSEGV))
        .or(col("signal").eq(lit(SIGBUS)))
        .fill_null(lit(false));
    let resolved = col("return_ns").is_not_null().and(signalled.not());
    let ended = tables.visits.clone().filter(
        col("cause")
            .eq(lit("page_fault"))
            .and(col("end_ns").is_not_null()),
    );
    let frame = ended
        .group_by([col("process")])
        .agg([
            resolved.sum().cast(DataType::UInt64).alias("resolved"),
            len().cast(DataType::UInt64).alias("all"),
        ])
        .collect()?;
    let processes = frame.column("process")?.u32()?.iter();
    let resolved = frame.column("resolved")?.u64()?.iter();
    let all = frame.column("all")?.u64()?.iter();
    let faults = |resolved: Option<u64>, all: Option<u64>| {
        let (resolved, all) = (resolved.unwrap_or(0), all.unwrap_or(0));
        PageFaults {
            resolved,
            refused: all.saturating_sub(resolved),
        }
    };
    Ok(processes
        .zip(resolved.zip(all))
        .map(|(process, (resolved, all))| (process.unwrap_or(0), faults(resolved, all)))
        .collect())
}

/// Page faults that Linux told of, by process: it resolved them.
fn faults_told(tables: &Tables) -> Result<HashMap<u32, u64>, AnalyzerError> {
    let count = len().cast(DataType::UInt64).alias("count");
    let frame = tables.faults.clone().group_by([col("process")]);
    let frame = frame.agg([count]).collect()?;
    let processes = frame.column("process")?.u32()?.iter();
    let counts = frame.column("count")?.u64()?.iter();
    Ok(processes
        .zip(counts)
        .map(|(process, count)| (process.unwrap_or(0), count.unwrap_or(0)))
        .collect())
}

/// Who sent the signal that ended each process that a signal of another process ended.
fn killers(tables: &Tables) -> Result<HashMap<u32, u32>, AnalyzerError> {
    let kills = tables.signals.clone().filter(
        col("action")
            .eq(lit("kill"))
            .and(col("sender").neq(lit(0_u32))),
    );
    let frame = kills.select([col("process"), col("sender")]).collect()?;
    let processes = frame.column("process")?.u32()?.iter();
    let senders = frame.column("sender")?.u32()?.iter();
    Ok(processes
        .zip(senders)
        .filter_map(|(process, sender)| Some((process?, sender?)))
        .collect())
}

/// Sums by what was waited for.
#[derive(Default)]
struct Totals(HashMap<Option<Waits>, Nanos>);

impl Totals {
    fn add(&mut self, stats: &[BlockedStat]) {
        for stat in stats {
            let total = self.0.entry(stat.waits).or_default();
            *total = total.saturating_add(stat.ns);
        }
    }

    fn stats(self) -> Vec<BlockedStat> {
        let stats = self
            .0
            .into_iter()
            .map(|(waits, ns)| BlockedStat { waits, ns });
        sorted(stats.collect())
    }
}

/// Most time first; what was never waited for is left out.
pub(super) fn sorted(mut stats: Vec<BlockedStat>) -> Vec<BlockedStat> {
    stats.retain(|stat| stat.ns > 0);
    stats.sort_by_key(|stat| (std::cmp::Reverse(stat.ns), stat.waits));
    stats
}
