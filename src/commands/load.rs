//! Traces read for a command: with progress, an error that names the trace, and a warning for an incomplete one.
//!
//! Key type: [`Loaded`]. Neighbours: `stat.rs`, `report.rs`, `compare.rs`.

use std::path::Path;

use anyhow::Context;
use trapline_analyzer::Analysis;
use trapline_analyzer::summary::{PlotData, Summary};

use crate::exit::Exit;
use crate::terminal;

/// Analysed traces.
#[derive(Default)]
pub(crate) struct Loaded {
    incomplete: bool,
}

impl Loaded {
    /// The statistics of a trace.
    pub(crate) fn summary(&mut self, path: &Path) -> anyhow::Result<Summary> {
        let progress = terminal::spinner(format!("reading {}", path.display()));
        let analysis = load(path)?;
        let summary = analysis.summary().with_context(|| cannot_read(path))?;
        progress.finish_and_clear();
        self.note(&summary);
        Ok(summary)
    }

    /// The statistics of a trace and what its plots need.
    pub(crate) fn with_plots(&mut self, path: &Path) -> anyhow::Result<(Summary, PlotData)> {
        let progress = terminal::spinner(format!("reading {}", path.display()));
        let analysis = load(path)?;
        let summary = analysis.summary().with_context(|| cannot_read(path))?;
        let data = analysis.plot_data().with_context(|| cannot_read(path))?;
        progress.finish_and_clear();
        self.note(&summary);
        Ok((summary, data))
    }

    /// The status of a command whose results are these traces and nothing worse happened.
    pub(crate) fn exit(&self) -> Exit {
        if self.incomplete {
            Exit::Incomplete
        } else {
            Exit::Fine
        }
    }

    fn note(&mut self, summary: &Summary) {
        if let Some(why) = &summary.incomplete {
            self.incomplete = true;
            terminal::warn(&format!(
                "{}: incomplete trace, the numbers are of its intact part: {why}",
                summary.name
            ));
        }
    }
}

fn load(path: &Path) -> anyhow::Result<Analysis> {
    Analysis::load(path).with_context(|| cannot_read(path))
}

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read the trace {}", path.display())
}
