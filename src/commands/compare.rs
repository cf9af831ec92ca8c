//! `trapline compare`: two traces, metric by metric, and the gate of `--fail-over`.

use trapline_analyzer::compare;
use trapline_reports::text;

use super::load::Loaded;
use crate::cli::CompareArgs;
use crate::exit::Exit;
use crate::terminal;

/// Prints the comparison. An incomplete trace outweighs a regression: its numbers are no verdict.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
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
