//! Guest memory of a machine that stands still, read from outside. Key types: [`Window`], and [`Bytes`], what was read.
//! Neighbour: `inspect.rs`. Neither the host's id, which comes from the machine, nor any byte of its memory is trusted.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::unistd::Pid;
use trapline_abi::layout::{PAGE, USER_TOP};

use crate::error::{During, TracerError};

/// Neighbouring bytes of guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Address of the first.
    pub start: u64,
    /// They; none where there is no memory, or none yet: fresh memory comes when it is first touched.
    pub bytes: Vec<Option<u8>>,
}

/// Memory of one host process of the machine.
pub(super) struct Window(File);

impl Window {
    /// Opens the memory of a process that the machine says is one of its own. It must be: the kernel's own host process is the
    /// parent of all others.
    pub(super) fn open(host: i32, kernel: Pid) -> Result<Self, TracerError> {
        let memory = File::open(format!("/proc/{host}/mem"))
            .during("read the machine's memory (may this user use ptrace?)")?;
        // Asked after opening: whoever has the number now had it then, or the file is of a process that is gone.
        let stat = std::fs::read_to_string(format!("/proc/{host}/stat"))
            .during("look at the machine's process")?;
        if host != kernel.as_raw() && parent(&stat) != Some(kernel.as_raw()) {
            return Err(TracerError::Machine(format!(
                "it says that process {host} of the host is its own, which it is not"
            )));
        }
        Ok(Self(memory))
    }

    /// Reads what there is. Above what guests can map there is nothing to see.
    pub(super) fn read(&self, start: u64, length: u64) -> Bytes {
        let mut bytes = vec![None; length as usize];
        let end = start.saturating_add(length).min(USER_TOP);
        let mut at = start;
        while at < end {
            let next = (at / PAGE + 1).saturating_mul(PAGE).min(end);
            let mut page = vec![0; (next - at) as usize];
            if self.0.read_exact_at(&mut page, at).is_ok() {
                let place = (at - start) as usize;
                for (byte, value) in bytes[place..].iter_mut().zip(page) {
                    *byte = Some(value);
                }
            }
            at = next;
        }
        Bytes { start, bytes }
    }
}

/// The parent in a `/proc/PID/stat`: the second field behind the name, which is in brackets and may hold anything.
fn parent(stat: &str) -> Option<i32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pass_for_the_parent() {
        assert_eq!(parent("7 (a) S 1 (b) R 5 7"), Some(5));
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn what_is_not_there_is_no_byte_and_what_is_there_is_the_byte() {
        let own = nix::unistd::getpid();
        let window = Window::open(own.as_raw(), own).expect("the own memory");
        let text = *b"known";
        let start = text.as_ptr() as u64;
        if start < USER_TOP {
            let expected: Vec<Option<u8>> = text.iter().copied().map(Some).collect();
            assert_eq!(window.read(start, 5).bytes, expected);
        }
        assert_eq!(window.read(0, 3).bytes, [None; 3]);
        assert_eq!(window.read(u64::MAX - 1, 3).bytes, [None; 3]);
        assert_eq!(window.read(USER_TOP, 1).bytes, [None]);
    }

    #[test]
    fn a_process_that_is_none_of_the_machines_is_refused() {
        let own = nix::unistd::getpid();
        let other = Pid::from_raw(1);
        assert!(Window::open(own.as_raw(), other).is_err());
    }
}
