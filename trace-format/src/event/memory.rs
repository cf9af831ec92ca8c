//! Changes of memory maps: who could address what, when.
//!
//! Key types: [`MapChange`], [`Rights`], [`Backing`]. A memory map belongs to an address space; a process finds its own
//! by the last created or executed event that named one.

use serde::{Deserialize, Serialize};

/// An address space of the traced machine, named by the process that it was made for. 0 is the mini-kernel's own.
///
/// A process has its own, but between `vfork` and `exec`, when it lives in its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpaceId(pub u32);

/// Addresses from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// The first address.
    pub start: u64,
    /// The first address behind.
    pub end: u64,
}

/// What happened to the memory map of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapChange {
    /// The range is mapped from now on, in place of whatever was there.
    Map {
        /// Where.
        range: Range,
        /// What a program may do there.
        rights: Rights,
        /// What is behind it.
        backing: Backing,
        /// The file's inode, 0 without a file.
        inode: u64,
        /// Where in the file the range starts, in bytes.
        offset: u64,
    },
    /// Nothing is mapped in the range any more.
    Unmap {
        /// Where.
        range: Range,
    },
    /// The range has other rights; what was not mapped stays so.
    Protect {
        /// Where.
        range: Range,
        /// What a program may do there from now on.
        rights: Rights,
    },
    /// Everything is gone (exec, exit).
    Clear,
    /// The whole map is a copy of another address space's (fork).
    Copy {
        /// The address space that was copied.
        from: SpaceId,
    },
}

impl MapChange {
    /// The word of this change in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Map { .. } => "map",
            Self::Unmap { .. } => "unmap",
            Self::Protect { .. } => "protect",
            Self::Clear => "clear",
            Self::Copy { .. } => "copy",
        }
    }
}

/// What a program may do with memory: bits of PROT_READ (1), PROT_WRITE (2) and PROT_EXEC (4), as in mmap(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(u8);

impl Rights {
    /// Nothing at all.
    pub const NONE: Self = Self(0);
    /// Read.
    pub const READ: Self = Self(1);
    /// Read and write.
    pub const READ_WRITE: Self = Self(3);
    /// Read and execute.
    pub const READ_EXECUTE: Self = Self(5);
    /// All three.
    pub const ALL: Self = Self(7);

    /// The rights of these PROT_ bits; `None` where there are others.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits <= Self::ALL.0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The PROT_ bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// As `ls` and `/proc/PID/maps` write them: `rwx`, a dash for what is not allowed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        ["---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"][(self.0 & 7) as usize]
    }
}

/// What is behind a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Backing {
    /// Fresh memory.
    Anonymous = 0,
    /// The heap (brk).
    Heap = 1,
    /// The first thread's stack.
    Stack = 2,
    /// A private view of a file: the program's own segments, or mmap.
    File = 3,
    /// Memory that is shared after a fork.
    Shared = 4,
}

impl Backing {
    /// Every backing, in the order in which tables and legends list them.
    pub const ALL: [Self; 5] = [
        Self::File,
        Self::Heap,
        Self::Anonymous,
        Self::Shared,
        Self::Stack,
    ];

    /// The word of this backing in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Heap => "heap",
            Self::Stack => "stack",
            Self::File => "file",
            Self::Shared => "shared",
        }
    }
}
