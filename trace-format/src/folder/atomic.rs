//! Files that appear under their final name whole or not at all: temporary file, fsync, rename, fsync of the folder.
//!
//! Key type: [`TableSink`].

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::FormatError;
use crate::meta::TableFile;

/// A table being written. It has no final name yet and is gone when dropped.
#[derive(Debug)]
pub struct TableSink {
    file: BufWriter<NamedTempFile>,
    crc32: crc32fast::Hasher,
    bytes: u64,
    path: PathBuf,
}

impl TableSink {
    pub(super) fn create(path: &Path) -> Result<Self, FormatError> {
        let file = temporary(path)?;
        let (crc32, bytes) = (crc32fast::Hasher::new(), 0);
        Ok(Self {
            file: BufWriter::with_capacity(256 * 1024, file),
            crc32,
            bytes,
            path: path.to_owned(),
        })
    }

    pub(super) fn finish(self) -> Result<TableFile, FormatError> {
        let Self {
            file,
            crc32,
            bytes,
            path,
        } = self;
        let file = file
            .into_inner()
            .map_err(|error| FormatError::io("write", &path)(error.into_error()))?;
        publish(file, &path)?;
        Ok(TableFile {
            bytes,
            crc32: crc32.finalize(),
        })
    }
}

impl Write for TableSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.crc32.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Replaces the file at `path` by one with this content.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), FormatError> {
    let mut file = temporary(path)?;
    file.write_all(content)
        .map_err(FormatError::io("write", path))?;
    publish(file, path)
}

/// Makes a file at `path`, where nothing may be.
pub(crate) fn write_new(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>,
) -> Result<(), FormatError> {
    let mut file = temporary(path)?;
    write(&mut file).map_err(FormatError::io("write", path))?;
    if path.symlink_metadata().is_ok() {
        return Err(FormatError::Exists {
            path: path.to_owned(),
        });
    }
    publish(file, path)
}

/// A temporary file beside `path`: a rename is atomic only within one file system.
fn temporary(path: &Path) -> Result<NamedTempFile, FormatError> {
    tempfile::Builder::new()
        .prefix(".unfinished-")
        // What the umask leaves, as for any other file of the trace.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))
        .map_err(FormatError::io("write", path))
}

fn publish(file: NamedTempFile, path: &Path) -> Result<(), FormatError> {
    file.as_file()
        .sync_all()
        .map_err(FormatError::io("write", path))?;
    file.persist(path)
        .map_err(|error| FormatError::io("write", path)(error.error))?;
    // Without this, the new name may be lost when the power goes.
    let synced = File::open(folder(path)).and_then(|folder| folder.sync_all());
    synced.map_err(FormatError::io("write", path))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        // A bare name has an empty parent.
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
