//! Console input on its way to the machine: a thread of the recorder's that reads only what a program of the machine waits
//! for. Key types: [`Input`], what the user chose, and [`Feeder`], the thread. Neighbour: `ptrace/input_ring.rs`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::error::{During, TracerError};
use crate::ptrace::input_ring::InputRing;

/// Where the machine's console input comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Nowhere: a program that reads is at the end of the file at once.
    #[default]
    None,
    /// The recorder's own standard input.
    Inherited,
    /// A file of the host.
    File(PathBuf),
}

/// Input that was opened.
pub(crate) enum Source {
    Nowhere,
    Host(File),
    /// What programs got in a recording. More had arrived than they took, perhaps: the rest is not known and was not seen.
    Recorded(Vec<u8>),
}

impl Input {
    /// Opens it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn open(&self) -> Result<Source, TracerError> {
        match self {
            Self::None => Ok(Source::Nowhere),
            // Closed standard input is an end of file.
            Self::Inherited => Ok(io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map_or(Source::Nowhere, |input| Source::Host(input.into()))),
            Self::File(path) => open_file(path).map(Source::Host),
        }
    }
}

fn open_file(path: &Path) -> Result<File, TracerError> {
    let cannot_read = |why: &dyn std::fmt::Display| {
        TracerError::Options(format!(
            "cannot read console input from {}: {why}; name a file that can be read, or none",
            path.display()
        ))
    };
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    let metadata = file.metadata().map_err(|error| cannot_read(&error))?;
    if metadata.is_dir() {
        return Err(cannot_read(&"it is a directory"));
    }
    Ok(file)
}

/// The thread that feeds a machine. It ends when the input does, or when this is dropped.
pub(crate) struct Feeder {
    thread: Option<JoinHandle<()>>,
    /// A second look at the ring, only to wake the thread.
    bell: InputRing,
    is_over: Arc<AtomicBool>,
    /// Dropping it ends a poll(2) of the thread's.
    leash: Option<OwnedFd>,
}

impl Feeder {
    /// Starts to feed the machine whose region's memory file this is. `None` when there is nothing to feed it with.
    pub(crate) fn start(source: Source, region: impl AsFd) -> Result<Option<Self>, TracerError> {
        let ring = InputRing::of(&region)?;
        let source = match source {
            Source::Nowhere => {
                ring.close();
                return Ok(None);
            }
            Source::Host(file) => Bytes::Host(file),
            Source::Recorded(bytes) => Bytes::Recorded(bytes.into()),
        };
        let (leash_end, leash) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let bell = InputRing::of(&region)?;
        let feeding = Feeding {
            source,
            leash_end,
            ring,
            is_over: is_over.clone(),
        };
        let thread = thread::Builder::new()
            .name("console input".to_owned())
            .spawn(move || feeding.run())
            .during("start a thread for console input")?;
        Ok(Some(Self {
            thread: Some(thread),
            bell,
            is_over,
            leash: Some(leash),
        }))
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        self.leash = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        // It may be about to sleep when it is woken, so it is woken until it hears it.
        while !thread.is_finished() {
            self.bell.rouse();
            thread::sleep(Duration::from_micros(200));
        }
        let _ = thread.join();
    }
}

/// Where the thread takes bytes from.
enum Bytes {
    Host(File),
    Recorded(VecDeque<u8>),
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Host(file) => file.read(buffer),
            Self::Recorded(bytes) => {
                // Zeros stand for what had arrived and was not taken. When the input ends is a recorded number, too.
                buffer.fill_with(|| bytes.pop_front().unwrap_or(0));
                Ok(buffer.len())
            }
        }
    }
}

/// What the thread has.
struct Feeding {
    source: Bytes,
    leash_end: OwnedFd,
    ring: InputRing,
    is_over: Arc<AtomicBool>,
}

impl Feeding {
    fn run(mut self) {
        let mut buffer = [0; trapline_abi::input::CAPACITY as usize];
        while !self.is_over.load(SeqCst) {
            if !self.ring.is_wanted() {
                self.ring.sleep_until_wanted();
                continue;
            }
            // A read could block for ever, and nobody could end it.
            if !self.wait_for_source() {
                continue;
            }
            let room = self.ring.room();
            match self.source.read(&mut buffer[..room]) {
                // No room: the kernel has what it wants.
                Ok(0) if room > 0 => return self.ring.close(),
                Ok(length) => self.ring.give(&buffer[..length]),
                Err(error) if is_passing(&error) => {}
                // A terminal that hung up, a disk that failed: there is no more input.
                Err(_) => return self.ring.close(),
            }
        }
    }

    /// Whether the source can be read now; false when the machine is over.
    fn wait_for_source(&self) -> bool {
        let Bytes::Host(source) = &self.source else {
            return true;
        };
        let mut waiting = [
            PollFd::new(source.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.leash_end.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) => !waiting[1].any().unwrap_or(true),
            Err(_) => false,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EINTR | Errno::EAGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptrace::input_ring::kernel_side::{is_closed, take, want};
    use crate::ptrace::region::executable_memory_file;
    use std::io::Write;
    use std::time::Instant;
    use trapline_abi::layout::KERNEL_LENGTH;

    /// A feeder, the end to write into, and the ring as the kernel sees it.
    fn fed_by_a_pipe() -> (Feeder, File, InputRing) {
        let region = File::from(executable_memory_file(c"test").expect("made"));
        region.set_len(KERNEL_LENGTH).expect("sized");
        let (read, write) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let feeder = Feeder::start(Source::Host(read.into()), &region).expect("started");
        let ring = InputRing::of(&region).expect("mapped");
        (feeder.expect("a source"), write.into(), ring)
    }

    fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "still not: {what}"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn input_is_read_only_when_it_is_wanted_and_ends_when_it_ends() {
        let (_feeder, mut write, ring) = fed_by_a_pipe();
        write.write_all(b"one").expect("written");
        thread::sleep(Duration::from_millis(20));
        assert_eq!(take(&ring), b"");
        want(&ring);
        wait_for("satisfied", || !ring.is_wanted());
        assert_eq!(take(&ring), b"one");
        want(&ring);
        write.write_all(b"two").expect("written");
        wait_for("satisfied", || !ring.is_wanted());
        assert_eq!(take(&ring), b"two");
        assert!(!is_closed(&ring));
        drop(write);
        want(&ring);
        wait_for("closed", || is_closed(&ring));
        assert!(!ring.is_wanted());
    }

    #[test]
    fn more_than_the_ring_holds_arrives_in_parts_and_in_order() {
        let (_feeder, mut write, ring) = fed_by_a_pipe();
        let text: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
        let writer = thread::spawn({
            let text = text.clone();
            move || write.write_all(&text).expect("written")
        });
        let mut got = Vec::new();
        while !is_closed(&ring) {
            want(&ring);
            wait_for("satisfied", || !ring.is_wanted());
            got.extend(take(&ring));
        }
        writer.join().expect("done");
        assert!(got == text, "{} bytes", got.len());
    }

    #[test]
    fn recorded_input_is_followed_by_as_many_zeros_as_anyone_waits_for() {
        let region = File::from(executable_memory_file(c"test").expect("made"));
        region.set_len(KERNEL_LENGTH).expect("sized");
        let source = Source::Recorded(b"abc".to_vec());
        let _feeder = Feeder::start(source, &region).expect("started");
        let ring = InputRing::of(&region).expect("mapped");
        for expected in [&b"abc\0"[..], b"\0\0\0\0"] {
            want(&ring);
            wait_for("satisfied", || !ring.is_wanted());
            assert_eq!(&take(&ring)[..4], expected);
        }
        assert!(!is_closed(&ring));
    }

    #[test]
    fn a_machine_that_ends_waits_for_no_input() {
        for is_wanted in [false, true] {
            let (feeder, _write, ring) = fed_by_a_pipe();
            if is_wanted {
                want(&ring);
                // Time to reach the poll(2).
                thread::sleep(Duration::from_millis(20));
            }
            let start = Instant::now();
            drop(feeder);
            assert!(start.elapsed() < Duration::from_secs(1), "{is_wanted}");
        }
    }

    #[test]
    fn no_input_is_an_end_of_file_from_the_start() {
        let region = File::from(executable_memory_file(c"test").expect("made"));
        region.set_len(KERNEL_LENGTH).expect("sized");
        let source = Input::None.open().expect("opened");
        assert!(Feeder::start(source, &region).expect("started").is_none());
        assert!(is_closed(&InputRing::of(&region).expect("mapped")));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for path in ["/nonesuch/input", "/proc"] {
            let Err(error) = Input::File(path.into()).open() else {
                panic!("{path} was opened")
            };
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
