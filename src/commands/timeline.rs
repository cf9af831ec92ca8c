//! `trapline timeline`: the protocol of a run in the columns of OSTEP figure 6.3.

use std::io::{self, BufWriter, Write};

use anyhow::Context;
use trapline_analyzer::Protocol;
use trapline_reports::text::timeline::{ProtocolOptions, write_protocol};
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::Target;

use super::load::cannot_read;
use crate::cli::TimelineArgs;
use crate::exit::Exit;
use crate::terminal;

/// Prints the events from a time on, as many as asked for.
pub(crate) fn run(args: &TimelineArgs) -> anyhow::Result<Exit> {
    let trace = Trace::open(&args.trace).with_context(|| cannot_read(&args.trace))?;
    let mut damage = None;
    // The log gives its intact part first, then what is wrong with the rest.
    let events = trace.events().with_context(|| cannot_read(&args.trace))?;
    let intact =
        events.map_while(|event| event.map_err(|error| damage = Some(error.to_string())).ok());
    let options = ProtocolOptions {
        from: args.from,
        limit: (args.limit > 0).then_some(args.limit),
        syscall_name: &trapline_analyzer::syscall_name,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let shown = match trace.meta().target {
        Target::Mini { .. } => write_protocol(intact, &options, &mut out)?,
        Target::Linux { .. } => write_protocol(Protocol::of(intact), &options, &mut out)?,
    };
    if let Some(next) = shown.next {
        writeln!(
            out,
            "\nMore follows: --from {next}ns shows what comes next, --limit 0 everything."
        )?;
    } else if shown.events == 0 {
        writeln!(out, "\nNothing happened from then on.")?;
    }
    out.flush()?;
    match trace.completeness().or(damage) {
        None => Ok(Exit::Fine),
        Some(why) => {
            terminal::warn(&format!(
                "{}: incomplete trace, what is shown is its intact part: {why}",
                trace.name()
            ));
            Ok(Exit::Incomplete)
        }
    }
}
