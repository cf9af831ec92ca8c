//! A machine under ptrace: one thread waits, looks, writes down and resumes. The time it holds the machine is the
//! probe effect that can be seen; what a stop costs beyond that is calibrated.

use std::time::Duration;

use nix::sys::signal::Signal;
use trapline_abi::cause::{Cause, TRAP_SIGNALS};
use trapline_trace_format::event::{EventKind, Seen, SpaceId};

use super::convert;
use super::numbers;
use super::observe::{Ending, Observer, Sink, event_from_outside};
use crate::clock::Clock;
use crate::error::TracerError;
use crate::machine::{Machine, MachineOptions};
use crate::ptrace::task::{Stopped, Wait, wait_any};

/// How often something happens that is not worth doing at every stop.
const HOUSEKEEPING_NS: u64 = Duration::from_millis(100).as_nanos() as u64;

/// Runs the machine to its end. `housekeeping` is called now and then, while the machine is held.
pub(crate) fn run<S: Sink>(
    mut machine: Machine,
    options: &MachineOptions,
    clock: &Clock,
    sink: &mut S,
    mut housekeeping: impl FnMut(&mut S) -> Result<(), TracerError>,
) -> Result<Ending, TracerError> {
    let mut observer = Observer::new(&options.jobs, sink);
    let mut next_housekeeping = clock.now() + HOUSEKEEPING_NS;
    loop {
        let wait = wait_any()?;
        let from = clock.now();
        observer.drain(&machine.region)?;
        let (stopped, seen) = match wait {
            Wait::Signal(stopped, signal) => {
                let seen = look(&stopped, signal)?;
                (stopped, seen)
            }
            Wait::Seccomp(stopped) => (stopped, Seen::Return),
            Wait::Other(stopped) => (stopped, Seen::Other),
            Wait::Ended(pid) if pid == machine.root.pid() => {
                machine.root.mark_ended();
                continue;
            }
            Wait::Ended(_) => continue,
            Wait::NoneLeft => break,
        };
        let space = observer.space_of_host(stopped.pid().as_raw());
        // The kernel's own process makes no traps: what looks like one is its business with its children.
        let seen = if space == SpaceId(0) {
            Seen::Other
        } else {
            seen
        };
        if from >= next_housekeeping {
            next_housekeeping = from + HOUSEKEEPING_NS;
            housekeeping(observer.sink())?;
        }
        let Some(origin) = observer.origin() else {
            stopped.resume()?;
            continue;
        };
        let until = convert::since(clock.now(), origin);
        let held = EventKind::Held { until, space, seen };
        observer.emit(&event_from_outside(convert::since(from, origin), held))?;
        stopped.resume()?;
    }
    observer.drain(&machine.region)?;
    observer.finish()
}

/// What a signal-delivery stop says of the trap behind it.
fn look(stopped: &Stopped, signal: Signal) -> Result<Seen, TracerError> {
    let signal = signal as i32;
    if !TRAP_SIGNALS.contains(&signal) {
        return Ok(Seen::Other);
    }
    let Some(info) = stopped.trap_info()? else {
        return Ok(Seen::Other);
    };
    let Some(cause) = Cause::of_signal(signal, info.code, info.architecture) else {
        return Ok(Seen::Other);
    };
    let (number, instruction) = if cause == Cause::Syscall {
        (info.syscall, info.address)
    } else {
        let Some(instruction) = stopped.instruction()? else {
            return Ok(Seen::Other);
        };
        (signal, instruction)
    };
    Ok(Seen::Trap {
        cause: numbers::cause(cause),
        number,
        instruction,
    })
}
