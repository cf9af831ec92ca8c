//! The machine's first files: a cpio archive (newc) with the programs that its jobs name.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};

use cpio::newc;
use nix::errno::Errno;

use super::Images;
use crate::error::TracerError;

/// Most bytes of one program.
const PROGRAM_MAX: u64 = 256 << 20;

/// The archive with every job's program, under the name by which the kernel will look for it.
pub(super) fn build(jobs: &[Vec<String>], images: &Images) -> Result<Vec<u8>, TracerError> {
    let mut files = BTreeMap::new();
    for (index, job) in jobs.iter().enumerate() {
        let refuse = |reason| TracerError::Job {
            number: index + 1,
            command: job.join(" "),
            reason,
        };
        let Some(path) = job.first() else { continue };
        if !files.contains_key(path.as_str()) {
            files.insert(path.as_str(), program(path, images).map_err(refuse)?);
        }
    }
    archive(&files)
        .map_err(|error| TracerError::Options(format!("cannot pack the programs: {error}")))
}

/// A built-in guest, or the file at `path`.
fn program(path: &str, images: &Images) -> Result<Vec<u8>, String> {
    if !path.contains('/') {
        let guest = images.guests.iter().find(|(name, _)| *name == path);
        return guest.map(|(_, file)| file.to_vec()).ok_or_else(|| {
            format!("there is no guest called {path}; `trapline guests` lists them, and a path with a slash names a file")
        });
    }
    let metadata = fs::metadata(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{path} is not a file"));
    }
    if metadata.len() > PROGRAM_MAX {
        return Err(format!("{path} is larger than {PROGRAM_MAX} bytes"));
    }
    fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))
}

fn archive(files: &BTreeMap<&str, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    const REGULAR_EXECUTABLE: u32 = 0o100_755;
    let mut archive = Cursor::new(Vec::new());
    for (path, bytes) in files {
        let length = u32::try_from(bytes.len()).map_err(|_| std::io::Error::from(Errno::EFBIG))?;
        let entry = newc::Builder::new(path.trim_start_matches('/')).mode(REGULAR_EXECUTABLE);
        let mut entry = entry.write(&mut archive, length);
        entry.write_all(bytes)?;
        entry.finish()?;
    }
    newc::trailer(&mut archive)?;
    Ok(archive.into_inner())
}
