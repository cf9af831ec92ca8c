//! The options of `export`. Key type: [`ExportArgs`].

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trapline_analyzer::export::TableName;
use trapline_calls::CallSet;

/// Options of `export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Trace folder
    pub(crate) trace: PathBuf,
    /// What to write
    #[arg(short, long, value_enum)]
    pub(crate) format: Format,
    /// File to write, under its name only when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// csv, jsonl, parquet: which table [default: visits]
    #[arg(long, value_name = "TABLE", value_parser = parse_table)]
    pub(crate) table: Option<TableName>,
    /// strace: only these calls, as strace's -e: names, %file and other classes, /pattern, with ! all but these
    #[arg(short = 'e', long = "calls", value_name = "SET", value_parser = parse_calls)]
    pub(crate) calls: Option<CallSet>,
    /// strace: the column of thread numbers [default: always]
    #[arg(long, value_enum)]
    pub(crate) pids: Option<PidColumn>,
    /// strace: the column of times [default: none]
    #[arg(long, value_enum)]
    pub(crate) timestamps: Option<TimeColumn>,
    /// strace: how long each call took, the tracer's stops not counted (as -T)
    #[arg(long)]
    pub(crate) durations: bool,
    /// strace: most bytes of data and items of arrays to show (as -s); a trace has the first 32 bytes of data
    #[arg(short, long, value_name = "N")]
    pub(crate) string_size: Option<usize>,
}

impl ExportArgs {
    /// The first option that only the format strace has.
    pub(crate) fn of_strace(&self) -> Option<&'static str> {
        let own = [
            ("--calls", self.calls.is_some()),
            ("--pids", self.pids.is_some()),
            ("--timestamps", self.timestamps.is_some()),
            ("--durations", self.durations),
            ("--string-size", self.string_size.is_some()),
        ];
        let given = own.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(name, _)| name)
    }
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines like those of `strace -f -o FILE`
    Strace,
    /// A table as comma-separated values
    Csv,
    /// A table as a JSON object per line
    Jsonl,
    /// A table as Apache Parquet
    Parquet,
    /// Trace events for ui.perfetto.dev and chrome://tracing (JSON)
    Perfetto,
}

/// Whether lines begin with the thread's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PidColumn {
    /// On each line
    Always,
    /// Not at all
    Never,
}

/// What time lines begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeColumn {
    /// No time
    None,
    /// Seconds since the start of the trace
    Start,
    /// Seconds since the line before (as -r)
    Relative,
    /// Seconds since 1970 (as -ttt); the trace knows its start to the second
    Unix,
}

fn parse_calls(text: &str) -> Result<CallSet, String> {
    CallSet::parse(text)
}

fn parse_table(text: &str) -> Result<TableName, String> {
    let found = TableName::ALL
        .into_iter()
        .find(|table| table.word() == text);
    found.ok_or_else(|| {
        let words = TableName::ALL.map(TableName::word);
        format!("no such table; there are {}", words.join(", "))
    })
}
