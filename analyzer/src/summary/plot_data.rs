//! What the plots need on top of a [`Summary`](super::Summary): individual intervals, bucket counts, memory maps.
//!
//! Key type: [`PlotData`]. Neighbour: `crate::plot_data` computes it.

use serde::{Deserialize, Serialize};
use trapline_trace_format::event::{Cause, Nanos, SwitchReason};

use trapline_trace_format::maps::Mapping;

/// What the plots need on top of a [`Summary`](super::Summary): individual intervals, bucket counts, memory maps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlotData {
    /// Who had the CPU, in time order, at most [`PlotData::MAX_INTERVALS`] of them.
    pub slices: Vec<Slice>,
    /// Kernel visits of the same span of time, in time order, at most [`PlotData::MAX_INTERVALS`].
    pub visits: Vec<Visit>,
    /// End of the span that `slices` and `visits` show; less than the wall time when there were too many.
    pub shown_ns: Nanos,
    /// Kernel time per visit by system call (the eight with most visits), log-linear buckets.
    pub syscall_costs: Vec<(String, Vec<Bucket>)>,
    /// Switch costs by reason, log-linear buckets; on Linux how long threads were away that lost their CPU, but for the
    /// tracer's stops.
    pub switch_costs: Vec<(SwitchReason, Vec<Bucket>)>,
    /// Lengths of expired quanta, log-linear buckets.
    pub quanta: Vec<Bucket>,
    /// Memory maps of the processes with most CPU time, each at its largest.
    pub memory: MemoryPicture,
}

impl PlotData {
    /// More intervals than this do not fit on a page.
    pub const MAX_INTERVALS: usize = 20_000;
    /// More memory maps than this do not fit on a page.
    pub const MAX_MAPS: usize = 12;
}

/// One stay of a thread on the CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Which thread; 0 is idle.
    pub thread: u32,
    /// From this time
    pub start_ns: Nanos,
    /// to this time.
    pub end_ns: Nanos,
    /// Why it lost the CPU. None when the trace ended.
    pub reason: Option<SwitchReason>,
}

/// One stay in the kernel, for drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Whose.
    pub thread: u32,
    /// Why.
    pub cause: Cause,
    /// From this time
    pub start_ns: Nanos,
    /// to this time (return-from-trap, switch away or end of the thread, whichever was first).
    pub end_ns: Nanos,
}

/// Memory maps of several processes, for drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPicture {
    /// The processes, by arrival, at most [`PlotData::MAX_MAPS`] of them.
    pub columns: Vec<MemoryColumn>,
    /// How many processes with less CPU time had a memory map and are left out.
    pub left_out: u64,
}

/// The memory map of one process at the moment when most was mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryColumn {
    /// Which process.
    pub process: u32,
    /// Name of its program.
    pub name: String,
    /// When.
    pub time_ns: Nanos,
    /// How many threads it had at that moment.
    pub threads: u64,
    /// The address space that it ran in: the number of the process that the space was made for.
    pub space: u32,
    /// What was mapped, lowest address first.
    pub mappings: Vec<Mapping>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Lowest value in it.
    pub low_ns: Nanos,
    /// First value above it.
    pub high_ns: Nanos,
    /// Number of values.
    pub count: u64,
}
