//! `trapline report`: the HTML page and the plots of traces.

use trapline_reports::write_report;

use super::load::Loaded;
use crate::cli::ReportArgs;
use crate::exit::Exit;
use crate::terminal;

/// Writes the report and prints where the page is.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let mut loaded = Loaded::default();
    let traces = args
        .traces
        .iter()
        .map(|path| loaded.with_plots(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let progress = terminal::spinner("drawing".to_owned());
    let paths = write_report(&args.output, &traces)?;
    progress.finish_and_clear();
    terminal::print(&format!("{}\n", paths.page.display()))?;
    Ok(loaded.exit())
}
