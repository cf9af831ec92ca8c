//! `trapline replay`: a recorded machine does it all again, and every event is held against the recorded one.

mod served;
mod stopped;

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use trapline_reports::text::escape::escape;
use trapline_reports::units;
use trapline_tracer::replay::{
    Divergence, End, Recording, ReplayOptions, Replayed, Trust, Verified, replay,
};

use super::load::cannot_read;
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::images::images;
use crate::machine_options::duration;
use crate::run_machine::{machine_cpu, with_signals};
use crate::terminal;

/// Replays as often as asked for; the first difference ends it.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let trust = if args.trust { Trust::Full } else { Trust::None };
    let recording =
        Recording::open(&args.trace, &images(), trust).with_context(|| cannot_read(&args.trace))?;
    let incomplete = recording.incomplete();
    if let Some(why) = &incomplete {
        terminal::warn(&format!(
            "{}: incomplete trace, its intact part is replayed: {why}",
            args.trace.display()
        ));
    }
    let options = ReplayOptions {
        cpu: machine_cpu()?,
        patience: duration(args.patience),
    };
    if let Some(port) = args.gdb {
        return served::run(args, &recording, &options, port);
    }
    if let Some(at) = args.to {
        return stopped::run(args, &recording, &options, at);
    }
    let mut runs: Vec<Replayed> = Vec::new();
    let mut interrupted_by = None;
    for round in 1..=args.times.max(1) {
        let bar = terminal::bar();
        let of = if args.times > 1 {
            format!("replaying, {round} of {}", args.times)
        } else {
            "replaying".to_owned()
        };
        bar.set_message(of);
        let (replayed, signal) = with_signals(|stop| {
            replay(&recording, &options, stop, |events, all| {
                bar.set_length(all);
                bar.set_position(events);
            })
        })?;
        bar.finish_and_clear();
        let replayed =
            replayed.with_context(|| format!("cannot replay {}", args.trace.display()))?;
        let goes_on = matches!(replayed.end, End::Same | End::SameUntilCut { .. });
        runs.push(replayed);
        interrupted_by = signal;
        if !goes_on || signal.is_some() {
            break;
        }
    }
    show(args, &recording, &runs, interrupted_by)
}

/// Prints what came of the replays; the status says it, too.
fn show(
    args: &ReplayArgs,
    recording: &Recording,
    runs: &[Replayed],
    interrupted_by: Option<i32>,
) -> anyhow::Result<Exit> {
    let recorded = Duration::from_nanos(recording.meta().wall_ns.max(0) as u64);
    terminal::print(&if args.json {
        let runs: Vec<Run> = runs.iter().map(Run::of).collect();
        format!("{}\n", serde_json::to_string_pretty(&runs)?)
    } else {
        text(runs, recorded)
    })?;
    Ok(match (runs.last().map(|run| &run.end), interrupted_by) {
        (Some(End::Diverged(_)), _) => Exit::Diverged,
        (_, Some(signal)) => Exit::Program(128 + signal as u8),
        (Some(End::Interrupted { .. }), None) => Exit::Error,
        _ if recording.incomplete().is_some() => Exit::Incomplete,
        _ => Exit::Fine,
    })
}

/// A replay as JSON.
#[derive(Serialize)]
struct Run<'a> {
    /// `same`, `same_until_cut`, `diverged` or `interrupted`.
    end: &'static str,
    /// Where it left the recording, if it did.
    divergence: Option<&'a Divergence>,
    /// Events that could not be repeated, because the machine was ended before their inputs were written down.
    left: u64,
    /// What was compared, and was the same.
    verified: Verified,
    /// How long it took.
    took_ns: u64,
}

impl<'a> Run<'a> {
    fn of(run: &'a Replayed) -> Self {
        let (end, divergence, left) = match &run.end {
            End::Same => ("same", None, 0),
            End::SameUntilCut { left } => ("same_until_cut", None, *left),
            End::Diverged(divergence) => ("diverged", Some(divergence), 0),
            End::Interrupted { .. } => ("interrupted", None, 0),
        };
        Self {
            end,
            divergence,
            left,
            verified: run.verified,
            took_ns: run.took.as_nanos() as u64,
        }
    }
}

/// The last replay, and how many like it there were.
fn text(runs: &[Replayed], recorded: Duration) -> String {
    let Some(last) = runs.last() else {
        return String::new();
    };
    let verified = &last.verified;
    let same = units::things(verified.events, "event", "events");
    let times = match runs.len() {
        1 => String::new(),
        more => format!(", {more} times"),
    };
    let heading = match &last.end {
        End::Same => format!("the same to the end{times}: {same}"),
        End::SameUntilCut { left } => format!(
            "the same as far as the recording goes{times}: {same}; the last {} could not be repeated, \
             as the machine was ended before their inputs were written down",
            units::count(*left)
        ),
        End::Diverged(divergence) => format!(
            "DIVERGED{} after {same}: {}",
            match runs.len() {
                1 => String::new(),
                round => format!(" in replay {round}"),
            },
            escape(&divergence.to_string())
        ),
        End::Interrupted { by } => {
            format!("ended by {}; the same until then: {same}", escape(by))
        }
    };
    let mut text = format!("{heading}\n");
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "  {name:12} {what}");
    };
    row(
        "visits",
        format!(
            "{}, with their causes, times, arguments and results",
            units::count(verified.visits)
        ),
    );
    row(
        "preemptions",
        format!(
            "{}, each at the same instruction with the same registers and memory ({} compared)",
            units::count(verified.preemptions),
            units::bytes(verified.memory_bytes)
        ),
    );
    row(
        "other ticks",
        format!(
            "{}, in the same order; without effect on the programs, so not at the same instruction",
            units::count(verified.ticks)
        ),
    );
    row(
        "console",
        format!(
            "{} of output, {} of input",
            units::bytes(verified.console_bytes),
            units::bytes(verified.input_bytes)
        ),
    );
    row(
        "time",
        format!(
            "{}, recorded in {}",
            units::duration(last.took.as_nanos() as i64),
            units::duration(recorded.as_nanos() as i64)
        ),
    );
    text
}
