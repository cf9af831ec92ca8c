//! The files that a replay starts with: compressed, under a checksum, whole under their final names or not there at all.
//!
//! Key type: [`ReplayPart`]. Neighbours: `folder.rs` registers them in meta.json. Layout: FORMAT.md. What is in them is the
//! recorder's business.

use std::path::Path;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{atomic, read_file};
use crate::error::FormatError;
use crate::meta::{FORMAT_VERSION, ReplayFile};

/// The version that such files came with; they have not changed since.
const FIRST_VERSION: u32 = 3;

/// Folder of the files.
pub const REPLAY_FOLDER: &str = "replay";
/// Most bytes that one of them holds, before compression.
pub const REPLAY_PART_MAX: u64 = (1 << 30) + (1 << 20);

/// Bytes that are compressed together.
const CHUNK: usize = 1 << 20;
const MAGIC: [u8; 8] = *b"\x89TRAPART";

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayPart {
    /// The kernel's ELF image.
    Kernel,
    /// The machine's first files, a cpio archive.
    Initramfs,
    /// What the kernel was told at its start.
    Boot,
}

impl ReplayPart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Initramfs, Self::Boot];

    /// Its file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::Boot => "boot",
        }
    }
}

/// The first bytes of the file.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct FileHeader {
    magic: [u8; 8],
    version: U32,
    reserved: U32,
}

/// What precedes each chunk.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ChunkHeader {
    raw_bytes: U32,
    stored_bytes: U32,
}

/// Writes `content` to a file of this name in the folder, which is there.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<ReplayFile, FormatError> {
    let header = FileHeader {
        magic: MAGIC,
        version: FORMAT_VERSION.into(),
        reserved: 0.into(),
    };
    let mut file = header.as_bytes().to_vec();
    for chunk in content.chunks(CHUNK) {
        let stored = lz4_flex::block::compress(chunk);
        let header = ChunkHeader {
            raw_bytes: (chunk.len() as u32).into(),
            stored_bytes: (stored.len() as u32).into(),
        };
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&stored);
    }
    atomic::replace(path, &file)?;
    Ok(ReplayFile {
        raw_bytes: content.len() as u64,
        bytes: file.len() as u64,
        crc32: crc32fast::hash(&file),
    })
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path, registered: ReplayFile) -> Result<Vec<u8>, FormatError> {
    let damaged = |reason: String| FormatError::DamagedReplayFile {
        path: path.to_owned(),
        reason,
    };
    if registered.raw_bytes.max(registered.bytes) > REPLAY_PART_MAX + REPLAY_PART_MAX / 100 {
        return Err(damaged("longer than any file of its kind".to_owned()));
    }
    let bytes = read_file(path, registered.bytes)?
        .filter(|bytes| bytes.len() as u64 == registered.bytes)
        .ok_or_else(|| damaged(format!("not the {} bytes that it had", registered.bytes)))?;
    if crc32fast::hash(&bytes) != registered.crc32 {
        return Err(damaged("checksum mismatch".to_owned()));
    }
    let content = unpack(&bytes, registered.raw_bytes as usize);
    content.map_err(|reason| damaged(reason.to_owned()))
}

fn unpack(bytes: &[u8], length: usize) -> Result<Vec<u8>, &'static str> {
    let (header, mut rest) = FileHeader::read_from_prefix(bytes).map_err(|_| "too short")?;
    let known = (FIRST_VERSION..=FORMAT_VERSION).contains(&header.version.get());
    if header.magic != MAGIC || !known || header.reserved.get() != 0 {
        return Err("it does not begin as such a file does");
    }
    let mut content = Vec::new();
    while !rest.is_empty() {
        let (header, behind) = ChunkHeader::read_from_prefix(rest).map_err(|_| "cut off")?;
        let (raw, stored) = (header.raw_bytes.get() as usize, header.stored_bytes.get());
        let (stored, behind) = behind.split_at_checked(stored as usize).ok_or("cut off")?;
        let start = content.len();
        if raw > CHUNK || start + raw > length {
            return Err("a part of it is too long");
        }
        content.resize(start + raw, 0);
        let unpacked = lz4_flex::block::decompress_into(stored, &mut content[start..]);
        if unpacked.ok() != Some(raw) {
            return Err("it cannot be decompressed");
        }
        rest = behind;
    }
    if content.len() == length {
        Ok(content)
    } else {
        Err("it holds less than it should")
    }
}
