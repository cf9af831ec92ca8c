//! From what the passages of a schedule took in many replays to a [`Measurement`]: by cause, by system call, by kind of
//! context switch.
//!
//! Key function: [`measurement`]. Neighbours: the tracer times the passages (`replay/measure.rs`), `estimate.rs` has the
//! statistics, `comparison/measured.rs` compares two measurements.
//!
//! Each passage comes once in every replay, so it has as many times as there were replays. Two things are made of them:
//!
//! - *across replays*, first: the median and the least of each passage's times. Scheduling noise, interrupts and the host's
//!   other guests hit a passage in some replays and not in others, and are gone. What the passages have left is a
//!   distribution.
//! - *across passages*, first: the mean of the middle half of each replay's. That is as little moved by a few interrupted
//!   passages as the median, and unlike it finer than the steps of the host's counter (10 ns on some). Those are repeated observations of one number, and give its
//!   estimate with an interval. They, and not the passages, are what a test may count: passages of one replay are no
//!   independent observations.

mod estimate;

use std::collections::BTreeMap;

use trapline_trace_format::event::{Abi, Cause};
use trapline_trace_format::measurement::{
    MEASUREMENT_VERSION, MeasuredTrace, Measurement, Metric, Passage, Quantiles, SwitchKind,
    schedule_crc32,
};
use trapline_trace_format::meta::{Host, Target};

pub(crate) use estimate::{median, ratio_of_medians};
use estimate::{median_with_interval, midmean, nearest_rank};

use crate::syscall_names::syscall_name;

/// What a measurement says besides its numbers.
#[derive(Clone, Debug)]
pub struct About {
    /// Version of trapline that measured.
    pub tool_version: String,
    /// When, as Unix time in seconds.
    pub made_unix_s: u64,
    /// Name of the trace.
    pub trace: String,
    /// What ran in it.
    pub target: Target,
    /// Where it was replayed.
    pub host: Host,
    /// What one reading of the clock cost, nanoseconds.
    pub clock_read_ns: f64,
}

/// What is measured together. In the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Cause(Cause),
    Call(i32),
    Switch(SwitchKind),
}

impl Group {
    fn metric(self) -> String {
        match self {
            Self::Cause(cause) => format!("visits.{}.kernel", cause.word()),
            Self::Call(number) => format!("syscalls.{}.kernel", syscall_name(Abi::X86_64, number)),
            Self::Switch(kind) => format!("switches.{}.cost", kind.word()),
        }
    }
}

/// What came of replays of one schedule. `rounds` has for each replay what each of the passages took, in nanoseconds, in
/// their order; rounds of another length are left out.
#[must_use]
pub fn measurement(about: About, passages: &[Passage], rounds: &[Vec<f32>]) -> Measurement {
    let rounds: Vec<&[f32]> = rounds
        .iter()
        .map(Vec::as_slice)
        .filter(|round| round.len() == passages.len())
        .collect();
    let metrics = groups(passages)
        .into_iter()
        .filter(|_| !rounds.is_empty())
        .map(|(group, places)| metric(group.metric(), &places, &rounds));
    Measurement {
        measurement_version: MEASUREMENT_VERSION,
        tool_version: about.tool_version,
        made_unix_s: about.made_unix_s,
        trace: MeasuredTrace {
            name: about.trace,
            target: about.target,
            passages: passages.len() as u64,
            schedule_crc32: schedule_crc32(passages),
        },
        host: about.host,
        clock_read_ns: about.clock_read_ns,
        replays: rounds.len() as u32,
        metrics: metrics.collect(),
    }
}

/// Which passages belong together.
fn groups(passages: &[Passage]) -> BTreeMap<Group, Vec<usize>> {
    let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    let mut add = |group, place| groups.entry(group).or_default().push(place);
    for (place, passage) in passages.iter().enumerate() {
        match *passage {
            Passage::Visit { cause, number } => {
                add(Group::Cause(cause), place);
                if cause == Cause::Syscall {
                    add(Group::Call(number), place);
                }
            }
            Passage::Switch(kind) => add(Group::Switch(kind), place),
        }
    }
    groups
}

fn metric(name: String, places: &[usize], rounds: &[&[f32]]) -> Metric {
    let of_round = |round: &&[f32]| -> Vec<f64> {
        places
            .iter()
            .map(|place| f64::from(round[*place]))
            .collect()
    };
    let replays_ns: Vec<f64> = rounds
        .iter()
        .map(|round| midmean(&mut of_round(round)))
        .collect();
    let times = |place: &usize| -> Vec<f64> {
        rounds
            .iter()
            .map(|round| f64::from(round[*place]))
            .collect()
    };
    let mut medians: Vec<f64> = places
        .iter()
        .map(|place| median(&mut times(place)))
        .collect();
    let least = |place| times(place).into_iter().fold(f64::INFINITY, f64::min);
    let mut leasts: Vec<f64> = places.iter().map(least).collect();
    Metric {
        name,
        count: places.len() as u64,
        median: median_with_interval(&replays_ns),
        replays_ns,
        least_ns: median(&mut leasts),
        passages: quantiles(&mut medians),
    }
}

fn quantiles(values: &mut [f64]) -> Quantiles {
    values.sort_unstable_by(f64::total_cmp);
    Quantiles {
        total_ns: values.iter().sum(),
        min_ns: nearest_rank(values, 0),
        p50_ns: nearest_rank(values, 50),
        p90_ns: nearest_rank(values, 90),
        p99_ns: nearest_rank(values, 99),
        max_ns: nearest_rank(values, 100),
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::meta::Outcome;

    use super::*;

    fn about() -> About {
        let meta = crate::testing::meta(Outcome::Completed { status: 0 });
        About {
            tool_version: "0".to_owned(),
            made_unix_s: 0,
            trace: "run.trap".to_owned(),
            target: meta.target,
            host: meta.host,
            clock_read_ns: 10.0,
        }
    }

    fn call(number: i32) -> Passage {
        Passage::Visit {
            cause: Cause::Syscall,
            number,
        }
    }

    const TICK: Passage = Passage::Visit {
        cause: Cause::Timer,
        number: 14,
    };
    const SWITCH: Passage = Passage::Switch(SwitchKind::Thread);

    fn of<'a>(measurement: &'a Measurement, name: &str) -> &'a Metric {
        let mut metrics = measurement.metrics.iter();
        metrics.find(|metric| metric.name == name).expect(name)
    }

    #[test]
    fn passages_are_measured_by_cause_call_and_kind_of_switch() {
        let passages = [call(39), TICK, call(24), call(39), SWITCH];
        let round = vec![1.0, 2.0, 3.0, 5.0, 7.0];
        let made = measurement(about(), &passages, &[round]);
        let names: Vec<_> = made.metrics.iter().map(|m| (&*m.name, m.count)).collect();
        let expected = [
            ("visits.syscall.kernel", 3),
            ("visits.timer.kernel", 1),
            ("syscalls.sched_yield.kernel", 1),
            ("syscalls.getpid.kernel", 2),
            ("switches.thread.cost", 1),
        ];
        assert_eq!(names, expected);
        assert_eq!(of(&made, "visits.syscall.kernel").median.point, 3.0);
        assert_eq!(of(&made, "syscalls.getpid.kernel").median.point, 3.0);
        assert_eq!(made.trace.passages, 5);
    }

    #[test]
    fn noise_that_hits_another_passage_in_each_replay_is_gone() {
        let passages = vec![call(39); 5];
        // The passages cost 10, 20, 30, 40, 50; in each replay another two of them are interrupted.
        let rounds: Vec<Vec<f32>> = (0..5)
            .map(|round| {
                let cost = |place: usize| {
                    let interrupted = place == round || place == (round + 1) % 5;
                    10.0 * (place + 1) as f32 + if interrupted { 9000.0 } else { 0.0 }
                };
                (0..5).map(cost).collect()
            })
            .collect();
        let made = measurement(about(), &passages, &rounds);
        let passages = of(&made, "syscalls.getpid.kernel").passages;
        assert_eq!(
            (passages.min_ns, passages.p50_ns, passages.max_ns),
            (10.0, 30.0, 50.0)
        );
        assert_eq!(passages.total_ns, 150.0);
        assert_eq!(of(&made, "syscalls.getpid.kernel").least_ns, 30.0);
        // One replay alone shows the noise.
        let one = measurement(about(), &[call(39); 5], &rounds[..1]);
        assert!(of(&one, "syscalls.getpid.kernel").passages.max_ns > 9000.0);
    }

    #[test]
    fn replays_are_the_observations_and_give_the_interval() {
        let passages = [TICK; 4];
        let rounds: Vec<Vec<f32>> = (1..=10)
            .map(|round| round as f32)
            .map(|round| vec![round, 900.0, 50.0 + round, 50.0 + round])
            .collect();
        let made = measurement(about(), &passages, &rounds);
        let timer = of(&made, "visits.timer.kernel");
        let expected: Vec<f64> = (1..=10).map(|round| 50.0 + f64::from(round)).collect();
        assert_eq!(timer.replays_ns, expected);
        assert_eq!(timer.median.point, 55.5);
        assert_eq!(timer.median.interval, Some([52.0, 59.0]));
    }

    #[test]
    fn without_replays_there_is_nothing_to_say() {
        let made = measurement(about(), &[TICK], &[vec![1.0, 2.0]]);
        assert_eq!((made.replays, made.metrics.len()), (0, 0));
    }
}
