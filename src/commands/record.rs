//! `trapline record`: programs on the mini-kernel, recorded into a trace folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use trapline_reports::text;
use trapline_tracer::machine::{MachineOptions, Scheduler};
use trapline_tracer::record::RecordOptions;

use crate::cli::{self, RecordArgs, Switch, TracerKind};
use crate::exit::Exit;
use crate::run_machine::{self, machine_cpu, unused};
use crate::terminal;

/// Runs the command. Its status is the traced programs' own.
pub(crate) fn run(args: RecordArgs) -> anyhow::Result<Exit> {
    let options = options(&args)?;
    let run = run_machine::run(&options)?;
    terminal::note(&text::recorded(
        &run.recorded.path,
        &run.recorded.meta,
        &run.analysis.summary()?,
    ));
    Ok(Exit::Program(
        match (&run.recorded.meta.outcome, run.interrupted_by) {
            (_, Some(signal)) => 128 + signal as u8,
            (trapline_trace_format::meta::Outcome::Completed { status }, None) => *status,
            _ => 0,
        },
    ))
}

fn options(args: &RecordArgs) -> anyhow::Result<RecordOptions> {
    let jobs = args.jobs();
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| unused(&default_output(&jobs)));
    Ok(RecordOptions {
        machine: MachineOptions {
            jobs,
            scheduler: scheduler(args.scheduler),
            quantum: duration(args.quantum),
            tick: duration(args.tick),
            protect: args.protect == Switch::On,
            seed: args.seed,
            cpu: machine_cpu()?,
        },
        traced: args.tracer == TracerKind::Ptrace,
        limit: args.limit.map(duration),
        output,
        command: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn scheduler(named: cli::Scheduler) -> Scheduler {
    match named {
        cli::Scheduler::Fifo => Scheduler::Fifo,
        cli::Scheduler::Rr => Scheduler::RoundRobin,
        cli::Scheduler::Mlfq => Scheduler::Mlfq,
        cli::Scheduler::Lottery => Scheduler::Lottery,
        cli::Scheduler::Stride => Scheduler::Stride,
        cli::Scheduler::Cfs => Scheduler::Cfs,
    }
}

fn default_output(jobs: &[Vec<String>]) -> PathBuf {
    let program = jobs.first().and_then(|job| job.first()).map(Path::new);
    let name = program.and_then(Path::file_name).unwrap_or_default();
    Path::new(name).with_extension("trap")
}

fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(nanoseconds.max(0) as u64)
}
