//! Which calls make, close or replace file descriptors.
//!
//! Key type: [`Descriptors`]. A tracer asks `/proc/PID/fd` for the meaning of what a call made. Descriptors that come by a
//! message (`SCM_RIGHTS`)
//! are not told.

use trapline_trace_format::event::Abi;

use crate::numbers::name;

/// What a call that succeeded does to the process's descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// Nothing.
    Same,
    /// Its result is a new one.
    Returned,
    /// Two new ones lie where that argument points to, 32 bits each.
    Pair(u8),
    /// The one that the argument says is closed, even when the call fails with an error other than EBADF.
    Closed(u8),
    /// Those from the first to the second argument are closed (or marked to be, if the third has bit 2 set).
    ClosedRange,
    /// Those that are marked close-on-exec are closed.
    Executed,
}

/// What the call does, as far as its arguments tell.
#[must_use]
pub fn descriptors(abi: Abi, number: i32, arguments: &[u64; 6]) -> Descriptors {
    use Descriptors::{Closed, ClosedRange, Executed, Pair, Returned, Same};
    let Some(name) = name(abi, number) else {
        return Same;
    };
    match name {
        "open"
        | "openat"
        | "openat2"
        | "creat"
        | "dup"
        | "dup2"
        | "dup3"
        | "socket"
        | "accept"
        | "accept4"
        | "epoll_create"
        | "epoll_create1"
        | "eventfd"
        | "eventfd2"
        | "signalfd"
        | "signalfd4"
        | "timerfd_create"
        | "inotify_init"
        | "inotify_init1"
        | "fanotify_init"
        | "memfd_create"
        | "memfd_secret"
        | "pidfd_open"
        | "pidfd_getfd"
        | "perf_event_open"
        | "userfaultfd"
        | "io_uring_setup"
        | "open_by_handle_at"
        | "bpf"
        | "mq_open"
        | "fsopen"
        | "fsmount"
        | "fspick"
        | "open_tree"
        | "landlock_create_ruleset" => Returned,
        // F_DUPFD and F_DUPFD_CLOEXEC.
        "fcntl" | "fcntl64" if matches!(arguments[1], 0 | 1030) => Returned,
        "pipe" | "pipe2" => Pair(0),
        "socketpair" => Pair(3),
        "close" => Closed(0),
        "close_range" => ClosedRange,
        "execve" | "execveat" => Executed,
        _ => Same,
    }
}
