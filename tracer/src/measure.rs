//! What the doors cost on this host: a null system call and a yield, protected and open, traced and not.
//!
//! Each configuration is measured several times, in turn with the others, so that a change of the machine's speed hits all
//! of them; a figure is the median over the rounds of each round's median.

use std::time::Instant;

use serde::Serialize;
use trapline_trace_format::event::{Event, EventKind, Nanos};

use crate::calibrate::{self, Events, median};
use crate::clock::Clock;
use crate::error::TracerError;
use crate::machine::{Images, Job, Machine, MachineOptions};
use crate::record::{Pinned, run_alone, run_traced};

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub operation: Operation,
    /// Whether kernel memory was closed in user mode. None for the host's own kernel.
    pub protect: Option<bool>,
    /// Whether every trap and return was a ptrace stop.
    pub traced: bool,
    /// Median over the rounds, nanoseconds.
    pub median_ns: f64,
    /// Fastest round, nanoseconds.
    pub low_ns: f64,
    /// Slowest round, nanoseconds.
    pub high_ns: f64,
    /// Number of rounds.
    pub rounds: usize,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A null system call of the host's own kernel: what the hardware and a real kernel need.
    HostNullSyscall,
    /// A null system call, from the program's last instruction before it to its first after it.
    NullSyscall,
    /// `sched_yield` to another process: from one process getting the CPU to the next getting it.
    Yield,
}

/// Yields of each of the two processes.
const YIELDS: usize = 500;
const HOST_CALLS: u32 = 200_000;

/// Measures everything `rounds` times on `cpu`. `progress` hears how many of how many steps are done.
///
/// # Errors
/// When the machine cannot be started or fails.
pub fn measure(
    images: &Images,
    cpu: usize,
    rounds: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Measurement>, TracerError> {
    let clock = Clock::start();
    let mut configurations = vec![(Operation::HostNullSyscall, None, false)];
    for operation in [Operation::NullSyscall, Operation::Yield] {
        for traced in [false, true] {
            configurations.extend([false, true].map(|protect| (operation, Some(protect), traced)));
        }
    }
    let mut results = vec![Vec::new(); configurations.len()];
    let steps = rounds * configurations.len();
    for round in 0..rounds {
        for (index, (operation, protect, traced)) in configurations.iter().enumerate() {
            progress(round * configurations.len() + index, steps);
            let protect = protect.unwrap_or(false);
            results[index].push(match operation {
                Operation::HostNullSyscall => host_null_syscall(cpu)?,
                Operation::NullSyscall => {
                    calibrate::null_syscall(images, &clock, cpu, protect, *traced)?
                }
                Operation::Yield => one_yield(images, &clock, cpu, protect, *traced)?,
            });
        }
    }
    let figure = |((operation, protect, traced), mut rounds): (_, Vec<f64>)| {
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or(0.0);
        let (middle, last) = (rounds.len() / 2, rounds.len().saturating_sub(1));
        let (median_ns, low_ns, high_ns) = (at(middle), at(0), at(last));
        Measurement {
            operation,
            protect,
            traced,
            median_ns,
            low_ns,
            high_ns,
            rounds: rounds.len(),
        }
    };
    Ok(configurations
        .into_iter()
        .zip(results)
        .map(figure)
        .collect())
}

fn host_null_syscall(cpu: usize) -> Result<f64, TracerError> {
    let _pinned = Pinned::to(cpu)?;
    let start = Instant::now();
    for _ in 0..HOST_CALLS {
        std::hint::black_box(nix::unistd::getppid());
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(HOST_CALLS))
}

fn one_yield(
    images: &Images,
    clock: &Clock,
    cpu: usize,
    protect: bool,
    traced: bool,
) -> Result<f64, TracerError> {
    let job = Job::new(vec!["yielder".to_owned(), YIELDS.to_string()]);
    let options = MachineOptions {
        scheduler: calibrate::undisturbed(),
        protect,
        ..MachineOptions::new(vec![job.clone(), job], cpu)
    };
    let _pinned = Pinned::for_recorder(cpu, traced)?;
    let mut events = Events::default();
    let machine = Machine::start(&options, images, clock, traced)?;
    if traced {
        run_traced(machine, &options, clock, &mut events, |_| Ok(()))?;
    } else {
        run_alone(machine, &options, &mut events, |_| Ok(()))?;
    }
    let arrivals: Vec<Nanos> = events
        .0
        .iter()
        .filter(|event| event.kind == EventKind::SwitchEnd)
        .map(time)
        .collect();
    if arrivals.len() < YIELDS {
        return Err(TracerError::Machine(format!(
            "it switched {} of {} times",
            arrivals.len(),
            2 * YIELDS
        )));
    }
    Ok(median(arrivals.windows(2).map(|pair| pair[1] - pair[0])))
}

fn time(event: &Event) -> Nanos {
    event.time
}
