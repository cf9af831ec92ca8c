//! `trapline replay --measure`: one schedule, replayed many times with a stopwatch in the kernel, and what its visits and
//! switches cost. Neighbours: the tracer's `replay/measure.rs` times them, the analyzer makes a measurement of it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use trapline_analyzer::{About, measurement};
use trapline_reports::text;
use trapline_tracer::replay::{End, Measuring, Recording, ReplayOptions};

use super::{exit, repeat, show};
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::terminal;

/// Replays when nothing is said: enough for a verdict on thirty metrics.
const TIMES: u32 = 20;

/// Measures, prints, and writes the file if one is asked for. What was not the same as recorded is not measured.
pub(super) fn run(
    args: &ReplayArgs,
    recording: &Recording,
    options: &ReplayOptions,
) -> anyhow::Result<Exit> {
    if let Some(path) = &args.output {
        // Said before the work and not after it.
        anyhow::ensure!(
            path.symlink_metadata().is_err(),
            "{} exists already; choose another name or remove it",
            path.display()
        );
    }
    let mut measuring = Measuring::new(recording, options)?;
    let runs = repeat(args, args.times.unwrap_or(TIMES), |stop, progress| {
        measuring.round(recording, options, stop, progress)
    })?;
    let is_whole = runs
        .all
        .iter()
        .all(|run| matches!(run.end, End::Same | End::SameUntilCut { .. }));
    if !is_whole || runs.interrupted_by.is_some() {
        return show(args, recording, &runs);
    }
    let about = About {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        made_unix_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        trace: recording.name(),
        target: recording.meta().target.clone(),
        host: measuring.host().clone(),
        clock_read_ns: measuring.clock_read_ns(),
    };
    let made = measurement(about, measuring.passages(), measuring.rounds());
    if let Some(path) = &args.output {
        made.write(path).context("cannot write the measurement")?;
    }
    terminal::print(&if args.json {
        format!("{}\n", serde_json::to_string_pretty(&made)?)
    } else {
        text::measurement(&made, terminal::style())
    })?;
    Ok(exit(recording, &runs))
}
