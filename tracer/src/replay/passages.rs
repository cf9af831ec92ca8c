//! From the events of a replay and what the kernel's stopwatch showed at each to the passages of the schedule and what each
//! took. Key type: [`Passages`]. Neighbours: `compare.rs` hands in each event once it was the same as the recorded one,
//! `measure.rs` gathers the passages of many replays.
//!
//! A visit that loses the CPU goes on when its thread has it again; the time between is not its own. One that never returns
//! ends with the switch away from its thread. What the idle thread does is no passage.

use std::collections::HashMap;

use trapline_trace_format::event::{Event, EventKind, ProcessId, SwitchReason, ThreadId};
use trapline_trace_format::measurement::{Passage, SwitchKind};

/// The passages of one replay, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Passages {
    /// What they are.
    pub(super) kinds: Vec<Passage>,
    /// What each took, in units of the stopwatch.
    pub(super) took: Vec<u64>,
    /// The visit that each thread is in.
    visits: HashMap<ThreadId, usize>,
    /// The thread that works in the kernel, and since when.
    working: Option<(ThreadId, u64)>,
    /// The switch under way: who lost the CPU, and when.
    switching: Option<Losing>,
}

#[derive(Debug)]
struct Losing {
    thread: ThreadId,
    process: ProcessId,
    since: u64,
}

impl Passages {
    /// Takes the next event, at which the stopwatch showed `now`.
    pub(super) fn take(&mut self, event: &Event, now: u64) {
        let thread = event.thread;
        match &event.kind {
            EventKind::Trap(trap) => {
                let visit = Passage::Visit {
                    cause: trap.cause,
                    number: trap.number,
                };
                self.visits.insert(thread, self.kinds.len());
                self.begin(visit);
                self.working = Some((thread, now));
            }
            EventKind::Return { .. } => {
                self.rest(now);
                self.visits.remove(&thread);
            }
            EventKind::SwitchBegin { reason, .. } => {
                self.rest(now);
                if *reason == SwitchReason::Exit {
                    self.visits.remove(&thread);
                }
                self.switching = Some(Losing {
                    thread,
                    process: event.process,
                    since: now,
                });
            }
            EventKind::SwitchEnd => {
                if let Some(losing) = self.switching.take() {
                    let kind = losing.kind(event);
                    self.begin(Passage::Switch(kind));
                    self.add(self.kinds.len() - 1, now.saturating_sub(losing.since));
                }
                self.working = (thread != ThreadId::IDLE).then_some((thread, now));
            }
            _ => {}
        }
    }

    fn begin(&mut self, passage: Passage) {
        self.kinds.push(passage);
        self.took.push(0);
    }

    fn add(&mut self, passage: usize, took: u64) {
        if let Some(total) = self.took.get_mut(passage) {
            *total = total.saturating_add(took);
        }
    }

    /// The thread in the kernel stops working there: its visit took the time since it began.
    fn rest(&mut self, now: u64) {
        if let Some((thread, since)) = self.working.take()
            && let Some(visit) = self.visits.get(&thread)
        {
            self.add(*visit, now.saturating_sub(since));
        }
    }
}

impl Losing {
    fn kind(&self, winner: &Event) -> SwitchKind {
        if self.thread == ThreadId::IDLE || winner.thread == ThreadId::IDLE {
            SwitchKind::Idle
        } else if self.process == winner.process {
            SwitchKind::Thread
        } else {
            SwitchKind::Process
        }
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{Abi, Cause, Trap};

    use super::*;

    fn event(process: u32, thread: u32, kind: EventKind) -> Event {
        Event {
            time: 0,
            process: ProcessId(process),
            thread: ThreadId(thread),
            kind,
        }
    }

    fn trap(process: u32, thread: u32, cause: Cause, number: i32) -> Event {
        let trap = Trap {
            cause,
            abi: Abi::X86_64,
            number,
            instruction: 0,
            address: 0,
            arguments: [0; 6],
        };
        event(process, thread, EventKind::Trap(trap))
    }

    fn returned(process: u32, thread: u32) -> Event {
        event(process, thread, EventKind::Return { result: 0 })
    }

    fn loses(process: u32, thread: u32, to: u32, reason: SwitchReason) -> Event {
        let switch = EventKind::SwitchBegin {
            to: ThreadId(to),
            reason,
            waits: None,
        };
        event(process, thread, switch)
    }

    fn gets(process: u32, thread: u32) -> Event {
        event(process, thread, EventKind::SwitchEnd)
    }

    fn passages(events: &[(u64, Event)]) -> Vec<(Passage, u64)> {
        let mut passages = Passages::default();
        for (now, event) in events {
            passages.take(event, *now);
        }
        passages.kinds.into_iter().zip(passages.took).collect()
    }

    const CALL: Passage = Passage::Visit {
        cause: Cause::Syscall,
        number: 39,
    };
    const TICK: Passage = Passage::Visit {
        cause: Cause::Timer,
        number: 14,
    };

    #[test]
    fn a_visit_takes_from_trap_to_return_and_user_mode_takes_nothing() {
        let came = passages(&[
            (100, returned(1, 1)),
            (500, trap(1, 1, Cause::Syscall, 39)),
            (507, returned(1, 1)),
            (900, trap(1, 1, Cause::Timer, 14)),
            (911, returned(1, 1)),
        ]);
        assert_eq!(came, [(CALL, 7), (TICK, 11)]);
    }

    #[test]
    fn a_visit_that_loses_the_cpu_does_not_pay_for_the_others_turn() {
        let came = passages(&[
            (10, trap(1, 1, Cause::Syscall, 39)),
            (13, loses(1, 1, 2, SwitchReason::Block)),
            (20, gets(2, 2)),
            (22, returned(2, 2)),
            (500, trap(2, 2, Cause::Timer, 14)),
            (504, loses(2, 2, 1, SwitchReason::Quantum)),
            (513, gets(1, 1)),
            (518, returned(1, 1)),
        ]);
        let process = Passage::Switch(SwitchKind::Process);
        assert_eq!(came, [(CALL, 3 + 5), (process, 7), (TICK, 4), (process, 9)]);
    }

    #[test]
    fn switches_are_told_apart_by_whose_threads_they_are_between() {
        let came = passages(&[
            (10, trap(1, 1, Cause::Syscall, 39)),
            (11, loses(1, 1, 3, SwitchReason::Yield)),
            (12, gets(1, 3)),
            (15, loses(1, 3, 0, SwitchReason::Exit)),
            (17, gets(0, 0)),
            (900, loses(0, 0, 1, SwitchReason::Idle)),
            (904, gets(1, 1)),
            (906, returned(1, 1)),
        ]);
        let switch = Passage::Switch;
        let expected = [
            (CALL, 1 + 2),
            (switch(SwitchKind::Thread), 1),
            (switch(SwitchKind::Idle), 2),
            (switch(SwitchKind::Idle), 4),
        ];
        assert_eq!(came, expected);
    }

    #[test]
    fn a_visit_that_never_returns_ends_with_its_thread() {
        let came = passages(&[
            (10, trap(1, 1, Cause::Syscall, 39)),
            (16, loses(1, 1, 2, SwitchReason::Exit)),
            (20, gets(2, 2)),
            // A number of a thread that is no more says nothing of its visit.
            (30, gets(1, 1)),
            (40, returned(1, 1)),
        ]);
        assert_eq!(came[0], (CALL, 6));
    }

    #[test]
    fn a_stopwatch_that_goes_back_takes_no_time() {
        let came = passages(&[(100, trap(1, 1, Cause::Syscall, 39)), (90, returned(1, 1))]);
        assert_eq!(came, [(CALL, 0)]);
    }
}
