//! From the result of a query to plain values.

use polars::prelude::{DataFrame, Expr, LazyFrame, PolarsResult, col};
use trapline_trace_format::event::{Abi, Cause, Nanos, SwitchReason};

use crate::error::AnalyzerError;

/// The values of a column of nanoseconds, gaps left out.
pub(super) fn values(frame: &DataFrame, column: &str) -> PolarsResult<Vec<Nanos>> {
    Ok(frame.column(column)?.i64()?.iter().flatten().collect())
}

/// The values of `value` for each `key`: the group's key column, and each group's values, gaps left out.
pub(super) fn grouped(
    query: LazyFrame,
    key: &str,
    value: Expr,
) -> PolarsResult<(DataFrame, Vec<Vec<Nanos>>)> {
    let frame = query
        .group_by([col(key)])
        .agg([value.alias("value")])
        .collect()?;
    let groups = lists(&frame, "value")?;
    Ok((frame, groups))
}

/// A column of lists of nanoseconds, gaps left out.
pub(super) fn lists(frame: &DataFrame, column: &str) -> PolarsResult<Vec<Vec<Nanos>>> {
    let lists = frame.column(column)?.list()?;
    let values = |list: Option<polars::prelude::Series>| match list {
        Some(list) => Ok(list.i64()?.iter().flatten().collect()),
        None => Ok(Vec::new()),
    };
    lists.series_iter().map(values).collect()
}

/// The cause of this word.
pub(crate) fn cause_of(table: &'static str, word: &str) -> Result<Cause, AnalyzerError> {
    let known = Cause::ALL.into_iter().find(|cause| cause.word() == word);
    known.ok_or_else(|| unknown(table, "cause", word))
}

/// The table of system calls of this word.
pub(crate) fn abi_of(table: &'static str, word: &str) -> Result<Abi, AnalyzerError> {
    let known = Abi::ALL.into_iter().find(|abi| abi.word() == word);
    known.ok_or_else(|| unknown(table, "ABI", word))
}

/// The switch reason of this word.
pub(crate) fn reason_of(table: &'static str, word: &str) -> Result<SwitchReason, AnalyzerError> {
    let known = SwitchReason::ALL
        .into_iter()
        .find(|reason| reason.word() == word);
    known.ok_or_else(|| unknown(table, "switch reason", word))
}

/// A word that no version writes.
pub(crate) fn unknown(table: &'static str, what: &str, word: &str) -> AnalyzerError {
    let word: String = word.escape_debug().take(40).collect();
    AnalyzerError::Content {
        table,
        reason: format!("unknown {what} `{word}`"),
    }
}
