//! What a thread waits for that loses the CPU inside a system call.
//!
//! Key functions: [`of_call`], [`of_descriptor`]. A call on a descriptor waits for what the descriptor means, as far as the
//! trace says; nothing is guessed.

use std::collections::HashMap;

use trapline_trace_format::event::{Cause, Trap, Waits};

/// What the call waits for when it blocks. None where nothing says.
pub(super) fn of_call(trap: &Trap, descriptors: Option<&HashMap<i32, Waits>>) -> Option<Waits> {
    if trap.cause != Cause::Syscall {
        return None;
    }
    match trapline_calls::name(trap.abi, trap.number)? {
        "nanosleep" | "clock_nanosleep" | "clock_nanosleep_time64" => Some(Waits::Sleep),
        "futex" | "futex_time64" | "futex_wait" | "futex_waitv" => Some(Waits::Futex),
        "poll" | "ppoll" | "ppoll_time64" | "select" | "_newselect" | "pselect6"
        | "pselect6_time64" | "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => Some(Waits::Poll),
        "wait4" | "waitid" | "waitpid" => Some(Waits::Child),
        "vfork" => Some(Waits::Vfork),
        "pause" | "sigsuspend" | "rt_sigsuspend" | "rt_sigtimedwait" | "rt_sigtimedwait_time64" => {
            Some(Waits::Signal)
        }
        "recvfrom" | "recvmsg" | "recvmmsg" | "sendto" | "sendmsg" | "sendmmsg" | "accept"
        | "accept4" | "connect" | "tee" | "vmsplice" => Some(Waits::Pipe),
        "fsync" | "fdatasync" | "sync" | "syncfs" | "msync" | "sync_file_range" => {
            Some(Waits::Disk)
        }
        "read" | "write" | "readv" | "writev" | "pread64" | "pwrite64" | "preadv" | "pwritev"
        | "preadv2" | "pwritev2" | "getdents64" | "splice" => {
            let descriptor = trap.arguments[0] as i32;
            descriptors?.get(&descriptor).copied()
        }
        _ => None,
    }
}

/// What a descriptor of this meaning waits for.
pub(super) fn of_descriptor(meaning: &[u8]) -> Option<Waits> {
    let begins = |with: &[u8]| meaning.starts_with(with);
    if begins(b"pipe:") || begins(b"socket:") || begins(b"anon_inode:") {
        Some(Waits::Pipe)
    } else if begins(b"/dev/pts/") || begins(b"/dev/tty") || begins(b"/dev/console") {
        Some(Waits::Console)
    } else if begins(b"/dev/") || begins(b"/proc/") || begins(b"/sys/") {
        None
    } else if begins(b"/") {
        Some(Waits::Disk)
    } else {
        None
    }
}
