//! An event as bytes: a fixed-size little-endian header and, for some kinds, a payload. Layout: FORMAT.md.
//!
//! Key functions: [`encode`] and [`decode`]. Neighbours: `event.rs` has the events, `log.rs` packs records into blocks.
//! Decoding is total (any bytes give an event or an error, never a panic) and strict (one event has exactly one
//! encoding, so that nothing can hide in unused fields).

use zerocopy::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::event::{
    Cause, Event, EventKind, ExitStatus, ProcessId, Seen, SwitchReason, ThreadId, Trap,
};

/// Size of a record's header.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// Longest payload: a name, or one console write.
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
    /// The tracer sees nothing of this form.
    #[error("unknown form of stop {0}")]
    Seen(u8),
    /// A program's name is not UTF-8.
    #[error("name is not UTF-8")]
    Name,
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
    /// A [`Cause`].
    cause: u8,
    /// Switch reason, form of exit status or form of stop.
    form: u8,
    /// Exit code or signal.
    code: u8,
    /// System call or signal number.
    number: I32,
    /// The parent process, or the thread that gets the CPU.
    other: U32,
    payload_bytes: U32,
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
}

const STATUS_CODE: u8 = 1;
const STATUS_KILLED: u8 = 2;
const SEEN_TRAP: u8 = 1;
const SEEN_RETURN: u8 = 2;
const SEEN_OTHER: u8 = 3;

/// Appends the record of `event` to `bytes`.
///
/// # Errors
/// [`RecordError::Payload`] when a name or console write is too long; nothing is appended then.
pub fn encode(event: &Event, bytes: &mut Vec<u8>) -> Result<(), RecordError> {
    let payload: &[u8] = match &event.kind {
        EventKind::Created { name, .. } | EventKind::Executed { name } => name.as_bytes(),
        EventKind::Console { bytes } => bytes,
        _ => &[],
    };
    if payload.len() > MAX_PAYLOAD {
        return Err(RecordError::Payload(payload.len()));
    }
    bytes.extend_from_slice(header(event, payload.len() as u32).as_bytes());
    bytes.extend_from_slice(payload);
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
        kind: event_kind(header, payload)?,
    };
    // Encoding anew is the shortest proof that no unused field holds anything.
    let carries_payload = matches!(
        event.kind,
        EventKind::Created { .. } | EventKind::Executed { .. } | EventKind::Console { .. }
    );
    let canonical = self::header(&event, if carries_payload { length as u32 } else { 0 });
    if canonical.as_bytes() != header.as_bytes() {
        return Err(RecordError::Unused(header.kind));
    }
    Ok((event, need))
}

fn header(event: &Event, payload_bytes: u32) -> Header {
    let common = Header {
        time: event.time.into(),
        process: event.process.0.into(),
        thread: event.thread.0.into(),
        payload_bytes: payload_bytes.into(),
        ..Header::default()
    };
    match event.kind {
        EventKind::Created { parent, .. } => Header {
            kind: kind::CREATED,
            other: parent.0.into(),
            ..common
        },
        EventKind::Executed { .. } => Header {
            kind: kind::EXECUTED,
            ..common
        },
        EventKind::Exited {
            status: ExitStatus::Code(code),
        } => Header {
            kind: kind::EXITED,
            form: STATUS_CODE,
            code,
            ..common
        },
        EventKind::Exited {
            status:
                ExitStatus::Killed {
                    signal,
                    cause,
                    address,
                },
        } => Header {
            kind: kind::EXITED,
            form: STATUS_KILLED,
            code: signal,
            cause: cause as u8,
            address: address.into(),
            ..common
        },
        EventKind::Trap(trap) => Header {
            kind: kind::TRAP,
            cause: trap.cause as u8,
            number: trap.number.into(),
            instruction: trap.instruction.into(),
            address: trap.address.into(),
            arguments: trap.arguments.map(U64::new),
            ..common
        },
        EventKind::Return { result } => Header {
            kind: kind::RETURN,
            value: result.into(),
            ..common
        },
        EventKind::SwitchBegin { to, reason } => Header {
            kind: kind::SWITCH_BEGIN,
            form: reason as u8,
            other: to.0.into(),
            ..common
        },
        EventKind::SwitchEnd => Header {
            kind: kind::SWITCH_END,
            ..common
        },
        EventKind::Woken => Header {
            kind: kind::WOKEN,
            ..common
        },
        EventKind::QuantumStart { expiry } => Header {
            kind: kind::QUANTUM_START,
            value: expiry.into(),
            ..common
        },
        EventKind::Console { .. } => Header {
            kind: kind::CONSOLE,
            ..common
        },
        EventKind::Held { until, seen } => {
            let held = Header {
                kind: kind::HELD,
                value: until.into(),
                ..common
            };
            match seen {
                Seen::Trap {
                    cause,
                    number,
                    instruction,
                } => Header {
                    form: SEEN_TRAP,
                    cause: cause as u8,
                    number: number.into(),
                    instruction: instruction.into(),
                    ..held
                },
                Seen::Return => Header {
                    form: SEEN_RETURN,
                    ..held
                },
                Seen::Other => Header {
                    form: SEEN_OTHER,
                    ..held
                },
            }
        }
    }
}

fn event_kind(header: &Header, payload: &[u8]) -> Result<EventKind, RecordError> {
    Ok(match header.kind {
        kind::CREATED => EventKind::Created {
            parent: ProcessId(header.other.get()),
            name: name(payload)?,
        },
        kind::EXECUTED => EventKind::Executed {
            name: name(payload)?,
        },
        kind::EXITED => EventKind::Exited {
            status: exit_status(header)?,
        },
        kind::TRAP => EventKind::Trap(Trap {
            cause: cause(header.cause)?,
            number: header.number.get(),
            instruction: header.instruction.get(),
            address: header.address.get(),
            arguments: header.arguments.map(U64::get),
        }),
        kind::RETURN => EventKind::Return {
            result: header.value.get(),
        },
        kind::SWITCH_BEGIN => EventKind::SwitchBegin {
            to: ThreadId(header.other.get()),
            reason: switch_reason(header.form)?,
        },
        kind::SWITCH_END => EventKind::SwitchEnd,
        kind::WOKEN => EventKind::Woken,
        kind::QUANTUM_START => EventKind::QuantumStart {
            expiry: header.value.get(),
        },
        kind::CONSOLE => EventKind::Console {
            bytes: payload.to_vec(),
        },
        kind::HELD => EventKind::Held {
            until: header.value.get(),
            seen: seen(header)?,
        },
        other => return Err(RecordError::Kind(other)),
    })
}

fn name(payload: &[u8]) -> Result<String, RecordError> {
    std::str::from_utf8(payload)
        .map(str::to_owned)
        .map_err(|_| RecordError::Name)
}

fn exit_status(header: &Header) -> Result<ExitStatus, RecordError> {
    match header.form {
        STATUS_CODE => Ok(ExitStatus::Code(header.code)),
        STATUS_KILLED => Ok(ExitStatus::Killed {
            signal: header.code,
            cause: cause(header.cause)?,
            address: header.address.get(),
        }),
        other => Err(RecordError::Status(other)),
    }
}

fn seen(header: &Header) -> Result<Seen, RecordError> {
    match header.form {
        SEEN_TRAP => Ok(Seen::Trap {
            cause: cause(header.cause)?,
            number: header.number.get(),
            instruction: header.instruction.get(),
        }),
        SEEN_RETURN => Ok(Seen::Return),
        SEEN_OTHER => Ok(Seen::Other),
        other => Err(RecordError::Seen(other)),
    }
}

fn cause(number: u8) -> Result<Cause, RecordError> {
    Cause::ALL
        .into_iter()
        .find(|cause| *cause as u8 == number)
        .ok_or(RecordError::Cause(number))
}

fn switch_reason(number: u8) -> Result<SwitchReason, RecordError> {
    let known = SwitchReason::ALL
        .into_iter()
        .find(|reason| *reason as u8 == number);
    known.ok_or(RecordError::Reason(number))
}
