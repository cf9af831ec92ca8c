//! An event as bytes: a fixed-size little-endian header and, for some kinds, a payload. Layout: FORMAT.md.
//!
//! Key functions: [`encode`] and [`decode`]. Neighbours: `record/fields.rs` knows which kind uses which field, `event.rs`
//! has the events, `log.rs` packs records into blocks.
//! Decoding is total (any bytes give an event or an error, never a panic) and strict (one event has exactly one
//! encoding, so that nothing can hide in unused fields).

mod fields;

use std::borrow::Cow;

use zerocopy::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::event::{Event, EventKind, Pointed, ProcessId, ThreadId};

/// Size of a record's header.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// Longest payload: a name, what one console write or read moved, inputs, a thread's state.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Why bytes are not a record, or an event cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end too early.
    #[error("ends after {have} of {need} bytes")]
    Short {
        /// Bytes that are there.
        have: usize,
        /// Bytes that the record has.
        need: usize,
    },
    /// No event has this kind.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// No trap has this cause.
    #[error("unknown cause {0}")]
    Cause(u8),
    /// No switch has this reason.
    #[error("unknown switch reason {0}")]
    Reason(u8),
    /// No thread ends like this.
    #[error("unknown form of exit status {0}")]
    Status(u8),
    /// Nothing is created in this role.
    #[error("unknown role {0}")]
    Role(u8),
    /// Nobody waits for this.
    #[error("unknown wait {0}")]
    Waits(u8),
    /// No signal ends like this.
    #[error("unknown action of a signal {0}")]
    Action(u8),
    /// No memory map changes like this.
    #[error("unknown change of a memory map {0}")]
    MapChange(u8),
    /// Nothing like this is behind a mapping.
    #[error("unknown backing {0}")]
    Backing(u8),
    /// Memory has no such rights.
    #[error("unknown rights {0:#x}")]
    Rights(i32),
    /// The tracer sees nothing of this form.
    #[error("unknown form of stop {0}")]
    Seen(u8),
    /// There is no such table of system calls.
    #[error("unknown table of system calls {0}")]
    Abi(u8),
    /// No page fault is of this size.
    #[error("unknown size of a page fault {0}")]
    FaultSize(u8),
    /// The payload is not the numbers that such an event has.
    #[error("numbers in {0} bytes")]
    Words(usize),
    /// A program's name is not UTF-8.
    #[error("name is not UTF-8")]
    Name,
    /// The payload is no thread's state.
    #[error("a thread's state of {0} bytes")]
    State(usize),
    /// The payload is longer than [`MAX_PAYLOAD`].
    #[error("payload of {0} bytes is longer than {MAX_PAYLOAD}")]
    Payload(usize),
    /// A field that this kind does not use is not zero.
    #[error("a field that events of kind {0} do not use is not zero")]
    Unused(u8),
}

/// The header of a record as it stands in the log. Fields that a kind does not use are zero.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    time: I64,
    process: U32,
    thread: U32,
    kind: u8,
    /// A [`crate::event::Cause`], or 0 for none.
    cause: u8,
    /// Which of the kind's forms: role, switch reason, exit status, action, change or stop.
    form: u8,
    /// Exit code, signal, wait or backing.
    code: u8,
    /// System call, signal number or rights.
    number: I32,
    /// Another process, thread or address space.
    other: U32,
    payload_bytes: U32,
    /// An address space.
    space: U32,
    reserved: U32,
    /// Result, expiry or end.
    value: I64,
    instruction: U64,
    address: U64,
    arguments: [U64; 6],
}

/// Numbers of the kinds in the log. They never change; new ones are added at the end.
mod kind {
    pub(super) const CREATED: u8 = 1;
    pub(super) const EXECUTED: u8 = 2;
    pub(super) const EXITED: u8 = 3;
    pub(super) const TRAP: u8 = 4;
    pub(super) const RETURN: u8 = 5;
    pub(super) const SWITCH_BEGIN: u8 = 6;
    pub(super) const SWITCH_END: u8 = 7;
    pub(super) const WOKEN: u8 = 8;
    pub(super) const QUANTUM_START: u8 = 9;
    pub(super) const CONSOLE: u8 = 10;
    pub(super) const HELD: u8 = 11;
    pub(super) const PROCESS_EXITED: u8 = 12;
    pub(super) const INPUT: u8 = 13;
    pub(super) const SIGNAL: u8 = 14;
    pub(super) const MAP_CHANGED: u8 = 15;
    pub(super) const SAMPLES: u8 = 16;
    pub(super) const PREEMPTED: u8 = 17;
    pub(super) const POINTED: u8 = 18;
    pub(super) const DESCRIPTOR: u8 = 19;
    pub(super) const SWITCHED_OUT: u8 = 20;
    pub(super) const SWITCHED_IN: u8 = 21;
    pub(super) const FAULTED: u8 = 22;
    pub(super) const USAGE: u8 = 23;
    pub(super) const TALLY: u8 = 24;
    pub(super) const MEMORY_LEFT: u8 = 25;
}

/// Appends the record of `event` to `bytes`.
///
/// # Errors
/// [`RecordError::Payload`] when a name or console write is too long; nothing is appended then.
pub fn encode(event: &Event, bytes: &mut Vec<u8>) -> Result<(), RecordError> {
    let payload = payload(&event.kind);
    if payload.len() > MAX_PAYLOAD {
        return Err(RecordError::Payload(payload.len()));
    }
    bytes.extend_from_slice(fields::header(event, payload.len() as u32).as_bytes());
    bytes.extend_from_slice(&payload);
    Ok(())
}

/// Reads the record at the start of `bytes`; returns the event and the record's length.
///
/// # Errors
/// A [`RecordError`] that says what is wrong, for any bytes that [`encode`] does not write.
pub fn decode(bytes: &[u8]) -> Result<(Event, usize), RecordError> {
    let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| RecordError::Short {
        have: bytes.len(),
        need: HEADER_BYTES,
    })?;
    let length = header.payload_bytes.get() as usize;
    if length > MAX_PAYLOAD {
        return Err(RecordError::Payload(length));
    }
    let need = HEADER_BYTES + length;
    let payload = rest.get(..length).ok_or(RecordError::Short {
        have: bytes.len(),
        need,
    })?;
    let event = Event {
        time: header.time.get(),
        process: ProcessId(header.process.get()),
        thread: ThreadId(header.thread.get()),
        kind: fields::event_kind(header, payload)?,
    };
    // Encoding anew is the shortest proof that no unused field holds anything.
    let canonical = fields::header(&event, self::payload(&event.kind).len() as u32);
    if canonical.as_bytes() != header.as_bytes() {
        return Err(RecordError::Unused(header.kind));
    }
    Ok((event, need))
}

/// Numbers one after the other, each little-endian.
fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What follows the header of an event of this kind.
fn payload(kind: &EventKind) -> Cow<'_, [u8]> {
    match kind {
        EventKind::Created { name, .. } | EventKind::Executed { name, .. } => {
            Cow::Borrowed(name.as_bytes())
        }
        EventKind::Console { bytes }
        | EventKind::Input { bytes }
        | EventKind::Samples { bytes } => Cow::Borrowed(bytes),
        EventKind::Preempted { state } => Cow::Owned(state.bytes()),
        EventKind::Signal { info, .. } => Cow::Borrowed(info),
        EventKind::Pointed(Pointed { bytes, .. }) => Cow::Borrowed(bytes),
        EventKind::Descriptor { meaning, .. } => Cow::Borrowed(meaning),
        EventKind::Usage { usage, .. } => Cow::Owned(words(&usage.words())),
        EventKind::Tally(tally) => {
            let pairs = tally.durations.iter();
            Cow::Owned(words(
                &pairs.flat_map(|&(ns, n)| [ns, n]).collect::<Vec<_>>(),
            ))
        }
        _ => Cow::Borrowed(&[]),
    }
}
