//! What the events of a watched replay tell, as they come: whether they are those of the recording, what the kernel's tables
//! hold, and in what state threads lost the CPU. Key type: [`Follow`]. Neighbours: `../compare.rs`, `../history.rs`.

use std::collections::HashMap;

use trapline_trace_format::event::{Event, EventKind, ProcessId, SpaceId, ThreadId};

use super::super::compare::{Comparison, is_compared};
use super::super::history::History;
use super::super::inspect::records_of;
use crate::error::TracerError;
use crate::record::{Sink, Standstill};

/// The recorded events, numbered.
pub(super) type Recorded = Box<dyn Iterator<Item = (u64, Event)>>;

/// Takes the events of the replay.
pub(super) struct Follow {
    /// Recording and replay held against each other.
    pub(super) comparison: Comparison<Recorded>,
    /// The kernel's tables so far.
    pub(super) history: History,
    /// Who was the last to return to user mode.
    pub(super) running: (ProcessId, ThreadId),
    /// Records of the kernel's log that they are.
    pub(super) records: u64,
    /// The last event that was compared.
    pub(super) last: Option<Event>,
    /// In what state threads last lost the CPU. Those that have ended are among them.
    kept: HashMap<ThreadId, Standstill>,
    /// The host's process behind an address space when a thread last lost the CPU there.
    hosts: HashMap<SpaceId, i32>,
}

impl Follow {
    pub(super) fn new(recorded: Recorded, is_whole: bool) -> Self {
        Self {
            comparison: Comparison::new(recorded, is_whole),
            history: History::default(),
            running: (ProcessId(0), ThreadId(0)),
            records: 0,
            last: None,
            kept: HashMap::new(),
            hosts: HashMap::new(),
        }
    }

    /// The state in which the thread lost the CPU, if it ever did.
    pub(super) fn kept(&self, thread: ThreadId) -> Option<&Standstill> {
        self.kept.get(&thread)
    }

    /// The host's process behind an address space when a thread last lost the CPU there.
    pub(super) fn host_of(&self, space: SpaceId) -> Option<i32> {
        self.hosts.get(&space).copied()
    }
}

impl Sink for Follow {
    fn event(&mut self, event: &Event) -> Result<(), TracerError> {
        if !is_compared(event) {
            return Ok(());
        }
        self.comparison.event(event)?;
        self.history.take(event);
        self.records += records_of(event);
        match event.kind {
            EventKind::Return { .. } => self.running = (event.process, event.thread),
            // Its registers are new ones.
            EventKind::Executed { .. } | EventKind::Exited { .. } => {
                self.kept.remove(&event.thread);
            }
            _ => {}
        }
        self.last = Some(event.clone());
        Ok(())
    }

    fn kept(&mut self, state: Standstill) {
        if let Some(host) = state.host {
            self.hosts.insert(state.space, host);
        }
        self.kept.insert(state.thread, state);
    }
}
