//! What is wanted of the tracer itself: Ctrl-C, `kill`, Ctrl-Z.
//!
//! Key type: [`Wishes`]. A terminal sends its signals to the whole job, the traced program included, so the tracer has
//! nothing to do but take note. A signal that a process sent to the tracer alone is passed on to the program, and when that has
//! ended to whoever is left of its tree; a second one kills them all. Processes that were attached to are let go.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trapline_trace_format::event::Nanos;

use super::engine::{Engine, Mood, Traced};
use crate::error::TracerError;
use crate::ptrace::program::interrupts::{Interrupts, Request, stop_self};
use crate::ptrace::program::task::Task;

/// Who sends a signal to a whole process group sends it to the program, too, a moment earlier or later.
const SAME_SENDING: Nanos = 100_000_000;
/// Signals within this time are one wish: tools repeat themselves.
const ONE_WISH: Nanos = 1_000_000_000;

/// What was wanted of the tracer so far.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The first that wanted an end.
    first: Option<(Request, Nanos)>,
    /// One that has not been passed on yet.
    waiting: Option<(i32, Nanos)>,
    /// The last one that was.
    passed: Option<Passed>,
    /// The last signal that the program's first process got.
    seen: Option<(i32, Nanos)>,
    /// Whether the terminal wants its job stopped, and since when.
    stop: Option<Nanos>,
}

/// A signal that was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passed {
    signal: i32,
    to: Part,
}

/// A part of the started tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Its first process.
    Root,
    /// Everyone.
    All,
}

/// What is to be done about a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Nothing,
    PassOn(Passed),
    Kill,
}

impl Wishes {
    /// The program's first process got a signal.
    pub(super) fn signal_seen(&mut self, signal: i32, at: Nanos) {
        self.seen = Some((signal, at));
    }

    /// Somebody wants the started program to end. `alone`: nobody but the tracer hears the terminal any more.
    fn end_wanted(&mut self, request: Request, alone: bool, now: Nanos) -> Deed {
        let is_second = self.first.is_some_and(|(_, first)| now - first > ONE_WISH);
        self.first.get_or_insert((request, now));
        if request.sender.is_none() && !alone {
            return Deed::Nothing;
        }
        if is_second {
            return Deed::Kill;
        }
        self.waiting.get_or_insert((request.signal, now));
        Deed::Nothing
    }

    /// What is due now. `alone`: the program's first process has ended.
    fn due(&mut self, alone: bool, now: Nanos) -> Deed {
        let to = if alone { Part::All } else { Part::Root };
        let signal = match (self.waiting, self.passed) {
            (Some((signal, since)), _) if now - since >= SAME_SENDING => {
                self.waiting = None;
                let is_same = |(seen, at)| seen == signal && at >= since - SAME_SENDING;
                if self.seen.is_some_and(is_same) {
                    return Deed::Nothing;
                }
                signal
            }
            // The first process has ended, and nobody else has heard of it.
            (
                None,
                Some(Passed {
                    signal,
                    to: Part::Root,
                }),
            ) if alone => signal,
            _ => return Deed::Nothing,
        };
        let passed = Passed { signal, to };
        self.passed = Some(passed);
        Deed::PassOn(passed)
    }

    /// The signal by which somebody ended the program through the tracer, if so.
    pub(super) fn ended_by(&self) -> Option<&'static str> {
        let signal = Signal::try_from(self.passed?.signal).ok()?;
        Some(signal.as_str())
    }
}

impl Engine<'_> {
    /// Does what is wanted.
    pub(super) fn listen_to_wishes(&mut self, interrupts: &Interrupts) -> Result<(), TracerError> {
        if matches!(self.traced, Traced::Probe) {
            // It ends at once; wishes are for what comes then.
            return Ok(());
        }
        let now = self.timeline.now();
        while let Some(request) = interrupts.next() {
            if request.asks_to_stop() {
                self.wishes.stop = Some(now);
                continue;
            }
            match &self.traced {
                Traced::Attached | Traced::Probe => self.leave()?,
                Traced::Program { end, .. } => {
                    let alone = end.is_some();
                    let deed = self.wishes.end_wanted(request, alone, now);
                    self.do_deed(deed);
                }
            }
        }
        let alone = matches!(&self.traced, Traced::Program { end: Some(_), .. });
        let due = self.wishes.due(alone, now);
        self.do_deed(due);
        self.stop_with_the_job(now);
        if self.mood == Mood::Tracing && self.cut.is_some() && self.traced.root().is_none() {
            // Nothing is left to record, and these run on without us.
            self.leave()?;
        }
        Ok(())
    }

    /// Lets every task go for good, as soon as it stops.
    fn leave(&mut self) -> Result<(), TracerError> {
        if self.mood == Mood::Leaving {
            return Ok(());
        }
        self.mood = Mood::Leaving;
        let tids: Vec<u32> = self.tree.tids().collect();
        for tid in tids {
            Task(Pid::from_raw(tid as i32)).interrupt()?;
        }
        Ok(())
    }

    fn do_deed(&self, deed: Deed) {
        let (signal, part) = match deed {
            Deed::Nothing => return,
            Deed::PassOn(passed) => (Signal::try_from(passed.signal).ok(), passed.to),
            Deed::Kill => (Some(Signal::SIGKILL), Part::All),
        };
        let whom: Vec<u32> = match (self.traced.root(), part) {
            (Some(root), Part::Root) => vec![root],
            _ => self.tree.pids().collect(),
        };
        for pid in whom {
            // Gone is gone.
            let _ = kill(Pid::from_raw(pid as i32), signal);
        }
    }

    /// The shell waits until its whole job is stopped; the tracer goes last, for the program stops with its help.
    fn stop_with_the_job(&mut self, now: Nanos) {
        let Some(since) = self.wishes.stop else {
            return;
        };
        let root = self.traced.root().and_then(|root| self.tree.thread(root));
        if root.is_some_and(|root| root.in_group_stop) {
            self.wishes.stop = None;
            self.output.flush();
            stop_self();
        } else if now - since > ONE_WISH {
            // The program does not want to.
            self.wishes.stop = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn request(sender: Option<u32>) -> Request {
        Request {
            signal: libc::SIGTERM,
            sender,
        }
    }

    fn passed(to: Part) -> Deed {
        let signal = libc::SIGTERM;
        Deed::PassOn(Passed { signal, to })
    }

    #[test]
    fn the_terminal_reaches_the_program_itself() {
        let mut wishes = Wishes::default();
        assert_eq!(wishes.end_wanted(request(None), false, 0), Deed::Nothing);
        assert_eq!(wishes.due(false, 10 * SECOND), Deed::Nothing);
        assert_eq!(wishes.due(true, 11 * SECOND), Deed::Nothing);
        assert_eq!(wishes.ended_by(), None);
    }

    #[test]
    fn what_was_sent_to_the_tracer_alone_is_passed_on_once_and_a_second_one_kills() {
        let mut wishes = Wishes::default();
        let wanted = |wishes: &mut Wishes, now| wishes.end_wanted(request(Some(7)), false, now);
        assert_eq!(wanted(&mut wishes, SECOND), Deed::Nothing);
        assert_eq!(wanted(&mut wishes, SECOND + 5), Deed::Nothing);
        assert_eq!(wishes.due(false, SECOND + 10), Deed::Nothing);
        assert_eq!(wishes.due(false, 2 * SECOND), passed(Part::Root));
        assert_eq!(wishes.due(false, 3 * SECOND), Deed::Nothing);
        assert_eq!(wishes.ended_by(), Some("SIGTERM"));
        assert_eq!(wanted(&mut wishes, 3 * SECOND), Deed::Kill);
    }

    #[test]
    fn when_the_first_process_has_ended_of_it_the_others_hear_of_it_once() {
        let mut wishes = Wishes::default();
        wishes.end_wanted(request(Some(7)), false, 0);
        assert_eq!(wishes.due(false, SECOND), passed(Part::Root));
        assert_eq!(wishes.due(true, SECOND + 1), passed(Part::All));
        assert_eq!(wishes.due(true, SECOND + 2), Deed::Nothing);
    }

    #[test]
    fn what_went_to_the_whole_group_is_not_passed_on() {
        let mut wishes = Wishes::default();
        wishes.signal_seen(libc::SIGTERM, SECOND - 1000);
        assert_eq!(
            wishes.end_wanted(request(Some(7)), false, SECOND),
            Deed::Nothing
        );
        assert_eq!(wishes.due(false, 2 * SECOND), Deed::Nothing);
    }

    #[test]
    fn when_the_program_has_ended_the_rest_of_its_tree_hears_the_terminal_through_the_tracer() {
        let mut wishes = Wishes::default();
        assert_eq!(wishes.end_wanted(request(None), true, 0), Deed::Nothing);
        assert_eq!(wishes.due(true, SECOND), passed(Part::All));
    }
}
