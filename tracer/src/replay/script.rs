//! From the events of a recording to the script that its machine is given again: samples and points, and what programs got
//! from the console. Key type: [`Script`]. Neighbours: `fixtures/abi/src/replay.rs` says what the kernel makes of it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use trapline_abi::replay::{POINTS_OFFSET, Point, State};
use trapline_trace_format::event::{Cause, Event, EventKind, Nanos};

use crate::error::{During, TracerError};
use crate::ptrace::region::executable_memory_file;

/// Everything that the kernel cannot compute.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Script {
    /// All samples, in order.
    pub(crate) samples: Vec<u8>,
    /// Every timer interrupt.
    pub(crate) points: Vec<Point>,
    /// What programs got from the console.
    pub(crate) input: Vec<u8>,
    /// Events so far.
    events: u64,
    /// Events up to the last samples: for what came later, inputs may be missing.
    pub(crate) covered: u64,
    /// Returns to user mode so far.
    returns: u64,
    /// When the last of them was, and how long the tracer held the machine since.
    user_since: Nanos,
    held: Nanos,
    /// How long the thread had been in user mode before that since it last trapped by itself or got the CPU: a replay has
    /// the ticks without effect at once, and the thread has all its work behind the last of them.
    user_before: Nanos,
    /// The visit under way was begun by the timer, and the thread has not been preempted in it.
    is_tick: bool,
}

impl Script {
    /// Takes the next event of the recording.
    pub(crate) fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Samples { bytes } => {
                self.samples.extend_from_slice(bytes);
                self.covered = self.events;
            }
            EventKind::Input { bytes } => self.input.extend_from_slice(bytes),
            EventKind::Return { .. } => {
                self.returns += 1;
                self.user_since = event.time;
                self.held = 0;
                if !self.is_tick {
                    self.user_before = 0;
                }
                self.is_tick = false;
            }
            EventKind::Held { until, .. } => {
                self.held = self.held.saturating_add(until.saturating_sub(event.time));
            }
            EventKind::Trap(trap) => {
                self.is_tick = trap.cause == Cause::Timer;
                if self.is_tick {
                    let stay = event
                        .time
                        .saturating_sub(self.user_since)
                        .saturating_sub(self.held);
                    self.user_before = self.user_before.saturating_add(stay.max(0));
                    self.points.push(Point {
                        returns: self.returns,
                        user_ns: self.user_before as u64,
                        instruction: trap.instruction,
                        exact: 0,
                        state: State::default(),
                    });
                }
            }
            EventKind::Preempted { state } => {
                // Noted at most once in a visit, and in none that anything but the timer began.
                if let Some(point) = self.points.last_mut().filter(|_| self.is_tick) {
                    point.exact = 1;
                    point.state.registers = state.registers;
                    point.state.bases = state.bases;
                    point.state.vectors = state.vectors;
                    point.state.memory = state.memory;
                    point.state.memory_bytes = state.memory_bytes;
                    point.state.operand = state.operand;
                    point.state.lanes = state.lanes;
                }
                self.is_tick = false;
            }
            EventKind::SwitchEnd => self.is_tick = false,
            _ => {}
        }
        self.events += 1;
    }

    /// The script as the kernel reads it.
    pub(crate) fn file(&self) -> Result<File, TracerError> {
        const WHAT: &str = "write the script of the replay";
        let file = File::from(executable_memory_file(c"trapline-script")?);
        file.write_all_at(&self.samples, 0).during(WHAT)?;
        let points: Vec<u8> = self.points.iter().flat_map(point_bytes).collect();
        file.write_all_at(&points, POINTS_OFFSET).during(WHAT)?;
        Ok(file)
    }
}

fn point_bytes(point: &Point) -> impl Iterator<Item = u8> + use<> {
    let numbers = [point.returns, point.user_ns, point.instruction, point.exact];
    let words = numbers.into_iter().chain(point.state.words());
    words.flat_map(u64::to_ne_bytes)
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::{
        Abi, ProcessId, Seen, SpaceId, SwitchReason, ThreadId, ThreadState, Trap,
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

    fn trap(time: Nanos, cause: Cause) -> Event {
        let trap = Trap {
            cause,
            abi: Abi::X86_64,
            number: 14,
            instruction: 0x40_1000,
            address: 0,
            arguments: [0; 6],
        };
        event(time, EventKind::Trap(trap))
    }

    fn returned(time: Nanos) -> Event {
        event(time, EventKind::Return { result: 0 })
    }

    fn preempted(rax: u64) -> Event {
        let mut state = Box::new(ThreadState::default());
        state.registers[13] = rax;
        event(0, EventKind::Preempted { state })
    }

    fn samples(bytes: &[u8]) -> Event {
        let bytes = bytes.to_vec();
        event(0, EventKind::Samples { bytes })
    }

    fn script(events: &[Event]) -> Script {
        let mut script = Script::default();
        events.iter().for_each(|event| script.take(event));
        script
    }

    #[test]
    fn every_timer_interrupt_is_a_point_and_exact_where_it_had_an_effect() {
        let switch = EventKind::SwitchBegin {
            to: ThreadId(2),
            reason: SwitchReason::Quantum,
            waits: None,
        };
        let script = script(&[
            returned(100),
            trap(350, Cause::Timer),
            returned(400),
            trap(450, Cause::Syscall),
            returned(500),
            trap(900, Cause::Timer),
            preempted(7),
            event(910, switch),
        ]);
        let [tick, preemption] = script.points[..] else {
            panic!("{:?}", script.points)
        };
        assert_eq!((tick.returns, tick.user_ns, tick.exact), (1, 250, 0));
        let of_preemption = (preemption.returns, preemption.user_ns, preemption.exact);
        assert_eq!(of_preemption, (3, 400, 1));
        assert_eq!(preemption.state.registers[13], 7);
        assert_eq!(preemption.instruction, 0x40_1000);
    }

    #[test]
    fn a_state_that_belongs_to_no_timer_interrupt_changes_no_point() {
        let script = script(&[
            returned(100),
            trap(200, Cause::Timer),
            returned(300),
            trap(400, Cause::Syscall),
            preempted(7),
        ]);
        assert_eq!(script.points[0].exact, 0);
    }

    #[test]
    fn work_adds_up_over_ticks_without_effect_and_over_nothing_else() {
        let script = script(&[
            returned(100),
            trap(200, Cause::Timer),
            returned(300),
            trap(450, Cause::Timer),
            returned(500),
            trap(510, Cause::Syscall),
            returned(600),
            trap(607, Cause::Timer),
            preempted(1),
            returned(700),
            trap(703, Cause::Timer),
        ]);
        let user_ns = script.points.iter().map(|point| point.user_ns);
        assert_eq!(user_ns.collect::<Vec<_>>(), [100, 250, 7, 3]);
    }

    #[test]
    fn the_tracers_time_is_not_the_programs() {
        let held = EventKind::Held {
            until: 180,
            space: SpaceId(1),
            seen: Seen::Return,
        };
        let script = script(&[returned(100), event(120, held), trap(350, Cause::Timer)]);
        assert_eq!(script.points[0].user_ns, 250 - 60);
    }

    #[test]
    fn inputs_are_joined_and_cover_what_came_before_the_last_of_them() {
        let script = script(&[
            samples(&[1, 2]),
            event(1, EventKind::Input { bytes: vec![b'a'] }),
            returned(2),
            samples(&[3]),
            event(3, EventKind::Input { bytes: vec![b'b'] }),
        ]);
        assert_eq!(script.samples, [1, 2, 3]);
        assert_eq!(script.input, b"ab");
        assert_eq!(script.covered, 3);
    }

    #[test]
    fn the_kernel_finds_samples_and_points_where_it_looks_for_them() {
        let script = script(&[
            samples(&[9]),
            returned(1),
            trap(2, Cause::Timer),
            preempted(7),
        ]);
        let file = script.file().expect("written");
        let mut bytes = [0; 1];
        file.read_exact_at(&mut bytes, 0).expect("a sample");
        assert_eq!(bytes, [9]);
        let mut words = [0; size_of::<Point>()];
        file.read_exact_at(&mut words, POINTS_OFFSET)
            .expect("a point");
        let word =
            |index: usize| u64::from_ne_bytes(words[8 * index..][..8].try_into().expect("8"));
        assert_eq!((word(0), word(1), word(2), word(3)), (1, 1, 0x40_1000, 1));
        assert_eq!(word(4 + 13), 7);
    }
}
