//! The tables that only a trace of programs on Linux has, or that look different there.
//!
//! Neighbours: `../tables.rs` calls these where a summary is of Linux; `../labels.rs` has the words.

use trapline_analyzer::summary::{AwayStat, LinuxStat, ProcessStat, Summary};
use trapline_trace_format::event::SwitchReason;
use trapline_trace_format::meta::{Availability, Detail, Target};

use super::{Column, Table, mostly};
use crate::labels;
use crate::text::escape::{escape, escape_short};
use crate::tree::{Of, Row};
use crate::units::{self, NONE, count, duration};

/// What a Linux trace has of what can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Had {
    /// Context switches with their times.
    pub(crate) switches: bool,
    /// Page faults one by one.
    pub(crate) page_faults: bool,
    /// Each event, not statistics alone.
    pub(crate) events: bool,
}

/// What this trace has.
pub(crate) fn had(target: &Target) -> Had {
    match target {
        Target::Mini { .. } => Had {
            switches: true,
            page_faults: true,
            events: true,
        },
        Target::Linux {
            detail,
            switches,
            page_faults,
            ..
        } => Had {
            switches: *switches == Availability::Available && *detail == Detail::Events,
            page_faults: *page_faults == Availability::Available && *detail == Detail::Events,
            events: *detail == Detail::Events,
        },
    }
}

/// Something that a trace does not have.
pub(crate) struct Missing {
    pub(crate) why: Why,
    pub(crate) line: String,
}

/// Why a trace does not have something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody wanted it.
    NotAsked,
    /// The host did not give it.
    Refused,
}

impl Missing {
    /// Whether a reader may miss it.
    pub(crate) fn is_bad(&self) -> bool {
        self.why == Why::Refused
    }
}

/// What this trace does not have and why, a line each.
pub(crate) fn missing(summary: &Summary) -> Vec<Missing> {
    let Target::Linux {
        switches,
        page_faults,
        detail,
        ..
    } = &summary.meta.target
    else {
        return Vec::new();
    };
    if *detail == Detail::Summary {
        return vec![Missing {
            why: Why::NotAsked,
            line: "events: statistics alone were kept; durations are in steps of 1 %, switches and page faults are the \
                   kernel's own counts"
                .to_owned(),
        }];
    }
    let mut lines = Vec::new();
    let mut say = |what: &str, availability: &Availability, then: &str| match availability {
        Availability::Available => {}
        Availability::NotAsked => lines.push(Missing {
            why: Why::NotAsked,
            line: format!("{what}: not asked for; {then}"),
        }),
        Availability::Refused { why } => lines.push(Missing {
            why: Why::Refused,
            line: format!("{what}: {}; {then}", escape(why)),
        }),
    };
    say(
        "context switches one by one",
        switches,
        "kernel time is by the clock, time blocked included",
    );
    say(
        "page faults one by one",
        page_faults,
        "their number is the kernel's own",
    );
    lines
}

/// System calls, most kernel time first.
pub(crate) fn syscalls(summary: &Summary) -> Table {
    let had = had(&summary.meta.target);
    let rows = summary.syscalls.iter().map(|stat| {
        let (kernel, elapsed, clock) = (&stat.kernel, &stat.elapsed, &stat.by_clock);
        let of = |there: bool, ns: i64| match there {
            true => duration(ns),
            false => NONE.to_owned(),
        };
        let returned = elapsed.count > 0;
        vec![
            escape_short(&stat.name, 24),
            count(kernel.count),
            count(stat.errors),
            of(had.switches, kernel.total_ns),
            of(had.switches, kernel.p50_ns),
            of(returned, elapsed.total_ns),
            of(returned, elapsed.p50_ns),
            of(returned, elapsed.p90_ns),
            of(returned, elapsed.p99_ns),
            of(returned, elapsed.max_ns),
            of(clock.count > 0, clock.p50_ns),
        ]
    });
    Table {
        title: "System calls",
        note: "Kernel is CPU time in the kernel, all calls together and the median. Elapsed is what the caller waits, blocking \
               included, the tracer's time not; traced is the median with it. Calls that did not return have no elapsed time."
            .into(),
        columns: vec![
            Column::Words("call"),
            Column::Numbers("count"),
            Column::Numbers("errors"),
            Column::Numbers("kernel"),
            Column::Numbers("p50"),
            Column::Numbers("elapsed"),
            Column::Numbers("p50"),
            Column::Numbers("p90"),
            Column::Numbers("p99"),
            Column::Numbers("max"),
            Column::Numbers("traced"),
        ],
        rows: rows.collect(),
    }
}

/// Context switches by reason and by whose doing.
pub(crate) fn switches(linux: &LinuxStat) -> Table {
    let own = linux.away.iter().map(|stat| (stat, "the program"));
    let tracers = linux.away_by_tracer.iter().map(|stat| (stat, "the tracer"));
    let row = |(stat, whose): (&AwayStat, &str)| {
        let of = |ns: i64| match stat.away.count {
            0 => NONE.to_owned(),
            _ => duration(ns),
        };
        vec![
            reason(stat.reason).to_owned(),
            if stat.voluntary {
                "voluntary".to_owned()
            } else {
                "involuntary".to_owned()
            },
            whose.to_owned(),
            count(stat.count),
            of(stat.away.total_ns),
            of(stat.away.p50_ns),
            of(stat.away.p90_ns),
            of(stat.away.p99_ns),
            of(stat.away.max_ns),
        ]
    };
    Table {
        title: "Context switches",
        note: "How long a thread was away that lost its CPU, until it had one again. A switch is the tracer's when its thread was \
               held by the tracer meanwhile: to come to a stop it had to run."
            .into(),
        columns: vec![
            Column::Words("reason"),
            Column::Words("kind"),
            Column::Words("because of"),
            Column::Numbers("count"),
            Column::Numbers("away"),
            Column::Numbers("p50"),
            Column::Numbers("p90"),
            Column::Numbers("p99"),
            Column::Numbers("max"),
        ],
        rows: own.chain(tracers).map(row).collect(),
    }
}

/// Linux knows no more than whether a thread could have gone on.
fn reason(reason: SwitchReason) -> &'static str {
    match reason {
        SwitchReason::Preempt => "preempt or yield",
        other => other.word(),
    }
}

/// What was told one by one beside what the kernel counted.
pub(crate) fn accounts(summary: &Summary, linux: &LinuxStat) -> Table {
    let had = had(&summary.meta.target);
    let sum = |stats: &[AwayStat], voluntary| {
        let chosen = stats.iter().filter(|stat| stat.voluntary == voluntary);
        chosen.map(|stat| stat.count).sum::<u64>()
    };
    let when = |there: bool, n: u64| if there { count(n) } else { NONE.to_owned() };
    let switch = |what: &str, voluntary, counted| {
        vec![
            what.to_owned(),
            when(had.switches, sum(&linux.away, voluntary)),
            when(had.switches, sum(&linux.away_by_tracer, voluntary)),
            when(linux.accounts > 0, counted),
        ]
    };
    let fault = |what: &str, told, counted| {
        vec![
            what.to_owned(),
            when(had.page_faults, told),
            String::new(),
            when(linux.accounts > 0, counted),
        ]
    };
    let usage = &linux.usage;
    Table {
        title: "Told one by one, and counted by the kernel",
        note: format!(
            "The kernel's own counts are of {} that ended or were let go; they hold the tracer's stops, and page faults inside \
             system calls, which an ordinary user is not told of one by one.",
            units::things(linux.accounts, "process", "processes")
        )
        .into(),
        columns: vec![
            Column::Words("what"),
            Column::Numbers("the program's"),
            Column::Numbers("the tracer's"),
            Column::Numbers("kernel's count"),
        ],
        rows: vec![
            switch("voluntary switches", true, usage.voluntary),
            switch("involuntary switches", false, usage.involuntary),
            fault("minor page faults", linux.minor_faults, usage.minor_faults),
            fault("major page faults", linux.major_faults, usage.major_faults),
        ],
    }
}

/// Signals that were acted upon.
pub(crate) fn signals(linux: &LinuxStat) -> Table {
    let rows = linux.signals.iter().map(|stat| {
        vec![
            labels::signal_name(stat.signal),
            escape_short(&stat.action, 16),
            count(stat.count),
            count(stat.from_kernel),
        ]
    });
    Table {
        title: "Signals",
        note: "What came of them; and how many the kernel itself sent, for a fault, a timer or a child.".into(),
        columns: vec![
            Column::Words("signal"),
            Column::Words("action"),
            Column::Numbers("count"),
            Column::Numbers("by the kernel"),
        ],
        rows: rows.collect(),
    }
}

/// Columns of the process tree.
pub(super) const PROCESS_COLUMNS: [Column; 14] = [
    Column::Words("process"),
    Column::Numbers("arrival"),
    Column::Numbers("turnaround"),
    Column::Numbers("user"),
    Column::Numbers("kernel"),
    Column::Numbers("waiting"),
    Column::Numbers("blocked"),
    Column::Words("for"),
    Column::Numbers("CPU"),
    Column::Numbers("resident"),
    Column::Numbers("faults"),
    Column::Numbers("traps"),
    Column::Numbers("switches"),
    Column::Words("end"),
];

/// The line under the title of the process tree.
pub(super) const PROCESS_NOTE: &str = "A process has the times of its threads together. CPU (user + system), most memory \
    resident at once and faults (minor + major) are the kernel's own account. Switches are voluntary + involuntary, the \
    tracer's left out. A time that the end of the trace cut off is left out (—).";

/// A row of the process tree.
pub(super) fn tree_row(summary: &Summary, row: &Row<'_>) -> Vec<String> {
    let had = had(&summary.meta.target);
    let optional = |ns: Option<i64>| ns.map_or(NONE.to_owned(), duration);
    let told = |there: bool, text: String| if there { text } else { NONE.to_owned() };
    let indented = |name: String| format!("{}{name}", "  ".repeat(row.depth));
    match row.of {
        Of::Process(p) => {
            let [cpu, resident, faults] = account(p);
            vec![
                indented(labels::named(&p.name, p.process)),
                duration(p.arrival_ns),
                optional(p.turnaround_ns),
                told(had.events, duration(p.user_ns)),
                told(had.events, duration(p.kernel_ns)),
                told(had.switches, duration(p.waiting_ns)),
                told(had.switches, duration(p.blocked_ns)),
                mostly(&p.blocked),
                cpu,
                resident,
                faults,
                told(had.events, count(p.traps)),
                told(
                    had.switches,
                    format!("{} + {}", count(p.voluntary), count(p.involuntary)),
                ),
                labels::ending(summary, p),
            ]
        }
        Of::Thread(t) => vec![
            indented(format!("thread {}", labels::number(t.thread))),
            duration(t.arrival_ns),
            optional(t.turnaround_ns),
            told(had.events, duration(t.user_ns)),
            told(had.events, duration(t.kernel_ns)),
            told(had.switches, duration(t.waiting_ns)),
            told(had.switches, duration(t.blocked_ns)),
            mostly(&t.blocked),
            String::new(),
            String::new(),
            String::new(),
            told(had.events, count(t.traps)),
            told(
                had.switches,
                format!("{} + {}", count(t.voluntary), count(t.involuntary)),
            ),
            labels::status(t.status),
        ],
        Of::MoreThreads(more) => {
            let mut cells = vec![String::new(); PROCESS_COLUMNS.len()];
            cells[0] = indented(format!(
                "and {} more",
                units::things(more as u64, "thread", "threads")
            ));
            cells
        }
    }
}

/// CPU time, memory and page faults by the kernel's account.
fn account(process: &ProcessStat) -> [String; 3] {
    process.usage.map_or(
        [const { String::new() }; 3].map(|_| NONE.to_owned()),
        |usage| {
            [
                format!(
                    "{} + {}",
                    duration(usage.user_ns),
                    duration(usage.system_ns)
                ),
                match usage.max_resident_bytes {
                    0 => NONE.to_owned(),
                    bytes => units::bytes(bytes),
                },
                format!(
                    "{} + {}",
                    count(usage.minor_faults),
                    count(usage.major_faults)
                ),
            ]
        },
    )
}
