//! What the kernel says when it stops a replay for good: who was running, where, and in which state. It comes in one record
//! or in five. Key types: [`Standstill`], and [`StandstillParts`], which joins them. Neighbours: `convert.rs` reads the
//! records, `fixtures/abi/src/log.rs` says what is in them, `replay/inspect.rs` asks for them.

use trapline_abi::log::WORDS;
use trapline_abi::replay::STATE_WORDS;
use trapline_trace_format::event::{ProcessId, SpaceId, ThreadId, ThreadState};

use super::numbers::nonsense;
use crate::error::TracerError;

/// Parts of the state behind the first record.
const PARTS: u16 = (STATE_WORDS / WORDS) as u16;
/// Words of a state that mean something here: registers and bases.
const USED: usize = ThreadState::REGISTERS.len() + 2;

/// One of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandstillPart {
    pub(crate) process: ProcessId,
    pub(crate) thread: ThreadId,
    /// 0: the first; then the number of the part of the state.
    pub(crate) number: u16,
    pub(crate) words: [u64; WORDS],
}

/// A machine that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standstill {
    /// Who had the CPU.
    pub(crate) process: ProcessId,
    /// Which of its threads; 0: the kernel's own.
    pub(crate) thread: ThreadId,
    /// The address space that it ran in.
    pub(crate) space: SpaceId,
    /// The host's id of the process behind that, as the kernel says; none: there is none.
    pub(crate) host: Option<i32>,
    /// The thread's registers and segment bases, no digests; none: it has no state in user mode.
    pub(crate) state: Option<Box<ThreadState>>,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(crate) struct StandstillParts {
    first: Option<StandstillPart>,
    words: Vec<u64>,
}

impl StandstillParts {
    /// Takes the next record; gives what all say with the last.
    pub(crate) fn take(
        &mut self,
        part: &StandstillPart,
    ) -> Result<Option<Standstill>, TracerError> {
        let refuse = || nonsense("part of a standstill", part.number);
        match (self.first, part.number) {
            (None, 0) => {
                self.first = Some(*part);
                match part.words[2] {
                    0 => Ok(Some(self.joined(part, None))),
                    1 => Ok(None),
                    other => Err(nonsense("answer", other)),
                }
            }
            (Some(first), number) if usize::from(number) == self.words.len() / WORDS + 1 => {
                if number > PARTS {
                    return Err(refuse());
                }
                self.words.extend(part.words);
                if number < PARTS {
                    return Ok(None);
                }
                let mut words = [0; ThreadState::WORDS];
                words[..USED].copy_from_slice(&self.words[..USED]);
                let state = Box::new(ThreadState::from_words(&words));
                Ok(Some(self.joined(&first, Some(state))))
            }
            _ => Err(refuse()),
        }
    }

    fn joined(&self, first: &StandstillPart, state: Option<Box<ThreadState>>) -> Standstill {
        let [host, space, ..] = first.words;
        Standstill {
            process: first.process,
            thread: first.thread,
            space: SpaceId(space as u32),
            host: i32::try_from(host).ok().filter(|host| *host > 0),
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u16, words: [u64; WORDS]) -> StandstillPart {
        StandstillPart {
            process: ProcessId(2),
            thread: ThreadId(3),
            number,
            words,
        }
    }

    fn part_of_state(number: u16) -> StandstillPart {
        let first = u64::from(number - 1) * WORDS as u64;
        part(
            number,
            std::array::from_fn(|index| first + index as u64 + 1),
        )
    }

    #[test]
    fn a_thread_with_a_state_takes_five_records_and_one_without_takes_one() {
        let mut parts = StandstillParts::default();
        let first = part(0, [4711, 2, 1, 0, 0, 0, 0, 0]);
        assert_eq!(parts.take(&first).expect("a part"), None);
        assert_eq!(parts.take(&part_of_state(1)).expect("a part"), None);
        assert_eq!(parts.take(&part_of_state(2)).expect("a part"), None);
        assert_eq!(parts.take(&part_of_state(3)).expect("a part"), None);
        let all = parts
            .take(&part_of_state(4))
            .expect("a part")
            .expect("the last");
        assert_eq!((all.host, all.space), (Some(4711), SpaceId(2)));
        let state = all.state.expect("a state");
        assert_eq!(
            state.registers.to_vec(),
            (1..=18).collect::<Vec<u64>>(),
            "registers first"
        );
        assert_eq!((state.bases, state.memory), ([19, 20], 0));
        let idle = part(0, [0; WORDS]);
        let all = StandstillParts::default().take(&idle).expect("a part");
        let all = all.expect("complete");
        assert_eq!((all.host, all.state), (None, None));
    }

    #[test]
    fn parts_out_of_order_and_answers_that_are_none_are_an_error() {
        assert!(StandstillParts::default().take(&part_of_state(1)).is_err());
        let odd = part(0, [1, 1, 2, 0, 0, 0, 0, 0]);
        assert!(StandstillParts::default().take(&odd).is_err());
        let mut parts = StandstillParts::default();
        parts
            .take(&part(0, [1, 1, 1, 0, 0, 0, 0, 0]))
            .expect("a part");
        assert!(parts.take(&part_of_state(2)).is_err());
    }
}
