//! What arguments point to, read by the plan of the crate `calls`: each piece becomes an event.
//!
//! Neighbours: `calls/src/fetch.rs` has the plan and its rules, `ptrace/program/memory.rs` reads. A program can change its
//! memory at any moment, so what is read is what was there when the tracer looked, a few microseconds later.

use nix::unistd::Pid;
use trapline_calls::fetch::{PARTS, PATH_BYTES, STRUCTURE_BYTES};
use trapline_calls::{Fetch, Length, Span, What, When};
use trapline_trace_format::event::{Abi, Nanos};

use super::engine::Engine;
use super::output::{Output, Whom};
use super::tree::OpenCall;
use crate::ptrace::program::memory;
use crate::ptrace::program::task::Entry;

impl Engine<'_> {
    /// Reads what the program gave.
    pub(super) fn read_given(&mut self, tid: Pid, entry: &Entry, plan: &[Fetch], at: Nanos) {
        for fetch in plan {
            if fetch.when == When::Entry {
                self.piece(tid, entry, 0, at, fetch).read(fetch.what);
            }
        }
    }

    /// Reads what the kernel gave.
    pub(super) fn read_returned(&mut self, tid: Pid, call: &OpenCall, result: i64, at: Nanos) {
        let entry = &call.entry;
        for fetch in call.plan {
            let is_due = match fetch.when {
                When::Entry => false,
                When::Exit => result >= 0,
                When::Always => true,
            };
            if is_due {
                self.piece(tid, entry, result, at, fetch).read(fetch.what);
            }
        }
    }

    fn piece<'e>(
        &'e mut self,
        tid: Pid,
        entry: &'e Entry,
        result: i64,
        at: Nanos,
        fetch: &Fetch,
    ) -> Piece<'e, impl FnMut(u32, Source<'_>) + 'e> {
        let data_bytes = self.rules.reading.data_bytes;
        let whom = self.tree.whom(tid.as_raw() as u32);
        let argument = fetch.argument;
        let output = &mut self.output;
        Piece {
            tid,
            entry,
            result,
            address: entry.arguments[usize::from(argument)],
            data_bytes,
            tell: move |part, source: Source| tell(output, at, whom, argument, part, source),
        }
    }
}

/// Where a part's bytes come from.
enum Source<'a> {
    /// A text in the task's memory, up to its zero.
    Text { tid: Pid, address: u64, most: usize },
    /// So many bytes of the task's memory.
    Bytes {
        tid: Pid,
        address: u64,
        length: u64,
        most: usize,
    },
    /// Bytes that were read already, of so many.
    Known { bytes: &'a [u8], length: u64 },
}

fn tell(output: &mut Output, at: Nanos, whom: Whom, argument: u8, part: u32, source: Source<'_>) {
    output.pointed(at, whom, argument, part, |into| match source {
        Source::Text { tid, address, most } => read_text(tid, address, most, into),
        Source::Bytes {
            tid,
            address,
            length,
            most,
        } => {
            let wanted = usize::try_from(length).unwrap_or(most).min(most);
            into.resize(wanted, 0);
            let read = memory::read(tid, address, into);
            into.truncate(read);
            length
        }
        Source::Known { bytes, length } => {
            into.extend_from_slice(bytes);
            length
        }
    });
}

/// Most texts are short: a first look saves copying a page for each.
fn read_text(tid: Pid, address: u64, most: usize, into: &mut Vec<u8>) -> u64 {
    const FIRST_LOOK: usize = 256;
    for wanted in [FIRST_LOOK.min(most), most] {
        let known = into.len();
        into.resize(wanted, 0);
        let read = memory::read(tid, address.wrapping_add(known as u64), &mut into[known..]);
        into.truncate(known + read);
        if let Some(end) = into[known..].iter().position(|byte| *byte == 0) {
            into.truncate(known + end);
            return (into.len() + 1) as u64;
        }
        if into.len() < wanted {
            break;
        }
    }
    match into.len() {
        // Nothing could be read.
        0 if most > 0 => 0,
        // At least one more, as there was no zero.
        kept => (kept + 1) as u64,
    }
}

/// One fetch that is carried out. `tell` is given each part and where it comes from.
struct Piece<'a, T> {
    tid: Pid,
    entry: &'a Entry,
    result: i64,
    address: u64,
    data_bytes: usize,
    tell: T,
}

impl<T: FnMut(u32, Source<'_>)> Piece<'_, T> {
    fn read(mut self, what: What) {
        if self.address == 0 {
            return;
        }
        let (tid, address) = (self.tid, self.address);
        let most = what.most_bytes(self.data_bytes);
        match what {
            What::Path | What::Text => (self.tell)(0, Source::Text { tid, address, most }),
            What::Texts => self.texts(most),
            What::Pointers => self.pointers(),
            What::Structure(length) | What::Data(length) => {
                let length = self.length(length);
                self.bytes(0, address, length, most);
            }
            What::Vector { count, data } => {
                let count = self.entry.arguments[usize::from(count)] as u32;
                self.vector(0, address, u64::from(count), data);
            }
            What::Message { data } => self.message(data),
        }
    }

    fn bytes(&mut self, part: u32, address: u64, length: u64, most: usize) {
        let tid = self.tid;
        (self.tell)(
            part,
            Source::Bytes {
                tid,
                address,
                length,
                most,
            },
        );
    }

    fn texts(&mut self, most: usize) {
        let (list, length) = self.list();
        let size = self.word();
        (self.tell)(
            0,
            Source::Known {
                bytes: &list.bytes[..list.filled],
                length,
            },
        );
        let tid = self.tid;
        for (part, pointer) in (1..).zip(list.bytes[..list.filled].chunks_exact(size)) {
            let address = number(pointer);
            (self.tell)(part, Source::Text { tid, address, most });
        }
    }

    fn pointers(&mut self) {
        let (_, length) = self.list();
        (self.tell)(0, Source::Known { bytes: &[], length });
    }

    /// The pointers up to the null one, at most [`PARTS`], and the length of all that are known to be there.
    fn list(&self) -> (Block, u64) {
        let size = self.word();
        let mut list = Block::read(self.tid, self.address, PARTS * size);
        let pointers = list.bytes[..list.filled].chunks_exact(size);
        let end = pointers.clone().position(|pointer| number(pointer) == 0);
        let whole = list.filled / size * size;
        list.filled = end.map_or(whole, |end| end * size);
        // A list without an end is longer than what was read.
        let length = list.filled + if end.is_none() { size } else { 0 };
        (list, length as u64)
    }

    /// An array of I/O vectors as `part`, and what its buffers hold as those behind it.
    fn vector(&mut self, part: u32, address: u64, count: u64, data: Span) {
        let item = 2 * self.word();
        let kept = (count as usize).min(PARTS) * item;
        let block = Block::read(self.tid, address, kept);
        let bytes = &block.bytes[..block.filled];
        (self.tell)(
            part,
            Source::Known {
                bytes,
                length: count.saturating_mul(item as u64),
            },
        );
        let mut left = match data {
            Span::None => return,
            Span::All => u64::MAX,
            Span::Result => self.result.max(0) as u64,
        };
        for (part, item) in (part + 1..).zip(bytes.chunks_exact(item)) {
            let (base, length) = item.split_at(item.len() / 2);
            let length = number(length).min(left);
            left -= length;
            if length > 0 {
                self.bytes(part, number(base), length, self.data_bytes);
            }
            if left == 0 {
                break;
            }
        }
    }

    /// `struct msghdr`: name, its length (32 bits), vectors, their number, control data, its length, flags.
    fn message(&mut self, data: Span) {
        let size = self.word();
        // Seven fields; in the 64-bit one 32-bit fields take up eight bytes, too.
        let block = Block::read(self.tid, self.address, 7 * size);
        let header = &block.bytes[..block.filled];
        (self.tell)(
            0,
            Source::Known {
                bytes: header,
                length: (7 * size) as u64,
            },
        );
        if header.len() < 7 * size {
            return;
        }
        let field = |index: usize| number(&header[index * size..][..size]);
        let [name, name_length, vectors, count] =
            [field(0), field(1) & 0xffff_ffff, field(2), field(3)];
        let [control, control_length] = [field(4), field(5)];
        if name != 0 && name_length > 0 {
            self.bytes(1, name, name_length, STRUCTURE_BYTES);
        }
        if control != 0 && control_length > 0 {
            self.bytes(2, control, control_length, STRUCTURE_BYTES);
        }
        if vectors != 0 && count > 0 {
            self.vector(3, vectors, count, data);
        }
    }

    fn length(&self, length: Length) -> u64 {
        let argument = |index: u8| self.entry.arguments[usize::from(index)];
        let result = self.result.max(0) as u64;
        match length {
            Length::Fixed(bytes) => u64::from(bytes),
            Length::Argument(index) => argument(index),
            Length::Items { count, size } => (argument(count) & 0xffff_ffff) * u64::from(size),
            Length::Bits { count } => {
                let bits = argument(count) & 0xffff_ffff;
                let word = self.word() as u64;
                bits.div_ceil(8 * word) * word
            }
            Length::Result => result,
            Length::ResultItems(size) => result.saturating_mul(u64::from(size)),
            Length::Pointer(index) => {
                let mut bytes = [0; 4];
                match memory::read(self.tid, argument(index), &mut bytes) {
                    4 => u64::from(u32::from_ne_bytes(bytes)),
                    _ => 0,
                }
            }
        }
    }

    /// Size of a pointer.
    fn word(&self) -> usize {
        match self.entry.abi {
            Abi::X86_64 => 8,
            Abi::I386 | Abi::X32 => 4,
        }
    }
}

/// Memory that has to be looked at before anything is told of it.
struct Block {
    bytes: [u8; Self::BYTES],
    filled: usize,
}

impl Block {
    const BYTES: usize = 16 * PARTS;

    fn read(tid: Pid, address: u64, length: usize) -> Self {
        let mut bytes = [0; Self::BYTES];
        let length = length.min(Self::BYTES);
        let filled = memory::read(tid, address, &mut bytes[..length]);
        Self { bytes, filled }
    }
}

/// A little-endian number of 4 or 8 bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

const _: () = assert!(PATH_BYTES <= trapline_trace_format::record::MAX_PAYLOAD);
const _: () = assert!(Block::BYTES <= trapline_trace_format::record::MAX_PAYLOAD);
