//! A traced task as a by-value state: [`Running`] becomes a [`Stopped`] with the reason, [`Stopped`] becomes running again.
//!
//! Source: ptrace(2). A task may vanish at any moment (SIGKILL), so `ESRCH` is an outcome here, not an error.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::error::{During, TracerError};

/// What the tracer wants to hear of a machine.
pub(crate) fn machine_options() -> Options {
    Options::PTRACE_O_EXITKILL
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACESECCOMP
        | Options::PTRACE_O_TRACESYSGOOD
}

/// A task in a ptrace stop. Only such a task can be asked or resumed.
#[derive(Debug)]
#[must_use = "a stopped task stays stopped until it is resumed"]
pub(crate) struct Stopped {
    pid: Pid,
    /// The signal to hand over at the resume.
    signal: Option<Signal>,
}

/// Why a task stopped, or that it ended.
#[derive(Debug)]
pub(crate) enum Wait {
    /// A signal is about to be delivered.
    Signal(Stopped, Signal),
    /// The seccomp filter asked for a stop.
    Seccomp(Stopped),
    /// Any other stop (a new task, a group stop).
    Other(Stopped),
    /// The task is no more.
    Ended(Pid),
    /// No task is left.
    NoneLeft,
}

/// Waits for any task of the machine.
pub(crate) fn wait_any() -> Result<Wait, TracerError> {
    loop {
        let status = match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::__WALL)) {
            Err(Errno::EINTR) => continue,
            Err(Errno::ECHILD) => return Ok(Wait::NoneLeft),
            other => other.during("wait for the machine")?,
        };
        let stopped = |pid, signal| Stopped { pid, signal };
        return Ok(match status {
            WaitStatus::Stopped(pid, signal) => Wait::Signal(stopped(pid, Some(signal)), signal),
            WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_SECCOMP) => {
                Wait::Seccomp(stopped(pid, None))
            }
            WaitStatus::PtraceEvent(pid, ..) | WaitStatus::PtraceSyscall(pid) => {
                Wait::Other(stopped(pid, None))
            }
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => Wait::Ended(pid),
            WaitStatus::Continued(_) | WaitStatus::StillAlive => continue,
        });
    }
}

/// The part of siginfo that says why a trap happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrapInfo {
    /// si_code
    pub(crate) code: i32,
    /// si_syscall, for SIGSYS
    pub(crate) syscall: i32,
    /// si_arch, for SIGSYS
    pub(crate) architecture: u32,
    /// si_call_addr for SIGSYS, si_addr for faults
    pub(crate) address: u64,
}

impl Stopped {
    /// The host's id of the task.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// siginfo of the signal that stopped the task. `None` if the task has vanished.
    pub(crate) fn trap_info(&self) -> Result<Option<TrapInfo>, TracerError> {
        let Some(info) =
            unless_gone(ptrace::getsiginfo(self.pid)).during("read a signal's cause")?
        else {
            return Ok(None);
        };
        // SAFETY: siginfo_t is plain data of at least 32 bytes; every bit pattern is a valid array of integers.
        let words: [u32; 8] = unsafe { std::mem::transmute_copy(&info) };
        Ok(Some(TrapInfo {
            code: info.si_code,
            address: u64::from(words[4]) | u64::from(words[5]) << 32,
            syscall: words[6] as i32,
            architecture: words[7],
        }))
    }

    /// The instruction pointer. `None` if the task has vanished.
    pub(crate) fn instruction(&self) -> Result<Option<u64>, TracerError> {
        Ok(unless_gone(ptrace::getregs(self.pid))
            .during("read registers")?
            .map(|registers| registers.rip))
    }

    /// Lets the task go on, with the signal that stopped it if there was one (but a SIGSTOP, by which the machine's kernel
    /// asks to be looked at). A task that has vanished is fine: the
    /// next wait tells its end.
    pub(crate) fn resume(self) -> Result<(), TracerError> {
        let signal = self.signal.filter(|signal| *signal != Signal::SIGSTOP);
        unless_gone(ptrace::cont(self.pid, signal)).during("resume a process of the machine")?;
        Ok(())
    }
}

fn unless_gone<T>(result: nix::Result<T>) -> nix::Result<Option<T>> {
    match result {
        Err(Errno::ESRCH) => Ok(None),
        other => other.map(Some),
    }
}
