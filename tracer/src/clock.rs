//! The clock of a recording: nanoseconds since the recorder chose its base. Kernel and tracer read the same one, so their
//! times can be laid on one line.
//!
//! The time stamp counter is read where the host itself trusts it (its clock source is `tsc`): 20 ns, without a system
//! call. Elsewhere CLOCK_MONOTONIC serves both.
#![allow(unsafe_code)] // Reads the time stamp counter, which is an unsafe intrinsic.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// How long the counter is watched to learn its rate. The error of two readings, about 50 ns, becomes 2 in a million.
const WATCH: Duration = Duration::from_millis(25);

/// A clock that was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: Source,
    /// Reading of the source at time 0.
    base: u64,
    /// Nanoseconds per tick of the TSC, 32.32 fixed point.
    multiplier: u64,
    /// Reading of the TSC at time 0, whatever the source.
    tsc_base: u64,
}

/// Where a clock's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The CPU's time stamp counter.
    Tsc,
    /// The host's CLOCK_MONOTONIC.
    Monotonic,
}

impl Source {
    /// The word of it in meta.json.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tsc => "tsc",
            Self::Monotonic => "monotonic",
        }
    }
}

impl Clock {
    /// Chooses a source, learns the counter's rate (25 ms), and starts at 0.
    #[must_use]
    pub fn start() -> Self {
        let before = paired_reading();
        std::thread::sleep(WATCH);
        let after = paired_reading();
        let ticks = (after.tsc - before.tsc).max(1);
        let multiplier = (u128::from(after.monotonic - before.monotonic) << 32) / u128::from(ticks);
        let source = if host_trusts_tsc() {
            Source::Tsc
        } else {
            Source::Monotonic
        };
        let base = if source == Source::Tsc {
            after.tsc
        } else {
            after.monotonic
        };
        Self {
            source,
            base,
            multiplier: multiplier as u64,
            tsc_base: after.tsc,
        }
    }

    /// The host's CLOCK_MONOTONIC, started at 0 without learning anything of the counter: the clock of what the host itself
    /// stamps with times.
    #[must_use]
    pub fn monotonic() -> Self {
        Self {
            source: Source::Monotonic,
            base: monotonic_ns(),
            multiplier: 0,
            tsc_base: 0,
        }
    }

    /// The same clock, read by a system call: for a machine in which the counter's instructions trap.
    #[must_use]
    pub fn without_tsc(self) -> Self {
        Self {
            source: Source::Monotonic,
            base: monotonic_ns() - self.now(),
            ..self
        }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        match self.source {
            Source::Tsc => self.at_tsc(read_tsc()),
            Source::Monotonic => monotonic_ns() - self.base,
        }
    }

    /// The time at which the counter had this reading.
    #[must_use]
    pub fn at_tsc(&self, reading: u64) -> u64 {
        let ticks = reading.wrapping_sub(self.tsc_base);
        ((u128::from(ticks) * u128::from(self.multiplier)) >> 32) as u64
    }

    /// Nanoseconds per tick of the TSC.
    #[must_use]
    pub fn tick_ns(&self) -> f64 {
        self.multiplier as f64 / (1_u64 << 32) as f64
    }

    /// Where the time comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Reading of the source at time 0, and nanoseconds per TSC tick as 32.32 fixed point.
    #[must_use]
    pub fn parameters(&self) -> (u64, u64) {
        (self.base, self.multiplier)
    }

    /// CLOCK_MONOTONIC at time 0, in nanoseconds: for times that the host stamps with that clock.
    #[must_use]
    pub fn monotonic_base(&self) -> i64 {
        match self.source {
            Source::Tsc => monotonic_ns() as i64 - self.now() as i64,
            Source::Monotonic => self.base as i64,
        }
    }

    /// What one reading costs, in nanoseconds: the mean of a thousand in a row, the best of five tries.
    #[must_use]
    pub fn cost_ns(&self) -> f64 {
        const READINGS: u32 = 1000;
        let once = || {
            let start = Instant::now();
            for _ in 0..READINGS {
                std::hint::black_box(self.now());
            }
            start.elapsed().as_nanos() as f64 / f64::from(READINGS)
        };
        (0..5).map(|_| once()).fold(f64::INFINITY, f64::min)
    }
}

struct Reading {
    tsc: u64,
    monotonic: u64,
}

/// Both clocks at one moment: of several tries the one with the least time between the two counter readings.
fn paired_reading() -> Reading {
    let mut best = (
        u64::MAX,
        Reading {
            tsc: 0,
            monotonic: 0,
        },
    );
    for _ in 0..20 {
        let before = read_tsc();
        let monotonic = monotonic_ns();
        let after = read_tsc();
        let width = after.wrapping_sub(before);
        if width < best.0 {
            best = (
                width,
                Reading {
                    tsc: before + width / 2,
                    monotonic,
                },
            );
        }
    }
    best.1
}

fn read_tsc() -> u64 {
    // SAFETY: reads a counter.
    unsafe { std::arch::x86_64::_rdtsc() }
}

fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or(Duration::ZERO.into());
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// The host has checked that the counter runs evenly and alike on all CPUs, or it would use another clock source.
fn host_trusts_tsc() -> bool {
    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(CURRENT).is_ok_and(|source| source.trim() == "tsc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_keeps_the_pace_of_the_hosts_monotonic_clock() {
        let clock = Clock::start();
        let (ours, theirs) = (clock.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(40));
        let (ours, theirs) = (clock.now() - ours, theirs.elapsed().as_nanos() as u64);
        assert!(
            ours.abs_diff(theirs) < theirs / 1000 + 20_000,
            "{ours} ns against {theirs} ns"
        );
    }

    #[test]
    fn time_never_runs_backwards() {
        let clock = Clock::start();
        let times: Vec<u64> = (0..10_000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
    }
}
