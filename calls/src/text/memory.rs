//! What an argument points to, as far as the trace has it.
//!
//! Key type: [`Bytes`], which never reads past what is there.

use trapline_trace_format::event::Pointed;

use super::Occurrence;
use crate::fetch::Length;

/// Bytes of a structure.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.array(at)?))
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.array(at)?))
    }

    pub(super) fn i32(self, at: usize) -> Option<i32> {
        Some(i32::from_le_bytes(self.array(at)?))
    }

    pub(super) fn u64(self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.array(at)?))
    }

    pub(super) fn i64(self, at: usize) -> Option<i64> {
        Some(i64::from_le_bytes(self.array(at)?))
    }

    /// What follows from there on, at most so many bytes.
    pub(super) fn part(self, at: usize, most: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(at..)?;
        Some(&rest[..rest.len().min(most)])
    }

    /// A text in a field of that length, up to its zero.
    pub(super) fn text(self, at: usize, most: usize) -> Option<&'a [u8]> {
        let field = self.part(at, most)?;
        let end = field.iter().position(|&byte| byte == 0);
        Some(&field[..end.unwrap_or(field.len())])
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}

impl<'a> Occurrence<'a> {
    /// A part of what the program gave by that argument.
    pub(super) fn given(&self, argument: usize, part: u32) -> Option<&'a Pointed> {
        find(self.given, argument, part)
    }

    /// A part of what the kernel gave by that argument.
    pub(super) fn got(&self, argument: usize, part: u32) -> Option<&'a Pointed> {
        find(self.got, argument, part)
    }

    /// How many bytes there are, where arguments and result alone tell.
    pub(super) fn known_length(&self, length: Length) -> Option<u64> {
        let result = || self.result.and_then(|result| u64::try_from(result).ok());
        match length {
            Length::Fixed(bytes) => Some(bytes.into()),
            Length::Argument(place) => self.arguments.get(usize::from(place)).copied(),
            Length::Items { count, size } => {
                let count = *self.arguments.get(usize::from(count))? & 0xffff_ffff;
                count.checked_mul(size.into())
            }
            Length::Result => result(),
            Length::ResultItems(size) => result()?.checked_mul(size.into()),
            Length::Bits { .. } | Length::Pointer(_) => None,
        }
    }

    /// Bytes of a pointer in the program.
    pub(super) fn pointer_bytes(&self) -> usize {
        match self.abi {
            trapline_trace_format::event::Abi::X86_64 => 8,
            _ => 4,
        }
    }
}

fn find(all: &[Pointed], argument: usize, part: u32) -> Option<&Pointed> {
    all.iter()
        .find(|one| usize::from(one.argument) == argument && one.part == part)
}
