//! Events of a Linux trace in the order of their times. The tracer writes its own events as they come; what the host tells
//! of context switches and page faults is fetched now and then, so it stands behind later events.
//!
//! Key type: [`Batches`]. Neighbour: `../linux.rs` takes the events.

use trapline_trace_format::event::Event;

/// How many places an event may stand from where it belongs. The recorder fetches what the host tells at least every 100 ms,
/// and before a ring of a few thousand records is full; between two fetches it cannot write as many events of its own.
pub(crate) const WINDOW: usize = 1 << 19;

/// Holds events back until it is certain that none earlier can follow.
pub(crate) struct Batches {
    window: usize,
    /// In the order of the log behind the first `sorted`.
    waiting: Vec<(u64, Event)>,
    taken: u64,
}

impl Default for Batches {
    fn default() -> Self {
        Self::of(WINDOW)
    }
}

impl Batches {
    fn of(window: usize) -> Self {
        Self {
            window,
            waiting: Vec::new(),
            taken: 0,
        }
    }

    /// Takes the next event of the log; hands on those that are certain, with their numbers in the log.
    pub(crate) fn push<E>(
        &mut self,
        event: Event,
        take: impl FnMut((u64, Event)) -> Result<(), E>,
    ) -> Result<(), E> {
        self.waiting.push((self.taken, event));
        self.taken += 1;
        if self.waiting.len() < 2 * self.window {
            return Ok(());
        }
        self.sort();
        self.waiting.drain(..self.window).try_for_each(take)
    }

    /// An event of no interest has its number, too.
    pub(crate) fn pass(&mut self) {
        self.taken += 1;
    }

    /// The events that are left when the log has ended.
    pub(crate) fn rest(mut self) -> impl Iterator<Item = (u64, Event)> {
        self.sort();
        self.waiting.into_iter()
    }

    fn sort(&mut self) {
        // Nearly sorted runs: linear. Equal times keep their order.
        self.waiting.sort_by_key(|(_, event)| event.time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_trace_format::event::{EventKind, ProcessId, ThreadId};

    #[test]
    fn an_event_within_the_window_goes_to_its_place_and_long_logs_flow_through() {
        let event = |time: i64| Event {
            time,
            process: ProcessId(1),
            thread: ThreadId(1),
            kind: EventKind::Woken,
        };
        let mut batches = Batches::of(100);
        let mut times = Vec::new();
        let mut most = 0;
        // Blocks of 90 whose first thirty come last.
        for block in 0..200_i64 {
            let order = (30..90).chain(0..30);
            for time in order.map(|place| block * 90 + place) {
                let taken: Result<(), ()> = batches.push(event(time), |(_, event)| {
                    times.push(event.time);
                    Ok(())
                });
                taken.unwrap();
                most = most.max(batches.waiting.len());
            }
        }
        assert!(most <= 200 && times.len() > 17_000);
        times.extend(batches.rest().map(|(_, event)| event.time));
        assert!(times.iter().copied().eq(0..18_000));
    }
}
