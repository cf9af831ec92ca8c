//! Going back: by starting again, to the last hit before a place or to any place where the machine once stood.
//!
//! Key type: [`Position`]. Neighbours: `mod.rs` goes forward, `breakpoints.rs` says what a hit is.

use super::super::inspect::place;
use super::breakpoints::{Breakpoint, Breakpoints};
use super::live::Reached;
use super::{At, Debugger, Failure, Move, Outcome, Position};

/// What came of looking for a hit.
enum Search {
    /// The last one, and where.
    Hit(Position, Breakpoint),
    /// There is none.
    Nothing,
    /// The breakpoints do not fit into the debug registers together with those on the way.
    NoRoom,
    /// The client does not want to wait for it.
    Interrupted,
}

/// How many times longer each stretch is in which a hit is looked for than the one before, and the first in events.
const STRETCH: u64 = 8;

impl Debugger<'_> {
    /// Back to the last hit before this place, or to the start.
    ///
    /// Every hit on the way has to be stopped at, so it is looked for in a short stretch first, and then in longer ones
    /// before that.
    pub(in super::super) fn go_back(&mut self) -> Result<Outcome, Failure> {
        let here = self.position.clone();
        let breakpoints = self.breakpoints.clone();
        let mut end = here.clone();
        let mut length = 0;
        loop {
            let from = end.event.saturating_sub(length).max(self.first);
            let outcome = match self.last_hit(from, &end, &breakpoints)? {
                Search::Hit(position, breakpoint) => {
                    self.find_again(&position)?;
                    return Ok(Outcome::Hit(breakpoint));
                }
                Search::Nothing if from == self.first => {
                    self.start_again()?;
                    return Ok(Outcome::Begin);
                }
                Search::Nothing => {
                    end = Position {
                        event: from,
                        moves: Vec::new(),
                    };
                    length = (length * STRETCH).max(STRETCH);
                    continue;
                }
                Search::NoRoom => Outcome::NoRoom,
                Search::Interrupted => Outcome::Event,
            };
            self.find_again(&here)?;
            return Ok(outcome);
        }
    }

    /// The last hit of one of the breakpoints on the way from an event to a place.
    fn last_hit(
        &mut self,
        from: u64,
        end: &Position,
        breakpoints: &Breakpoints,
    ) -> Result<Search, Failure> {
        let mut last = Search::Nothing;
        self.find_again(&Position {
            event: from,
            moves: Vec::new(),
        })?;
        let place = place(self.recording.numbered_events()?, At::Event(end.event))?;
        while self.position.event < place.event {
            match self.run(place.records, breakpoints, None)? {
                Reached::Hit(hit) => last = Search::Hit(self.position.clone(), hit),
                _ if self.position.event < place.event => return Ok(Search::Interrupted),
                _ => {}
            }
        }
        for (index, step) in end.moves.iter().enumerate() {
            let is_last = index + 1 == end.moves.len();
            match step {
                Move::Step(thread, stride) => {
                    let nothing = Breakpoints::default();
                    self.run(u64::MAX, &nothing, Some((*thread, *stride)))?;
                    let at = self.instruction().filter(|at| breakpoints.stops_at(*at));
                    if let Some(address) = at.filter(|_| !is_last) {
                        let hit = Breakpoint::instruction(address);
                        last = Search::Hit(self.position.clone(), hit);
                    }
                }
                Move::Hit(on_the_way) => {
                    let Some(all) = on_the_way.with(breakpoints) else {
                        return Ok(Search::NoRoom);
                    };
                    loop {
                        let Reached::Hit(hit) = self.run(u64::MAX, &all, None)? else {
                            return Ok(Search::Interrupted);
                        };
                        let is_move = on_the_way.contains(&hit);
                        if breakpoints.contains(&hit) && !(is_move && is_last) {
                            last = Search::Hit(self.position.clone(), hit);
                        }
                        if is_move {
                            break;
                        }
                    }
                }
            }
        }
        Ok(last)
    }

    /// To a place where the machine once stood.
    fn find_again(&mut self, position: &Position) -> Result<(), Failure> {
        // Half way there is nowhere to stop at.
        let client = self.client.take();
        let found = self.repeat(position);
        self.client = client;
        found
    }

    fn repeat(&mut self, position: &Position) -> Result<(), Failure> {
        let place = place(self.recording.numbered_events()?, At::Event(position.event))?;
        self.start_again()?;
        self.run_to(place)?;
        for step in &position.moves {
            let nothing = Breakpoints::default();
            match step {
                Move::Step(thread, stride) => {
                    self.run(u64::MAX, &nothing, Some((*thread, *stride)))?;
                }
                Move::Hit(breakpoints) => {
                    self.run(u64::MAX, breakpoints, None)?;
                }
            }
        }
        Ok(())
    }
}
