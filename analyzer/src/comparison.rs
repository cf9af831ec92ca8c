//! Two summaries beside each other, metric by metric, and what exceeds a limit. Of measurements, whose times are of many
//! replays, see `comparison/measured.rs`.
//!
//! Key function: [`compare`]. Metrics are named `WHAT.WHICH.MEASURE`:
//!
//! | metric | unit | worse is |
//! |---|---|---|
//! | `visits.CAUSE.count`, `syscalls.NAME.count`, `syscalls.all.errors`, `syscalls.all.unknown` | count | more |
//! | `switches.REASON.count`, `switches.voluntary.count`, `switches.involuntary.count` | count | more; neither for `idle` |
//! | `processes.all.count`, `threads.all.count` | count | neither |
//! | `overhead.control.share` (without the probe) | share | more |
//! | `overhead.probe.share` | share | neither |
//! | `time.wall.total`, `time.user.total`, `time.kernel.total`, `time.switch.total` | nanoseconds | more |
//! | `time.idle.total` | nanoseconds | neither |
//! | `time.waiting.total` (Linux) | nanoseconds | more |
//! | `time.blocked.total` (Linux) | nanoseconds | neither |
//! | `account.minor_faults.count`, `account.major_faults.count` (Linux) | count | more |
//! | `account.voluntary.count`, `account.involuntary.count` (Linux, the tracer's stops included) | count | neither |
//! | `account.user.total`, `account.system.total` (Linux) | nanoseconds | more |
//! | `visits.CAUSE.kernel_p50`, `switches.REASON.cost_p50` | nanoseconds | more |
//!
//! The limit holds for counts and shares that have a worse direction. A metric exceeds it when it is worse than the base
//! by more than so many percent; where the base has none or zero, any occurrence is infinitely worse. Times are shown and
//! never held against the limit: each is of a single run, and a single run says little about time.

mod measured;
mod rank_test;
mod settings;

use trapline_trace_format::event::{Cause, Nanos, SwitchReason};
use trapline_trace_format::meta::Witnesses;

use self::settings::settings;
use crate::statistics::partition::total_ns;
use crate::summary::{
    Activity, Comparison, ComparisonRow, LinuxStat, Polarity, Summary, SyscallStat, Unit, UsageStat,
};

pub use measured::{Measured, MeasuredComparison, MeasuredRow, Verdict, compare_measured};

/// Holds `new` against `base`. With `fail_over_percent`, names the metrics that are worse by more than that.
#[must_use]
pub fn compare(base: &Summary, new: &Summary, fail_over_percent: Option<f64>) -> Comparison {
    let mut rows = counts(base, new);
    rows.extend(shares(base, new));
    rows.extend(times(base, new));
    let exceeds = |row: &&ComparisonRow| fail_over_percent.is_some_and(|limit| exceeds(row, limit));
    let exceeded = rows
        .iter()
        .filter(exceeds)
        .map(|row| row.metric.clone())
        .collect();
    Comparison {
        base: base.name.clone(),
        new: new.name.clone(),
        rows,
        fail_over_percent,
        exceeded,
        caveats: caveats(base, new),
    }
}

fn counts(base: &Summary, new: &Summary) -> Vec<ComparisonRow> {
    let count = |metric: String, polarity, of: &dyn Fn(&Summary) -> Option<u64>| {
        let of = |summary| of(summary).map(|count| count as f64);
        row(metric, Unit::Count, polarity, of(base), of(new))
    };
    let mut rows = Vec::new();
    for cause in Cause::ALL {
        let visits = |s: &Summary| find(&s.causes, |c| c.cause == cause).map(|c| c.kernel.count);
        rows.push(count(
            format!("visits.{}.count", cause.word()),
            LOWER,
            &visits,
        ));
    }
    for name in syscalls(base, new) {
        let calls = |s: &Summary| find(&s.syscalls, |c| c.name == name).map(|c| c.kernel.count);
        rows.push(count(format!("syscalls.{name}.count"), LOWER, &calls));
    }
    let errors = |s: &Summary| Some(s.syscalls.iter().map(|call| call.errors).sum());
    rows.push(count("syscalls.all.errors".to_owned(), LOWER, &errors));
    let unknown = |s: &Summary| Some(s.syscalls.iter().map(|call| call.unknown).sum());
    rows.push(count("syscalls.all.unknown".to_owned(), LOWER, &unknown));
    for reason in SwitchReason::ALL {
        let switches =
            |s: &Summary| find(&s.switches, |w| w.reason == reason).map(|w| w.cost.count);
        // Leaving the idle thread is the other half of a switch that was counted already.
        let polarity = if reason == SwitchReason::Idle {
            Polarity::Neutral
        } else {
            LOWER
        };
        rows.push(count(
            format!("switches.{}.count", reason.word()),
            polarity,
            &switches,
        ));
    }
    let voluntary = |s: &Summary| Some(s.threads.iter().map(|thread| thread.voluntary).sum());
    rows.push(count(
        "switches.voluntary.count".to_owned(),
        LOWER,
        &voluntary,
    ));
    let involuntary = |s: &Summary| Some(s.threads.iter().map(|thread| thread.involuntary).sum());
    rows.push(count(
        "switches.involuntary.count".to_owned(),
        LOWER,
        &involuntary,
    ));
    let processes = |s: &Summary| Some(s.processes.len() as u64);
    rows.push(count(
        "processes.all.count".to_owned(),
        Polarity::Neutral,
        &processes,
    ));
    let threads = |s: &Summary| Some(s.threads.len() as u64);
    rows.push(count(
        "threads.all.count".to_owned(),
        Polarity::Neutral,
        &threads,
    ));
    // The kernel's own word: also of a trace without times of switches or without events.
    let mut account = |metric: &str, polarity, of: fn(&UsageStat) -> u64| {
        let of = |s: &Summary| accounted(s).map(|linux| of(&linux.usage));
        rows.push(count(metric.to_owned(), polarity, &of));
    };
    account("account.minor_faults.count", LOWER, |u| u.minor_faults);
    account("account.major_faults.count", LOWER, |u| u.major_faults);
    // The tracer's stops are in it.
    account("account.voluntary.count", Polarity::Neutral, |u| {
        u.voluntary
    });
    account("account.involuntary.count", Polarity::Neutral, |u| {
        u.involuntary
    });
    rows.retain(|row| row.base.is_some() || row.new.is_some());
    rows
}

/// What Linux says, if it has an account of anyone.
fn accounted(summary: &Summary) -> Option<&LinuxStat> {
    summary.linux.as_ref().filter(|linux| linux.accounts > 0)
}

fn shares(base: &Summary, new: &Summary) -> [ComparisonRow; 2] {
    let share = |metric: &str, polarity, of: fn(&Summary) -> f64| {
        row(
            metric.to_owned(),
            Unit::Share,
            polarity,
            Some(of(base)),
            Some(of(new)),
        )
    };
    [
        share("overhead.control.share", LOWER, |s| {
            s.overhead.without_probe
        }),
        share("overhead.probe.share", Polarity::Neutral, |s| {
            s.overhead.probe_share
        }),
    ]
}

fn times(base: &Summary, new: &Summary) -> Vec<ComparisonRow> {
    let time = |metric: String, polarity, of: &dyn Fn(&Summary) -> Option<Nanos>| {
        let of = |summary| of(summary).map(|ns| ns as f64);
        row(metric, Unit::Nanoseconds, polarity, of(base), of(new))
    };
    let total = |metric: &str, polarity, chosen: fn(&Activity) -> bool| {
        time(metric.to_owned(), polarity, &|s| {
            Some(total_ns(&s.partition, chosen))
        })
    };
    let mut rows = vec![
        time("time.wall.total".to_owned(), LOWER, &|s| Some(s.wall_ns)),
        total("time.user.total", LOWER, |activity| {
            matches!(activity, Activity::User { .. })
        }),
        total("time.kernel.total", LOWER, |activity| {
            matches!(activity, Activity::Kernel { .. })
        }),
        total("time.switch.total", LOWER, |activity| {
            *activity == Activity::Switch
        }),
        total("time.idle.total", Polarity::Neutral, |activity| {
            *activity == Activity::Idle
        }),
    ];
    for (metric, polarity, chosen) in [
        (
            "time.waiting.total",
            LOWER,
            is_waiting as fn(&Activity) -> bool,
        ),
        ("time.blocked.total", Polarity::Neutral, is_blocked),
    ] {
        let of = |s: &Summary| s.linux.as_ref().map(|_| total_ns(&s.partition, chosen));
        rows.push(time(metric.to_owned(), polarity, &of));
    }
    let mut account = |metric: &str, of: fn(&UsageStat) -> Nanos| {
        let of = |s: &Summary| accounted(s).map(|linux| of(&linux.usage));
        rows.push(time(metric.to_owned(), LOWER, &of));
    };
    account("account.user.total", |u| u.user_ns);
    account("account.system.total", |u| u.system_ns);
    for cause in Cause::ALL {
        let p50 = |s: &Summary| find(&s.causes, |c| c.cause == cause).map(|c| c.kernel.p50_ns);
        rows.push(time(
            format!("visits.{}.kernel_p50", cause.word()),
            LOWER,
            &p50,
        ));
    }
    for reason in SwitchReason::ALL {
        // What a switch costs, Linux does not tell.
        let p50 = |s: &Summary| {
            let stat = find(&s.switches, |w| w.reason == reason);
            stat.filter(|_| s.linux.is_none()).map(|w| w.cost.p50_ns)
        };
        rows.push(time(
            format!("switches.{}.cost_p50", reason.word()),
            LOWER,
            &p50,
        ));
    }
    rows.retain(|row| row.base.is_some() || row.new.is_some());
    rows
}

fn is_waiting(activity: &Activity) -> bool {
    matches!(activity, Activity::Waiting { .. })
}

fn is_blocked(activity: &Activity) -> bool {
    matches!(activity, Activity::Blocked { .. })
}

const LOWER: Polarity = Polarity::LowerIsBetter;

fn find<T>(rows: &[T], wanted: impl Fn(&&T) -> bool) -> Option<&T> {
    rows.iter().find(wanted)
}

/// Names of the system calls that occur in either, by number.
fn syscalls(base: &Summary, new: &Summary) -> Vec<String> {
    let both = base.syscalls.iter().chain(&new.syscalls);
    let key = |call: &SyscallStat| (call.abi, call.number, call.name.clone());
    let mut calls: Vec<_> = both.map(key).collect();
    calls.sort();
    calls.dedup();
    calls.into_iter().map(|(.., name)| name).collect()
}

fn row(
    metric: String,
    unit: Unit,
    polarity: Polarity,
    base: Option<f64>,
    new: Option<f64>,
) -> ComparisonRow {
    let change_percent = match (base, new) {
        (Some(base), Some(new)) if base != 0.0 => Some((new - base) / base * 100.0),
        _ => None,
    };
    ComparisonRow {
        metric,
        unit,
        polarity,
        base,
        new,
        change_percent,
    }
}

/// Whether the row is worse than the limit allows.
fn exceeds(row: &ComparisonRow, limit_percent: f64) -> bool {
    if row.unit == Unit::Nanoseconds {
        return false;
    }
    let (base, new) = (row.base.unwrap_or(0.0), row.new.unwrap_or(0.0));
    let worse = match row.polarity {
        Polarity::LowerIsBetter => new - base,
        Polarity::HigherIsBetter => base - new,
        Polarity::Neutral => return false,
    };
    if base == 0.0 {
        worse > 0.0
    } else {
        worse / base.abs() * 100.0 > limit_percent
    }
}

/// What makes the two hard to compare.
fn caveats(base: &Summary, new: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for (which, summary) in [("base", base), ("new", new)] {
        if let Some(reason) = &summary.incomplete {
            lines.push(format!("the {which} trace is incomplete: {reason}"));
        }
        if let Witnesses::Differ { detail } = &summary.meta.witnesses {
            lines.push(format!(
                "the witnesses of the {which} trace differ: {detail}"
            ));
        }
    }
    let mut differs = |what: &str, base: String, new: String| {
        if base != new {
            lines.push(format!(
                "{what} differs: {base} in the base, {new} in the new trace"
            ));
        }
    };
    let (base_host, new_host) = (&base.meta.host, &new.meta.host);
    differs(
        "the host's CPU",
        base_host.cpu.clone(),
        new_host.cpu.clone(),
    );
    differs(
        "the host's kernel",
        base_host.kernel.clone(),
        new_host.kernel.clone(),
    );
    differs("the clock", base_host.clock.clone(), new_host.clock.clone());
    differs(
        "trapline's version",
        base.meta.tool_version.clone(),
        new.meta.tool_version.clone(),
    );
    let new_settings = settings(&new.meta.target);
    for (what, value) in settings(&base.meta.target) {
        // What only one kind of target has cannot differ.
        if let Some((_, other)) = new_settings.iter().find(|(name, _)| *name == what) {
            differs(what, value, other.clone());
        }
    }
    lines.push("times are of one run each: shown, not held against the limit".to_owned());
    lines
}

#[cfg(test)]
mod tests;
