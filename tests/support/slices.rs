//! Who had the CPU when, straight from a trace's events: what a scheduler decided, without a statistic in between.

use std::path::{Path, PathBuf};

use trapline_trace_format::event::{Event, EventKind, Nanos, SwitchReason, ThreadId};
use trapline_trace_format::folder::Trace;

/// An example of fixtures/scenarios.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/scenarios")
        .join(format!("{name}.toml"))
}

/// Every event of a trace.
pub(crate) fn events(trace: &Path) -> Vec<Event> {
    let trace = Trace::open(trace).expect("a trace");
    let events = trace.events().expect("its log");
    events.map(|event| event.expect("an event")).collect()
}

/// One stay of a thread on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) thread: u32,
    pub(crate) start: Nanos,
    /// None: the trace ended first.
    pub(crate) end: Option<(Nanos, SwitchReason)>,
}

/// Every stay on the CPU, in order; those of the idle thread left out.
pub(crate) fn runs(events: &[Event]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for event in events.iter().filter(|event| event.thread != ThreadId::IDLE) {
        match event.kind {
            EventKind::SwitchEnd => runs.push(Run {
                thread: event.thread.0,
                start: event.time,
                end: None,
            }),
            EventKind::SwitchBegin { reason, .. } => {
                if let Some(run) = runs.last_mut() {
                    run.end = Some((event.time, reason));
                }
            }
            _ => {}
        }
    }
    runs
}

/// The threads in the order in which they had the CPU, a stay each.
pub(crate) fn order(events: &[Event]) -> Vec<u32> {
    runs(events).iter().map(|run| run.thread).collect()
}

/// A slice that the scheduler granted: to whom, when, and how long the thread may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) thread: u32,
    pub(crate) start: Nanos,
    pub(crate) granted: Nanos,
}

/// Every slice granted, in order. A thread that is picked twice in a row has two, though no switch lies between.
pub(crate) fn slices(events: &[Event]) -> Vec<Slice> {
    let granted = |event: &Event| match event.kind {
        EventKind::QuantumStart { expiry } => Some(Slice {
            thread: event.thread.0,
            start: event.time,
            granted: expiry - event.time,
        }),
        _ => None,
    };
    events.iter().filter_map(granted).collect()
}

/// The threads in the order in which the scheduler picked them.
pub(crate) fn picks(events: &[Event]) -> Vec<u32> {
    slices(events).iter().map(|slice| slice.thread).collect()
}
