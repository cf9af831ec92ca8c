//! What the analyzer says of one trace: plain numbers with their units, no dataframe.
//!
//! Key type: [`Summary`], which reports print, draw and serialise (`--json`). Neighbours: `summary/lives.rs` has what is
//! said of processes and threads, `summary/plot_data.rs` what pictures need on top; `statistics/*` compute each part,
//! `comparison.rs` compares two of them.

mod linux;
mod lives;
mod plot_data;

use serde::{Deserialize, Serialize};
use trapline_trace_format::event::{Abi, Cause, Nanos, SwitchReason};
use trapline_trace_format::meta::Meta;

pub use linux::{AwayStat, LinuxStat, SignalStat, UsageStat};
pub use lives::{BlockedStat, PageFaults, ProcessStat, ThreadStat};
pub use plot_data::{Bucket, MemoryColumn, MemoryPicture, PlotData, Slice, Visit};

/// Statistics of one trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The trace folder's name.
    pub name: String,
    /// Its meta.json.
    pub meta: Meta,
    /// What is wrong with the trace, when only its intact prefix could be read. One line.
    pub incomplete: Option<String>,
    /// Time covered, from the start of the trace to the last event. On the mini-kernel the parts of `partition` add up to
    /// exactly this.
    pub wall_ns: Nanos,
    /// Every nanosecond of the run, each in exactly one part; on Linux every nanosecond of each thread's life.
    pub partition: Vec<Part>,
    /// Share of the time not spent in user mode.
    pub overhead: Overhead,
    /// One row per cause of trap that occurred, in the order of [`Cause::ALL`].
    pub causes: Vec<CauseStat>,
    /// One row per system call number that occurred, most total time first.
    pub syscalls: Vec<SyscallStat>,
    /// One row per reason of context switch that occurred, in the order of [`SwitchReason::ALL`].
    pub switches: Vec<SwitchStat>,
    /// System calls that the kernel did not know, by program; most calls first.
    pub unknown_calls: Vec<UnknownCall>,
    /// Page faults of all processes together.
    pub page_faults: PageFaults,
    /// Time blocked of all threads together, by what they waited for; most time first.
    pub blocked: Vec<BlockedStat>,
    /// One row per process (without the kernel itself), by arrival, then id.
    pub processes: Vec<ProcessStat>,
    /// One row per thread (without the idle thread), by arrival, then id.
    pub threads: Vec<ThreadStat>,
    /// How long quanta were beside what was asked. None when no quantum expired.
    pub quantum: Option<QuantumStat>,
    /// What only Linux tells. None on the mini-kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<LinuxStat>,
}

/// A share of the wall time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What the CPU did.
    #[serde(flatten)]
    pub activity: Activity,
    /// For how long.
    pub ns: Nanos,
}

/// What the CPU did in some part of the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "activity", rename_all = "snake_case")]
pub enum Activity {
    /// Ran the thread in user mode.
    User {
        /// Which thread.
        thread: u32,
    },
    /// Ran the kernel on behalf of the thread.
    Kernel {
        /// Which thread.
        thread: u32,
        /// What had brought it into the kernel; none on its way to its first instruction.
        cause: Option<Cause>,
    },
    /// Changed from one thread to another.
    Switch,
    /// Had nothing to run.
    Idle,
    /// Had no time for the thread, which was ready (Linux).
    Waiting {
        /// Which thread.
        thread: u32,
    },
    /// Was not wanted by the thread, which waited for something (Linux).
    Blocked {
        /// Which thread.
        thread: u32,
    },
    /// Was held by the tracer (seen stops plus their calibrated hidden cost).
    Tracer,
}

/// Control overhead: the share of CPU time not spent in user mode. Idle time is not CPU time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// (kernel + switch) / (user + kernel + switch): what limited direct execution costs. 0 to 1.
    pub without_probe: f64,
    /// (kernel + switch + tracer) / (user + kernel + switch + tracer): the same, the probe effect included. 0 to 1.
    pub with_probe: f64,
    /// tracer / all parts together (the wall time; on Linux the threads' lives): the probe effect. 0 to 1.
    pub probe_share: f64,
}

/// The distribution of some durations. Nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of values.
    pub count: u64,
    /// Their sum.
    pub total_ns: Nanos,
    /// Smallest.
    pub min_ns: Nanos,
    /// Median.
    pub p50_ns: Nanos,
    /// 90th percentile.
    pub p90_ns: Nanos,
    /// 99th percentile.
    pub p99_ns: Nanos,
    /// Largest.
    pub max_ns: Nanos,
    /// Whether the percentiles are exact, or from buckets at most 1 % wide.
    pub exact: bool,
}

/// All visits of one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseStat {
    /// Which cause.
    pub cause: Cause,
    /// CPU time in the kernel per visit: entry, handler and exit, without switches away and the tracer.
    pub kernel: Distribution,
    /// Its part of all CPU time in user mode, kernel and switches. 0 to 1.
    pub share: f64,
}

/// All visits of one system call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyscallStat {
    /// The table of its number.
    #[serde(default)]
    pub abi: Abi,
    /// Its number in that table.
    pub number: i32,
    /// Its name, or `#NUMBER`.
    pub name: String,
    /// How many returned an error (a negated errno).
    pub errors: u64,
    /// How many the kernel did not know (ENOSYS).
    pub unknown: u64,
    /// CPU time in the kernel per call, as in [`CauseStat::kernel`].
    pub kernel: Distribution,
    /// What the caller waits: entry, handler, blocking, other threads' turns, exit. Only of calls that returned.
    pub elapsed: Distribution,
    /// The same with the tracer's time in it, as the clock on the wall shows it.
    #[serde(default)]
    pub by_clock: Distribution,
}

/// A system call that the kernel did not know (ENOSYS), as one program made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownCall {
    /// Name of the program.
    pub program: String,
    /// The call's number in the Linux x86-64 ABI.
    pub number: i32,
    /// Its name, or `#NUMBER`.
    pub name: String,
    /// How many times.
    pub count: u64,
}

/// All context switches for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchStat {
    /// Why.
    pub reason: SwitchReason,
    /// Whether the thread gave the CPU away.
    pub voluntary: bool,
    /// Switch cost: from the decision to the first instruction of the next thread. Without the tracer's stops.
    pub cost: Distribution,
}

/// Quanta that the timer ended: asked against got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantumStat {
    /// The quantum asked for.
    pub asked_ns: Nanos,
    /// What threads got that were switched away for an expired quantum: from getting the CPU to losing it, less the
    /// tracer's time.
    pub got: Distribution,
}

/// Two traces beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the trace that is the base.
    pub base: String,
    /// Name of the trace held against it.
    pub new: String,
    /// Metrics, counts first.
    pub rows: Vec<ComparisonRow>,
    /// The limit given with `--fail-over`, in percent.
    pub fail_over_percent: Option<f64>,
    /// Names of the rows that exceed the limit in their worse direction.
    pub exceeded: Vec<String>,
    /// What makes the two hard to compare (other host, protection, tracer, scheduler, incomplete trace): one line each.
    pub caveats: Vec<String>,
}

/// One metric of both traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// Dotted name, as `visits.syscall.count`.
    pub metric: String,
    /// What the numbers are in.
    pub unit: Unit,
    /// Which direction is worse.
    pub polarity: Polarity,
    /// In the base; None where it does not occur.
    pub base: Option<f64>,
    /// In the new trace; None where it does not occur.
    pub new: Option<f64>,
    /// (new - base) / base in percent. None where either is missing or the base is zero.
    pub change_percent: Option<f64>,
}

/// What a number is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// Nanoseconds.
    Nanoseconds,
    /// A part of a whole, 0 to 1.
    Share,
}

/// Which direction of a metric is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// More is worse.
    LowerIsBetter,
    /// Less is worse.
    HigherIsBetter,
    /// Neither; shown, never gated.
    Neutral,
}
