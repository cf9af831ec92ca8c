//! `trapline measure`: what traps, switches and tracing cost on this host.

use trapline_reports::text;
use trapline_reports::text::MeasureRow;
use trapline_tracer::measure::{Measurement, Operation, measure};

use crate::cli::MeasureArgs;
use crate::exit::Exit;
use crate::images::images;
use crate::run_machine::machine_cpu;
use crate::terminal;

/// Runs the command.
pub(crate) fn run(args: MeasureArgs) -> anyhow::Result<Exit> {
    let bar = terminal::spinner("measuring".to_owned());
    let measurements = measure(
        &images(),
        machine_cpu()?,
        args.rounds.max(1),
        |step, steps| {
            bar.set_message(format!("measuring: {step} of {steps}"));
        },
    )?;
    bar.finish_and_clear();
    let output = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&measurements)?)
    } else {
        let rows: Vec<MeasureRow> = measurements.iter().map(row).collect();
        text::measurements(&rows, terminal::style())
    };
    terminal::print(&output)?;
    Ok(Exit::Fine)
}

fn row(measurement: &Measurement) -> MeasureRow {
    let what = match measurement.operation {
        Operation::HostNullSyscall => "null system call of the host",
        Operation::NullSyscall => "null system call",
        Operation::Yield => "yield to another process",
    };
    let kernel = match measurement.protect {
        None => "host",
        Some(true) => "mini, protected",
        Some(false) => "mini, open",
    };
    MeasureRow {
        what,
        kernel,
        traced: measurement.traced,
        median_ns: measurement.median_ns,
        low_ns: measurement.low_ns,
        high_ns: measurement.high_ns,
    }
}
