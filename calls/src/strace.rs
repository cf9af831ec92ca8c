//! A trace as lines like those of `strace -f -o FILE`.
//!
//! Key type: [`Lines`], fed with the events of a trace in their order. Neighbours: `text.rs` prints a call, `strace/line.rs`
//! keeps what is on the current line. What has no equivalent in strace (switches, faults, accounts) gives no line.

mod line;

use std::collections::HashMap;
use std::io::{self, Write};

use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, Nanos, Pointed, ProcessId, Seen, SignalAction, ThreadId,
    Trap,
};

use crate::CallSet;
use crate::fetch::PARTS;
use crate::text::signals::{information, signal_name};
use crate::text::{Occurrence, Style};
use line::Line;

/// What lines begin and end with, and which are printed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose line it is.
    pub pids: Pids,
    /// When it was.
    pub timestamps: Timestamps,
    /// How long each call took.
    pub durations: Durations,
    /// How calls are printed.
    pub style: Style,
    /// Which calls are printed.
    pub calls: CallSet,
}

/// The column of thread numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pids {
    /// On each line, as `strace -f -o FILE` has it.
    Shown,
    /// Not at all, as `strace -o FILE`.
    Hidden,
}

/// The column of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// None.
    None,
    /// Since the start of the trace, in seconds with nanoseconds.
    Start,
    /// Since the line before (`-r`).
    Relative,
    /// Since 1970 in seconds with microseconds (`-ttt`); the trace started at that second.
    Unix {
        /// When the trace started.
        started_s: u64,
    },
}

/// The time in angle brackets at a line's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durations {
    /// None.
    Hidden,
    /// From the call's entry to its return without the tracer's stop (`-T`), in seconds with microseconds.
    Shown,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pids: Pids::Shown,
            timestamps: Timestamps::None,
            durations: Durations::Hidden,
            style: Style::default(),
            calls: CallSet::all(),
        }
    }
}

/// A call under way.
struct Pending {
    process: ProcessId,
    trap: Trap,
    /// When the program's part of it began: behind the tracer's stop.
    entered: Nanos,
    given: Vec<Pointed>,
    got: Vec<Pointed>,
    returned: Option<(Nanos, i64)>,
    /// For restart_syscall: the call that goes on.
    goes_on: Option<&'static str>,
    stage: Stage,
}

/// How much of a call is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing: its arguments are being told.
    Collecting,
    /// Its beginning.
    Begun,
}

/// Most pieces of memory that are kept of one half of a call.
const MOST_POINTED: usize = 4 * PARTS;

/// The negated errno of a call that goes on by restart_syscall(2).
const ERESTART_RESTARTBLOCK: i64 = -516;

/// Writes the lines of a trace.
pub struct Lines<'a, W> {
    options: &'a Options,
    line: Line<'a, W>,
    pending: HashMap<ThreadId, Pending>,
    /// Executions whose caller gave up its number for its process's.
    handed_over: HashMap<ProcessId, (ThreadId, Pending)>,
    /// Calls that a signal interrupted and restart_syscall will go on with.
    interrupted: HashMap<ThreadId, &'static str>,
    /// The thread that the last event was about, if it is being told something.
    told: Option<(ThreadId, Nanos)>,
}

impl<'a, W: Write> Lines<'a, W> {
    /// Writes to `out`.
    pub fn new(options: &'a Options, out: W) -> Self {
        Self {
            options,
            line: Line::new(options, out),
            pending: HashMap::new(),
            handed_over: HashMap::new(),
            interrupted: HashMap::new(),
            told: None,
        }
    }

    /// The next event of the trace.
    ///
    /// # Errors
    /// When its lines cannot be written.
    pub fn event(&mut self, event: Event) -> io::Result<()> {
        let (thread, time) = (event.thread, event.time);
        if self.told.is_some_and(|(told, _)| told != thread) {
            self.settle()?;
        }
        match event.kind {
            EventKind::Trap(trap) if trap.cause == Cause::Syscall => {
                self.settle()?;
                if self.options.calls.contains(trap.abi, trap.number) {
                    self.enter(event.process, thread, time, trap);
                }
            }
            EventKind::Pointed(pointed) => {
                if let Some(call) = self.pending.get_mut(&thread) {
                    let side = match call.returned {
                        None => &mut call.given,
                        Some(_) => &mut call.got,
                    };
                    // No recorder tells more of one call; a file that does is not worth the memory.
                    if side.len() < MOST_POINTED {
                        side.push(pointed);
                    }
                }
            }
            EventKind::Return { result } => {
                self.settle()?;
                self.take_over(event.process, thread);
                if let Some(call) = self.pending.get_mut(&thread) {
                    call.returned = Some((time, result));
                    self.told = Some((thread, time));
                }
            }
            EventKind::Held { until, seen, .. } => {
                if let (Seen::Trap { .. }, Some(call)) = (seen, self.pending.get_mut(&thread))
                    && call.returned.is_none()
                {
                    call.entered = until;
                }
                self.settle()?;
            }
            EventKind::Signal {
                signal,
                sender,
                action,
                info,
            } => {
                self.settle()?;
                let name = signal_name(signal.into());
                let text = information(&info).or_else(|| sent_by(&name, sender));
                let text = text.map_or_else(|| name.clone(), |text| format!("{name} {text}"));
                self.line.whole(thread, time, &format!("--- {text} ---"))?;
                if action == SignalAction::Stop {
                    self.line
                        .whole(thread, time, &format!("--- stopped by {name} ---"))?;
                }
            }
            EventKind::Exited { status } => {
                self.settle()?;
                if self.hand_over(event.process, thread) {
                    return Ok(());
                }
                let caller = self.superseded_by(event.process, thread);
                self.unfinished(thread, time)?;
                if let Some(caller) = caller {
                    let text = format!("+++ superseded by execve in pid {} +++", caller.0);
                    return self.line.whole(thread, time, &text);
                }
                let text = match status {
                    ExitStatus::Code(code) => format!("+++ exited with {code} +++"),
                    ExitStatus::Killed { signal, .. } => {
                        format!("+++ killed by {} +++", signal_name(signal.into()))
                    }
                };
                self.line.whole(thread, time, &text)?;
            }
            EventKind::ProcessExited { .. } => {
                self.settle()?;
                // The execution came to nothing: the process was ended in its middle.
                if let Some((caller, call)) = self.handed_over.remove(&event.process) {
                    self.complete(caller, time, &call)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The trace is over.
    ///
    /// # Errors
    /// When the last line cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.settle()?;
        self.line.finish()
    }

    fn enter(&mut self, process: ProcessId, thread: ThreadId, time: Nanos, trap: Trap) {
        let call = Pending {
            process,
            trap,
            entered: time,
            given: Vec::new(),
            got: Vec::new(),
            returned: None,
            goes_on: self.interrupted.remove(&thread),
            stage: Stage::Collecting,
        };
        self.pending.insert(thread, call);
        self.told = Some((thread, time));
    }

    /// Prints what has been told completely.
    fn settle(&mut self) -> io::Result<()> {
        let Some((thread, time)) = self.told.take() else {
            return Ok(());
        };
        let Some(call) = self.pending.get_mut(&thread) else {
            return Ok(());
        };
        let style = self.options.style;
        if call.stage == Stage::Collecting {
            call.stage = Stage::Begun;
            let mut text = call.occurrence().beginning(style);
            if text == "restart_syscall(" {
                let what = call.goes_on.unwrap_or("system call");
                text += &format!("<... resuming interrupted {what} ...>");
            }
            self.line.begin(thread, time, &text)?;
        }
        if call.returned.is_some()
            && let Some(call) = self.pending.remove(&thread)
        {
            self.complete(thread, time, &call)?;
        }
        Ok(())
    }

    /// Prints a call that will not return.
    fn unfinished(&mut self, thread: ThreadId, time: Nanos) -> io::Result<()> {
        match self.pending.remove(&thread) {
            Some(call) => self.complete(thread, time, &call),
            None => Ok(()),
        }
    }

    fn complete(&mut self, thread: ThreadId, time: Nanos, call: &Pending) -> io::Result<()> {
        let occurrence = call.occurrence();
        let style = self.options.style;
        if let Some((_, ERESTART_RESTARTBLOCK)) = call.returned {
            let name = crate::name(call.trap.abi, call.trap.number);
            // A second interruption is of the same call.
            if let Some(name) = call.goes_on.or(name) {
                self.interrupted.insert(thread, name);
            }
        }
        let duration = call
            .returned
            .map(|(returned, _)| returned.saturating_sub(call.entered));
        self.line.end(
            thread,
            time,
            &occurrence.name(),
            &occurrence.end(style),
            &occurrence.outcome(style),
            duration,
        )
    }

    /// A thread that is not its process's first one and executes a program ends under its own number and goes on under the
    /// process's. Whether this is such an end.
    fn hand_over(&mut self, process: ProcessId, thread: ThreadId) -> bool {
        let executes = self.pending.get(&thread).is_some_and(Pending::executes);
        if thread.0 == process.0 || !executes {
            return false;
        }
        if let Some(call) = self.pending.remove(&thread) {
            self.handed_over.insert(process, (thread, call));
        }
        true
    }

    /// The thread whose execution ends this one, if it is its process's first.
    fn superseded_by(&self, process: ProcessId, thread: ThreadId) -> Option<ThreadId> {
        if thread.0 != process.0 {
            return None;
        }
        if let Some((caller, _)) = self.handed_over.get(&process) {
            return Some(*caller);
        }
        let mut others = self.pending.iter();
        let caller = others.find(|(caller, call)| {
            **caller != thread && call.process == process && call.executes()
        });
        caller.map(|(caller, _)| *caller)
    }

    /// The other half of [`Self::hand_over`].
    fn take_over(&mut self, process: ProcessId, thread: ThreadId) {
        if thread.0 == process.0
            && !self.pending.contains_key(&thread)
            && let Some((_, call)) = self.handed_over.remove(&process)
        {
            self.pending.insert(thread, call);
        }
    }
}

impl Pending {
    fn executes(&self) -> bool {
        let name = crate::name(self.trap.abi, self.trap.number);
        self.returned.is_none() && matches!(name, Some("execve" | "execveat"))
    }

    fn occurrence(&self) -> Occurrence<'_> {
        Occurrence {
            abi: self.trap.abi,
            number: self.trap.number,
            arguments: self.trap.arguments,
            given: &self.given,
            got: &self.got,
            result: self.returned.map(|(_, result)| result),
        }
    }
}

/// What is known of a signal without its `siginfo_t`.
fn sent_by(name: &str, sender: ProcessId) -> Option<String> {
    (sender.0 != 0).then(|| format!("{{si_signo={name}, si_pid={}}}", sender.0))
}

#[cfg(test)]
mod tests;
