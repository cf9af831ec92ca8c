//! What file descriptors mean: asked of /proc when a call made one, and once for those that a program starts with.
//!
//! Neighbour: `calls/src/descriptors.rs` says which calls make or close one.

use std::io::Write;

use trapline_calls::Descriptors;
use trapline_trace_format::event::{EventKind, Nanos};

use super::engine::Engine;
use super::output::Whom;
use crate::ptrace::program::memory;
use crate::ptrace::program::task::Entry;

impl Engine<'_> {
    /// Tells what the call did to its process's descriptors.
    pub(super) fn tell_descriptors(&mut self, whom: Whom, entry: &Entry, result: i64, at: Nanos) {
        let argument = |index: u8| entry.arguments[usize::from(index)];
        match trapline_calls::descriptors(entry.abi, entry.number, &entry.arguments) {
            Descriptors::Same => {}
            Descriptors::Returned if result >= 0 => self.tell_descriptor(whom, result as i32, at),
            Descriptors::Pair(index) if result >= 0 => {
                let mut pair = [0; 8];
                let tid = nix::unistd::Pid::from_raw(whom.thread as i32);
                if memory::read(tid, argument(index), &mut pair) == 8 {
                    for number in pair.as_chunks::<4>().0 {
                        self.tell_descriptor(whom, i32::from_ne_bytes(*number), at);
                    }
                }
            }
            Descriptors::Closed(index) if result != -i64::from(libc::EBADF) => {
                self.tell_closed(whom, argument(index) as i32, at);
            }
            // Which of them were open is not known without asking; those that still are, are.
            Descriptors::ClosedRange | Descriptors::Executed if result >= 0 => {
                self.tell_all_descriptors(whom, at);
            }
            _ => {}
        }
    }

    /// Tells all descriptors that a process has.
    pub(super) fn tell_all_descriptors(&mut self, whom: Whom, at: Nanos) {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", whom.process)) else {
            return;
        };
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut numbers: Vec<i32> = numbers.collect();
        numbers.sort_unstable();
        for number in numbers {
            self.tell_descriptor(whom, number, at);
        }
    }

    fn tell_descriptor(&mut self, whom: Whom, descriptor: i32, at: Nanos) {
        let mut path = [0; 48];
        let length = path.len();
        let mut rest = &mut path[..];
        // It always fits.
        let _ = write!(rest, "/proc/{}/fd/{descriptor}", whom.process);
        let used = length - rest.len();
        let path = std::str::from_utf8(&path[..used]).unwrap_or_default();
        let meaning = nix::fcntl::readlink(path).map(std::os::unix::ffi::OsStringExt::into_vec);
        // Nothing if another thread has closed it meanwhile.
        if let Ok(meaning) = meaning {
            self.tell_meaning(whom, descriptor, meaning, at);
        }
    }

    fn tell_closed(&mut self, whom: Whom, descriptor: i32, at: Nanos) {
        self.tell_meaning(whom, descriptor, Vec::new(), at);
    }

    fn tell_meaning(&mut self, whom: Whom, descriptor: i32, meaning: Vec<u8>, at: Nanos) {
        let kind = EventKind::Descriptor {
            descriptor,
            meaning,
        };
        self.output.tell(at, whom, kind);
    }
}
