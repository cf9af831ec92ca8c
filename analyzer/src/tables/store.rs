//! Where tables come from: verified Parquet files beside the log or, without them, the log itself.
//!
//! Key function: [`load`]. Neighbours: `fold.rs` and `linux.rs` make rows of events, the folder of trace-format keeps the files.
//!
//! Tables are written only for a finished and intact trace: meta.json of an unfinished one still belongs to its
//! recorder, and what a damaged log gave should be said again each time. A folder that cannot be written to is no error;
//! the tables are then kept in memory for this once. Parquet as polars writes it: zstd, words by dictionary. Timestamps
//! are not delta-encoded, because polars' writer does not offer it.

use std::path::Path;

use polars::prelude::{
    DataFrame, LazyFrame, ParquetCompression, ParquetWriter, PlRefPath, PolarsResult,
    ScanArgsParquet,
};
use trapline_trace_format::folder::{LOG_FILE, Trace};
use trapline_trace_format::log::LogReader;
use trapline_trace_format::meta::{Outcome, Target};

use super::fold::Fold;
use super::linux::LinuxFold;
use super::linux::order::Batches;
use super::order::InOrder;
use super::rows::Rows;
use super::{COUNT, NAMES, Tables, frames};
use crate::error::AnalyzerError;

/// The tables of a trace, and what is wrong with it when they are of its intact prefix only.
pub(crate) fn load(trace: &mut Trace) -> Result<(Tables, Option<String>), AnalyzerError> {
    let incomplete = trace.completeness();
    if incomplete.is_none()
        && let Some(tables) = scan_all(trace)?
    {
        return Ok((tables, None));
    }
    let (rows, damage) = read_log(trace)?;
    let mut frames = frames(rows)?;
    let incomplete = incomplete.or(damage);
    if incomplete.is_none() && trace.meta().outcome != Outcome::Recording {
        write_all(trace, &mut frames);
    }
    Ok((Tables::of_frames(frames), incomplete))
}

/// All tables from their files; nothing if any is missing or has not the columns of this version.
fn scan_all(trace: &Trace) -> Result<Option<Tables>, AnalyzerError> {
    let expected = frames(Rows::default())?;
    let mut queries = Vec::with_capacity(NAMES.len());
    for (name, expected) in NAMES.into_iter().zip(&expected) {
        let Some(path) = trace.table_path(name)? else {
            return Ok(None);
        };
        let mut query = scan(&path)?;
        if query.collect_schema()?.as_ref() != expected.schema().as_ref() {
            return Ok(None);
        }
        queries.push(query);
    }
    Ok(queries.try_into().ok().map(Tables::of_queries))
}

fn scan(path: &Path) -> PolarsResult<LazyFrame> {
    // A trace's name may hold what a pattern would take for its own.
    let plain = ScanArgsParquet {
        glob: false,
        ..ScanArgsParquet::default()
    };
    LazyFrame::scan_parquet(PlRefPath::try_from_path(path)?, plain)
}

/// The rows of the log's intact prefix, and what ends it.
fn read_log(trace: &Trace) -> Result<(Rows, Option<String>), AnalyzerError> {
    // A log that cannot be opened has no prefix to speak of.
    let log = trace.events()?;
    let meta = trace.meta();
    Ok(match meta.target {
        Target::Mini { .. } => {
            let mut fold = Fold::new(&meta.calibration);
            let damage = fold_log(log, &mut fold).err();
            (fold.finish(), damage)
        }
        Target::Linux { .. } => {
            let mut fold = LinuxFold::new(meta);
            let damage = fold_linux_log(log, &mut fold).err();
            (fold.finish(), damage)
        }
    })
}

fn fold_linux_log(log: LogReader, fold: &mut LinuxFold) -> Result<(), String> {
    let mut order = Batches::default();
    let mut push = |(number, event)| {
        let bad = |error| format!("{LOG_FILE}: event {number} {error}");
        fold.push(event).map_err(bad)
    };
    let mut damage = Ok(());
    for event in log {
        match event {
            Ok(event) if LinuxFold::wants(&event.kind) => order.push(event, &mut push)?,
            Ok(_) => order.pass(),
            Err(error) => damage = Err(error.to_string()),
        }
    }
    order.rest().try_for_each(push)?;
    damage
}

fn fold_log(log: LogReader, fold: &mut Fold) -> Result<(), String> {
    let mut order = InOrder::default();
    let mut push = |(number, event)| {
        let bad = |error| format!("{LOG_FILE}: event {number} {error}");
        fold.push(event).map_err(bad)
    };
    let mut damage = Ok(());
    for event in log {
        match event {
            Ok(event) => order.push(event).map_or(Ok(()), &mut push)?,
            Err(error) => damage = Err(error.to_string()),
        }
    }
    order.rest().try_for_each(push)?;
    damage
}

/// Keeps the tables beside the log, as far as that is possible.
fn write_all(trace: &mut Trace, frames: &mut [DataFrame; COUNT]) {
    for (name, frame) in NAMES.into_iter().zip(frames) {
        let written = trace.write_table(name, |sink| {
            let writer = ParquetWriter::new(sink).with_compression(ParquetCompression::Zstd(None));
            writer.finish(frame)?;
            Ok::<(), AnalyzerError>(())
        });
        // Read-only folder, full disk: the tables at hand serve as well, and the log remains.
        if written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
