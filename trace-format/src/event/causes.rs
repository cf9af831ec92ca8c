//! The closed sets of reasons: why a trap, why a context switch, what a blocked thread waits for.
//!
//! Key types: [`Cause`], [`SwitchReason`], [`Waits`]. Their numbers are those of the log (FORMAT.md); their words are
//! those of tables and reports.

use serde::{Deserialize, Serialize};

/// Why a trap happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// The program asked for a service.
    Syscall = 1,
    /// The timer interrupt.
    Timer = 2,
    /// An address without a page behind it.
    PageFault = 3,
    /// An access that the page does not allow.
    Protection = 4,
    /// An instruction that does not exist or is not allowed in user mode.
    Illegal = 5,
    /// A division that has no result, or another arithmetic fault.
    Divide = 6,
    /// A breakpoint or single-step trap.
    Breakpoint = 7,
    /// A signal of the host (target linux).
    Signal = 8,
}

impl Cause {
    /// Every cause, in the order in which tables and legends list them.
    pub const ALL: [Self; 8] = [
        Self::Syscall,
        Self::Timer,
        Self::PageFault,
        Self::Protection,
        Self::Illegal,
        Self::Divide,
        Self::Breakpoint,
        Self::Signal,
    ];

    /// The word of this cause in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::Timer => "timer",
            Self::PageFault => "page_fault",
            Self::Protection => "protection",
            Self::Illegal => "illegal",
            Self::Divide => "divide",
            Self::Breakpoint => "breakpoint",
            Self::Signal => "signal",
        }
    }
}

/// Why a context switch happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SwitchReason {
    /// The thread gave the CPU away (`sched_yield`).
    Yield = 1,
    /// The thread waits for time, another thread or a device.
    Block = 2,
    /// The thread ended.
    Exit = 3,
    /// The thread's quantum expired.
    Quantum = 4,
    /// A thread of higher priority became ready.
    Preempt = 5,
    /// The idle thread found a thread that is ready.
    Idle = 6,
}

impl SwitchReason {
    /// Every reason, in the order in which tables and legends list them.
    pub const ALL: [Self; 6] = [
        Self::Yield,
        Self::Block,
        Self::Exit,
        Self::Quantum,
        Self::Preempt,
        Self::Idle,
    ];

    /// The word of this reason in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yield => "yield",
            Self::Block => "block",
            Self::Exit => "exit",
            Self::Quantum => "quantum",
            Self::Preempt => "preempt",
            Self::Idle => "idle",
        }
    }

    /// Whether the thread that lost the CPU asked for it (yield, block, exit) or not (quantum, preempt).
    /// Leaving the idle thread counts as voluntary: nothing was taken away.
    #[must_use]
    pub fn is_voluntary(self) -> bool {
        !matches!(self, Self::Quantum | Self::Preempt)
    }
}

/// What a blocked thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Waits {
    /// Time to pass.
    Sleep = 1,
    /// A futex: another thread that shares memory.
    Futex = 2,
    /// A pipe or socket to fill or drain.
    Pipe = 3,
    /// One of several files (poll, select).
    Poll = 4,
    /// A child process to end.
    Child = 5,
    /// A child process that has this one's memory to let go of it (vfork).
    Vfork = 6,
    /// A signal.
    Signal = 7,
    /// Console input.
    Console = 8,
    /// The disk.
    Disk = 9,
    /// To be continued (SIGCONT).
    Stopped = 10,
}

impl Waits {
    /// Everything that is waited for, in the order in which tables and legends list it.
    pub const ALL: [Self; 10] = [
        Self::Sleep,
        Self::Futex,
        Self::Pipe,
        Self::Poll,
        Self::Child,
        Self::Vfork,
        Self::Signal,
        Self::Console,
        Self::Disk,
        Self::Stopped,
    ];

    /// The word of it in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Futex => "futex",
            Self::Pipe => "pipe",
            Self::Poll => "poll",
            Self::Child => "child",
            Self::Vfork => "vfork",
            Self::Signal => "signal",
            Self::Console => "console",
            Self::Disk => "disk",
            Self::Stopped => "stopped",
        }
    }
}
