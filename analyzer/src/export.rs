//! Tables of a trace in formats that other programs read.
//!
//! Key types: [`TableName`], [`TableFormat`]; entry point [`Analysis::export`]. Times are nanoseconds, texts are as the trace
//! has them: it is the reader that has to beware of them.

use std::io::Write;

use polars::prelude::{
    CsvWriter, DataFrame, JsonFormat, JsonWriter, LazyFrame, ParquetWriter, SerWriter,
};

use crate::analysis::Analysis;
use crate::error::AnalyzerError;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableName {
    /// A row per visit of the kernel.
    Visits,
    /// A row per context switch.
    Switches,
    /// A row per stay of a thread on the CPU.
    Slices,
    /// Creation, program and end of threads.
    Lifecycle,
    /// A row per process.
    Processes,
    /// A row per program that a process ran.
    Programs,
    /// A row per change of a memory map.
    Memory,
    /// A row per signal.
    Signals,
    /// A row per part of the time.
    Partition,
    /// The host's accounts, a row per thread and process.
    Usage,
    /// A row per page fault that the host told.
    Faults,
    /// A row per duration of a call that was counted and not kept.
    Tallies,
}

impl TableName {
    /// Every table.
    pub const ALL: [Self; 12] = [
        Self::Visits,
        Self::Switches,
        Self::Slices,
        Self::Lifecycle,
        Self::Processes,
        Self::Programs,
        Self::Memory,
        Self::Signals,
        Self::Partition,
        Self::Usage,
        Self::Faults,
        Self::Tallies,
    ];

    /// Its name, that of its file without the ending.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Visits => "visits",
            Self::Switches => "switches",
            Self::Slices => "slices",
            Self::Lifecycle => "lifecycle",
            Self::Processes => "processes",
            Self::Programs => "programs",
            Self::Memory => "memory",
            Self::Signals => "signals",
            Self::Partition => "partition",
            Self::Usage => "usage",
            Self::Faults => "faults",
            Self::Tallies => "tallies",
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// A line of names, then a line per row, values separated by commas.
    Csv,
    /// A JSON object per line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Analysis {
    /// Writes a whole table; returns how many rows it has.
    ///
    /// # Errors
    /// When the table cannot be read, or `out` cannot be written.
    pub fn export(
        &self,
        table: TableName,
        format: TableFormat,
        out: &mut impl Write,
    ) -> Result<usize, AnalyzerError> {
        let mut frame = self.table(table).collect()?;
        write(&mut frame, format, out)?;
        Ok(frame.height())
    }

    fn table(&self, table: TableName) -> LazyFrame {
        let tables = self.tables();
        match table {
            TableName::Visits => &tables.visits,
            TableName::Switches => &tables.switches,
            TableName::Slices => &tables.slices,
            TableName::Lifecycle => &tables.lifecycle,
            TableName::Processes => &tables.processes,
            TableName::Programs => &tables.programs,
            TableName::Memory => &tables.memory,
            TableName::Signals => &tables.signals,
            TableName::Partition => &tables.partition,
            TableName::Usage => &tables.usage,
            TableName::Faults => &tables.faults,
            TableName::Tallies => &tables.tallies,
        }
        .clone()
    }
}

fn write(
    frame: &mut DataFrame,
    format: TableFormat,
    out: &mut impl Write,
) -> Result<(), AnalyzerError> {
    match format {
        TableFormat::Csv => CsvWriter::new(out).finish(frame)?,
        TableFormat::JsonLines => JsonWriter::new(out)
            .with_json_format(JsonFormat::JsonLines)
            .finish(frame)?,
        TableFormat::Parquet => {
            ParquetWriter::new(out).finish(frame)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_a_trace_can_be_written() {
        let files = TableName::ALL.map(|table| format!("{}.parquet", table.word()));
        assert_eq!(files, crate::tables::NAMES);
    }
}
