//! The kernel region as the recorder sees it: a memory file that it fills before the start and whose log it then reads. And
//! the store, a second memory file that it makes and never looks into. Neighbour: `input_ring.rs`.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use trapline_abi::boot::BootParameters;
use trapline_abi::debug::Debug;
use trapline_abi::layout::{
    COLD_OFFSET, DEBUG_OFFSET, INITRAMFS_MAX, INITRAMFS_OFFSET, KERNEL_LENGTH, LOG_OFFSET,
    STORE_SLOT, STORE_SLOTS,
};
use trapline_abi::log::{CAPACITY, Record, Ring};

use super::{sleep_while, wake};
use crate::error::{During, TracerError};

/// The mapped region. Unmapped when dropped; the machine's own mappings live on.
pub(crate) struct Region {
    file: File,
    base: NonNull<u8>,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for Region {}

impl Region {
    /// A fresh region with the boot parameters in place and the archive behind it.
    pub(crate) fn create(
        parameters: &BootParameters,
        initramfs: &[u8],
    ) -> Result<Self, TracerError> {
        if initramfs.len() as u64 > INITRAMFS_MAX {
            return Err(TracerError::Options(format!(
                "the machine's files are larger than {INITRAMFS_MAX} bytes"
            )));
        }
        let file = File::from(executable_memory_file(c"trapline-region")?);
        let length = COLD_OFFSET + INITRAMFS_OFFSET + initramfs.len() as u64;
        file.set_len(length).during("size the machine's memory")?;
        file.write_all_at(parameter_bytes(parameters), COLD_OFFSET)
            .during("write the boot parameters")?;
        file.write_all_at(initramfs, COLD_OFFSET + INITRAMFS_OFFSET)
            .during("write the machine's files")?;
        let length = (KERNEL_LENGTH as usize)
            .try_into()
            .map_err(|_| TracerError::Options("no memory".to_owned()))?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever there is room.
        let base = unsafe { mmap(None, length, rights, MapFlags::MAP_SHARED, &file, 0) }
            .during("map the machine's log")?;
        Ok(Self {
            file,
            base: base.cast(),
        })
    }

    /// The memory file, for the machine to inherit.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads every record that is in the log now, oldest first. Whether there was any.
    pub(crate) fn drain(
        &self,
        mut take: impl FnMut(&Record) -> Result<(), TracerError>,
    ) -> Result<bool, TracerError> {
        let ring = self.ring();
        // SAFETY: as in ring; the counters are only accessed atomically on both sides.
        let (head, tail) = unsafe { (&(*ring).head, &(*ring).tail) };
        let (end, start) = (head.load(Acquire), tail.load(Acquire));
        let unread = end.wrapping_sub(start);
        if unread > CAPACITY {
            return Err(TracerError::Machine("its log is damaged".to_owned()));
        }
        for index in 0..unread {
            let slot = (start.wrapping_add(index) % CAPACITY) as usize;
            // SAFETY: in bounds; the kernel does not write records between tail and head. Volatile, as another process
            // could; the copy is checked as untrusted data by its user.
            let record = unsafe {
                (&raw const (*ring).records)
                    .cast::<Record>()
                    .add(slot)
                    .read_volatile()
            };
            take(&record)?;
        }
        tail.store(end, SeqCst);
        // SAFETY: as above.
        let writer = unsafe { &(*ring).writer_sleeps };
        if unread > 0 && writer.swap(0, SeqCst) != 0 {
            wake(writer);
        }
        Ok(unread > 0)
    }

    /// Sleeps until the log fills up or `at_most` has passed.
    pub(crate) fn sleep_until_filled(&self, at_most: Duration) {
        // SAFETY: as in drain.
        let (reader, head, tail) = unsafe {
            (
                &(*self.ring()).reader_sleeps,
                &(*self.ring()).head,
                &(*self.ring()).tail,
            )
        };
        reader.store(1, SeqCst);
        if head.load(SeqCst) == tail.load(SeqCst) {
            sleep_while(reader, 1, Some(at_most));
        }
        reader.store(0, SeqCst);
    }

    /// The words that the tracer of a replay shares with the kernel.
    pub(crate) fn debug(&self) -> &Debug {
        // SAFETY: inside the mapping (layout.rs), page-aligned; zeroed memory is valid words, and all of them are atomic.
        unsafe { self.base.add(DEBUG_OFFSET as usize).cast().as_ref() }
    }

    fn ring(&self) -> *mut Ring {
        // SAFETY: inside the mapping (layout.rs), page-aligned; zeroed memory is a valid ring.
        unsafe { self.base.add(LOG_OFFSET as usize).cast().as_ptr() }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: maps exactly this range, and nothing borrowed from it outlives self.
        let _ = unsafe { munmap(self.base.cast(), KERNEL_LENGTH as usize) };
    }
}

/// The parameters as the kernel finds them.
pub(crate) fn parameter_bytes(parameters: &BootParameters) -> &[u8] {
    // SAFETY: BootParameters is plain integers without padding between them; its bytes may be read.
    unsafe {
        std::slice::from_raw_parts(
            (&raw const *parameters).cast::<u8>(),
            size_of::<BootParameters>(),
        )
    }
}

/// A copy of the parameters' bytes without the return key, which nobody may learn.
pub(crate) fn without_key(bytes: &[u8]) -> Vec<u8> {
    const KEY: usize = std::mem::offset_of!(BootParameters, return_key);
    let mut bytes = bytes.to_vec();
    if let Some(key) = bytes.get_mut(KEY..KEY + size_of::<u64>()) {
        key.fill(0);
    }
    bytes
}

/// The parameters that have these bytes; nothing if there are not as many as it takes. What the numbers say is not looked at.
pub(crate) fn parameters_from(bytes: &[u8]) -> Option<Box<BootParameters>> {
    if bytes.len() != size_of::<BootParameters>() {
        return None;
    }
    let mut parameters = Box::<BootParameters>::new_uninit();
    // SAFETY: as many bytes as the place has, which is fresh; every pattern of bytes is valid for plain integers.
    unsafe {
        let place = parameters.as_mut_ptr().cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
        Some(parameters.assume_init())
    }
}

/// The machine's store: an empty memory file of [`STORE_SLOTS`] slots, for the contents of its files and pipes.
///
/// # Errors
/// When the host limits the size of files: the store is far larger than what is ever in it.
pub(crate) fn create_store() -> Result<File, TracerError> {
    const LENGTH: u64 = STORE_SLOTS * STORE_SLOT;
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).during("ask for the file size limit")?;
    // Growing a file beyond the limit is not refused but ends the process (SIGXFSZ).
    if limit != RLIM_INFINITY && limit < LENGTH {
        return Err(TracerError::Options(
            "the file size limit leaves no room for the machine's sparse store; run `ulimit -f unlimited` first"
                .to_owned(),
        ));
    }
    let store = File::from(executable_memory_file(c"trapline-store")?);
    store.set_len(LENGTH).during("size the machine's store")?;
    Ok(store)
}

/// A memory file that may be executed, on hosts that ask for that and on older ones.
pub(crate) fn executable_memory_file(name: &std::ffi::CStr) -> Result<OwnedFd, TracerError> {
    const MFD_EXEC: u32 = 0x10;
    let executable = MFdFlags::MFD_CLOEXEC | MFdFlags::from_bits_retain(MFD_EXEC);
    memfd_create(name, executable)
        .or_else(|_| memfd_create(name, MFdFlags::MFD_CLOEXEC))
        .during("make a memory file that may be executed")
}
