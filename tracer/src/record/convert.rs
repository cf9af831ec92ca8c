//! From the kernel's log records to the events of a trace. The log comes out of memory that another process writes:
//! nothing in it is trusted, what makes no sense is an error.

use trapline_abi::log::{self as log, Kind, Record, TEXT_MAX};
use trapline_trace_format::event::{
    Abi, Event, EventKind, ExitStatus, MapChange, Nanos, ProcessId, Range, Rights, Role,
    SignalAction, SpaceId, ThreadId, Trap,
};

use super::numbers::{backing, log_cause, nonsense, reason, waits};
use super::standstill::StandstillPart;
use super::state_parts::StatePart;
use crate::error::TracerError;

/// Most bytes of a program's name: two words behind it hold other things.
const NAME_MAX: usize = TEXT_MAX - 2 * size_of::<u64>();

/// What a record of the kernel's log means for the recorder.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// Something that belongs into the trace.
    Event(Event),
    /// So does this; and from now on this address space is that process of the host.
    Lives(Event, SpaceId, i32),
    /// Time 0 of the trace is this time of the clock.
    Started(u64),
    /// Every job ended.
    Halted,
    /// This job (counted from 0) cannot run.
    LoadFailed(usize, String),
    /// A piece of the kernel's last words.
    Panic(String),
    /// A third of the state in which the timer took the CPU away.
    StatePart(StatePart),
    /// A piece of why a replay cannot go on.
    Diverged(String),
    /// A part of what is said of a replay that stands still.
    Standstill(StandstillPart),
    /// A part of what is said of a thread that is about to lose the CPU.
    Kept(StandstillPart),
}

/// The event that `record` stands for, at its time since `origin`.
pub(crate) fn entry(record: &Record, origin: u64) -> Result<Entry, TracerError> {
    let kind = match Kind::from_number(record.kind).ok_or_else(|| nonsense("kind", record.kind))? {
        Kind::Started => return Ok(Entry::Started(record.time)),
        Kind::Halted => return Ok(Entry::Halted),
        Kind::LoadFailed => {
            return Ok(Entry::LoadFailed(
                record.number.max(0) as usize,
                padded_text(record, TEXT_MAX),
            ));
        }
        Kind::Panic => {
            let text = text(record)?;
            return Ok(Entry::Panic(String::from_utf8_lossy(&text).into_owned()));
        }
        Kind::Diverged => {
            let text = text(record)?;
            return Ok(Entry::Diverged(String::from_utf8_lossy(&text).into_owned()));
        }
        Kind::Stopped => return Ok(Entry::Standstill(StandstillPart::of(record))),
        Kind::Kept => return Ok(Entry::Kept(StandstillPart::of(record))),
        Kind::Preempted => {
            return Ok(Entry::StatePart(StatePart {
                time: since(record.time, origin),
                process: ProcessId(record.process),
                thread: ThreadId(record.thread),
                number: record.code,
                words: record.words,
            }));
        }
        Kind::Samples => EventKind::Samples {
            bytes: text(record)?,
        },
        Kind::Created => {
            let kind = EventKind::Created {
                parent: process(record.number),
                name: padded_text(record, NAME_MAX),
                role: role(record.code)?,
                space: space(record.words[6]),
            };
            return Ok(lives(record, origin, kind));
        }
        Kind::Executed => {
            let kind = EventKind::Executed {
                name: padded_text(record, NAME_MAX),
                space: space(record.words[6]),
            };
            return Ok(lives(record, origin, kind));
        }
        Kind::Exited => EventKind::Exited {
            status: exit_status(record)?,
        },
        Kind::ProcessExited => EventKind::ProcessExited {
            status: exit_status(record)?,
        },
        Kind::Trap => EventKind::Trap(trap(record)?),
        Kind::Return => EventKind::Return {
            result: record.words[0] as i64,
        },
        Kind::SwitchBegin => EventKind::SwitchBegin {
            to: ThreadId(record.words[0] as u32),
            reason: reason(record.code)?,
            waits: waits(record.words[1])?,
        },
        Kind::SwitchEnd => EventKind::SwitchEnd,
        Kind::Woken => EventKind::Woken,
        Kind::QuantumStart => EventKind::QuantumStart {
            expiry: since(record.words[0], origin),
        },
        Kind::Console => EventKind::Console {
            bytes: text(record)?,
        },
        Kind::Input => EventKind::Input {
            bytes: text(record)?,
        },
        Kind::Signal => EventKind::Signal {
            signal: u8::try_from(record.code).map_err(|_| nonsense("signal", record.code))?,
            sender: process(record.number),
            action: action(record)?,
            info: Vec::new(),
        },
        Kind::Map => EventKind::MapChanged {
            space: space(record.words[0]),
            change: change(record)?,
        },
    };
    Ok(Entry::Event(event(record, origin, kind)))
}

/// Time of the clock on the trace's scale.
pub(crate) fn since(time: u64, origin: u64) -> Nanos {
    time.wrapping_sub(origin) as i64
}

fn event(record: &Record, origin: u64, kind: EventKind) -> Event {
    let (process, thread) = (ProcessId(record.process), ThreadId(record.thread));
    Event {
        time: since(record.time, origin),
        process,
        thread,
        kind,
    }
}

fn trap(record: &Record) -> Result<Trap, TracerError> {
    let [instruction, address, arguments @ ..] = record.words;
    Ok(Trap {
        cause: log_cause(record.code.into())?,
        abi: Abi::X86_64,
        number: record.number,
        instruction,
        address,
        arguments,
    })
}

/// An event that tells where its process lives from now on.
fn lives(record: &Record, origin: u64, kind: EventKind) -> Entry {
    let [.., space_number, host] = record.words;
    Entry::Lives(
        event(record, origin, kind),
        space(space_number),
        host as i32,
    )
}

fn exit_status(record: &Record) -> Result<ExitStatus, TracerError> {
    match record.code {
        0 => Ok(ExitStatus::Code(record.number as u8)),
        1 => Ok(ExitStatus::Killed {
            signal: record.number as u8,
            cause: match record.words[0] {
                0 => None,
                number => Some(log_cause(number)?),
            },
            address: record.words[1],
        }),
        other => Err(nonsense("form of exit status", other)),
    }
}

fn role(number: u16) -> Result<Role, TracerError> {
    match number {
        0 => Ok(Role::Process),
        1 => Ok(Role::Thread),
        other => Err(nonsense("role", other)),
    }
}

fn action(record: &Record) -> Result<SignalAction, TracerError> {
    use log::SignalAction as Log;
    const HANDLER: u64 = Log::Handler as u64;
    const KILL: u64 = Log::Kill as u64;
    const STOP: u64 = Log::Stop as u64;
    const CONTINUE: u64 = Log::Continue as u64;
    const IGNORE: u64 = Log::Ignore as u64;
    Ok(match record.words[0] {
        HANDLER => SignalAction::Handler {
            address: record.words[1],
        },
        KILL => SignalAction::Kill,
        STOP => SignalAction::Stop,
        CONTINUE => SignalAction::Continue,
        IGNORE => SignalAction::Ignore,
        other => return Err(nonsense("action of a signal", other)),
    })
}

fn change(record: &Record) -> Result<MapChange, TracerError> {
    use log::MapChange as Log;
    const MAP: u16 = Log::Map as u16;
    const UNMAP: u16 = Log::Unmap as u16;
    const PROTECT: u16 = Log::Protect as u16;
    const CLEAR: u16 = Log::Clear as u16;
    const COPY: u16 = Log::Copy as u16;
    let [_, _, _, _, behind, inode, offset, _] = record.words;
    Ok(match record.code {
        MAP => MapChange::Map {
            range: range(record)?,
            rights: rights(record)?,
            backing: backing(behind)?,
            inode,
            offset,
        },
        UNMAP => MapChange::Unmap {
            range: range(record)?,
        },
        PROTECT => MapChange::Protect {
            range: range(record)?,
            rights: rights(record)?,
        },
        CLEAR => MapChange::Clear,
        COPY => MapChange::Copy { from: space(inode) },
        other => return Err(nonsense("change of a memory map", other)),
    })
}

fn range(record: &Record) -> Result<Range, TracerError> {
    let [_, start, end, ..] = record.words;
    if start > end {
        return Err(TracerError::Machine(format!(
            "its log maps a range that ends before it starts: {start:#x} to {end:#x}"
        )));
    }
    Ok(Range { start, end })
}

fn rights(record: &Record) -> Result<Rights, TracerError> {
    let bits = record.words[3];
    u8::try_from(bits)
        .ok()
        .and_then(Rights::from_bits)
        .ok_or_else(|| nonsense("right", bits))
}

fn process(number: i32) -> ProcessId {
    ProcessId(number.max(0) as u32)
}

fn space(number: u64) -> SpaceId {
    SpaceId(number as u32)
}

/// As many bytes as the record says that it holds.
fn text(record: &Record) -> Result<Vec<u8>, TracerError> {
    let length = usize::try_from(record.number)
        .ok()
        .filter(|length| *length <= TEXT_MAX);
    let length = length.ok_or_else(|| {
        TracerError::Machine(format!("its log has {} bytes of text", record.number))
    })?;
    Ok(record.text()[..length].to_vec())
}

/// Text that ends at the first zero byte, if not at `most`.
fn padded_text(record: &Record, most: usize) -> String {
    let bytes = &record.text()[..most];
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(most);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use trapline_abi::cause::Cause as LogCause;
    use trapline_trace_format::event::{Backing, Cause, SwitchReason, Waits};

    use super::*;

    #[test]
    fn a_trap_keeps_every_number() {
        let mut record = Record {
            time: 150,
            thread: 3,
            process: 2,
            number: 39,
            ..Record::new(Kind::Trap)
        };
        record.code = LogCause::Syscall as u16;
        record.words = [10, 0, 1, 2, 3, 4, 5, 6];
        let trap = Trap {
            cause: Cause::Syscall,
            abi: Abi::X86_64,
            number: 39,
            instruction: 10,
            address: 0,
            arguments: [1, 2, 3, 4, 5, 6],
        };
        let (process, thread) = (ProcessId(2), ThreadId(3));
        let expected = Event {
            time: 50,
            process,
            thread,
            kind: EventKind::Trap(trap),
        };
        assert_eq!(entry(&record, 100).expect("a trap"), Entry::Event(expected));
    }

    #[test]
    fn what_no_kernel_writes_is_an_error_and_not_a_guess() {
        let unknown_kind = Record {
            kind: 999,
            ..Record::new(Kind::Trap)
        };
        let unknown_cause = Record {
            code: 99,
            ..Record::new(Kind::Trap)
        };
        let unknown_reason = Record {
            code: 99,
            ..Record::new(Kind::SwitchBegin)
        };
        let too_long = Record {
            number: TEXT_MAX as i32 + 1,
            ..Record::new(Kind::Console)
        };
        let negative = Record {
            number: -1,
            ..Record::new(Kind::Console)
        };
        let coded = |kind, code| Record {
            code,
            ..Record::new(kind)
        };
        let with_words = |kind, code, words: &[u64]| {
            let mut record = coded(kind, code);
            record.words[..words.len()].copy_from_slice(words);
            record
        };
        for record in [
            unknown_kind,
            unknown_cause,
            unknown_reason,
            too_long,
            negative,
            coded(Kind::Created, 2),
            coded(Kind::Exited, 2),
            with_words(Kind::ProcessExited, 1, &[99]),
            with_words(Kind::ProcessExited, 1, &[1 << 16 | 1]),
            with_words(Kind::SwitchBegin, 2, &[1, 99]),
            coded(Kind::Map, 6),
            with_words(Kind::Map, 1, &[1, 8, 4]),
            with_words(Kind::Map, 1, &[1, 4, 8, 8]),
            with_words(Kind::Map, 1, &[1, 4, 8, 7, 5]),
            with_words(Kind::Signal, 9, &[6]),
            with_words(Kind::Signal, 300, &[1]),
        ] {
            assert!(entry(&record, 0).is_err(), "{record:?}");
        }
    }

    #[test]
    fn a_programs_name_ends_at_its_padding_or_where_the_record_holds_other_things() {
        let named = |kind, name: &[u8]| {
            let mut record = Record {
                number: 7,
                ..Record::new(kind)
            };
            record.set_text(name);
            record.words[6..].copy_from_slice(&[3, 4711]);
            let Entry::Lives(event, SpaceId(3), 4711) = entry(&record, 0).expect("a process")
            else {
                panic!("nobody lives there")
            };
            event.kind
        };
        assert_eq!(
            named(Kind::Created, b"spin"),
            EventKind::Created {
                parent: ProcessId(7),
                name: "spin".to_owned(),
                role: Role::Process,
                space: SpaceId(3),
            }
        );
        assert_eq!(
            named(Kind::Executed, &[b'x'; 48]),
            EventKind::Executed {
                name: "x".repeat(48),
                space: SpaceId(3),
            }
        );
    }

    /// The event of a record with this code, number and these words.
    fn kind(kind: Kind, code: u16, number: i32, words: [u64; 8]) -> EventKind {
        let record = Record {
            code,
            number,
            words,
            ..Record::new(kind)
        };
        match entry(&record, 0).expect("an event") {
            Entry::Event(event) => event.kind,
            other => panic!("no plain event: {other:?}"),
        }
    }

    #[test]
    fn an_ending_has_a_cause_unless_somebody_sent_the_signal() {
        let status = |kind| match kind {
            EventKind::Exited { status } | EventKind::ProcessExited { status } => status,
            other => panic!("no ending: {other:?}"),
        };
        let killed = |cause, address| ExitStatus::Killed {
            signal: 11,
            cause,
            address,
        };
        assert_eq!(
            status(kind(Kind::ProcessExited, 0, 3, [0; 8])),
            ExitStatus::Code(3)
        );
        assert_eq!(
            status(kind(Kind::ProcessExited, 1, 11, [0; 8])),
            killed(None, 0)
        );
        assert_eq!(
            status(kind(Kind::Exited, 1, 11, [3, 0x1000, 0, 0, 0, 0, 0, 0])),
            killed(Some(Cause::PageFault), 0x1000)
        );
    }

    #[test]
    fn every_change_of_a_map_keeps_its_numbers() {
        let change = |code, words| match kind(Kind::Map, code, 0, words) {
            EventKind::MapChanged {
                space: SpaceId(9),
                change,
            } => change,
            other => panic!("no change: {other:?}"),
        };
        let words = [9, 0x1000, 0x3000, 5, 3, 77, 0x2000, 0];
        let range = Range {
            start: 0x1000,
            end: 0x3000,
        };
        let rights = Rights::READ_EXECUTE;
        assert_eq!(
            change(1, words),
            MapChange::Map {
                range,
                rights,
                backing: Backing::File,
                inode: 77,
                offset: 0x2000
            }
        );
        assert_eq!(change(2, words), MapChange::Unmap { range });
        assert_eq!(change(3, words), MapChange::Protect { range, rights });
        assert_eq!(change(4, words), MapChange::Clear);
        assert_eq!(change(5, words), MapChange::Copy { from: SpaceId(77) });
    }

    #[test]
    fn signals_waits_and_input_are_kept() {
        assert_eq!(
            kind(Kind::Signal, 17, 0, [1, 0x40_0000, 0, 0, 0, 0, 0, 0]),
            EventKind::Signal {
                signal: 17,
                sender: ProcessId(0),
                action: SignalAction::Handler { address: 0x40_0000 },
                info: Vec::new(),
            }
        );
        assert_eq!(
            kind(Kind::SwitchBegin, 2, 0, [4, 5, 0, 0, 0, 0, 0, 0]),
            EventKind::SwitchBegin {
                to: ThreadId(4),
                reason: SwitchReason::Block,
                waits: Some(Waits::Child),
            }
        );
        assert_eq!(
            kind(Kind::Input, 0, 2, [0x0a68, 0, 0, 0, 0, 0, 0, 0]),
            EventKind::Input {
                bytes: b"h\n".to_vec()
            }
        );
        assert_eq!(
            kind(Kind::Input, 0, 0, [0; 8]),
            EventKind::Input { bytes: Vec::new() }
        );
    }
}
