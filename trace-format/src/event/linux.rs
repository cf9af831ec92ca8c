//! What only a trace of a Linux program has: whose table a call's number belongs to, what its arguments point to, the
//! host's own accounts.
//!
//! Key types: [`Abi`], [`Pointed`], [`Usage`], [`Tally`]. Neighbour: `event.rs` has the events that carry them.

use serde::{Deserialize, Serialize};

use super::Nanos;

/// The system-call table that a number belongs to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Abi {
    /// Linux x86-64; the only one on the mini-kernel.
    #[default]
    X86_64 = 0,
    /// 32-bit calls (`int 0x80`, `sysenter`).
    I386 = 1,
    /// 64-bit instructions with 32-bit pointers. Its numbers have bit 30 set.
    X32 = 2,
}

impl Abi {
    /// Every table, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::I386, Self::X32];

    /// The word of it in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::X32 => "x32",
        }
    }
}

/// Memory that an argument of a system call points to. Between the call's trap and its return: what the program gave.
/// Behind the return: what the kernel gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointed {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// 0 for what the argument itself points to; 1 and up for what that points to, in its order (the strings of an argument
    /// list, the buffers of an I/O vector, name and buffers of a message).
    pub part: u32,
    /// Its length in bytes; more than `bytes` has when only the beginning was kept, and for a text the zero at its end counts.
    pub length: u64,
    /// What was there, not decoded. Nothing when it could not be read.
    pub bytes: Vec<u8>,
}

/// How much work a page fault was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FaultSize {
    /// The page was in memory or was made there.
    Minor = 1,
    /// It had to be fetched from a device.
    Major = 2,
}

/// What the host's kernel itself counted of a thread or process, at its end or at the trace's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode.
    pub user_ns: Nanos,
    /// CPU time in the kernel.
    pub system_ns: Nanos,
    /// Page faults that needed no device.
    pub minor_faults: u64,
    /// Page faults that needed one.
    pub major_faults: u64,
    /// Context switches that the thread asked for, those at the tracer's stops included.
    pub voluntary_switches: u64,
    /// Context switches that it did not ask for.
    pub involuntary_switches: u64,
    /// Most memory that it had resident, in bytes. 0 for a thread.
    pub max_resident_bytes: u64,
    /// How long it was ready and waited for a CPU. 0 where the kernel does not say.
    pub waiting_ns: Nanos,
}

impl Usage {
    /// Its length as [`Self::words`].
    pub const WORDS: usize = 8;

    /// As numbers, in the order of the fields.
    #[must_use]
    pub fn words(&self) -> [u64; Self::WORDS] {
        [
            self.user_ns as u64,
            self.system_ns as u64,
            self.minor_faults,
            self.major_faults,
            self.voluntary_switches,
            self.involuntary_switches,
            self.max_resident_bytes,
            self.waiting_ns as u64,
        ]
    }

    /// From its numbers.
    #[must_use]
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        let [
            user,
            system,
            minor,
            major,
            voluntary,
            involuntary,
            resident,
            waiting,
        ] = words;
        Self {
            user_ns: user as Nanos,
            system_ns: system as Nanos,
            minor_faults: minor,
            major_faults: major,
            voluntary_switches: voluntary,
            involuntary_switches: involuntary,
            max_resident_bytes: resident,
            waiting_ns: waiting as Nanos,
        }
    }
}

/// All calls of one number that a process made, of a recording that keeps statistics and no events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The table of the number.
    pub abi: Abi,
    /// The system call.
    pub number: i32,
    /// How many returned an error.
    pub errors: u64,
    /// How long they took in the kernel, blocked time included, the tracer's stops not: duration in nanoseconds (the lower
    /// end of a bucket at most 1 % wide) and how many, shortest first.
    pub durations: Vec<(u64, u64)>,
    /// The sum of the durations, exact.
    pub total_ns: Nanos,
}
