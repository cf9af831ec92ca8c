//! Writing the log: encode in the caller, compress and write in a thread. See the module above.
//!
//! Key type: [`LogWriter`].

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use zerocopy::IntoBytes;

use super::LogTotals;
use super::block::{BlockHeader, FULL_BYTES, FileHeader, MAX_RAW_BYTES, MAX_STORED_BYTES};
use crate::error::FormatError;
use crate::event::Event;
use crate::record;

/// Blocks that go round between recorder and thread: one filling, one being written, the rest absorb a slow disk.
const BUFFERS: usize = 8;

/// Appends events to a new `events.log`.
///
/// Dropping it writes what was appended but no end mark: readers then report the log as cut off.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    filling: Buffer,
    to_thread: Option<SyncSender<Work>>,
    from_thread: Receiver<Buffer>,
    thread: Option<JoinHandle<Result<LogTotals, FormatError>>>,
    on_disk: Arc<AtomicU64>,
}

/// Records on their way to the disk.
#[derive(Debug, Default)]
struct Buffer {
    raw: Vec<u8>,
    records: u32,
}

#[derive(Debug)]
enum Work {
    Block(Buffer),
    Finish,
}

impl LogWriter {
    /// Creates the log. The writing thread inherits the CPU affinity of the calling thread: create the log before
    /// pinning the recorder, so that compression does not compete with the traced machine.
    ///
    /// # Errors
    /// When the file exists or cannot be created, or no thread can be started.
    pub fn create(path: &Path) -> Result<Self, FormatError> {
        let file = File::options().write(true).create_new(true).open(path);
        Self::over(file.map_err(FormatError::io("create", path))?, path)
    }

    /// Writes the log into `file`, which errors call `path`.
    fn over(file: File, path: &Path) -> Result<Self, FormatError> {
        let (to_thread, work) = sync_channel(BUFFERS);
        let (recycle, from_thread) = sync_channel(BUFFERS);
        for _ in 1..BUFFERS {
            // The channel has room for every buffer there is, and its other end is in this function.
            let _ = recycle.send(Buffer::new());
        }
        let on_disk = Arc::new(AtomicU64::new(0));
        let disk = Disk::new(file, path.to_owned(), Arc::clone(&on_disk));
        let thread = std::thread::Builder::new()
            .name("trace writer".to_owned())
            .spawn(move || disk.run(&work, &recycle))
            .map_err(FormatError::io("start a thread to write", path))?;
        Ok(Self {
            path: path.to_owned(),
            filling: Buffer::new(),
            to_thread: Some(to_thread),
            from_thread,
            thread: Some(thread),
            on_disk,
        })
    }

    /// Appends an event. Usually touches memory only; waits for the disk when all blocks are full.
    ///
    /// # Errors
    /// When the event cannot be stored (see [`record::encode`]; the log stays usable), or writing earlier blocks failed.
    pub fn append(&mut self, event: &Event) -> Result<(), FormatError> {
        record::encode(event, &mut self.filling.raw).map_err(|source| FormatError::Unstorable {
            path: self.path.clone(),
            source,
        })?;
        self.filling.records += 1;
        if self.filling.raw.len() >= FULL_BYTES {
            self.send_block()
        } else {
            Ok(())
        }
    }

    /// Bytes that were written to the file so far.
    #[must_use]
    pub fn bytes_on_disk(&self) -> u64 {
        self.on_disk.load(Relaxed)
    }

    /// Sends what was appended on its way to the file, so that a killed recorder loses nothing older than this.
    ///
    /// # Errors
    /// When writing earlier blocks failed.
    pub fn flush(&mut self) -> Result<(), FormatError> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(self.failure());
        }
        if self.filling.records == 0 {
            Ok(())
        } else {
            self.send_block()
        }
    }

    /// Writes everything, the end mark, and waits until the file is on the disk.
    ///
    /// # Errors
    /// When any block could not be written.
    pub fn finish(mut self) -> Result<LogTotals, FormatError> {
        self.flush()?;
        let sent = self
            .to_thread
            .take()
            .map(|thread| thread.send(Work::Finish));
        match (sent, self.join()) {
            (Some(Ok(())), Some(result)) => result,
            (_, Some(Err(error))) => Err(error),
            _ => Err(FormatError::Stopped {
                path: self.path.clone(),
            }),
        }
    }

    fn send_block(&mut self) -> Result<(), FormatError> {
        let Ok(empty) = self.from_thread.recv() else {
            return Err(self.failure());
        };
        let full = std::mem::replace(&mut self.filling, empty);
        match self
            .to_thread
            .as_ref()
            .map(|thread| thread.send(Work::Block(full)))
        {
            Some(Ok(())) => Ok(()),
            _ => Err(self.failure()),
        }
    }

    /// Why the thread stopped: its own error the first time, that it stopped afterwards.
    fn failure(&mut self) -> FormatError {
        self.to_thread = None;
        // Nothing will take the records any more; without this, they would pile up with each further append.
        self.filling.clear();
        match self.join() {
            Some(Err(error)) => error,
            _ => FormatError::Stopped {
                path: self.path.clone(),
            },
        }
    }

    fn join(&mut self) -> Option<Result<LogTotals, FormatError>> {
        let stopped = || FormatError::Stopped {
            path: self.path.clone(),
        };
        let thread = self.thread.take()?;
        Some(thread.join().unwrap_or_else(|_| Err(stopped())))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // An error cannot be returned from here; the missing end mark tells readers that the log is cut off.
        if self.thread.is_some() {
            let _ = self.flush();
        }
        self.to_thread = None;
        let _ = self.join();
    }
}

impl Buffer {
    fn new() -> Self {
        Self {
            raw: Vec::with_capacity(MAX_RAW_BYTES),
            records: 0,
        }
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.records = 0;
    }
}

/// The thread's side: the file and what was written to it.
struct Disk {
    file: File,
    path: PathBuf,
    totals: LogTotals,
    /// The same number of bytes, for whoever asks while this runs.
    on_disk: Arc<AtomicU64>,
    /// A block as it goes to the file, header first, so that it goes in one write.
    out: Vec<u8>,
}

impl Disk {
    fn new(file: File, path: PathBuf, on_disk: Arc<AtomicU64>) -> Self {
        let out = vec![0; size_of::<BlockHeader>() + MAX_STORED_BYTES];
        Self {
            file,
            path,
            totals: LogTotals::default(),
            on_disk,
            out,
        }
    }

    fn run(
        mut self,
        work: &Receiver<Work>,
        recycle: &SyncSender<Buffer>,
    ) -> Result<LogTotals, FormatError> {
        self.write_header(FileHeader::new().as_bytes())?;
        loop {
            match work.recv() {
                Ok(Work::Block(mut buffer)) => {
                    self.write_block(&buffer)?;
                    buffer.clear();
                    // Nobody wants it back when the recorder is gone.
                    let _ = recycle.send(buffer);
                }
                Ok(Work::Finish) => return self.finish(),
                Err(_) => return Ok(self.totals),
            }
        }
    }

    fn write_block(&mut self, buffer: &Buffer) -> Result<(), FormatError> {
        let (header, body) = self.out.split_at_mut(size_of::<BlockHeader>());
        // `out` has room for the largest block, so compression cannot fail; a failure must not write half a block.
        let stored = lz4_flex::block::compress_into(&buffer.raw, body)
            .map_err(std::io::Error::other)
            .map_err(FormatError::io("compress a block of", &self.path))?;
        let block = BlockHeader::block(
            self.totals.blocks,
            self.totals.events,
            buffer.records,
            buffer.raw.len(),
            &body[..stored],
        );
        header.copy_from_slice(block.as_bytes());
        let length = header.len() + stored;
        self.file
            .write_all(&self.out[..length])
            .map_err(FormatError::io("write", &self.path))?;
        self.totals.blocks += 1;
        self.totals.events += u64::from(buffer.records);
        self.totals.bytes += length as u64;
        self.on_disk.store(self.totals.bytes, Relaxed);
        Ok(())
    }

    fn finish(mut self) -> Result<LogTotals, FormatError> {
        let end = BlockHeader::end(self.totals.blocks, self.totals.events);
        self.write_header(end.as_bytes())?;
        self.file
            .sync_all()
            .map_err(FormatError::io("write", &self.path))?;
        Ok(self.totals)
    }

    fn write_header(&mut self, header: &[u8]) -> Result<(), FormatError> {
        self.file
            .write_all(header)
            .map_err(FormatError::io("write", &self.path))?;
        self.totals.bytes += header.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, ProcessId, ThreadId};

    fn woken(time: i64) -> Event {
        Event {
            time,
            process: ProcessId(1),
            thread: ThreadId(1),
            kind: EventKind::Woken,
        }
    }

    fn on_full_disk() -> LogWriter {
        let path = Path::new("/dev/full");
        LogWriter::over(File::options().write(true).open(path).unwrap(), path).unwrap()
    }

    #[test]
    fn a_full_disk_surfaces_in_finish_with_path_and_cause() {
        let mut writer = on_full_disk();
        let _ = writer.append(&woken(1));
        let message = writer.finish().unwrap_err().to_string();
        assert!(
            message.contains("/dev/full") && message.contains("No space left"),
            "{message}"
        );
    }

    #[test]
    fn a_full_disk_surfaces_while_recording_and_the_writer_stays_safe_to_call() {
        let mut writer = on_full_disk();
        let events = (FULL_BYTES / record::HEADER_BYTES * (BUFFERS + 4)) as i64;
        let first = (0..events)
            .find_map(|time| writer.append(&woken(time)).err())
            .unwrap();
        assert!(first.to_string().contains("No space left"), "{first}");
        assert!(matches!(writer.flush(), Err(FormatError::Stopped { .. })));
        for time in 0..events {
            let _ = writer.append(&woken(time));
        }
        assert!(writer.filling.raw.len() <= MAX_RAW_BYTES, "records pile up");
        drop(writer);
    }

    #[test]
    fn appending_does_not_grow_the_buffers() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::create(&folder.path().join("events.log")).unwrap();
        let bytes = vec![7; record::MAX_PAYLOAD];
        for _ in 0..40 {
            let kind = EventKind::Console {
                bytes: bytes.clone(),
            };
            writer.append(&Event { kind, ..woken(0) }).unwrap();
            assert_eq!(writer.filling.raw.capacity(), MAX_RAW_BYTES);
        }
    }
}
