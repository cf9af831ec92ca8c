//! The trace's own time: nanoseconds since its start, which is the return of the program's `execve` or the moment of
//! attaching. Until then it is 0.
//!
//! Key type: [`Timeline`].

use trapline_trace_format::event::Nanos;

use crate::clock::Clock;

/// The trace's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    clock: Clock,
    /// Reading of the clock at time 0.
    origin: Option<u64>,
}

impl Timeline {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            origin: None,
        }
    }

    /// Lets it be 0 now, unless it has begun already.
    pub(super) fn begin(&mut self) {
        self.origin.get_or_insert_with(|| self.clock.now());
    }

    pub(super) fn has_begun(&self) -> bool {
        self.origin.is_some()
    }

    /// The time.
    pub(super) fn now(&self) -> Nanos {
        match self.origin {
            Some(origin) => (self.clock.now() - origin) as Nanos,
            None => 0,
        }
    }

    /// The time at which the clock had this reading; 0 for one before the start, so that the host's events add up to its counts.
    pub(super) fn at(&self, reading: Nanos) -> Nanos {
        let origin = self.origin.map_or(reading, |origin| origin as Nanos);
        (reading - origin).max(0)
    }
}
