//! Reading the log: the intact prefix, then what is wrong, once. See the module above.
//!
//! Key type: [`LogReader`]. Files may be hostile: every length is checked against a limit before memory is asked for.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zerocopy::{FromBytes, IntoBytes};

use super::LogTotals;
use super::block::{BlockHeader, FileHeader, HeaderFault, MAX_STORED_BYTES, Next};
use crate::error::{FormatError, LogDamage};
use crate::event::Event;
use crate::folder::open_file;
use crate::record;

/// Reads the events of a log in order.
///
/// Yields every event before the first damage, then one error, then nothing. A log without an end mark (its recorder
/// was killed) yields all its events and then [`LogDamage::NoEnd`].
#[derive(Debug)]
pub struct LogReader {
    blocks: Blocks,
    /// Records of the current block, decompressed.
    raw: Vec<u8>,
    position: usize,
    record: u32,
    records: u32,
    done: bool,
}

/// Checks headers and checksums of all blocks without decompressing.
///
/// # Errors
/// The first damage, as [`LogReader`] would report it; bad records inside intact blocks are not looked for.
pub fn verify(path: &Path) -> Result<LogTotals, FormatError> {
    let mut blocks = Blocks::open(path)?;
    while blocks.next()?.is_some() {}
    Ok(blocks.totals)
}

impl LogReader {
    /// Opens a log and checks that it is one.
    ///
    /// # Errors
    /// When the file cannot be read, is no log, or has an unknown version.
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        let blocks = Blocks::open(path)?;
        Ok(Self {
            blocks,
            raw: Vec::new(),
            position: 0,
            record: 0,
            records: 0,
            done: false,
        })
    }

    fn next_event(&mut self) -> Result<Option<Event>, FormatError> {
        if self.record == self.records {
            if self.position != self.raw.len() {
                let reason = "number of records does not fit its length";
                return Err(self.blocks.damage_in_current(LogDamage::Header { reason }));
            }
            let Some((raw_bytes, records)) = self.blocks.next()? else {
                return Ok(None);
            };
            self.decompress(raw_bytes)?;
            (self.position, self.record, self.records) = (0, 0, records);
        }
        match record::decode(self.raw.get(self.position..).unwrap_or_default()) {
            Ok((event, length)) => {
                self.position += length;
                self.record += 1;
                Ok(Some(event))
            }
            Err(source) => {
                let damage = LogDamage::Record {
                    record: self.record,
                    source,
                };
                Err(self.blocks.damage_in_current(damage))
            }
        }
    }

    fn decompress(&mut self, raw_bytes: usize) -> Result<(), FormatError> {
        self.raw.clear();
        self.raw.resize(raw_bytes, 0);
        let reason = match lz4_flex::block::decompress_into(&self.blocks.stored, &mut self.raw) {
            Ok(length) if length == raw_bytes => return Ok(()),
            Ok(length) => format!("{length} bytes instead of {raw_bytes}"),
            Err(error) => error.to_string(),
        };
        Err(self
            .blocks
            .damage_in_current(LogDamage::Compression { reason }))
    }
}

impl Iterator for LogReader {
    type Item = Result<Event, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.next_event().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

impl std::iter::FusedIterator for LogReader {}

/// The blocks of a log, checked but not decompressed.
#[derive(Debug)]
struct Blocks {
    path: PathBuf,
    file: BufReader<File>,
    version: u32,
    /// What was read so far.
    totals: LogTotals,
    /// Where the current block begins.
    offset: u64,
    /// The current block's bytes.
    stored: Vec<u8>,
}

impl Blocks {
    fn open(path: &Path) -> Result<Self, FormatError> {
        let file = BufReader::with_capacity(256 * 1024, open_file(path)?);
        let mut blocks = Self {
            path: path.to_owned(),
            file,
            version: 0,
            totals: LogTotals::default(),
            offset: 0,
            stored: Vec::with_capacity(MAX_STORED_BYTES),
        };
        let mut bytes = [0; size_of::<FileHeader>()];
        let have = blocks.read(&mut bytes)?;
        // A foreign file shorter than the header is foreign first and short second.
        if have < bytes.len() && FileHeader::new().as_bytes()[..have] == bytes[..have] {
            return Err(blocks.truncated(have, bytes.len()));
        }
        match FileHeader::read_from_bytes(&bytes).map_or(Ok(0), |header| header.check()) {
            Ok(version) => Ok(Self { version, ..blocks }),
            Err(HeaderFault::Damage(damage)) => Err(blocks.damage(damage)),
            Err(HeaderFault::Version(version)) => Err(FormatError::UnknownVersion {
                path: blocks.path,
                version,
            }),
        }
    }

    /// Reads and checks the next block into `stored`; returns its decompressed length and number of records, or
    /// nothing after the end mark.
    fn next(&mut self) -> Result<Option<(usize, u32)>, FormatError> {
        self.offset = self.totals.bytes;
        let mut bytes = [0; size_of::<BlockHeader>()];
        match self.read(&mut bytes)? {
            0 => return Err(self.damage(LogDamage::NoEnd)),
            have if have < bytes.len() => return Err(self.truncated(have, bytes.len())),
            _ => {}
        }
        let Ok(header) = BlockHeader::read_from_bytes(&bytes) else {
            return Err(self.damage(LogDamage::BlockMagic));
        };
        let length = header
            .stored_bytes()
            .map_err(|damage| self.damage(damage))?;
        let mut stored = std::mem::take(&mut self.stored);
        stored.resize(length, 0);
        let have = self.read(&mut stored);
        self.stored = stored;
        let have = have?;
        if have < length {
            return Err(self.truncated(bytes.len() + have, bytes.len() + length));
        }
        let (sequence, first_event) = (self.totals.blocks, self.totals.events);
        match header.check(self.version, sequence, first_event, &self.stored) {
            Ok(Next::Block { raw_bytes, records }) => {
                self.totals.blocks += 1;
                self.totals.events += u64::from(records);
                Ok(Some((raw_bytes, records)))
            }
            Ok(Next::End) if self.read(&mut [0])? > 0 => Err(self.damage(LogDamage::Trailing)),
            Ok(Next::End) => Ok(None),
            Err(damage) => Err(self.damage(damage)),
        }
    }

    /// Fills `bytes` as far as the file goes.
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, FormatError> {
        let mut have = 0;
        while have < bytes.len() {
            match self.file.read(&mut bytes[have..]) {
                Ok(0) => break,
                Ok(more) => have += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FormatError::io("read", &self.path)(error)),
            }
        }
        self.totals.bytes += have as u64;
        Ok(have)
    }

    fn truncated(&self, have: usize, need: usize) -> FormatError {
        self.damage(LogDamage::Truncated {
            have: have as u64,
            need: need as u64,
        })
    }

    /// Damage in the block that was to be read.
    fn damage(&self, damage: LogDamage) -> FormatError {
        let (path, block) = (self.path.clone(), self.totals.blocks);
        FormatError::DamagedLog {
            path,
            block,
            offset: self.offset,
            damage,
        }
    }

    /// Damage in the block that was read last.
    fn damage_in_current(&self, damage: LogDamage) -> FormatError {
        let (path, block) = (self.path.clone(), self.totals.blocks.saturating_sub(1));
        FormatError::DamagedLog {
            path,
            block,
            offset: self.offset,
            damage,
        }
    }
}
