//! Recording programs on the mini-kernel.

use std::path::{Path, PathBuf};

use anyhow::Context;
use trapline_reports::text;
use trapline_trace_format::meta::{Outcome, ReplayData};
use trapline_tracer::machine::Job;
use trapline_tracer::record::RecordOptions;

use crate::cli::{MachineArgs, RecordArgs, Switch, TracerKind};
use crate::exit::Exit;
use crate::machine_options::{duration, environment, machine_options};
use crate::run_machine::{self, machine_cpu, unused};
use crate::scenario::Scenario;
use crate::terminal;

/// Runs the command. Its status is the traced programs' own.
pub(super) fn run(args: RecordArgs) -> anyhow::Result<Exit> {
    let options = options(args)?;
    let run = run_machine::run(&options)?;
    terminal::note(&text::recorded(
        &run.recorded.path,
        &run.recorded.meta,
        &run.analysis.summary()?,
    ));
    Ok(Exit::Program(
        match (&run.recorded.meta.outcome, run.interrupted_by) {
            (_, Some(signal)) => 128 + signal as u8,
            (Outcome::Completed { status }, None) => *status,
            _ => 0,
        },
    ))
}

fn options(args: RecordArgs) -> anyhow::Result<RecordOptions> {
    let commands = commands(&args)?;
    let scenario = args.scenario.as_deref().map(Scenario::read).transpose()?;
    let from_scenario = scenario.as_ref().map(|scenario| scenario.machine.clone());
    let said = MachineArgs {
        limit: args.limit,
        ..args.machine
    };
    let machine = said.or(from_scenario.unwrap_or_default());
    let mut jobs = scenario.map_or_else(Vec::new, |scenario| scenario.jobs(&machine));
    jobs.extend(commands.into_iter().map(|command| job(command, &machine)));
    let named = args.scenario.as_deref();
    let output = args
        .output
        .unwrap_or_else(|| unused(&default_output(named, &jobs)));
    Ok(RecordOptions {
        machine: machine_options(jobs, &machine, machine_cpu()?),
        traced: args.tracer != Some(TracerKind::None),
        replay_data: match args.replay_data {
            Some(Switch::Off) => ReplayData::LeftOut,
            Some(Switch::On) | None => ReplayData::Kept,
        },
        limit: machine.limit.map(duration),
        output,
        command: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The programs of the command line with their arguments, in its order. Each names a program.
fn commands(args: &RecordArgs) -> anyhow::Result<Vec<Vec<String>>> {
    let text = |word: &std::ffi::OsString| {
        let word = word.to_str().map(str::to_owned);
        word.context("a program's arguments are not UTF-8, which the mini-kernel needs")
    };
    let mut commands: Vec<_> = args.job.iter().map(|job| job.0.clone()).collect();
    if !args.program.is_empty() {
        commands.push(args.program.iter().map(text).collect::<Result<_, _>>()?);
    }
    Ok(commands)
}

fn job(command: Vec<String>, machine: &MachineArgs) -> Job {
    let mut job = Job::new(command);
    job.environment = environment(&machine.env);
    job
}

/// Named after the scenario, or the first program.
fn default_output(scenario: Option<&Path>, jobs: &[Job]) -> PathBuf {
    let first = || jobs.first()?.arguments.first().map(Path::new);
    let name = scenario.or_else(first).and_then(Path::file_name);
    Path::new(name.unwrap_or_default()).with_extension("trap")
}
