//! Per cause of trap: how many visits, and how long the kernel worked in each.
//!
//! A visit's kernel time is entry, handler and exit, without the time that others had the CPU and without the tracer.
//! Visits that the end of the trace cut count with what was seen of them. The share is of user, kernel and switch time.

use polars::prelude::col;
use trapline_trace_format::event::Cause;

use super::distribution::distribution;
use super::partition::{cpu_ns, share};
use super::query::{cause_of, grouped};
use crate::error::AnalyzerError;
use crate::summary::{CauseStat, Part};
use crate::tables::Tables;

/// One row per cause that occurred, in the order of [`Cause::ALL`].
pub(crate) fn causes(tables: &Tables, partition: &[Part]) -> Result<Vec<CauseStat>, AnalyzerError> {
    let cpu_ns = cpu_ns(partition);
    let (frame, groups) = grouped(tables.visits.clone(), "cause", col("kernel_ns"))?;
    let mut rows = Vec::with_capacity(groups.len());
    for (word, mut values) in frame.column("cause")?.str()?.iter().zip(groups) {
        let cause = cause_of("visits", word.unwrap_or_default())?;
        let kernel = distribution(&mut values);
        rows.push(CauseStat {
            cause,
            kernel,
            share: share(kernel.total_ns, cpu_ns),
        });
    }
    rows.sort_by_key(|row| Cause::ALL.iter().position(|cause| *cause == row.cause));
    Ok(rows)
}
