//! Memory maps: what a process could address at a moment, when it had most, and whose stacks are where.
//!
//! A process addresses what is mapped in the address space of the program that it runs: after `fork` a copy of its
//! parent's, after `exec` a fresh one, between `vfork` and `exec` its parent's own. Its peak is the moment of its last
//! program at which most bytes were mapped, counted from the program's first instruction on; of several such moments, one
//! at which most threads lived. The stack of a thread is
//! the mapping below the address that was given to `clone`, as long as the thread lives; the first thread's stack is
//! mapped as such.

use std::collections::HashMap;

use polars::prelude::{col, lit};
use trapline_trace_format::event::{Backing, Nanos};

use crate::error::AnalyzerError;
use crate::memory::{Mapping, Maps};
use crate::summary::ThreadStat;
use crate::tables::rows::MemoryRow;
use crate::tables::{Tables, memory};

/// The moment of a process's life at which most was mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peak {
    pub(crate) bytes: u64,
    pub(crate) time_ns: Nanos,
    /// How many threads lived then.
    pub(crate) threads: u64,
    pub(crate) space: u32,
    /// So many changes of memory maps had happened.
    changes: usize,
}

/// A program that a process ran, as the table `programs` has it.
pub(crate) struct Program {
    pub(crate) process: u32,
    pub(crate) name: String,
    pub(crate) space: u32,
    pub(crate) start_ns: Nanos,
    pub(crate) run_ns: Option<Nanos>,
    pub(crate) end_ns: Option<Nanos>,
}

/// All programs by their start.
pub(crate) fn programs(tables: &Tables) -> Result<Vec<Program>, AnalyzerError> {
    let frame = tables.programs.clone().collect()?;
    let (processes, spaces) = (
        frame.column("process")?.u32()?,
        frame.column("space")?.u32()?,
    );
    let names = frame.column("name")?.str()?;
    let starts = frame.column("start_ns")?.i64()?;
    let (runs, ends) = (
        frame.column("run_ns")?.i64()?,
        frame.column("end_ns")?.i64()?,
    );
    let row = |index| Program {
        process: processes.get(index).unwrap_or(0),
        name: names.get(index).unwrap_or_default().to_owned(),
        space: spaces.get(index).unwrap_or(0),
        start_ns: starts.get(index).unwrap_or(0),
        run_ns: runs.get(index),
        end_ns: ends.get(index),
    };
    Ok((0..frame.height()).map(row).collect())
}

/// All changes of memory maps, in the order in which they happened.
pub(crate) fn changes(tables: &Tables) -> Result<Vec<MemoryRow>, AnalyzerError> {
    memory::changes(&tables.memory.clone().collect()?)
}

/// What the process could address after everything that happened up to `time_ns`. Nothing before its arrival, after its
/// end, or if there is no such process.
pub(crate) fn map_at(
    tables: &Tables,
    process: u32,
    time_ns: Nanos,
) -> Result<Vec<Mapping>, AnalyzerError> {
    let programs = programs(tables)?;
    let mut of_process = programs.iter().filter(|program| program.process == process);
    let current = of_process.rfind(|program| program.start_ns <= time_ns);
    let Some(current) = current.filter(|program| program.end_ns.is_none_or(|end| time_ns < end))
    else {
        return Ok(Vec::new());
    };
    let mut maps = Maps::default();
    for row in changes(tables)?
        .iter()
        .take_while(|row| row.time_ns <= time_ns)
    {
        maps.apply(row.space, &row.change);
    }
    let stacks = Stacks::of(tables, &programs)?;
    Ok(stacks.mappings(&maps, current.space, time_ns))
}

/// The peak of each process whose last program ran and had memory.
pub(crate) fn peaks(
    changes: &[MemoryRow],
    programs: &[Program],
    crowds: &Crowds,
) -> HashMap<u32, Peak> {
    let states = states(changes);
    let mut last: HashMap<u32, &Program> = HashMap::new();
    for program in programs {
        last.insert(program.process, program);
    }
    let peak = |(process, program): (u32, &Program)| {
        let states = states.get(&program.space)?;
        let peak = peak(states, program, crowds.of(process))?;
        Some((process, peak))
    };
    last.into_iter().filter_map(peak).collect()
}

/// What an address space has mapped from a time on.
#[derive(Clone, Copy)]
struct State {
    from_ns: Nanos,
    bytes: u64,
    changes: usize,
}

/// What each address space had mapped, by time.
fn states(changes: &[MemoryRow]) -> HashMap<u32, Vec<State>> {
    let mut maps = Maps::default();
    let mut states: HashMap<u32, Vec<State>> = HashMap::new();
    for (index, row) in changes.iter().enumerate() {
        maps.apply(row.space, &row.change);
        let state = State {
            from_ns: row.time_ns,
            bytes: maps.of(row.space).map_or(0, |map| map.bytes()),
            changes: index + 1,
        };
        let of_space = states.entry(row.space).or_default();
        // Of several changes at one moment, the last is what a program finds.
        match of_space.last_mut() {
            Some(before) if before.from_ns == state.from_ns => *before = state,
            _ => of_space.push(state),
        }
    }
    states
}

fn peak(states: &[State], program: &Program, crowd: &[(Nanos, u64)]) -> Option<Peak> {
    let (run_ns, end_ns) = (program.run_ns?, program.end_ns.unwrap_or(Nanos::MAX));
    let first = states.partition_point(|state| state.from_ns <= run_ns);
    let states = &states[first.saturating_sub(1)..];
    let ends = states.iter().skip(1).map(|next| next.from_ns);
    let during = states
        .iter()
        .zip(ends.chain([Nanos::MAX]))
        .take_while(|(state, _)| state.from_ns < end_ns);
    let most = during.max_by_key(|(state, to_ns)| {
        let threads = most_threads(crowd, state.from_ns.max(run_ns), (*to_ns).min(end_ns)).1;
        (state.bytes, threads, state.from_ns)
    });
    let (state, to_ns) = most.filter(|(state, _)| state.bytes > 0)?;
    let (time_ns, threads) = most_threads(crowd, state.from_ns.max(run_ns), to_ns.min(end_ns));
    Some(Peak {
        bytes: state.bytes,
        time_ns,
        threads,
        space: program.space,
        changes: state.changes,
    })
}

/// The first moment in the interval at which most threads live, and how many those are.
fn most_threads(crowd: &[(Nanos, u64)], from_ns: Nanos, to_ns: Nanos) -> (Nanos, u64) {
    let after = crowd.partition_point(|(time_ns, _)| *time_ns <= from_ns);
    let mut most = (
        from_ns,
        after.checked_sub(1).map_or(0, |place| crowd[place].1),
    );
    for (time_ns, threads) in &crowd[after..] {
        if *time_ns >= to_ns {
            break;
        }
        if *threads > most.1 {
            most = (*time_ns, *threads);
        }
    }
    most
}

/// How many threads of each process live from which time on.
pub(crate) struct Crowds {
    by_process: HashMap<u32, Vec<(Nanos, u64)>>,
}

impl Crowds {
    /// Of these threads.
    pub(crate) fn of_threads(threads: &[ThreadStat]) -> Self {
        let mut changes: HashMap<u32, Vec<(Nanos, i64)>> = HashMap::new();
        for thread in threads {
            let of_process = changes.entry(thread.process).or_default();
            of_process.push((thread.arrival_ns, 1));
            let lived_ns = thread.turnaround_ns;
            of_process.extend(lived_ns.map(|ns| (thread.arrival_ns.saturating_add(ns), -1)));
        }
        let counted = |(process, mut changes): (u32, Vec<(Nanos, i64)>)| {
            changes.sort_unstable();
            let mut living = 0_i64;
            let mut steps: Vec<(Nanos, u64)> = Vec::with_capacity(changes.len());
            for (time_ns, change) in changes {
                living += change;
                let step = (time_ns, living.max(0) as u64);
                match steps.last_mut() {
                    Some(last) if last.0 == time_ns => *last = step,
                    _ => steps.push(step),
                }
            }
            (process, steps)
        };
        Self {
            by_process: changes.into_iter().map(counted).collect(),
        }
    }

    fn of(&self, process: u32) -> &[(Nanos, u64)] {
        self.by_process.get(&process).map_or(&[], Vec::as_slice)
    }
}

/// What was mapped at each of the peaks, in their order.
pub(crate) fn at_peaks(
    changes: &[MemoryRow],
    stacks: &Stacks,
    peaks: &[Peak],
) -> Vec<Vec<Mapping>> {
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by_key(|place| peaks[*place].changes);
    let mut found = vec![Vec::new(); peaks.len()];
    let (mut maps, mut applied) = (Maps::default(), 0);
    for place in order {
        let peak = &peaks[place];
        for row in &changes[applied..peak.changes] {
            maps.apply(row.space, &row.change);
        }
        applied = peak.changes;
        found[place] = stacks.mappings(&maps, peak.space, peak.time_ns);
    }
    found
}

/// Where threads have their stacks, and when.
pub(crate) struct Stacks {
    by_space: HashMap<u32, Vec<Stack>>,
}

struct Stack {
    thread: u32,
    /// First address above it.
    top: u64,
    from_ns: Nanos,
    to_ns: Nanos,
}

const CLONE: i32 = 56;
/// Shares memory with its parent.
const CLONE_VM: u64 = 0x100;

impl Stacks {
    /// The stacks that were given to `clone`.
    pub(crate) fn of(tables: &Tables, programs: &[Program]) -> Result<Self, AnalyzerError> {
        let mut by_space: HashMap<u32, Vec<Stack>> = HashMap::new();
        let cloned = tables.visits.clone().filter(
            col("cause")
                .eq(lit("syscall"))
                .and(col("number").eq(lit(CLONE)))
                .and(col("result").gt(lit(0_i64))),
        );
        let columns = ["process", "enter_ns", "argument0", "argument1", "result"];
        let frame = cloned.select(columns.map(col)).collect()?;
        if frame.height() == 0 {
            return Ok(Self { by_space });
        }
        let ends = ends(tables)?;
        let spaces = Spaces::of(programs);
        let processes = frame.column("process")?.u32()?;
        let times = frame.column("enter_ns")?.i64()?;
        let (flags, tops) = (
            frame.column("argument0")?.u64()?,
            frame.column("argument1")?.u64()?,
        );
        let results = frame.column("result")?.i64()?;
        for index in 0..frame.height() {
            let (from_ns, top) = (times.get(index).unwrap_or(0), tops.get(index).unwrap_or(0));
            let thread = results.get(index).and_then(|id| u32::try_from(id).ok());
            let (Some(thread), true) = (thread, flags.get(index).unwrap_or(0) & CLONE_VM != 0)
            else {
                continue;
            };
            let process = processes.get(index).unwrap_or(0);
            if let (Some(space), true) = (spaces.at(process, from_ns), top > 0) {
                by_space.entry(space).or_default().push(Stack {
                    thread,
                    top,
                    from_ns,
                    to_ns: ends.get(&thread).copied().unwrap_or(Nanos::MAX),
                });
            }
        }
        Ok(Self { by_space })
    }

    /// What is mapped in a space, and whose stacks.
    fn mappings(&self, maps: &Maps, space: u32, time_ns: Nanos) -> Vec<Mapping> {
        let Some(map) = maps.of(space) else {
            return Vec::new();
        };
        let mut mappings = map.mappings();
        for mapping in &mut mappings {
            if mapping.backing == Backing::Stack {
                mapping.stack_of = Some(space);
            }
        }
        for stack in self.by_space.get(&space).into_iter().flatten() {
            if time_ns < stack.from_ns || time_ns >= stack.to_ns {
                continue;
            }
            let place = mappings.partition_point(|mapping| mapping.end < stack.top);
            if let Some(mapping) = mappings.get_mut(place)
                && mapping.start < stack.top
            {
                mapping.stack_of = Some(stack.thread);
            }
        }
        mappings
    }
}

/// When each thread ended that did.
fn ends(tables: &Tables) -> Result<HashMap<u32, Nanos>, AnalyzerError> {
    let lives = tables.lifecycle.clone();
    let frame = lives
        .select([col("thread"), col("completion_ns")])
        .collect()?;
    let threads = frame.column("thread")?.u32()?.iter();
    let ends = frame.column("completion_ns")?.i64()?.iter();
    Ok(threads
        .zip(ends)
        .filter_map(|(thread, end)| Some((thread?, end?)))
        .collect())
}

/// Which program, and with it which address space, each process had when.
pub(crate) struct Spaces<'a> {
    by_process: HashMap<u32, Vec<&'a Program>>,
}

impl<'a> Spaces<'a> {
    pub(crate) fn of(programs: &'a [Program]) -> Self {
        let mut by_process: HashMap<u32, Vec<&Program>> = HashMap::new();
        for program in programs {
            by_process.entry(program.process).or_default().push(program);
        }
        Self { by_process }
    }

    /// The program that the process ran at that time.
    pub(crate) fn program_at(&self, process: u32, time_ns: Nanos) -> Option<&'a Program> {
        let programs = self.by_process.get(&process)?;
        let after = programs.partition_point(|program| program.start_ns <= time_ns);
        programs.get(after.checked_sub(1)?).copied()
    }

    fn at(&self, process: u32, time_ns: Nanos) -> Option<u32> {
        self.program_at(process, time_ns)
            .map(|program| program.space)
    }
}
