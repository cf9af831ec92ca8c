//! What only Linux tells: how long threads were away from a CPU and by whose doing, page faults, the kernel's own accounts.
//!
//! Away is from losing a CPU to having one again, by the clock; switches at the tracer's stops are told apart (the rule is at
//! the head of `tables/linux.rs`). The account of a process is the kernel's at its end; where that has no switches, its
//! threads' are summed up. A process that has none did not end while it was traced.

use std::collections::HashMap;

use polars::prelude::{DataFrame, col, len, lit};
use trapline_trace_format::event::{Nanos, SwitchReason};
use trapline_trace_format::meta::Target;

use super::distribution::distribution;
use super::query::{grouped, reason_of};
use crate::error::AnalyzerError;
use crate::summary::{AwayStat, LinuxStat, SignalStat, UsageStat};
use crate::tables::{Tables, faults, lifecycle};

/// Everything that only Linux tells; nothing of the mini-kernel.
pub(crate) fn linux(tables: &Tables, target: &Target) -> Result<Option<LinuxStat>, AnalyzerError> {
    if matches!(target, Target::Mini { .. }) {
        return Ok(None);
    }
    let accounts = usage(tables)?;
    let mut all = UsageStat::default();
    accounts.values().for_each(|account| all.add(account));
    let major = || col("size").eq(lit(faults::MAJOR));
    Ok(Some(LinuxStat {
        away: away(tables, false)?,
        away_by_tracer: away(tables, true)?,
        signals: signals(tables)?,
        minor_faults: count(tables.faults.clone().filter(major().not()))?,
        major_faults: count(tables.faults.clone().filter(major()))?,
        accounts: accounts.len() as u64,
        usage: all,
    }))
}

/// From the first to the last thing that happened, by the clock.
pub(crate) fn wall_ns(tables: &Tables) -> Result<Nanos, AnalyzerError> {
    let latest = |query: &polars::prelude::LazyFrame, columns: [&'static str; 2]| {
        let frame = query.clone().select(columns.map(|name| col(name).max()));
        let frame = frame.collect()?;
        let mut latest = 0;
        for name in columns {
            latest = latest.max(frame.column(name)?.i64()?.get(0).unwrap_or(0));
        }
        Ok::<_, AnalyzerError>(latest)
    };
    let ends = [
        latest(&tables.lifecycle, ["arrival_ns", "completion_ns"])?,
        latest(&tables.visits, ["enter_ns", "end_ns"])?,
        latest(&tables.slices, ["start_ns", "end_ns"])?,
    ];
    Ok(ends.into_iter().max().unwrap_or(0))
}

fn count(query: polars::prelude::LazyFrame) -> Result<u64, AnalyzerError> {
    let frame = query.select([len().alias("count")]).collect()?;
    Ok(frame.column("count")?.u32()?.get(0).unwrap_or(0).into())
}

/// How long each thread was away that lost its CPU, but for the tracer's stops, by reason; in the order of
/// [`SwitchReason::ALL`].
pub(crate) fn away_times(
    tables: &Tables,
) -> Result<Vec<(SwitchReason, Vec<Nanos>)>, AnalyzerError> {
    let own = tables.switches.clone().filter(col("by_tracer").not());
    let (frame, groups) = grouped(own, "reason", col("away_ns"))?;
    let mut rows = Vec::with_capacity(groups.len());
    for (word, times) in frame.column("reason")?.str()?.iter().zip(groups) {
        rows.push((reason_of("switches", word.unwrap_or_default())?, times));
    }
    rows.sort_by_key(|(reason, _)| SwitchReason::ALL.iter().position(|known| known == reason));
    Ok(rows)
}

/// How long threads were away, by reason; in the order of [`SwitchReason::ALL`].
fn away(tables: &Tables, by_tracer: bool) -> Result<Vec<AwayStat>, AnalyzerError> {
    let chosen = tables
        .switches
        .clone()
        .filter(col("by_tracer").eq(lit(by_tracer)));
    let (frame, groups) = grouped(chosen.clone(), "reason", col("away_ns"))?;
    let counts = chosen.group_by([col("reason")]).agg([len().alias("count")]);
    let counts = by_word(&counts.collect()?)?;
    let mut rows = Vec::with_capacity(groups.len());
    for (word, mut values) in frame.column("reason")?.str()?.iter().zip(groups) {
        let word = word.unwrap_or_default();
        let reason = reason_of("switches", word)?;
        rows.push(AwayStat {
            reason,
            voluntary: reason.is_voluntary(),
            count: counts.get(word).copied().unwrap_or(0),
            away: distribution(&mut values),
        });
    }
    rows.sort_by_key(|row| {
        SwitchReason::ALL
            .iter()
            .position(|known| *known == row.reason)
    });
    Ok(rows)
}

fn by_word(frame: &DataFrame) -> Result<HashMap<String, u64>, AnalyzerError> {
    let words = frame.column("reason")?.str()?.iter();
    let counts = frame.column("count")?.u32()?.iter();
    Ok(words
        .zip(counts)
        .map(|(word, count)| {
            (
                word.unwrap_or_default().to_owned(),
                count.unwrap_or(0).into(),
            )
        })
        .collect())
}

/// Signals by number, then by what came of them.
fn signals(tables: &Tables) -> Result<Vec<SignalStat>, AnalyzerError> {
    let from_kernel = col("sender").eq(lit(0_u32)).sum().alias("from_kernel");
    let groups = tables
        .signals
        .clone()
        .group_by([col("signal"), col("action")]);
    let frame = groups.agg([len().alias("count"), from_kernel]).collect()?;
    let (signals, actions) = (
        frame.column("signal")?.u8()?,
        frame.column("action")?.str()?,
    );
    let (counts, from_kernel) = (
        frame.column("count")?.u32()?,
        frame.column("from_kernel")?.u32()?,
    );
    let row = |row| SignalStat {
        signal: signals.get(row).unwrap_or(0),
        action: actions.get(row).unwrap_or_default().to_owned(),
        count: counts.get(row).unwrap_or(0).into(),
        from_kernel: from_kernel.get(row).unwrap_or(0).into(),
    };
    let mut rows: Vec<SignalStat> = (0..frame.height()).map(row).collect();
    rows.sort_by(|a, b| (a.signal, &a.action).cmp(&(b.signal, &b.action)));
    Ok(rows)
}

/// The kernel's account of each process that has one.
pub(crate) fn usage(tables: &Tables) -> Result<HashMap<u32, UsageStat>, AnalyzerError> {
    let frame = tables.usage.clone().collect()?;
    let processes = frame.column("process")?.u32()?;
    let roles = frame.column("role")?.str()?;
    let i64s = |name: &str| Ok::<_, AnalyzerError>(frame.column(name)?.i64()?);
    let u64s = |name: &str| Ok::<_, AnalyzerError>(frame.column(name)?.u64()?);
    let (user, system, waiting) = (i64s("user_ns")?, i64s("system_ns")?, i64s("waiting_ns")?);
    let (minor, major) = (u64s("minor_faults")?, u64s("major_faults")?);
    let (voluntary, involuntary) = (u64s("voluntary")?, u64s("involuntary")?);
    let resident = u64s("max_resident_bytes")?;
    let mut wholes: HashMap<u32, UsageStat> = HashMap::new();
    let mut sums: HashMap<u32, UsageStat> = HashMap::new();
    for row in 0..frame.height() {
        let stat = UsageStat {
            user_ns: user.get(row).unwrap_or(0),
            system_ns: system.get(row).unwrap_or(0),
            minor_faults: minor.get(row).unwrap_or(0),
            major_faults: major.get(row).unwrap_or(0),
            voluntary: voluntary.get(row).unwrap_or(0),
            involuntary: involuntary.get(row).unwrap_or(0),
            max_resident_bytes: resident.get(row).unwrap_or(0),
            waiting_ns: waiting.get(row).unwrap_or(0),
        };
        let process = processes.get(row).unwrap_or(0);
        if roles.get(row) == Some(lifecycle::PROCESS) {
            wholes.insert(process, stat);
        } else {
            sums.entry(process).or_default().add(&stat);
        }
    }
    for (process, sum) in sums {
        match wholes.get_mut(&process) {
            Some(whole) if whole.voluntary + whole.involuntary == 0 => {
                whole.voluntary = sum.voluntary;
                whole.involuntary = sum.involuntary;
                whole.waiting_ns = whole.waiting_ns.max(sum.waiting_ns);
            }
            Some(_) => {}
            None => drop(wholes.insert(process, sum)),
        }
    }
    Ok(wholes)
}
