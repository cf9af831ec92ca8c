//! `trapline replay`: a recorded machine does it all again, and every event is held against the recorded one.

mod measured;
mod stopped;

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use trapline_reports::text::escape::escape;
use trapline_reports::units;
use trapline_tracer::TracerError;
use trapline_tracer::record::Stop;
use trapline_tracer::replay::{
    AnyCpu, Divergence, End, Recording, ReplayOptions, Replayed, Searches, Trust, Verified, replay,
};

use super::load::cannot_read;
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::images::images;
use crate::machine_options::duration;
use crate::run_machine::with_signals;
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
    let any_cpu = if args.any_cpu {
        AnyCpu::Tried
    } else {
        AnyCpu::Refused
    };
    for note in recording.check_host(any_cpu)? {
        terminal::warn(&format!("{}: {note}", args.trace.display()));
    }
    let options = ReplayOptions {
        cpu: recording.cpu()?,
        patience: duration(args.patience),
    };
    if let Some(at) = args.to {
        return stopped::run(args, &recording, &options, at);
    }
    if args.measure {
        return measured::run(args, &recording, &options);
    }
    let runs = repeat(args, args.times.unwrap_or(1), |stop, progress| {
        replay(&recording, &options, stop, progress)
    })?;
    show(args, &recording, &runs)
}

/// Replays, and the signal that ended them early.
struct Runs {
    all: Vec<Replayed>,
    interrupted_by: Option<i32>,
}

/// Has `replay` run so many times, unless one is not the same or somebody ends it; with progress.
fn repeat(
    args: &ReplayArgs,
    times: u32,
    mut replay: impl FnMut(&Stop, &mut dyn FnMut(u64, u64)) -> Result<Replayed, TracerError>,
) -> anyhow::Result<Runs> {
    let mut runs: Vec<Replayed> = Vec::new();
    let mut interrupted_by = None;
    for round in 1..=times {
        let bar = terminal::bar();
        let of = if times > 1 {
            format!("replaying, {round} of {times}")
        } else {
            "replaying".to_owned()
        };
        bar.set_message(of);
        let mut progress = |events, all| {
            bar.set_length(all);
            bar.set_position(events);
        };
        let (replayed, signal) = with_signals(|stop| replay(stop, &mut progress))?;
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
    Ok(Runs {
        all: runs,
        interrupted_by,
    })
}

/// Prints what came of the replays; the status says it, too.
fn show(args: &ReplayArgs, recording: &Recording, runs: &Runs) -> anyhow::Result<Exit> {
    let recorded = Duration::from_nanos(recording.meta().wall_ns.max(0) as u64);
    terminal::print(&if args.json {
        let runs: Vec<Run> = runs.all.iter().map(Run::of).collect();
        format!("{}\n", serde_json::to_string_pretty(&runs)?)
    } else {
        text(&runs.all, recorded)
    })?;
    Ok(exit(recording, runs))
}

/// The status that says what came of the replays.
fn exit(recording: &Recording, runs: &Runs) -> Exit {
    match (runs.all.last().map(|run| &run.end), runs.interrupted_by) {
        (Some(End::Diverged(_)), _) => Exit::Diverged,
        (_, Some(signal)) => Exit::Program(128 + signal as u8),
        (Some(End::Interrupted { .. }), None) => Exit::Error,
        _ if recording.incomplete().is_some() => Exit::Incomplete,
        _ => Exit::Fine,
    }
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
    /// What it took to find where the timer had come.
    searches: &'a Searches,
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
            searches: &run.searches,
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
        End::SameUntilCut { left: 0 } => {
            format!("the same as far as the recording goes{times}: {same}")
        }
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
            "{}, each at the same instruction with the same registers and memory",
            units::count(verified.preemptions)
        ),
    );
    row(
        "memory",
        format!(
            "{} compared, there and at {}",
            units::bytes(verified.memory_bytes),
            units::things(verified.memories, "end of a program", "ends of programs")
        ),
    );
    if last.searches.count > 0 {
        row("", searches(&last.searches));
    }
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

/// What it took to find the preempted states.
fn searches(searches: &Searches) -> String {
    let compiled = match searches.compiled {
        0 => String::new(),
        some => format!(
            "; in {} the comparison was compiled into the program",
            units::count(some)
        ),
    };
    format!(
        "found by comparing {} arrivals there each (median; {} to {}){compiled}",
        units::count(searches.compared_median),
        units::count(searches.compared_min),
        units::count(searches.compared_max),
    )
}
