//! The bytes around a block: file header, block header, end mark, and the limits that a reader trusts.
//!
//! Key types: [`FileHeader`] and [`BlockHeader`]. Neighbours: `writer.rs` makes them, `reader.rs` checks them.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::LogDamage;
use crate::meta::{FORMAT_VERSION, OLDEST_VERSION};
use crate::record::{HEADER_BYTES, MAX_PAYLOAD};

/// A block is closed as soon as it holds this many bytes of records.
pub(super) const FULL_BYTES: usize = 64 * 1024;
/// No block holds more: the last record may begin just below [`FULL_BYTES`].
pub(super) const MAX_RAW_BYTES: usize = FULL_BYTES + HEADER_BYTES + MAX_PAYLOAD;
/// No block is longer than this on disk.
pub(super) const MAX_STORED_BYTES: usize = lz4_flex::block::get_maximum_output_size(MAX_RAW_BYTES);

const FILE_MAGIC: [u8; 8] = *b"\x89TRAPLOG";
const BLOCK_MAGIC: [u8; 4] = *b"TBLK";
const END_MAGIC: [u8; 4] = *b"TEND";

/// The first bytes of the file.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FileHeader {
    magic: [u8; 8],
    version: U32,
    record_bytes: U32,
}

/// Why a file header is refused.
pub(super) enum HeaderFault {
    Version(u32),
    Damage(LogDamage),
}

impl FileHeader {
    pub(super) fn new() -> Self {
        Self {
            magic: FILE_MAGIC,
            version: FORMAT_VERSION.into(),
            record_bytes: (HEADER_BYTES as u32).into(),
        }
    }

    /// The version of the file.
    pub(super) fn check(&self) -> Result<u32, HeaderFault> {
        if self.magic != FILE_MAGIC {
            return Err(HeaderFault::Damage(LogDamage::FileMagic));
        }
        if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&self.version.get()) {
            return Err(HeaderFault::Version(self.version.get()));
        }
        if self.record_bytes.get() as usize != HEADER_BYTES {
            let bytes = self.record_bytes.get();
            return Err(HeaderFault::Damage(LogDamage::RecordSize { bytes }));
        }
        Ok(self.version.get())
    }
}

/// What precedes the compressed records of a block. The end mark is such a header alone.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BlockHeader {
    magic: [u8; 4],
    crc32: U32,
    sequence: U64,
    first_event: U64,
    raw_bytes: U32,
    stored_bytes: U32,
    records: U32,
    /// The file's version once more, here under the checksum; 0 in version 2.
    version: U32,
}

/// What a header says comes next.
pub(super) enum Next {
    /// A block of so many records.
    Block { raw_bytes: usize, records: u32 },
    /// The end of the log.
    End,
}

impl BlockHeader {
    /// The header of block number `sequence`, whose first event is number `first_event` and whose bytes are `stored`.
    pub(super) fn block(
        sequence: u64,
        first_event: u64,
        records: u32,
        raw_bytes: usize,
        stored: &[u8],
    ) -> Self {
        Self {
            magic: BLOCK_MAGIC,
            crc32: 0.into(),
            sequence: sequence.into(),
            first_event: first_event.into(),
            raw_bytes: (raw_bytes as u32).into(),
            stored_bytes: (stored.len() as u32).into(),
            records: records.into(),
            version: FORMAT_VERSION.into(),
        }
        .sealed(stored)
    }

    /// The mark behind the last of `blocks` blocks with `events` events.
    pub(super) fn end(blocks: u64, events: u64) -> Self {
        let empty = Self::block(blocks, events, 0, 0, &[]);
        Self {
            magic: END_MAGIC,
            ..empty
        }
        .sealed(&[])
    }

    fn sealed(self, stored: &[u8]) -> Self {
        Self {
            crc32: self.checksum(stored).into(),
            ..self
        }
    }

    /// Over the magic, everything behind the checksum, and the stored bytes.
    fn checksum(&self, stored: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.magic);
        hasher.update(&self.as_bytes()[8..]);
        hasher.update(stored);
        hasher.finalize()
    }

    /// Length of what follows the header, bounded so that a reader may allocate it.
    pub(super) fn stored_bytes(&self) -> Result<usize, LogDamage> {
        if self.magic != BLOCK_MAGIC && self.magic != END_MAGIC {
            return Err(LogDamage::BlockMagic);
        }
        let stored = self.stored_bytes.get() as usize;
        if stored > MAX_STORED_BYTES {
            return Err(LogDamage::Header {
                reason: "longer than any block",
            });
        }
        Ok(stored)
    }

    /// Checks the header of what should be block number `sequence`, beginning with event number `first_event`, in a file
    /// of this version.
    pub(super) fn check(
        &self,
        version: u32,
        sequence: u64,
        first_event: u64,
        stored: &[u8],
    ) -> Result<Next, LogDamage> {
        if self.crc32.get() != self.checksum(stored) {
            return Err(LogDamage::Checksum);
        }
        let fault = |reason| Err(LogDamage::Header { reason });
        if self.sequence.get() != sequence {
            return fault("not the next block in sequence");
        }
        if self.first_event.get() != first_event {
            return fault("not the next event in sequence");
        }
        let (raw_bytes, records) = (self.raw_bytes.get() as usize, self.records.get());
        let expected = if version == OLDEST_VERSION {
            0
        } else {
            version
        };
        if self.version.get() != expected {
            return fault("not of the version that the file says");
        }
        if self.magic == END_MAGIC {
            if raw_bytes != 0 || records != 0 || !stored.is_empty() {
                return fault("end mark with content");
            }
            return Ok(Next::End);
        }
        if raw_bytes > MAX_RAW_BYTES {
            return fault("more records than any block holds");
        }
        if records == 0 || (records as usize).saturating_mul(HEADER_BYTES) > raw_bytes {
            return fault("number of records does not fit its length");
        }
        Ok(Next::Block { raw_bytes, records })
    }
}
