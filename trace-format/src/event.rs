//! The events of a trace: what happened, when, to which thread. DESIGN words; see FORMAT.md for the bytes.
//!
//! Key types: [`Event`] and [`EventKind`]; [`Cause`] and its like in `event/causes.rs`, memory maps in
//! `event/memory.rs`, what a replay must find again in `event/state.rs`, what only Linux has in `event/linux.rs`.
//! Neighbours: `record.rs` turns an event into bytes and back, `log.rs` keeps them in a file. An event is what happened,
//! never a live ptrace stop: the recorder converts.

mod causes;
mod linux;
mod memory;
mod state;

use serde::{Deserialize, Serialize};

pub use causes::{Cause, SwitchReason, Waits};
pub use linux::{Abi, FaultSize, Pointed, Tally, Usage};
pub use memory::{Backing, MapChange, Range, Rights, SpaceId};
pub use state::ThreadState;

/// Nanoseconds on the monotonic clock since the start of the trace (the kernel handing the CPU to the first thread).
pub type Nanos = i64;

/// A thread of the traced machine; no other thread of the run has its number. 0 is the idle thread of the mini-kernel.
/// On Linux the host's number, which may come again when the thread is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ThreadId(pub u32);

/// A process of the traced machine; its first thread has the same number. 0 is the mini-kernel itself.
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
    /// The process of `thread`. 0 for [`EventKind::Held`] of the mini-kernel, where a tracer knows only the address space.
    pub process: ProcessId,
    /// The thread that it happened to. 0 for [`EventKind::Held`] of the mini-kernel.
    pub thread: ThreadId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The thread came to be and is ready to run (its arrival).
    Created {
        /// The process that asked for it; 0 for the machine's first jobs.
        parent: ProcessId,
        /// What people call it: the program's file name, as `ps` would show it.
        name: String,
        /// Whether a process came to be with it.
        role: Role,
        /// The address space that it runs in.
        space: SpaceId,
    },
    /// The process runs another program from now on.
    Executed {
        /// The program's file name.
        name: String,
        /// The address space that it runs in from now on.
        space: SpaceId,
    },
    /// The thread is no more.
    Exited {
        /// How it ended.
        status: ExitStatus,
    },
    /// The process is no more: its last thread ended.
    ProcessExited {
        /// How it ended, as its parent is told.
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
        /// What `thread` waits for, if it blocks.
        waits: Option<Waits>,
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
    /// A program got console input.
    Input {
        /// What it got, not decoded. Nothing: the end of the input.
        bytes: Vec<u8>,
    },
    /// A signal to the thread or its process was acted upon.
    Signal {
        /// Its Linux number.
        signal: u8,
        /// The process that sent it; 0 for the kernel.
        sender: ProcessId,
        /// What came of it.
        action: SignalAction,
        /// The host's `siginfo_t`, as far as it was kept. Nothing on the mini-kernel.
        info: Vec<u8>,
    },
    /// A memory map changed.
    MapChanged {
        /// Whose: every process and thread that lives in this address space sees the change.
        space: SpaceId,
        /// What happened.
        change: MapChange,
    },
    /// Inputs of the machine, for a replay: readings of its clock and the like, in the order in which it asked for them. No
    /// part of the run.
    Samples {
        /// The continuation of the event of this kind before it (`fixtures/abi/src/replay.rs`).
        bytes: Vec<u8>,
    },
    /// The timer interrupt under way takes the CPU away or starts a signal handler: where in user mode it came. For a
    /// replay, no part of the run.
    Preempted {
        /// The thread's state at that moment.
        state: Box<ThreadState>,
    },
    /// The last thread of an address space left it, or its program makes way for another. For a replay, no part of the run.
    MemoryLeft {
        /// Whose memory goes.
        space: SpaceId,
        /// Digest of all of it that its threads could have written, with the same rule as [`ThreadState::memory`].
        digest: u64,
        /// Bytes that went into the digest.
        bytes: u64,
    },
    /// The tracer held the machine from `time` until `until`; nothing of the machine ran then.
    Held {
        /// When the machine went on.
        until: Nanos,
        /// The address space that stopped, as far as the tracer knows it; else 0.
        space: SpaceId,
        /// What the tracer saw from outside; the second witness of `Trap` and `Return`.
        seen: Seen,
    },
    /// What an argument of the thread's system call points to.
    Pointed(Pointed),
    /// What a file descriptor of the process means from now on.
    Descriptor {
        /// Its number.
        descriptor: i32,
        /// A path, `pipe:[inode]`, `socket:[inode]` and the like, as `/proc/PID/fd` shows it. Nothing: it is closed.
        meaning: Vec<u8>,
    },
    /// The host took the CPU from the thread.
    SwitchedOut {
        /// Which CPU.
        cpu: u32,
        /// [`SwitchReason::Block`] if the thread waits for something, [`SwitchReason::Preempt`] if it could have gone on.
        reason: SwitchReason,
    },
    /// The host gave the thread a CPU.
    SwitchedIn {
        /// Which CPU.
        cpu: u32,
    },
    /// The thread touched a page that was not there; the host's kernel gave it.
    Faulted {
        /// What it touched.
        address: u64,
        /// The instruction that did.
        instruction: u64,
        /// How much work it was.
        size: FaultSize,
    },
    /// The host's own account.
    Usage {
        /// Whose: the process's, or the thread's alone.
        of: Role,
        /// What it says.
        usage: Usage,
    },
    /// All calls of one number by the process, instead of an event for each.
    Tally(Box<Tally>),
}

/// A mode switch from user to kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why the CPU entered the kernel.
    pub cause: Cause,
    /// Whose system call the number is.
    pub abi: Abi,
    /// The system call's number for [`Cause::Syscall`], the signal's number otherwise.
    pub number: i32,
    /// The instruction pointer of the thread when it trapped (for a syscall, after the instruction).
    pub instruction: u64,
    /// The address that a page or protection fault touched, 0 otherwise.
    pub address: u64,
    /// The six argument registers of a syscall, zero otherwise.
    pub arguments: [u64; 6],
}

/// What came to be with a new thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// A process, whose first thread it is and whose id is the same.
    Process = 1,
    /// No more than one more thread of the process that it belongs to.
    Thread = 2,
}

/// What came of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalAction {
    /// A handler of the program's was started.
    Handler {
        /// Its address.
        address: u64,
    },
    /// It ended the process.
    Kill,
    /// It stopped the process.
    Stop,
    /// It let a stopped process go on.
    Continue,
    /// It was ignored.
    Ignore,
}

impl SignalAction {
    /// The word of this action in columns and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Handler { .. } => "handler",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Continue => "continue",
            Self::Ignore => "ignore",
        }
    }
}

/// How a thread or process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It ended itself with this code (0 to 255).
    Code(u8),
    /// The kernel ended it by this signal.
    Killed {
        /// The Linux signal number that a parent sees.
        signal: u8,
        /// What it did to deserve it. None: somebody sent the signal.
        cause: Option<Cause>,
        /// The faulting address, or the instruction for causes without one; 0 without a cause.
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
