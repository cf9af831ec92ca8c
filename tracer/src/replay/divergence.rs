//! The first difference between a recording and its replay, in words. Key type: [`Divergence`]. Neighbour: `compare.rs`,
//! which finds it.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use trapline_trace_format::event::{Event, EventKind, ThreadState};

/// Where a replay left its recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// Number of the recorded event that did not come again, counted from 1 over all events of the log; of the one behind
    /// the last if something came that was not recorded.
    pub event: u64,
    /// What was recorded; none: the machine had ended.
    pub expected: Option<String>,
    /// What came; none: nothing.
    pub came: Option<String>,
    /// What differs, or why nothing came.
    pub why: Option<String>,
}

impl Display for Divergence {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let or = |text: &Option<String>, none: &str| text.as_deref().unwrap_or(none).to_owned();
        let expected = or(&self.expected, "the end of the machine");
        let came = or(&self.came, "nothing");
        write!(
            out,
            "event {}: recorded was {expected}; the replay gave {came}",
            self.event
        )?;
        match &self.why {
            Some(why) => write!(out, " ({why})"),
            None => Ok(()),
        }
    }
}

/// An event in a few words.
pub(super) fn describe(event: &Event) -> String {
    format!(
        "{} of thread {} in process {} at {} ns",
        what(&event.kind),
        event.thread.0,
        event.process.0,
        event.time
    )
}

fn what(kind: &EventKind) -> String {
    match kind {
        EventKind::Trap(trap) => {
            let arguments = trap.arguments.map(|argument| format!("{argument:#x}"));
            format!(
                "a trap ({}, number {}, instruction {:#x}, address {:#x}, arguments {})",
                trap.cause.word(),
                trap.number,
                trap.instruction,
                trap.address,
                arguments.join(" ")
            )
        }
        EventKind::Return { result } => format!("a return (result {result:#x})"),
        EventKind::SwitchBegin { to, reason, waits } => format!(
            "a switch to thread {} ({}{})",
            to.0,
            reason.word(),
            waits.map_or_else(String::new, |waits| format!(", {}", waits.word()))
        ),
        EventKind::Console { bytes } => format!("the output \"{}\"", bytes.escape_ascii()),
        EventKind::Input { bytes } => format!("the input \"{}\"", bytes.escape_ascii()),
        EventKind::Preempted { state } => {
            format!("a preemption (instruction {:#x})", state.registers[16])
        }
        EventKind::MemoryLeft { space, bytes, .. } => {
            format!("the end of address space {} ({bytes} bytes)", space.0)
        }
        EventKind::SwitchEnd => "the end of a switch".to_owned(),
        EventKind::Woken => "a wake-up".to_owned(),
        EventKind::QuantumStart { expiry } => format!("a quantum (until {expiry} ns)"),
        // Rare, and their fields say what they are.
        other => format!("{other:?}"),
    }
}

/// What exactly differs between two events that look alike.
pub(super) fn difference(expected: &Event, came: &Event) -> Option<String> {
    if let (EventKind::Preempted { state: old }, EventKind::Preempted { state: new }) =
        (&expected.kind, &came.kind)
        && old != new
    {
        return Some(of_states(old, new));
    }
    if let (
        EventKind::MemoryLeft {
            digest: old,
            bytes: old_bytes,
            ..
        },
        EventKind::MemoryLeft { digest, bytes, .. },
    ) = (&expected.kind, &came.kind)
        && (old, old_bytes) != (digest, bytes)
    {
        let how = if bytes == old_bytes {
            format!("its digest is {digest:#x} and was {old:#x}")
        } else {
            format!("its size is {bytes} and was {old_bytes} bytes")
        };
        let process = expected.process.0;
        return Some(format!(
            "the memory at the exit of process {process} differs: {how}"
        ));
    }
    let is_later = expected.kind == came.kind && expected.time != came.time;
    is_later.then(|| "at another time".to_owned())
}

fn of_states(old: &ThreadState, new: &ThreadState) -> String {
    let others = [
        "the base of FS",
        "the base of GS",
        "the digest of the vector registers",
        "the digest of the memory",
        "the size of the memory",
        "the word that is worked on",
        "xmm0",
        "xmm1",
        "xmm2",
        "xmm3",
        "xmm4",
        "xmm5",
        "xmm6",
        "xmm7",
    ];
    let names = ThreadState::REGISTERS.into_iter().chain(others);
    let values = old.words().into_iter().zip(new.words());
    let differing = names
        .zip(values)
        .filter(|(_, (old, new))| old != new)
        .map(|(name, (old, new))| format!("{name} is {new:#x} and was {old:#x}"));
    differing.collect::<Vec<_>>().join(", ")
}
