//! The tables of a trace: what its events say, one row per visit, switch, slice, thread, process, program, change of a
//! memory map, signal, part of the time, account, page fault and tally.
//!
//! Key type: [`Tables`], which `store.rs` loads from Parquet files or makes from the log. `fold.rs` (mini-kernel)
//! and `linux.rs` turn events into rows; the files named like a table turn its rows into a dataframe and say what each column means.

mod columns;
pub(crate) mod faults;
mod fold;
pub(crate) mod lifecycle;
pub(crate) mod linux;
mod lives;
pub(crate) mod memory;
mod order;
pub(crate) mod partition;
mod processes;
mod programs;
pub(crate) mod rows;
mod segment;
mod signals;
mod slices;
pub(crate) mod status;
mod store;
mod switches;
mod tallies;
#[cfg(test)]
mod tests;
mod threads;
mod usage;
mod visits;

use polars::prelude::{DataFrame, IntoLazy, LazyFrame, PolarsResult};

pub(crate) use store::load;

/// The tables of one trace, ready to be queried. A query reads the columns that it names and no others.
#[derive(Clone)]
pub(crate) struct Tables {
    pub(crate) visits: LazyFrame,
    pub(crate) switches: LazyFrame,
    pub(crate) slices: LazyFrame,
    pub(crate) lifecycle: LazyFrame,
    pub(crate) processes: LazyFrame,
    pub(crate) programs: LazyFrame,
    pub(crate) memory: LazyFrame,
    pub(crate) signals: LazyFrame,
    pub(crate) partition: LazyFrame,
    pub(crate) usage: LazyFrame,
    pub(crate) faults: LazyFrame,
    pub(crate) tallies: LazyFrame,
}

/// How many tables there are.
const COUNT: usize = 12;

/// The dataframes of all tables, in the order of [`NAMES`].
fn frames(rows: rows::Rows) -> PolarsResult<[DataFrame; COUNT]> {
    let rows::Rows {
        visits,
        switches,
        slices,
        lifecycle,
        processes,
        programs,
        memory,
        signals,
        partition,
        usage,
        faults,
        tallies,
    } = rows;
    Ok([
        visits::frame(visits)?,
        switches::frame(&switches)?,
        slices::frame(&slices)?,
        lifecycle::frame(&lifecycle)?,
        processes::frame(&processes)?,
        programs::frame(&programs)?,
        memory::frame(&memory)?,
        signals::frame(&signals)?,
        partition::frame(&partition)?,
        usage::frame(&usage)?,
        faults::frame(&faults)?,
        tallies::frame(&tallies)?,
    ])
}

/// File names of the tables.
pub(crate) const NAMES: [&str; COUNT] = [
    "visits.parquet",
    "switches.parquet",
    "slices.parquet",
    "lifecycle.parquet",
    "processes.parquet",
    "programs.parquet",
    "memory.parquet",
    "signals.parquet",
    "partition.parquet",
    "usage.parquet",
    "faults.parquet",
    "tallies.parquet",
];

impl Tables {
    fn of_queries(queries: [LazyFrame; COUNT]) -> Self {
        let [
            visits,
            switches,
            slices,
            lifecycle,
            processes,
            programs,
            memory,
            signals,
            partition,
            usage,
            faults,
            tallies,
        ] = queries;
        Self {
            visits,
            switches,
            slices,
            lifecycle,
            processes,
            programs,
            memory,
            signals,
            partition,
            usage,
            faults,
            tallies,
        }
    }

    fn of_frames(frames: [DataFrame; COUNT]) -> Self {
        Self::of_queries(frames.map(DataFrame::lazy))
    }
}
