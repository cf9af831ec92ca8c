//! Events of programs on Linux to rows. Several threads run at once, so time is kept per thread. No polars, no files.
//!
//! Key type: [`LinuxFold`]. Neighbours: `linux/order.rs` brings the events in order, `linux/task.rs` is the state machine of
//! one thread, `linux/waits.rs` says what a blocked call waits for; `rows.rs` has what comes out. `fold.rs` is the same for
//! the mini-kernel's one CPU.
//!
//! Each nanosecond of a thread's life, from its arrival to its end, is in exactly one of these, and the partition of the
//! whole trace is the sum over its threads:
//!
//! | part | when |
//! |---|---|
//! | user | on a CPU, outside of a visit |
//! | kernel(cause) | on a CPU, in a visit. Where the host told of no context switches: in a visit |
//! | waiting | off the CPU, and could have gone on |
//! | blocked | off the CPU of its own will, until it has a CPU again; stopped by a signal |
//! | tracer | held by the tracer; off the CPU because of that; and the calibrated cost of a stop on the CPU, or without that all of it less what is seen |
//!
//! *Whose switch.* A stretch off the CPU that overlaps a hold of the same thread is the tracer's: to come to a stop a thread
//! has to run, so nothing else can be in it. The same goes for one in which the tracer sees the thread trap or return.
//!
//! *Numbers that come again.* Linux uses the number of an ended thread or process again. Here each has one of its own: the
//! host's, and for a later bearer 4,194,304 (which no host's number reaches) more for each one before.

pub(crate) mod order;
mod task;
mod waits;

use std::collections::HashMap;

use trapline_trace_format::event::{
    Event, EventKind, ExitStatus, Nanos, ProcessId, Role, SignalAction, SwitchReason, ThreadId,
    Waits,
};
use trapline_trace_format::meta::{Availability, Detail, Meta, Target};

use super::fold::FoldError;
use super::lives::Lives;
use super::rows::{
    Blocked, FaultRow, LifecycleRow, ProgramRow, Rows, SignalRow, TallyRow, UsageRow,
};
use super::segment::Costs;
use crate::summary::{Activity, Part};
use task::{Start, StopCost, Task};

/// One more than the largest number that Linux gives to a thread (PID_MAX_LIMIT).
pub(crate) const NUMBERS: u32 = 1 << 22;

/// Folds events, nearly in the order of their times, into rows.
pub(crate) struct LinuxFold {
    cost: StopCost,
    detail: Detail,
    now_ns: Nanos,
    tasks: Vec<Task>,
    /// Living threads by the host's number.
    threads: HashMap<u32, usize>,
    /// Living processes: the host's number to the one here.
    processes: HashMap<u32, u32>,
    /// How many threads have had each of the host's numbers.
    bearers: HashMap<u32, u32>,
    /// Threads that the host gave a CPU before the tracer knew them, and which.
    early: HashMap<u32, u32>,
    /// What a process waits for when it blocks on a descriptor.
    descriptors: HashMap<u32, HashMap<i32, Waits>>,
    lives: Lives,
    rows: Rows,
}

impl LinuxFold {
    pub(crate) fn new(meta: &Meta) -> Self {
        let (detail, told) = match &meta.target {
            Target::Linux {
                detail, switches, ..
            } => (*detail, *switches == Availability::Available),
            Target::Mini { .. } => (Detail::Events, false),
        };
        let costs = Costs::of(&meta.calibration);
        let cost = match costs.on_cpu_stop_ns {
            on_cpu_ns if told && on_cpu_ns > 0 => StopCost::OnCpu(on_cpu_ns),
            _ => StopCost::Whole(costs.hidden_stop_ns),
        };
        Self {
            cost,
            detail,
            now_ns: 0,
            tasks: Vec::new(),
            threads: HashMap::new(),
            processes: HashMap::new(),
            bearers: HashMap::new(),
            early: HashMap::new(),
            descriptors: HashMap::new(),
            lives: Lives::default(),
            rows: Rows::default(),
        }
    }

    /// Whether an event of this kind says anything here.
    pub(crate) fn wants(kind: &EventKind) -> bool {
        !matches!(kind, EventKind::Pointed(_) | EventKind::Samples { .. })
    }

    /// Takes the next event in time.
    pub(crate) fn push(&mut self, event: Event) -> Result<(), FoldError> {
        let (time_ns, before_ns) = (event.time, self.now_ns);
        self.now_ns = before_ns.max(time_ns);
        if let EventKind::Held { until, .. } = event.kind {
            self.now_ns = self.now_ns.max(until);
        }
        self.take(event, time_ns.max(0)).map_err(|reason| {
            self.now_ns = before_ns;
            FoldError { time_ns, reason }
        })
    }

    fn take(&mut self, event: Event, time_ns: Nanos) -> Result<(), String> {
        let (process, thread) = (event.process.0, event.thread.0);
        let task = self.threads.get(&thread).copied();
        match event.kind {
            EventKind::Created {
                parent, name, role, ..
            } => self.created(event.process, event.thread, parent.0, name, role, time_ns),
            EventKind::Executed { name, .. } => self.executed(process, thread, name, time_ns)?,
            EventKind::Exited { status } => {
                if let Some(place) = self.threads.remove(&thread) {
                    self.tasks[place].end(time_ns, Some(status), &mut self.rows);
                }
                self.early.remove(&thread);
            }
            EventKind::ProcessExited { status } => {
                self.process_exited(process, status, time_ns)?;
            }
            EventKind::Trap(trap) => {
                let place = task.ok_or_else(|| unknown(thread))?;
                self.tasks[place].trap(time_ns, trap, &mut self.rows);
            }
            EventKind::Return { result } => {
                let place = task.ok_or_else(|| unknown(thread))?;
                let task = &mut self.tasks[place];
                task.returned(time_ns, result, &mut self.rows);
                self.lives.run(task.row.process, task.now_ns());
            }
            EventKind::Held { until, .. } => {
                if let Some(place) = task {
                    self.tasks[place].held(time_ns, until, &mut self.rows);
                }
            }
            EventKind::SwitchedOut { cpu, reason } => match task {
                Some(place) => {
                    self.tasks[place].switched_out(time_ns, cpu, reason, &mut self.rows);
                }
                None => {
                    self.early.remove(&thread);
                }
            },
            EventKind::SwitchedIn { cpu } => match task {
                Some(place) => {
                    let task = &mut self.tasks[place];
                    let waits = task.waits(&self.rows, self.descriptors.get(&task.row.process));
                    task.switched_in(time_ns, cpu, waits, &mut self.rows);
                }
                None => {
                    self.early.insert(thread, cpu);
                }
            },
            EventKind::Signal {
                signal,
                sender,
                action,
                ..
            } => {
                self.rows.signals.push(SignalRow {
                    time_ns,
                    process: self.process(process),
                    thread: task.map_or(thread, |place| self.tasks[place].row.thread),
                    signal,
                    sender: self.process(sender.0),
                    action,
                });
                self.signalled(process, task, signal, action, time_ns);
            }
            EventKind::Faulted {
                address,
                instruction,
                size,
            } => self.rows.faults.push(FaultRow {
                time_ns,
                process: self.process(process),
                thread: task.map_or(thread, |place| self.tasks[place].row.thread),
                address,
                instruction,
                size,
            }),
            EventKind::Usage { of, usage } => self.rows.usage.push(UsageRow {
                time_ns,
                process: self.process(process),
                thread: task.map_or(thread, |place| self.tasks[place].row.thread),
                of,
                usage,
            }),
            EventKind::Tally(tally) => self.rows.tallies.push(TallyRow {
                process: self.process(process),
                tally: *tally,
            }),
            EventKind::Descriptor {
                descriptor,
                meaning,
            } => {
                let known = self.descriptors.entry(self.process(process)).or_default();
                match waits::of_descriptor(&meaning) {
                    Some(waits) => known.insert(descriptor, waits),
                    None => known.remove(&descriptor),
                };
            }
            EventKind::SwitchBegin { .. }
            | EventKind::MemoryLeft { .. }
            | EventKind::SwitchEnd
            | EventKind::Woken
            | EventKind::QuantumStart { .. }
            | EventKind::Console { .. }
            | EventKind::Input { .. }
            | EventKind::MapChanged { .. }
            | EventKind::Samples { .. }
            | EventKind::Preempted { .. }
            | EventKind::Pointed(_) => {}
        }
        Ok(())
    }

    fn created(
        &mut self,
        process: ProcessId,
        thread: ThreadId,
        parent: u32,
        name: String,
        role: Role,
        time_ns: Nanos,
    ) {
        // Its end was not seen.
        if let Some(place) = self.threads.remove(&thread.0) {
            self.tasks[place].end(time_ns, None, &mut self.rows);
        }
        let number = self.number(thread.0);
        let parent = self.process(parent);
        let program = match role {
            Role::Process => {
                self.processes.insert(process.0, number);
                let inherited = self.descriptors.get(&parent).cloned();
                self.descriptors
                    .insert(number, inherited.unwrap_or_default());
                let program = self.program(number, name.clone(), time_ns);
                self.lives.arrive(number, parent, program);
                number
            }
            Role::Thread => {
                let program = self.process(process.0);
                // Of a process that nobody knows: the thread is shown all the same.
                let _ = self.lives.join(program);
                program
            }
        };
        let row = LifecycleRow {
            thread: number,
            process: program,
            parent,
            role,
            name,
            arrival_ns: time_ns,
            first_run_ns: None,
            completion_ns: None,
            waiting_ns: 0,
            blocked: Blocked::default(),
            status: None,
        };
        let start = self.early.remove(&thread.0).map(Start::Running);
        self.threads.insert(thread.0, self.tasks.len());
        let start = start.unwrap_or(Start::Unknown);
        let task = Task::new(row, start, self.cost, &mut self.rows);
        self.tasks.push(task);
    }

    /// The process runs another program. When another thread than the leader asked for it, the others are no more, and the
    /// caller goes on under the leader's number.
    fn executed(
        &mut self,
        process: u32,
        thread: u32,
        name: String,
        time_ns: Nanos,
    ) -> Result<(), String> {
        let number = self.process(process);
        if !self.threads.contains_key(&thread) {
            let of_process = |place: &usize| self.tasks[*place].row.process == number;
            let caller = self.threads.iter().find(|(_, place)| of_process(place));
            if let Some((&caller, &place)) = caller {
                self.threads.remove(&caller);
                self.threads.insert(thread, place);
            }
        }
        for &place in self.threads.values() {
            let row = &mut self.tasks[place].row;
            if row.process == number {
                row.name.clone_from(&name);
            }
        }
        let program = self.program(number, name, time_ns);
        self.lives.execute(program)
    }

    fn process_exited(
        &mut self,
        process: u32,
        status: ExitStatus,
        time_ns: Nanos,
    ) -> Result<(), String> {
        let number = self.process(process);
        let (tasks, rows) = (&mut self.tasks, &mut self.rows);
        self.threads.retain(|_, place| {
            let task = &mut tasks[*place];
            let lives = task.row.process != number;
            if !lives {
                task.end(time_ns, Some(status), rows);
            }
            lives
        });
        self.processes.remove(&process);
        self.descriptors.remove(&number);
        self.lives.end(number, status, time_ns)
    }

    fn signalled(
        &mut self,
        process: u32,
        task: Option<usize>,
        signal: u8,
        action: SignalAction,
        time_ns: Nanos,
    ) {
        if let Some(place) = task {
            self.tasks[place].signalled(signal, &mut self.rows);
        }
        let stops = match action {
            SignalAction::Stop => true,
            SignalAction::Continue => false,
            _ => return,
        };
        let number = self.process(process);
        for &place in self.threads.values() {
            let task = &mut self.tasks[place];
            if task.row.process == number {
                task.stop(time_ns, stops);
            }
        }
    }

    /// Ends the trace at the last event.
    pub(crate) fn finish(mut self) -> Rows {
        let now_ns = self.now_ns;
        let mut partition = Vec::new();
        let mut tracer_ns = 0;
        for task in &mut self.tasks {
            task.cut(now_ns, &mut self.rows);
            task.parts(&mut partition);
            tracer_ns = task.tracer_ns().saturating_add(tracer_ns);
        }
        partition.push(Part {
            activity: Activity::Tracer,
            ns: tracer_ns,
        });
        partition.retain(|part| part.ns > 0);
        if self.detail == Detail::Summary {
            // Neither which part of a life was in the kernel was kept, nor which switches were at the tracer's stops.
            partition.clear();
            self.rows.switches.clear();
            for task in &mut self.tasks {
                task.row.waiting_ns = 0;
                task.row.blocked = Blocked::default();
            }
        }
        let (processes, programs) = self.lives.finish();
        let mut rows = Rows {
            lifecycle: self.tasks.into_iter().map(|task| task.row).collect(),
            processes,
            programs,
            partition,
            ..self.rows
        };
        // Held back by a hold, a thread's events may stand behind later ones of others.
        rows.visits.sort_by_key(|row| row.enter_ns);
        rows.slices.sort_by_key(|row| row.start_ns);
        rows
    }

    /// A number of its own for the next bearer of the host's number.
    fn number(&mut self, of_host: u32) -> u32 {
        let bearers = self.bearers.entry(of_host).or_default();
        let number = of_host.wrapping_add(bearers.wrapping_mul(NUMBERS));
        *bearers += 1;
        number
    }

    /// The number here of a living process; of an unknown one the host's.
    fn process(&self, of_host: u32) -> u32 {
        self.processes.get(&of_host).copied().unwrap_or(of_host)
    }

    fn program(&self, process: u32, name: String, start_ns: Nanos) -> ProgramRow {
        ProgramRow {
            process,
            name,
            space: process,
            start_ns,
            run_ns: None,
            end_ns: None,
        }
    }
}

fn unknown(thread: u32) -> String {
    format!("thread {thread} was never created")
}

/// Whether a thread that lost the CPU for this reason could have gone on.
fn could_go_on(reason: SwitchReason) -> bool {
    !matches!(reason, SwitchReason::Block | SwitchReason::Exit)
}

#[cfg(test)]
mod tests;
