//! A replay to be looked at while it goes on and back.
//!
//! Key types: [`Debugger`] moves the machine and looks at it, [`Outcome`] is why it stands where it stands. It goes forward by
//! itself and back by starting again: the run is the same each time, so a place in it is found again by the way to it
//! ([`Position`]).
//!
//! | file | what |
//! |---|---|
//! | `back.rs` | to the hit before, and to where it once stood |
//! | `live.rs` | the machine under ptrace, from one stand to the next |
//! | `follow.rs` | what its events tell |
//! | `breakpoints.rs` | what stops it in user mode |
//! | `look.rs` | registers, memory, threads where it stands |
//! | `watchdog.rs` | who interrupts it |

mod back;
pub(super) mod breakpoints;
mod follow;
mod live;
mod look;
mod watchdog;

use std::net::TcpStream;
use std::time::Instant;

use trapline_trace_format::event::{Event, ThreadId};

pub(super) use look::Registers;

use super::inspect::{Place, place};
use super::{At, End, Over, Recording, ReplayOptions, Replayed, Verified, end};
use crate::error::TracerError;
use crate::record::{Armed, Stop};
use breakpoints::{Breakpoint, Breakpoints};
use live::{Live, Reached, Stride, Want};
use watchdog::Watchdog;

/// Why the machine stands where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It stands behind an event.
    Event,
    /// It stands in front of an instruction at which it was to be stopped, or behind one that touched memory.
    Hit(Breakpoint),
    /// A thread made its step.
    Stepped,
    /// There is nothing before this.
    Begin,
    /// There is nothing after this.
    End,
    /// It stands where it stood: what is set now does not fit into the debug registers together with the way to this place.
    NoRoom,
}

/// Why there is no machine any more.
#[derive(Debug)]
pub(super) enum Failure {
    /// The replay has ended.
    Over(Box<Replayed>),
    /// The client has gone; what was compared until then was the same.
    Left(Verified),
    /// It could not go on.
    Error(TracerError),
}

impl From<TracerError> for Failure {
    fn from(error: TracerError) -> Self {
        Self::Error(error)
    }
}

/// A place in the run: so many moves behind an event, without another event between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    /// Number of the event.
    event: u64,
    moves: Vec<Move>,
}

/// How a program got from one stand in user mode to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    /// The thread took this step.
    Step(ThreadId, Stride),
    /// It ran until one of these stopped it.
    Hit(Breakpoints),
}

/// A replay that goes where it is told.
pub(super) struct Debugger<'a> {
    recording: &'a Recording,
    options: &'a ReplayOptions,
    stop: &'a Stop,
    /// Whoever may interrupt it.
    client: Option<TcpStream>,
    /// Disarmed before the machine goes.
    armed: Option<Armed>,
    live: Option<Live<'a>>,
    position: Position,
    /// What stops it on its way.
    pub(super) breakpoints: Breakpoints,
    /// Where the machine first stands still.
    first: u64,
    last: Place,
    since: Instant,
}

impl<'a> Debugger<'a> {
    /// Starts the machine and lets it go to the event, or to its start.
    pub(super) fn start(
        recording: &'a Recording,
        options: &'a ReplayOptions,
        stop: &'a Stop,
        at: Option<At>,
    ) -> Result<Self, Failure> {
        if !recording.has_own_kernel {
            return Err(Failure::Error(TracerError::Options(
                "its kernel is not the one of this version of trapline, which alone can be watched; use the version that \
                 recorded it"
                    .to_owned(),
            )));
        }
        let at = at.map(|at| place(recording.numbered_events()?, at));
        let at = at.transpose()?;
        let last = last_place(recording)?;
        let mut debugger = Self {
            recording,
            options,
            stop,
            client: None,
            armed: None,
            live: None,
            position: Position::default(),
            breakpoints: Breakpoints::default(),
            first: 0,
            last,
            since: Instant::now(),
        };
        debugger.start_again()?;
        debugger.first = debugger.position.event;
        if let Some(at) = at {
            debugger.run_to(at)?;
        }
        Ok(debugger)
    }

    /// From now on this client may interrupt the machine, by sending anything while it runs or by going away.
    pub(super) fn listen_to(&mut self, client: TcpStream) {
        self.client = Some(client);
    }

    /// Number of the last event.
    pub(super) fn event(&self) -> u64 {
        self.position.event
    }

    /// Whether the machine stands right behind it, and not further on in user mode.
    pub(super) fn is_at_event(&self) -> bool {
        self.position.moves.is_empty()
    }

    /// What was compared since the machine was last started.
    pub(super) fn verified(&mut self) -> Verified {
        let follow = self.live.as_mut().and_then(Live::follow);
        follow.map_or_else(Verified::default, |follow| follow.comparison.verified())
    }

    /// On to the next breakpoint or the last event.
    pub(super) fn go_on(&mut self) -> Result<Outcome, Failure> {
        let breakpoints = self.breakpoints.clone();
        self.advance(&breakpoints, None)
    }

    /// On to where the thread has executed an instruction, or has entered user mode after a system call.
    pub(super) fn step(&mut self, thread: ThreadId) -> Result<Outcome, Failure> {
        let breakpoints = self.breakpoints.clone();
        self.advance(&breakpoints, Some((thread, Stride::Instruction)))
    }

    /// Number of the next event.
    pub(super) fn next_number(&mut self) -> Option<u64> {
        let follow = self.live.as_mut().and_then(Live::follow);
        let next = follow.and_then(|follow| follow.comparison.next_number());
        next.filter(|next| *next <= self.last.event)
    }

    /// The number of the event that the machine would stand behind.
    ///
    /// # Errors
    /// When there is no such event.
    pub(super) fn find(&self, at: At) -> Result<u64, TracerError> {
        Ok(place(self.recording.numbered_events()?, at)?.event)
    }

    /// The recorded events with these numbers, the last included, that are compared.
    pub(super) fn recorded(&self, first: u64, last: u64) -> Result<Vec<(u64, Event)>, TracerError> {
        let all = self.recording.compared_events()?;
        let until = all.take_while(|(number, _)| *number <= last);
        Ok(until.filter(|(number, _)| *number >= first).collect())
    }

    /// To an event, wherever it is.
    pub(super) fn go_to(&mut self, at: At) -> Result<Outcome, Failure> {
        let place = place(self.recording.numbered_events()?, at)?;
        self.go_to_place(place)
    }

    /// Back to the event before this place.
    pub(super) fn step_back(&mut self) -> Result<Outcome, Failure> {
        if !self.is_at_event() {
            let event = self.position.event;
            return self.go_to(At::Event(event));
        }
        if self.position.event <= self.first {
            return Ok(Outcome::Begin);
        }
        self.go_to(At::Event(self.position.event - 1))
    }

    fn advance(
        &mut self,
        breakpoints: &Breakpoints,
        step: Option<(ThreadId, Stride)>,
    ) -> Result<Outcome, Failure> {
        if self.is_at_event() && self.position.event >= self.last.event {
            return Ok(Outcome::End);
        }
        let reached = match self.run(self.last.records, breakpoints, step) {
            Err(Failure::Over(replayed)) if matches!(replayed.end, End::SameUntilCut { .. }) => {
                // The rest of the recording lacks its inputs.
                self.last = place(
                    self.recording.numbered_events()?,
                    At::Event(self.position.event),
                )?;
                self.start_again()?;
                self.run_to(self.last)?;
                return Ok(Outcome::End);
            }
            other => other?,
        };
        Ok(match reached {
            Reached::Hit(hit) => Outcome::Hit(hit),
            Reached::Entered | Reached::Stepped => Outcome::Stepped,
            _ if self.position.event >= self.last.event => Outcome::End,
            _ => Outcome::Event,
        })
    }

    fn go_to_place(&mut self, place: Place) -> Result<Outcome, Failure> {
        let records = self.records();
        if place.records == records && self.is_at_event() {
            return Ok(Outcome::Event);
        }
        if place.records <= records || self.live.is_none() {
            self.start_again()?;
        }
        self.run_to(place)?;
        Ok(Outcome::Event)
    }

    /// Forward to an event.
    fn run_to(&mut self, place: Place) -> Result<(), Failure> {
        if self.records() < place.records {
            self.run(place.records, &Breakpoints::default(), None)?;
        }
        Ok(())
    }

    /// Records of events so far.
    fn records(&mut self) -> u64 {
        let follow = self.live.as_mut().and_then(Live::follow);
        follow.map_or(0, |follow| follow.records)
    }

    fn start_again(&mut self) -> Result<(), Failure> {
        self.armed = None;
        self.live = None;
        self.since = Instant::now();
        self.position = Position::default();
        let live = Live::start(self.recording, self.options)?;
        self.armed = Some(self.stop.arm(live.root().killer()?, None));
        self.live = Some(live);
        self.moved(None, |live, watchdog| live.boot(watchdog))?;
        Ok(())
    }

    /// From this stand to the next, wherever it is.
    fn run(
        &mut self,
        records: u64,
        breakpoints: &Breakpoints,
        step: Option<(ThreadId, Stride)>,
    ) -> Result<Reached, Failure> {
        let want = Want {
            records,
            breakpoints,
            step,
        };
        self.moved(Some(&want), |live, watchdog| live.go(&want, watchdog))
    }

    fn moved(
        &mut self,
        want: Option<&Want>,
        go: impl FnOnce(&mut Live<'a>, &Watchdog) -> Result<Reached, TracerError>,
    ) -> Result<Reached, Failure> {
        let Some(live) = self.live.as_mut() else {
            return Err(Failure::Error(TracerError::Machine(
                "it is no more".to_owned(),
            )));
        };
        let client = self.client.as_ref().map(TcpStream::try_clone);
        let client = client.and_then(Result::ok);
        let watchdog = Watchdog::start(live.root().killer()?, client, self.options.patience);
        let mut reached = go(live, &watchdog)?;
        if watchdog.is_stuck() {
            reached = Reached::Over(Over::Stuck(self.options.patience));
        }
        let has_left = watchdog.has_left();
        drop(watchdog);
        if let Some(follow) = live.follow() {
            let event = follow.comparison.last_number();
            if event != self.position.event {
                self.position = Position {
                    event,
                    moves: Vec::new(),
                };
            }
        }
        let step = match (&reached, want) {
            (Reached::Over(_), _) if has_left => return Err(Failure::Left(self.verified())),
            (Reached::Over(_), _) => return Err(self.ended(reached)),
            (Reached::Hit(_), Some(want)) => Some(Move::Hit(want.breakpoints.clone())),
            (Reached::Entered, Some(want)) => want
                .step
                .map(|(thread, _)| Move::Step(thread, Stride::Entry)),
            (Reached::Stepped, Some(want)) => {
                let stride = Stride::Instruction;
                want.step.map(|(thread, _)| Move::Step(thread, stride))
            }
            _ => None,
        };
        self.position.moves.extend(step);
        Ok(reached)
    }

    fn ended(&mut self, reached: Reached) -> Failure {
        let over = match reached {
            Reached::Over(over) => over,
            _ => Over::Failed("it is no more".to_owned()),
        };
        let took = self.since.elapsed();
        let Some(follow) = self.live.as_mut().and_then(Live::follow) else {
            return Failure::Error(TracerError::Machine("it is no more".to_owned()));
        };
        let comparison = &mut follow.comparison;
        let end = end(over, self.recording, comparison, self.stop);
        let verified = comparison.verified();
        let searches = comparison.searches();
        self.armed = None;
        self.live = None;
        Failure::Over(Box::new(Replayed {
            verified,
            searches,
            end,
            took,
        }))
    }
}

/// The last event of the recording.
fn last_place(recording: &Recording) -> Result<Place, TracerError> {
    let last = recording.numbered_events()?.last();
    let number = last.map_or(0, |(number, _)| number);
    place(recording.numbered_events()?, At::Event(number))
}
