//! The partition of the wall time: every nanosecond is user(thread), kernel(thread, cause), switch, idle or tracer.
//!
//! How time is shared out stands at the head of `tables/fold.rs`. The parts add up to the time of the last event.

use polars::prelude::{StringChunked, col};
use trapline_trace_format::event::Nanos;

use super::distribution::sum;
use super::query::{cause_of, unknown};
use crate::error::AnalyzerError;
use crate::summary::{Activity, Part};
use crate::tables::{Tables, partition as words};

const TABLE: &str = "partition";

/// The parts, user mode first, then kernel, switch, idle and tracer; parts of nothing are left out.
pub(crate) fn parts(tables: &Tables) -> Result<Vec<Part>, AnalyzerError> {
    let columns = [col("activity"), col("thread"), col("cause"), col("ns")];
    let frame = tables.partition.clone().select(columns).collect()?;
    let activities: &StringChunked = frame.column("activity")?.str()?;
    let threads = frame.column("thread")?.u32()?;
    let causes = frame.column("cause")?.str()?;
    let ns = frame.column("ns")?.i64()?;
    let rows = activities
        .iter()
        .zip(threads.iter())
        .zip(causes.iter())
        .zip(ns.iter());
    rows.map(|(((activity, thread), cause), ns)| {
        let thread = thread.unwrap_or(0);
        let activity = match activity.unwrap_or_default() {
            words::USER => Activity::User { thread },
            words::KERNEL => {
                let cause = cause.map(|word| cause_of(TABLE, word)).transpose()?;
                Activity::Kernel { thread, cause }
            }
            words::SWITCH => Activity::Switch,
            words::IDLE => Activity::Idle,
            words::WAITING => Activity::Waiting { thread },
            words::BLOCKED => Activity::Blocked { thread },
            words::TRACER => Activity::Tracer,
            other => return Err(unknown(TABLE, "activity", other)),
        };
        Ok(Part {
            activity,
            ns: ns.unwrap_or(0),
        })
    })
    .collect()
}

/// The time that the parts cover.
pub(crate) fn wall_ns(parts: &[Part]) -> Nanos {
    sum(parts.iter().map(|part| part.ns))
}

/// The time of all parts that `chosen` picks.
pub(crate) fn total_ns(parts: &[Part], chosen: impl Fn(&Activity) -> bool) -> Nanos {
    sum(parts
        .iter()
        .filter(|part| chosen(&part.activity))
        .map(|part| part.ns))
}

/// CPU time that belongs to the machine: user mode, kernel and switches, neither idle nor tracer.
pub(crate) fn cpu_ns(parts: &[Part]) -> Nanos {
    total_ns(parts, |activity| {
        !matches!(
            activity,
            Activity::Idle | Activity::Waiting { .. } | Activity::Blocked { .. } | Activity::Tracer
        )
    })
}

/// `part / whole`, 0 of nothing.
pub(crate) fn share(part: Nanos, whole: Nanos) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
