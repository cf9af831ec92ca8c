//! Measuring by replays: the schedule of a recording is run again and again, and each time the kernel notes on a stopwatch of
//! the host what every passage really takes. Key type: [`Measuring`]. Neighbours: `passages.rs` has what one replay took,
//! the kernel's `stopwatch.rs` the readings; the analyzer makes a measurement of it.
//!
//! What is in a passage, and what is not:
//!
//! - A visit begins with the kernel's first reading of the clock after the trap and ends with its last before the return, as in
//!   a recording: entry and exit are not in it.
//! - No tracer stops anything, as in every replay.
//! - Reading inputs takes the place of asking the host for them. The timer is not set, the machine does not sleep, and nobody
//!   types: what these cost in a recording is not in it.
//! - Looking for where the timer came is not in it: the visit of a preemption begins when the place is found. Nor is what the
//!   kernel does for the replay itself: states and digests, reading the script, waiting for the recorder.
//! - One reading of the stopwatch is in each.

use trapline_abi::boot::{STOPWATCH_MONOTONIC, STOPWATCH_TSC};
use trapline_trace_format::measurement::Passage;
use trapline_trace_format::meta::Host;

use super::passages::Passages;
use super::recording::Recording;
use super::{End, ReplayOptions, Replayed, replay_timed};
use crate::clock::{Clock, Source};
use crate::error::TracerError;
use crate::host;
use crate::record::Stop;

/// Replays so far, and what they took.
pub struct Measuring {
    clock: Clock,
    /// Which stopwatch the kernel reads, and nanoseconds per unit of it.
    stopwatch: u32,
    unit_ns: f64,
    host: Host,
    passages: Vec<Passage>,
    rounds: Vec<Vec<f32>>,
}

impl Measuring {
    /// Nothing was replayed yet.
    ///
    /// # Errors
    /// When the host cannot be asked what it is.
    pub fn new(recording: &Recording, options: &ReplayOptions) -> Result<Self, TracerError> {
        let clock = Clock::start();
        let host = host::facts(&clock, Some(options.cpu))?;
        // Where the counter's instructions trap, they would in the kernel, too.
        let is_counter = clock.source() == Source::Tsc && !recording.traps_tsc();
        let (stopwatch, unit_ns) = if is_counter {
            (STOPWATCH_TSC, clock.tick_ns())
        } else {
            (STOPWATCH_MONOTONIC, 1.0)
        };
        Ok(Self {
            clock,
            stopwatch,
            unit_ns,
            host,
            passages: Vec::new(),
            rounds: Vec::new(),
        })
    }

    /// Replays the recording once more. What it took counts only if all of it was the same as recorded.
    ///
    /// # Errors
    /// As [`super::replay`].
    pub fn round(
        &mut self,
        recording: &Recording,
        options: &ReplayOptions,
        stop: &Stop,
        progress: impl FnMut(u64, u64),
    ) -> Result<Replayed, TracerError> {
        let (replayed, passages) =
            replay_timed(recording, options, self.stopwatch, stop, progress)?;
        if matches!(replayed.end, End::Same | End::SameUntilCut { .. }) {
            self.keep(passages)?;
        }
        Ok(replayed)
    }

    fn keep(&mut self, passages: Passages) -> Result<(), TracerError> {
        let Passages {
            mut kinds, took, ..
        } = passages;
        if self.rounds.is_empty() {
            self.passages = kinds;
        } else {
            // Of a recording that was cut, one replay may get further than another.
            let common = kinds.len().min(self.passages.len());
            kinds.truncate(common);
            self.passages.truncate(common);
            if kinds != self.passages {
                return Err(TracerError::Machine(
                    "two replays of one schedule had other passages".to_owned(),
                ));
            }
        }
        let ns = |units: u64| (units as f64 * self.unit_ns) as f32;
        self.rounds.push(took.into_iter().map(ns).collect());
        let common = self.passages.len();
        self.rounds
            .iter_mut()
            .for_each(|round| round.truncate(common));
        Ok(())
    }

    /// The passages of the schedule, in the order in which they begin.
    #[must_use]
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// For each replay, what each passage took, in nanoseconds.
    #[must_use]
    pub fn rounds(&self) -> &[Vec<f32>] {
        &self.rounds
    }

    /// Where it was measured.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What one reading of the recorder's clock costs, in nanoseconds.
    #[must_use]
    pub fn clock_read_ns(&self) -> f64 {
        self.clock.cost_ns()
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::measurement::SwitchKind;

    use super::*;

    fn measuring() -> Measuring {
        let host = Host {
            cpu: String::new(),
            cpus: 1,
            pinned_cpu: None,
            kernel: String::new(),
            clock: String::new(),
            hypervisor: None,
            processor: None,
        };
        Measuring {
            clock: Clock::start(),
            stopwatch: STOPWATCH_TSC,
            unit_ns: 0.5,
            host,
            passages: Vec::new(),
            rounds: Vec::new(),
        }
    }

    fn passages(kinds: &[SwitchKind], took: &[u64]) -> Passages {
        let mut passages = Passages::default();
        passages.kinds = kinds.iter().copied().map(Passage::Switch).collect();
        passages.took = took.to_vec();
        passages
    }

    #[test]
    fn what_not_every_replay_of_a_cut_recording_reached_is_left_out() {
        use SwitchKind::{Idle, Process};
        let mut measuring = measuring();
        for (kinds, took) in [
            (&[Process, Idle][..], &[10, 20][..]),
            (&[Process], &[12]),
            (&[Process, Idle], &[14, 24]),
        ] {
            measuring.keep(passages(kinds, took)).expect("the same");
        }
        assert_eq!(measuring.passages(), [Passage::Switch(Process)]);
        assert_eq!(measuring.rounds(), [[5.0], [6.0], [7.0]]);
    }

    #[test]
    fn replays_with_other_passages_are_no_measurement() {
        let mut measuring = measuring();
        measuring
            .keep(passages(&[SwitchKind::Process], &[1]))
            .expect("the first");
        let other = measuring.keep(passages(&[SwitchKind::Idle], &[1]));
        assert!(other.is_err());
    }
}
