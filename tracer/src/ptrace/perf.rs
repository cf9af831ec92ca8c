//! perf_event_open(2): what the host's kernel itself tells about a thread, read from a ring that it shares with us.
//!
//! Key types: [`Source`] (what to tell), [`Ring`] (where it is told). Neighbour: `host_events/` decides what to open and
//! knows what the records mean. Only the host's kernel writes to a ring; its numbers are checked all the same.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::unistd::{SysconfVar, sysconf};
use perf_event_open_sys::bindings::{
    PERF_ATTR_SIZE_VER3, PERF_COUNT_SW_DUMMY, PERF_COUNT_SW_PAGE_FAULTS_MAJ,
    PERF_COUNT_SW_PAGE_FAULTS_MIN, PERF_FLAG_FD_CLOEXEC, PERF_SAMPLE_ADDR, PERF_SAMPLE_CPU,
    PERF_SAMPLE_IP, PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_TYPE_SOFTWARE, perf_event_attr,
    perf_event_mmap_page,
};
use perf_event_open_sys::{ioctls, perf_event_open};

/// What the host is asked to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A record each time a thread loses or gets a CPU. Followed by TID, TIME, CPU.
    Switches,
    /// A sample for each page fault in user mode that needed no device: IP, TID, TIME, ADDR, CPU.
    MinorFaults,
    /// The same of those that needed one.
    MajorFaults,
}

/// Whom it is told about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) thread: u32,
    /// While it is on this CPU: inherited events and a ring go together for one CPU alone.
    pub(crate) cpu: u32,
    /// Also about every thread and process that it makes from now on, and so forth.
    pub(crate) descendants: bool,
}

/// Opens an event. Times are of CLOCK_MONOTONIC. Nothing of the host's kernel is looked at, so that an ordinary user may.
pub(crate) fn open(source: Source, subject: Subject) -> nix::Result<OwnedFd> {
    let mut what = perf_event_attr::default();
    // As much as has a meaning here; older kernels refuse what they do not know.
    what.size = PERF_ATTR_SIZE_VER3;
    what.type_ = PERF_TYPE_SOFTWARE;
    what.clockid = libc::CLOCK_MONOTONIC;
    let ids = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
    let (kind, sample) = match source {
        Source::Switches => (PERF_COUNT_SW_DUMMY, ids),
        Source::MinorFaults => (
            PERF_COUNT_SW_PAGE_FAULTS_MIN,
            ids | PERF_SAMPLE_IP | PERF_SAMPLE_ADDR,
        ),
        Source::MajorFaults => (
            PERF_COUNT_SW_PAGE_FAULTS_MAJ,
            ids | PERF_SAMPLE_IP | PERF_SAMPLE_ADDR,
        ),
    };
    what.config = kind.into();
    what.sample_type = sample.into();
    what.sample_period = 1;
    what.set_use_clockid(1);
    what.set_sample_id_all(1);
    what.set_exclude_kernel(1);
    what.set_exclude_hv(1);
    what.set_inherit(subject.descendants.into());
    what.set_context_switch((source == Source::Switches).into());
    let (thread, cpu) = (subject.thread as libc::pid_t, subject.cpu as libc::c_int);
    // SAFETY: the description is initialised and outlives the call; what it asks for touches no memory of ours.
    let opened =
        unsafe { perf_event_open(&mut what, thread, cpu, -1, PERF_FLAG_FD_CLOEXEC.into()) };
    let fd = Errno::result(opened)?;
    // SAFETY: a new descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The memory in which the host's kernel writes the records of events of one CPU. Unmapped when dropped.
pub(crate) struct Ring {
    /// The event that the ring was made with; others may have joined.
    event: OwnedFd,
    page: NonNull<perf_event_mmap_page>,
    page_size: usize,
    /// Of the part that holds records; a power of two.
    size: usize,
    /// Copies of records, as the ring wraps around.
    copy: Vec<u8>,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// A ring with room for `size` bytes, which is a power of two and whole pages, of an event and of those that join it.
    pub(crate) fn map(event: OwnedFd, size: usize) -> nix::Result<Self> {
        let page_size = sysconf(SysconfVar::PAGE_SIZE)?.ok_or(Errno::EINVAL)? as usize;
        if !size.is_power_of_two() || size < page_size {
            return Err(Errno::EINVAL);
        }
        let length = (page_size + size).try_into().map_err(|_| Errno::EINVAL)?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever there is room.
        let page = unsafe { mmap(None, length, rights, MapFlags::MAP_SHARED, &event, 0) }?;
        Ok(Self {
            event,
            page: page.cast(),
            page_size,
            size,
            copy: Vec::new(),
        })
    }

    /// The records of another event of the same CPU come to this ring, too.
    pub(crate) fn join(&self, event: &OwnedFd) -> nix::Result<()> {
        // SAFETY: both are descriptors of events.
        let done = unsafe { ioctls::SET_OUTPUT(event.as_raw_fd(), self.event.as_raw_fd()) };
        Errno::result(done).map(drop)
    }

    /// Bytes that wait to be read, and room for how many there is in all.
    pub(crate) fn filled(&self) -> (usize, usize) {
        let waiting = self
            .head()
            .load(Ordering::Relaxed)
            .wrapping_sub(self.tail());
        (waiting as usize, self.size)
    }

    /// Takes all records that are there, oldest first, and makes room. What is left of them is damaged if it is not empty.
    pub(crate) fn take(&mut self) -> &[u8] {
        let (head, tail) = (self.head().load(Ordering::Acquire), self.tail());
        let waiting = (head.wrapping_sub(tail) as usize).min(self.size);
        let start = tail as usize & (self.size - 1);
        let first = waiting.min(self.size - start);
        self.copy.clear();
        self.copy.reserve(waiting);
        // SAFETY: the records' memory follows the page, `size` bytes long; both stretches lie in it, and the kernel leaves
        // what is between tail and head alone. The copy has room for `waiting` bytes, which are then initialised.
        unsafe {
            let records = self.page.as_ptr().cast::<u8>().add(self.page_size);
            let copy = self.copy.as_mut_ptr();
            std::ptr::copy_nonoverlapping(records.add(start), copy, first);
            std::ptr::copy_nonoverlapping(records, copy.add(first), waiting - first);
            self.copy.set_len(waiting);
        }
        self.tail_cell().store(head, Ordering::Release);
        &self.copy
    }

    fn head(&self) -> &AtomicU64 {
        // SAFETY: inside the mapping, which outlives the reference; aligned; both sides access it atomically.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.page.as_ptr()).data_head) }
    }

    fn tail_cell(&self) -> &AtomicU64 {
        // SAFETY: as head; only we write it.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.page.as_ptr()).data_tail) }
    }

    fn tail(&self) -> u64 {
        self.tail_cell().load(Ordering::Relaxed)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: maps exactly this range, and nothing borrowed from it outlives self.
        let _ = unsafe { munmap(self.page.cast(), self.page_size + self.size) };
    }
}
