//! The two witnesses: what the tracer saw from outside, what the kernel logged from inside. They must agree event for
//! event, in order: a trap is seen first and logged then, a return-from-trap is logged first and seen then.
//!
//! Key type: [`Comparison`], which takes the events of a trace one by one. It is pure, so that tests can lie to it.
//!
//! From outside an address space is seen, from inside a thread logs; the log says which space the thread's process lives in.

use std::collections::HashMap;

use trapline_trace_format::event::{Event, EventKind, ProcessId, Seen, SpaceId, Trap};
use trapline_trace_format::meta::Witnesses;

/// A comparison under way.
#[derive(Debug, Default)]
pub struct Comparison {
    position: u64,
    /// Where each process lives, as the log says.
    spaces: HashMap<ProcessId, SpaceId>,
    traps: u64,
    returns: u64,
    /// Seen and not yet logged.
    seen_trap: Option<Sighting>,
    /// Logged and not yet seen.
    logged_return: Option<SpaceId>,
    difference: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    space: SpaceId,
    seen: Seen,
}

impl Comparison {
    /// Takes the next event of the trace.
    pub fn take(&mut self, event: &Event) {
        self.position += 1;
        if self.difference.is_some() {
            return;
        }
        let difference = match &event.kind {
            EventKind::Created { space, .. } | EventKind::Executed { space, .. } => {
                self.spaces.insert(event.process, *space);
                None
            }
            EventKind::Held {
                seen: seen @ Seen::Trap { .. },
                space,
                ..
            } => {
                let sighting = Sighting {
                    space: *space,
                    seen: *seen,
                };
                self.seen_trap
                    .replace(sighting)
                    .map(|earlier| format!("the tracer saw {earlier}, the kernel logged no trap"))
            }
            EventKind::Trap(trap) => self.logged_trap(self.space_of(event.process), trap),
            EventKind::Return { .. } => {
                let space = self.space_of(event.process);
                self.logged_return.replace(space).map(return_not_seen)
            }
            EventKind::Held {
                seen: Seen::Return,
                space,
                ..
            } => self.seen_return(*space),
            EventKind::Exited { .. } => {
                // A process that jumped into the entry page faults where no trap can be taken: the host ends it, and the
                // kernel hears of its end alone.
                let space = self.space_of(event.process);
                self.seen_trap.take_if(|seen| seen.space == space);
                None
            }
            EventKind::ProcessExited { .. } => {
                self.spaces.remove(&event.process);
                None
            }
            _ => None,
        };
        self.difference =
            difference.map(|difference| format!("event {}: {difference}", self.position));
    }

    /// The verdict. `halted`: the machine ran to its end, so nothing may be left open.
    #[must_use]
    pub fn finish(self, halted: bool) -> Witnesses {
        let open = self
            .seen_trap
            .map(|seen| format!("the tracer saw {seen}, the kernel logged no trap"))
            .or_else(|| self.logged_return.map(return_not_seen));
        let at_end = open
            .filter(|_| halted)
            .map(|open| format!("at the end: {open}"));
        match self.difference.or(at_end) {
            Some(detail) => Witnesses::Differ { detail },
            None => Witnesses::Agree {
                traps: self.traps,
                returns: self.returns,
            },
        }
    }

    /// Where a process lives. The kernel's own space for one that was never created: no trap is seen there, so that
    /// whatever it logs is a difference.
    fn space_of(&self, process: ProcessId) -> SpaceId {
        self.spaces.get(&process).copied().unwrap_or(SpaceId(0))
    }

    fn logged_trap(&mut self, space: SpaceId, trap: &Trap) -> Option<String> {
        let logged = Sighting {
            space,
            seen: Seen::Trap {
                cause: trap.cause,
                number: trap.number,
                instruction: trap.instruction,
            },
        };
        self.traps += 1;
        match self.seen_trap.take() {
            None => Some(format!(
                "the kernel logged {logged}, the tracer saw no trap"
            )),
            Some(seen) if seen.space != logged.space || seen.seen != logged.seen => {
                Some(format!("the kernel logged {logged}, the tracer saw {seen}"))
            }
            Some(_) => None,
        }
    }

    fn seen_return(&mut self, space: SpaceId) -> Option<String> {
        self.returns += 1;
        match self.logged_return.take() {
            None => Some(format!(
                "the tracer saw a return to address space {}, the kernel logged none",
                space.0
            )),
            Some(logged) if logged != space => Some(format!(
                "the kernel logged a return to address space {}, the tracer saw one to {}",
                logged.0, space.0
            )),
            Some(_) => None,
        }
    }
}

fn return_not_seen(space: SpaceId) -> String {
    format!(
        "the kernel logged a return to address space {}, the tracer saw none",
        space.0
    )
}

impl std::fmt::Display for Sighting {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seen {
            Seen::Trap {
                cause,
                number,
                instruction,
            } => {
                write!(
                    out,
                    "{} {number} at {instruction:#x} in address space {}",
                    cause.word(),
                    self.space.0
                )
            }
            Seen::Return | Seen::Other => write!(out, "no trap in address space {}", self.space.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{Abi, Cause, ExitStatus, Role, ThreadId};

    use super::*;

    fn event(process: u32, kind: EventKind) -> Event {
        Event {
            time: 0,
            process: ProcessId(process),
            thread: ThreadId(process),
            kind,
        }
    }

    /// A process that lives in this space.
    fn created(process: u32, space: u32) -> Event {
        let kind = EventKind::Created {
            parent: ProcessId(0),
            name: String::new(),
            role: Role::Process,
            space: SpaceId(space),
        };
        event(process, kind)
    }

    fn executed(process: u32, space: u32) -> Event {
        let kind = EventKind::Executed {
            name: String::new(),
            space: SpaceId(space),
        };
        event(process, kind)
    }

    fn held(space: u32, seen: Seen) -> Event {
        let space = SpaceId(space);
        let kind = EventKind::Held {
            until: 1,
            space,
            seen,
        };
        event(0, kind)
    }

    fn seen(space: u32, number: i32) -> Event {
        let seen = Seen::Trap {
            cause: Cause::Syscall,
            number,
            instruction: 8,
        };
        held(space, seen)
    }

    fn logged(process: u32, number: i32) -> Event {
        let trap = Trap {
            cause: Cause::Syscall,
            abi: Abi::X86_64,
            number,
            instruction: 8,
            address: 0,
            arguments: [0; 6],
        };
        event(process, EventKind::Trap(trap))
    }

    fn returned(process: u32) -> Event {
        event(process, EventKind::Return { result: 0 })
    }

    fn seen_return(space: u32) -> Event {
        held(space, Seen::Return)
    }

    /// What is said of these events of two processes, each in a space of its own.
    fn verdict(events: &[Event], halted: bool) -> Witnesses {
        let mut comparison = Comparison::default();
        let first = [created(1, 1), created(2, 2)];
        first
            .iter()
            .chain(events)
            .for_each(|event| comparison.take(event));
        comparison.finish(halted)
    }

    fn difference(events: &[Event]) -> String {
        match verdict(events, true) {
            Witnesses::Differ { detail } => detail,
            other => panic!("no difference: {other:?}"),
        }
    }

    #[test]
    fn two_witnesses_of_the_same_run_agree() {
        let run = [
            returned(1),
            seen_return(1),
            seen(1, 39),
            logged(1, 39),
            returned(1),
            seen_return(1),
        ];
        assert_eq!(
            verdict(&run, true),
            Witnesses::Agree {
                traps: 1,
                returns: 2
            }
        );
    }

    #[test]
    fn every_kind_of_lie_is_named_with_its_event() {
        assert_eq!(
            difference(&[seen(1, 39), logged(1, 24)]),
            "event 4: the kernel logged syscall 24 at 0x8 in address space 1, \
             the tracer saw syscall 39 at 0x8 in address space 1"
        );
        assert!(difference(&[seen(1, 39), logged(2, 39)]).starts_with("event 4: "));
        assert!(difference(&[logged(1, 39)]).contains("saw no trap"));
        assert!(difference(&[seen(1, 39), seen(1, 39)]).contains("logged no trap"));
        assert!(difference(&[seen(1, 39)]).starts_with("at the end: "));
        assert!(difference(&[returned(1), returned(1)]).contains("saw none"));
        assert!(difference(&[seen_return(1)]).contains("logged none"));
        assert!(difference(&[returned(1), seen_return(2)]).contains("saw one to 2"));
    }

    #[test]
    fn processes_are_told_apart_by_the_space_that_they_live_in() {
        // A vfork child lives in its parent's space until it executes a program.
        let run = [
            created(3, 1),
            returned(3),
            seen_return(1),
            seen(1, 59),
            logged(3, 59),
            executed(3, 3),
            returned(3),
            seen_return(3),
            seen(3, 39),
            logged(3, 39),
        ];
        assert_eq!(
            verdict(&run, true),
            Witnesses::Agree {
                traps: 2,
                returns: 2
            }
        );
        assert!(difference(&[created(3, 1), seen(3, 59), logged(3, 59)]).starts_with("event 5: "));
        assert!(
            difference(&[created(3, 1), executed(3, 3), returned(3), seen_return(1)])
                .contains("a return to address space 3, the tracer saw one to 1")
        );
        assert!(
            difference(&[seen(9, 39), logged(9, 39)])
                .contains("logged syscall 39 at 0x8 in address space 0")
        );
    }

    #[test]
    fn a_process_that_the_host_ends_at_a_trap_leaves_no_trap_to_log() {
        let cause = Cause::Protection;
        let status = ExitStatus::Killed {
            signal: 11,
            cause: Some(cause),
            address: 0,
        };
        let ended = |process| event(process, EventKind::Exited { status });
        assert_eq!(
            verdict(&[seen(1, 39), ended(1)], true),
            Witnesses::Agree {
                traps: 0,
                returns: 0
            }
        );
        assert!(difference(&[seen(1, 39), ended(2)]).starts_with("at the end: "));
    }

    #[test]
    fn a_run_that_was_cut_off_may_leave_its_last_event_open() {
        assert_eq!(
            verdict(&[seen(1, 39)], false),
            Witnesses::Agree {
                traps: 0,
                returns: 0
            }
        );
    }
}
