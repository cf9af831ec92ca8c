//! A replay that goes as far as one event and stands still there to be looked at.
//!
//! Key types: [`At`] says where, [`Snapshot`] is what was seen. The kernel stops itself (`fixtures/kernel/src/stop.rs`) and
//! says who was running in which state; memory is read from outside (`memory.rs`), the kernel's tables are told from the
//! events up to there (`history.rs`), all of which were compared with the recording.

use std::time::Instant;

use trapline_abi::log::WORDS;
use trapline_abi::replay::STATE_WORDS;
use trapline_trace_format::event::{
    Cause, Event, EventKind, Nanos, ProcessId, ThreadId, ThreadState,
};
use trapline_trace_format::maps::Mapping;

use super::compare::{Comparison, Verified, is_compared};
use super::divergence::describe;
use super::history::{History, ProcessRow};
use super::memory::{Bytes, Window};
use super::{Over, Recording, ReplayOptions, Replayed, end, machine, run};
use crate::error::TracerError;
use crate::machine::Machine;
use crate::record::{Pinned, Standstill, Stop};

/// Bytes of code that are read before and from the instruction pointer on.
const CODE: (u64, u64) = (32, 64);

/// Which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The one with this number, counted from 1 over all events of the log.
    Event(u64),
    /// The last one that is not later.
    Time(Nanos),
}

/// Memory to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// First address.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
}

/// How exactly the state of the running thread is that of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// It is what the recorded thread had.
    Same,
    /// A timer interrupt without effect is under way or was the last: a replay lets it come at the start of the same stay in
    /// user mode, not at the recorded instruction. Registers and memory are those of the stay's start.
    StartOfStay,
}

/// A machine that stands still behind an event.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of the event.
    pub event: u64,
    /// It.
    pub what: Event,
    /// It in words.
    pub description: String,
    /// The process that had the CPU; 0: the kernel itself.
    pub process: ProcessId,
    /// Its thread; 0: the idle thread.
    pub thread: ThreadId,
    /// The thread's registers and segment bases (digests are 0); none: it has no state in user mode.
    pub state: Option<Box<ThreadState>>,
    /// How far to trust that.
    pub exactness: Exactness,
    /// Memory around its instruction pointer.
    pub code: Option<Bytes>,
    /// What is mapped in its address space, lowest address first.
    pub map: Vec<Mapping>,
    /// All processes so far.
    pub processes: Vec<ProcessRow>,
    /// The memory that was asked for.
    pub memory: Vec<Bytes>,
    /// What was compared on the way.
    pub verified: Verified,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Inspected {
    /// The event came.
    Stopped(Box<Snapshot>),
    /// The replay ended before that.
    Ended(Box<Replayed>),
}

/// Where to stop, in the recording's terms and the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Number of the event.
    event: u64,
    /// Records of the kernel's log up to and with it.
    records: u64,
    exactness: Exactness,
}

/// Replays up to an event and looks at the machine there. `progress` hears now and then how many of how many events came.
///
/// # Errors
/// When there is no such event, or as for [`super::replay`]. Nothing is left of the machine in any case.
pub fn inspect(
    recording: &Recording,
    options: &ReplayOptions,
    at: At,
    wanted: &[Wanted],
    stop: &Stop,
    mut progress: impl FnMut(u64, u64),
) -> Result<Inspected, TracerError> {
    let place = place(recording.numbered_events()?, at)?;
    let _pinned = Pinned::for_recorder(options.cpu, false)?;
    let mut comparison = Comparison::new(recording.compared_events()?, recording.is_whole());
    let start = Instant::now();
    let mut ready = machine::ready(recording, options.cpu)?;
    ready.parameters.stop_at = place.records;
    let mut machine = ready.start()?;
    let _armed = stop.arm(machine.root.killer()?, None);
    let over = run(
        &mut machine,
        recording,
        options,
        true,
        &mut comparison,
        &mut progress,
    )?;
    match over {
        Over::Standstill(standstill) if comparison.last_number() >= place.event => {
            look(recording, &machine, &standstill, &comparison, place, wanted)
                .map(|snapshot| Inspected::Stopped(Box::new(snapshot)))
        }
        over => Ok(Inspected::Ended(Box::new(Replayed {
            end: end(over, recording, &mut comparison, stop),
            verified: comparison.verified(),
            searches: comparison.searches(),
            took: start.elapsed(),
        }))),
    }
}

fn look<I: Iterator<Item = (u64, Event)>>(
    recording: &Recording,
    machine: &Machine,
    standstill: &Standstill,
    comparison: &Comparison<I>,
    place: Place,
    wanted: &[Wanted],
) -> Result<Snapshot, TracerError> {
    // While it boots a machine does not stop: it is shown as it starts to run.
    let event = comparison.last_number();
    let mut last = None;
    let history = History::after(
        recording
            .compared_events()?
            .take_while(|(number, _)| *number <= event)
            .map(|(_, event)| event)
            .inspect(|event| last = Some(event.clone())),
    );
    let what = last.ok_or_else(|| TracerError::Machine("it has no events".to_owned()))?;
    let Standstill {
        process, thread, ..
    } = *standstill;
    let state = standstill.state.clone();
    // What lies in the place of a thread that has ended is nobody's.
    let state = state.filter(|_| history.lives(process, thread));
    let window = match standstill.host {
        Some(host) => Some(Window::open(host, machine.root.pid())?),
        None => None,
    };
    let read = |wanted: &Wanted| match &window {
        Some(window) => window.read(wanted.start, wanted.length),
        None => Bytes {
            start: wanted.start,
            bytes: vec![None; wanted.length as usize],
        },
    };
    let code = state.as_ref().map(|state| {
        let start = state.instruction().saturating_sub(CODE.0);
        let length = state.instruction() - start + CODE.1;
        read(&Wanted { start, length })
    });
    Ok(Snapshot {
        event,
        description: describe(&what),
        what,
        process,
        thread,
        state,
        exactness: place.exactness,
        code,
        map: history.map_of(standstill.space),
        memory: wanted.iter().map(read).collect(),
        processes: history.processes(),
        verified: comparison.verified(),
    })
}

/// Finds the event, or the last before it that is part of the run.
fn place(events: impl IntoIterator<Item = (u64, Event)>, at: At) -> Result<Place, TracerError> {
    let mut place = Place {
        event: 0,
        records: 0,
        exactness: Exactness::Same,
    };
    let (mut last, mut end) = (0, 0);
    let (mut is_behind, mut is_settled) = (false, false);
    for (number, event) in events {
        (last, end) = (number, event.time);
        is_behind |= match at {
            At::Event(wanted) => number > wanted,
            At::Time(wanted) => event.time > wanted,
        };
        if is_settled || !is_compared(&event) {
            continue;
        }
        if is_behind {
            // A tick under way may turn out to have had an effect, and takes its exact place then.
            if matches!(event.kind, EventKind::Preempted { .. }) {
                place.exactness = Exactness::Same;
            }
            is_settled = matches!(
                event.kind,
                EventKind::Preempted { .. }
                    | EventKind::Trap(_)
                    | EventKind::Return { .. }
                    | EventKind::SwitchEnd
            );
            continue;
        }
        place.event = number;
        place.records += match &event.kind {
            EventKind::Preempted { .. } => (STATE_WORDS / WORDS) as u64,
            _ => 1,
        };
        place.exactness = match &event.kind {
            EventKind::Trap(trap) if trap.cause == Cause::Timer => Exactness::StartOfStay,
            EventKind::Trap(_) | EventKind::Preempted { .. } | EventKind::SwitchEnd => {
                Exactness::Same
            }
            _ => place.exactness,
        };
    }
    let exists = match at {
        At::Event(wanted) => (1..=last).contains(&wanted),
        At::Time(wanted) => wanted <= end,
    };
    if exists && place.event > 0 {
        return Ok(place);
    }
    Err(TracerError::Options(match at {
        At::Event(wanted) => format!("there is no event {wanted}: the trace has 1 to {last}"),
        At::Time(wanted) => {
            format!("nothing happened as late as {wanted} ns: the trace ends at {end} ns")
        }
    }))
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{Abi, Trap};

    use super::*;

    fn event(time: Nanos, kind: EventKind) -> Event {
        Event {
            time,
            process: ProcessId(1),
            thread: ThreadId(1),
            kind,
        }
    }

    fn trap(time: Nanos, cause: Cause) -> Event {
        let trap = Trap {
            cause,
            abi: Abi::X86_64,
            number: 0,
            instruction: 0,
            address: 0,
            arguments: [0; 6],
        };
        event(time, EventKind::Trap(trap))
    }

    /// A tick without effect, then one with, then a call.
    fn run() -> Vec<(u64, Event)> {
        let samples = EventKind::Samples { bytes: vec![1] };
        let returned = || EventKind::Return { result: 0 };
        let state = Box::new(ThreadState::default());
        let events = [
            event(0, samples),
            trap(10, Cause::Timer),
            event(11, returned()),
            trap(20, Cause::Timer),
            event(20, EventKind::Woken),
            event(20, EventKind::Preempted { state }),
            event(25, EventKind::SwitchEnd),
            event(26, returned()),
            trap(30, Cause::Syscall),
        ];
        (1..).zip(events).collect()
    }

    fn at(event: u64) -> (u64, u64, Exactness) {
        let place = place(run(), At::Event(event)).expect("an event");
        (place.event, place.records, place.exactness)
    }

    #[test]
    fn a_preemption_is_four_records_and_samples_are_none() {
        let records: Vec<u64> = (2..=9).map(|event| at(event).1).collect();
        assert_eq!(records, [1, 2, 3, 4, 8, 9, 10, 11]);
    }

    #[test]
    fn only_ticks_without_effect_are_not_at_their_place() {
        let inexact: Vec<u64> = (2..=9)
            .filter(|event| at(*event).2 == Exactness::StartOfStay)
            .collect();
        assert_eq!(inexact, [2, 3]);
    }

    #[test]
    fn a_time_is_the_last_event_that_is_not_later() {
        let number = |time| place(run(), At::Time(time)).map(|place| place.event).ok();
        assert_eq!(number(20), Some(6));
        assert_eq!(number(29), Some(8));
        assert_eq!(number(30), Some(9));
        assert_eq!(number(31), None, "the trace is over");
        assert_eq!(number(9), None, "nothing but inputs came before");
    }

    #[test]
    fn an_event_that_is_not_there_is_refused_with_those_that_are() {
        for wanted in [0, 10] {
            let why = place(run(), At::Event(wanted)).expect_err("refused");
            let expected = format!("there is no event {wanted}: the trace has 1 to 9");
            assert_eq!(why.to_string(), expected);
        }
    }
}
