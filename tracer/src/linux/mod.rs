//! Programs on the host's own Linux: from ptrace stops to a finished trace folder.
//!
//! [`record`] starts a program or attaches to processes, lets the engine trace them to their end, and finishes the folder.
//!
//! | module | what |
//! |---|---|
//! | [`options`], `start`, `attach` | whom to trace, and how it begins |
//! | `engine` | the loop: a stop, what it means, letting go |
//! | `calls`, `pointed`, `descriptors`, `selection`, `filter`, `tally` | system calls |
//! | `family`, `tree` | new tasks, programs, ends |
//! | `signals`, `wishes` | signals of the program; what is wanted of the tracer |
//! | `placement` | which CPU |
//! | `calibrate`, `timeline`, `output` | what a stop costs, the time, where events go |
//!
//! Neighbours: `ptrace/program` is the fence, `host_events` what the kernel tells besides, the crate `calls` knows what
//! Linux's calls are.

mod attach;
mod calibrate;
mod calls;
mod descriptors;
mod engine;
mod family;
mod filter;
pub mod options;
mod output;
mod placement;
mod pointed;
mod selection;
mod session;
mod signals;
mod start;
mod tally;
mod timeline;
mod tree;
mod wishes;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use trapline_trace_format::event::Event;
use trapline_trace_format::folder::TraceWriter;
use trapline_trace_format::meta::{
    Availability, Calibration, Detail, FORMAT_VERSION, Loss, Meta, Outcome, ReplayData, Target,
    Witnesses,
};

pub use engine::Counts;
pub use options::{Chosen, Follow, HostWishes, Limits, LinuxOptions, Subject};

use crate::clock::Clock;
use crate::error::TracerError;
use crate::host;
use output::Log;
use session::Session;

/// A finished recording.
#[derive(Clone, Debug)]
pub struct LinuxRecorded {
    /// The trace folder.
    pub path: PathBuf,
    /// Its meta.json.
    pub meta: Meta,
    /// What was seen.
    pub counts: Counts,
    /// What the user should know, a line each.
    pub notes: Vec<String>,
    /// The status to pass on: the program's own, or 128 and the signal that ended it.
    pub status: u8,
}

/// Records until the last traced process has ended, or the attached ones are to be let go. Signals that ask this process to
/// end are handled meanwhile, see [`options`].
///
/// # Errors
/// When the program cannot be started or attached to (nothing is left then), or the trace cannot be written. In the latter
/// case the program has run to its end all the same.
pub fn record(options: &LinuxOptions) -> Result<LinuxRecorded, TracerError> {
    let clock = Clock::monotonic();
    let mut session = Session::new(options, clock)?;
    let calibration = session.calibrate(&clock)?;
    let mut meta = first_meta(options, &clock, calibration)?;
    session.begin()?;
    let (switches, page_faults) = session.open_host_events(&clock);
    let Target::Linux {
        switches: of_switches,
        page_faults: of_faults,
        ..
    } = &mut meta.target
    else {
        unreachable!("it was made above");
    };
    (*of_switches, *of_faults) = (switches, page_faults);

    let mut folder = Folder {
        writer: Some(TraceWriter::create(&options.output, &meta)?),
        keep: false,
    };
    let ran = folder.log().and_then(|mut log| session.run(&mut log));
    folder.keep = !matches!(ran, Err(TracerError::Program { .. }));
    let ending = ran?;
    meta.wall_ns = ending.wall_ns;
    meta.outcome = match ending.ended_by {
        Some(by) => Outcome::Interrupted { by: by.to_owned() },
        None => Outcome::Completed {
            status: ending.status,
        },
    };
    meta.lost.clone_from(&ending.lost);
    if let Some(writer) = folder.writer.take() {
        meta.events = writer.finish(meta.clone())?.events;
    }
    Ok(LinuxRecorded {
        path: options.output.clone(),
        meta,
        counts: ending.counts,
        status: ending.status,
        notes: ending.notes,
    })
}

/// What the instruments cost here, from tracing a process of our own: what each recording does first.
///
/// # Errors
/// When ptrace is refused.
pub fn try_out() -> Result<Calibration, TracerError> {
    let options = LinuxOptions {
        subject: Subject::Program(Vec::new()),
        follow: Follow::All,
        calls: None,
        string_bytes: 0,
        detail: Detail::Events,
        host: HostWishes::Switches,
        limits: Limits::default(),
        output: PathBuf::new(),
        command: Vec::new(),
        tool_version: String::new(),
    };
    let clock = Clock::monotonic();
    Session::new(&options, clock)?.calibrate(&clock)
}

fn first_meta(
    options: &LinuxOptions,
    clock: &Clock,
    calibration: Calibration,
) -> Result<Meta, TracerError> {
    let (command, attached) = match &options.subject {
        Subject::Program(command) => (command.as_slice(), Vec::new()),
        Subject::Processes(pids) => (&[][..], pids.clone()),
    };
    let lossy = |word: &std::ffi::OsString| word.to_string_lossy().into_owned();
    Ok(Meta {
        format_version: FORMAT_VERSION,
        tool_version: options.tool_version.clone(),
        command: options.command.clone(),
        started_unix_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        target: Target::Linux {
            command: command.iter().map(lossy).collect(),
            attached,
            filter: options.calls.as_ref().map(|calls| calls.text.clone()),
            follow: options.follow == Follow::All,
            detail: options.detail,
            switches: Availability::NotAsked,
            page_faults: Availability::NotAsked,
        },
        host: host::facts(clock, None)?,
        calibration,
        outcome: Outcome::Recording,
        wall_ns: 0,
        boot_ns: 0,
        events: 0,
        lost: Vec::new(),
        witnesses: Witnesses::NotCompared,
        tables: std::collections::BTreeMap::new(),
        replay: std::collections::BTreeMap::new(),
        replay_data: ReplayData::LeftOut,
    })
}

/// The folder, removed if the program never ran.
struct Folder {
    writer: Option<TraceWriter>,
    keep: bool,
}

impl Folder {
    fn log(&mut self) -> Result<WrittenLog<'_>, TracerError> {
        let writer = self.writer.as_mut();
        writer
            .map(WrittenLog)
            .ok_or_else(|| TracerError::Options("the trace is finished".to_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take()
            && !self.keep
        {
            let path = writer.path().to_owned();
            drop(writer);
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// The log of a trace folder.
struct WrittenLog<'a>(&'a mut TraceWriter);

impl Log for WrittenLog<'_> {
    fn event(&mut self, event: &Event) -> Result<(), TracerError> {
        Ok(self.0.log().append(event)?)
    }

    fn flush(&mut self) -> Result<u64, TracerError> {
        self.0.log().flush()?;
        Ok(self.0.log().bytes_on_disk())
    }
}

/// What calls are missing because of a limit.
fn cut(since_ns: i64, why: &str) -> Loss {
    Loss {
        events: None,
        reason: format!("system calls from {:.3} s on: {why}", since_ns as f64 / 1e9),
    }
}
