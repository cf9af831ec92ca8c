//! `trapline stat`: statistics of traces for people or, as JSON, for programs.

use trapline_reports::text;

use super::load::Loaded;
use crate::cli::StatArgs;
use crate::exit::Exit;
use crate::terminal;

/// Prints each trace as soon as it is analysed; JSON is one array and comes when all are.
pub(crate) fn run(args: &StatArgs) -> anyhow::Result<Exit> {
    let mut loaded = Loaded::default();
    let mut summaries = Vec::new();
    for (index, path) in args.traces.iter().enumerate() {
        let summary = loaded.summary(path)?;
        if args.json {
            summaries.push(summary);
            continue;
        }
        let gap = if index == 0 { "" } else { "\n\n" };
        terminal::print(&format!(
            "{gap}{}",
            text::summary(&summary, terminal::style())
        ))?;
    }
    if args.json {
        terminal::print(&format!("{}\n", serde_json::to_string_pretty(&summaries)?))?;
    }
    Ok(loaded.exit())
}
