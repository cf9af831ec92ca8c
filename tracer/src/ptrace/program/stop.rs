//! Why a traced task stopped, or how it ended: the raw wait status, decoded once into what it means.
//!
//! Key types: [`Waited`], [`Stop`], [`End`]. A task that was seized (PTRACE_SEIZE) tells its stops without ambiguity: group
//! stops and those that the tracer asked for are events, what is left with a bare signal is the delivery of that signal.

use nix::errno::Errno;
use nix::unistd::Pid;

use super::task::Stopped;
use crate::error::{During, TracerError};

/// What a wait told.
#[derive(Debug)]
pub(crate) enum Waited {
    /// A task stopped.
    Stopped(Stopped, Stop),
    /// A task is no more.
    Ended(Pid, End),
    /// A signal to the tracer came first.
    Interrupted,
    /// No task is left.
    NoneLeft,
}

/// Why a task stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It enters or leaves a system call.
    Call,
    /// The seccomp filter asked for a stop, before a system call.
    Seccomp,
    /// It made a new task; the message is its id.
    NewTask(NewTask),
    /// It runs another program; the message is the id that it had before.
    Exec,
    /// It is about to end; the message is its wait status.
    Exit,
    /// It takes part in a stop of its process by this signal.
    Group(i32),
    /// The tracer asked for a stop, it is new, or its process was continued.
    Trap,
    /// This signal is about to be delivered.
    Signal(i32),
    /// An event that was not asked for.
    Unknown,
}

/// The kind of call that made a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewTask {
    /// `fork`, or a clone that tells its end by SIGCHLD.
    Fork,
    /// `vfork`: the parent waits until the new one has executed a program or ended.
    Vfork,
    /// Any other clone: most often a thread.
    Clone,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

/// A wait status that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Stopped(Stop),
    Ended(End),
    Continued,
}

/// Decodes a wait status, for a task that was seized with TRACESYSGOOD.
fn decode(status: i32) -> Status {
    if status == 0xffff {
        return Status::Continued;
    }
    if status & 0xff != 0x7f {
        return Status::Ended(decode_end(status));
    }
    let signal = (status >> 8) & 0xff;
    Status::Stopped(match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Call,
        0 => Stop::Signal(signal),
        libc::PTRACE_EVENT_SECCOMP => Stop::Seccomp,
        libc::PTRACE_EVENT_FORK => Stop::NewTask(NewTask::Fork),
        libc::PTRACE_EVENT_VFORK => Stop::NewTask(NewTask::Vfork),
        libc::PTRACE_EVENT_CLONE => Stop::NewTask(NewTask::Clone),
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_EXIT => Stop::Exit,
        libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Stop::Trap,
        libc::PTRACE_EVENT_STOP => Stop::Group(signal),
        _ => Stop::Unknown,
    })
}

/// How a task ends by a wait status without a stop: also the message of [`Stop::Exit`].
pub(crate) fn decode_end(status: i32) -> End {
    match status & 0x7f {
        0 => End::Code((status >> 8) as u8),
        signal => End::Signal(signal as u8),
    }
}

/// Waits until a task of the calling thread stops or ends, or a signal comes.
pub(crate) fn wait() -> Result<Waited, TracerError> {
    // Each thread has the tasks that it traces itself; those of other threads are none of its business.
    let options = libc::__WALL | libc::__WNOTHREAD;
    let mut status = 0;
    // SAFETY: the status outlives the call; no usage is asked for.
    let pid = unsafe { libc::wait4(-1, &raw mut status, options, std::ptr::null_mut()) };
    match Errno::result(pid) {
        Err(Errno::EINTR) => Ok(Waited::Interrupted),
        Err(Errno::ECHILD) => Ok(Waited::NoneLeft),
        Err(errno) => Err(errno).during("wait for the traced programs"),
        Ok(pid) => {
            let pid = Pid::from_raw(pid);
            Ok(match decode(status) {
                Status::Stopped(stop) => Waited::Stopped(Stopped::by_wait(pid), stop),
                Status::Ended(end) => Waited::Ended(pid, end),
                Status::Continued => Waited::Interrupted,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(event: i32, signal: i32) -> Status {
        decode(event << 16 | signal << 8 | 0x7f)
    }

    #[test]
    fn every_stop_has_one_meaning() {
        let event = |event| stopped(event, libc::SIGTRAP);
        for (status, stop) in [
            (stopped(0, libc::SIGTRAP | 0x80), Stop::Call),
            (stopped(0, libc::SIGTRAP), Stop::Signal(libc::SIGTRAP)),
            (stopped(0, libc::SIGSTOP), Stop::Signal(libc::SIGSTOP)),
            (stopped(0, 64), Stop::Signal(64)),
            (event(libc::PTRACE_EVENT_FORK), Stop::NewTask(NewTask::Fork)),
            (
                event(libc::PTRACE_EVENT_VFORK),
                Stop::NewTask(NewTask::Vfork),
            ),
            (
                event(libc::PTRACE_EVENT_CLONE),
                Stop::NewTask(NewTask::Clone),
            ),
            (event(libc::PTRACE_EVENT_EXEC), Stop::Exec),
            (event(libc::PTRACE_EVENT_EXIT), Stop::Exit),
            (event(libc::PTRACE_EVENT_SECCOMP), Stop::Seccomp),
            (event(libc::PTRACE_EVENT_STOP), Stop::Trap),
            (
                stopped(libc::PTRACE_EVENT_STOP, libc::SIGTSTP),
                Stop::Group(libc::SIGTSTP),
            ),
            (event(libc::PTRACE_EVENT_VFORK_DONE), Stop::Unknown),
        ] {
            assert_eq!(status, Status::Stopped(stop));
        }
    }

    #[test]
    fn an_end_is_a_code_or_a_signal_whether_it_dumped_core_or_not() {
        assert_eq!(decode(0), Status::Ended(End::Code(0)));
        assert_eq!(decode(255 << 8), Status::Ended(End::Code(255)));
        assert_eq!(decode(libc::SIGKILL), Status::Ended(End::Signal(9)));
        assert_eq!(decode(libc::SIGSEGV | 0x80), Status::Ended(End::Signal(11)));
        assert_eq!(decode(0xffff), Status::Continued);
    }
}
