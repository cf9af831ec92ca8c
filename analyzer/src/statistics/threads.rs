//! Per thread: CPU time, waiting, turnaround, response, switches and traps.
//!
//! Turnaround is completion - arrival, response is first run - arrival (OSTEP ch. 7), waiting is ready but not running,
//! blocked is neither, told apart by what was waited for. These four are by the clock, the tracer's time included: a sleeping thread sleeps through it. User
//! and kernel time are the partition's, without it. Voluntary switches are those that the thread asked for; those at the
//! tracer's stops count as neither.

use std::collections::HashMap;

use polars::prelude::{LazyFrame, col, len};
use trapline_trace_format::event::{Nanos, Role};

use super::processes::sorted;
use super::query::unknown;
use crate::error::AnalyzerError;
use crate::summary::{Activity, BlockedStat, Part, ThreadStat};
use crate::tables::{Tables, lifecycle, status};

const TABLE: &str = "lifecycle";

/// One row per thread, by arrival, then id.
pub(crate) fn threads(
    tables: &Tables,
    partition: &[Part],
) -> Result<Vec<ThreadStat>, AnalyzerError> {
    let (user, kernel) = cpu_times(partition);
    let own = tables.switches.clone().filter(col("by_tracer").not());
    let voluntary = count_by(own.clone().filter(col("voluntary")), "from")?;
    let involuntary = count_by(own.filter(col("voluntary").not()), "from")?;
    let traps = count_by(tables.visits.clone(), "thread")?;

    let frame = tables.lifecycle.clone().collect()?;
    let u32s = |name| Ok::<_, AnalyzerError>(frame.column(name)?.u32()?);
    let i64s = |name: &str| Ok::<_, AnalyzerError>(frame.column(name)?.i64()?);
    let (ids, processes) = (u32s("thread")?, u32s("process")?);
    let names = frame.column("name")?.str()?;
    let (arrivals, first_runs) = (i64s("arrival_ns")?, i64s("first_run_ns")?);
    let completions = i64s("completion_ns")?;
    let (waiting, blocked) = (i64s("waiting_ns")?, i64s("blocked_ns")?);
    let mut by_wait = Vec::new();
    for waits in lifecycle::wait_kinds() {
        by_wait.push((waits, i64s(&lifecycle::blocked_column(waits))?));
    }
    let roles = frame.column("role")?.str()?;
    let statuses = status::statuses(TABLE, &frame)?;

    let mut rows = Vec::with_capacity(frame.height());
    for (row, status) in statuses.into_iter().enumerate() {
        let thread = ids.get(row).unwrap_or(0);
        let arrival_ns = arrivals.get(row).unwrap_or(0);
        let since_arrival = |time: Nanos| time.saturating_sub(arrival_ns);
        rows.push(ThreadStat {
            thread,
            process: processes.get(row).unwrap_or(0),
            role: match roles.get(row).unwrap_or_default() {
                lifecycle::PROCESS => Role::Process,
                lifecycle::THREAD => Role::Thread,
                other => return Err(unknown(TABLE, "role", other)),
            },
            name: names.get(row).unwrap_or_default().to_owned(),
            arrival_ns,
            user_ns: user.get(&thread).copied().unwrap_or(0),
            kernel_ns: kernel.get(&thread).copied().unwrap_or(0),
            waiting_ns: waiting.get(row).unwrap_or(0),
            blocked_ns: blocked.get(row).unwrap_or(0),
            blocked: sorted(
                by_wait
                    .iter()
                    .map(|(waits, ns)| BlockedStat {
                        waits: *waits,
                        ns: ns.get(row).unwrap_or(0),
                    })
                    .collect(),
            ),
            response_ns: first_runs.get(row).map(since_arrival),
            turnaround_ns: completions.get(row).map(since_arrival),
            voluntary: voluntary.get(&thread).copied().unwrap_or(0),
            involuntary: involuntary.get(&thread).copied().unwrap_or(0),
            traps: traps.get(&thread).copied().unwrap_or(0),
            status,
        });
    }
    rows.sort_by_key(|row| (row.arrival_ns, row.thread));
    Ok(rows)
}

/// User and kernel time by thread.
fn cpu_times(partition: &[Part]) -> (HashMap<u32, Nanos>, HashMap<u32, Nanos>) {
    let (mut user, mut kernel) = (HashMap::new(), HashMap::new());
    for part in partition {
        let total: &mut Nanos = match part.activity {
            Activity::User { thread } => user.entry(thread).or_default(),
            Activity::Kernel { thread, .. } => kernel.entry(thread).or_default(),
            _ => continue,
        };
        *total = total.saturating_add(part.ns);
    }
    (user, kernel)
}

/// Number of rows by the thread in column `key`.
fn count_by(query: LazyFrame, key: &str) -> Result<HashMap<u32, u64>, AnalyzerError> {
    let count = len().cast(polars::prelude::DataType::UInt64).alias("count");
    let frame = query.group_by([col(key)]).agg([count]).collect()?;
    let counts = frame.column("count")?.u64()?;
    let pairs = frame.column(key)?.u32()?.iter().zip(counts.iter());
    Ok(pairs
        .map(|(thread, count)| (thread.unwrap_or(0), count.unwrap_or(0)))
        .collect())
}
