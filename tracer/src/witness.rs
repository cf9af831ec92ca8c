//! The two witnesses: what the tracer saw from outside, what the kernel logged from inside. They must agree event for
//! event, in order: a trap is seen first and logged then, a return-from-trap is logged first and seen then.
//!
//! Key type: [`Comparison`], which takes the events of a trace one by one. It is pure, so that tests can lie to it.

use trapline_trace_format::event::{Event, EventKind, ProcessId, Seen, Trap};
use trapline_trace_format::meta::Witnesses;

/// A comparison under way.
#[derive(Debug, Default)]
pub struct Comparison {
    position: u64,
    traps: u64,
    returns: u64,
    /// Seen and not yet logged.
    seen_trap: Option<Sighting>,
    /// Logged and not yet seen.
    logged_return: Option<ProcessId>,
    difference: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    process: ProcessId,
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
            EventKind::Held {
                seen: seen @ Seen::Trap { .. },
                ..
            } => {
                let sighting = Sighting {
                    process: event.process,
                    seen: *seen,
                };
                self.seen_trap
                    .replace(sighting)
                    .map(|earlier| format!("the tracer saw {earlier}, the kernel logged no trap"))
            }
            EventKind::Trap(trap) => self.logged_trap(event.process, trap),
            EventKind::Return { .. } => self.logged_return.replace(event.process).map(|earlier| {
                format!(
                    "the kernel logged a return to process {}, the tracer saw none",
                    earlier.0
                )
            }),
            EventKind::Held {
                seen: Seen::Return, ..
            } => self.seen_return(event.process),
            EventKind::Exited { .. } => {
                // A process that jumped into the entry page faults where no trap can be taken: the host ends it, and the
                // kernel hears of its end alone.
                self.seen_trap.take_if(|seen| seen.process == event.process);
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
            .or_else(|| {
                self.logged_return.map(|process| {
                    format!(
                        "the kernel logged a return to process {}, the tracer saw none",
                        process.0
                    )
                })
            });
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

    fn logged_trap(&mut self, process: ProcessId, trap: &Trap) -> Option<String> {
        let logged = Sighting {
            process,
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
            Some(seen) if seen.process != logged.process || seen.seen != logged.seen => {
                Some(format!("the kernel logged {logged}, the tracer saw {seen}"))
            }
            Some(_) => None,
        }
    }

    fn seen_return(&mut self, process: ProcessId) -> Option<String> {
        self.returns += 1;
        match self.logged_return.take() {
            None => Some(format!(
                "the tracer saw a return to process {}, the kernel logged none",
                process.0
            )),
            Some(logged) if logged != process => Some(format!(
                "the kernel logged a return to process {}, the tracer saw one to {}",
                logged.0, process.0
            )),
            Some(_) => None,
        }
    }
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
                    "{} {number} at {instruction:#x} in process {}",
                    cause.word(),
                    self.process.0
                )
            }
            Seen::Return | Seen::Other => write!(out, "no trap in process {}", self.process.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{Cause, ThreadId};

    use super::*;

    fn event(process: u32, kind: EventKind) -> Event {
        Event {
            time: 0,
            process: ProcessId(process),
            thread: ThreadId(process),
            kind,
        }
    }

    fn seen(process: u32, number: i32) -> Event {
        let seen = Seen::Trap {
            cause: Cause::Syscall,
            number,
            instruction: 8,
        };
        event(process, EventKind::Held { until: 1, seen })
    }

    fn logged(process: u32, number: i32) -> Event {
        let trap = Trap {
            cause: Cause::Syscall,
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

    fn seen_return(process: u32) -> Event {
        event(
            process,
            EventKind::Held {
                until: 1,
                seen: Seen::Return,
            },
        )
    }

    fn verdict(events: &[Event], halted: bool) -> Witnesses {
        let mut comparison = Comparison::default();
        events.iter().for_each(|event| comparison.take(event));
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
            "event 2: the kernel logged syscall 24 at 0x8 in process 1, the tracer saw syscall 39 at 0x8 in process 1"
        );
        assert!(difference(&[seen(1, 39), logged(2, 39)]).starts_with("event 2: "));
        assert!(difference(&[logged(1, 39)]).contains("saw no trap"));
        assert!(difference(&[seen(1, 39), seen(1, 39)]).contains("logged no trap"));
        assert!(difference(&[seen(1, 39)]).starts_with("at the end: "));
        assert!(difference(&[returned(1), returned(1)]).contains("saw none"));
        assert!(difference(&[seen_return(1)]).contains("logged none"));
        assert!(difference(&[returned(1), seen_return(2)]).contains("saw one to 2"));
    }

    #[test]
    fn a_process_that_the_host_ends_at_a_trap_leaves_no_trap_to_log() {
        let cause = Cause::Protection;
        let status = trapline_trace_format::event::ExitStatus::Killed {
            signal: 11,
            cause,
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
