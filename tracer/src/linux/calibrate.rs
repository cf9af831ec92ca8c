//! What a stop costs that the tracer does not see, measured just before a recording and where it will have its stops.
//!
//! A child of ours makes null system calls and reads the clock before and after each: once without a tracer, once traced by
//! the engine itself. What a call grew by and the tracer did not hold it for is the hidden cost of its two stops: entering
//! the stop, waking the tracer, waking the program. All medians, for a cloud machine is interrupted now and then.

use trapline_trace_format::event::{Event, EventKind, Nanos, Seen};
use trapline_trace_format::meta::{Calibration, Detail};

use super::calls::Reading;
use super::engine::{Engine, Mood, Rules, Traced};
use super::output::{Log, Output};
use super::placement::Placement;
use super::selection::Selection;
use super::timeline::Timeline;
use super::tree::{Tree, Watch};
use crate::calibrate::median;
use crate::clock::Clock;
use crate::error::TracerError;
use crate::host_events::{Accounts, HostEvents};
use crate::ptrace::program::interrupts::Interrupts;
use crate::ptrace::program::probe::{CALLS, PROBE_CALL, Probe};
use crate::ptrace::program::task::Until;

/// Measures.
pub(super) fn calibrate(
    clock: &Clock,
    interrupts: &Interrupts,
    placement: Placement,
) -> Result<Calibration, TracerError> {
    let alone = Probe::run_alone(interrupts)?;
    let null_syscall_ns = typical(&alone);
    let (probe, launch) = Probe::stopped(interrupts)?;
    let mut log = Kept::default();
    let rules = Rules {
        selection: Selection::new(None),
        reading: Reading { data_bytes: 0 },
        detail: Detail::Events,
        bytes: None,
        time: None,
    };
    let (host, ..) = HostEvents::open(
        &[],
        clock,
        crate::host_events::Wanted {
            descendants: false,
            page_faults: false,
        },
    );
    let mut timeline = Timeline::new(*clock);
    timeline.begin();
    let mut engine = Engine {
        rules: &rules,
        traced: Traced::Probe,
        watch: Watch::Every,
        mood: Mood::Tracing,
        timeline,
        output: Output::new(&mut log),
        tree: Tree::default(),
        early: Default::default(),
        host,
        accounts: Accounts::default(),
        tallies: Default::default(),
        placement,
        wishes: Default::default(),
        counts: Default::default(),
        cut: None,
        notes: Vec::new(),
        ticks: 0,
    };
    let root = launch.pid();
    engine
        .tree
        .add_process(root.as_raw() as u32, String::new(), 0, 0);
    engine.placement.start_together(root);
    launch.go(Until::Call)?;
    engine.run(interrupts)?;
    drop(engine);
    let traced = probe.lengths();
    let unseen = traced
        .iter()
        .zip(&log.held)
        .map(|(length, held)| length - held);
    const STOPS_PER_CALL: f64 = 2.0;
    let hidden = (median(warm(unseen)) - null_syscall_ns) / STOPS_PER_CALL;
    Ok(Calibration {
        clock_read_ns: clock.cost_ns(),
        // A program of Linux's own kernel shows neither its first nor its last instruction in the kernel.
        entry_ns: 0.0,
        exit_ns: 0.0,
        hidden_stop_ns: hidden.max(0.0),
        null_syscall_ns,
    })
}

fn typical(lengths: &[Nanos]) -> f64 {
    median(warm(lengths.iter().copied()))
}

/// Without the first tenth, which warms up.
fn warm(lengths: impl Iterator<Item = Nanos>) -> impl Iterator<Item = Nanos> {
    lengths.skip(CALLS / 10)
}

/// Keeps how long the tracer held the probe at each of its null calls.
#[derive(Default)]
struct Kept {
    held: Vec<Nanos>,
    in_probe_call: bool,
}

impl Log for Kept {
    fn event(&mut self, event: &Event) -> Result<(), TracerError> {
        match &event.kind {
            EventKind::Held { until, seen, .. } => {
                let held = until - event.time;
                match seen {
                    Seen::Trap { number, .. } if *number == PROBE_CALL => {
                        self.in_probe_call = true;
                        self.held.push(held);
                    }
                    Seen::Return if self.in_probe_call => {
                        self.in_probe_call = false;
                        if let Some(sum) = self.held.last_mut() {
                            *sum += held;
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<u64, TracerError> {
        Ok(0)
    }
}
