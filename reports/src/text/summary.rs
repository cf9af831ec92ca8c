//! One trace in text: what ran, where the time went, what the mode switches and context switches cost.

use std::fmt::Write;

use trapline_analyzer::summary::Summary;
use trapline_trace_format::meta::{Outcome, Witnesses};

use super::{Style, table};
use crate::partition::{self, Share};
use crate::text::escape::escape;
use crate::units::{duration, share};
use crate::{labels, tables, units};

/// Columns of the longest bar beside the partition.
const BAR: usize = 32;
/// Processes with a row of their own in the partition.
const MAX_USERS: usize = 24;

/// The whole summary, each line ended. Sections without content are left out.
#[must_use]
pub fn summary(summary: &Summary, style: Style) -> String {
    let mut text = header(summary, style);
    text.push_str(&partition_section(summary, style));
    text.push_str(&overhead(summary, style));
    let mut sections = vec![
        tables::causes(summary),
        tables::syscalls(summary),
        tables::switches(summary),
    ];
    if let Some(linux) = &summary.linux {
        sections.push(tables::linux::accounts(summary, linux));
        sections.push(tables::linux::signals(linux));
    }
    for section in sections {
        text.push_str(&table::section(&section, style));
    }
    if let Some(unknown) = tables::unknown_calls(summary) {
        let _ = writeln!(
            text,
            "\n{} {unknown}",
            style.bad("Calls this kernel does not have (ENOSYS):")
        );
    }
    if let Some(faults) = tables::page_faults(summary) {
        let _ = writeln!(text, "\n{faults}");
    }
    text.push_str(&table::section(&tables::processes(summary), style));
    text.push_str(&table::section(&tables::blocked(summary), style));
    if let Some(quantum) = tables::quantum(summary) {
        text.push_str(&table::section(&quantum, style));
    }
    text.push_str(&footer(summary, style));
    text
}

fn header(summary: &Summary, style: Style) -> String {
    let meta = &summary.meta;
    let outcome = labels::outcome(&meta.outcome);
    let witnesses = labels::witnesses(&meta.witnesses);
    let linux = summary.linux.is_some();
    let lines = [
        (
            "ran",
            format!(
                "{}: {}",
                labels::machine(&meta.target),
                labels::jobs(&meta.target)
            ),
        ),
        ("scheduler", labels::scheduler(&meta.target)),
        ("settings", labels::settings(&meta.target)),
        (
            "wall time",
            match linux {
                true => duration(summary.wall_ns),
                false => format!(
                    "{}, after a boot of {}",
                    duration(summary.wall_ns),
                    duration(meta.boot_ns)
                ),
            },
        ),
        ("host", labels::host(&meta.host)),
        (
            "outcome",
            match meta.outcome {
                Outcome::Completed { .. } => outcome,
                _ => style.bad(&outcome),
            },
        ),
        (
            "witnesses",
            match meta.witnesses {
                Witnesses::Agree { .. } => style.good(&witnesses),
                Witnesses::Differ { .. } => style.bad(&witnesses),
                Witnesses::NotCompared => witnesses,
            },
        ),
    ];
    let mut text = format!("{}\n", style.heading(&escape(&summary.name)));
    for loss in labels::losses(summary) {
        let _ = writeln!(text, "  {}", style.bad(&loss));
    }
    for (word, line) in lines {
        // Linux chooses its scheduler itself, and is the one witness.
        if linux && matches!(word, "scheduler" | "witnesses") {
            continue;
        }
        let _ = writeln!(text, "  {word:<11}{line}");
    }
    for missing in tables::linux::missing(summary) {
        let line = match missing.is_bad() {
            true => style.bad(&missing.line),
            false => missing.line,
        };
        let _ = writeln!(text, "  {:<11}{line}", "not in it");
    }
    text
}

fn partition_section(summary: &Summary, style: Style) -> String {
    let rows = partition::shares_of_at_most(summary, MAX_USERS);
    let title = match summary.linux {
        Some(_) => "Where the threads' time went",
        None => "Where the wall time went",
    };
    let mut text = format!("\n{}\n", style.heading(title));
    if rows.is_empty() {
        let why = match tables::linux::had(&summary.meta.target).events {
            true => "nowhere: the trace covers no time",
            false => "not known: statistics alone were kept",
        };
        let _ = writeln!(text, "  {why}");
        return text;
    }
    let label_width = rows
        .iter()
        .map(|row| row.label.chars().count())
        .max()
        .unwrap_or(0)
        .max(5);
    let largest = rows.iter().map(|row| row.ns).max().unwrap_or(1).max(1);
    for row in &rows {
        let (label, percent) = (&row.label, row.percent());
        let _ = writeln!(
            text,
            "  {label:<label_width$}  {:>8}  {percent:>7}  {}",
            duration(row.ns),
            bar(row, largest)
        );
    }
    let total: i64 = rows.iter().map(|row| row.ns).sum();
    let _ = writeln!(
        text,
        "  {:<label_width$}  {:>8}  {:>7}",
        "total",
        duration(total),
        "100.0 %"
    );
    let _ = writeln!(
        text,
        "  {}",
        style.faint("Percentages are rounded together, so that they add up to 100.0 %.")
    );
    if summary.linux.is_some() {
        let lives = units::things(summary.threads.len() as u64, "thread", "threads");
        let note = format!("The total is the lives of {lives} together, not the wall time.");
        let _ = writeln!(text, "  {}", style.faint(&note));
    }
    text
}

fn bar(row: &Share, largest: i64) -> String {
    // Eighths of a character cell: a bar can show what is much smaller than a cell.
    let eighths = (row.ns as f64 / largest as f64 * (BAR * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if let Some(rest) = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8) {
        bar.push_str(rest);
    }
    bar
}

fn overhead(summary: &Summary, style: Style) -> String {
    let o = &summary.overhead;
    if !tables::linux::had(&summary.meta.target).events {
        return String::new();
    }
    let whole = match summary.linux {
        Some(_) => "threads' time",
        None => "wall time",
    };
    let mut text = format!("\n{}\n", style.heading("Control overhead"));
    let _ = writeln!(
        text,
        "  {:>7}  {}",
        share(o.without_probe),
        match (
            &summary.linux,
            tables::linux::had(&summary.meta.target).switches
        ) {
            (None, _) =>
                "of the CPU time was not spent in user mode (kernel and switches; idle time is not CPU time)",
            (Some(_), true) => "of the CPU time was not spent in user mode",
            (Some(_), false) =>
                "of the time was not spent in user mode, time blocked in the kernel included",
        }
    );
    if o.probe_share > 0.0 {
        let _ = writeln!(
            text,
            "  {:>7}  with the probe effect counted in",
            share(o.with_probe)
        );
        let _ = writeln!(
            text,
            "  {:>7}  of the {whole} the tracer held {}",
            share(o.probe_share),
            match summary.linux {
                Some(_) => "them",
                None => "the machine",
            }
        );
    }
    text
}

fn footer(summary: &Summary, style: Style) -> String {
    if !tables::has_estimates(summary) {
        return String::new();
    }
    let note = "Percentiles of many values come from buckets at most 1 % wide; count, total, min and max are exact.";
    format!("\n{}\n", style.faint(note))
}
