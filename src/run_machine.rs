//! What `record` and `demo` share, and in part `replay`: a recording with the machine's output on stdout, progress on stderr, and an orderly end
//! on Ctrl-C.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;
use indicatif::ProgressBar;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;
use trapline_analyzer::Analysis;
use trapline_reports::text::escape::escape_lines;
use trapline_tracer::record::{Listener, RecordOptions, Recorded, Stop, record};

use crate::images::images;
use crate::terminal;

/// A recording that was made and loaded.
pub(crate) struct Run {
    /// The trace.
    pub(crate) recorded: Recorded,
    /// Its tables.
    pub(crate) analysis: Analysis,
    /// The signal that ended it early.
    pub(crate) interrupted_by: Option<i32>,
}

/// Records, and makes the trace's tables.
pub(crate) fn run(options: &RecordOptions) -> anyhow::Result<Run> {
    let mut screen = Screen {
        bar: terminal::spinner("recording".to_owned()),
        escape: io::stdout().is_terminal(),
    };
    let (result, interrupted_by) =
        with_signals(|stop| record(options, &images(), stop, &mut screen))?;
    screen.bar.set_message("making tables");
    let result = result.with_context(|| format!("cannot record {}", options.output.display()))?;
    let analysis = Analysis::load(&result.path).context("cannot make the tables of the trace")?;
    screen.bar.finish_and_clear();
    Ok(Run {
        recorded: result,
        analysis,
        interrupted_by,
    })
}

/// Runs something that Ctrl-C ends in order. Gives its result, and the signal if there was one.
pub(crate) fn with_signals<T>(run: impl FnOnce(&Stop) -> T) -> anyhow::Result<(T, Option<i32>)> {
    let stop = Stop::default();
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen for signals")?;
    let handle = signals.handle();
    let waiter = thread::spawn({
        let stop = stop.clone();
        move || {
            let signal = signals.forever().next();
            if let Some(signal) = signal {
                stop.now(signal_name(signal).unwrap_or("a signal"));
            }
            signal
        }
    });
    let result = run(&stop);
    handle.close();
    Ok((result, waiter.join().ok().flatten()))
}

/// The CPU for a machine: the last one allowed, which hosts tend to keep freest of interrupts.
pub(crate) fn machine_cpu() -> anyhow::Result<usize> {
    let cpus = trapline_tracer::host::allowed_cpus()?;
    cpus.last().copied().context("no CPU may be used")
}

/// `path`, or the first of `path-2`, `path-3`, ... that does not exist.
pub(crate) fn unused(path: &Path) -> PathBuf {
    let numbered = |number: u32| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = path
            .extension()
            .map(|extension| format!(".{}", extension.to_string_lossy()));
        path.with_file_name(format!("{stem}-{number}{}", extension.unwrap_or_default()))
    };
    let names = std::iter::once(path.to_owned()).chain((2..).map(numbered));
    names
        .into_iter()
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or_else(|| path.to_owned())
}

/// The machine's console and the progress bar, on one terminal.
struct Screen {
    bar: ProgressBar,
    /// A terminal is not left to what a hostile program prints.
    escape: bool,
}

impl Listener for Screen {
    fn console(&mut self, bytes: &[u8]) {
        self.bar.suspend(|| {
            let mut out = io::stdout().lock();
            // A reader that went away does not end the recording.
            let _ = if self.escape {
                out.write_all(escape_lines(&String::from_utf8_lossy(bytes)).as_bytes())
            } else {
                out.write_all(bytes)
            };
            let _ = out.flush();
        });
    }

    fn note(&mut self, note: &str) {
        self.bar.suspend(|| terminal::warn(note));
    }

    fn progress(&mut self, events: u64) {
        self.bar.set_message(format!("recording: {events} events"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_a_number_before_its_extension() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storm.trap");
        assert_eq!(unused(&path), path);
        std::fs::create_dir(&path).unwrap();
        assert_eq!(unused(&path), folder.path().join("storm-2.trap"));
        std::fs::create_dir(folder.path().join("storm-2.trap")).unwrap();
        assert_eq!(unused(&path), folder.path().join("storm-3.trap"));
    }
}
