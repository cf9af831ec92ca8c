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

/// The flag by which a step is made.
const TRAP_FLAG: u64 = 0x100;

/// Length of the x87 and SSE registers as FXSAVE lays them out.
pub(crate) const FXSAVE_BYTES: usize = 512;

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

    /// `si_code` and whether the signal that stopped the task came of a breakpoint instruction (int3). `None` if the task has
    /// vanished.
    pub(crate) fn is_breakpoint_instruction(&self) -> Result<Option<bool>, TracerError> {
        const SI_KERNEL: i32 = 0x80;
        Ok(self
            .trap_info()?
            .map(|info| self.signal == Some(Signal::SIGTRAP) && info.code == SI_KERNEL))
    }

    /// All registers. `None` if the task has vanished.
    pub(crate) fn registers(&self) -> Result<Option<libc::user_regs_struct>, TracerError> {
        unless_gone(ptrace::getregs(self.pid)).during("read registers")
    }

    /// The x87 and SSE registers as FXSAVE lays them out (Intel SDM volume 1, 10.5.1). `None` if the task has vanished.
    pub(crate) fn vector_registers(&self) -> Result<Option<[u8; FXSAVE_BYTES]>, TracerError> {
        let registers = unless_gone(ptrace::getregset::<ptrace::regset::NT_PRFPREG>(self.pid))
            .during("read vector registers")?;
        // SAFETY: the structure is that area, made of integers.
        Ok(registers.map(|registers| unsafe {
            std::mem::transmute::<libc::user_fpregs_struct, [u8; FXSAVE_BYTES]>(registers)
        }))
    }

    /// Lets the task go on without the signal that stopped it.
    pub(crate) fn resume_without_signal(self) -> Result<(), TracerError> {
        unless_gone(ptrace::cont(self.pid, None)).during("resume a process of the machine")?;
        Ok(())
    }

    /// Lets the task do one instruction, without the signal that stopped it. It stops behind that; where that is the return
    /// from a signal handler, in front of the first instruction of what was interrupted.
    pub(crate) fn step(self) -> Result<(), TracerError> {
        unless_gone(ptrace::step(self.pid, None)).during("step a process of the machine")?;
        Ok(())
    }

    /// The CPU noted the flags in r11 at a system call that was a step's instruction; the step's own flag is none of the
    /// program's.
    pub(crate) fn hide_step_in_call(&self) -> Result<(), TracerError> {
        let hide = || -> nix::Result<()> {
            let mut registers = ptrace::getregs(self.pid)?;
            if registers.eflags & TRAP_FLAG == 0 && registers.r11 & TRAP_FLAG != 0 {
                registers.r11 &= !TRAP_FLAG;
                ptrace::setregs(self.pid, registers)?;
            }
            Ok(())
        };
        unless_gone(hide()).during("hide a step")?;
        Ok(())
    }

    /// The same if the step's instruction, at `address`, was one that stores the flags on the stack (pushf).
    pub(crate) fn hide_step_from(&self, address: u64) -> Result<(), TracerError> {
        const PUSHF: u8 = 0x9c;
        const OPERAND_SIZE: u8 = 0x66;
        const REX: std::ops::RangeInclusive<u8> = 0x40..=0x4f;
        let word = |at: u64| ptrace::read(self.pid, at as ptrace::AddressType);
        // Where there is nothing to read, nothing was executed from either.
        let Ok(code) = word(address) else {
            return Ok(());
        };
        let is_prefix = |byte: &u8| *byte == OPERAND_SIZE || REX.contains(byte);
        let code = code.to_le_bytes();
        if code.iter().find(|byte| !is_prefix(byte)) != Some(&PUSHF) {
            return Ok(());
        }
        let hide = || -> nix::Result<()> {
            let registers = ptrace::getregs(self.pid)?;
            if registers.eflags & TRAP_FLAG == 0 {
                let pushed = word(registers.rsp)? & !(TRAP_FLAG as libc::c_long);
                ptrace::write(self.pid, registers.rsp as ptrace::AddressType, pushed)?;
            }
            Ok(())
        };
        unless_gone(hide()).during("hide a step")?;
        Ok(())
    }

    /// Lets the task go on as if its timer had just come, in place of the signal that stopped it.
    pub(crate) fn interrupt(self) -> Result<(), TracerError> {
        const OPERATION: &str = "interrupt a process of the machine";
        const SI_TIMER: i32 = -2;
        // SAFETY: plain data, for which zeros are valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        info.si_signo = Signal::SIGALRM as i32;
        info.si_code = SI_TIMER;
        unless_gone(ptrace::setsiginfo(self.pid, &info)).during(OPERATION)?;
        unless_gone(ptrace::cont(self.pid, Some(Signal::SIGALRM))).during(OPERATION)?;
        Ok(())
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

pub(super) fn unless_gone<T>(result: nix::Result<T>) -> nix::Result<Option<T>> {
    match result {
        Err(Errno::ESRCH) => Ok(None),
        other => other.map(Some),
    }
}
