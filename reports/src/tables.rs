//! The tables of a summary and of a comparison as plain cells, shown by text and page alike.
//!
//! Key type: [`Table`]. A new statistic gets its table here, once.

use trapline_analyzer::summary::{
    Comparison, ComparisonRow, Distribution, Polarity, Summary, Unit,
};

use crate::labels;
use crate::text::escape::{escape, escape_short};
use crate::units::{self, NONE, count, duration, share};

/// Cells under headings. Every cell is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// What the table is of.
    pub(crate) title: &'static str,
    /// One line under the title that says what the numbers are.
    pub(crate) note: &'static str,
    /// Headings.
    pub(crate) columns: Vec<Column>,
    /// Cells, as many per row as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A heading and how its column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// Numbers, to the right.
    Numbers(&'static str),
}

impl Column {
    /// The heading.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Words(heading) | Self::Numbers(heading) => heading,
        }
    }
}

const DISTRIBUTION: [Column; 7] = [
    Column::Numbers("count"),
    Column::Numbers("total"),
    Column::Numbers("min"),
    Column::Numbers("p50"),
    Column::Numbers("p90"),
    Column::Numbers("p99"),
    Column::Numbers("max"),
];

fn distribution(d: &Distribution) -> Vec<String> {
    if d.count == 0 {
        let mut cells = vec![NONE.to_owned(); DISTRIBUTION.len()];
        cells[0] = count(0);
        return cells;
    }
    let times = [d.total_ns, d.min_ns, d.p50_ns, d.p90_ns, d.p99_ns, d.max_ns];
    std::iter::once(count(d.count))
        .chain(times.into_iter().map(duration))
        .collect()
}

/// Kernel visits by cause.
pub(crate) fn causes(summary: &Summary) -> Table {
    let rows = summary.causes.iter().map(|stat| {
        let mut cells = vec![stat.cause.word().to_owned()];
        cells.extend(distribution(&stat.kernel));
        cells.push(share(stat.share));
        cells
    });
    Table {
        title: "Kernel visits by cause",
        note: "CPU time in the kernel per visit: entry, handler, exit; without switches away and without the tracer.",
        columns: with_distribution(&[Column::Words("cause")], &[Column::Numbers("of CPU")]),
        rows: rows.collect(),
    }
}

/// System calls, most kernel time first.
pub(crate) fn syscalls(summary: &Summary) -> Table {
    let rows = summary.syscalls.iter().map(|stat| {
        let mut cells = vec![escape_short(&stat.name, 24)];
        cells.extend(distribution(&stat.kernel));
        let elapsed = if stat.elapsed.count == 0 {
            NONE.to_owned()
        } else {
            duration(stat.elapsed.p50_ns)
        };
        cells.push(elapsed);
        cells.push(count(stat.errors));
        cells
    });
    Table {
        title: "System calls",
        note: "CPU time in the kernel per call; elapsed is the median of what the caller waits, blocking included.",
        columns: with_distribution(
            &[Column::Words("call")],
            &[Column::Numbers("elapsed"), Column::Numbers("errors")],
        ),
        rows: rows.collect(),
    }
}

/// Context switches by reason.
pub(crate) fn switches(summary: &Summary) -> Table {
    let rows = summary.switches.iter().map(|stat| {
        let voluntary = if stat.voluntary {
            "voluntary"
        } else {
            "involuntary"
        };
        let mut cells = vec![stat.reason.word().to_owned(), voluntary.to_owned()];
        cells.extend(distribution(&stat.cost));
        cells
    });
    Table {
        title: "Context switches by reason",
        note: "Switch cost: from the decision to the first instruction of the next thread, without the tracer.",
        columns: with_distribution(&[Column::Words("reason"), Column::Words("kind")], &[]),
        rows: rows.collect(),
    }
}

/// Threads by arrival.
pub(crate) fn threads(summary: &Summary) -> Table {
    let optional = |ns: Option<i64>| ns.map_or(NONE.to_owned(), duration);
    let rows = summary.threads.iter().map(|t| {
        vec![
            labels::thread(summary, t.thread),
            duration(t.arrival_ns),
            duration(t.user_ns),
            duration(t.kernel_ns),
            duration(t.waiting_ns),
            duration(t.blocked_ns),
            optional(t.response_ns),
            optional(t.turnaround_ns),
            count(t.traps),
            format!("{} + {}", count(t.voluntary), count(t.involuntary)),
            labels::status(t.status),
        ]
    });
    Table {
        title: "Threads",
        note: "Switches are voluntary + involuntary. A time that the end of the trace cut off is left out (—).",
        columns: vec![
            Column::Words("thread"),
            Column::Numbers("arrival"),
            Column::Numbers("user"),
            Column::Numbers("kernel"),
            Column::Numbers("waiting"),
            Column::Numbers("blocked"),
            Column::Numbers("response"),
            Column::Numbers("turnaround"),
            Column::Numbers("traps"),
            Column::Numbers("switches"),
            Column::Words("end"),
        ],
        rows: rows.collect(),
    }
}

/// Quantum asked against got. None when no quantum expired.
pub(crate) fn quantum(summary: &Summary) -> Option<Table> {
    let stat = summary.quantum.as_ref()?;
    let mut row = vec![duration(stat.asked_ns)];
    row.extend(distribution(&stat.got));
    Some(Table {
        title: "Quantum: asked against got",
        note: "CPU time that threads got whose quantum expired. The timer runs on while the tracer holds the machine, so a traced quantum falls short by the tracer's part.",
        columns: with_distribution(&[Column::Numbers("asked")], &[]),
        rows: vec![row],
    })
}

/// Two traces beside each other.
pub(crate) fn comparison(comparison: &Comparison) -> Table {
    let value = |number: Option<f64>, row: &ComparisonRow| {
        number.map_or(NONE.to_owned(), |n| units::value(n, row.unit))
    };
    let rows = comparison.rows.iter().map(|row| {
        vec![
            escape(&row.metric).into_owned(),
            value(row.base, row),
            value(row.new, row),
            row.change_percent.map_or(NONE.to_owned(), units::change),
            direction(comparison, row).to_owned(),
        ]
    });
    Table {
        title: "Comparison",
        note: "Counts first. A ? marks times and shares: of one run each, noise alone may be the difference.",
        columns: vec![
            Column::Words("metric"),
            Column::Numbers("base"),
            Column::Numbers("new"),
            Column::Numbers("change"),
            Column::Words(""),
        ],
        rows: rows.collect(),
    }
}

/// Which way a metric went, in the reader's terms.
fn direction(comparison: &Comparison, row: &ComparisonRow) -> &'static str {
    if comparison.exceeded.contains(&row.metric) {
        return "over the limit";
    }
    match (row.base, row.new) {
        (None, Some(_)) => return "only in new",
        (Some(_), None) => return "only in base",
        _ => {}
    }
    let more = match (row.base, row.new) {
        (Some(base), Some(new)) if new != base => new > base,
        _ => return "",
    };
    // Counts are counted; a time or share of one run each may differ by noise alone.
    let counted = row.unit == Unit::Count;
    match row.polarity {
        Polarity::Neutral => "",
        Polarity::LowerIsBetter | Polarity::HigherIsBetter => {
            match (more == (row.polarity == Polarity::LowerIsBetter), counted) {
                (true, true) => "worse",
                (true, false) => "worse?",
                (false, true) => "better",
                (false, false) => "better?",
            }
        }
    }
}

/// Calls that the kernel does not know, by name, as `openat ×3`. None when there were none.
pub(crate) fn unknown_calls(summary: &Summary) -> Option<String> {
    let named = summary.syscalls.iter().filter(|stat| stat.unknown > 0);
    let named: Vec<String> = named
        .map(|stat| format!("{} ×{}", escape_short(&stat.name, 24), count(stat.unknown)))
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Whether some percentile comes from buckets, which a reader should know.
pub(crate) fn has_estimates(summary: &Summary) -> bool {
    let kernels = summary
        .causes
        .iter()
        .map(|s| &s.kernel)
        .chain(summary.syscalls.iter().map(|s| &s.kernel));
    let rest = summary
        .switches
        .iter()
        .map(|s| &s.cost)
        .chain(summary.quantum.iter().map(|s| &s.got));
    kernels.chain(rest).any(|d| d.count > 0 && !d.exact)
}

fn with_distribution(before: &[Column], after: &[Column]) -> Vec<Column> {
    [before, &DISTRIBUTION, after].concat()
}
