//! `meta.json`: what a trace is of, what was available, what was calibrated, how it ended.
//!
//! Key type: [`Meta`]. Neighbour: `folder.rs` reads and writes it by atomic rename.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Nanos;

/// The version of the trace folder's layout that this crate writes. Readers refuse what they do not know.
pub const FORMAT_VERSION: u32 = 4;
/// The oldest version that is still read. It lacks what a replay needs and what only Linux has, and is the same otherwise.
pub const OLDEST_VERSION: u32 = 2;

/// Everything about a trace that is not an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of trapline that recorded it.
    pub tool_version: String,
    /// The command line that recorded it.
    pub command: Vec<String>,
    /// Unix time of the start, in seconds.
    pub started_unix_s: u64,
    /// What ran.
    pub target: Target,
    /// Where it ran.
    pub host: Host,
    /// What the instruments themselves cost, measured just before the recording.
    pub calibration: Calibration,
    /// How it ended, [`Outcome::Recording`] while it has not.
    pub outcome: Outcome,
    /// From the start of the trace to its end. Zero while recording.
    pub wall_ns: Nanos,
    /// From starting the machine to the start of the trace (boot, loading of programs).
    pub boot_ns: Nanos,
    /// Number of events in the log. Zero while recording.
    pub events: u64,
    /// Events that are known to be missing, and why. Empty when nothing was lost.
    pub lost: Vec<Loss>,
    /// What the comparison of the two witnesses gave.
    pub witnesses: Witnesses,
    /// Finished tables: file name under `tables/` to its length and checksum.
    pub tables: BTreeMap<String, TableFile>,
    /// What a replay starts with: file name under `replay/` to its length and checksum.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replay: BTreeMap<String, ReplayFile>,
    /// Whether it was recorded with what a replay needs.
    #[serde(default, skip_serializing_if = "ReplayData::is_kept")]
    pub replay_data: ReplayData,
}

/// Whether a trace has what a replay needs: inputs and preemption states in the log, the machine in `replay/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayData {
    /// It has, as far as the version goes and nothing is missing.
    #[default]
    Kept,
    /// It was left out on purpose (`record --replay-data off`): nothing of it was noted.
    LeftOut,
}

impl ReplayData {
    fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// What ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Jobs on the mini-kernel.
    Mini {
        /// The jobs, in the order of their processes.
        jobs: Vec<Job>,
        /// The scheduler's name.
        scheduler: String,
        /// Time slice of a thread.
        quantum_ns: Nanos,
        /// Period of the timer interrupt.
        tick_ns: Nanos,
        /// The rest of what the scheduler is tuned with, if it is one that has more.
        tuning: Option<Tuning>,
        /// Whether kernel memory is closed in user mode.
        protect: bool,
        /// Whether the tracer's ptrace stops were recorded too (`--tracer ptrace`).
        traced: bool,
        /// Seed of everything random.
        seed: u64,
        /// The directory that was the machine's root, if one was given.
        root: Option<String>,
        /// Where console input came from.
        input: ConsoleInput,
        /// Most bytes of guest memory and files together.
        memory_bytes: u64,
        /// How long a request to `/dev/disk` took.
        disk_latency_ns: Nanos,
    },
    /// Programs on the host's own kernel.
    Linux {
        /// The program with its arguments; nothing if running processes were attached to.
        command: Vec<String>,
        /// The processes that were attached to.
        attached: Vec<u32>,
        /// Which system calls were traced, as `-e` said it; none: all.
        filter: Option<String>,
        /// Whether new processes and threads were traced, too.
        follow: bool,
        /// What was kept of each event.
        detail: Detail,
        /// Whether times of context switches could be had.
        switches: Availability,
        /// Whether each page fault could be had.
        page_faults: Availability,
    },
}

/// What a recording keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Every event.
    Events,
    /// Statistics alone.
    Summary,
}

/// Whether something that only the host knows could be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Availability {
    /// It is in the trace.
    Available,
    /// The host refused.
    Refused {
        /// Why, and what would enable it.
        why: String,
    },
    /// Nobody asked for it.
    NotAsked,
}

/// A program that ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its arguments; the first names the program.
    pub arguments: Vec<String>,
    /// When it arrived, after the start of the trace.
    pub arrival_ns: Nanos,
    /// CPU time that the scheduler was told it would need, if it was told.
    pub length_ns: Option<Nanos>,
    /// Its tickets (lottery, stride).
    pub tickets: u32,
    /// Its niceness (cfs).
    pub nice: i8,
}

impl Job {
    /// A job that was there from the start, of unknown length, with 100 tickets and niceness 0.
    #[must_use]
    pub fn new(arguments: Vec<String>) -> Self {
        Self {
            arguments,
            arrival_ns: 0,
            length_ns: None,
            tickets: 100,
            nice: 0,
        }
    }

    /// Its arguments as a person reads them.
    #[must_use]
    pub fn command(&self) -> String {
        self.arguments.join(" ")
    }
}

/// What some schedulers are tuned with besides quantum and tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tuning {
    /// The multi-level feedback queue (OSTEP chapter 8).
    Mlfq {
        /// Number of levels.
        levels: u32,
        /// CPU time on level 0 before a job moves down.
        allotment_ns: Nanos,
        /// How many times longer quantum and allotment are on each next level.
        growth: u32,
        /// Time from boost to boost; none: never.
        boost_ns: Option<Nanos>,
        /// Whether the allotment starts anew when a job gives the CPU up (OSTEP's first rule 4, which can be gamed).
        old_rule_4: bool,
    },
    /// The completely fair scheduler (OSTEP section 9.7).
    Cfs {
        /// Time in which everyone runs once, if they are few.
        latency_ns: Nanos,
        /// Shortest slice.
        min_granularity_ns: Nanos,
    },
}

/// Where console input came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleInput {
    /// Nowhere: end of file at once.
    None,
    /// The recorder's standard input.
    Inherited,
    /// A file.
    File,
}

/// Where the trace was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The CPU's model name.
    pub cpu: String,
    /// Number of CPUs the recorder may use.
    pub cpus: u32,
    /// The CPU that what ran was pinned to; none if it was free to move.
    pub pinned_cpu: Option<u32>,
    /// Release of the host's kernel.
    pub kernel: String,
    /// Clock that gave the times: `tsc` or `monotonic`.
    pub clock: String,
    /// Name of the hypervisor, or none when the host is not known to be virtual.
    pub hypervisor: Option<String>,
    /// What programs could learn about the CPU by asking it; none in traces of programs on Linux and from before version 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processor>,
}

/// What a CPU answers when a program asks it (the instruction CPUID, which is not trapped): C libraries choose their code by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Who made it, in its own word: `GenuineIntel`, `AuthenticAMD`.
    pub vendor: String,
    /// Its family.
    pub family: u8,
    /// Its model in the family.
    pub model: u8,
    /// Its stepping.
    pub stepping: u8,
    /// Level of the instruction set, 1 to 4 (x86-64 psABI, 3.1.1).
    pub level: u8,
    /// Names of what it can do beyond what every x86-64 CPU can, sorted.
    pub features: Vec<String>,
    /// Its number as CPUID tells it (APIC id): what a program on another CPU of the same machine is told, too, but with
    /// another number.
    pub number: u32,
    /// The parts of the state that the host saves with XSAVE.
    pub xsave: Vec<XsavePart>,
    /// CRC-32 of all answers without the number.
    pub answers: u32,
}

/// A part of the vector state (Intel SDM volume 1, 13.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XsavePart {
    /// Its number.
    pub component: u8,
    /// Where it begins in the area, in bytes.
    pub offset: u32,
    /// Bytes of it.
    pub bytes: u32,
}

/// What the instruments cost. Medians, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// One reading of the clock.
    pub clock_read_ns: f64,
    /// Entry cost: last user instruction to first clock reading in the kernel, not traced.
    pub entry_ns: f64,
    /// Exit cost: last clock reading in the kernel to first user instruction, not traced.
    pub exit_ns: f64,
    /// What one stop costs on top of the time that the tracer sees itself hold the machine. Zero when not traced.
    pub hidden_stop_ns: f64,
    /// On Linux, the part of the hidden cost that the thread spends on a CPU: the rest is seen where the host tells of context
    /// switches. Zero where it does not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub on_cpu_stop_ns: f64,
    /// Length of a null syscall as the program sees it, not traced.
    pub null_syscall_ns: f64,
}

fn is_zero(ns: &f64) -> bool {
    *ns == 0.0
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Not yet: being written, or the recorder was killed.
    Recording,
    /// Every job ended; `status` is the exit status that `record` returned.
    Completed {
        /// 0 to 255, as a shell shows it.
        status: u8,
    },
    /// Someone stopped it.
    Interrupted {
        /// What stopped it.
        by: String,
    },
    /// The machine itself failed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Events that are known to be missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// How many, if known.
    pub events: Option<u64>,
    /// Why.
    pub reason: String,
}

/// The comparison of what the tracer saw with what the kernel logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Witnesses {
    /// There was no second witness, or the recording did not end.
    #[default]
    NotCompared,
    /// Both saw the same mode switches in the same order.
    Agree {
        /// Traps seen by both.
        traps: u64,
        /// Returns seen by both.
        returns: u64,
    },
    /// They differ.
    Differ {
        /// Which event, what each saw.
        detail: String,
    },
}

/// A finished table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// Length of the file.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the file.
    pub crc32: u32,
}

/// A file that a replay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayFile {
    /// Length of what it holds, before compression.
    pub raw_bytes: u64,
    /// Length of the file.
    pub bytes: u64,
    /// CRC-32 (IEEE) of what it holds, before compression.
    pub crc32: u32,
}
