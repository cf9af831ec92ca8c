//! `events.log`: blocks of records, each compressed and checksummed. Layout: FORMAT.md.
//!
//! Key types: [`LogWriter`] for the recorder, [`LogReader`] for everyone else, [`verify`] for a look without reading.
//! Neighbours: `record.rs` has the records, `folder.rs` the folder around the log, `block.rs` the bytes around a block.
//!
//! The writer is called between two stops of the traced machine, so it only encodes into memory; a thread of its own
//! compresses and writes. Buffers go round between the two, so nothing is allocated while recording, and the recorder
//! waits when the disk is too slow instead of losing events.

mod block;
mod reader;
mod writer;

pub use reader::{LogReader, verify};
pub use writer::LogWriter;

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogTotals {
    /// Events in all blocks.
    pub events: u64,
    /// Blocks, the end mark not counted.
    pub blocks: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
}
