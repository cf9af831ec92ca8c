//! A measurement: what the kernel's work of one fixed schedule costs, from many replays of one trace. And the file of it.
//!
//! Key types: [`Passage`] is what is timed, [`Measurement`] what comes of it and stands in the file. Neighbours: the tracer
//! times passages, the analyzer makes a measurement of them and compares two. Layout: FORMAT.md.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::event::Cause;
use crate::folder::{open_file, read_file, write_new};
use crate::meta::{Host, Target};

/// The version of the file that this crate reads and writes.
pub const MEASUREMENT_VERSION: u32 = 1;
/// Most bytes of such a file.
const BYTES_MAX: u64 = 64 << 20;
/// Share of intervals that hold what they are an interval of.
pub const CONFIDENCE: f64 = 0.95;

/// Something that the kernel does once in a schedule, and whose time is taken in every replay of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Passage {
    /// A visit: from the trap to the return, or to the end of the thread, without the time in which others had the CPU.
    Visit {
        /// Why the CPU entered the kernel.
        cause: Cause,
        /// The system call's number for [`Cause::Syscall`], the signal's otherwise.
        number: i32,
    },
    /// A context switch: from the decision to the first moment at which the next thread has the CPU.
    Switch(SwitchKind),
}

/// Between whom a context switch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SwitchKind {
    /// Threads of different processes.
    Process,
    /// Threads of one process.
    Thread,
    /// A thread and the idle thread.
    Idle,
}

impl SwitchKind {
    /// The word of it in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Thread => "thread",
            Self::Idle => "idle",
        }
    }
}

/// A checksum of what these passages are, in their order.
#[must_use]
pub fn schedule_crc32(passages: &[Passage]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for passage in passages {
        let (what, number) = match *passage {
            Passage::Visit { cause, number } => (cause as u8, number),
            Passage::Switch(kind) => (0, kind as i32),
        };
        hasher.update(&[what]);
        hasher.update(&number.to_le_bytes());
    }
    hasher.finalize()
}

/// What the passages of a schedule cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// [`MEASUREMENT_VERSION`].
    pub measurement_version: u32,
    /// Version of trapline that measured.
    pub tool_version: String,
    /// When, as Unix time in seconds.
    pub made_unix_s: u64,
    /// What was replayed.
    pub trace: MeasuredTrace,
    /// Where.
    pub host: Host,
    /// What one reading of the clock cost; each passage has one of them in it. Nanoseconds.
    pub clock_read_ns: f64,
    /// How many times the trace was replayed.
    pub replays: u32,
    /// What was measured, by name.
    pub metrics: Vec<Metric>,
}

/// The trace that was replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTrace {
    /// Its folder's name.
    pub name: String,
    /// What ran in it.
    pub target: Target,
    /// How many passages its schedule has.
    pub passages: u64,
    /// CRC-32 (IEEE) over what the passages are, in their order: the same for the same schedule.
    pub schedule_crc32: u32,
}

/// One kind of passage. All times in nanoseconds; less is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `visits.CAUSE.kernel`, `syscalls.NAME.kernel` or `switches.KIND.cost`.
    pub name: String,
    /// How many passages of this kind the schedule has.
    pub count: u64,
    /// For each replay, the mean of the middle half of its passages: the values that comparisons rest upon.
    pub replays_ns: Vec<f64>,
    /// The median of `replays_ns`.
    pub median: Estimate,
    /// The distribution of the passages, each of which is the median of its times in all replays: what is left is what
    /// tells passages from each other, and not what tells replays from each other.
    pub passages: Quantiles,
    /// The median of the passages, each of which is the least of its times in all replays.
    pub least_ns: f64,
}

/// A number that was estimated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The best guess.
    pub point: f64,
    /// Where it lies with a probability of [`CONFIDENCE`]; none if there were too few values to say.
    pub interval: Option<[f64; 2]>,
}

/// A distribution. Percentiles are of nearest rank. Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// Sum of all.
    pub total_ns: f64,
    /// Smallest.
    pub min_ns: f64,
    /// Median.
    pub p50_ns: f64,
    /// 90th percentile.
    pub p90_ns: f64,
    /// 99th percentile.
    pub p99_ns: f64,
    /// Largest.
    pub max_ns: f64,
}

impl Measurement {
    /// Writes it to a file that must not exist; whole under its name, or not at all.
    ///
    /// # Errors
    /// When something of that name exists, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), FormatError> {
        let json = serde_json::to_string_pretty(self).map_err(|error| FormatError::Io {
            doing: "write",
            path: path.to_owned(),
            source: error.into(),
        })?;
        write_new(path, |file| writeln!(file, "{json}"))
    }

    /// Reads one from a file.
    ///
    /// # Errors
    /// When it is no such file, of another version, or says what no measurement says.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        let refuse = |reason: String| FormatError::NotAMeasurement {
            path: path.to_owned(),
            reason,
        };
        open_file(path)?;
        let bytes = read_file(path, BYTES_MAX)?
            .ok_or_else(|| refuse(format!("longer than {BYTES_MAX} bytes")))?;
        let version: Version = serde_json::from_slice(&bytes).map_err(|_| {
            refuse("it is no JSON object with a measurement_version; make one with `trapline replay TRACE --measure -o FILE`".to_owned())
        })?;
        if version.measurement_version != MEASUREMENT_VERSION {
            return Err(refuse(format!(
                "it has version {} and this trapline reads version {MEASUREMENT_VERSION}; measure again with this one",
                version.measurement_version
            )));
        }
        let measurement: Self =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        measurement
            .complaint()
            .map_or(Ok(measurement), |why| Err(refuse(why)))
    }

    /// What no measurement says, if it says that.
    fn complaint(&self) -> Option<String> {
        let is_time = |ns: f64| ns.is_finite() && ns >= 0.0;
        let mut names = std::collections::HashSet::new();
        for metric in &self.metrics {
            let name = &metric.name;
            if !names.insert(name) {
                return Some(format!("{name} is there twice"));
            }
            if metric.replays_ns.len() != self.replays as usize || metric.replays_ns.is_empty() {
                return Some(format!("{name} does not have a value for each replay"));
            }
            let interval = metric.median.interval.unwrap_or_default();
            let q = &metric.passages;
            let passages = [q.total_ns, q.min_ns, q.p50_ns, q.p90_ns, q.p99_ns, q.max_ns];
            let times = metric.replays_ns.iter().chain(&interval).chain(&passages);
            let mut times = times.chain([&metric.median.point, &metric.least_ns]);
            if metric.count == 0 || !times.all(|ns| is_time(*ns)) {
                return Some(format!("{name} has a number that is no time"));
            }
        }
        None
    }
}

/// What is read first.
#[derive(Deserialize)]
struct Version {
    measurement_version: u32,
}
