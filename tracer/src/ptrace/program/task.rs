//! A task that is traced, as a by-value state: [`Stopped`] can be asked anything and gives itself away when it is let go;
//! of a [`Task`] that may be running almost nothing can be asked.
//!
//! A task may vanish at any moment (SIGKILL, or another thread's `exit_group`), so `ESRCH` is an outcome here and not an
//! error: `None` where something was asked, and nothing at all where it was let go; the next wait tells the end.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use nix::errno::Errno;
use nix::unistd::Pid;
use trapline_trace_format::event::Abi;

use crate::error::{During, TracerError};

/// Bit of x32's system call numbers.
const X32_BIT: u64 = 0x4000_0000;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;

/// Which events of a task are wanted, besides its signals and calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// New tasks, which are then traced, too.
    pub(crate) new_tasks: bool,
    /// Stops that a seccomp filter asks for.
    pub(crate) seccomp: bool,
    /// That it dies with its tracer.
    pub(crate) dies_with_tracer: bool,
}

impl Wanted {
    fn options(self) -> i32 {
        let mut options =
            libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_TRACEEXIT;
        if self.new_tasks {
            options |=
                libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACECLONE;
        }
        if self.seccomp {
            options |= libc::PTRACE_O_TRACESECCOMP;
        }
        if self.dies_with_tracer {
            options |= libc::PTRACE_O_EXITKILL;
        }
        options
    }
}

/// A task, stopped or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task(pub(crate) Pid);

impl Task {
    /// Makes the calling thread its tracer. It goes on running.
    pub(crate) fn seize(self, wanted: Wanted) -> nix::Result<()> {
        request(libc::PTRACE_SEIZE, self.0, 0, wanted.options() as usize).map(drop)
    }

    /// Asks it to stop; the stop is a [`super::stop::Stop::Trap`], or any other that comes first. Nothing happens if it
    /// is gone.
    pub(crate) fn interrupt(self) -> Result<(), TracerError> {
        unless_gone(request(libc::PTRACE_INTERRUPT, self.0, 0, 0)).during("stop a task")?;
        Ok(())
    }
}

/// Until when a task is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The next entry or return of a system call, or anything else that stops it.
    Call,
    /// Anything else that stops it.
    Event,
}

/// What a task that stopped at a system call is about to do, or has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStop {
    /// It enters a call.
    Entry(Entry),
    /// It returns with this result: a value, or a negated errno.
    Return(i64),
    /// It is at no system call.
    Elsewhere,
}

/// A system call that is entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) abi: Abi,
    pub(crate) number: i32,
    /// Behind the instruction.
    pub(crate) instruction: u64,
    pub(crate) arguments: [u64; 6],
}

/// `struct ptrace_syscall_info`.
#[repr(C)]
struct RawInfo {
    op: u8,
    _padding: [u8; 3],
    arch: u32,
    instruction: u64,
    _stack: u64,
    /// Entry and seccomp: number, six arguments, and for seccomp what the filter says. Return: the result.
    data: [u64; 8],
}

/// A signal's `siginfo_t`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalInfo {
    bytes: [u8; size_of::<libc::siginfo_t>()],
}

impl SignalInfo {
    /// What of it means anything for some signal.
    pub(crate) const KEPT: usize = 48;

    /// si_code
    pub(crate) fn code(&self) -> i32 {
        self.word(8)
    }

    /// Who sent it, if somebody did.
    pub(crate) fn sender(&self) -> Option<u32> {
        (self.code() <= 0).then(|| self.word(16) as u32)
    }

    /// The address of a fault.
    pub(crate) fn address(&self) -> u64 {
        u64::from(self.word(16) as u32) | u64::from(self.word(20) as u32) << 32
    }

    /// Its beginning, as far as it is worth keeping.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.bytes[..Self::KEPT]
    }

    fn word(&self, at: usize) -> i32 {
        let bytes = &self.bytes;
        i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }
}

const READ: &str = "read registers";

/// A task in a ptrace stop.
#[derive(Debug)]
#[must_use = "a stopped task stays stopped until it is let go"]
pub(crate) struct Stopped(Pid);

impl Stopped {
    /// What a wait told of.
    pub(super) fn by_wait(tid: Pid) -> Self {
        Self(tid)
    }

    /// The host's id of the task.
    pub(crate) fn tid(&self) -> Pid {
        self.0
    }

    /// Where it stands in its system call.
    pub(crate) fn call(&self) -> Result<Option<CallStop>, TracerError> {
        let mut info = MaybeUninit::<RawInfo>::zeroed();
        let read = request(
            libc::PTRACE_GET_SYSCALL_INFO,
            self.0,
            size_of::<RawInfo>(),
            info.as_mut_ptr().expose_provenance(),
        );
        let read = unless_gone(read).during("read a system call (Linux 5.3 or newer is needed)")?;
        if read.is_none() {
            return Ok(None);
        }
        // SAFETY: all zeros is a value of it, and so is whatever the kernel wrote over that.
        Ok(Some(call_stop(&unsafe { info.assume_init() })))
    }

    /// The message of its event.
    pub(crate) fn message(&self) -> Result<Option<u64>, TracerError> {
        let mut message: libc::c_ulong = 0;
        let at = (&raw mut message).expose_provenance();
        let read = unless_gone(request(libc::PTRACE_GETEVENTMSG, self.0, 0, at));
        Ok(read.during("read an event's message")?.map(|_| message))
    }

    /// The signal that it is about to get.
    pub(crate) fn signal_info(&self) -> Result<Option<SignalInfo>, TracerError> {
        let mut info = SignalInfo {
            bytes: [0; size_of::<libc::siginfo_t>()],
        };
        let at = info.bytes.as_mut_ptr().expose_provenance();
        let read = unless_gone(request(libc::PTRACE_GETSIGINFO, self.0, 0, at));
        Ok(read.during("read a signal's cause")?.map(|_| info))
    }

    /// Where it is in its program.
    pub(crate) fn instruction(&self) -> Result<Option<u64>, TracerError> {
        let registers = unless_gone(nix::sys::ptrace::getregs(self.0));
        Ok(registers.during(READ)?.map(|registers| registers.rip))
    }

    /// Lets the call that it is about to make fail as one that does not exist: what the host does for a filter that asks for a
    /// tracer that is not there.
    pub(crate) fn refuse_call(&self) -> Result<(), TracerError> {
        let Some(mut registers) = unless_gone(nix::sys::ptrace::getregs(self.0)).during(READ)?
        else {
            return Ok(());
        };
        registers.orig_rax = u64::MAX;
        registers.rax = -i64::from(libc::ENOSYS) as u64;
        unless_gone(nix::sys::ptrace::setregs(self.0, registers)).during("write registers")?;
        Ok(())
    }

    /// Lets it go on, with this signal if it is not 0.
    pub(crate) fn resume(self, until: Until, signal: i32) -> Result<(), TracerError> {
        let how = match until {
            Until::Call => libc::PTRACE_SYSCALL,
            Until::Event => libc::PTRACE_CONT,
        };
        unless_gone(request(how, self.0, 0, signal as usize)).during("let a task go on")?;
        Ok(())
    }

    /// Lets it be stopped with its process, until that is continued.
    pub(crate) fn listen(self) -> Result<(), TracerError> {
        unless_gone(request(libc::PTRACE_LISTEN, self.0, 0, 0)).during("leave a task stopped")?;
        Ok(())
    }

    /// Lets it go for good, with this signal if it is not 0. It stays stopped if its process is.
    pub(crate) fn detach(self, signal: i32) -> Result<(), TracerError> {
        unless_gone(request(libc::PTRACE_DETACH, self.0, 0, signal as usize))
            .during("detach from a task")?;
        Ok(())
    }
}

fn call_stop(info: &RawInfo) -> CallStop {
    const ENTRY: u8 = 1;
    const EXIT: u8 = 2;
    const SECCOMP: u8 = 3;
    let [number, arguments @ .., _] = info.data;
    match info.op {
        ENTRY | SECCOMP => CallStop::Entry(Entry {
            abi: match info.arch {
                AUDIT_ARCH_I386 => Abi::I386,
                _ if number & X32_BIT != 0 && number >> 32 == 0 => Abi::X32,
                _ => Abi::X86_64,
            },
            number: number as i32,
            instruction: info.instruction,
            arguments,
        }),
        EXIT => CallStop::Return(number as i64),
        _ => CallStop::Elsewhere,
    }
}

fn unless_gone<T>(result: nix::Result<T>) -> nix::Result<Option<T>> {
    match result {
        Err(Errno::ESRCH) => Ok(None),
        other => other.map(Some),
    }
}

/// A request whose address and data are numbers, or point to something that is large enough for it.
fn request(what: u32, tid: Pid, address: usize, data: usize) -> nix::Result<i64> {
    let pointer = |number: usize| {
        if number == 0 {
            null_mut()
        } else {
            std::ptr::with_exposed_provenance_mut::<c_void>(number)
        }
    };
    // SAFETY: every caller in this file passes numbers, or a place that is as large as the request writes.
    let done = unsafe { libc::ptrace(what, tid.as_raw(), pointer(address), pointer(data)) };
    Errno::result(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(op: u8, arch: u32, data: [u64; 8]) -> RawInfo {
        RawInfo {
            op,
            _padding: [0; 3],
            arch,
            instruction: 7,
            _stack: 0,
            data,
        }
    }

    #[test]
    fn a_calls_table_is_told_by_architecture_and_number() {
        const X86_64: u32 = 0xc000_003e;
        for (arch, number, abi) in [
            (X86_64, 39, Abi::X86_64),
            (X86_64, 39 | X32_BIT, Abi::X32),
            (X86_64, u64::MAX, Abi::X86_64),
            (AUDIT_ARCH_I386, 20, Abi::I386),
        ] {
            let data = [number, 1, 2, 3, 4, 5, 6, 0];
            assert_eq!(
                call_stop(&raw(1, arch, data)),
                CallStop::Entry(Entry {
                    abi,
                    number: number as i32,
                    instruction: 7,
                    arguments: [1, 2, 3, 4, 5, 6],
                })
            );
        }
    }

    #[test]
    fn a_result_is_a_value_or_a_negated_errno() {
        let with = |result: i64| call_stop(&raw(2, 0, [result as u64, 1, 0, 0, 0, 0, 0, 0]));
        assert_eq!(with(-2), CallStop::Return(-2));
        assert_eq!(with(i64::MAX), CallStop::Return(i64::MAX));
        assert_eq!(call_stop(&raw(0, 0, [0; 8])), CallStop::Elsewhere);
    }
}
