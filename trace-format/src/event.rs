//! The events of a trace: what happened, when, to which thread. DESIGN words; see FORMAT.md for the bytes.
//!
//! Key types: [`Event`] and [`EventKind`]. Neighbours: `record.rs` turns an event into bytes and back, `log.rs` keeps
//! them in a file. An event is what happened, never a live ptrace stop: the recorder converts.

use serde::{Deserialize, Serialize};

/// Nanoseconds on the monotonic clock since the start of the trace (the kernel handing the CPU to the first thread).
pub type Nanos = i64;

/// A thread of the traced machine. 0 is the idle thread of the mini-kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ThreadId(pub u32);

/// A process of the traced machine. 0 is the mini-kernel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(pub u32);

impl ThreadId {
    /// The thread that has the CPU when no other thread is ready.
    pub const IDLE: Self = Self(0);
}

/// One thing that happened at one moment to one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub time: Nanos,
    /// The process of `thread`.
    pub process: ProcessId,
    /// The thread that it happened to.
    pub thread: ThreadId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The thread came to be and is ready to run (its arrival). The first thread of a process stands for the process.
    Created {
        /// The process that asked for it; 0 for the machine's first jobs.
        parent: ProcessId,
        /// What people call it: the program's file name, as `ps` would show it.
        name: String,
    },
    /// The process now runs another program.
    Executed {
        /// The program's file name.
        name: String,
    },
    /// The thread is no more.
    Exited {
        /// How it ended.
        status: ExitStatus,
    },
    /// User to kernel mode: the first instruction of the kernel after a trap. Opens a visit.
    Trap(Trap),
    /// Kernel to user mode: the last instruction of the kernel before a return-from-trap. Closes the visit.
    /// A thread that returns without having trapped runs for the first time.
    Return {
        /// What the thread finds in its result register; for a syscall, a value or a negated errno.
        result: i64,
    },
    /// The kernel decided that `thread` loses the CPU to `to`. The decision, not yet the change.
    SwitchBegin {
        /// The thread that gets the CPU.
        to: ThreadId,
        /// Why.
        reason: SwitchReason,
    },
    /// `thread` has the CPU; the kernel goes on with it on its own kernel stack.
    SwitchEnd,
    /// A blocked thread became ready to run.
    Woken,
    /// The timer was programmed for the running thread: it may run until `expiry` before the scheduler decides anew.
    QuantumStart {
        /// When the quantum ends, on the trace's clock.
        expiry: Nanos,
    },
    /// The thread wrote to the machine's console.
    Console {
        /// What it wrote, not decoded.
        bytes: Vec<u8>,
    },
    /// The tracer held the machine from `time` until `until`; nothing of the machine ran then.
    Held {
        /// When the machine went on.
        until: Nanos,
        /// What the tracer saw from outside; the second witness of `Trap` and `Return`.
        seen: Seen,
    },
}

/// A mode switch from user to kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why the CPU entered the kernel.
    pub cause: Cause,
    /// The system call's number for [`Cause::Syscall`], the signal's number otherwise.
    pub number: i32,
    /// The instruction pointer of the thread when it trapped (for a syscall, after the instruction).
    pub instruction: u64,
    /// The address that a page or protection fault touched, 0 otherwise.
    pub address: u64,
    /// The six argument registers of a syscall, zero otherwise.
    pub arguments: [u64; 6],
}

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

/// How a thread or process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It ended itself with this code (0 to 255).
    Code(u8),
    /// The kernel ended it by this signal for this cause, at this address.
    Killed {
        /// The Linux signal number a parent would see.
        signal: u8,
        /// What it did.
        cause: Cause,
        /// The faulting address, or the instruction for causes without one.
        address: u64,
    },
}

/// What the tracer saw at a stop, told from outside alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A signal-delivery stop: the machine is about to enter its kernel.
    Trap {
        /// Read off the signal and its siginfo.
        cause: Cause,
        /// System call number or signal number.
        number: i32,
        /// Instruction pointer at the stop.
        instruction: u64,
    },
    /// A seccomp stop on rt_sigreturn: the machine is about to return to user mode.
    Return,
    /// Any other stop (a host process was created, ended or received a signal that is not a trap).
    Other,
}
