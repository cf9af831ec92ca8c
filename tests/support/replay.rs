//! Replays of traces, and traces in which something was changed.
//!
//! Key functions: [`replay`], and [`rewritten`], which writes a whole and intact trace that says something else than the
//! one that it was made from.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use trapline_trace_format::event::Event;
use trapline_trace_format::folder::{ReplayPart, Trace, TraceWriter};
use trapline_trace_format::meta::{Host, Meta, Outcome};

use super::{descendants, is_alive, text, trapline, wait_until};

/// A replay that was run.
pub(crate) struct Ran {
    pub(crate) status: i32,
    /// What it printed, an object per replay.
    pub(crate) runs: Vec<Value>,
    pub(crate) output: Output,
}

/// `replay --json` of a trace.
pub(crate) fn replay(trace: &Path, options: &[&str]) -> Ran {
    let output = trapline()
        .args(["replay", "--json"])
        .args(options)
        .arg(trace)
        .output()
        .expect("replay runs");
    let runs: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Array(Vec::new()));
    Ran {
        status: output.status.code().unwrap_or(-1),
        runs: runs.as_array().expect("an array").clone(),
        output,
    }
}

/// Starts a replay that does not end by itself, interrupts it, and sees that nothing of it is left.
pub(crate) fn ctrl_c_ends_all(command: &mut Command) {
    let mut replaying = command.spawn().expect("replay runs");
    let id = replaying.id();
    wait_until("a machine", || descendants(id).len() >= 2);
    let machine = descendants(id);
    let sent = Command::new("kill")
        .args(["-INT", &id.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    let status = replaying.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    // The host ends the guests' processes with their kernel's, each in its own time.
    wait_until("the end of all of it", || {
        !machine.iter().any(|id| is_alive(*id))
    });
}

impl Ran {
    /// The last run.
    pub(crate) fn last(&self) -> &Value {
        self.runs
            .last()
            .unwrap_or_else(|| panic!("no replay: {}", text(&self.output)))
    }

    /// A number of what was verified.
    pub(crate) fn verified(&self, what: &str) -> u64 {
        self.last()["verified"][what]
            .as_u64()
            .unwrap_or_else(|| panic!("no {what}: {}", text(&self.output)))
    }

    /// Number of the event at which it diverged, and the rest of what it says of that.
    pub(crate) fn divergence(&self) -> (u64, String) {
        assert_eq!(self.status, 4, "{}", text(&self.output));
        let divergence = &self.last()["divergence"];
        let event = divergence["event"].as_u64();
        (
            event.unwrap_or_else(|| panic!("no divergence: {}", text(&self.output))),
            divergence.to_string(),
        )
    }
}

/// What is wrong with a replay that should have been the same to the end.
pub(crate) fn fault_of_replay(trace: &Path, ran: &Ran) -> Option<String> {
    let events = compared_events(trace);
    let is_same = ran.status == 0
        && ran.runs.iter().all(|run| run["end"] == "same")
        && ran.verified("events") == events;
    (!is_same).then(|| format!("{} of {events} events", text(&ran.output)))
}

/// Events of a trace that a replay is held against.
fn compared_events(trace: &Path) -> u64 {
    use trapline_trace_format::event::EventKind;
    let is_compared = |event: &Event| {
        !matches!(
            event.kind,
            EventKind::Held { .. } | EventKind::Samples { .. }
        )
    };
    events(trace)
        .iter()
        .filter(|event| is_compared(event))
        .count() as u64
}

/// All events of a trace.
pub(crate) fn events(trace: &Path) -> Vec<Event> {
    let trace = Trace::open(trace).expect("a trace");
    let events: Result<Vec<Event>, _> = trace.events().expect("a log").collect();
    events.expect("an intact log")
}

/// A copy of the trace with its events and files as these functions leave them.
pub(crate) fn rewritten(
    trace: &Path,
    change_events: impl FnOnce(&mut Vec<Event>),
    change_part: impl Fn(ReplayPart, &mut Vec<u8>),
) -> PathBuf {
    written_anew(trace, |_| {}, change_events, change_part)
}

/// A copy of the trace that says something else of where it was recorded.
pub(crate) fn of_another_host(trace: &Path, change: impl FnOnce(&mut Host)) -> PathBuf {
    written_anew(trace, |meta| change(&mut meta.host), |_| {}, |_, _| {})
}

fn written_anew(
    trace: &Path,
    change_meta: impl FnOnce(&mut Meta),
    change_events: impl FnOnce(&mut Vec<Event>),
    change_part: impl Fn(ReplayPart, &mut Vec<u8>),
) -> PathBuf {
    let name = format!("changed-{}", next_number());
    let path = trace.with_file_name(name).with_extension("trap");
    let old = Trace::open(trace).expect("a trace");
    let mut events = events(trace);
    change_events(&mut events);
    let mut meta = old.meta().clone();
    meta.tables.clear();
    meta.replay.clear();
    change_meta(&mut meta);
    let outcome = std::mem::replace(&mut meta.outcome, Outcome::Recording);
    let mut writer = TraceWriter::create(&path, &meta).expect("a new trace");
    let parts: Vec<(ReplayPart, Vec<u8>)> = ReplayPart::ALL
        .into_iter()
        .map(|part| {
            let mut bytes = old.replay_part(part).expect("a part");
            change_part(part, &mut bytes);
            (part, bytes)
        })
        .collect();
    let parts: Vec<(ReplayPart, &[u8])> = parts
        .iter()
        .map(|(part, bytes)| (*part, &bytes[..]))
        .collect();
    writer.keep_for_replay(&parts, &mut meta).expect("kept");
    for event in &events {
        writer.log().append(event).expect("written");
    }
    meta.outcome = outcome;
    writer.finish(meta).expect("finished");
    path
}

/// A name that no other copy has.
fn next_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Relaxed)
}
