//! Numbers of the kernel's log to the words of the trace, one function per closed set. A number that no kernel writes is
//! an error.

use std::fmt::Display;

use trapline_abi::cause::Cause as LogCause;
use trapline_abi::log::{Backing as LogBacking, Reason, Waits as LogWaits};
use trapline_trace_format::event::{Backing, Cause, SwitchReason, Waits};

use crate::error::TracerError;

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

/// The cause with this number in the log.
pub(super) fn log_cause(number: u64) -> Result<Cause, TracerError> {
    u16::try_from(number)
        .ok()
        .and_then(LogCause::from_number)
        .map(cause)
        .ok_or_else(|| nonsense("cause", number))
}

/// Why a switch happened.
pub(super) fn reason(number: u16) -> Result<SwitchReason, TracerError> {
    const REASONS: [(Reason, SwitchReason); 6] = [
        (Reason::Yield, SwitchReason::Yield),
        (Reason::Block, SwitchReason::Block),
        (Reason::Exit, SwitchReason::Exit),
        (Reason::Quantum, SwitchReason::Quantum),
        (Reason::Preempt, SwitchReason::Preempt),
        (Reason::Idle, SwitchReason::Idle),
    ];
    known(REASONS, |reason| reason as u64, number.into(), "reason")
}

/// What a thread waits for; 0: it does not.
pub(super) fn waits(number: u64) -> Result<Option<Waits>, TracerError> {
    const WAITS: [(LogWaits, Waits); 10] = [
        (LogWaits::Sleep, Waits::Sleep),
        (LogWaits::Futex, Waits::Futex),
        (LogWaits::Pipe, Waits::Pipe),
        (LogWaits::Poll, Waits::Poll),
        (LogWaits::Child, Waits::Child),
        (LogWaits::Vfork, Waits::Vfork),
        (LogWaits::Signal, Waits::Signal),
        (LogWaits::Console, Waits::Console),
        (LogWaits::Disk, Waits::Disk),
        (LogWaits::Stopped, Waits::Stopped),
    ];
    if number == 0 {
        return Ok(None);
    }
    known(WAITS, |waits| waits as u64, number, "wait").map(Some)
}

/// What is behind a mapping.
pub(super) fn backing(number: u64) -> Result<Backing, TracerError> {
    const BACKINGS: [(LogBacking, Backing); 5] = [
        (LogBacking::Anonymous, Backing::Anonymous),
        (LogBacking::Heap, Backing::Heap),
        (LogBacking::Stack, Backing::Stack),
        (LogBacking::File, Backing::File),
        (LogBacking::Shared, Backing::Shared),
    ];
    known(BACKINGS, |backing| backing as u64, number, "backing")
}

/// The log has something that no kernel writes.
pub(super) fn nonsense(what: &str, number: impl Display) -> TracerError {
    TracerError::Machine(format!("its log has an unknown {what}: {number}"))
}

fn known<L: Copy, T: Copy, const N: usize>(
    pairs: [(L, T); N],
    number_of: impl Fn(L) -> u64,
    number: u64,
    what: &str,
) -> Result<T, TracerError> {
    pairs
        .into_iter()
        .find(|(log, _)| number_of(*log) == number)
        .map(|(_, word)| word)
        .ok_or_else(|| nonsense(what, number))
}
