//! A recorded run and its trace, with the counts that tests ask for.
//!
//! Key type: [`Traced`]. Neighbour: `account.rs` holds the events against each other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use trapline_trace_format::event::{
    Abi, Cause, Event, EventKind, ExitStatus, ProcessId, Role, SignalAction,
};
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::{Meta, Outcome};

use super::account::{self, Call};
use super::run::{Run, Started, User, recorder};
use crate::support::{Scratch, stat};

/// A recording that ended, and its trace.
pub(crate) struct Traced {
    pub(crate) run: Run,
    pub(crate) path: PathBuf,
    pub(crate) meta: Meta,
    pub(crate) events: Vec<Event>,
    started: Started,
}

impl Traced {
    /// Records a program to its end; nothing of it may be left then.
    #[track_caller]
    pub(crate) fn record(user: User, line: &[OsString], options: &[&str]) -> Self {
        // The recorder starts in its own folder.
        let started = Started::new(user, &recorder(Path::new("a.trap"), options, line));
        let traced = Self::ended(started, "a.trap");
        traced.assert_nothing_left();
        traced
    }

    /// No process of it is left.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        self.started.left.assert_none();
    }

    /// Waits for the end of a recording.
    #[track_caller]
    pub(crate) fn ended(started: Started, trace: &str) -> Self {
        let run = started.end();
        let path = started.scratch.path(trace);
        let opened = Trace::open(&path).unwrap_or_else(|error| panic!("{error}: {run}"));
        let events = opened.events().expect("a log").map_while(Result::ok);
        Self {
            run,
            events: events.collect(),
            meta: opened.meta().clone(),
            path,
            started,
        }
    }

    /// The trace says that it is whole, its events agree with each other, and the analyzer can read it.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        let trace = Trace::open(&self.path).expect("a trace");
        assert_eq!(trace.completeness(), None, "{}", self.run);
        let status = self.run.status;
        assert!(
            matches!(self.meta.outcome, Outcome::Completed { status: told } if i32::from(told) == status),
            "{:?}: {}",
            self.meta.outcome,
            self.run
        );
        let faults = account::faults(&self.events);
        assert!(faults.is_empty(), "{faults:#?}: {}", self.run);
        stat(&self.path);
    }

    /// All calls.
    pub(crate) fn calls(&self) -> Vec<Call> {
        account::calls(&self.events)
    }

    /// How often this call of a table was made.
    pub(crate) fn count(&self, abi: Abi, number: i32) -> usize {
        self.results(abi, number).len()
    }

    /// What this call of a table returned, each time; None where it never did.
    pub(crate) fn results(&self, abi: Abi, number: i32) -> Vec<Option<i64>> {
        let calls = self.calls().into_iter();
        calls
            .filter(|call| (call.abi, call.number) == (abi, number))
            .map(|call| call.result)
            .collect()
    }

    /// How many processes or threads came to be.
    pub(crate) fn created(&self, wanted: Role) -> usize {
        let is_wanted = |event: &&Event| matches!(event.kind, EventKind::Created { role, .. } if role == wanted);
        self.events.iter().filter(is_wanted).count()
    }

    /// The programs that were executed, in order.
    pub(crate) fn executed(&self) -> Vec<&str> {
        let names = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Executed { name, .. } => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }

    /// How many threads ended.
    pub(crate) fn exited(&self) -> usize {
        let is_exit = |event: &&Event| matches!(event.kind, EventKind::Exited { .. });
        self.events.iter().filter(is_exit).count()
    }

    /// How each process ended, in order.
    pub(crate) fn ends(&self) -> Vec<(ProcessId, ExitStatus)> {
        let ends = self.events.iter().filter_map(|event| match event.kind {
            EventKind::ProcessExited { status } => Some((event.process, status)),
            _ => None,
        });
        ends.collect()
    }

    /// The signal that ended each killed process, in order.
    pub(crate) fn killed(&self) -> Vec<u8> {
        let signals = self
            .ends()
            .into_iter()
            .filter_map(|(_, status)| match status {
                ExitStatus::Killed { signal, .. } => Some(signal),
                ExitStatus::Code(_) => None,
            });
        signals.collect()
    }

    /// How often this signal had this effect (the word of an action).
    pub(crate) fn signals(&self, wanted: u8, word: &str) -> usize {
        let signals = self.events.iter().filter(|event| match event.kind {
            EventKind::Signal { signal, action, .. } => signal == wanted && action.word() == word,
            _ => false,
        });
        signals.count()
    }
}
