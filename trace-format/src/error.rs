//! What can be wrong with a trace on disk. Every message names the file, the place in it and the reason.
//!
//! Key types: [`FormatError`] and [`LogDamage`]. Neighbours: `log.rs` and `folder.rs` raise them, `record.rs` has its
//! own [`RecordError`] because a record does not know which file it is in.

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::REPLAY_FOLDER;
use crate::meta::{FORMAT_VERSION, OLDEST_VERSION};
use crate::record::RecordError;

/// A trace could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The operating system refused an operation.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was being done, as `write`.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A recording must not overwrite another.
    #[error("{} exists already; choose another name or remove it", .path.display())]
    Exists {
        /// The folder that was to be created.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("{}: no such trace folder", .path.display())]
    Missing {
        /// What was to be opened.
        path: PathBuf,
    },
    /// Something is there, but it is no trace.
    #[error("{}: not a trace: {reason}", .path.display())]
    NotATrace {
        /// What was to be opened.
        path: PathBuf,
        /// What a trace has and this lacks.
        reason: &'static str,
    },
    /// Something is there, but it is no measurement.
    #[error("{}: not a measurement: {reason}", .path.display())]
    NotAMeasurement {
        /// What was to be read.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The trace has a format that this version does not read.
    #[error("{}: {}", .path.display(), version_fault(*.version))]
    UnknownVersion {
        /// The file that says so.
        path: PathBuf,
        /// The version that it claims.
        version: u32,
    },
    /// `meta.json` is not what was written.
    #[error("{}: damaged: {reason}", .path.display())]
    DamagedMeta {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `events.log` ends early or is not what was written. Everything before the place is intact.
    #[error("{}: block {block} at byte {offset}: {damage}", .path.display())]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// Number of the block, counted from 0.
        block: u64,
        /// Where in the file the block begins.
        offset: u64,
        /// What is wrong.
        damage: LogDamage,
    },
    /// A table is not what was written.
    #[error("{}: damaged: {reason}; delete the folder {} to have its tables rebuilt from events.log", .path.display(), parent(.path))]
    DamagedTable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The trace lacks what a replay starts with.
    #[error("{}: cannot be replayed: it has no {REPLAY_FOLDER}/{missing}; record it again", .path.display())]
    NotReplayable {
        /// The trace.
        path: PathBuf,
        /// Which file.
        missing: &'static str,
    },
    /// The trace was recorded without what a replay needs, on purpose.
    #[error("{}: cannot be replayed: it was recorded with --replay-data off; record it again without that", .path.display())]
    LeftOut {
        /// The trace.
        path: PathBuf,
    },
    /// A file for a replay is not what was written.
    #[error("{}: damaged: {reason}; the trace cannot be replayed", .path.display())]
    DamagedReplayFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An event cannot be stored.
    #[error("cannot write {}: {source}", .path.display())]
    Unstorable {
        /// The log that it was meant for.
        path: PathBuf,
        /// Why not.
        source: RecordError,
    },
    /// `meta.json` would not be readable again.
    #[error("cannot write {}: {reason}", .path.display())]
    UnwritableMeta {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Writing failed before; the first failure was reported when it happened.
    #[error("cannot write {}: writing stopped after an earlier error", .path.display())]
    Stopped {
        /// The log.
        path: PathBuf,
    },
    /// A table's name would not be a plain file name.
    #[error("`{name}` cannot be a table's name: use a-z, 0-9, `_` and the ending .parquet")]
    TableName {
        /// The name.
        name: String,
    },
}

impl FormatError {
    /// For `map_err`: the failure of `doing` something to `path`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// Why a format version is not read, and what to do.
fn version_fault(version: u32) -> String {
    if version < OLDEST_VERSION {
        format!(
            "format version {version} is older than this version of trapline, which reads versions {OLDEST_VERSION} to {FORMAT_VERSION}; \
             record it again, or read it with the version that recorded it"
        )
    } else {
        format!(
            "format version {version} is newer than this version of trapline, which reads versions {OLDEST_VERSION} to {FORMAT_VERSION}; \
             read it with the version that recorded it"
        )
    }
}

fn parent(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

/// What is wrong with a block of the log.
#[derive(Debug, thiserror::Error)]
pub enum LogDamage {
    /// The file ends inside the block: the recorder was killed while it wrote, or the file was cut.
    #[error("truncated: {have} of {need} bytes")]
    Truncated {
        /// Bytes that are there.
        have: u64,
        /// Bytes that the block has.
        need: u64,
    },
    /// The file ends between two blocks, without the mark that a finished recording ends with.
    #[error("truncated: the log ends without its end mark")]
    NoEnd,
    /// The file does not begin as a log does.
    #[error("bad magic: not an events.log")]
    FileMagic,
    /// The size of a record is not that of this version.
    #[error("bad header: records of {bytes} bytes")]
    RecordSize {
        /// What the file claims.
        bytes: u32,
    },
    /// There is no block where one should begin.
    #[error("bad magic: no block begins here")]
    BlockMagic,
    /// Header or content changed.
    #[error("checksum mismatch")]
    Checksum,
    /// The header is intact but says what no writer writes.
    #[error("bad header: {reason}")]
    Header {
        /// What it says.
        reason: &'static str,
    },
    /// The content cannot be decompressed.
    #[error("bad compression: {reason}")]
    Compression {
        /// What the decompressor said.
        reason: String,
    },
    /// A record says what no writer writes.
    #[error("bad record {record}: {source}")]
    Record {
        /// Number of the record in its block, counted from 0.
        record: u32,
        /// What is wrong with it.
        source: RecordError,
    },
    /// There is more behind the end mark.
    #[error("unexpected bytes behind the end mark")]
    Trailing,
}
