//! What `record` says when it is done: where the trace is, what is in it, what the reader should know.

use std::path::Path;

use trapline_analyzer::summary::Summary;
use trapline_trace_format::meta::{Meta, Outcome, Witnesses};

use super::escape::escape;
use crate::tables;
use crate::units::{duration, things};

/// A line or a few, without a line break at the end.
#[must_use]
pub fn recorded(path: &Path, meta: &Meta, summary: &Summary) -> String {
    let visits: u64 = summary.causes.iter().map(|stat| stat.kernel.count).sum();
    // Statistics alone have calls and no visits.
    let calls: u64 = summary.syscalls.iter().map(|stat| stat.kernel.count).sum();
    let traps = visits.max(calls);
    let switches: u64 = summary.switches.iter().map(|stat| stat.cost.count).sum();
    let mut text = format!(
        "trace {}: {} in {}, {}; {}",
        escape(&path.display().to_string()),
        things(traps, "trap", "traps"),
        duration(meta.wall_ns),
        things(switches, "context switch", "context switches"),
        match summary.linux {
            Some(_) => format!(
                "{}, {}",
                things(summary.processes.len() as u64, "process", "processes"),
                things(summary.threads.len() as u64, "thread", "threads")
            ),
            None => witnesses(&meta.witnesses),
        },
    );
    let missing = tables::linux::missing(summary);
    for missing in missing.iter().filter(|missing| missing.is_bad()) {
        text.push_str(&format!("\nnot in it: {}", missing.line));
    }
    if let Outcome::Interrupted { by } = &meta.outcome {
        let what = match summary.linux {
            Some(_) => "recording",
            None => "the machine",
        };
        text.push_str(&format!("\n{what} was ended early by {}", escape(by)));
    }
    if let Some(unknown) = tables::unknown_calls(summary) {
        text.push_str(&format!(
            "\nsystem calls that the kernel does not have (ENOSYS): {unknown}"
        ));
    }
    text
}

fn witnesses(witnesses: &Witnesses) -> String {
    match witnesses {
        Witnesses::NotCompared => "one witness (the kernel's log)".to_owned(),
        Witnesses::Agree { .. } => "both witnesses agree".to_owned(),
        Witnesses::Differ { detail } => format!("THE WITNESSES DIFFER: {}", escape(detail)),
    }
}
