//! One trace, loaded once and asked for its statistics.
//!
//! Key type: [`Analysis`]. Neighbours: `tables/` load it, `statistics/` and `plot_data.rs` answer.

use std::path::Path;

use trapline_trace_format::event::{Nanos, ProcessId};
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::{Meta, Target};

use crate::error::AnalyzerError;
use crate::summary::{Part, PlotData, Summary};
use crate::tables::{self, Tables};
use crate::{plot_data, statistics};
use trapline_trace_format::maps::Mapping;

/// The tables of one trace. Made with [`Analysis::load`]; each question reads only the columns it needs.
pub struct Analysis {
    name: String,
    meta: Meta,
    incomplete: Option<String>,
    tables: Tables,
}

impl Analysis {
    /// Opens a trace folder and its tables; makes the tables from the log, and keeps them, if they are missing.
    ///
    /// # Errors
    /// When the folder is no trace, was made by a newer version, or a file of it is damaged beyond an intact prefix.
    pub fn load(path: &Path) -> Result<Self, AnalyzerError> {
        Self::of(Trace::open(path)?)
    }

    /// As [`Analysis::load`], of a trace that is open already.
    ///
    /// # Errors
    /// As [`Analysis::load`].
    pub fn of(mut trace: Trace) -> Result<Self, AnalyzerError> {
        let (tables, incomplete) = tables::load(&mut trace)?;
        let (name, meta) = (trace.name(), trace.meta().clone());
        Ok(Self {
            name,
            meta,
            incomplete,
            tables,
        })
    }

    /// What meta.json says.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What is wrong with the trace, when only its intact prefix could be read. One line.
    #[must_use]
    pub fn incomplete(&self) -> Option<&str> {
        self.incomplete.as_deref()
    }

    /// Its tables.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// All statistics of the trace.
    ///
    /// # Errors
    /// When a table cannot be read or holds what no version writes.
    pub fn summary(&self) -> Result<Summary, AnalyzerError> {
        let tables = &self.tables;
        let partition = statistics::partition::parts(tables)?;
        let causes = statistics::causes::causes(tables, &partition)?;
        let threads = statistics::threads::threads(tables, &partition)?;
        let processes = statistics::processes::processes(tables, &threads)?;
        Ok(Summary {
            name: self.name.clone(),
            meta: self.meta.clone(),
            incomplete: self.incomplete.clone(),
            wall_ns: self.wall_ns(&partition)?,
            linux: statistics::linux::linux(tables, &self.meta.target)?,
            overhead: statistics::overhead::overhead(&partition),
            causes,
            syscalls: statistics::syscalls::syscalls(tables)?,
            switches: statistics::switches::switches(tables)?,
            unknown_calls: statistics::syscalls::unknown_calls(tables)?,
            page_faults: statistics::processes::all_page_faults(&processes),
            blocked: statistics::processes::all_blocked(&threads),
            processes,
            threads,
            quantum: statistics::quantum::quantum(tables, &self.meta.target)?,
            partition,
        })
    }

    /// On the mini-kernel what the parts add up to. On Linux, where they do not add up to time on the clock, the time of the
    /// last event, or the recorder's word for it.
    fn wall_ns(&self, partition: &[Part]) -> Result<Nanos, AnalyzerError> {
        Ok(match self.meta.target {
            Target::Mini { .. } => statistics::partition::wall_ns(partition),
            Target::Linux { .. } => {
                let last_ns = statistics::linux::wall_ns(&self.tables)?;
                last_ns.max(self.meta.wall_ns)
            }
        })
    }

    /// What the process could address once everything up to `time_ns` had happened, lowest address first. Nothing before
    /// its arrival, from its end on, and where there is no such process.
    ///
    /// # Errors
    /// As [`Analysis::summary`].
    pub fn memory_map_at(
        &self,
        process: ProcessId,
        time_ns: Nanos,
    ) -> Result<Vec<Mapping>, AnalyzerError> {
        statistics::memory::map_at(&self.tables, process.0, time_ns)
    }

    /// What plots need on top of the summary.
    ///
    /// # Errors
    /// As [`Analysis::summary`].
    pub fn plot_data(&self) -> Result<PlotData, AnalyzerError> {
        let partition = statistics::partition::parts(&self.tables)?;
        let wall_ns = self.wall_ns(&partition)?;
        plot_data::plot_data(&self.tables, &self.meta.target, &partition, wall_ns)
    }
}
