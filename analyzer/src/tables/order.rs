//! Events in the order of their times. The two witnesses each report in order, but the recorder learns of their events
//! in turns, so one witness's event may stand some places behind a later one of the other.
//!
//! Key type: [`InOrder`]. Neighbour: `fold.rs` takes the events.

use std::collections::VecDeque;

use trapline_trace_format::event::Event;

/// How many places an event may stand from where it belongs: several times what the kernel's log holds at once.
const WINDOW: usize = 4096;

/// Holds the last events back until it is certain that none earlier can follow.
#[derive(Default)]
pub(crate) struct InOrder {
    /// In order. Equal times keep the order in which they came.
    waiting: VecDeque<(u64, Event)>,
    taken: u64,
}

impl InOrder {
    /// Takes the next event of the log; gives the next event in time with its number in the log, if it is certain.
    pub(crate) fn push(&mut self, event: Event) -> Option<(u64, Event)> {
        let later = self
            .waiting
            .iter()
            .rev()
            .take_while(|(_, other)| other.time > event.time);
        let place = self.waiting.len() - later.count();
        self.waiting.insert(place, (self.taken, event));
        self.taken += 1;
        if self.waiting.len() > WINDOW {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Gives the events that are left when the log has ended.
    pub(crate) fn rest(self) -> impl Iterator<Item = (u64, Event)> {
        self.waiting.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_trace_format::event::{EventKind, ProcessId, ThreadId};

    fn event(time: i64, thread: u32) -> Event {
        Event {
            time,
            process: ProcessId(1),
            thread: ThreadId(thread),
            kind: EventKind::Woken,
        }
    }

    #[test]
    fn late_events_go_to_their_place_and_equal_times_keep_their_order() {
        let mut order = InOrder::default();
        let times = [(5, 0), (9, 1), (7, 2), (9, 3), (1, 4), (7, 5)];
        times
            .iter()
            .for_each(|(time, thread)| assert!(order.push(event(*time, *thread)).is_none()));
        let sorted: Vec<_> = order
            .rest()
            .map(|(_, event)| (event.time, event.thread.0))
            .collect();
        assert_eq!(sorted, [(1, 4), (5, 0), (7, 2), (7, 5), (9, 1), (9, 3)]);
    }

    #[test]
    fn long_logs_flow_through() {
        let mut order = InOrder::default();
        let swapped = (0..20_000).map(|n: i64| event(n ^ 1, 0));
        let mut times: Vec<_> = swapped.filter_map(|e| order.push(e)).collect();
        assert!(times.len() > 10_000);
        times.extend(order.rest());
        assert!(
            times
                .iter()
                .zip(0..)
                .all(|((_, event), time)| event.time == time)
        );
    }
}
