//! `trapline replay --gdb`: the replayed machine served to gdb.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use trapline_reports::text::escape::escape;
use trapline_reports::units;
use trapline_tracer::replay::{
    Client, End, Recording, ReplayOptions, Replayed, Served, Verified, serve,
};

use super::{Exit, Runs, terminal, with_signals};
use crate::cli::ReplayArgs;

/// Serves until gdb goes.
pub(super) fn run(
    args: &ReplayArgs,
    recording: &Recording,
    options: &ReplayOptions,
    port: u16,
) -> anyhow::Result<Exit> {
    let (served, signal) =
        with_signals(|stop| serve(recording, options, args.to, port, stop, &mut User))?;
    let cannot = || format!("cannot serve {} to gdb", args.trace.display());
    let served = served.with_context(cannot)?;
    if let Some(signal) = signal {
        return Ok(Exit::Program(128 + signal as u8));
    }
    match served {
        Served::Left(verified) => {
            terminal::note(&went(verified));
            Ok(Exit::Fine)
        }
        Served::Ended(Replayed {
            end: End::SameUntilCut { .. },
            verified,
            ..
        }) => bail!(
            "{} cannot be replayed that far: the machine was ended before the inputs were written down; \
             the first {} can",
            args.trace.display(),
            units::things(verified.events, "event", "events")
        ),
        Served::Ended(replayed) => {
            let runs = Runs {
                all: vec![replayed],
                interrupted_by: signal,
            };
            super::show(args, recording, &runs)
        }
        Served::Nonsense(what) => bail!(
            "whoever connected does not speak gdb's remote protocol ({}); connect with gdb",
            escape(&what)
        ),
    }
}

fn went(verified: Verified) -> String {
    format!(
        "gdb went; the same as recorded until there: {}",
        units::things(verified.events, "event", "events")
    )
}

/// The person at the terminal.
struct User;

impl Client for User {
    fn listens(&mut self, address: SocketAddr) {
        // A reader that went away does not end the replay.
        let _ = terminal::print(&format!(
            "the machine stands still; connect with: gdb -ex 'target remote {address}'\n"
        ));
    }

    fn note(&mut self, note: &str) {
        terminal::note(&format!("trapline: {}", escape(note)));
    }
}
