//! What a stop costs that the tracer does not see, measured just before a recording and where it will have its stops.
//!
//! A child of ours makes null system calls and reads the clock before and after each: once without a tracer, once traced by
//! the engine itself. What a call grew by and the tracer did not hold it for is the hidden cost of its two stops: entering
//! the stop, waking the tracer, waking the program. Where the host tells of context switches, most of that is seen as time
//! off the CPU; what the call grew by on the CPU is the rest. All medians, for a cloud machine is interrupted now and then.

use trapline_trace_format::event::{Event, EventKind, Nanos, Seen};
use trapline_trace_format::meta::{Calibration, Detail};

use super::calls::Reading;
use super::engine::{Engine, Mood, Rules, Traced};
use super::options::HostWishes;
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
    wishes: HostWishes,
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
    // With what the recording will have, as it is in the way of each stop.
    let root = launch.pid();
    let threads = match wishes {
        HostWishes::Nothing => Vec::new(),
        HostWishes::Switches | HostWishes::SwitchesAndPageFaults => vec![root.as_raw() as u32],
    };
    let (host, ..) = HostEvents::open(
        &threads,
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
    let per_stop = |lengths: &mut dyn Iterator<Item = Nanos>| {
        let grown_ns = median(warm(lengths)) - null_syscall_ns;
        (grown_ns / STOPS_PER_CALL).max(0.0)
    };
    let hidden_stop_ns = per_stop(&mut { unseen });
    let away = log.away();
    let on_cpu = traced
        .iter()
        .zip(&away)
        .filter_map(|(length, away)| Some(length - (*away)?));
    // Every call has its switches, or the host does not tell of them.
    let on_cpu_stop_ns = match away.iter().flatten().count() * 2 > CALLS {
        true => per_stop(&mut { on_cpu }).min(hidden_stop_ns),
        false => 0.0,
    };
    Ok(Calibration {
        clock_read_ns: clock.cost_ns(),
        // A program of Linux's own kernel shows neither its first nor its last instruction in the kernel.
        entry_ns: 0.0,
        exit_ns: 0.0,
        hidden_stop_ns,
        on_cpu_stop_ns,
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

/// Keeps how long the tracer held the probe at each of its null calls, and when the probe was off its CPU.
#[derive(Default)]
struct Kept {
    held: Vec<Nanos>,
    /// When the two holds of each call began and ended.
    holds: Vec<[(Nanos, Nanos); 2]>,
    in_probe_call: bool,
    /// When it lost its CPU and had one again, in the order of time.
    off: Vec<(Nanos, Nanos)>,
    lost_cpu: Option<Nanos>,
}

impl Kept {
    /// How long the probe was off its CPU because of the two stops of each call, if the host told of both.
    fn away(&self) -> Vec<Option<Nanos>> {
        let stretch = |(begin, end): (Nanos, Nanos)| {
            let place = self.off.partition_point(|(_, back)| *back <= begin);
            let (out, back) = *self.off.get(place)?;
            (out < end).then_some(back - out)
        };
        let call = |[one, other]: &[(Nanos, Nanos); 2]| Some(stretch(*one)? + stretch(*other)?);
        self.holds.iter().map(call).collect()
    }
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
                        self.holds.push([(event.time, *until); 2]);
                    }
                    Seen::Return if self.in_probe_call => {
                        self.in_probe_call = false;
                        if let Some(sum) = self.held.last_mut() {
                            *sum += held;
                        }
                        if let Some([_, other]) = self.holds.last_mut() {
                            *other = (event.time, *until);
                        }
                    }
                    _ => {}
                }
            }
            EventKind::SwitchedOut { .. } => self.lost_cpu = Some(event.time),
            EventKind::SwitchedIn { .. } => {
                let out = self.lost_cpu.take();
                self.off.extend(out.map(|out| (out, event.time)));
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<u64, TracerError> {
        Ok(0)
    }
}
