//! The tracer of Linux programs: waits for a stop, tells what it means, lets the task go on.
//!
//! Key type: [`Engine`]. Its parts: `calls.rs` (system calls), `family.rs` (new tasks, programs, ends), `signals.rs`,
//! `wishes.rs` (what is wanted of the tracer itself). What a stop is and what may be asked at it is in
//! `ptrace/program`.
//!
//! Invariants: a stopped task is held by value, so it is let go exactly once or handed on. At a call nothing is written to a
//! file, formatted or allocated between a stop and letting go, unless it makes a descriptor. Everything is told by this one
//! thread, so the log's order is the order of stops.

use rustc_hash::FxHashMap;
use trapline_trace_format::event::{Nanos, Seen};
use trapline_trace_format::meta::Detail;

use super::calls::Reading;
use super::output::Output;
use super::placement::Placement;
use super::selection::Selection;
use super::tally::Tallies;
use super::timeline::Timeline;
use super::tree::{Tree, Watch};
use super::wishes::Wishes;
use crate::error::TracerError;
use crate::host_events::{Accounts, HostEvents};
use crate::ptrace::program::interrupts::Interrupts;
use crate::ptrace::program::start::Launched;
use crate::ptrace::program::stop::{End, Stop, Waited, wait};
use crate::ptrace::program::task::{Stopped, Until};

/// What does not change while the engine runs.
pub(super) struct Rules {
    pub(super) selection: Selection,
    pub(super) reading: Reading,
    pub(super) detail: Detail,
    pub(super) bytes: Option<u64>,
    pub(super) time: Option<Nanos>,
}

/// Whom the engine traces.
#[derive(Debug)]
pub(super) enum Traced {
    /// A program that it started.
    Program {
        /// Its first process.
        root: u32,
        /// The news of its start.
        launched: Option<Launched>,
        /// How it ended.
        end: Option<End>,
    },
    /// Processes that it attached to.
    Attached,
    /// A child of its own that it measures itself with.
    Probe,
}

impl Traced {
    /// The process that was started.
    pub(super) fn root(&self) -> Option<u32> {
        match self {
            Self::Program { root, .. } => Some(*root),
            Self::Attached | Self::Probe => None,
        }
    }
}

/// A task that stopped or ended before its parent told of it.
pub(super) enum Early {
    Stopped(Stopped, Stop, Nanos),
    Ended(End),
}

/// Whether tasks are let go on, or for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Tracing,
    Leaving,
}

/// The tracer.
pub(super) struct Engine<'a> {
    pub(super) rules: &'a Rules,
    pub(super) traced: Traced,
    pub(super) watch: Watch,
    pub(super) mood: Mood,
    pub(super) timeline: Timeline,
    pub(super) output: Output<'a>,
    pub(super) tree: Tree,
    pub(super) early: FxHashMap<u32, (Early, u32)>,
    pub(super) host: HostEvents,
    pub(super) accounts: Accounts,
    pub(super) tallies: Tallies,
    pub(super) placement: Placement,
    pub(super) wishes: Wishes,
    pub(super) counts: Counts,
    /// Why calls are no longer recorded, and since when.
    pub(super) cut: Option<(Nanos, &'static str)>,
    pub(super) notes: Vec<String>,
    pub(super) ticks: u32,
}

/// What a recording saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// System calls that were recorded.
    pub calls: u64,
    /// Processes.
    pub processes: u64,
    /// Threads, the first of each process among them.
    pub threads: u64,
}

impl Engine<'_> {
    /// Traces until nobody is left. Gives the time of the end.
    pub(super) fn run(&mut self, interrupts: &Interrupts) -> Result<Nanos, TracerError> {
        /// Each stop is two switches, and the host's rings hold some thousand.
        const LOOK_AT_RINGS: u32 = 256;
        let mut waits = 0_u32;
        loop {
            match wait()? {
                Waited::Stopped(stopped, stop) => self.at_stop(stopped, stop)?,
                Waited::Ended(pid, end) => self.ended(pid.as_raw() as u32, end)?,
                Waited::Interrupted => {}
                Waited::NoneLeft => break,
            }
            if interrupts.ticked() {
                self.tick(interrupts)?;
            }
            waits = waits.wrapping_add(1);
            if waits.is_multiple_of(LOOK_AT_RINGS) && self.host.half_full() {
                self.drain_host();
            }
        }
        self.drain_host();
        Ok(self.timeline.now())
    }

    fn at_stop(&mut self, stopped: Stopped, stop: Stop) -> Result<(), TracerError> {
        let at = self.timeline.now();
        let tid = stopped.tid().as_raw() as u32;
        if self.tree.thread(tid).is_none() {
            let early = Early::Stopped(stopped, stop, at);
            self.early.insert(tid, (early, self.ticks));
            return Ok(());
        }
        self.placement.count_stop();
        self.act(stopped, stop, at)
    }

    /// Does what a stop at this time asks for.
    pub(super) fn act(
        &mut self,
        stopped: Stopped,
        stop: Stop,
        at: Nanos,
    ) -> Result<(), TracerError> {
        match stop {
            Stop::Call => self.at_call(stopped, at),
            Stop::Seccomp => self.at_filter(stopped, at),
            Stop::Signal(signal) => self.at_signal(stopped, signal, at),
            Stop::Group(_) => self.at_group_stop(stopped, at),
            Stop::NewTask(kind) => self.at_new_task(stopped, kind, at),
            Stop::Exec => self.at_execution(stopped, at),
            Stop::Exit => self.at_exit(stopped, at),
            Stop::Trap | Stop::Unknown => self.let_go(stopped, at, Seen::Other, 0),
        }
    }

    /// Lets a task go that stopped at this time, with this signal if it is not 0.
    pub(super) fn let_go(
        &mut self,
        stopped: Stopped,
        at: Nanos,
        seen: Seen,
        signal: i32,
    ) -> Result<(), TracerError> {
        let tid = stopped.tid().as_raw() as u32;
        let now = self.timeline.now();
        let mut until = Until::Event;
        let whom = self.tree.whom(tid);
        let filters = self.tree.filters(whom.process);
        if let Some(thread) = self.tree.thread_mut(tid) {
            thread.let_go = now;
            thread.in_group_stop = false;
            until = thread.until(self.watch, filters);
            // Before the start only the program's own execve is part of the trace.
            let is_told = self.timeline.has_begun() || seen != Seen::Other;
            if self.rules.detail == Detail::Events && is_told {
                self.output.held(at, now, whom, seen);
            }
        }
        match self.mood {
            Mood::Tracing => stopped.resume(until, signal),
            Mood::Leaving => {
                self.leave_behind(tid, now);
                stopped.detach(signal)
            }
        }
    }

    /// What is to be done now and then: hundred times a second, unless nothing happens.
    fn tick(&mut self, interrupts: &Interrupts) -> Result<(), TracerError> {
        /// Ticks between two flushes.
        const FLUSH: u32 = 10;
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(FLUSH) {
            self.drain_host();
            self.output.flush();
        }
        self.check_limits();
        self.adopt_orphans()?;
        self.placement.tick(&self.tree);
        self.listen_to_wishes(interrupts)
    }

    pub(super) fn drain_host(&mut self) {
        let (output, timeline) = (&mut self.output, self.timeline);
        if !timeline.has_begun() {
            return;
        }
        self.host.drain(&mut |mut event| {
            event.time = timeline.at(event.time);
            output.append(&event);
        });
    }

    /// From a limit on calls are no longer recorded, and the program runs on without stops.
    fn check_limits(&mut self) {
        let now = self.timeline.now();
        let why = if self.output.has_failed() {
            "the trace could not be written any more"
        } else if self
            .rules
            .bytes
            .is_some_and(|most| self.output.bytes_on_disk() >= most)
        {
            "the trace had reached its size (--limit-size)"
        } else if self.rules.time.is_some_and(|most| now >= most) {
            "the trace had reached its length (--limit)"
        } else {
            return;
        };
        if self.cut.is_none() {
            self.cut = Some((now, why));
            self.watch = Watch::Nothing;
        }
    }
}
