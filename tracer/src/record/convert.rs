//! From the kernel's log records to the events of a trace. The log comes out of memory that another process writes:
//! nothing in it is trusted, what makes no sense is an error.

use trapline_abi::cause::Cause as LogCause;
use trapline_abi::log::{Kind, Reason, Record, TEXT_MAX};
use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, Nanos, ProcessId, SwitchReason, ThreadId, Trap,
};

use crate::error::TracerError;

/// What a record of the kernel's log means for the recorder.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// Something that belongs into the trace.
    Event(Event),
    /// A process was made; `host` is its id on the host.
    Created(Event, i32),
    /// Time 0 of the trace is this time of the clock.
    Started(u64),
    /// Every job ended.
    Halted,
    /// This job (counted from 0) cannot run.
    LoadFailed(usize, String),
    /// A piece of the kernel's last words.
    Panic(String),
    /// Nothing that a trace has a place for yet.
    Untold,
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
        Kind::Panic => return Ok(Entry::Panic(text(record)?)),
        Kind::Created => {
            let parent = ProcessId(record.number.max(0) as u32);
            let kind = EventKind::Created {
                parent,
                name: padded_text(record, TEXT_MAX - 8),
            };
            return Ok(Entry::Created(
                event(record, origin, kind),
                record.words[7] as i32,
            ));
        }
        Kind::Executed | Kind::ProcessExited | Kind::Map | Kind::Signal | Kind::Input => {
            return Ok(Entry::Untold);
        }
        Kind::Exited => EventKind::Exited {
            status: exit_status(record)?,
        },
        Kind::Trap => EventKind::Trap(trap(record)?),
        Kind::Return => EventKind::Return {
            result: record.words[0] as i64,
        },
        Kind::SwitchBegin => EventKind::SwitchBegin {
            to: ThreadId(record.words[0] as u32),
            reason: reason(record.code)?,
        },
        Kind::SwitchEnd => EventKind::SwitchEnd,
        Kind::Woken => EventKind::Woken,
        Kind::QuantumStart => EventKind::QuantumStart {
            expiry: since(record.words[0], origin),
        },
        Kind::Console => EventKind::Console {
            bytes: console(record)?.to_vec(),
        },
    };
    Ok(Entry::Event(event(record, origin, kind)))
}

/// Time of the clock on the trace's scale.
pub(crate) fn since(time: u64, origin: u64) -> Nanos {
    time.wrapping_sub(origin) as i64
}

/// The trace's word for a cause.
pub(crate) fn cause(cause: LogCause) -> Cause {
    match cause {
        LogCause::Syscall => Cause::Syscall,
        LogCause::Timer => Cause::Timer,
        LogCause::PageFault => Cause::PageFault,
        LogCause::Protection => Cause::Protection,
        LogCause::Illegal => Cause::Illegal,
        LogCause::Divide => Cause::Divide,
        LogCause::Breakpoint => Cause::Breakpoint,
    }
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
        cause: log_cause(record.code)?,
        number: record.number,
        instruction,
        address,
        arguments,
    })
}

fn exit_status(record: &Record) -> Result<ExitStatus, TracerError> {
    if record.code == 0 {
        return Ok(ExitStatus::Code(record.number as u8));
    }
    let cause = log_cause(record.words[0] as u16)?;
    Ok(ExitStatus::Killed {
        signal: record.number as u8,
        cause,
        address: record.words[1],
    })
}

fn log_cause(number: u16) -> Result<Cause, TracerError> {
    LogCause::from_number(number)
        .map(cause)
        .ok_or_else(|| nonsense("cause", number))
}

fn reason(number: u16) -> Result<SwitchReason, TracerError> {
    const YIELD: u16 = Reason::Yield as u16;
    const BLOCK: u16 = Reason::Block as u16;
    const EXIT: u16 = Reason::Exit as u16;
    const QUANTUM: u16 = Reason::Quantum as u16;
    const PREEMPT: u16 = Reason::Preempt as u16;
    const IDLE: u16 = Reason::Idle as u16;
    Ok(match number {
        YIELD => SwitchReason::Yield,
        BLOCK => SwitchReason::Block,
        EXIT => SwitchReason::Exit,
        QUANTUM => SwitchReason::Quantum,
        PREEMPT => SwitchReason::Preempt,
        IDLE => SwitchReason::Idle,
        _ => return Err(nonsense("reason", number)),
    })
}

fn console(record: &Record) -> Result<Vec<u8>, TracerError> {
    let length = usize::try_from(record.number)
        .ok()
        .filter(|length| *length <= TEXT_MAX);
    let length = length.ok_or_else(|| {
        TracerError::Machine(format!("its log has {} bytes of text", record.number))
    })?;
    Ok(record.text()[..length].to_vec())
}

fn text(record: &Record) -> Result<String, TracerError> {
    Ok(String::from_utf8_lossy(&console(record)?).into_owned())
}

/// Text that ends at the first zero byte, if not at `most`.
fn padded_text(record: &Record, most: usize) -> String {
    let bytes = &record.text()[..most];
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(most);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn nonsense(what: &str, number: u16) -> TracerError {
    TracerError::Machine(format!("its log has an unknown {what}: {number}"))
}

#[cfg(test)]
mod tests {
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
        for record in [
            unknown_kind,
            unknown_cause,
            unknown_reason,
            too_long,
            negative,
        ] {
            assert!(entry(&record, 0).is_err(), "{record:?}");
        }
    }

    #[test]
    fn a_programs_name_ends_at_its_padding() {
        let mut record = Record {
            number: 7,
            ..Record::new(Kind::Created)
        };
        record.set_text(b"spin");
        record.words[7] = 4711;
        let Entry::Created(event, 4711) = entry(&record, 0).expect("a process") else {
            panic!("no process")
        };
        assert_eq!(
            event.kind,
            EventKind::Created {
                parent: ProcessId(7),
                name: "spin".to_owned()
            }
        );
    }
}
