//! Replays of programs: recorded on the mini-kernel, and then once more from the trace.

use std::path::{Path, PathBuf};

use trapline_trace_format::event::EventKind;

use super::program::Program;
use crate::support::Scratch;
use crate::support::replay::{events, fault_of_replay, replay};

impl Program {
    /// Records it, removes its files, and replays the trace as often as this. What was not the
    /// same is an error.
    pub(crate) fn replay(&self, options: &[&str], times: u32) -> Result<Replayed, String> {
        let scratch = Scratch::new();
        let trace = self.record(&scratch, options)?;
        let ran = replay(&trace, &["--times", &times.to_string()]);
        match fault_of_replay(&trace, &ran) {
            Some(fault) => Err(format!("{}: {fault}", self.title())),
            None => Ok(Replayed {
                console: console(&trace),
                preemptions: ran.verified("preemptions"),
            }),
        }
    }

    /// Records it and removes its files. The trace's path.
    pub(crate) fn record(&self, scratch: &Scratch, options: &[&str]) -> Result<PathBuf, String> {
        let root = scratch.path("root");
        let line = self.install(&root)?;
        let rooted = ["--root", root.to_str().expect("text"), "--stdin", "none"];
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        // A job and not the one program of the machine: options may name others beside it.
        let words: Vec<String> = line.iter().map(|word| quoted(word)).collect();
        let job = words.join(" ");
        let options = [options, &rooted[..], &["--job", &job]].concat();
        let trace = scratch.record("program.trap", &options);
        std::fs::remove_dir_all(&root).expect("removed");
        Ok(trace)
    }
}

/// A word of a job's line, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{word}'")
}

/// A replay that was the same as its recording.
pub(crate) struct Replayed {
    /// What the program printed.
    pub(crate) console: String,
    /// How many times the timer took the CPU away.
    pub(crate) preemptions: u64,
}

fn console(trace: &Path) -> String {
    let printed = events(trace)
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Console { bytes } => Some(bytes),
            _ => None,
        });
    String::from_utf8_lossy(&printed.flatten().collect::<Vec<u8>>()).into_owned()
}
