//! The trace folder `NAME.trap/`: meta.json, events.log, the tables made from it, and what a replay starts with.
//!
//! Key types: [`TraceWriter`] for the recorder, [`Trace`] for everyone else. Neighbours: `meta.rs` has the content of
//! meta.json, `log.rs` the log, `folder/meta_file.rs` and `folder/atomic.rs` how files get their final names,
//! `folder/replay_file.rs` the files for a replay.
//!
//! What must never be: a file under its final name that is only half written; a meta.json that names a table which is
//! not on the disk as it says.

mod atomic;
mod meta_file;
mod replay_file;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use atomic::TableSink;
pub(crate) use atomic::write_new;
pub use replay_file::{REPLAY_FOLDER, REPLAY_PART_MAX, ReplayPart};

use crate::error::{FormatError, LogDamage};
use crate::log::{LogReader, LogTotals, LogWriter, verify};
use crate::meta::{Meta, Outcome, ReplayData};

/// File name of the log.
pub const LOG_FILE: &str = "events.log";
/// File name of the meta data.
pub const META_FILE: &str = "meta.json";
/// Folder of the tables.
pub const TABLES_FOLDER: &str = "tables";

/// A trace being recorded.
#[derive(Debug)]
pub struct TraceWriter {
    path: PathBuf,
    log: LogWriter,
}

impl TraceWriter {
    /// Creates the folder with `meta` (which should say [`Outcome::Recording`]) and an empty log. The log's thread
    /// inherits the CPU affinity of the calling thread, see [`LogWriter::create`].
    ///
    /// # Errors
    /// When something of that name exists, or the folder cannot be created or written.
    pub fn create(path: &Path, meta: &Meta) -> Result<Self, FormatError> {
        std::fs::create_dir(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FormatError::Exists {
                path: path.to_owned(),
            },
            _ => FormatError::io("create the folder", path)(source),
        })?;
        // The folder is a trace once it has its meta.json, whatever happens to the recorder then.
        let log = LogWriter::create(&path.join(LOG_FILE))
            .and_then(|log| meta_file::write(path, meta).map(|()| log));
        match log {
            Ok(log) => Ok(Self {
                path: path.to_owned(),
                log,
            }),
            Err(error) => {
                // Nothing was recorded; an empty folder would only block the next attempt.
                let _ = std::fs::remove_dir_all(path);
                Err(error)
            }
        }
    }

    /// The trace folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what a replay starts with, and registers it in `meta`, which is written at once: then an unfinished trace
    /// can be replayed, too.
    ///
    /// # Errors
    /// When one is longer than [`REPLAY_PART_MAX`], or the folder cannot be written.
    pub fn keep_for_replay(
        &self,
        parts: &[(ReplayPart, &[u8])],
        meta: &mut Meta,
    ) -> Result<(), FormatError> {
        let folder = self.path.join(REPLAY_FOLDER);
        std::fs::create_dir(&folder).map_err(FormatError::io("create the folder", &folder))?;
        for (part, content) in parts {
            let path = folder.join(part.name());
            if content.len() as u64 > REPLAY_PART_MAX {
                let too_long = io::Error::from(io::ErrorKind::FileTooLarge);
                return Err(FormatError::io("write", &path)(too_long));
            }
            let written = replay_file::write(&path, content)?;
            meta.replay.insert(part.name().to_owned(), written);
        }
        meta_file::write(&self.path, meta)
    }

    /// The log to append to.
    pub fn log(&mut self) -> &mut LogWriter {
        &mut self.log
    }

    /// Finishes the log and replaces meta.json by `meta`, with the number of events filled in.
    ///
    /// # Errors
    /// When the log or meta.json cannot be written. The trace then reads as one whose recorder was killed.
    pub fn finish(self, mut meta: Meta) -> Result<LogTotals, FormatError> {
        let totals = self.log.finish()?;
        meta.events = totals.events;
        meta_file::write(&self.path, &meta)?;
        Ok(totals)
    }
}

/// A trace to read, finished or not.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    meta: Meta,
}

impl Trace {
    /// Opens a trace folder and reads its meta.json. The log is not looked at yet.
    ///
    /// # Errors
    /// When there is no such folder, it is no trace, a newer version wrote it, or meta.json is damaged.
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        let not_a_trace = |reason| {
            Err(FormatError::NotATrace {
                path: path.to_owned(),
                reason,
            })
        };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return not_a_trace("it is a file, not a folder"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FormatError::Missing {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(FormatError::io("open", path)(error)),
        }
        match meta_file::read(path)? {
            Some(meta) => Ok(Self {
                path: path.to_owned(),
                meta,
            }),
            None => not_a_trace("it has no meta.json"),
        }
    }

    /// The trace folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's own name, without what it lies in.
    #[must_use]
    pub fn name(&self) -> String {
        // `.` and `..` have no name of their own until they are resolved.
        let named = if self.path.file_name().is_some() {
            Some(self.path.clone())
        } else {
            self.path.canonicalize().ok()
        };
        let name = named
            .as_deref()
            .and_then(Path::file_name)
            .unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// What meta.json says.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The events of the log, in the order in which they were appended.
    ///
    /// # Errors
    /// When the log cannot be opened or is no log.
    pub fn events(&self) -> Result<LogReader, FormatError> {
        LogReader::open(&self.log_path())
    }

    /// What was kept for a replay, after checking its length and checksum.
    ///
    /// # Errors
    /// When it was not kept, is not what was written, or cannot be read.
    pub fn replay_part(&self, part: ReplayPart) -> Result<Vec<u8>, FormatError> {
        if self.meta.replay_data == ReplayData::LeftOut {
            return Err(FormatError::LeftOut {
                path: self.path.clone(),
            });
        }
        let path = self.path.join(REPLAY_FOLDER).join(part.name());
        let kept = self.meta.replay.get(part.name());
        let kept = kept.filter(|_| path.symlink_metadata().is_ok());
        let missing = || FormatError::NotReplayable {
            path: self.path.clone(),
            missing: part.name(),
        };
        replay_file::read(&path, *kept.ok_or_else(missing)?)
    }

    /// Why the trace is not whole, in one line; nothing when it is. Reads the log's checksums, not its events.
    #[must_use]
    pub fn completeness(&self) -> Option<String> {
        let recording = self.meta.outcome == Outcome::Recording;
        let totals = match verify(&self.log_path()) {
            Ok(totals) => totals,
            Err(error) => {
                let cut = matches!(
                    &error,
                    FormatError::DamagedLog {
                        damage: LogDamage::NoEnd | LogDamage::Truncated { .. },
                        ..
                    }
                );
                return Some(if recording && cut {
                    format!(
                        "recording did not finish: the recorder was killed, or still runs ({error})"
                    )
                } else {
                    error.to_string()
                });
            }
        };
        if recording {
            return Some(
                "recording did not finish: the recorder was killed, or still runs".to_owned(),
            );
        }
        if totals.events != self.meta.events {
            let (log, meta) = (totals.events, self.meta.events);
            return Some(format!(
                "events.log has {log} events but meta.json says {meta}"
            ));
        }
        let loss = self.meta.lost.first()?;
        Some(match loss.events {
            Some(events) => format!("{events} events were lost: {}", loss.reason),
            None => format!("events were lost: {}", loss.reason),
        })
    }

    /// Writes a table under its final name and registers it in meta.json. `write` gets the file to fill.
    ///
    /// # Errors
    /// When the name is not a plain `NAME.parquet`, the folder cannot be written, or `write` fails. No table stands
    /// under the name then that meta.json calls finished.
    pub fn write_table<E: From<FormatError>>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut TableSink) -> Result<(), E>,
    ) -> Result<(), E> {
        let folder = self.path.join(TABLES_FOLDER);
        let path = folder.join(table_name(name)?);
        std::fs::create_dir_all(&folder).map_err(FormatError::io("create the folder", &folder))?;
        let mut sink = TableSink::create(&path)?;
        write(&mut sink)?;
        // Two names change, one after the other; in between, meta.json must not vouch for the older table.
        if self.meta.tables.remove(name).is_some() {
            meta_file::write(&self.path, &self.meta)?;
        }
        let table = sink.finish()?;
        self.meta.tables.insert(name.to_owned(), table);
        meta_file::write(&self.path, &self.meta)?;
        Ok(())
    }

    /// Where a finished table lies, after checking its length and checksum; nothing when it has not been made or was
    /// deleted.
    ///
    /// # Errors
    /// When the table is not what was written, or cannot be read.
    pub fn table_path(&self, name: &str) -> Result<Option<PathBuf>, FormatError> {
        let path = self.path.join(TABLES_FOLDER).join(table_name(name)?);
        let Some(registered) = self.meta.tables.get(name) else {
            return Ok(None);
        };
        if !path.try_exists().map_err(FormatError::io("open", &path))? {
            return Ok(None);
        }
        let mut file = open_file(&path)?;
        let damaged = |reason| {
            Err(FormatError::DamagedTable {
                path: path.clone(),
                reason,
            })
        };
        let length = file
            .metadata()
            .map_err(FormatError::io("read", &path))?
            .len();
        if length != registered.bytes {
            return damaged(format!("{length} bytes instead of {}", registered.bytes));
        }
        let mut checksum = Checksum::default();
        io::copy(&mut file, &mut checksum).map_err(FormatError::io("read", &path))?;
        if checksum.0.finalize() != registered.crc32 {
            return damaged("checksum mismatch".to_owned());
        }
        Ok(Some(path))
    }

    fn log_path(&self) -> PathBuf {
        self.path.join(LOG_FILE)
    }
}

/// Opens a regular file for reading; anything else (a pipe would block for ever) is refused.
pub(crate) fn open_file(path: &Path) -> Result<File, FormatError> {
    let doing = "open";
    let found = std::fs::metadata(path).map_err(FormatError::io(doing, path))?;
    if !found.is_file() {
        return Err(FormatError::io(doing, path)(io::Error::other(
            "not a regular file",
        )));
    }
    File::open(path).map_err(FormatError::io(doing, path))
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FormatError> {
    let mut bytes = Vec::new();
    let file = open_file(path)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(FormatError::io("read", path))?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

fn table_name(name: &str) -> Result<&str, FormatError> {
    let plain = |stem: &str| {
        let mut bytes = stem.bytes();
        !stem.is_empty() && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if name.strip_suffix(".parquet").is_some_and(plain) {
        Ok(name)
    } else {
        Err(FormatError::TableName {
            name: name.to_owned(),
        })
    }
}

/// Takes the CRC-32 of what is written to it.
#[derive(Default)]
struct Checksum(crc32fast::Hasher);

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
