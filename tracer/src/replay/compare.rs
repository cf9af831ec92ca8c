//! The recording held against its replay, event for event. Key type: [`Comparison`]. Neighbours: `record/observe.rs` hands
//! in what the replay's kernel logs, `divergence.rs` puts the first difference into words.
//!
//! What must never be: something counted as verified that was not compared with its counterpart.

use serde::Serialize;
use trapline_trace_format::event::{Cause, Event, EventKind, Nanos};

use super::divergence::{Divergence, describe, difference};
use super::passages::Passages;
use super::searches::Searches;
use crate::error::TracerError;
use crate::record::{Search, Sink};

/// What was the same in recording and replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Events of the kernel: same order, thread, time, cause, arguments and results.
    pub events: u64,
    /// Traps among them.
    pub visits: u64,
    /// Preemptions and starts of signal handlers by the timer: same registers, vector registers and memory.
    pub preemptions: u64,
    /// Address spaces that their last thread left or that made way for another program: same memory.
    pub memories: u64,
    /// Bytes of memory whose digests were compared at preemptions and these ends.
    pub memory_bytes: u64,
    /// Timer interrupts without effect: repeated in order and in the same stay in user mode, but not at the same
    /// instruction. The result register at their returns is not compared.
    pub ticks: u64,
    /// Bytes of console output.
    pub console_bytes: u64,
    /// Bytes of console input.
    pub input_bytes: u64,
}

/// How the comparison stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// All was the same so far.
    Going,
    /// Every recorded event came; nothing can be said of what follows.
    AllCame,
    /// The first difference.
    Diverged(Divergence),
}

/// Compares. `recorded` are the events of the recording, as [`is_compared`] leaves them, with their numbers.
pub(super) struct Comparison<I: Iterator<Item = (u64, Event)>> {
    recorded: std::iter::Peekable<I>,
    /// Whether the recording goes to the end of the machine.
    is_whole: bool,
    verified: Verified,
    state: State,
    /// The visit under way was begun by the timer, which has had no effect in it so far.
    is_tick: bool,
    /// The number of the last event that was the same, and its time.
    last: (u64, Nanos),
    /// What the passages took, if that is wanted.
    passages: Option<Passages>,
    /// What the stopwatch shows at the event that comes next.
    host_time: u64,
    searches: Vec<Search>,
}

/// Whether an event is the machine's own doing. The tracer's stops are not repeated, inputs are given.
pub(super) fn is_compared(event: &Event) -> bool {
    !matches!(
        event.kind,
        EventKind::Held { .. } | EventKind::Samples { .. }
    )
}

/// Whether the event came again. A timer interrupt without effect comes elsewhere in the same stay in user mode; what is in
/// the result register at the return from it is the program's own.
fn is_same(expected: &Event, came: &Event, is_tick: bool) -> bool {
    let both_return = matches!(
        (&expected.kind, &came.kind),
        (EventKind::Return { .. }, EventKind::Return { .. })
    );
    if is_tick && both_return {
        let of = |event: &Event| (event.time, event.process, event.thread);
        return of(expected) == of(came);
    }
    expected == came
}

impl<I: Iterator<Item = (u64, Event)>> Comparison<I> {
    pub(super) fn new(recorded: I, is_whole: bool) -> Self {
        Self {
            recorded: recorded.peekable(),
            is_whole,
            verified: Verified::default(),
            state: State::Going,
            is_tick: false,
            last: (0, 0),
            passages: None,
            host_time: 0,
            searches: Vec::new(),
        }
    }

    /// From now on it is noted what each passage takes.
    pub(super) fn time_passages(&mut self) {
        self.passages = Some(Passages::default());
    }

    /// What the passages took that were the same; nothing if that was not wanted.
    pub(super) fn into_passages(self) -> Passages {
        self.passages.unwrap_or_default()
    }

    /// What it took to find the points so far.
    pub(super) fn searches(&self) -> Searches {
        Searches::of(&self.searches)
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn verified(&self) -> Verified {
        self.verified
    }

    /// Number of the event that must come next; none if the recording has no more.
    pub(super) fn next_number(&mut self) -> Option<u64> {
        self.recorded.peek().map(|(number, _)| *number)
    }

    /// Number of the last event that was the same; 0: none.
    pub(super) fn last_number(&self) -> u64 {
        self.last.0
    }

    /// How much time passed in the recording from the last event that was the same to the one that must come next.
    pub(super) fn gap(&mut self) -> Nanos {
        let next = self.recorded.peek().map_or(0, |(_, event)| event.time);
        next.saturating_sub(self.last.1).max(0)
    }

    /// The difference that nothing more comes, although something was recorded.
    pub(super) fn nothing_came(&mut self, why: String) -> Divergence {
        let expected = self.recorded.peek();
        Divergence {
            event: expected.map_or(self.last.0 + 1, |(number, _)| *number),
            expected: expected.map(|(_, event)| describe(event)),
            came: None,
            why: Some(why),
        }
    }

    fn count(&mut self, event: &Event) {
        self.is_tick = match &event.kind {
            EventKind::Trap(trap) => trap.cause == Cause::Timer,
            EventKind::Return { .. } | EventKind::Preempted { .. } => false,
            _ => self.is_tick,
        };
        let verified = &mut self.verified;
        verified.events += 1;
        match &event.kind {
            EventKind::Trap(trap) => {
                verified.visits += 1;
                verified.ticks += u64::from(trap.cause == Cause::Timer);
            }
            EventKind::Preempted { state } => {
                verified.preemptions += 1;
                verified.memory_bytes = verified.memory_bytes.saturating_add(state.memory_bytes);
                verified.ticks = verified.ticks.saturating_sub(1);
            }
            EventKind::MemoryLeft { bytes, .. } => {
                verified.memories += 1;
                verified.memory_bytes = verified.memory_bytes.saturating_add(*bytes);
            }
            EventKind::Console { bytes } => verified.console_bytes += bytes.len() as u64,
            EventKind::Input { bytes } => verified.input_bytes += bytes.len() as u64,
            _ => {}
        }
    }
}

impl<I: Iterator<Item = (u64, Event)>> Sink for Comparison<I> {
    fn host_time(&mut self, host_time: u64) {
        self.host_time = host_time;
    }

    fn searched(&mut self, search: Search) {
        self.searches.push(search);
    }

    fn event(&mut self, came: &Event) -> Result<(), TracerError> {
        if self.state != State::Going || !is_compared(came) {
            return Ok(());
        }
        let is_tick = self.is_tick;
        let is_same = |(_, expected): &(u64, Event)| is_same(expected, came, is_tick);
        let difference = match self.recorded.next_if(is_same) {
            Some((number, event)) => {
                self.count(&event);
                if let Some(passages) = &mut self.passages {
                    passages.take(&event, self.host_time);
                }
                self.last = (number, event.time);
                if !self.is_whole && self.recorded.peek().is_none() {
                    self.state = State::AllCame;
                }
                return Ok(());
            }
            None => self.recorded.peek(),
        };
        self.state = State::Diverged(Divergence {
            event: difference.map_or(self.last.0 + 1, |(number, _)| *number),
            expected: difference.map(|(_, expected)| describe(expected)),
            came: Some(describe(came)),
            why: difference.and_then(|(_, expected)| self::difference(expected, came)),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{
        Abi, ProcessId, Seen, SpaceId, ThreadId, ThreadState, Trap,
    };

    use super::*;

    fn event(time: Nanos, kind: EventKind) -> Event {
        Event {
            time,
            process: ProcessId(1),
            thread: ThreadId(1),
            kind,
        }
    }

    fn timer(time: Nanos) -> Event {
        let trap = Trap {
            cause: Cause::Timer,
            abi: Abi::X86_64,
            number: 14,
            instruction: 0x40_1000,
            address: 0,
            arguments: [0; 6],
        };
        event(time, EventKind::Trap(trap))
    }

    fn preempted(rax: u64) -> Event {
        let mut state = Box::new(ThreadState::default());
        state.registers[13] = rax;
        state.memory_bytes = 100;
        event(30, EventKind::Preempted { state })
    }

    fn memory_left(digest: u64, bytes: u64) -> Event {
        let space = SpaceId(1);
        let kind = EventKind::MemoryLeft {
            space,
            digest,
            bytes,
        };
        event(33, kind)
    }

    fn run() -> Vec<Event> {
        let bytes = b"hi\n".to_vec();
        let input = b"in".to_vec();
        vec![
            event(1, EventKind::Return { result: 0 }),
            timer(10),
            event(11, EventKind::Return { result: 0 }),
            timer(30),
            preempted(5),
            event(31, EventKind::Console { bytes }),
            event(32, EventKind::Input { bytes: input }),
            memory_left(9, 50),
        ]
    }

    type Recorded = std::vec::IntoIter<(u64, Event)>;

    fn comparison(recorded: Vec<Event>, is_whole: bool) -> Comparison<Recorded> {
        let numbered: Vec<_> = (1..).zip(recorded).collect();
        Comparison::new(numbered.into_iter(), is_whole)
    }

    fn after(came: &[Event], is_whole: bool) -> Comparison<Recorded> {
        let mut comparison = comparison(run(), is_whole);
        for event in came {
            comparison.event(event).expect("taken");
        }
        comparison
    }

    fn divergence(comparison: &Comparison<Recorded>) -> &Divergence {
        match comparison.state() {
            State::Diverged(divergence) => divergence,
            other => panic!("no divergence: {other:?}"),
        }
    }

    #[test]
    fn what_was_the_same_is_counted_by_what_it_is() {
        let comparison = after(&run(), true);
        assert_eq!(comparison.state(), &State::Going);
        let expected = Verified {
            events: 8,
            visits: 2,
            preemptions: 1,
            memories: 1,
            memory_bytes: 150,
            ticks: 1,
            console_bytes: 3,
            input_bytes: 2,
        };
        assert_eq!(comparison.verified(), expected);
        assert_eq!(after(&run(), false).state(), &State::AllCame);
    }

    #[test]
    fn any_change_of_any_event_is_a_divergence_at_that_event() {
        for index in 0..run().len() {
            let mut came = run();
            came[index].time += 1;
            let comparison = after(&came, true);
            let divergence = divergence(&comparison);
            assert_eq!(divergence.event, index as u64 + 1);
            assert_eq!(divergence.why.as_deref(), Some("at another time"));
            assert_eq!(comparison.verified().events, index as u64);
            let mut came = run();
            came[index].thread = ThreadId(2);
            let comparison = after(&came, true);
            assert_eq!(self::divergence(&comparison).event, index as u64 + 1);
        }
    }

    #[test]
    fn only_the_return_from_a_tick_without_effect_may_show_another_register() {
        let with = |index: usize| {
            let mut came = run();
            came[index].kind = EventKind::Return { result: 5 };
            came
        };
        assert_eq!(after(&with(2), true).state(), &State::Going);
        assert_eq!(divergence(&after(&with(0), true)).event, 1);
        let returned = |result| event(33, EventKind::Return { result });
        let mut comparison = comparison([run(), vec![returned(1)]].concat(), true);
        for event in [run(), vec![returned(2)]].concat() {
            comparison.event(&event).expect("taken");
        }
        assert_eq!(divergence(&comparison).event, 9);
    }

    #[test]
    fn nothing_is_counted_behind_the_first_difference() {
        let mut came = run();
        came[1].time += 1;
        assert_eq!(after(&came, true).verified().events, 1);
    }

    #[test]
    fn a_register_that_differs_is_named() {
        let mut came = run();
        came[4] = preempted(6);
        let comparison = after(&came, true);
        let text = divergence(&comparison).to_string();
        assert!(
            text.starts_with("event 5: recorded was a preemption"),
            "{text}"
        );
        assert!(text.contains("rax is 0x6 and was 0x5"), "{text}");
    }

    #[test]
    fn memory_that_differs_in_the_end_is_named() {
        let with = |left| {
            let mut came = run();
            came[7] = left;
            divergence(&after(&came, true)).to_string()
        };
        let text = with(memory_left(8, 50));
        let named = "(the memory at the exit of process 1 differs: its digest is 0x8 and was 0x9)";
        assert!(
            text.starts_with("event 8: ") && text.ends_with(named),
            "{text}"
        );
        let text = with(memory_left(9, 51));
        let named =
            "(the memory at the exit of process 1 differs: its size is 51 and was 50 bytes)";
        assert!(text.ends_with(named), "{text}");
    }

    #[test]
    fn more_than_was_recorded_is_a_divergence_only_if_the_recording_is_whole() {
        let more = [run(), vec![timer(40)]].concat();
        let comparison = after(&more, true);
        let divergence = divergence(&comparison);
        assert_eq!((divergence.event, &divergence.expected), (9, &None));
        assert_eq!(after(&more, false).state(), &State::AllCame);
    }

    #[test]
    fn an_end_before_the_recorded_one_names_what_is_missing() {
        let mut comparison = after(&run()[..3], true);
        let divergence = comparison.nothing_came("the machine ended".to_owned());
        assert_eq!((divergence.event, divergence.came), (4, None));
        assert!(
            divergence
                .expected
                .is_some_and(|text| text.contains("timer"))
        );
        assert_eq!(comparison.gap(), 19);
    }

    #[test]
    fn stops_and_inputs_are_not_compared() {
        let held = EventKind::Held {
            until: 3,
            space: SpaceId(1),
            seen: Seen::Return,
        };
        assert!(!is_compared(&event(2, held)));
        assert!(!is_compared(&event(
            2,
            EventKind::Samples { bytes: Vec::new() }
        )));
        assert!(run().iter().all(is_compared));
    }
}
