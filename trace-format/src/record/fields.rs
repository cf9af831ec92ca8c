//! Which kind of event uses which field of a record: events to headers and back.
//!
//! Neighbour: `record.rs`, which checks that decoding left no field out. Layout: FORMAT.md.

use zerocopy::little_endian::U64;

use super::{Header, RecordError, kind};
use crate::event::{
    Abi, Backing, Cause, Event, EventKind, ExitStatus, FaultSize, MapChange, Pointed, ProcessId,
    Range, Rights, Role, Seen, SignalAction, SpaceId, SwitchReason, Tally, ThreadId, ThreadState,
    Trap, Usage, Waits,
};

const STATUS_CODE: u8 = 1;
const STATUS_KILLED: u8 = 2;
const SEEN_TRAP: u8 = 1;
const SEEN_RETURN: u8 = 2;
const SEEN_OTHER: u8 = 3;
const ACTION_HANDLER: u8 = 1;
const ACTION_KILL: u8 = 2;
const ACTION_STOP: u8 = 3;
const ACTION_CONTINUE: u8 = 4;
const ACTION_IGNORE: u8 = 5;
const CHANGE_MAP: u8 = 1;
const CHANGE_UNMAP: u8 = 2;
const CHANGE_PROTECT: u8 = 3;
const CHANGE_CLEAR: u8 = 4;
const CHANGE_COPY: u8 = 5;

/// The header of the event's record.
pub(super) fn header(event: &Event, payload_bytes: u32) -> Header {
    let common = Header {
        time: event.time.into(),
        process: event.process.0.into(),
        thread: event.thread.0.into(),
        payload_bytes: payload_bytes.into(),
        ..Header::default()
    };
    let of_kind = |kind| Header { kind, ..common };
    match event.kind {
        EventKind::Created {
            parent,
            role,
            space,
            ..
        } => Header {
            form: role as u8,
            other: parent.0.into(),
            space: space.0.into(),
            ..of_kind(kind::CREATED)
        },
        EventKind::Executed { space, .. } => Header {
            space: space.0.into(),
            ..of_kind(kind::EXECUTED)
        },
        EventKind::Exited { status } => with_status(of_kind(kind::EXITED), status),
        EventKind::ProcessExited { status } => with_status(of_kind(kind::PROCESS_EXITED), status),
        EventKind::Trap(trap) => Header {
            cause: trap.cause as u8,
            form: trap.abi as u8,
            number: trap.number.into(),
            instruction: trap.instruction.into(),
            address: trap.address.into(),
            arguments: trap.arguments.map(U64::new),
            ..of_kind(kind::TRAP)
        },
        EventKind::Return { result } => Header {
            value: result.into(),
            ..of_kind(kind::RETURN)
        },
        EventKind::SwitchBegin { to, reason, waits } => Header {
            form: reason as u8,
            code: waits.map_or(0, |waits| waits as u8),
            other: to.0.into(),
            ..of_kind(kind::SWITCH_BEGIN)
        },
        EventKind::SwitchEnd => of_kind(kind::SWITCH_END),
        EventKind::Woken => of_kind(kind::WOKEN),
        EventKind::QuantumStart { expiry } => Header {
            value: expiry.into(),
            ..of_kind(kind::QUANTUM_START)
        },
        EventKind::Console { .. } => of_kind(kind::CONSOLE),
        EventKind::Input { .. } => of_kind(kind::INPUT),
        EventKind::Samples { .. } => of_kind(kind::SAMPLES),
        EventKind::Preempted { .. } => of_kind(kind::PREEMPTED),
        EventKind::MemoryLeft {
            space,
            digest,
            bytes,
        } => Header {
            space: space.0.into(),
            arguments: [digest, bytes, 0, 0, 0, 0].map(U64::new),
            ..of_kind(kind::MEMORY_LEFT)
        },
        EventKind::Signal {
            signal,
            sender,
            action,
            ..
        } => {
            let (form, address) = match action {
                SignalAction::Handler { address } => (ACTION_HANDLER, address),
                SignalAction::Kill => (ACTION_KILL, 0),
                SignalAction::Stop => (ACTION_STOP, 0),
                SignalAction::Continue => (ACTION_CONTINUE, 0),
                SignalAction::Ignore => (ACTION_IGNORE, 0),
            };
            Header {
                form,
                code: signal,
                other: sender.0.into(),
                address: address.into(),
                ..of_kind(kind::SIGNAL)
            }
        }
        EventKind::MapChanged { space, change } => with_change(
            Header {
                space: space.0.into(),
                ..of_kind(kind::MAP_CHANGED)
            },
            change,
        ),
        EventKind::Held { until, space, seen } => with_seen(
            Header {
                value: until.into(),
                space: space.0.into(),
                ..of_kind(kind::HELD)
            },
            seen,
        ),
        EventKind::Pointed(Pointed {
            argument,
            part,
            length,
            ..
        }) => Header {
            form: argument,
            other: part.into(),
            value: (length as i64).into(),
            ..of_kind(kind::POINTED)
        },
        EventKind::Descriptor { descriptor, .. } => Header {
            number: descriptor.into(),
            ..of_kind(kind::DESCRIPTOR)
        },
        EventKind::SwitchedOut { cpu, reason } => Header {
            form: reason as u8,
            other: cpu.into(),
            ..of_kind(kind::SWITCHED_OUT)
        },
        EventKind::SwitchedIn { cpu } => Header {
            other: cpu.into(),
            ..of_kind(kind::SWITCHED_IN)
        },
        EventKind::Faulted {
            address,
            instruction,
            size,
        } => Header {
            form: size as u8,
            instruction: instruction.into(),
            address: address.into(),
            ..of_kind(kind::FAULTED)
        },
        EventKind::Usage { of, .. } => Header {
            form: of as u8,
            ..of_kind(kind::USAGE)
        },
        EventKind::Tally(ref tally) => {
            let mut header = Header {
                form: tally.abi as u8,
                number: tally.number.into(),
                value: tally.total_ns.into(),
                ..of_kind(kind::TALLY)
            };
            header.arguments[0] = tally.errors.into();
            header
        }
    }
}

fn with_status(header: Header, status: ExitStatus) -> Header {
    match status {
        ExitStatus::Code(code) => Header {
            form: STATUS_CODE,
            code,
            ..header
        },
        ExitStatus::Killed {
            signal,
            cause,
            address,
        } => Header {
            form: STATUS_KILLED,
            code: signal,
            cause: cause.map_or(0, |cause| cause as u8),
            address: address.into(),
            ..header
        },
    }
}

fn with_change(header: Header, change: MapChange) -> Header {
    let with_range = |form, Range { start, end }| {
        let mut header = Header { form, ..header };
        header.arguments[0] = start.into();
        header.arguments[1] = end.into();
        header
    };
    match change {
        MapChange::Map {
            range,
            rights,
            backing,
            inode,
            offset,
        } => {
            let mut header = with_range(CHANGE_MAP, range);
            header.number = i32::from(rights.bits()).into();
            header.code = backing as u8;
            header.arguments[2] = inode.into();
            header.arguments[3] = offset.into();
            header
        }
        MapChange::Unmap { range } => with_range(CHANGE_UNMAP, range),
        MapChange::Protect { range, rights } => Header {
            number: i32::from(rights.bits()).into(),
            ..with_range(CHANGE_PROTECT, range)
        },
        MapChange::Clear => Header {
            form: CHANGE_CLEAR,
            ..header
        },
        MapChange::Copy { from } => Header {
            form: CHANGE_COPY,
            other: from.0.into(),
            ..header
        },
    }
}

fn with_seen(header: Header, seen: Seen) -> Header {
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
            ..header
        },
        Seen::Return => Header {
            form: SEEN_RETURN,
            ..header
        },
        Seen::Other => Header {
            form: SEEN_OTHER,
            ..header
        },
    }
}

/// What a record with this header and payload says. Fields that the kind does not use are not looked at.
pub(super) fn event_kind(header: &Header, payload: &[u8]) -> Result<EventKind, RecordError> {
    let space = SpaceId(header.space.get());
    Ok(match header.kind {
        kind::CREATED => EventKind::Created {
            parent: ProcessId(header.other.get()),
            name: name(payload)?,
            role: role(header.form)?,
            space,
        },
        kind::EXECUTED => EventKind::Executed {
            name: name(payload)?,
            space,
        },
        kind::EXITED => EventKind::Exited {
            status: exit_status(header)?,
        },
        kind::PROCESS_EXITED => EventKind::ProcessExited {
            status: exit_status(header)?,
        },
        kind::TRAP => EventKind::Trap(Trap {
            cause: cause(header.cause)?,
            abi: abi(header.form)?,
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
            waits: match header.code {
                0 => None,
                code => Some(one_of(
                    Waits::ALL,
                    |waits| waits as u8,
                    code,
                    RecordError::Waits,
                )?),
            },
        },
        kind::SWITCH_END => EventKind::SwitchEnd,
        kind::WOKEN => EventKind::Woken,
        kind::QUANTUM_START => EventKind::QuantumStart {
            expiry: header.value.get(),
        },
        kind::CONSOLE => EventKind::Console {
            bytes: payload.to_vec(),
        },
        kind::INPUT => EventKind::Input {
            bytes: payload.to_vec(),
        },
        kind::SAMPLES => EventKind::Samples {
            bytes: payload.to_vec(),
        },
        kind::PREEMPTED => EventKind::Preempted {
            state: ThreadState::from_bytes(payload)
                .map(Box::new)
                .ok_or(RecordError::State(payload.len()))?,
        },
        kind::MEMORY_LEFT => EventKind::MemoryLeft {
            space,
            digest: header.arguments[0].get(),
            bytes: header.arguments[1].get(),
        },
        kind::SIGNAL => EventKind::Signal {
            signal: header.code,
            sender: ProcessId(header.other.get()),
            action: action(header)?,
            info: payload.to_vec(),
        },
        kind::MAP_CHANGED => EventKind::MapChanged {
            space,
            change: change(header)?,
        },
        kind::HELD => EventKind::Held {
            until: header.value.get(),
            space,
            seen: seen(header)?,
        },
        kind::POINTED => EventKind::Pointed(Pointed {
            argument: header.form,
            part: header.other.get(),
            length: header.value.get() as u64,
            bytes: payload.to_vec(),
        }),
        kind::DESCRIPTOR => EventKind::Descriptor {
            descriptor: header.number.get(),
            meaning: payload.to_vec(),
        },
        kind::SWITCHED_OUT => EventKind::SwitchedOut {
            cpu: header.other.get(),
            reason: switch_reason(header.form)?,
        },
        kind::SWITCHED_IN => EventKind::SwitchedIn {
            cpu: header.other.get(),
        },
        kind::FAULTED => EventKind::Faulted {
            address: header.address.get(),
            instruction: header.instruction.get(),
            size: one_of(
                [FaultSize::Minor, FaultSize::Major],
                |size| size as u8,
                header.form,
                RecordError::FaultSize,
            )?,
        },
        kind::USAGE => EventKind::Usage {
            of: role(header.form)?,
            usage: usage(payload)?,
        },
        kind::TALLY => EventKind::Tally(Box::new(Tally {
            abi: abi(header.form)?,
            number: header.number.get(),
            errors: header.arguments[0].get(),
            durations: pairs(payload)?,
            total_ns: header.value.get(),
        })),
        other => return Err(RecordError::Kind(other)),
    })
}

/// The one of `all` that has this number.
fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    number_of: impl Fn(T) -> u8,
    number: u8,
    unknown: fn(u8) -> RecordError,
) -> Result<T, RecordError> {
    all.into_iter()
        .find(|one| number_of(*one) == number)
        .ok_or(unknown(number))
}

fn name(payload: &[u8]) -> Result<String, RecordError> {
    std::str::from_utf8(payload)
        .map(str::to_owned)
        .map_err(|_| RecordError::Name)
}

fn role(number: u8) -> Result<Role, RecordError> {
    one_of(
        [Role::Process, Role::Thread],
        |role| role as u8,
        number,
        RecordError::Role,
    )
}

fn cause(number: u8) -> Result<Cause, RecordError> {
    one_of(Cause::ALL, |cause| cause as u8, number, RecordError::Cause)
}

fn abi(number: u8) -> Result<Abi, RecordError> {
    one_of(Abi::ALL, |abi| abi as u8, number, RecordError::Abi)
}

fn switch_reason(number: u8) -> Result<SwitchReason, RecordError> {
    one_of(
        SwitchReason::ALL,
        |reason| reason as u8,
        number,
        RecordError::Reason,
    )
}

/// The numbers of a payload.
fn words(payload: &[u8]) -> Result<Vec<u64>, RecordError> {
    match payload.as_chunks::<8>() {
        (words, []) => Ok(words.iter().copied().map(u64::from_le_bytes).collect()),
        _ => Err(RecordError::Words(payload.len())),
    }
}

fn usage(payload: &[u8]) -> Result<Usage, RecordError> {
    let words = <[u64; Usage::WORDS]>::try_from(words(payload)?);
    words
        .map(Usage::from_words)
        .map_err(|_| RecordError::Words(payload.len()))
}

fn pairs(payload: &[u8]) -> Result<Vec<(u64, u64)>, RecordError> {
    let words = words(payload)?;
    match words.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|&[ns, n]| (ns, n)).collect()),
        _ => Err(RecordError::Words(payload.len())),
    }
}

fn exit_status(header: &Header) -> Result<ExitStatus, RecordError> {
    match header.form {
        STATUS_CODE => Ok(ExitStatus::Code(header.code)),
        STATUS_KILLED => Ok(ExitStatus::Killed {
            signal: header.code,
            cause: match header.cause {
                0 => None,
                number => Some(cause(number)?),
            },
            address: header.address.get(),
        }),
        other => Err(RecordError::Status(other)),
    }
}

fn action(header: &Header) -> Result<SignalAction, RecordError> {
    Ok(match header.form {
        ACTION_HANDLER => SignalAction::Handler {
            address: header.address.get(),
        },
        ACTION_KILL => SignalAction::Kill,
        ACTION_STOP => SignalAction::Stop,
        ACTION_CONTINUE => SignalAction::Continue,
        ACTION_IGNORE => SignalAction::Ignore,
        other => return Err(RecordError::Action(other)),
    })
}

fn change(header: &Header) -> Result<MapChange, RecordError> {
    let [start, end, inode, offset, ..] = header.arguments.map(U64::get);
    let range = Range { start, end };
    Ok(match header.form {
        CHANGE_MAP => MapChange::Map {
            range,
            rights: rights(header)?,
            backing: one_of(
                Backing::ALL,
                |backing| backing as u8,
                header.code,
                RecordError::Backing,
            )?,
            inode,
            offset,
        },
        CHANGE_UNMAP => MapChange::Unmap { range },
        CHANGE_PROTECT => MapChange::Protect {
            range,
            rights: rights(header)?,
        },
        CHANGE_CLEAR => MapChange::Clear,
        CHANGE_COPY => MapChange::Copy {
            from: SpaceId(header.other.get()),
        },
        other => return Err(RecordError::MapChange(other)),
    })
}

fn rights(header: &Header) -> Result<Rights, RecordError> {
    let bits = header.number.get();
    u8::try_from(bits)
        .ok()
        .and_then(Rights::from_bits)
        .ok_or(RecordError::Rights(bits))
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
