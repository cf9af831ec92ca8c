//! What `replay --measure` prints, and `compare` of two such measurements.

use std::fmt::Write;

use trapline_analyzer::{MeasuredComparison, MeasuredRow, Verdict};
use trapline_trace_format::measurement::{Estimate, Measurement, Metric};

use super::{Style, table};
use crate::tables::{Column, Table};
use crate::text::escape::escape;
use crate::units::{NONE, count, duration_f64, things};

/// What the passages of a schedule cost, each line ended.
#[must_use]
pub fn measurement(measurement: &Measurement, style: Style) -> String {
    let of = format!(
        "{}, replayed {}",
        escape(&measurement.trace.name),
        things(measurement.replays.into(), "time", "times")
    );
    let mut text = format!("{}\n", style.heading(&of));
    let notes = [
        "The kernel's own time of each visit and switch, the same ones in every replay, no tracer. Not in it: entry and exit, \
         setting the timer, sleeping, and for visits of preemptions the search for their place.",
        "median: over the replays, of the mean of the middle half of the passages; with its 95 % interval. p90 to greatest: of the passages, each at its median over the \
         replays. least: the median passage at its fastest.",
    ];
    for note in notes {
        let _ = writeln!(text, "  {}", style.faint(note));
    }
    text.push_str(&table::section(&metrics(measurement), style));
    text
}

fn metrics(measurement: &Measurement) -> Table {
    let cells = |metric: &Metric| {
        let q = &metric.passages;
        let mut cells = vec![
            escape(&metric.name).into_owned(),
            count(metric.count),
            duration_f64(metric.median.point),
            interval(metric.median, duration_f64),
        ];
        cells.extend([metric.least_ns, q.p90_ns, q.p99_ns, q.max_ns, q.total_ns].map(duration_f64));
        cells
    };
    Table {
        title: "What the schedule costs the kernel",
        note: "".into(),
        columns: vec![
            Column::Words("metric"),
            Column::Numbers("count"),
            Column::Numbers("median"),
            Column::Numbers("95 % interval"),
            Column::Numbers("least"),
            Column::Numbers("p90"),
            Column::Numbers("p99"),
            Column::Numbers("greatest"),
            Column::Numbers("total"),
        ],
        rows: measurement.metrics.iter().map(cells).collect(),
    }
}

/// Two measurements beside each other, each line ended: caveats, metrics, verdict.
#[must_use]
pub fn measured_comparison(comparison: &MeasuredComparison, style: Style) -> String {
    let names = format!("{} → {}", escape(&comparison.base), escape(&comparison.new));
    let mut text = format!("{}\n", style.heading(&names));
    for caveat in &comparison.caveats {
        let _ = writeln!(text, "  {} {}", style.bad("careful:"), escape(caveat));
    }
    if comparison.rows.is_empty() {
        text.push_str("\nThe measurements have no metric.\n");
    }
    text.push_str(&table::section(&rows(comparison), style));
    text.push_str(&verdict(comparison, style));
    text
}

fn rows(comparison: &MeasuredComparison) -> Table {
    let cells = |row: &MeasuredRow| {
        let median = |of: Option<trapline_analyzer::Measured>| {
            of.map_or(NONE.to_owned(), |of| duration_f64(of.median.point))
        };
        let ratio = |ratio: f64| format!("{ratio:.3}");
        vec![
            escape(&row.metric).into_owned(),
            median(row.base),
            median(row.new),
            row.ratio.map_or(NONE.to_owned(), |r| ratio(r.point)),
            row.ratio.map_or(NONE.to_owned(), |r| interval(r, ratio)),
            row.p.map_or(NONE.to_owned(), probability),
            row.verdict.words().to_owned(),
        ]
    };
    Table {
        title: "Comparison of measurements",
        note: format!(
            "Medians over the replays. ratio: new / base. p: rank test, corrected for {}. Within {} % counts as the same.",
            things(comparison.tests as u64, "metric", "metrics"),
            comparison.tolerance_percent
        )
        .into(),
        columns: vec![
            Column::Words("metric"),
            Column::Numbers("base"),
            Column::Numbers("new"),
            Column::Numbers("ratio"),
            Column::Numbers("95 % interval"),
            Column::Numbers("p"),
            Column::Words("verdict"),
        ],
        rows: comparison.rows.iter().map(cells).collect(),
    }
}

fn verdict(comparison: &MeasuredComparison, style: Style) -> String {
    let names = |verdict| -> Vec<String> {
        let rows = comparison.with_verdict(verdict);
        rows.map(|row| escape(&row.metric).into_owned()).collect()
    };
    let regressed = names(Verdict::Regressed);
    let too_few = names(Verdict::TooFewRuns).len();
    if !regressed.is_empty() {
        format!("\n{} {}\n", style.bad("regression:"), regressed.join(", "))
    } else if too_few > 0 {
        format!(
            "\n{} no verdict on {}; measure with more --times\n",
            style.bad("too few runs:"),
            things(too_few as u64, "metric", "metrics")
        )
    } else {
        format!(
            "\n{} nothing shows that a metric is slower\n",
            style.good("no regression:")
        )
    }
}

fn interval(estimate: Estimate, show: impl Fn(f64) -> String) -> String {
    estimate.interval.map_or(NONE.to_owned(), |[low, high]| {
        format!("{} to {}", show(low), show(high))
    })
}

fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}
