//! System calls: a stop at the entry becomes a trap, one at the return a return, each with what the arguments point to.
//!
//! Key type: [`Reading`]. Neighbours: `pointed.rs` reads memory, `descriptors.rs` asks what descriptors mean, `tally.rs`
//! counts where no events are kept.

use trapline_calls::fetches;
use trapline_trace_format::event::{Cause, EventKind, Nanos, Seen, Trap};
use trapline_trace_format::meta::Detail;

use super::engine::{Engine, Traced};
use super::filter;
use super::tree::{Filters, OpenCall, Shown, Watch};
use crate::error::TracerError;
use crate::ptrace::program::task::{CallStop, Entry, Stopped, Until};

/// How much of what arguments point to is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Of data and of texts that are no paths.
    pub(super) data_bytes: usize,
}

impl Engine<'_> {
    /// A stop at a system call's entry or return.
    pub(super) fn at_call(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        match stopped.call()? {
            Some(CallStop::Entry(entry)) => self.enters(stopped, entry, at),
            Some(CallStop::Return(result)) => self.returns(stopped, result, at),
            Some(CallStop::Elsewhere) => self.let_go(stopped, at, Seen::Other, 0),
            None => Ok(()),
        }
    }

    /// A stop that a filter asked for, before a call.
    pub(super) fn at_filter(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        let whom = self.tree.whom(stopped.tid().as_raw() as u32);
        if self.tree.filters(whom.process) == Filters::ItsOwn {
            return self.at_one_of_two_filters(stopped, at);
        }
        match stopped.call()? {
            Some(CallStop::Entry(entry)) if self.watch == Watch::Filtered => {
                self.enters(stopped, entry, at)
            }
            Some(_) => self.let_go(stopped, at, Seen::Other, 0),
            None => Ok(()),
        }
    }

    /// A process with a filter of its own stops at the entry first, where it was dealt with. Its own filter may ask for a
    /// tracer; there would be none without us.
    fn at_one_of_two_filters(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        match stopped.message()? {
            None => return Ok(()),
            Some(message) if message == u64::from(filter::OURS) => {}
            Some(_) => stopped.refuse_call()?,
        }
        self.let_go(stopped, at, Seen::Other, 0)
    }

    fn enters(&mut self, stopped: Stopped, entry: Entry, at: Nanos) -> Result<(), TracerError> {
        let tid = stopped.tid().as_raw() as u32;
        if !self.timeline.has_begun() && !self.is_first_execve(entry) {
            return stopped.resume(Until::Call, 0);
        }
        let is_wanted =
            self.watch != Watch::Nothing && self.rules.selection.has(entry.abi, entry.number);
        let shown = if is_wanted { Shown::Yes } else { Shown::No };
        let plan = match (shown, self.rules.detail) {
            (Shown::Yes, Detail::Events) => fetches(entry.abi, entry.number, &entry.arguments),
            _ => &[],
        };
        if let Some(thread) = self.tree.thread_mut(tid) {
            thread.call = Some(OpenCall { entry, shown, plan });
        }
        self.placement
            .before_call(&self.tree, entry.abi, entry.number);
        if shown == Shown::No {
            return self.let_go(stopped, at, Seen::Other, 0);
        }
        self.counts.calls += 1;
        if self.rules.detail == Detail::Events {
            let trap = Trap {
                cause: Cause::Syscall,
                abi: entry.abi,
                number: entry.number,
                instruction: entry.instruction,
                address: 0,
                arguments: entry.arguments,
            };
            let whom = self.tree.whom(tid);
            self.output.tell(at, whom, EventKind::Trap(trap));
            self.read_given(stopped.tid(), &entry, plan, at);
        }
        let seen = Seen::Trap {
            cause: Cause::Syscall,
            number: entry.number,
            instruction: entry.instruction,
        };
        self.let_go(stopped, at, seen, 0)
    }

    fn returns(&mut self, stopped: Stopped, result: i64, at: Nanos) -> Result<(), TracerError> {
        let tid = stopped.tid().as_raw() as u32;
        let Some(thread) = self.tree.thread_mut(tid) else {
            return self.let_go(stopped, at, Seen::Other, 0);
        };
        let took = at - thread.let_go;
        let Some(call) = thread.call.take() else {
            // Of a call that was entered before we came.
            return self.let_go(stopped, at, Seen::Other, 0);
        };
        if !self.timeline.has_begun() && self.is_first_execve(call.entry) {
            if result < 0 {
                return self.let_go(stopped, at, Seen::Other, 0);
            }
            self.timeline.begin();
        }
        let (abi, number) = (call.entry.abi, call.entry.number);
        self.placement.after_call(&self.tree, abi, number);
        let whom = self.tree.whom(tid);
        if result >= 0 && filter::installs(abi, number, &call.entry.arguments) {
            self.tree.set_filters(whom.process, Filters::ItsOwn);
        }
        if call.shown == Shown::No {
            return self.let_go(stopped, at, Seen::Other, 0);
        }
        match self.rules.detail {
            Detail::Events => {
                self.output.tell(at, whom, EventKind::Return { result });
                self.read_returned(stopped.tid(), &call, result, at);
                if self.rules.selection.touches_descriptors(abi, number) {
                    self.tell_descriptors(whom, &call.entry, result, at);
                }
            }
            Detail::Summary => self.tallies.add(whom.process, &call.entry, result, took),
        }
        self.let_go(stopped, at, Seen::Return, 0)
    }

    /// Whether the program that was started is about to be executed: what its process did before is ours.
    fn is_first_execve(&self, entry: Entry) -> bool {
        matches!(self.traced, Traced::Program { .. }) && i64::from(entry.number) == libc::SYS_execve
    }
}
