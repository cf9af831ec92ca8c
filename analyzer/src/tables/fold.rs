//! Events to rows: a pure state machine over what the one CPU does. No polars, no files.
//!
//! Key type: [`Fold`]. Neighbours: `order.rs` hands it the events in order, `segment.rs` shares out each stretch of time,
//! `threads.rs` keeps each thread's readiness, `lives.rs` each process's programs, `fold/account.rs` keeps the accounts,
//! `rows.rs` has what comes out.
//!
//! The CPU is always in exactly one of these states:
//!
//! | state | from | to | time counts as |
//! |---|---|---|---|
//! | starting | time 0 | first switch begin, switch end or return | idle |
//! | switching | switch begin | switch end, or switch begin when the next thread's host process died on the way | switch |
//! | idle | switch end to thread 0 | switch begin | idle |
//! | kernel(T) | switch end to T, or trap of T | return of T, or switch begin | kernel(T, cause of T's open visit) |
//! | user(T) | return of T | trap of T, or switch begin when T's host process died | user(T), less exit and entry cost, which are kernel(T) |
//!
//! The tracer's holds are taken out of whatever state they fall in. Exit cost belongs to the visit that ended, entry cost
//! to the visit that begins. Each state's time is counted when the state ends, so the parts add up to the time of the
//! last event exactly. What happened before time 0 (booting) counts as happening at time 0.
//!
//! A trace that ends in the middle is cut at its last event: what is open then has no end, and nothing is extrapolated.

mod account;

use trapline_trace_format::event::{
    Event, EventKind, ExitStatus, Nanos, Role, SwitchReason, ThreadId, Trap, Waits,
};
use trapline_trace_format::meta::Calibration;

use super::lives::Lives;
use super::rows::{
    Blocked, LifecycleRow, MemoryRow, ProgramRow, Rows, SignalRow, SwitchRow, VisitRow,
};
use super::segment::{Costs, Segment};
use super::threads::{ThreadIndex, Threads};
use crate::summary::{Activity, Part};

/// An event that cannot follow the events before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {time_ns} ns: {reason}")]
pub(crate) struct FoldError {
    pub(crate) time_ns: Nanos,
    pub(crate) reason: String,
}

/// Folds events, in the order of their times, into rows.
pub(crate) struct Fold {
    costs: Costs,
    now_ns: Nanos,
    state: State,
    segment: Segment,
    threads: Threads,
    lives: Lives,
    rows: Rows,
    switch_ns: Nanos,
    idle_ns: Nanos,
    tracer_ns: Nanos,
    /// The switch whose next thread has not reached its first user instruction.
    arriving: Option<usize>,
    slice: Option<OpenSlice>,
}

#[derive(Clone, Copy)]
enum State {
    Starting,
    Switching {
        to: ThreadId,
    },
    Idle,
    Kernel(ThreadIndex),
    User {
        thread: ThreadIndex,
        visit: Option<usize>,
    },
}

/// Who has the CPU, since when, and since when its quantum counts.
#[derive(Clone, Copy)]
struct OpenSlice {
    row: usize,
    tracer_before_ns: Nanos,
    quanta: u32,
    quantum_start_ns: Nanos,
    quantum_tracer_before_ns: Nanos,
}

type Folded = Result<(), String>;

impl Fold {
    pub(crate) fn new(calibration: &Calibration) -> Self {
        Self {
            costs: Costs::of(calibration),
            now_ns: 0,
            state: State::Starting,
            segment: Segment::starting(0),
            threads: Threads::default(),
            lives: Lives::default(),
            rows: Rows::default(),
            switch_ns: 0,
            idle_ns: 0,
            tracer_ns: 0,
            arriving: None,
            slice: None,
        }
    }

    /// Takes the next event in time.
    pub(crate) fn push(&mut self, event: Event) -> Result<(), FoldError> {
        let (time_ns, before_ns) = (event.time, self.now_ns);
        // Inside a hold nothing of the machine runs; an event that claims to be there happened at its end.
        self.now_ns = before_ns.max(time_ns);
        self.take(event).map_err(|reason| {
            // What came before stays valid; it ends where the last good event was.
            self.now_ns = before_ns;
            FoldError { time_ns, reason }
        })
    }

    /// Ends the trace at the last event.
    pub(crate) fn finish(mut self) -> Rows {
        self.close_segment(false);
        let now_ns = self.now_ns;
        let tracer_ns = self.tracer_ns;
        if let Some(slice) = self.slice {
            self.rows.slices[slice.row].tracer_ns = tracer_ns - slice.tracer_before_ns;
        }
        let (lifecycle, mut partition) = self.threads.finish(now_ns);
        partition.push(Part {
            activity: Activity::Switch,
            ns: self.switch_ns,
        });
        partition.push(Part {
            activity: Activity::Idle,
            ns: self.idle_ns,
        });
        partition.push(Part {
            activity: Activity::Tracer,
            ns: tracer_ns,
        });
        partition.retain(|part| part.ns > 0);
        // Whatever was still open carries the tracer's clock at its start; make a duration of it.
        for visit in self
            .rows
            .visits
            .iter_mut()
            .filter(|visit| visit.end_ns.is_none())
        {
            visit.tracer_ns = tracer_ns - visit.tracer_ns;
        }
        let (processes, programs) = self.lives.finish();
        Rows {
            lifecycle,
            processes,
            programs,
            partition,
            ..self.rows
        }
    }

    fn take(&mut self, event: Event) -> Folded {
        let thread = event.thread;
        match event.kind {
            EventKind::Held { until, .. } => {
                let end_ns = until.max(self.now_ns);
                self.segment.hold(end_ns - self.now_ns);
                self.now_ns = end_ns;
                Ok(())
            }
            EventKind::Created {
                parent,
                name,
                role,
                space,
            } => {
                if thread == ThreadId::IDLE {
                    return Ok(());
                }
                let program = self.program(event.process.0, name, space.0);
                self.created(thread, parent.0, role, program)
            }
            EventKind::Executed { name, space } => {
                self.threads.rename(event.process.0, &name);
                let program = self.program(event.process.0, name, space.0);
                self.lives.execute(program)
            }
            EventKind::Exited { status } => self.exited(thread, status),
            EventKind::ProcessExited { status } => {
                self.lives.end(event.process.0, status, self.now_ns)
            }
            EventKind::Trap(trap) => self.trap(thread, event.process.0, trap),
            EventKind::Return { result } => self.returned(thread, event.process.0, result),
            EventKind::SwitchBegin { to, reason, waits } => {
                self.switch_begin(thread, to, reason, waits)
            }
            EventKind::SwitchEnd => self.switch_end(thread),
            EventKind::Woken => {
                let index = self.find(thread)?;
                self.threads.get(index).wake(self.now_ns);
                Ok(())
            }
            EventKind::QuantumStart { .. } => {
                self.quantum_start();
                Ok(())
            }
            EventKind::Signal {
                signal,
                sender,
                action,
                ..
            } => {
                self.rows.signals.push(SignalRow {
                    time_ns: self.now_ns,
                    process: event.process.0,
                    thread: thread.0,
                    signal,
                    sender: sender.0,
                    action,
                });
                let index = self.threads.find(thread.0);
                if let Some(row) = index.and_then(|index| self.threads.get(index).visit) {
                    self.rows.visits[row].signal = Some(signal);
                }
                Ok(())
            }
            EventKind::MapChanged { space, change } => {
                self.rows.memory.push(MemoryRow {
                    time_ns: self.now_ns,
                    process: event.process.0,
                    thread: thread.0,
                    space: space.0,
                    change,
                });
                Ok(())
            }
            EventKind::Console { .. }
            | EventKind::Input { .. }
            | EventKind::Samples { .. }
            | EventKind::Pointed(_)
            | EventKind::Descriptor { .. }
            | EventKind::SwitchedOut { .. }
            | EventKind::SwitchedIn { .. }
            | EventKind::Faulted { .. }
            | EventKind::Usage { .. }
            | EventKind::Tally(_)
            | EventKind::Preempted { .. }
            | EventKind::MemoryLeft { .. } => Ok(()),
        }
    }

    /// A program that the process runs from now on.
    fn program(&self, process: u32, name: String, space: u32) -> ProgramRow {
        ProgramRow {
            process,
            name,
            space,
            start_ns: self.now_ns,
            run_ns: None,
            end_ns: None,
        }
    }

    fn created(
        &mut self,
        thread: ThreadId,
        parent: u32,
        role: Role,
        program: ProgramRow,
    ) -> Folded {
        let process = program.process;
        let new = self.threads.arrive(LifecycleRow {
            thread: thread.0,
            process,
            parent,
            role,
            name: program.name.clone(),
            arrival_ns: self.now_ns,
            first_run_ns: None,
            completion_ns: None,
            waiting_ns: 0,
            blocked: Blocked::default(),
            status: None,
        });
        if !new {
            return Err(format!("thread {} is created twice", thread.0));
        }
        match role {
            Role::Process => {
                self.lives.arrive(process, parent, program);
                Ok(())
            }
            Role::Thread => self.lives.join(process),
        }
    }

    fn trap(&mut self, thread: ThreadId, process: u32, trap: Trap) -> Folded {
        let index = self.find(thread)?;
        match self.state {
            State::User {
                thread: running, ..
            } if running == index => {}
            _ => return Err(format!("thread {} traps but is not in user mode", thread.0)),
        }
        let entry_ns = self.close_segment(true);
        self.threads.get(index).visit = Some(self.rows.visits.len());
        self.rows.visits.push(VisitRow {
            thread: thread.0,
            process,
            trap,
            enter_ns: self.now_ns,
            left_ns: None,
            end_ns: None,
            returned: None,
            kernel_ns: 0,
            entry_ns,
            exit_ns: 0,
            tracer_ns: self.tracer_ns,
            signal: None,
        });
        let visit = self.threads.get(index).visit;
        self.charge(index, visit, entry_ns);
        self.enter(State::Kernel(index));
        Ok(())
    }

    fn returned(&mut self, thread: ThreadId, process: u32, result: i64) -> Folded {
        let index = self.find(thread)?;
        match self.state {
            State::Kernel(running) if running == index => {}
            State::Starting => {}
            _ => {
                return Err(format!(
                    "thread {} returns but is not in the kernel",
                    thread.0
                ));
            }
        }
        self.close_segment(false);
        if self.slice.is_none() {
            self.open_slice(thread);
            self.threads.get(index).run(self.now_ns);
        }
        let visit = self.threads.get(index).visit.take();
        if let Some(row) = visit {
            self.end_visit(row, Some(result));
        }
        self.lives.run(process, self.now_ns);
        self.enter(State::User {
            thread: index,
            visit,
        });
        Ok(())
    }

    fn switch_begin(
        &mut self,
        from: ThreadId,
        to: ThreadId,
        reason: SwitchReason,
        waits: Option<Waits>,
    ) -> Folded {
        if to != ThreadId::IDLE {
            self.find(to)?;
        }
        let loser = if from == ThreadId::IDLE {
            None
        } else {
            Some(self.find(from)?)
        };
        match (self.state, loser) {
            (State::Kernel(running), Some(index)) if running == index => {}
            (
                State::User {
                    thread: running, ..
                },
                Some(index),
            ) if running == index => {}
            // Its host process died before it noticed that it was given the CPU.
            (State::Switching { to }, Some(_)) if to == from => {}
            (State::Idle, None) | (State::Starting, _) => {}
            _ => {
                return Err(format!(
                    "thread {} gives away a CPU that it does not have",
                    from.0
                ));
            }
        }
        self.close_segment(false);
        self.arriving = None;
        self.close_slice(reason);
        if let Some(index) = loser {
            self.lose_cpu(index, reason, waits);
        }
        self.rows.switches.push(SwitchRow {
            from: from.0,
            to: to.0,
            reason,
            waits,
            begin_ns: self.now_ns,
            end_ns: None,
            handover_ns: 0,
            cost_ns: 0,
            tracer_ns: 0,
            cpu: None,
            away_ns: None,
            by_tracer: false,
        });
        self.enter(State::Switching { to });
        Ok(())
    }

    fn lose_cpu(&mut self, index: ThreadIndex, reason: SwitchReason, waits: Option<Waits>) {
        let now_ns = self.now_ns;
        let thread = self.threads.get(index);
        match reason {
            SwitchReason::Block => thread.block(waits, now_ns),
            SwitchReason::Exit => thread.end(now_ns, None),
            SwitchReason::Yield
            | SwitchReason::Quantum
            | SwitchReason::Preempt
            | SwitchReason::Idle => thread.become_ready(now_ns),
        }
        let ended = thread.row.completion_ns.is_some();
        if let Some(row) = thread.visit {
            self.rows.visits[row].left_ns.get_or_insert(now_ns);
            if ended {
                thread.visit = None;
                self.end_visit(row, None);
            }
        }
    }

    fn switch_end(&mut self, thread: ThreadId) -> Folded {
        match self.state {
            State::Switching { to } if to == thread => {}
            State::Starting => {}
            State::Switching { to } => {
                return Err(format!(
                    "thread {} gets the CPU instead of {}",
                    thread.0, to.0
                ));
            }
            _ => {
                return Err(format!(
                    "thread {} gets a CPU that nobody gave away",
                    thread.0
                ));
            }
        }
        let next = if thread == ThreadId::IDLE {
            State::Idle
        } else {
            State::Kernel(self.find(thread)?)
        };
        self.close_segment(false);
        if let State::Switching { .. } = self.state {
            let row = self.rows.switches.len() - 1;
            self.rows.switches[row].end_ns = Some(self.now_ns);
            self.arriving = (thread != ThreadId::IDLE).then_some(row);
        }
        if let State::Kernel(index) = next {
            self.threads.get(index).run(self.now_ns);
        }
        self.open_slice(thread);
        self.enter(next);
        Ok(())
    }

    fn exited(&mut self, thread: ThreadId, status: ExitStatus) -> Folded {
        let index = self.find(thread)?;
        self.threads.get(index).end(self.now_ns, Some(status));
        let running = matches!(self.state, State::Kernel(running) if running == index);
        // The thread that runs is still in the kernel; its visit ends with the switch away.
        if !running && let Some(row) = self.threads.get(index).visit.take() {
            self.rows.visits[row].left_ns.get_or_insert(self.now_ns);
            self.end_visit(row, None);
        }
        Ok(())
    }

    fn find(&mut self, thread: ThreadId) -> Result<ThreadIndex, String> {
        let unknown = || format!("thread {} was never created", thread.0);
        self.threads.find(thread.0).ok_or_else(unknown)
    }
}
