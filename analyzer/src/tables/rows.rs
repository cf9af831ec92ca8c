//! What the fold makes of the events: one struct per row of each table. No polars here.
//!
//! Key type: [`Rows`]. Neighbours: `fold.rs` fills it, `visits.rs`, `switches.rs`, `slices.rs`, `lifecycle.rs` and
//! `partition.rs` make a dataframe of each field. Times are nanoseconds since the start of the trace.

use trapline_trace_format::event::{Cause, ExitStatus, Nanos, SwitchReason, Trap};

use crate::summary::Part;

/// Everything that the events of a trace say, as rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) visits: Vec<VisitRow>,
    pub(crate) switches: Vec<SwitchRow>,
    pub(crate) slices: Vec<SliceRow>,
    pub(crate) lifecycle: Vec<LifecycleRow>,
    pub(crate) partition: Vec<Part>,
}

/// One stay in the kernel; columns are explained in `visits.rs`.
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

/// One context switch; columns are explained in `switches.rs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SwitchRow {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) reason: SwitchReason,
    pub(crate) begin_ns: Nanos,
    pub(crate) end_ns: Option<Nanos>,
    pub(crate) handover_ns: Nanos,
    pub(crate) cost_ns: Nanos,
    pub(crate) tracer_ns: Nanos,
}

/// One stay on the CPU; columns are explained in `slices.rs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SliceRow {
    pub(crate) thread: u32,
    pub(crate) start_ns: Nanos,
    pub(crate) end_ns: Option<Nanos>,
    pub(crate) reason: Option<SwitchReason>,
    pub(crate) tracer_ns: Nanos,
    pub(crate) quantum_ns: Option<Nanos>,
}

/// One thread's life; columns are explained in `lifecycle.rs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LifecycleRow {
    pub(crate) thread: u32,
    pub(crate) process: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) arrival_ns: Nanos,
    pub(crate) first_run_ns: Option<Nanos>,
    pub(crate) completion_ns: Option<Nanos>,
    pub(crate) waiting_ns: Nanos,
    pub(crate) blocked_ns: Nanos,
    pub(crate) status: Option<ExitStatus>,
}
