//! What the fold makes of the events: one struct per row of each table. No polars here.
//!
//! Key type: [`Rows`]. Neighbours: `fold.rs`, `linux.rs` and `lives.rs` fill it; the file named like a table makes a dataframe of each
//! field and explains the columns. Times are nanoseconds since the start of the trace.

use trapline_trace_format::event::{
    Cause, ExitStatus, FaultSize, MapChange, Nanos, Role, SignalAction, SwitchReason, Tally, Trap,
    Usage, Waits,
};

use crate::summary::Part;

/// Everything that the events of a trace say, as rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) visits: Vec<VisitRow>,
    pub(crate) switches: Vec<SwitchRow>,
    pub(crate) slices: Vec<SliceRow>,
    pub(crate) lifecycle: Vec<LifecycleRow>,
    pub(crate) processes: Vec<ProcessRow>,
    pub(crate) programs: Vec<ProgramRow>,
    pub(crate) memory: Vec<MemoryRow>,
    pub(crate) signals: Vec<SignalRow>,
    pub(crate) partition: Vec<Part>,
    pub(crate) usage: Vec<UsageRow>,
    pub(crate) faults: Vec<FaultRow>,
    pub(crate) tallies: Vec<TallyRow>,
}

/// One stay in the kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VisitRow {
    pub(crate) thread: u32,
    pub(crate) process: u32,
    pub(crate) trap: Trap,
    pub(crate) enter_ns: Nanos,
    pub(crate) left_ns: Option<Nanos>,
    pub(crate) end_ns: Option<Nanos>,
    pub(crate) returned: Option<Return>,
    pub(crate) kernel_ns: Nanos,
    pub(crate) entry_ns: Nanos,
    pub(crate) exit_ns: Nanos,
    pub(crate) tracer_ns: Nanos,
    pub(crate) signal: Option<u8>,
}

impl VisitRow {
    pub(crate) fn cause(&self) -> Cause {
        self.trap.cause
    }
}

/// A visit's return-from-trap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Return {
    pub(crate) time_ns: Nanos,
    pub(crate) result: i64,
}

/// One context switch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SwitchRow {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) reason: SwitchReason,
    pub(crate) waits: Option<Waits>,
    pub(crate) begin_ns: Nanos,
    pub(crate) end_ns: Option<Nanos>,
    pub(crate) handover_ns: Nanos,
    pub(crate) cost_ns: Nanos,
    pub(crate) tracer_ns: Nanos,
    /// These three on Linux alone.
    pub(crate) cpu: Option<u32>,
    pub(crate) away_ns: Option<Nanos>,
    pub(crate) by_tracer: bool,
}

/// One stay on the CPU.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SliceRow {
    pub(crate) thread: u32,
    pub(crate) start_ns: Nanos,
    pub(crate) end_ns: Option<Nanos>,
    pub(crate) reason: Option<SwitchReason>,
    pub(crate) tracer_ns: Nanos,
    pub(crate) quantum_ns: Option<Nanos>,
    pub(crate) cpu: Option<u32>,
}

/// One thread's life.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LifecycleRow {
    pub(crate) thread: u32,
    pub(crate) process: u32,
    pub(crate) parent: u32,
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) arrival_ns: Nanos,
    pub(crate) first_run_ns: Option<Nanos>,
    pub(crate) completion_ns: Option<Nanos>,
    pub(crate) waiting_ns: Nanos,
    pub(crate) blocked: Blocked,
    pub(crate) status: Option<ExitStatus>,
}

/// Time blocked, by what was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// Place 0 is for what nothing says; the others are those of [`Waits::ALL`].
    ns: [Nanos; Waits::ALL.len() + 1],
}

impl Blocked {
    /// What may be waited for, the unknown last.
    pub(crate) fn kinds() -> impl Iterator<Item = Option<Waits>> {
        Waits::ALL.into_iter().map(Some).chain([None])
    }

    pub(crate) fn add(&mut self, waits: Option<Waits>, ns: Nanos) {
        self.ns[Self::place(waits)] += ns;
    }

    pub(crate) fn of(&self, waits: Option<Waits>) -> Nanos {
        self.ns[Self::place(waits)]
    }

    pub(crate) fn total(&self) -> Nanos {
        self.ns.iter().sum()
    }

    fn place(waits: Option<Waits>) -> usize {
        waits.map_or(0, |waits| waits as usize)
    }
}

/// One process's life.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProcessRow {
    pub(crate) process: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) arrival_ns: Nanos,
    pub(crate) completion_ns: Option<Nanos>,
    pub(crate) threads: u32,
    pub(crate) programs: u32,
    pub(crate) status: Option<ExitStatus>,
}

/// One program that a process ran.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProgramRow {
    pub(crate) process: u32,
    pub(crate) name: String,
    pub(crate) space: u32,
    pub(crate) start_ns: Nanos,
    pub(crate) run_ns: Option<Nanos>,
    pub(crate) end_ns: Option<Nanos>,
}

/// One change of a memory map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemoryRow {
    pub(crate) time_ns: Nanos,
    pub(crate) process: u32,
    pub(crate) thread: u32,
    pub(crate) space: u32,
    pub(crate) change: MapChange,
}

/// One signal that was acted upon.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignalRow {
    pub(crate) time_ns: Nanos,
    pub(crate) process: u32,
    pub(crate) thread: u32,
    pub(crate) signal: u8,
    pub(crate) sender: u32,
    pub(crate) action: SignalAction,
}

/// What Linux counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UsageRow {
    pub(crate) time_ns: Nanos,
    pub(crate) process: u32,
    pub(crate) thread: u32,
    pub(crate) of: Role,
    pub(crate) usage: Usage,
}

/// One page fault on Linux.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FaultRow {
    pub(crate) time_ns: Nanos,
    pub(crate) process: u32,
    pub(crate) thread: u32,
    pub(crate) address: u64,
    pub(crate) instruction: u64,
    pub(crate) size: FaultSize,
}

/// All calls of one number by a process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TallyRow {
    pub(crate) process: u32,
    pub(crate) tally: Tally,
}
