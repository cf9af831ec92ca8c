//! The events of a Linux trace as a protocol shows them: in the order of their times, and without the context switches that
//! the tracer's stops caused.
//!
//! Key type: [`Protocol`]. Neighbours: `tables/linux.rs` tells the same switches apart for the tables, by the same rule;
//! `tables/linux/order.rs` says how far events stand from their places.

use std::collections::{HashMap, HashSet, VecDeque};

use trapline_trace_format::event::{Event, EventKind, Nanos, ThreadId};

use crate::tables::linux::LinuxFold;
use crate::tables::linux::order::WINDOW;

/// Hands on the events of a log, sorted; what calls point to is left out.
pub struct Protocol<I> {
    log: I,
    window: usize,
    /// In the order of the log behind those that were sorted.
    waiting: Vec<Event>,
    ready: VecDeque<Event>,
    held_until: HashMap<ThreadId, Nanos>,
    /// Threads that are off their CPU because of the tracer.
    away: HashSet<ThreadId>,
}

impl<I: Iterator<Item = Event>> Protocol<I> {
    /// The events of this log.
    pub fn of(log: I) -> Self {
        Self::with_window(log, WINDOW)
    }

    fn with_window(log: I, window: usize) -> Self {
        Self {
            log,
            window,
            waiting: Vec::new(),
            ready: VecDeque::new(),
            held_until: HashMap::new(),
            away: HashSet::new(),
        }
    }

    /// Reads until the events of a window are certain, and hands those on.
    fn fill(&mut self) {
        let missing = 2 * self.window - self.waiting.len();
        let wanted = |event: &Event| LinuxFold::wants(&event.kind);
        let log = self.log.by_ref().filter(wanted);
        self.waiting.extend(log.take(missing));
        self.waiting.sort_by_key(|event| event.time);
        let certain = match self.waiting.len() < 2 * self.window {
            true => self.waiting.len(),
            false => self.window,
        };
        let stops = stops(&self.waiting);
        for (event, stops) in self.waiting.drain(..certain).zip(stops) {
            let shown = match event.kind {
                EventKind::Held { until, .. } => {
                    self.held_until.insert(event.thread, until);
                    true
                }
                EventKind::SwitchedOut { .. } => {
                    let held_until = self.held_until.get(&event.thread);
                    let away = stops || held_until.is_some_and(|until| event.time < *until);
                    if away {
                        self.away.insert(event.thread);
                    }
                    !away
                }
                EventKind::SwitchedIn { .. } => !self.away.remove(&event.thread),
                _ => true,
            };
            if shown {
                self.ready.push_back(event);
            }
        }
    }
}

impl<I: Iterator<Item = Event>> Iterator for Protocol<I> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            self.fill();
            if self.waiting.is_empty() && self.ready.is_empty() {
                return None;
            }
        }
        self.ready.pop_front()
    }
}

/// For each event: whether what its thread does next, without getting a CPU first, is seen by the tracer.
fn stops(events: &[Event]) -> Vec<bool> {
    let mut next: HashMap<ThreadId, bool> = HashMap::new();
    let mut stops = vec![false; events.len()];
    for (event, stops) in events.iter().zip(&mut stops).rev() {
        *stops = next.get(&event.thread).copied().unwrap_or(false);
        match event.kind {
            EventKind::Trap(_) | EventKind::Return { .. } | EventKind::Held { .. } => {
                next.insert(event.thread, true);
            }
            EventKind::SwitchedIn { .. } | EventKind::Exited { .. } => {
                next.insert(event.thread, false);
            }
            _ => {}
        }
    }
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_trace_format::event::{Cause, Seen, SpaceId, SwitchReason};

    use crate::testing::{created, event, returned, trap};

    fn log() -> Vec<Event> {
        let stop = |time, until| {
            let kind = EventKind::Held {
                until,
                space: SpaceId(0),
                seen: Seen::Other,
            };
            event(time, 7, kind)
        };
        let reason = SwitchReason::Block;
        let out = |time| event(time, 7, EventKind::SwitchedOut { cpu: 0, reason });
        let on = |time| event(time, 7, EventKind::SwitchedIn { cpu: 0 });
        vec![
            created(0, 7, "x"),
            trap(110, 7, Cause::Syscall, 35),
            stop(110, 130),
            returned(510, 7, 0),
            stop(510, 530),
            out(100),
            on(140),
            out(200),
            on(400),
            // The tracer was quicker than the switch.
            out(515),
            on(540),
        ]
    }

    #[test]
    fn late_events_go_to_their_places_and_the_tracers_switches_are_left_out() {
        let shown: Vec<_> = Protocol::of(log().into_iter())
            .filter(|event| !matches!(event.kind, EventKind::Held { .. }))
            .map(|event| event.time)
            .collect();
        assert_eq!(shown, [0, 110, 200, 400, 510]);
    }

    #[test]
    fn a_long_log_flows_through_a_window() {
        let events = (0..100_i64).flat_map(|round| {
            log().into_iter().skip(1).map(move |mut event| {
                let later = round * 1000;
                event.time += later;
                if let EventKind::Held { until, .. } = &mut event.kind {
                    *until += later;
                }
                event
            })
        });
        let shown = Protocol::with_window(events, 20)
            .filter(|event| !matches!(event.kind, EventKind::Held { .. }))
            .map(|event| event.time);
        let expected = (0..100).flat_map(|round| [110, 200, 400, 510].map(|at| at + round * 1000));
        let (shown, expected): (Vec<_>, Vec<_>) = (shown.collect(), expected.collect());
        assert_eq!(shown, expected);
    }
}
