//! Where events go. A log that cannot be written does not harm the traced program: the first error is kept for the end.
//!
//! Key types: [`Output`] and the trait [`Log`]. Nothing is allocated for an event of a system call: the one that carries
//! bytes is used again and again.

use trapline_trace_format::event::{
    Event, EventKind, Nanos, Pointed, ProcessId, Seen, SpaceId, ThreadId,
};

use crate::error::TracerError;

/// Something that events can be appended to.
pub(super) trait Log {
    /// One more event.
    fn event(&mut self, event: &Event) -> Result<(), TracerError>;
    /// Sends what was appended on its way to the disk. Gives the bytes that are there.
    fn flush(&mut self) -> Result<u64, TracerError>;
}

/// To whom something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whom {
    pub(super) process: u32,
    pub(super) thread: u32,
}

/// Where events go.
pub(super) struct Output<'a> {
    log: &'a mut dyn Log,
    /// Used again for each piece of memory.
    pointed: Event,
    failed: Option<TracerError>,
    bytes_on_disk: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(log: &'a mut dyn Log) -> Self {
        Self {
            log,
            pointed: event(
                0,
                Whom {
                    process: 0,
                    thread: 0,
                },
                EventKind::Pointed(Pointed {
                    argument: 0,
                    part: 0,
                    length: 0,
                    bytes: Vec::with_capacity(trapline_trace_format::record::MAX_PAYLOAD),
                }),
            ),
            failed: None,
            bytes_on_disk: 0,
        }
    }

    /// One more event.
    pub(super) fn tell(&mut self, time: Nanos, whom: Whom, kind: EventKind) {
        self.append(&event(time, whom, kind));
    }

    /// One more event, made elsewhere.
    pub(super) fn append(&mut self, event: &Event) {
        if self.failed.is_none() {
            self.failed = self.log.event(event).err();
        }
    }

    /// The tracer held the thread.
    pub(super) fn held(&mut self, time: Nanos, until: Nanos, whom: Whom, seen: Seen) {
        let space = SpaceId(0);
        self.tell(time, whom, EventKind::Held { until, space, seen });
    }

    /// Memory that an argument points to; `fill` puts it into the buffer and gives its length in the program.
    pub(super) fn pointed(
        &mut self,
        time: Nanos,
        whom: Whom,
        argument: u8,
        part: u32,
        fill: impl FnOnce(&mut Vec<u8>) -> u64,
    ) {
        self.pointed.time = time;
        self.pointed.process = ProcessId(whom.process);
        self.pointed.thread = ThreadId(whom.thread);
        if let EventKind::Pointed(pointed) = &mut self.pointed.kind {
            pointed.argument = argument;
            pointed.part = part;
            pointed.bytes.clear();
            pointed.length = fill(&mut pointed.bytes);
        }
        if self.failed.is_none() {
            self.failed = self.log.event(&self.pointed).err();
        }
    }

    /// Sends what was told on its way.
    pub(super) fn flush(&mut self) {
        if self.failed.is_none() {
            match self.log.flush() {
                Ok(bytes) => self.bytes_on_disk = bytes,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Bytes of the log on disk at the last flush.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        self.bytes_on_disk
    }

    /// Whether nothing can be written any more.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn into_error(self) -> Option<TracerError> {
        self.failed
    }
}

fn event(time: Nanos, whom: Whom, kind: EventKind) -> Event {
    Event {
        time,
        process: ProcessId(whom.process),
        thread: ThreadId(whom.thread),
        kind,
    }
}
