//! Processes and the programs that they run, while events are folded.
//!
//! Key type: [`Lives`]. Neighbours: `fold.rs` reports what happens, `threads.rs` keeps the threads; `processes.rs` and
//! `programs.rs` make the tables.

use std::collections::HashMap;

use trapline_trace_format::event::{ExitStatus, Nanos};

use super::rows::{ProcessRow, ProgramRow};

/// All processes of a trace by arrival.
#[derive(Default)]
pub(crate) struct Lives {
    processes: Vec<ProcessRow>,
    programs: Vec<ProgramRow>,
    by_id: HashMap<u32, Life>,
}

/// Where a process's rows are.
#[derive(Clone, Copy)]
struct Life {
    process: usize,
    program: usize,
}

impl Lives {
    /// A new process that runs this program.
    pub(crate) fn arrive(&mut self, process: u32, parent: u32, program: ProgramRow) {
        let life = Life {
            process: self.processes.len(),
            program: self.programs.len(),
        };
        self.by_id.insert(process, life);
        self.processes.push(ProcessRow {
            process,
            parent,
            name: program.name.clone(),
            arrival_ns: program.start_ns,
            completion_ns: None,
            threads: 1,
            programs: 1,
            status: None,
        });
        self.programs.push(program);
    }

    /// One more thread of a process.
    pub(crate) fn join(&mut self, process: u32) -> Result<(), String> {
        let life = self.find(process)?;
        self.processes[life.process].threads += 1;
        Ok(())
    }

    /// The process runs another program.
    pub(crate) fn execute(&mut self, program: ProgramRow) -> Result<(), String> {
        let life = self.find(program.process)?;
        self.programs[life.program].end_ns = Some(program.start_ns);
        let row = &mut self.processes[life.process];
        row.name.clone_from(&program.name);
        row.programs += 1;
        let place = self.programs.len();
        self.by_id
            .entry(program.process)
            .and_modify(|life| life.program = place);
        self.programs.push(program);
        Ok(())
    }

    /// A thread of the process is in user mode: whatever program the process runs has its memory now.
    pub(crate) fn run(&mut self, process: u32, now_ns: Nanos) {
        if let Some(life) = self.by_id.get(&process) {
            self.programs[life.program].run_ns.get_or_insert(now_ns);
        }
    }

    /// The process is no more.
    pub(crate) fn end(
        &mut self,
        process: u32,
        status: ExitStatus,
        now_ns: Nanos,
    ) -> Result<(), String> {
        let life = self.find(process)?;
        self.programs[life.program].end_ns.get_or_insert(now_ns);
        let row = &mut self.processes[life.process];
        row.completion_ns.get_or_insert(now_ns);
        row.status.get_or_insert(status);
        Ok(())
    }

    /// All rows, by arrival and by start.
    pub(crate) fn finish(self) -> (Vec<ProcessRow>, Vec<ProgramRow>) {
        (self.processes, self.programs)
    }

    fn find(&self, process: u32) -> Result<Life, String> {
        let life = self.by_id.get(&process).copied();
        life.ok_or_else(|| format!("process {process} was never created"))
    }
}
