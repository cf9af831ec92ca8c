//! The tables of a trace: what its events say, one row per visit, switch, slice, thread and part of the time.
//!
//! Key type: [`Tables`], which `store.rs` loads from Parquet files or makes from the log. `fold.rs` turns events into
//! rows; the files named like a table turn its rows into a dataframe and say what each column means.

mod columns;
mod fold;
pub(crate) mod lifecycle;
mod order;
pub(crate) mod partition;
mod rows;
mod segment;
mod slices;
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
    pub(crate) partition: LazyFrame,
}

/// The dataframes of all tables, in the order of [`NAMES`].
fn frames(rows: rows::Rows) -> PolarsResult<[DataFrame; 5]> {
    let rows::Rows {
        visits,
        switches,
        slices,
        lifecycle,
        partition,
    } = rows;
    Ok([
        visits::frame(visits)?,
        switches::frame(&switches)?,
        slices::frame(&slices)?,
        lifecycle::frame(&lifecycle)?,
        partition::frame(&partition)?,
    ])
}

/// File names of the tables.
const NAMES: [&str; 5] = [
    "visits.parquet",
    "switches.parquet",
    "slices.parquet",
    "lifecycle.parquet",
    "partition.parquet",
];

impl Tables {
    fn of_queries([visits, switches, slices, lifecycle, partition]: [LazyFrame; 5]) -> Self {
        Self {
            visits,
            switches,
            slices,
            lifecycle,
            partition,
        }
    }

    fn of_frames(frames: [DataFrame; 5]) -> Self {
        Self::of_queries(frames.map(DataFrame::lazy))
    }
}
