//! One trace's part of the page: what ran, key numbers, each statistic with its picture, where the numbers come from.

use maud::{Markup, html};
use trapline_analyzer::summary::{AwayStat, Distribution, LinuxStat, PlotData, Summary};
use trapline_trace_format::event::Nanos;
use trapline_trace_format::meta::{Outcome, Witnesses};

use super::figure::figure;
use super::grid::grid;
use crate::error::ReportError;
use crate::plots::Plot;
use crate::tables::{Column, Table};
use crate::text::escape::escape;
use crate::units::{NONE, count, duration, duration_f64, share};
use crate::{labels, tables};

/// Everything about one trace.
pub(super) fn trace(
    index: usize,
    summary: &Summary,
    data: &PlotData,
) -> Result<Markup, ReportError> {
    let picture = |plot| figure(plot, summary, data);
    Ok(html! {
        article id={ "trace-" (index + 1) } {
            h2 class="trace" { (escape(&summary.name)) }
            (warnings(summary))
            (what_ran(summary))
            (key_numbers(summary))
            section class="picture" { h3 { (time_went(summary)) } (picture(Plot::WallTimePartition)?) }
            section class="picture" { h3 { "Timeline: who had the CPU" } (picture(Plot::Timeline)?) }
            section {
                h3 { "Causes" }
                (grid(&tables::causes(summary), "No program entered the kernel in this trace."))
            }
            section {
                h3 { "System calls" }
                (grid(&tables::syscalls(summary), "No system call was made in this trace."))
                @if let Some(unknown) = tables::unknown_calls(summary) {
                    p class="bad" { "Calls this kernel does not have (ENOSYS): " (unknown) }
                }
                (picture(Plot::SyscallCost)?)
            }
            section {
                h3 { "Context switches" }
                (grid(&tables::switches(summary), "No context switch is told of in this trace."))
                (picture(Plot::SwitchCost)?)
                @if let Some(linux) = &summary.linux {
                    h4 { (tables::linux::accounts(summary, linux).title) }
                    (grid(&tables::linux::accounts(summary, linux), ""))
                }
            }
            section {
                h3 { "Processes and threads" }
                (grid(&tables::processes(summary).with_last_second(), "No process arrived in this trace."))
                @if !summary.blocked.is_empty() {
                    h4 { (tables::blocked(summary).title) }
                    (grid(&tables::blocked(summary), ""))
                }
            }
            @if let Some(linux) = &summary.linux {
                section {
                    h3 { "Signals" }
                    (grid(&tables::linux::signals(linux), "No signal was acted upon in this trace."))
                }
            } @else {
                section class="picture" {
                    h3 { "Memory maps: who could address what" }
                    @if let Some(faults) = tables::page_faults(summary) { p { (faults) } }
                    (picture(Plot::MemoryMaps)?)
                }
                section {
                    h3 { "Quantum" }
                    @if let Some(table) = tables::quantum(summary) { (grid(&table, "")) }
                    (picture(Plot::QuantumAccuracy)?)
                }
            }
            (provenance(summary))
        }
    })
}

/// Key numbers of several traces in one table.
pub(super) fn beside_each_other(traces: &[(Summary, PlotData)]) -> Markup {
    let numbers: Vec<Vec<Number>> = traces.iter().map(|(summary, _)| numbers(summary)).collect();
    let names = traces
        .iter()
        .map(|(summary, _)| escape(&summary.name).into_owned());
    let rows = names.zip(&numbers).map(|(name, numbers)| {
        std::iter::once(name)
            .chain(numbers.iter().map(|number| number.value.clone()))
            .collect()
    });
    let headings = numbers
        .first()
        .into_iter()
        .flatten()
        .map(|number| Column::Numbers(number.name));
    let table = Table {
        title: "Traces beside each other",
        note: "One run each: times are noisy, a change of a few percent is no evidence.".into(),
        columns: std::iter::once(Column::Words("trace"))
            .chain(headings)
            .collect(),
        rows: rows.collect(),
    };
    html! { section id="comparison" { h2 { (table.title) } (grid(&table, "")) } }
}

fn time_went(summary: &Summary) -> &'static str {
    match summary.linux {
        Some(_) => "Where the threads' time went",
        None => "Where the wall time went",
    }
}

fn warnings(summary: &Summary) -> Markup {
    let differ = matches!(summary.meta.witnesses, Witnesses::Differ { .. });
    html! {
        @for loss in labels::losses(summary) { p class="bad" { (loss) } }
        @if !matches!(summary.meta.outcome, Outcome::Completed { .. }) {
            p class="bad" { "Recording " (labels::outcome(&summary.meta.outcome)) }
        }
        @for missing in tables::linux::missing(summary) {
            p class=(if missing.is_bad() { "bad" } else { "note" }) { "Not in this trace: " (missing.line) }
        }
        @if differ { p class="bad" { "Witnesses " (labels::witnesses(&summary.meta.witnesses)) } }
    }
}

fn what_ran(summary: &Summary) -> Markup {
    let target = &summary.meta.target;
    let lines = [
        ("machine", labels::machine(target)),
        (
            if summary.linux.is_some() {
                "program"
            } else {
                "jobs"
            },
            labels::jobs(target),
        ),
        ("scheduler", labels::scheduler(target)),
        ("settings", labels::settings(target)),
        ("outcome", labels::outcome(&summary.meta.outcome)),
        ("witnesses", labels::witnesses(&summary.meta.witnesses)),
    ];
    // Linux chooses its scheduler itself, and is the one witness.
    let of_mini = ["scheduler", "witnesses"];
    let shown = |(word, _): &&(&str, String)| summary.linux.is_none() || !of_mini.contains(word);
    let lines: Vec<_> = lines.iter().filter(shown).cloned().collect();
    html! { section { h3 { "What ran" } (pairs(&lines)) } }
}

/// A number with its name and what it means in a few words.
struct Number {
    name: &'static str,
    value: String,
    of: String,
}

fn numbers(summary: &Summary) -> Vec<Number> {
    if let Some(linux) = &summary.linux {
        return linux_numbers(summary, linux);
    }
    let visits = sums(summary.causes.iter().map(|stat| &stat.kernel));
    let switches = sums(summary.switches.iter().map(|stat| &stat.cost));
    let involuntary = sums(
        summary
            .switches
            .iter()
            .filter(|stat| !stat.voluntary)
            .map(|stat| &stat.cost),
    );
    let quantum = summary
        .quantum
        .as_ref()
        .map_or(NONE.to_owned(), |quantum| duration(quantum.got.p50_ns));
    let number = |name, value, of: &str| Number {
        name,
        value,
        of: of.to_owned(),
    };
    vec![
        number(
            "wall time",
            duration(summary.wall_ns),
            "from first to last event",
        ),
        number(
            "control overhead",
            share(summary.overhead.without_probe),
            "of the CPU time not in user mode",
        ),
        number(
            "probe effect",
            share(summary.overhead.probe_share),
            "of the wall time, held by the tracer",
        ),
        number("quantum got", quantum, "median of those that expired"),
        number("traps", count(visits.0), "mode switches into the kernel"),
        number("per visit", mean(visits), "mean CPU time in the kernel"),
        number(
            "switches",
            count(switches.0),
            &format!("context switches, {} involuntary", count(involuntary.0)),
        ),
        number("per switch", mean(switches), "mean switch cost"),
    ]
}

fn linux_numbers(summary: &Summary, linux: &LinuxStat) -> Vec<Number> {
    let calls = sums(summary.syscalls.iter().map(|stat| &stat.kernel));
    let had = tables::linux::had(&summary.meta.target);
    let told = |there: bool, value: String| if there { value } else { NONE.to_owned() };
    let switches = |stats: &[AwayStat]| stats.iter().map(|stat| stat.count).sum::<u64>();
    let usage = &linux.usage;
    let number = |name, value, of: &str| Number {
        name,
        value,
        of: of.to_owned(),
    };
    vec![
        number(
            "wall time",
            duration(summary.wall_ns),
            "from first to last event",
        ),
        number(
            "CPU time",
            told(
                linux.accounts > 0,
                duration(usage.user_ns.saturating_add(usage.system_ns)),
            ),
            "by the kernel's account",
        ),
        number(
            "control overhead",
            told(had.events, share(summary.overhead.without_probe)),
            "of the CPU time not in user mode",
        ),
        number(
            "probe effect",
            told(had.events, share(summary.overhead.probe_share)),
            "of the threads' time, the tracer's",
        ),
        number("system calls", count(calls.0), "made by all threads"),
        number(
            "per call",
            told(had.switches, mean(calls)),
            "mean CPU time in the kernel",
        ),
        number(
            "switches",
            told(had.switches, count(switches(&linux.away))),
            &format!(
                "and {} at the tracer's stops",
                count(switches(&linux.away_by_tracer))
            ),
        ),
        number(
            "page faults",
            told(
                linux.accounts > 0,
                count(usage.minor_faults + usage.major_faults),
            ),
            "by the kernel's account",
        ),
    ]
}

/// How many and how much together.
fn sums<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> (u64, Nanos) {
    distributions.fold((0, 0), |sum, d| (sum.0 + d.count, sum.1 + d.total_ns))
}

fn mean((count, total): (u64, Nanos)) -> String {
    if count == 0 {
        NONE.to_owned()
    } else {
        duration(total / count as Nanos)
    }
}

fn key_numbers(summary: &Summary) -> Markup {
    html! {
        section {
            h3 { "Key numbers" }
            div class="tiles" {
                @for number in numbers(summary) {
                    div class="tile" {
                        span class="name" { (number.name) }
                        span class="value" { (number.value) }
                        span class="of" { (number.of) }
                    }
                }
            }
        }
    }
}

fn provenance(summary: &Summary) -> Markup {
    let meta = &summary.meta;
    let c = &meta.calibration;
    let percentiles = if tables::has_estimates(summary) {
        "from buckets at most 1 % wide where there are many values; counts, totals, smallest and largest are exact"
    } else {
        "exact"
    };
    let lines = [
        ("command", labels::command(meta)),
        ("recorded", labels::utc(meta.started_unix_s)),
        (
            "versions",
            format!(
                "recorded by trapline {}, trace format {}",
                escape(&meta.tool_version),
                meta.format_version
            ),
        ),
        ("host", labels::host(&meta.host)),
        (
            "boot",
            format!(
                "{} from starting the machine to the start of the trace",
                duration(meta.boot_ns)
            ),
        ),
        ("events", count(meta.events)),
        ("percentiles", percentiles.to_owned()),
        (
            "calibration",
            format!(
                "medians: clock read {}, entry {}, exit {}, null syscall {} (all not traced), hidden cost of a stop {}{}",
                duration_f64(c.clock_read_ns),
                duration_f64(c.entry_ns),
                duration_f64(c.exit_ns),
                duration_f64(c.null_syscall_ns),
                duration_f64(c.hidden_stop_ns),
                match c.on_cpu_stop_ns {
                    0.0 => String::new(),
                    ns => format!(", {} of it on the CPU", duration_f64(ns)),
                }
            ),
        ),
    ];
    // Linux was booted already.
    let shown = |(word, _): &&(&str, String)| summary.linux.is_none() || *word != "boot";
    let lines: Vec<_> = lines.iter().filter(shown).cloned().collect();
    html! { section { h3 { "Where the numbers come from" } (pairs(&lines)) } }
}

fn pairs(lines: &[(&str, String)]) -> Markup {
    html! { dl class="pairs" { @for (word, line) in lines { dt { (word) } dd { (line) } } } }
}
