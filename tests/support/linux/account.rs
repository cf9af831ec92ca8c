//! Holds the events of a trace of Linux programs against each other: every call that began has an end, every thread and process
//! that came to be is gone, in the right order.
//!
//! Key functions: [`faults`], [`calls`]. Neighbour: `traced.rs`.

use std::collections::{BTreeMap, BTreeSet};

use trapline_trace_format::event::{
    Abi, Cause, Event, EventKind, Nanos, ProcessId, Role, Seen, ThreadId,
};

/// A system call that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) process: ProcessId,
    pub(crate) thread: ThreadId,
    pub(crate) abi: Abi,
    pub(crate) number: i32,
    pub(crate) begun: Nanos,
    /// Until when the tracer held the thread at the beginning; `begun` if it did not.
    pub(crate) held_until: Nanos,
    /// When it returned and what; None if it never did.
    pub(crate) ended: Option<Nanos>,
    pub(crate) result: Option<i64>,
}

/// All calls, in the order in which they began. A call that replaces the program returns in the thread that goes on.
pub(crate) fn calls(events: &[Event]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<ThreadId, usize> = BTreeMap::new();
    for event in events {
        match &event.kind {
            EventKind::Trap(trap) if trap.cause == Cause::Syscall => {
                open.insert(event.thread, calls.len());
                calls.push(Call {
                    process: event.process,
                    thread: event.thread,
                    abi: trap.abi,
                    number: trap.number,
                    begun: event.time,
                    held_until: event.time,
                    ended: None,
                    result: None,
                });
            }
            EventKind::Held {
                until,
                seen: Seen::Trap { .. },
                ..
            } => {
                if let Some(index) = open.get(&event.thread) {
                    calls[*index].held_until = *until;
                }
            }
            EventKind::Return { result } => {
                if let Some(index) = open.remove(&event.thread) {
                    calls[index].ended = Some(event.time);
                    calls[index].result = Some(*result);
                }
            }
            EventKind::Executed { .. } => {
                // Whichever thread asked for it goes on as the first one.
                let ours: Vec<ThreadId> = open
                    .iter()
                    .filter(|(_, index)| calls[**index].process == event.process)
                    .map(|(thread, _)| *thread)
                    .collect();
                let asked = ours
                    .iter()
                    .copied()
                    .find(|thread| is_execution(&calls[open[thread]]));
                let index = asked.map(|thread| open[&thread]);
                for thread in ours {
                    open.remove(&thread);
                }
                if let Some(index) = index {
                    open.insert(event.thread, index);
                }
            }
            EventKind::Exited { .. } => {
                open.remove(&event.thread);
            }
            _ => {}
        }
    }
    calls
}

/// execve or execveat.
fn is_execution(call: &Call) -> bool {
    match call.abi {
        Abi::X86_64 => matches!(call.number, 59 | 322),
        Abi::I386 => matches!(call.number, 11 | 358),
        Abi::X32 => true,
    }
}

/// What is wrong with the events of a recording that came to its end.
pub(crate) fn faults(events: &[Event]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut threads: BTreeMap<ThreadId, ProcessId> = BTreeMap::new();
    let mut processes: BTreeSet<ProcessId> = BTreeSet::new();
    let mut in_call: BTreeSet<ThreadId> = BTreeSet::new();
    let mut last: BTreeMap<ThreadId, Nanos> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let mut fault = |text: &str| faults.push(format!("event {index}: {text}: {event:?}"));
        if matches!(event.kind, EventKind::Held { until, .. } if until < event.time) {
            fault("ends before it begins");
        }
        if is_in_bunches(&event.kind) {
            continue;
        }
        let before = last.insert(event.thread, event.time).unwrap_or(event.time);
        if before > event.time {
            fault("before the one before it");
        }
        match &event.kind {
            EventKind::Created { role, .. } => {
                if threads.insert(event.thread, event.process).is_some() {
                    fault("is there already");
                }
                if *role == Role::Process && !processes.insert(event.process) {
                    fault("its process is there already");
                }
            }
            EventKind::Executed { .. } => {
                if event.thread.0 != event.process.0 {
                    fault("goes on as another thread than the first");
                }
                let others = threads
                    .iter()
                    .filter(|(_, process)| **process == event.process);
                for thread in others.map(|(thread, _)| *thread).collect::<Vec<_>>() {
                    threads.remove(&thread);
                    in_call.remove(&thread);
                }
                threads.insert(event.thread, event.process);
            }
            EventKind::Trap(trap) if trap.cause == Cause::Syscall => {
                if !threads.contains_key(&event.thread) {
                    fault("a thread that is not there");
                }
                if !in_call.insert(event.thread) {
                    fault("the call before it has no end");
                }
            }
            EventKind::Return { .. } => {
                in_call.remove(&event.thread);
            }
            EventKind::Exited { .. } => {
                in_call.remove(&event.thread);
                if threads.remove(&event.thread) != Some(event.process) {
                    fault("was not there");
                }
            }
            EventKind::ProcessExited { .. } => {
                if !processes.remove(&event.process) {
                    fault("was not there");
                }
                if threads.values().any(|process| *process == event.process) {
                    fault("ended before its threads");
                }
            }
            _ => {}
        }
    }
    if !(threads.is_empty() && processes.is_empty()) {
        faults.push(format!("never ended: {threads:?} {processes:?}"));
    }
    faults
}

/// Events of the host come in bunches, holds after what they begin with.
fn is_in_bunches(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::SwitchedOut { .. }
            | EventKind::SwitchedIn { .. }
            | EventKind::Faulted { .. }
            | EventKind::Usage { .. }
            | EventKind::Held { .. }
    )
}
