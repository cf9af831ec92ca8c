//! Memory maps: what a process could address at a moment, when it had most, and whose stacks are where.
//!
//! A process addresses what is mapped in the address space of the program that it runs: after `fork` a copy of its
//! parent's, after `exec` a fresh one, between `vfork` and `exec` its parent's own. Its peak is the moment of its last
//! program at which it had most bytes with any rights at all, counted from the program's first instruction on; of several such moments, one
//! at which most threads lived. The stack of a thread, as
//! long as it lives, is the mapping below the address that was given to `clone`; `clone3` hides that address in memory, but
//! C libraries keep the thread's control block at the upper end of its stack and tell the kernel of that
//! (`set_robust_list`, `rseq`). The first thread's stack is mapped as such.

use std::collections::{HashMap, HashSet};

use polars::prelude::{Expr, col, lit};
use trapline_trace_format::event::{Backing, Nanos};

use crate::error::AnalyzerError;
use crate::summary::ThreadStat;
use crate::tables::rows::MemoryRow;
use crate::tables::{Tables, lifecycle, memory};
use trapline_trace_format::maps::{Mapping, Maps};

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
            bytes: maps.of(row.space).map_or(0, |map| map.usable_bytes()),
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
const SET_ROBUST_LIST: i32 = 273;
const RSEQ: i32 = 334;
/// Shares memory with its parent.
const CLONE_VM: u64 = 0x100;

impl Stacks {
    /// The stacks of all threads but the first of each process.
    pub(crate) fn of(tables: &Tables, programs: &[Program]) -> Result<Self, AnalyzerError> {
        let mut stacks = Self {
            by_space: HashMap::new(),
        };
        let lives = lives(tables)?;
        if lives.values().all(|life| life.first) {
            return Ok(stacks);
        }
        let spaces = Spaces::of(programs);
        let mut known = HashSet::new();
        let is = |number: i32| col("number").eq(lit(number));
        let cloned = is(CLONE).and(col("result").gt(lit(0_i64)));
        for call in calls(tables, cloned)? {
            let thread = u32::try_from(call.result.unwrap_or(0)).unwrap_or(0);
            if call.arguments[0] & CLONE_VM != 0 && call.arguments[1] > 0 {
                known.insert(thread);
                stacks.add(&spaces, &lives, call.process, thread, call.arguments[1]);
            }
        }
        for call in calls(tables, is(SET_ROBUST_LIST).or(is(RSEQ)))? {
            if known.insert(call.thread) {
                let above = call.arguments[0].saturating_add(1);
                stacks.add(&spaces, &lives, call.process, call.thread, above);
            }
        }
        Ok(stacks)
    }

    /// The stack of a thread that is not its process's first; `top` is just above an address in it.
    fn add(
        &mut self,
        spaces: &Spaces<'_>,
        lives: &HashMap<u32, Life>,
        process: u32,
        thread: u32,
        top: u64,
    ) {
        let Some(life) = lives.get(&thread).filter(|life| !life.first) else {
            return;
        };
        if let Some(space) = spaces.at(process, life.from_ns) {
            self.by_space.entry(space).or_default().push(Stack {
                thread,
                top,
                from_ns: life.from_ns,
                to_ns: life.to_ns,
            });
        }
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

/// A system call and what may be told from it.
struct Call {
    process: u32,
    thread: u32,
    arguments: [u64; 2],
    result: Option<i64>,
}

/// The system calls that `wanted` picks, by time.
fn calls(tables: &Tables, wanted: Expr) -> Result<Vec<Call>, AnalyzerError> {
    let syscalls = tables
        .visits
        .clone()
        .filter(col("cause").eq(lit("syscall")).and(wanted));
    let columns = ["process", "thread", "argument0", "argument1", "result"];
    let frame = syscalls.select(columns.map(col)).collect()?;
    let processes = frame.column("process")?.u32()?;
    let threads = frame.column("thread")?.u32()?;
    let first = frame.column("argument0")?.u64()?;
    let second = frame.column("argument1")?.u64()?;
    let results = frame.column("result")?.i64()?;
    let call = |index| Call {
        process: processes.get(index).unwrap_or(0),
        thread: threads.get(index).unwrap_or(0),
        arguments: [first, second].map(|column| column.get(index).unwrap_or(0)),
        result: results.get(index),
    };
    Ok((0..frame.height()).map(call).collect())
}

/// From when to when a thread lived, and whether it was its process's first.
struct Life {
    first: bool,
    from_ns: Nanos,
    to_ns: Nanos,
}

fn lives(tables: &Tables) -> Result<HashMap<u32, Life>, AnalyzerError> {
    let columns = ["thread", "role", "arrival_ns", "completion_ns"];
    let frame = tables
        .lifecycle
        .clone()
        .select(columns.map(col))
        .collect()?;
    let threads = frame.column("thread")?.u32()?.iter();
    let roles = frame.column("role")?.str()?.iter();
    let arrivals = frame.column("arrival_ns")?.i64()?.iter();
    let completions = frame.column("completion_ns")?.i64()?.iter();
    let life = |((role, from_ns), to_ns): ((Option<&str>, Option<Nanos>), Option<Nanos>)| Life {
        first: role != Some(lifecycle::THREAD),
        from_ns: from_ns.unwrap_or(0),
        to_ns: to_ns.unwrap_or(Nanos::MAX),
    };
    Ok(threads
        .zip(roles.zip(arrivals).zip(completions))
        .map(|(thread, row)| (thread.unwrap_or(0), life(row)))
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
