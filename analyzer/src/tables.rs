//! The tables of a trace: what its events say, one row per visit, switch, slice, thread, process, program, change of a
//! memory map, signal and part of the time.
//!
//! Key type: [`Tables`], which `store.rs` loads from Parquet files or makes from the log. `fold.rs` turns events into
//! rows; the files named like a table turn its rows into a dataframe and say what each column means.

mod columns;
mod fold;
pub(crate) mod lifecycle;
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
#[cfg(test)]
mod tests;
mod threads;
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
}

/// How many tables there are.
const COUNT: usize = 9;

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
    ])
}

/// File names of the tables.
const NAMES: [&str; COUNT] = [
    "visits.parquet",
    "switches.parquet",
    "slices.parquet",
    "lifecycle.parquet",
    "processes.parquet",
    "programs.parquet",
    "memory.parquet",
    "signals.parquet",
    "partition.parquet",
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
        }
    }

    fn of_frames(frames: [DataFrame; COUNT]) -> Self {
        Self::of_queries(frames.map(DataFrame::lazy))
    }
}
