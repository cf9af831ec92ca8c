//! The fence for ptrace, fork and shared memory: all of the tracer's unsafe code but the counter reading in `clock.rs`.
//!
//! Safety: the memory shared with the machine is only accessed through [`region::Region`] and [`input_ring::InputRing`],
//! which trust no value in it, perf's rings only through [`perf::Ring`]; a new process between fork and exec makes only async-signal-safe calls ([`spawn`]); siginfo is copied bytes.
//!
//! Key types: [`task::Stopped`] and [`task::Running`]. A request can only be made on a task that is stopped, and resuming
//! it gives the right away.
#![allow(unsafe_code)]

pub(crate) mod debug_registers;
pub(crate) mod input_ring;
pub(crate) mod perf;
pub(crate) mod program;
pub(crate) mod region;
pub(crate) mod spawn;
pub(crate) mod task;

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while the futex holds `value`, but not longer than `at_most`. May wake for no reason.
fn sleep_while(word: &AtomicU32, value: u32, at_most: Option<Duration>) {
    let time = at_most.map(|at_most| libc::timespec {
        tv_sec: at_most.as_secs() as i64,
        tv_nsec: at_most.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the futex word and the time outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            time,
            0,
            0,
        )
    };
}

/// Wakes everyone who sleeps on the futex.
fn wake(word: &AtomicU32) {
    // SAFETY: the futex word outlives the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE,
            i32::MAX,
            0,
            0,
            0,
        )
    };
}
