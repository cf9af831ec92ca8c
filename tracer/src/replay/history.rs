//! What the kernel's tables say at a moment of the run, told from the events up to it: processes, their threads, memory maps.
//!
//! Key type: [`History`]. Neighbours: `inspect.rs` asks; `trapline_trace_format::maps` keeps the maps.

use std::collections::BTreeMap;

use trapline_trace_format::event::{
    Event, EventKind, ExitStatus, ProcessId, Role, SpaceId, SwitchReason, ThreadId, Waits,
};
use trapline_trace_format::maps::{Mapping, Maps};

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadStatus {
    /// It has the CPU.
    Running,
    /// It could run.
    Ready,
    /// It waits; for what, if the log says so.
    Blocked(Option<Waits>),
}

/// A process as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRow {
    /// Its number.
    pub process: ProcessId,
    /// Its parent: 0 for the first jobs, and for those whose parent ended.
    pub parent: ProcessId,
    /// What it runs. A program of the trace chose it.
    pub name: String,
    /// The address space that it runs in.
    pub space: SpaceId,
    /// How it ended, if it did. Whether its parent has asked for that is not known.
    pub ended: Option<ExitStatus>,
    /// Its threads that live.
    pub threads: BTreeMap<ThreadId, ThreadStatus>,
}

/// The machine's tables, as the events so far leave them.
#[derive(Debug, Default)]
pub(super) struct History {
    processes: BTreeMap<ProcessId, ProcessRow>,
    maps: Maps,
}

impl History {
    /// After these events.
    pub(super) fn after(events: impl IntoIterator<Item = Event>) -> Self {
        let mut history = Self::default();
        events.into_iter().for_each(|event| history.take(&event));
        history
    }

    /// One more event.
    pub(super) fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Created {
                parent,
                name,
                role,
                space,
            } => {
                if *role == Role::Process {
                    let row = ProcessRow {
                        process: event.process,
                        parent: *parent,
                        name: name.clone(),
                        space: *space,
                        ended: None,
                        threads: BTreeMap::new(),
                    };
                    self.processes.insert(event.process, row);
                }
                if let Some(process) = self.processes.get_mut(&event.process) {
                    process.threads.insert(event.thread, ThreadStatus::Ready);
                }
            }
            EventKind::Executed { name, space } => {
                if let Some(process) = self.processes.get_mut(&event.process) {
                    process.name.clone_from(name);
                    process.space = *space;
                    // One thread lives on, under the process's own number.
                    process.threads = BTreeMap::from([(event.thread, ThreadStatus::Running)]);
                }
            }
            EventKind::Exited { .. } => {
                if let Some(process) = self.processes.get_mut(&event.process) {
                    process.threads.remove(&event.thread);
                }
            }
            EventKind::ProcessExited { status } => {
                for process in self.processes.values_mut() {
                    if process.process == event.process {
                        process.ended = Some(*status);
                        process.threads.clear();
                    } else if process.parent == event.process {
                        process.parent = ProcessId(0);
                    }
                }
            }
            EventKind::SwitchBegin { reason, waits, .. } => self.set(
                event,
                match reason {
                    SwitchReason::Block => ThreadStatus::Blocked(*waits),
                    _ => ThreadStatus::Ready,
                },
            ),
            EventKind::SwitchEnd => self.set(event, ThreadStatus::Running),
            EventKind::Woken => self.set(event, ThreadStatus::Ready),
            EventKind::MapChanged { space, change } => self.maps.apply(space.0, change),
            _ => {}
        }
    }

    /// Of a thread that lives; what comes of one that ended is the kernel's last work for it.
    fn set(&mut self, event: &Event, status: ThreadStatus) {
        let process = self.processes.get_mut(&event.process);
        if let Some(thread) = process.and_then(|process| process.threads.get_mut(&event.thread)) {
            *thread = status;
        }
    }

    /// Whether the thread lives.
    pub(super) fn lives(&self, process: ProcessId, thread: ThreadId) -> bool {
        let process = self.processes.get(&process);
        process.is_some_and(|process| process.threads.contains_key(&thread))
    }

    /// What is mapped in an address space, lowest address first.
    pub(super) fn map_of(&self, space: SpaceId) -> Vec<Mapping> {
        self.maps
            .of(space.0)
            .map_or_else(Vec::new, |map| map.mappings())
    }

    /// All processes that there ever were, by number.
    pub(super) fn rows(&self) -> impl Iterator<Item = &ProcessRow> {
        self.processes.values()
    }

    /// The same, for good.
    pub(super) fn processes(self) -> Vec<ProcessRow> {
        self.processes.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(process: u32, thread: u32, kind: EventKind) -> Event {
        Event {
            time: 0,
            process: ProcessId(process),
            thread: ThreadId(thread),
            kind,
        }
    }

    fn created(parent: u32, role: Role) -> EventKind {
        EventKind::Created {
            parent: ProcessId(parent),
            name: "sh".to_owned(),
            role,
            space: SpaceId(1),
        }
    }

    fn switch(reason: SwitchReason, waits: Option<Waits>) -> EventKind {
        EventKind::SwitchBegin {
            to: ThreadId(0),
            reason,
            waits,
        }
    }

    #[test]
    fn a_thread_is_what_the_last_event_about_it_made_it() {
        let events = [
            event(1, 1, created(0, Role::Process)),
            event(1, 2, created(0, Role::Thread)),
            event(1, 3, created(0, Role::Thread)),
            event(1, 1, EventKind::SwitchEnd),
            event(1, 1, switch(SwitchReason::Block, Some(Waits::Pipe))),
            event(1, 2, EventKind::SwitchEnd),
            event(1, 2, switch(SwitchReason::Quantum, None)),
            event(1, 3, EventKind::SwitchEnd),
        ];
        let rows = History::after(events).processes();
        let threads: Vec<ThreadStatus> = rows[0].threads.values().copied().collect();
        let blocked = ThreadStatus::Blocked(Some(Waits::Pipe));
        let expected = [blocked, ThreadStatus::Ready, ThreadStatus::Running];
        assert_eq!(threads, expected);
    }

    #[test]
    fn an_execution_leaves_one_thread_and_an_end_leaves_orphans_to_the_kernel() {
        let status = ExitStatus::Code(3);
        let name = "ls".to_owned();
        let space = SpaceId(2);
        let history = History::after([
            event(1, 1, created(0, Role::Process)),
            event(2, 2, created(1, Role::Process)),
            event(2, 3, created(0, Role::Thread)),
            event(2, 2, EventKind::Executed { name, space }),
            event(1, 1, EventKind::Exited { status }),
            event(1, 1, EventKind::ProcessExited { status }),
            event(1, 1, switch(SwitchReason::Exit, None)),
        ]);
        assert!(!history.lives(ProcessId(1), ThreadId(1)));
        assert!(history.lives(ProcessId(2), ThreadId(2)));
        assert!(!history.lives(ProcessId(2), ThreadId(3)));
        let rows = history.processes();
        assert_eq!(rows[0].ended, Some(status));
        let row = (rows[1].parent, &*rows[1].name, rows[1].space);
        assert_eq!(row, (ProcessId(0), "ls", SpaceId(2)));
    }
}
