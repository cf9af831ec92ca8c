//! What the instruments cost, measured on the machine itself just before a recording.
//!
//! The guest `calibrate` makes null system calls and leaves readings of the CPU's time stamp counter, taken just before
//! and just after each, in their unused arguments. Beside the kernel's own times of the same calls that gives the entry
//! cost, the exit cost and the whole. Run once more under the tracer, what the whole grew by and the tracer did not see
//! itself hold is the hidden cost of a stop. All medians, for a cloud machine is interrupted now and then.

use std::time::Duration;

use trapline_trace_format::event::{Event, EventKind, Nanos, Seen};
use trapline_trace_format::meta::Calibration;

use crate::clock::Clock;
use crate::error::TracerError;
use crate::machine::{Images, Job, Machine, MachineOptions, Scheduler, SchedulerOptions};
use crate::record::{Pinned, Sink, run_alone, run_traced};

/// Null system calls per run; the first tenth warms up.
const CALLS: usize = 1000;

/// Measures on the CPU that the recording will use. `traced`: the tracer's stops as well, from the calling thread.
///
/// # Errors
/// When the machine cannot be started or fails.
pub fn calibrate(
    images: &Images,
    clock: &Clock,
    cpu: usize,
    protect: bool,
    traced: bool,
) -> Result<Calibration, TracerError> {
    let alone = calls(images, clock, cpu, protect, false)?;
    let mut calibration = Calibration {
        clock_read_ns: clock.cost_ns(),
        entry_ns: median(alone.iter().map(|call| call.entered - call.before)),
        exit_ns: median(alone.iter().map(|call| call.after - call.left)),
        null_syscall_ns: median(alone.iter().map(|call| call.after - call.before)),
        hidden_stop_ns: 0.0,
        on_cpu_stop_ns: 0.0,
    };
    if traced {
        let traced = calls(images, clock, cpu, protect, true)?;
        let unseen = median(
            traced
                .iter()
                .map(|call| call.after - call.before - call.held),
        );
        const STOPS_PER_CALL: f64 = 2.0;
        calibration.hidden_stop_ns =
            ((unseen - calibration.null_syscall_ns) / STOPS_PER_CALL).max(0.0);
    }
    Ok(calibration)
}

/// The median length of a null system call as the program sees it, in nanoseconds.
pub(crate) fn null_syscall(
    images: &Images,
    clock: &Clock,
    cpu: usize,
    protect: bool,
    traced: bool,
) -> Result<f64, TracerError> {
    Ok(median(
        calls(images, clock, cpu, protect, traced)?
            .iter()
            .map(|call| call.after - call.before),
    ))
}

/// One null system call, all times on the trace's scale.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    /// The guest's last reading before it.
    before: Nanos,
    /// The kernel's first reading.
    entered: Nanos,
    /// The kernel's last reading.
    left: Nanos,
    /// The guest's first reading after it.
    after: Nanos,
    /// How long the tracer held the machine meanwhile.
    held: Nanos,
}

/// Keeps the events of a short run.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Vec<Event>);

impl Sink for Events {
    fn event(&mut self, event: &Event) -> Result<(), TracerError> {
        self.0.push(event.clone());
        Ok(())
    }
}

/// Runs the guest and finds its calls.
fn calls(
    images: &Images,
    clock: &Clock,
    cpu: usize,
    protect: bool,
    traced: bool,
) -> Result<Vec<Call>, TracerError> {
    let job = Job::new(vec!["calibrate".to_owned(), CALLS.to_string()]);
    let options = MachineOptions {
        scheduler: undisturbed(),
        protect,
        ..MachineOptions::new(vec![job], cpu)
    };
    let _pinned = Pinned::for_recorder(cpu, traced)?;
    let mut events = Events::default();
    let machine = Machine::start(&options, images, clock, traced)?;
    let ending = if traced {
        run_traced(machine, &options, clock, &mut events, |_| Ok(()))?
    } else {
        run_alone(machine, &options, &mut events, |_| Ok(()))?
    };
    let origin = ending.origin.unwrap_or(0);
    let calls = pair_up(&events.0, |tsc| {
        clock.at_tsc(tsc).wrapping_sub(origin) as Nanos
    });
    if calls.len() < CALLS / 2 {
        return Err(TracerError::Machine(format!(
            "it made {} of {CALLS} calls to be measured",
            calls.len()
        )));
    }
    Ok(calls)
}

/// A scheduler that interrupts nobody while something short is measured.
pub(crate) fn undisturbed() -> SchedulerOptions {
    let second = Duration::from_secs(1).as_nanos() as u64;
    SchedulerOptions {
        quantum_ns: second,
        tick_ns: second,
        ..SchedulerOptions::new(Scheduler::RoundRobin)
    }
}

/// Finds the calls: the readings of call n are in the arguments of calls n (before) and n + 1 (after).
fn pair_up(events: &[Event], reading: impl Fn(u64) -> Nanos) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut current: Option<Call> = None;
    let mut held_on_the_way_in = 0;
    for event in events {
        match &event.kind {
            EventKind::Trap(trap) if i64::from(trap.number) == libc::SYS_getpid => {
                if let Some(call) = current.take() {
                    calls.push(Call {
                        after: reading(trap.arguments[1]),
                        ..call
                    });
                }
                let before = reading(trap.arguments[0]);
                current = Some(Call {
                    before,
                    entered: event.time,
                    held: held_on_the_way_in,
                    ..Call::default()
                });
            }
            EventKind::Return { .. } => {
                if let Some(call) = &mut current {
                    call.left = event.time;
                }
            }
            // A trap is seen before it is logged, a return after.
            EventKind::Held {
                until,
                seen: Seen::Trap { .. },
                ..
            } => held_on_the_way_in = until - event.time,
            EventKind::Held { until, .. } => {
                if let Some(call) = &mut current {
                    call.held += until - event.time;
                }
            }
            _ => {}
        }
    }
    calls.drain(..calls.len() / 10);
    calls
}

/// The median, 0 of nothing and never below 0.
pub(crate) fn median(values: impl Iterator<Item = Nanos>) -> f64 {
    let mut values: Vec<Nanos> = values.collect();
    values.sort_unstable();
    values
        .get(values.len() / 2)
        .map_or(0.0, |value| (*value).max(0) as f64)
}
