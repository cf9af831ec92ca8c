//! The input ring as the recorder sees it: where console input is handed to the kernel (`fixtures/abi/src/input.rs`). A
//! mapping of its own, so that the thread that feeds it shares nothing with the one that reads the log.

use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release, SeqCst},
};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use trapline_abi::input::{CAPACITY, Input};
use trapline_abi::layout::INPUT_OFFSET;

use super::{sleep_while, wake};
use crate::error::{During, TracerError};

/// The mapped ring. Unmapped when dropped.
pub(crate) struct InputRing {
    ring: NonNull<Input>,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for InputRing {}

impl InputRing {
    /// Maps the ring of a region's memory file.
    pub(crate) fn of(region: impl AsFd) -> Result<Self, TracerError> {
        let length = size_of::<Input>()
            .try_into()
            .map_err(|_| TracerError::Options("no memory".to_owned()))?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_SHARED;
        // SAFETY: a new mapping wherever there is room.
        let ring = unsafe { mmap(None, length, rights, flags, region, INPUT_OFFSET as i64) }
            .during("map the machine's console input")?;
        Ok(Self { ring: ring.cast() })
    }

    /// Sleeps while no program of the machine wants input, or until [`Self::rouse`]. May wake for no reason.
    pub(crate) fn sleep_until_wanted(&self) {
        sleep_while(self.wanted(), 0, None);
    }

    /// Whether a program of the machine wants input.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted().load(SeqCst) != 0
    }

    /// Wakes whoever sleeps in [`Self::sleep_until_wanted`] now.
    pub(crate) fn rouse(&self) {
        wake(self.wanted());
    }

    /// How many bytes can be given now.
    pub(crate) fn room(&self) -> usize {
        // SAFETY: inside the mapping; both counters are only accessed atomically on both sides.
        let (head, tail) = unsafe { (&(*self.ring.as_ptr()).head, &(*self.ring.as_ptr()).tail) };
        let unread = head.load(Acquire).wrapping_sub(tail.load(Acquire));
        // A tail ahead of the head is nonsense that gives no room.
        CAPACITY.saturating_sub(unread) as usize
    }

    /// Hands over the bytes, of which there may be no more than [`Self::room`], and tells the kernel.
    pub(crate) fn give(&mut self, bytes: &[u8]) {
        let given = bytes.len().min(self.room());
        let ring = self.ring.as_ptr();
        // SAFETY: as in room.
        let head = unsafe { &(*ring).head };
        let start = head.load(Acquire);
        for (number, byte) in (start..).zip(&bytes[..given]) {
            let at = (number % CAPACITY) as usize;
            // SAFETY: in bounds; the kernel does not read bytes from head on. Volatile, as another process looks.
            unsafe {
                (&raw mut (*ring).bytes)
                    .cast::<u8>()
                    .add(at)
                    .write_volatile(*byte);
            }
        }
        head.store(start.wrapping_add(given as u64), Release);
        self.satisfy();
    }

    /// Says that there will be no more input, and tells the kernel.
    pub(crate) fn close(&self) {
        // SAFETY: inside the mapping; only accessed atomically on both sides.
        let closed = unsafe { &(*self.ring.as_ptr()).closed };
        closed.store(1, SeqCst);
        self.satisfy();
    }

    fn satisfy(&self) {
        self.wanted().store(0, SeqCst);
        wake(self.wanted());
    }

    fn wanted(&self) -> &AtomicU32 {
        // SAFETY: inside the mapping, which lives as long as self; only accessed atomically on both sides.
        unsafe { &(*self.ring.as_ptr()).wanted }
    }
}

impl Drop for InputRing {
    fn drop(&mut self) {
        // SAFETY: maps exactly this range, and nothing borrowed from it outlives self.
        let _ = unsafe { munmap(self.ring.cast(), size_of::<Input>()) };
    }
}

/// The kernel's side, for tests of the recorder's.
#[cfg(test)]
pub(crate) mod kernel_side {
    use super::*;

    /// What the kernel does when a program wants input.
    pub(crate) fn want(ring: &InputRing) {
        ring.wanted().store(1, SeqCst);
        wake(ring.wanted());
    }

    /// Everything that is in the ring now.
    pub(crate) fn take(ring: &InputRing) -> Vec<u8> {
        let ring = ring.ring.as_ptr();
        // SAFETY: inside the mapping; counters are only accessed atomically.
        let (head, tail) = unsafe { (&(*ring).head, &(*ring).tail) };
        let (end, start) = (head.load(Acquire), tail.load(Acquire));
        let byte = |number: u64| {
            // SAFETY: in bounds; the recorder does not write bytes below head.
            unsafe {
                (&raw const (*ring).bytes)
                    .cast::<u8>()
                    .add((number % CAPACITY) as usize)
                    .read_volatile()
            }
        };
        let bytes = (start..end).map(byte).collect();
        tail.store(end, SeqCst);
        bytes
    }

    /// Whether there will be no more.
    pub(crate) fn is_closed(ring: &InputRing) -> bool {
        // SAFETY: inside the mapping; only accessed atomically.
        unsafe { (*ring.ring.as_ptr()).closed.load(SeqCst) != 0 }
    }
}
