//! Reading the memory of a stopped task.
//!
//! Key function: [`read`]. One call of the host (`process_vm_readv`) where it is allowed, word by word through ptrace
//! where it is not: some sandboxes refuse the call, and a program whose file may not be read is closed to it.

use nix::errno::Errno;
use nix::unistd::Pid;

const PAGE: u64 = 4096;

/// Reads from `address` on into `bytes`, as far as there is memory. Gives how many were read.
pub(crate) fn read(tid: Pid, address: u64, bytes: &mut [u8]) -> usize {
    if bytes.is_empty() || address == 0 {
        return 0;
    }
    match read_vector(tid, address, bytes) {
        Ok(read) => read,
        Err(Errno::EPERM | Errno::ENOSYS | Errno::EACCES) => read_words(tid, address, bytes),
        Err(_) => 0,
    }
}

/// The host reads piece by piece and stops before a piece that it cannot read whole, so the first one ends with the page.
fn read_vector(tid: Pid, address: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
    let length = bytes.len();
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: length,
    };
    let first = ((PAGE - address % PAGE) as usize).min(length);
    let piece = |at: u64, iov_len| libc::iovec {
        iov_base: std::ptr::without_provenance_mut(at as usize),
        iov_len,
    };
    let remote = [
        piece(address, first),
        piece(address.wrapping_add(first as u64), length - first),
    ];
    let pieces = if first == length { 1 } else { 2 };
    // SAFETY: writes into `bytes` alone, at most their number; the other process's addresses are only numbers here.
    let read = unsafe {
        libc::process_vm_readv(
            tid.as_raw(),
            &raw const local,
            1,
            remote.as_ptr(),
            pieces,
            0,
        )
    };
    Errno::result(read).map(|read| read as usize)
}

fn read_words(tid: Pid, address: u64, bytes: &mut [u8]) -> usize {
    let mut read = 0;
    while read < bytes.len() {
        let at = address.wrapping_add(read as u64);
        let Ok(word) =
            nix::sys::ptrace::read(tid, std::ptr::without_provenance_mut(at as usize & !7))
        else {
            break;
        };
        let word = word.to_ne_bytes();
        let skipped = (at % 8) as usize;
        let taken = (8 - skipped).min(bytes.len() - read);
        bytes[read..read + taken].copy_from_slice(&word[skipped..skipped + taken]);
        read += taken;
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_across_pages_and_up_to_where_memory_ends() {
        let own = nix::unistd::getpid();
        let source: Vec<u8> = (0..3 * PAGE as usize).map(|n| n as u8).collect();
        let mut bytes = vec![0; 2 * PAGE as usize];
        let from = source.as_ptr().addr() as u64 + 5;
        assert_eq!(read(own, from, &mut bytes), bytes.len());
        assert_eq!(bytes, source[5..5 + bytes.len()]);
        assert_eq!(read(own, 0, &mut bytes), 0);
        assert_eq!(read(own, u64::MAX - 10, &mut bytes), 0);
    }

    #[test]
    fn what_lies_behind_the_last_page_does_not_hide_what_lies_before() {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
        let length = std::num::NonZeroUsize::new(2 * PAGE as usize).unwrap();
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping wherever there is room, whose second page is given back.
        let base = unsafe {
            let base = mmap_anonymous(None, length, rights, MapFlags::MAP_PRIVATE).unwrap();
            munmap(base.byte_add(PAGE as usize), PAGE as usize).unwrap();
            base.cast::<u8>().byte_add(PAGE as usize - 3).write(7);
            base
        };
        let mut bytes = [0; 100];
        let at = base.addr().get() as u64 + PAGE - 3;
        assert_eq!(read(nix::unistd::getpid(), at, &mut bytes), 3);
        assert_eq!(bytes[0], 7);
    }
}
