//! `trapline demo`: the first run. Five programs share the CPU for some three seconds; then the statistics, the report,
//! and what to try next.

use std::fs;
use std::path::Path;

use anyhow::Context;
use trapline_reports::text::escape::escape;
use trapline_reports::{text, write_report};
use trapline_trace_format::meta::ReplayData;
use trapline_tracer::machine::{Job, MachineOptions};
use trapline_tracer::record::RecordOptions;

use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::run_machine::{self, machine_cpu, unused};
use crate::terminal;

/// Two that want the CPU all the time, one that calls the kernel all the time, one that is polite, one that mostly sleeps.
const JOBS: [&str; 5] = [
    "spin 1000",
    "spin 600",
    "storm 15000",
    "yielder 4000",
    "sleeper 60 20",
];

/// Runs the command.
pub(crate) fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    let folder = args
        .output
        .unwrap_or_else(|| unused(Path::new("trapline-demo")));
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let output = folder.join("demo.trap");
    let run = run_machine::run(&options(&output)?)?;
    if let Some(signal) = run.interrupted_by {
        terminal::warn(&format!(
            "interrupted; what was recorded until then is in {}",
            output.display()
        ));
        return Ok(Exit::Program(128 + signal as u8));
    }
    let summary = run.analysis.summary()?;
    terminal::print(&text::summary(&summary, terminal::style()))?;
    let plots = run.analysis.plot_data()?;
    let report = write_report(&folder.join("report"), &[(summary, plots)])?;
    terminal::print(&closing(&output, &report.page))?;
    Ok(Exit::Fine)
}

fn options(output: &Path) -> anyhow::Result<RecordOptions> {
    let job = |job: &str| Job::new(job.split(' ').map(str::to_owned).collect());
    let machine = MachineOptions::new(JOBS.map(job).to_vec(), machine_cpu()?);
    Ok(RecordOptions {
        machine,
        traced: true,
        replay_data: ReplayData::Kept,
        limit: None,
        output: output.to_owned(),
        command: vec!["trapline".to_owned(), "demo".to_owned()],
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn closing(trace: &Path, page: &Path) -> String {
    let trace = escape(&trace.display().to_string()).into_owned();
    let page = escape(&page.display().to_string()).into_owned();
    format!(
        "
Trace   {trace}
Report  {page}

Try next:
  trapline timeline {trace} --limit 40      the protocol of OSTEP figure 6.3, step by step
  trapline record --job 'spin 500' --job greedy --limit 1s     only the timer gets the CPU back from greedy
  trapline record --protect off --tracer none -- storm 100000     what a trap costs without protection and tracer
"
    )
}
