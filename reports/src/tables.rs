//! The tables of a summary and of a comparison as plain cells, shown by text and page alike.
//!
//! Key type: [`Table`]. A new statistic gets its table here, once.

pub(crate) mod linux;

use std::borrow::Cow;

use trapline_analyzer::summary::{
    BlockedStat, Comparison, ComparisonRow, Distribution, PageFaults, Polarity, Summary, Unit,
};
use trapline_trace_format::event::Waits;

use crate::labels;
use crate::text::escape::{escape, escape_short};
use crate::tree::{self, Of, Row};
use crate::units::{self, NONE, count, duration, share};

/// Cells under headings. Every cell is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// What the table is of.
    pub(crate) title: &'static str,
    /// One line under the title that says what the numbers are.
    pub(crate) note: Cow<'static, str>,
    /// Headings.
    pub(crate) columns: Vec<Column>,
    /// Cells, as many per row as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// The table with its last column moved behind its first, for a place where what is on the right may be out of sight.
    pub(crate) fn with_last_second(mut self) -> Self {
        let after_first = 1.min(self.columns.len());
        self.columns[after_first..].rotate_right(1);
        for row in &mut self.rows {
            row[after_first..].rotate_right(1);
        }
        self
    }
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
        note: if linux::had(&summary.meta.target).switches {
            "CPU time in the kernel per visit: entry, handler, exit; without switches away and without the tracer."
        } else {
            "Time in the kernel per visit by the clock, time blocked included, without the tracer."
        }
        .into(),
        columns: with_distribution(&[Column::Words("cause")], &[Column::Numbers("of CPU")]),
        rows: rows.collect(),
    }
}

/// System calls, most kernel time first.
pub(crate) fn syscalls(summary: &Summary) -> Table {
    if summary.linux.is_some() {
        return linux::syscalls(summary);
    }
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
        note: "CPU time in the kernel per call; elapsed is the median of what the caller waits, blocking included.".into(),
        columns: with_distribution(
            &[Column::Words("call")],
            &[Column::Numbers("elapsed"), Column::Numbers("errors")],
        ),
        rows: rows.collect(),
    }
}

/// Context switches by reason.
pub(crate) fn switches(summary: &Summary) -> Table {
    if let Some(linux) = &summary.linux {
        return linux::switches(linux);
    }
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
        note: "Switch cost: from the decision to the first instruction of the next thread, without the tracer.".into(),
        columns: with_distribution(&[Column::Words("reason"), Column::Words("kind")], &[]),
        rows: rows.collect(),
    }
}

/// The process tree, threads under their process.
pub(crate) fn processes(summary: &Summary) -> Table {
    let tree = tree::tree(summary);
    let left_out = (tree.left_out > 0).then(|| {
        format!(
            " {} with less CPU time are not shown.",
            units::things(tree.left_out as u64, "process", "processes")
        )
    });
    if summary.linux.is_some() {
        return Table {
            title: "Processes and threads",
            note: format!("{}{}", linux::PROCESS_NOTE, left_out.unwrap_or_default()).into(),
            columns: linux::PROCESS_COLUMNS.to_vec(),
            rows: tree
                .rows
                .iter()
                .map(|row| linux::tree_row(summary, row))
                .collect(),
        };
    }
    Table {
        title: "Processes and threads",
        note: format!(
            "A process has the times of its threads together. Blocked is mostly for what stands behind it. Faults are page faults, resolved + refused; mapped is the \
             most memory that it could use at once; switches are voluntary + involuntary. A time that the end of the trace cut off \
             is left out ({NONE}).{}",
            left_out.unwrap_or_default()
        )
        .into(),
        columns: vec![
            Column::Words("process"),
            Column::Numbers("arrival"),
            Column::Numbers("user"),
            Column::Numbers("kernel"),
            Column::Numbers("waiting"),
            Column::Numbers("blocked"),
            Column::Words("for"),
            Column::Numbers("response"),
            Column::Numbers("turnaround"),
            Column::Numbers("faults"),
            Column::Numbers("mapped"),
            Column::Numbers("traps"),
            Column::Numbers("switches"),
            Column::Words("end"),
        ],
        rows: tree.rows.iter().map(|row| tree_row(summary, row)).collect(),
    }
}

/// What was mostly waited for.
fn mostly(blocked: &[BlockedStat]) -> String {
    let most = blocked.first().and_then(|stat| stat.waits);
    most.map_or(String::new(), |waits| waits.word().to_owned())
}

fn tree_row(summary: &Summary, row: &Row<'_>) -> Vec<String> {
    let optional = |ns: Option<i64>| ns.map_or(NONE.to_owned(), duration);
    let indented = |name: String| format!("{}{name}", "  ".repeat(row.depth));
    match row.of {
        Of::Process(p) => {
            let name = labels::named(&p.name, p.process);
            let faults = p.page_faults;
            vec![
                indented(name),
                duration(p.arrival_ns),
                duration(p.user_ns),
                duration(p.kernel_ns),
                duration(p.waiting_ns),
                duration(p.blocked_ns),
                mostly(&p.blocked),
                optional(p.response_ns),
                optional(p.turnaround_ns),
                format!("{} + {}", count(faults.resolved), count(faults.refused)),
                units::bytes(p.peak_mapped_bytes),
                count(p.traps),
                format!("{} + {}", count(p.voluntary), count(p.involuntary)),
                labels::ending(summary, p),
            ]
        }
        Of::Thread(t) => vec![
            indented(format!("thread {}", t.thread)),
            duration(t.arrival_ns),
            duration(t.user_ns),
            duration(t.kernel_ns),
            duration(t.waiting_ns),
            duration(t.blocked_ns),
            mostly(&t.blocked),
            optional(t.response_ns),
            optional(t.turnaround_ns),
            String::new(),
            String::new(),
            count(t.traps),
            format!("{} + {}", count(t.voluntary), count(t.involuntary)),
            labels::status(t.status),
        ],
        Of::MoreThreads(more) => {
            let mut cells = vec![String::new(); 14];
            cells[0] = indented(format!(
                "and {} more",
                units::things(more as u64, "thread", "threads")
            ));
            cells
        }
    }
}

/// Time blocked by what was waited for.
pub(crate) fn blocked(summary: &Summary) -> Table {
    let total: i64 = summary.blocked.iter().map(|stat| stat.ns).sum();
    let rows = summary.blocked.iter().map(|stat| {
        let part = stat.ns as f64 / total.max(1) as f64;
        vec![
            stat.waits.map_or("other", Waits::word).to_owned(),
            labels::waits(stat.waits).to_owned(),
            duration(stat.ns),
            share(part),
        ]
    });
    Table {
        title: "What threads waited for",
        note: match summary.linux {
            Some(_) => "Time blocked of all threads together, until they had a CPU again.",
            None => {
                "Time blocked of all threads together, by the clock: the tracer's time is in it."
            }
        }
        .into(),
        columns: vec![
            Column::Words("wait"),
            Column::Words("for"),
            Column::Numbers("time"),
            Column::Numbers("of blocked"),
        ],
        rows: rows.collect(),
    }
}

/// What came of page faults, as a sentence. None when there were none.
pub(crate) fn page_faults(summary: &Summary) -> Option<String> {
    let faults = summary.page_faults;
    // Linux has a table of them.
    (summary.linux.is_none() && faults != PageFaults::default()).then(|| {
        format!(
            "Page faults: {} resolved (the kernel put a page there and the program went on), {} refused (the program \
             got a signal).",
            count(faults.resolved),
            count(faults.refused)
        )
    })
}

/// Quantum asked against got. None when no quantum expired.
pub(crate) fn quantum(summary: &Summary) -> Option<Table> {
    let stat = summary.quantum.as_ref()?;
    let mut row = vec![duration(stat.asked_ns)];
    row.extend(distribution(&stat.got));
    Some(Table {
        title: "Quantum: asked against got",
        note: "CPU time that threads got whose quantum expired. The timer runs on while the tracer holds the machine, so a traced quantum falls short by the tracer's part.".into(),
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
        note: "Counts first. A ? marks times and shares: of one run each, noise alone may be the difference.".into(),
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

/// Calls that the kernel does not know, by program, as `sh: openat ×3, #999 ×1; ls: statx ×2`. None when there were none.
pub(crate) fn unknown_calls(summary: &Summary) -> Option<String> {
    const MAX_PROGRAMS: usize = 24;
    let mut programs: Vec<(&str, Vec<String>)> = Vec::new();
    for call in &summary.unknown_calls {
        let text = format!("{} ×{}", escape_short(&call.name, 24), count(call.count));
        match programs
            .iter_mut()
            .find(|(program, _)| *program == call.program)
        {
            Some((_, calls)) => calls.push(text),
            None => programs.push((&call.program, vec![text])),
        }
    }
    let more = programs.len().saturating_sub(MAX_PROGRAMS);
    let mut parts: Vec<String> = programs
        .iter()
        .take(MAX_PROGRAMS)
        .map(|(program, calls)| format!("{}: {}", escape_short(program, 32), calls.join(", ")))
        .collect();
    if more > 0 {
        parts.push(format!("and {more} more programs"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
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
