//! The words for what a summary holds: threads, causes, endings, targets. Shared by text, plots and pages.
//!
//! Every string made here from a trace has passed [`escape`].

use trapline_analyzer::summary::{Activity, ProcessStat, Summary};
use trapline_trace_format::event::{Cause, ExitStatus, Waits};
use trapline_trace_format::meta::{Detail, Host, Meta, Outcome, Target, Tuning, Witnesses};

use crate::text::escape::{escape, escape_short};
use crate::units;

/// Names longer than this are cut: a program chooses its own name.
const MAX_NAME: usize = 32;
/// A command line longer than this is cut where it is one of several.
const MAX_JOB: usize = 60;

/// A thread as `name (process)` where it is its process's first, else as `name (process/thread)`.
pub(crate) fn thread(summary: &Summary, id: u32) -> String {
    match summary.threads.iter().find(|t| t.thread == id) {
        Some(t) if t.process == id => named(&t.name, id),
        Some(t) => format!("{} ({}/{})", name(&t.name), number(t.process), number(id)),
        None if id == 0 => "idle".to_owned(),
        None => format!("thread {}", number(id)),
    }
}

/// A process as `name (id)`.
pub(crate) fn process(summary: &Summary, id: u32) -> String {
    match summary.processes.iter().find(|p| p.process == id) {
        Some(p) => named(&p.name, id),
        None if id == 0 => "the kernel".to_owned(),
        None => format!("process {}", number(id)),
    }
}

/// A program's name with the number of the process that runs it.
pub(crate) fn named(name: &str, id: u32) -> String {
    format!("{} ({})", self::name(name), number(id))
}

/// The number of a thread or process, as `77`; on Linux, for the second one of the host's number in a trace, `77#2`.
pub(crate) fn number(id: u32) -> String {
    // What no host's number reaches: see `tables/linux.rs` of the analyzer.
    const NUMBERS: u32 = 1 << 22;
    match id / NUMBERS {
        0 => id.to_string(),
        before => format!("{}#{}", id % NUMBERS, before + 1),
    }
}

/// A program's name, safe to show.
pub(crate) fn name(name: &str) -> String {
    escape_short(name, MAX_NAME)
}

/// What a thread waits for.
pub(crate) fn waits(waits: Option<Waits>) -> &'static str {
    match waits {
        Some(Waits::Sleep) => "time to pass",
        Some(Waits::Futex) => "another thread (futex)",
        Some(Waits::Pipe) => "a pipe or socket",
        Some(Waits::Poll) => "one of several files",
        Some(Waits::Child) => "a child process",
        Some(Waits::Vfork) => "a child that has its memory",
        Some(Waits::Signal) => "a signal",
        Some(Waits::Console) => "console input",
        Some(Waits::Disk) => "the disk",
        Some(Waits::Stopped) => "SIGCONT: it is stopped",
        None => "something that the trace does not name",
    }
}

/// A cause of being in the kernel; none is a thread's way to its first instruction.
pub(crate) fn cause(cause: Option<Cause>) -> &'static str {
    cause.map_or("first run", Cause::word)
}

/// What the CPU did, in the words of the partition. A process's first thread stands for all of its threads.
pub(crate) fn activity(summary: &Summary, activity: &Activity) -> String {
    match activity {
        Activity::User { thread: id } => format!("user: {}", process(summary, *id)),
        Activity::Kernel { cause: of, .. } => format!("kernel: {}", cause(*of)),
        Activity::Switch => "switch".to_owned(),
        Activity::Idle => "idle".to_owned(),
        Activity::Waiting { .. } => "waiting for a CPU".to_owned(),
        Activity::Blocked { .. } => "blocked".to_owned(),
        Activity::Tracer => "tracer (probe effect)".to_owned(),
    }
}

/// How a process ended, and by whose hand.
pub(crate) fn ending(summary: &Summary, stat: &ProcessStat) -> String {
    let by = stat.killed_by.map(|killer| process(summary, killer));
    let ended = status(stat.status);
    by.map_or(ended.clone(), |by| format!("{ended} from {by}"))
}

/// How a thread ended.
pub(crate) fn status(status: Option<ExitStatus>) -> String {
    match status {
        None => "not ended".to_owned(),
        Some(ExitStatus::Code(code)) => format!("exit {code}"),
        Some(ExitStatus::Killed {
            signal,
            cause: Some(cause),
            address,
        }) => {
            format!(
                "killed: {} at {address:#x}, {}",
                cause.word(),
                signal_name(signal)
            )
        }
        Some(ExitStatus::Killed {
            signal,
            cause: None,
            ..
        }) => format!("killed: {}", signal_name(signal)),
    }
}

/// A signal's Linux name; real-time signals and unknown ones by number.
pub(crate) fn signal_name(signal: u8) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let name = usize::from(signal)
        .checked_sub(1)
        .and_then(|place| NAMES.get(place));
    name.map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

/// What ran: the jobs, equal ones counted.
pub(crate) fn jobs(target: &Target) -> String {
    let jobs = match target {
        Target::Mini { jobs, .. } => jobs,
        Target::Linux {
            command, attached, ..
        } => return program(command, attached),
    };
    let mut counted: Vec<(String, usize)> = Vec::new();
    for job in jobs {
        let line = escape_short(&job.command(), MAX_JOB);
        match counted.iter_mut().find(|(known, _)| *known == line) {
            Some((_, n)) => *n += 1,
            None => counted.push((line, 1)),
        }
    }
    let lines = counted.into_iter().map(|(line, n)| {
        if n == 1 {
            line
        } else {
            format!("{n} × {line}")
        }
    });
    lines.collect::<Vec<_>>().join(" · ")
}

/// The program with its arguments, or the processes that were attached to.
fn program(command: &[String], attached: &[u32]) -> String {
    if attached.is_empty() {
        escape_short(&command.join(" "), MAX_JOB)
    } else {
        let ids: Vec<_> = attached.iter().map(u32::to_string).collect();
        escape_short(&format!("attached to {}", ids.join(", ")), MAX_JOB)
    }
}

/// The machine that ran it, as `mini-kernel, 5 jobs`.
pub(crate) fn machine(target: &Target) -> String {
    match target {
        Target::Mini { jobs, .. } => format!(
            "mini-kernel, {}",
            units::things(jobs.len() as u64, "job", "jobs")
        ),
        Target::Linux { .. } => "Linux".to_owned(),
    }
}

/// The scheduler and what it was asked to do.
pub(crate) fn scheduler(target: &Target) -> String {
    let Target::Mini {
        scheduler,
        quantum_ns,
        tick_ns,
        tuning,
        ..
    } = target
    else {
        return "Linux's own".to_owned();
    };
    format!(
        "{}, quantum {}, tick {}{}",
        escape_short(scheduler, MAX_NAME),
        units::duration(*quantum_ns),
        units::duration(*tick_ns),
        tuning.as_ref().map_or_else(String::new, tuned)
    )
}

/// What a scheduler was tuned with, as the end of a list.
fn tuned(tuning: &Tuning) -> String {
    match tuning {
        Tuning::Mlfq {
            levels,
            allotment_ns,
            growth,
            boost_ns,
            old_rule_4,
        } => format!(
            ", {}, allotment {} (each next {growth} times), {}{}",
            units::things(u64::from(*levels), "level", "levels"),
            units::duration(*allotment_ns),
            boost_ns.map_or_else(
                || "no boost".to_owned(),
                |every| format!("boost every {}", units::duration(every))
            ),
            if *old_rule_4 { ", old rule 4" } else { "" }
        ),
        Tuning::Cfs {
            latency_ns,
            min_granularity_ns,
        } => format!(
            ", latency {}, shortest slice {}",
            units::duration(*latency_ns),
            units::duration(*min_granularity_ns)
        ),
    }
}

/// What else was set: protection, tracer, seed; on Linux what was traced and kept.
pub(crate) fn settings(target: &Target) -> String {
    match target {
        Target::Mini {
            protect,
            traced,
            seed,
            ..
        } => format!(
            "kernel memory {} in user mode, tracer {}, seed {seed}",
            if *protect { "closed" } else { "open" },
            if *traced { "ptrace" } else { "none" },
        ),
        Target::Linux {
            filter,
            follow,
            detail,
            ..
        } => format!(
            "{}, new processes {}, {} kept",
            filter.as_ref().map_or_else(
                || "all system calls".to_owned(),
                |filter| format!("system calls {}", escape_short(filter, MAX_NAME))
            ),
            if *follow { "followed" } else { "not followed" },
            match detail {
                Detail::Events => "every event",
                Detail::Summary => "statistics alone",
            },
        ),
    }
}

/// Where it ran.
pub(crate) fn host(host: &Host) -> String {
    let virtualised = match &host.hypervisor {
        Some(name) => format!("virtual ({})", escape_short(name, MAX_NAME)),
        None => "not known to be virtual".to_owned(),
    };
    format!(
        "{}, {}, {virtualised}; kernel {}; clock {}",
        escape_short(&host.cpu, MAX_JOB),
        match host.pinned_cpu {
            Some(cpu) => format!("CPU {cpu} of {}", host.cpus),
            None => units::things(u64::from(host.cpus), "CPU", "CPUs"),
        },
        escape_short(&host.kernel, MAX_JOB),
        escape_short(&host.clock, MAX_NAME),
    )
}

/// How the recording ended.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Recording => {
            "not ended: still being recorded, or the recorder was killed".to_owned()
        }
        Outcome::Completed { status } => format!("completed, exit status {status}"),
        Outcome::Interrupted { by } => format!("interrupted by {}", escape(by)),
        Outcome::Failed { reason } => format!("failed: {}", escape(reason)),
    }
}

/// Whether what the tracer saw is what the kernel logged.
pub(crate) fn witnesses(witnesses: &Witnesses) -> String {
    match witnesses {
        Witnesses::NotCompared => {
            "not compared: there was one witness, or the recording did not end".to_owned()
        }
        Witnesses::Agree { traps, returns } => format!(
            "agree: kernel and tracer saw the same {} and {}",
            units::things(*traps, "trap", "traps"),
            units::things(*returns, "return", "returns"),
        ),
        Witnesses::Differ { detail } => format!("DIFFER: {}", escape(detail)),
    }
}

/// What is missing from the trace, one line each. Empty when nothing is.
pub(crate) fn losses(summary: &Summary) -> Vec<String> {
    let incomplete = summary
        .incomplete
        .iter()
        .map(|why| format!("incomplete trace: {}", escape(why)));
    let lost = summary.meta.lost.iter().map(|loss| {
        let events = loss
            .events
            .map_or("an unknown number of events".to_owned(), |n| {
                units::things(n, "event", "events")
            });
        format!("lost {events}: {}", escape(&loss.reason))
    });
    incomplete.chain(lost).collect()
}

/// The command line that made the trace.
pub(crate) fn command(meta: &Meta) -> String {
    let quoted = meta.command.iter().map(|word| {
        let word = escape(word);
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("'{word}'")
        } else {
            word.into_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Unix seconds as `2026-01-31 12:34:56 UTC`.
pub(crate) fn utc(unix_s: u64) -> String {
    let (days, second) = ((unix_s / 86_400) as i64, unix_s % 86_400);
    // Days to a civil date, after Howard Hinnant's `civil_from_days`: eras of 400 years that start in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_trace_format::meta::{ConsoleInput, Job};

    #[test]
    fn a_date_is_right_over_leap_years() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_767_225_599), "2025-12-31 23:59:59 UTC");
    }

    #[test]
    fn signals_have_their_linux_names() {
        let names = [1, 9, 17, 31, 0, 34].map(signal_name);
        assert_eq!(
            names,
            [
                "SIGHUP",
                "SIGKILL",
                "SIGCHLD",
                "SIGSYS",
                "signal 0",
                "signal 34"
            ]
        );
    }

    #[test]
    fn equal_jobs_are_counted_not_repeated() {
        let job = |words: &[&str]| Job::new(words.iter().map(|w| (*w).to_owned()).collect());
        let target = Target::Mini {
            jobs: vec![job(&["spin", "5"]), job(&["spin", "5"]), job(&["hello"])],
            scheduler: "rr".to_owned(),
            quantum_ns: 1,
            tick_ns: 1,
            protect: true,
            traced: true,
            seed: 0,
            tuning: None,
            root: None,
            input: ConsoleInput::None,
            memory_bytes: 256 << 20,
            disk_latency_ns: 5_000_000,
        };
        assert_eq!(jobs(&target), "2 × spin 5 · hello");
    }
}
