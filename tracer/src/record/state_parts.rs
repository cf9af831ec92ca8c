//! A thread's state comes in several records of the kernel's log, one behind the other. Key type: [`StateParts`], which joins
//! them. Neighbours: `convert.rs` reads the records, `fixtures/abi/src/replay.rs` says what is in them.

use trapline_abi::log::WORDS;
use trapline_abi::replay::STATE_WORDS;
use trapline_trace_format::event::{Event, EventKind, Nanos, ProcessId, ThreadId, ThreadState};

use super::numbers::nonsense;
use crate::error::TracerError;

const PARTS: usize = STATE_WORDS / WORDS;
const _: () = assert!(PARTS * WORDS == STATE_WORDS && STATE_WORDS == ThreadState::WORDS);

/// A part of a state.
#[derive(Debug, PartialEq)]
pub(crate) struct StatePart {
    pub(crate) time: Nanos,
    pub(crate) process: ProcessId,
    pub(crate) thread: ThreadId,
    /// Which part, from 0.
    pub(crate) number: u16,
    pub(crate) words: [u64; WORDS],
}

/// What has come of the state under way.
#[derive(Debug, Default)]
pub(crate) struct StateParts {
    words: Vec<u64>,
}

impl StateParts {
    /// Takes the next part; gives the event with the last.
    pub(crate) fn take(&mut self, part: &StatePart) -> Result<Option<Event>, TracerError> {
        if usize::from(part.number) != self.words.len() / WORDS {
            return Err(nonsense("part of a thread's state", part.number));
        }
        self.words.extend(part.words);
        if self.words.len() < STATE_WORDS {
            return Ok(None);
        }
        let words = std::mem::take(&mut self.words);
        let state = <&[u64; ThreadState::WORDS]>::try_from(words.as_slice())
            .map_err(|_| nonsense("end of a thread's state", part.number))?;
        let state = Box::new(ThreadState::from_words(state));
        Ok(Some(Event {
            time: part.time,
            process: part.process,
            thread: part.thread,
            kind: EventKind::Preempted { state },
        }))
    }

    /// Refuses another record in the middle of a state.
    pub(crate) fn must_be_whole(&self) -> Result<(), TracerError> {
        if self.words.is_empty() {
            Ok(())
        } else {
            Err(TracerError::Machine(
                "its log lacks the end of a thread's state".to_owned(),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u16) -> StatePart {
        let first = u64::from(number) * WORDS as u64;
        let words = std::array::from_fn(|index| first + index as u64 + 1);
        StatePart {
            time: 7,
            process: ProcessId(2),
            thread: ThreadId(3),
            number,
            words,
        }
    }

    #[test]
    fn all_parts_make_one_event() {
        let mut parts = StateParts::default();
        assert_eq!(parts.take(&part(0)).expect("a part"), None);
        assert!(parts.must_be_whole().is_err());
        assert_eq!(parts.take(&part(1)).expect("a part"), None);
        assert_eq!(parts.take(&part(2)).expect("a part"), None);
        let event = parts.take(&part(3)).expect("a part").expect("an event");
        assert!(parts.must_be_whole().is_ok());
        let EventKind::Preempted { state } = event.kind else {
            panic!("{event:?}")
        };
        assert_eq!((event.time, event.thread), (7, ThreadId(3)));
        assert_eq!(state.words().to_vec(), (1..=32).collect::<Vec<u64>>());
    }

    #[test]
    fn parts_out_of_order_are_an_error() {
        assert!(StateParts::default().take(&part(1)).is_err());
        let mut parts = StateParts::default();
        parts.take(&part(0)).expect("a part");
        assert!(parts.take(&part(0)).is_err());
    }
}
