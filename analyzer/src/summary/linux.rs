//! What the summary says of a trace of programs on Linux alone.
//!
//! Key type: [`LinuxStat`]. Neighbour: `statistics/linux.rs` computes it.

use serde::{Deserialize, Serialize};
use trapline_trace_format::event::{Nanos, SwitchReason};

use super::Distribution;

/// What only Linux tells. Where it refused to, meta.json says why, and the counts here are 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinuxStat {
    /// Context switches that programs caused, by reason.
    pub away: Vec<AwayStat>,
    /// Those that the tracer's stops caused.
    pub away_by_tracer: Vec<AwayStat>,
    /// Signals that were acted upon, by signal and what came of it.
    pub signals: Vec<SignalStat>,
    /// Page faults in user mode that needed no device, as they were told of one by one.
    pub minor_faults: u64,
    /// Those that needed one.
    pub major_faults: u64,
    /// How many processes have an account of the kernel's.
    pub accounts: u64,
    /// Their accounts together.
    pub usage: UsageStat,
}

/// Threads that lost a CPU for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AwayStat {
    /// Why.
    pub reason: SwitchReason,
    /// Whether they gave it away.
    pub voluntary: bool,
    /// How many times.
    pub count: u64,
    /// How long until they had one again. Only of those that had.
    pub away: Distribution,
}

/// Signals of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalStat {
    /// Its Linux number.
    pub signal: u8,
    /// What came of it: `handler`, `kill`, `stop`, `continue` or `ignore`.
    pub action: String,
    /// How many.
    pub count: u64,
    /// How many of them the kernel sent.
    pub from_kernel: u64,
}

/// What Linux itself counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageStat {
    /// CPU time in user mode. The sum with the next is exact, its division is an estimate of the kernel's ticks.
    pub user_ns: Nanos,
    /// CPU time in the kernel.
    pub system_ns: Nanos,
    /// Page faults that needed no device, those inside system calls included.
    pub minor_faults: u64,
    /// Page faults that needed one.
    pub major_faults: u64,
    /// Context switches that threads asked for, those at the tracer's stops included.
    pub voluntary: u64,
    /// Context switches that they did not ask for.
    pub involuntary: u64,
    /// Most memory resident at once, bytes; of several processes the largest.
    pub max_resident_bytes: u64,
    /// Ready and without a CPU; 0 where the kernel does not say.
    pub waiting_ns: Nanos,
}

impl UsageStat {
    /// Another account on top of this one.
    pub fn add(&mut self, other: &Self) {
        self.user_ns = self.user_ns.saturating_add(other.user_ns);
        self.system_ns = self.system_ns.saturating_add(other.system_ns);
        self.minor_faults = self.minor_faults.saturating_add(other.minor_faults);
        self.major_faults = self.major_faults.saturating_add(other.major_faults);
        self.voluntary = self.voluntary.saturating_add(other.voluntary);
        self.involuntary = self.involuntary.saturating_add(other.involuntary);
        self.max_resident_bytes = self.max_resident_bytes.max(other.max_resident_bytes);
        self.waiting_ns = self.waiting_ns.saturating_add(other.waiting_ns);
    }
}
