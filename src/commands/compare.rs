//! `trapline compare`: two traces, metric by metric, and the gate of `--fail-over`; or two measurements, with verdicts.

use std::path::Path;

use anyhow::{Context, anyhow};
use trapline_analyzer::{Verdict, compare, compare_measured};
use trapline_reports::text;
use trapline_trace_format::measurement::Measurement;

use super::load::Loaded;
use crate::cli::CompareArgs;
use crate::exit::Exit;
use crate::terminal;

/// How many percent of difference between two measurements count as none, if nothing is said: a host that is otherwise busy
/// differs from itself by so much within minutes.
const TOLERANCE_PERCENT: f64 = 5.0;

/// Prints the comparison.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
    match [&args.base, &args.new].map(|path| path.is_file()) {
        [false, false] => traces(args),
        [true, true] => measurements(args),
        [base_is_file, _] => {
            let (file, trace) = if base_is_file {
                (&args.base, &args.new)
            } else {
                (&args.new, &args.base)
            };
            anyhow::ensure!(
                trace.exists(),
                "{}: no such trace folder or measurement file",
                trace.display()
            );
            terminal::print_error(&anyhow!(
                "{} is a measurement and {} is not; compare two of a kind: `trapline replay {} --measure -o FILE.json` makes a measurement of a trace",
                file.display(),
                trace.display(),
                trace.display()
            ));
            Ok(Exit::Usage)
        }
    }
}

/// An incomplete trace outweighs a regression: its numbers are no verdict.
fn traces(args: &CompareArgs) -> anyhow::Result<Exit> {
    let mut loaded = Loaded::default();
    let (base, new) = (loaded.summary(&args.base)?, loaded.summary(&args.new)?);
    let comparison = compare(&base, &new, args.fail_over);
    let text = if args.json {
        serde_json::to_string_pretty(&comparison)? + "\n"
    } else {
        text::comparison(&comparison, terminal::style())
    };
    terminal::print(&text)?;
    Ok(match loaded.exit() {
        Exit::Fine if !comparison.exceeded.is_empty() => Exit::Regression,
        exit => exit,
    })
}

fn measurements(args: &CompareArgs) -> anyhow::Result<Exit> {
    let read = |path: &Path| Measurement::read(path).context("cannot compare");
    let (base, new) = (read(&args.base)?, read(&args.new)?);
    let [base_name, new_name] = [&args.base, &args.new].map(|path| path.display().to_string());
    let tolerance = args.fail_over.unwrap_or(TOLERANCE_PERCENT);
    let comparison = compare_measured((&base_name, &base), (&new_name, &new), tolerance);
    let text = if args.json {
        serde_json::to_string_pretty(&comparison)? + "\n"
    } else {
        text::measured_comparison(&comparison, terminal::style())
    };
    terminal::print(&text)?;
    let has_regressed = comparison.with_verdict(Verdict::Regressed).next().is_some();
    Ok(if has_regressed {
        Exit::Regression
    } else {
        Exit::Fine
    })
}
