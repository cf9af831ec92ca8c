//! Signals that a traced program gets: who sent them, what comes of them.
//!
//! What comes of a signal is told before it does, from what the program asked for (`/proc/PID/status`) and otherwise from
//! signal(7). A CPU exception is a trap, too, with the signal that it became; it returns to the handler, if there is one.

use trapline_trace_format::event::{
    Abi, Cause, EventKind, Nanos, ProcessId, Seen, SignalAction, Trap,
};
use trapline_trace_format::meta::Detail;

use super::engine::{Engine, Mood};
use crate::error::TracerError;
use crate::ptrace::program::task::{SignalInfo, Stopped};

/// si_code of what the kernel itself raises.
const SI_KERNEL: i32 = 0x80;
const SEGV_ACCERR: i32 = 2;

impl Engine<'_> {
    /// A signal is about to be delivered.
    pub(super) fn at_signal(
        &mut self,
        stopped: Stopped,
        signal: i32,
        at: Nanos,
    ) -> Result<(), TracerError> {
        let Some(info) = stopped.signal_info()? else {
            return Ok(());
        };
        let whom = self.tree.whom(stopped.tid().as_raw() as u32);
        let action = action(whom.thread, signal);
        if self.traced.root() == Some(whom.process) {
            self.wishes.signal_seen(signal, at);
        }
        let fault = fault(signal, &info);
        let mut seen = Seen::Other;
        if let Some((cause, address)) = fault {
            let instruction = stopped.instruction()?.unwrap_or(0);
            if let Some(process) = self.tree.process_mut(whom.process) {
                process.fault = Some((signal as u8, cause, address));
            }
            if self.rules.detail == Detail::Events {
                let trap = Trap {
                    cause,
                    abi: Abi::X86_64,
                    number: signal,
                    instruction,
                    address,
                    arguments: [0; 6],
                };
                self.output.tell(at, whom, EventKind::Trap(trap));
                seen = Seen::Trap {
                    cause,
                    number: signal,
                    instruction,
                };
            }
        }
        let kind = EventKind::Signal {
            signal: signal as u8,
            sender: ProcessId(info.sender().unwrap_or(0)),
            action,
            info: info.kept().to_vec(),
        };
        self.output.tell(at, whom, kind);
        self.let_go(stopped, at, seen, signal)?;
        if fault.is_some()
            && self.rules.detail == Detail::Events
            && matches!(action, SignalAction::Handler { .. } | SignalAction::Ignore)
            && let Some(thread) = self.tree.thread(whom.thread)
        {
            let returned = EventKind::Return { result: 0 };
            self.output.tell(thread.let_go, whom, returned);
        }
        Ok(())
    }

    /// A task takes part in a stop of its process: it is left to it, and still tells when the process is continued.
    pub(super) fn at_group_stop(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        let tid = stopped.tid().as_raw() as u32;
        let now = self.timeline.now();
        if self.mood == Mood::Leaving {
            self.leave_behind(tid, now);
            return stopped.detach(0);
        }
        if let Some(thread) = self.tree.thread_mut(tid) {
            thread.let_go = now;
            thread.in_group_stop = true;
        }
        if self.rules.detail == Detail::Events {
            self.output.held(at, now, self.tree.whom(tid), Seen::Other);
        }
        stopped.listen()
    }
}

/// The CPU exception that a signal came from, and the address.
fn fault(signal: i32, info: &SignalInfo) -> Option<(Cause, u64)> {
    if info.code() <= 0 {
        return None;
    }
    let cause = match signal {
        // General protection faults have no address.
        libc::SIGSEGV if info.code() == SEGV_ACCERR || info.code() == SI_KERNEL => {
            Cause::Protection
        }
        libc::SIGSEGV | libc::SIGBUS => Cause::PageFault,
        libc::SIGILL => Cause::Illegal,
        libc::SIGFPE => Cause::Divide,
        libc::SIGTRAP => Cause::Breakpoint,
        _ => return None,
    };
    let address = match cause {
        Cause::PageFault | Cause::Protection if info.code() != SI_KERNEL => info.address(),
        _ => 0,
    };
    Some((cause, address))
}

/// What will come of a signal.
fn action(tid: u32, signal: i32) -> SignalAction {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    action_by(&status, signal)
}

fn action_by(status: &str, signal: i32) -> SignalAction {
    let is_in = |field: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.unwrap_or(0) >> (signal - 1) & 1 == 1
    };
    if is_in("SigCgt:") {
        // Where the handler is, only the program's own memory says.
        return SignalAction::Handler { address: 0 };
    }
    let is_ignored = is_in("SigIgn:") && !matches!(signal, libc::SIGCONT);
    match signal {
        _ if is_ignored => SignalAction::Ignore,
        libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH => SignalAction::Ignore,
        libc::SIGCONT => SignalAction::Continue,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => SignalAction::Stop,
        _ => SignalAction::Kill,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_a_signal_is_what_the_program_asked_for_or_the_default() {
        // SIGUSR1 (10) and SIGTSTP (20) are caught, SIGHUP (1) and SIGCONT (18) ignored.
        let status = "Name:\tx\nSigIgn:\t0000000000020001\nSigCgt:\t0000000000080200\n";
        let handler = SignalAction::Handler { address: 0 };
        for (signal, action) in [
            (libc::SIGUSR1, handler),
            (libc::SIGTSTP, handler),
            (libc::SIGHUP, SignalAction::Ignore),
            (libc::SIGCONT, SignalAction::Continue),
            (libc::SIGCHLD, SignalAction::Ignore),
            (libc::SIGSTOP, SignalAction::Stop),
            (libc::SIGTERM, SignalAction::Kill),
            (64, SignalAction::Kill),
        ] {
            assert_eq!(action_by(status, signal), action, "{signal}");
        }
    }
}
