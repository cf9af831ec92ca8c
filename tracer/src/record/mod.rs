//! Recording: from stops and the kernel's log to a finished trace folder.
//!
//! `traced` and `alone` drive the machine, `observe` reads its log, `convert` (with `numbers`) turns records into events,
//! `state_parts` and `standstill` join what takes several records, `stop` ends it early, `target` notes what ran. A live ptrace stop never leaves `traced`.

mod alone;
mod convert;
mod numbers;
mod observe;
mod pin;
mod standstill;
mod state_parts;
mod stop;
mod target;
mod traced;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trapline_trace_format::event::{Event, EventKind, Nanos};
use trapline_trace_format::folder::TraceWriter;
use trapline_trace_format::meta::{FORMAT_VERSION, Meta, Outcome, ReplayData, Witnesses};

pub(crate) use alone::run as run_alone;
pub(crate) use convert::Search;
pub(crate) use observe::{Ending, Observer, Sink};
pub(crate) use pin::Pinned;
pub(crate) use standstill::Standstill;
pub use stop::Stop;
pub(crate) use traced::run as run_traced;

use crate::calibrate::calibrate;
use crate::clock::Clock;
use crate::error::TracerError;
use crate::host;
use crate::machine::{Images, MachineOptions, Prepared, Ready};
use crate::witness;

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The machine.
    pub machine: MachineOptions,
    /// Whether the tracer is a witness, too (`--tracer ptrace`), or the kernel's log is all there is (`none`).
    pub traced: bool,
    /// Whether the trace gets what a replay needs.
    pub replay_data: ReplayData,
    /// End the machine after this long.
    pub limit: Option<Duration>,
    /// The trace folder to make.
    pub output: PathBuf,
    /// The command line, for meta.json.
    pub command: Vec<String>,
    /// Version of the tool, for meta.json.
    pub tool_version: String,
}

/// Hears of a recording while it is made.
pub trait Listener {
    /// The machine printed this.
    fn console(&mut self, bytes: &[u8]);
    /// So many events were recorded so far. Called about ten times a second.
    fn progress(&mut self, events: u64);
    /// Something that the user should know, in one line. Called before the machine starts.
    fn note(&mut self, note: &str);
}

/// A finished recording.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The trace folder.
    pub path: PathBuf,
    /// Its meta.json.
    pub meta: Meta,
}

/// Calibrates, boots the machine, records it to its end, and checks the witnesses against each other.
///
/// # Errors
/// Nothing is left of the machine in any case. The trace folder stays when the machine ran: the trace is then readable up
/// to its end, and when the witnesses disagree it holds what each of them said.
pub fn record(
    options: &RecordOptions,
    images: &Images,
    stop: &Stop,
    listener: &mut dyn Listener,
) -> Result<Recorded, TracerError> {
    let prepared = Prepared::new(&options.machine, images)?;
    prepared.notes.iter().for_each(|note| listener.note(note));
    let clock = Clock::start();
    let cpu = options.machine.cpu;
    let calibration = calibrate(images, &clock, cpu, options.machine.protect, options.traced)?;
    let clock = if options.machine.trap_tsc {
        clock.without_tsc()
    } else {
        clock
    };
    let mut meta = Meta {
        format_version: FORMAT_VERSION,
        tool_version: options.tool_version.clone(),
        command: options.command.clone(),
        started_unix_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        target: target::mini(options),
        host: host::facts(&clock, Some(cpu))?,
        calibration,
        outcome: Outcome::Recording,
        wall_ns: 0,
        boot_ns: 0,
        events: 0,
        lost: Vec::new(),
        witnesses: Witnesses::NotCompared,
        tables: std::collections::BTreeMap::new(),
        replay: std::collections::BTreeMap::new(),
        replay_data: options.replay_data,
    };
    let writer = TraceWriter::create(&options.output, &meta)?;
    let mut folder = UnfinishedFolder {
        path: &options.output,
        keep: false,
    };
    let mut ready = prepared.ready(&clock, options.traced)?;
    match options.replay_data {
        ReplayData::Kept => {
            let parts = ready.parts();
            let parts: Vec<_> = parts
                .iter()
                .map(|(part, bytes)| (*part, &**bytes))
                .collect();
            writer.keep_for_replay(&parts, &mut meta)?;
        }
        ReplayData::LeftOut => ready.parameters.noted = 0,
    }
    let mut sink = Recorder {
        writer,
        events: 0,
        last_time: 0,
        witnesses: witness::Comparison::default(),
        listener,
    };

    let boot_start = clock.now();
    let ran = run(options, ready, &clock, stop, &mut sink);
    folder.keep = sink.events > 0;
    let Recorder {
        writer,
        witnesses,
        events,
        last_time,
        ..
    } = sink;
    let ending = match ran {
        Ok(ending) => ending,
        Err(error) => {
            if events > 0 {
                meta.wall_ns = last_time;
                meta.outcome = Outcome::Failed {
                    reason: error.to_string(),
                };
                // If the trace itself cannot be written, that is the error that there is already.
                let _ = writer.finish(meta);
            }
            return Err(error);
        }
    };
    meta.wall_ns = ending.wall_ns;
    meta.boot_ns = ending
        .origin
        .map_or(0, |origin| (origin - boot_start) as i64);
    meta.outcome = outcome(&ending, stop);
    if options.traced {
        meta.witnesses = witnesses.finish(ending.halted);
    }
    writer.finish(meta.clone())?;
    folder.keep = true;
    match (&meta.outcome, &meta.witnesses) {
        (Outcome::Failed { reason }, _) => Err(TracerError::Machine(reason.clone())),
        (_, Witnesses::Differ { detail }) => Err(TracerError::Witnesses(detail.clone())),
        _ => Ok(Recorded {
            path: options.output.clone(),
            meta,
        }),
    }
}

fn run(
    options: &RecordOptions,
    ready: Ready,
    clock: &Clock,
    stop: &Stop,
    sink: &mut Recorder,
) -> Result<Ending, TracerError> {
    let _pinned = Pinned::for_recorder(options.machine.cpu, options.traced)?;
    let machine = ready.start()?;
    let _armed = stop.arm(machine.root.killer()?, options.limit);
    if options.traced {
        run_traced(
            machine,
            &options.machine,
            clock,
            sink,
            Recorder::housekeeping,
        )
    } else {
        run_alone(machine, &options.machine, sink, Recorder::housekeeping)
    }
}

fn outcome(ending: &Ending, stop: &Stop) -> Outcome {
    if ending.halted {
        Outcome::Completed {
            status: ending.status,
        }
    } else if let Some(by) = stop.reason() {
        Outcome::Interrupted { by }
    } else {
        Outcome::Failed {
            reason: "its host process was ended from outside".to_owned(),
        }
    }
}

/// Removes a folder in which no event ever arrived.
struct UnfinishedFolder<'a> {
    path: &'a std::path::Path,
    keep: bool,
}

impl Drop for UnfinishedFolder<'_> {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(self.path);
        }
    }
}

/// Writes events down, compares the witnesses as they speak, and tells the listener.
struct Recorder<'a> {
    writer: TraceWriter,
    events: u64,
    /// When the last of them was, as far as it is known by then.
    last_time: Nanos,
    witnesses: witness::Comparison,
    listener: &'a mut dyn Listener,
}

impl Recorder<'_> {
    /// Sends what was recorded on its way to the disk, so that a killed recorder loses little.
    fn housekeeping(&mut self) -> Result<(), TracerError> {
        self.writer.log().flush()?;
        self.listener.progress(self.events);
        Ok(())
    }
}

impl Sink for Recorder<'_> {
    fn event(&mut self, event: &Event) -> Result<(), TracerError> {
        self.events += 1;
        self.last_time = self.last_time.max(event.time);
        self.writer.log().append(event)?;
        self.witnesses.take(event);
        if let EventKind::Console { bytes } = &event.kind {
            self.listener.console(bytes);
        }
        Ok(())
    }
}
