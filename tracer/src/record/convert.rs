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
    /// A part of the state in which the timer took the CPU away.
    StatePart(StatePart),
    /// A piece of why a replay cannot go on.
    Diverged(String),
    /// How a replay found a point.
    Searched(Search),
    /// A part of what is said of a replay that stands still.
    Standstill(StandstillPart),
}

/// What it took a replay to find a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// Arrivals at its instruction that the kernel compared with the recorded state.
    pub(crate) compared: u64,
    /// How many times too much of the stay had been skipped.
    pub(crate) retries: u64,
    /// Whether a comparison was compiled into the program.
    pub(crate) is_compiled: bool,
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
        Kind::Searched => {
            let [arrivals, hits, retries, compiled, ..] = record.words;
            return Ok(Entry::Searched(Search {
                compared: arrivals.saturating_add(hits),
                retries,
                is_compiled: compiled != 0,
            }));
        }
        Kind::Stopped => {
            return Ok(Entry::Standstill(StandstillPart {
                process: ProcessId(record.process),
                thread: ThreadId(record.thread),
                number: record.code,
                words: record.words,
            }));
        }
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
        Kind::MemoryLeft => EventKind::MemoryLeft {
            space: space(record.words[0]),
            digest: record.words[1],
            bytes: record.words[2],
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
mod tests;
