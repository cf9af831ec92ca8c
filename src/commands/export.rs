//! `trapline export`: a trace in a form that other programs read.
//!
//! Neighbours: `calls/src/strace.rs` writes strace's lines, `analyzer/src/export.rs` tables, `reports/src/trace_events.rs` what
//! Perfetto shows.

use anyhow::{Context, anyhow};
use trapline_analyzer::Analysis;
use trapline_analyzer::export::{TableFormat, TableName};
use trapline_calls::CallSet;
use trapline_calls::strace::{Durations, Lines, Options, Pids, Timestamps};
use trapline_calls::text::Style;
use trapline_reports::trace_events::TraceEvents;
use trapline_trace_format::event::Event;
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::{Detail, Target};

use super::load::cannot_read;
use crate::cli::{ExportArgs, Format, PidColumn, TimeColumn};
use crate::exit::Exit;
use crate::output::Output;
use crate::terminal;

/// Writes the trace.
pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<Exit> {
    let odd = match args.format {
        Format::Strace => args.table.map(|_| ("--table", "csv, jsonl and parquet")),
        Format::Csv | Format::Jsonl | Format::Parquet => {
            args.of_strace().map(|option| (option, "strace"))
        }
        Format::Perfetto => args
            .of_strace()
            .map(|option| (option, "strace"))
            .or_else(|| args.table.map(|_| ("--table", "csv, jsonl and parquet"))),
    };
    if let Some((option, formats)) = odd {
        terminal::print_error(&anyhow!(
            "{option} is an option of --format {formats} only; leave it out"
        ));
        return Ok(Exit::Usage);
    }
    match args.format {
        Format::Strace => strace(args),
        Format::Csv => table(args, TableFormat::Csv),
        Format::Jsonl => table(args, TableFormat::JsonLines),
        Format::Parquet => table(args, TableFormat::Parquet),
        Format::Perfetto => perfetto(args),
    }
}

fn strace(args: &ExportArgs) -> anyhow::Result<Exit> {
    let trace = open(args)?;
    let options = Options {
        pids: match args.pids {
            Some(PidColumn::Never) => Pids::Hidden,
            None | Some(PidColumn::Always) => Pids::Shown,
        },
        timestamps: match args.timestamps {
            None | Some(TimeColumn::None) => Timestamps::None,
            Some(TimeColumn::Start) => Timestamps::Start,
            Some(TimeColumn::Relative) => Timestamps::Relative,
            Some(TimeColumn::Unix) => Timestamps::Unix {
                started_s: trace.meta().started_unix_s,
            },
        },
        durations: match args.durations {
            true => Durations::Shown,
            false => Durations::Hidden,
        },
        style: args
            .string_size
            .map_or_else(Style::default, |string_bytes| Style { string_bytes }),
        calls: args.calls.clone().unwrap_or_else(CallSet::all),
    };
    let mut out = Output::open(args.output.as_deref())?;
    let mut lines = Lines::new(&options, &mut out);
    let damage = each_event(args, &trace, |event| lines.event(event))?;
    lines.finish()?;
    out.finish()?;
    Ok(ended(&trace, damage))
}

fn perfetto(args: &ExportArgs) -> anyhow::Result<Exit> {
    let trace = open(args)?;
    let mut out = Output::open(args.output.as_deref())?;
    let mut events = TraceEvents::new(&mut out, &trapline_analyzer::syscall_name)?;
    let damage = each_event(args, &trace, |event| events.event(event))?;
    events.finish()?;
    out.finish()?;
    Ok(ended(&trace, damage))
}

/// A trace of which calls were kept one by one.
fn open(args: &ExportArgs) -> anyhow::Result<Trace> {
    let trace = Trace::open(&args.trace).with_context(|| cannot_read(&args.trace))?;
    if let Target::Linux {
        detail: Detail::Summary,
        ..
    } = trace.meta().target
    {
        return Err(anyhow!(
            "{} has statistics alone, no single calls; record without --summary-only for them",
            args.trace.display()
        ));
    }
    Ok(trace)
}

/// Gives every event of the log's intact part to `sink`; returns what is wrong with the rest.
fn each_event(
    args: &ExportArgs,
    trace: &Trace,
    mut sink: impl FnMut(Event) -> std::io::Result<()>,
) -> anyhow::Result<Option<String>> {
    let events = trace.events().with_context(|| cannot_read(&args.trace))?;
    for event in events {
        match event {
            Ok(event) => sink(event)?,
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
    Ok(None)
}

fn ended(trace: &Trace, damage: Option<String>) -> Exit {
    match trace.completeness().or(damage) {
        None => Exit::Fine,
        Some(why) => incomplete(&trace.name(), &why),
    }
}

fn incomplete(name: &str, why: &str) -> Exit {
    terminal::warn(&format!(
        "{name}: incomplete trace, what was written is its intact part: {why}"
    ));
    Exit::Incomplete
}

fn table(args: &ExportArgs, format: TableFormat) -> anyhow::Result<Exit> {
    let progress = terminal::spinner(format!("reading {}", args.trace.display()));
    let analysis = Analysis::load(&args.trace).with_context(|| cannot_read(&args.trace))?;
    progress.finish_and_clear();
    let mut out = Output::open(args.output.as_deref())?;
    if out.is_terminal() && format == TableFormat::Parquet {
        return Err(anyhow!(
            "Parquet is no text for a terminal; write it to a file with -o FILE"
        ));
    }
    let table = args.table.unwrap_or(TableName::Visits);
    let written = analysis.export(table, format, &mut out);
    // A reader that went away has what it wanted.
    if out.is_broken() {
        return Ok(Exit::Fine);
    }
    written.with_context(|| format!("cannot write table {}", table.word()))?;
    out.finish()?;
    Ok(match analysis.incomplete() {
        None => Exit::Fine,
        Some(why) => incomplete(&args.trace.display().to_string(), why),
    })
}
