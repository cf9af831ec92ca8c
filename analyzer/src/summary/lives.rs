//! What the summary says of processes and threads: where they come from, what they got, how they ended.
//!
//! Key types: [`ProcessStat`], [`ThreadStat`]. Neighbour: `statistics/processes.rs` and `statistics/threads.rs`.

use serde::{Deserialize, Serialize};
use trapline_trace_format::event::{ExitStatus, Nanos, Role, Waits};

use super::UsageStat;

/// One process's life. Times are sums over its threads, but those that say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessStat {
    /// Its id.
    pub process: u32,
    /// The process that asked for it; 0 for the machine's first jobs.
    pub parent: u32,
    /// Name of the program that it ran last.
    pub name: String,
    /// Names of all programs that it ran, in order: the last is `name`.
    pub programs: Vec<String>,
    /// How many threads it had in its life.
    pub threads: u64,
    /// When it arrived.
    pub arrival_ns: Nanos,
    /// CPU time in user mode.
    pub user_ns: Nanos,
    /// CPU time in the kernel on its behalf.
    pub kernel_ns: Nanos,
    /// Ready but not running.
    pub waiting_ns: Nanos,
    /// Neither ready nor running.
    pub blocked_ns: Nanos,
    /// The same by what its threads waited for; most time first, what they never waited for left out.
    pub blocked: Vec<BlockedStat>,
    /// First run of its first thread to run - arrival, by the clock. None if none ever ran.
    pub response_ns: Option<Nanos>,
    /// End of the process - arrival, by the clock. None if it had not ended when the trace did.
    pub turnaround_ns: Option<Nanos>,
    /// Context switches that its threads asked for.
    pub voluntary: u64,
    /// Context switches that they did not ask for.
    pub involuntary: u64,
    /// Mode switches into the kernel.
    pub traps: u64,
    /// Its page faults.
    pub page_faults: PageFaults,
    /// The most memory that it had at once while it ran its last program, bytes; what it may neither read, write nor
    /// execute (reservations, guard pages) does not count.
    pub peak_mapped_bytes: u64,
    /// How it ended, if it did.
    pub status: Option<ExitStatus>,
    /// The process that sent the signal that ended it, if one did.
    pub killed_by: Option<u32>,
    /// What Linux itself counted of it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageStat>,
}

/// Page faults, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFaults {
    /// The kernel put a page there and the program went on: demand paging.
    pub resolved: u64,
    /// There was nothing to put there: the program got a signal.
    pub refused: u64,
}

/// Time blocked for one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedStat {
    /// What was waited for; none where the trace does not say.
    pub waits: Option<Waits>,
    /// For how long.
    pub ns: Nanos,
}

/// One thread's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadStat {
    /// Its id.
    pub thread: u32,
    /// Its process.
    pub process: u32,
    /// Whether its process came to be with it, or it is one more thread of it.
    pub role: Role,
    /// Name of the program that its process ran last while it lived.
    pub name: String,
    /// When it arrived.
    pub arrival_ns: Nanos,
    /// CPU time in user mode.
    pub user_ns: Nanos,
    /// CPU time in the kernel on its behalf.
    pub kernel_ns: Nanos,
    /// Ready but not running.
    pub waiting_ns: Nanos,
    /// Neither ready nor running.
    pub blocked_ns: Nanos,
    /// The same by what it waited for; most time first, what it never waited for left out.
    pub blocked: Vec<BlockedStat>,
    /// First run - arrival. None if it never ran.
    pub response_ns: Option<Nanos>,
    /// Completion - arrival. None if it had not ended when the trace did.
    pub turnaround_ns: Option<Nanos>,
    /// Context switches that it asked for.
    pub voluntary: u64,
    /// Context switches that it did not ask for.
    pub involuntary: u64,
    /// Mode switches into the kernel.
    pub traps: u64,
    /// How it ended, if it did.
    pub status: Option<ExitStatus>,
}
