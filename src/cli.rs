//! All of the command line: commands, options, their help. What they do is in `commands/`.
//!
//! Key types: [`Cli`], [`Command`] and one `Args` struct per command; those of `record`, which has the most, are in
//! `cli/record.rs`.

mod export;
mod linux;
mod place;
mod record;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use trapline_trace_format::event::Nanos;
use trapline_tracer::replay::{At, Wanted};

use crate::cli::place::{parse_at, parse_range};
use crate::duration::{parse_duration, parse_time};
pub(crate) use export::{ExportArgs, Format, PidColumn, TimeColumn};
pub(crate) use record::{
    Kernel, MachineArgs, RecordArgs, Scheduler, Stdin, Switch, TracerKind, Tsc, Variable,
    parse_stdin,
};

/// Record, replay and price every pass between user and kernel mode
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = STATUSES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STATUSES: &str = "\
First run: trapline demo

Exit status: 0 fine, 1 error, 2 wrong usage, 3 regression (compare --fail-over), 4 trace incomplete, or a replay
that diverged. record returns the traced program's own status.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Boot the mini-kernel, record five programs that share the CPU, print statistics, write a report
    #[command(after_help = "Example: trapline demo -o my-first")]
    Demo(DemoArgs),
    /// Run programs and record every pass between user and kernel mode into a trace folder
    #[command(after_help = "\
Examples on this host's Linux:
  trapline record -- git log -5
  trapline record -e %file,execve -o files.trap -- make
  trapline record -p 1234
  trapline record --summary-only --limit 1h -- ./server
Examples on the mini-kernel:
  trapline record -o storm.trap -- storm 1000
  trapline record --job 'spin 500' --job 'greedy' --quantum 5ms --limit 1s -o two.trap
  trapline record --root DIR -- /bin/busybox sh -c 'ls / | wc -l'
  trapline record --scenario fixtures/scenarios/stride.toml -o stride.trap
  trapline record --tracer none --protect off -- storm 100000

On Linux the program keeps its terminal, and its exit status is passed on (128 and the signal's number if one
ended it). Ctrl-C reaches it as ever; with -p it ends the recording and lets the processes go. A signal sent to
trapline alone is passed on to the program, a second one kills it.
For the mini-kernel, DIR holds what the machine is to have, as bin/busybox; programs must be static.
Programs that need no DIR: trapline guests")]
    Record(Box<RecordArgs>),
    /// Let a recorded machine do it all again, and check that every event is the same; exit 4 where it is not
    #[command(after_help = "\
Examples:
  trapline replay demo.trap
  trapline replay --times 100 race.trap
  trapline replay demo.trap --to 12.5ms
  trapline replay demo.trap --to 4711 --memory 0x400000:64
  trapline replay --measure --times 30 demo.trap -o base.json

Everything that is needed is in the trace. No file of this host is read, and time passes as it was recorded.
With --to it stops behind an event and shows the machine there; to see it earlier, replay again.
Events are numbered from 1 in the order of the log. A divergence names the number, --to TIME shows it,
and the times are those of `trapline timeline`.

With --measure the same schedule is timed again and again: visit 7 of one replay is visit 7 of any other,
so what differs between replays is noise, and is taken out. `trapline compare` tells two such files apart.")]
    Replay(ReplayArgs),
    /// Print statistics of traces: where the time went, what traps and switches cost
    #[command(after_help = "\
Examples:
  trapline stat demo.trap
  trapline stat --json demo.trap | jq '.[0].overhead'")]
    Stat(StatArgs),
    /// Write a report of traces: one self-contained HTML page, and each plot as PNG and SVG
    #[command(after_help = "Example: trapline report open.trap protected.trap -o report")]
    Report(ReportArgs),
    /// Print how two traces or two measurements differ, metric by metric; exit 3 on a regression
    #[command(after_help = "\
Examples:
  trapline compare base.trap new.trap
  trapline compare base.trap new.trap --fail-over 5
  trapline compare base.json new.json

Traces are of one run: without --fail-over they are only shown. Measurements (replay --measure -o FILE.json) are
of many replays: each metric gets a verdict, and a regression is exit 3 unless it is within --fail-over.")]
    Compare(CompareArgs),
    /// Print the protocol of a run: what kernel, hardware and program do in turn (OSTEP figure 6.3)
    #[command(after_help = "Example: trapline timeline demo.trap --from 100ms --limit 30")]
    Timeline(TimelineArgs),
    /// Write a trace in a form that other programs read: as strace would have printed it, a table, or events for Perfetto
    #[command(after_help = "\
Examples:
  trapline export ls.trap --format strace -o ls.txt
  trapline export ls.trap -f strace --timestamps start --durations -e %file | less
  trapline export ls.trap -f csv --table switches
  trapline export ls.trap -f perfetto -o ls.json")]
    Export(ExportArgs),
    /// List the programs that come with the mini-kernel
    #[command(after_help = "\
Example: trapline guests

In the machine they are files in /guests, where its PATH finds them.")]
    Guests(GuestsArgs),
    /// Check whether this host can run and trace the mini-kernel, and say what to do where it cannot
    #[command(after_help = "Example: trapline doctor")]
    Doctor(DoctorArgs),
    /// Measure what traps, switches and tracing cost on this host
    #[command(after_help = "Example: trapline measure --json > host.json")]
    Measure(MeasureArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example: trapline completions bash > ~/.local/share/bash-completion/completions/trapline"
    )]
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands into a directory
    #[command(after_help = "Example: trapline man -o ~/.local/share/man/man1")]
    Man(ManArgs),
}

/// Options of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Directory for the trace and the report; must not hold an earlier trace [default: trapline-demo, or with a number]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// Trace folder
    pub(crate) trace: PathBuf,
    /// Replay so many times; the first difference ends it [default: 1, with --measure 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: Option<u32>,
    /// Time every visit to the kernel and every context switch in each replay, and print what they cost
    #[arg(long, conflicts_with = "to")]
    pub(crate) measure: bool,
    /// Also write what was measured to this file, which must not exist, for `trapline compare`
    #[arg(short, long, value_name = "FILE.json", requires = "measure")]
    pub(crate) output: Option<PathBuf>,
    /// Give up when nothing happens for this long, and twenty times what it took in the recording
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) patience: Nanos,
    /// Also replay what could harm this host: a trace with another kernel than this version's, or without kernel protection
    #[arg(long)]
    pub(crate) trust: bool,
    /// Also replay on a CPU that cannot do all that the recorded one could; a program that chose its code by that diverges
    #[arg(long)]
    pub(crate) any_cpu: bool,
    /// Stop behind this event and show registers, code, memory map and processes; a number, or a time as 12.5ms for the last
    /// event until then
    #[arg(long, value_name = "EVENT", value_parser = parse_at, conflicts_with = "times")]
    pub(crate) to: Option<At>,
    /// Show memory, too: LENGTH bytes from ADDRESS on (0x for hexadecimal), as the running thread sees it
    #[arg(long, value_name = "ADDRESS:LENGTH", value_parser = parse_range, requires = "to")]
    pub(crate) memory: Vec<Wanted>,
    /// Print JSON: an array with an object per replay, times in nanoseconds; with --to or --measure one object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `stat`.
#[derive(Args, Debug)]
pub(crate) struct StatArgs {
    /// Trace folders
    #[arg(required = true, value_name = "TRACE")]
    pub(crate) traces: Vec<PathBuf>,
    /// Print JSON: an array with an object per trace, times in nanoseconds
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Trace folders
    #[arg(required = true, value_name = "TRACE")]
    pub(crate) traces: Vec<PathBuf>,
    /// Directory for index.html and the plots; made where it is missing
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// Options of `compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Trace folder or measurement file to compare with
    pub(crate) base: PathBuf,
    /// Trace folder or measurement file to compare
    pub(crate) new: PathBuf,
    /// Exit 3 when a metric is worse by more than this. Of traces, counts and shares are held against it; of measurements, times
    /// [default for measurements: 5]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) fail_over: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(percent),
        _ => Err("is not a percentage; write a number from 0, as 5 or 2.5".to_owned()),
    }
}

/// Options of `timeline`.
#[derive(Args, Debug)]
pub(crate) struct TimelineArgs {
    /// Trace folder
    pub(crate) trace: PathBuf,
    /// Leave out what happened before this time since the start of the trace
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_time)]
    pub(crate) from: Nanos,
    /// Number of events to print; 0 prints all
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) limit: usize,
}

/// Options of `guests`.
#[derive(Args, Debug)]
pub(crate) struct GuestsArgs {}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `measure`.
#[derive(Args, Debug)]
pub(crate) struct MeasureArgs {
    /// How often each figure is measured; the median is printed
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Print JSON: an array of figures in nanoseconds
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: Shell,
}

/// Options of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Directory for the pages of all commands; made where it is missing
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains(&format!("trapline {}", command.get_name())),
                "{}",
                command.get_name()
            );
        }
    }

    #[test]
    fn a_percentage_may_carry_its_sign_and_nothing_else() {
        assert_eq!(parse_percent("2.5%"), Ok(2.5));
        for wrong in ["", "-1", "nan", "inf", "five"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
