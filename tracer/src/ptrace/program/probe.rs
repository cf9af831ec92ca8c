//! A small child that measures itself: null system calls with a reading of the clock before and after each.
//!
//! Key type: [`Probe`]. Neighbour: `linux/calibrate.rs`. The child writes into memory that is shared with it, and nothing
//! else.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use trapline_trace_format::event::Nanos;

use super::interrupts::Interrupts;
use super::start::Launch;
use super::task::Wanted;
use crate::error::{During, TracerError};

/// Null system calls of a probe.
pub(crate) const CALLS: usize = 400;
/// Which call it makes.
pub(crate) const PROBE_CALL: i32 = libc::SYS_getppid as i32;

/// The lengths of a probe's calls, in memory that it shares.
pub(crate) struct Probe {
    lengths: NonNull<Nanos>,
}

const BYTES: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(CALLS * 8) {
    Some(bytes) => bytes,
    None => panic!("a probe makes calls"),
};

impl Probe {
    /// Runs one to its end, untraced. Gives the length of each call in nanoseconds.
    pub(crate) fn run_alone(interrupts: &Interrupts) -> Result<Vec<Nanos>, TracerError> {
        let (probe, pid, go) = Self::fork(interrupts)?;
        drop(go);
        let wait = || nix::sys::wait::waitpid(pid, None);
        while wait() == Err(Errno::EINTR) {}
        Ok(probe.lengths())
    }

    /// One that is traced by the calling thread, and stopped before its first call.
    pub(crate) fn stopped(interrupts: &Interrupts) -> Result<(Self, Launch), TracerError> {
        let (probe, pid, go) = Self::fork(interrupts)?;
        let (news, _) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let wanted = Wanted {
            new_tasks: false,
            seccomp: false,
            dies_with_tracer: true,
        };
        Ok((probe, Launch::trace(pid, wanted, go, news)?))
    }

    /// The length of each call in nanoseconds. To be asked when the probe has ended.
    pub(crate) fn lengths(&self) -> Vec<Nanos> {
        let length = |index| {
            // SAFETY: in bounds of the mapping; volatile, as another process wrote it.
            unsafe { self.lengths.add(index).read_volatile() }
        };
        (0..CALLS).map(length).collect()
    }

    fn fork(interrupts: &Interrupts) -> Result<(Self, Pid, OwnedFd), TracerError> {
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever there is room.
        let lengths = unsafe { mmap_anonymous(None, BYTES, rights, MapFlags::MAP_SHARED) };
        let probe = Self {
            lengths: lengths.during("share memory with a probe")?.cast(),
        };
        let (go_read, go) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        // SAFETY: the child makes only async-signal-safe calls until it exits.
        match unsafe { fork() }.during("fork")? {
            ForkResult::Parent { child } => Ok((probe, child, go)),
            ForkResult::Child => {
                drop(go);
                interrupts.restore_in_child();
                let mut nothing = [0u8; 1];
                while nix::unistd::read(&go_read, &mut nothing) == Err(Errno::EINTR) {}
                for index in 0..CALLS {
                    let before = now();
                    // SAFETY: takes and gives no memory.
                    unsafe { libc::syscall(libc::SYS_getppid) };
                    let length = now() - before;
                    // SAFETY: in bounds of the mapping, which this process has, too.
                    unsafe { probe.lengths.add(index).write_volatile(length) };
                }
                // SAFETY: ends this process without running anything of the tracer's.
                unsafe { libc::_exit(0) }
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: maps exactly this range, and nothing borrowed from it outlives self.
        let _ = unsafe { munmap(self.lengths.cast(), BYTES.get()) };
    }
}

fn now() -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
