//! What the arguments and results of calls are: the words of the table.
//!
//! Key types: [`Call`], one row of the table; [`Kind`], an argument; [`Layout`], what is behind a pointer; [`Class`].
//! Neighbours: `table.rs` has the rows, `plan.rs` derives from them what to read, `text.rs` how it is printed.

use trapline_trace_format::event::Abi;

use crate::fetch::{Fetch, Length, Span, What, When};
use crate::names::Names;

/// One system call.
#[derive(Debug)]
pub(crate) struct Call {
    /// The kernel's name.
    pub(crate) name: &'static str,
    /// Its arguments in order.
    pub(crate) arguments: &'static [Kind],
    /// What its result is.
    pub(crate) returns: Returns,
    /// strace's classes that it is in.
    pub(crate) classes: &'static [Class],
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// 32 bits with a sign.
    Int,
    /// 32 bits without a sign.
    Uint,
    /// A register with a sign.
    Long,
    /// A register without a sign.
    Size,
    /// A register as hexadecimal number, 0 as `0`.
    Hex,
    /// 32 bits as octal number.
    Octal,
    /// A register as address, 0 as `NULL`.
    Address,
    /// A file descriptor.
    Fd,
    /// A file descriptor that paths are relative to, or `AT_FDCWD`.
    DirFd,
    /// A user or group; all bits set is -1.
    Id,
    /// A signal.
    Signal,
    /// A device number.
    Device,
    /// A device number that matters only when the mode before it is a device's.
    NodeDevice,
    /// An address that matters only when the flags of mremap before it say so.
    NewPlace,
    /// Flags of statx(2).
    StatxFlags,
    /// A file's type and mode.
    FileMode,
    /// A set of flags.
    Flags(&'static Names),
    /// One of several values.
    Choice(&'static Names),
    /// Flags of open(2): how to access, and flags.
    Open,
    /// A mode that matters only when the open flags in that argument make a file.
    OpenMode(u8),
    /// Flags of clone(2) with a signal in the lowest byte.
    CloneFlags,
    /// Operation of futex(2).
    FutexOperation,
    /// The bits of a waiter that a waker looks for.
    FutexBits,
    /// Kind and flags of a socket.
    SocketType,
    /// Command of ioctl(2).
    IoctlCommand,
    /// What it is depends on another argument.
    By(&'static By),
    /// A path, from the program.
    Path,
    /// Another text, from the program.
    Text,
    /// A list of texts, from the program.
    Texts,
    /// A list of texts that is only counted, from the program.
    Environment,
    /// A structure or data that the program gives.
    In(Layout),
    /// A structure or data that the kernel gives.
    Out(Layout),
    /// The same memory both ways.
    InOut(Layout),
    /// What the kernel gives even when the call fails.
    OutAlways(Layout),
    /// Nothing: the register holds no argument of this form of the call.
    Nothing,
}

/// An argument whose kind another one tells.
#[derive(Debug)]
pub(crate) struct By {
    /// The other argument.
    pub(crate) argument: u8,
    /// The bits of it that tell.
    pub(crate) mask: u64,
    /// Its values and what they make of this one.
    pub(crate) kinds: &'static [(u64, Kind)],
    /// For any other value.
    pub(crate) otherwise: Kind,
}

impl Kind {
    /// What it is with these arguments.
    pub(crate) fn of(self, arguments: &[u64; 6]) -> Self {
        let Self::By(by) = self else {
            return self;
        };
        let value = arguments[usize::from(by.argument)] & by.mask;
        let found = by.kinds.iter().find(|(known, _)| *known == value);
        found.map_or(by.otherwise, |(_, kind)| *kind)
    }
}

/// What is behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Data of that length, printed as a text.
    Data(Length),
    /// The same, printed in hexadecimal digits alone.
    Random(Length),
    /// A text up to its zero, which the kernel gives (its result is the length).
    Path,
    /// `struct dirent64` or `struct dirent`, as many bytes as the result says.
    Directory,
    /// An array of `struct iovec`.
    Vector {
        /// The argument that counts them.
        count: u8,
        /// What of their buffers is data.
        data: Span,
    },
    /// A `struct msghdr`.
    Message(Span),
    /// A socket's address.
    Socket(Length),
    /// Length of a socket's address: from the program and from the kernel.
    SocketLength,
    /// A 32-bit number.
    Int,
    /// Two of them.
    IntPair,
    /// Three: user or group ids that stand in an argument of their own each print as one.
    Id,
    /// So many user or group ids as the argument says.
    Ids(Length),
    /// A 64-bit number.
    Long,
    /// A word as hexadecimal number.
    Word,
    /// `struct stat`.
    Stat,
    /// `struct statx`.
    Statx,
    /// `struct statfs`.
    Statfs,
    /// `struct timespec`.
    Timespec,
    /// Two of them.
    TimespecPair,
    /// `struct timeval`.
    Timeval,
    /// Two of them.
    TimevalPair,
    /// `struct timezone`.
    Timezone,
    /// `struct itimerval`.
    Itimerval,
    /// `struct itimerspec`.
    Itimerspec,
    /// Signals.
    Sigset,
    /// The signals of pselect6: a pointer and a length.
    SigsetPointer,
    /// `struct sigaction` as the kernel has it.
    Sigaction,
    /// `stack_t`.
    SignalStack,
    /// `siginfo_t`.
    Siginfo,
    /// `struct rlimit` (64-bit).
    Rlimit,
    /// `struct rusage`.
    Rusage,
    /// Status of a child.
    WaitStatus,
    /// `struct pollfd`, so many as the argument says.
    PollFds(u8),
    /// `fd_set` for as many descriptors as the argument says.
    FdSet(u8),
    /// One `struct epoll_event`.
    EpollEvent,
    /// So many as the result says.
    EpollEvents,
    /// `struct utsname`.
    Utsname,
    /// `struct sysinfo`.
    Sysinfo,
    /// `struct tms`.
    Tms,
    /// `struct clone_args`.
    CloneArgs,
    /// `struct open_how`.
    OpenHow,
    /// `struct flock`.
    FileLock,
    /// `struct winsize`.
    Winsize,
    /// The kernel's `struct termios`.
    Termios,
    /// `struct sock_fprog`: a filter's length and where it is.
    FilterProgram,
    /// A set of CPUs.
    CpuSet(Length),
    /// `struct sched_param`.
    SchedParam,
}

impl Layout {
    /// What to read of it under this table; nothing where its layout is another one there.
    pub(crate) fn what(self, abi: Abi) -> Option<What> {
        let (words, fixed) = match self {
            Self::Data(length) | Self::Random(length) => {
                return Some(What::Data(length));
            }
            Self::Path => return Some(What::Path),
            Self::Vector { count, data } => return Some(What::Vector { count, data }),
            Self::Message(data) => return Some(What::Message { data }),
            Self::Directory => (Words::Host, Length::Result),
            Self::Socket(length) | Self::Ids(length) | Self::CpuSet(length) => {
                (Words::None, length)
            }
            Self::PollFds(count) => (Words::None, Length::Items { count, size: 8 }),
            Self::FdSet(count) => (Words::None, Length::Bits { count }),
            Self::EpollEvents => (Words::None, Length::ResultItems(12)),
            Self::SocketLength | Self::Int | Self::Id | Self::WaitStatus => fixed(4),
            Self::IntPair | Self::Long | Self::Sigset | Self::Winsize | Self::Timezone => fixed(8),
            Self::SchedParam => fixed(4),
            Self::EpollEvent => fixed(12),
            Self::OpenHow => fixed(24),
            Self::Termios => fixed(36),
            Self::CloneArgs => fixed(88),
            Self::Siginfo => (Words::Host, Length::Fixed(128)),
            Self::Statx => fixed(256),
            Self::Utsname => fixed(390),
            Self::Word => (Words::Host, Length::Fixed(8)),
            Self::Timespec
            | Self::Timeval
            | Self::SigsetPointer
            | Self::Rlimit
            | Self::FilterProgram => (Words::Host, Length::Fixed(16)),
            Self::SignalStack => (Words::Host, Length::Fixed(24)),
            Self::TimespecPair
            | Self::TimevalPair
            | Self::Itimerval
            | Self::Itimerspec
            | Self::Sigaction
            | Self::FileLock
            | Self::Tms => (Words::Host, Length::Fixed(32)),
            Self::Sysinfo => (Words::Host, Length::Fixed(112)),
            Self::Statfs => (Words::Host, Length::Fixed(120)),
            Self::Stat | Self::Rusage => (Words::Host, Length::Fixed(144)),
        };
        let same = matches!(words, Words::None) || abi == Abi::X86_64;
        same.then_some(What::Structure(fixed))
    }
}

/// What a structure's layout depends on.
enum Words {
    /// Nothing: it is the same in every table.
    None,
    /// The size of words and pointers.
    Host,
}

fn fixed(bytes: u32) -> (Words, Length) {
    (Words::None, Length::Fixed(bytes))
}

impl Kind {
    /// What to read for it as that argument of a call.
    pub(crate) fn fetches(self, abi: Abi, argument: u8) -> Vec<Fetch> {
        let read = |when, what| {
            vec![Fetch {
                argument,
                when,
                what,
            }]
        };
        let layout = |whens: &[When], layout: Layout| {
            let fetch = |&when| {
                layout.what(abi).map(|what| Fetch {
                    argument,
                    when,
                    what,
                })
            };
            whens.iter().filter_map(fetch).collect()
        };
        match self {
            Self::Path => read(When::Entry, What::Path),
            Self::Text => read(When::Entry, What::Text),
            Self::Texts => read(When::Entry, What::Texts),
            Self::Environment => read(When::Entry, What::Pointers),
            Self::In(inner) => layout(&[When::Entry], inner),
            Self::Out(inner) => layout(&[When::Exit], inner),
            // Of a message only the length of the room for a name matters before.
            Self::InOut(Layout::Message(data)) => {
                let header = What::Structure(Length::Fixed(56));
                let message = What::Message { data };
                let fetch = |when, what| Fetch {
                    argument,
                    when,
                    what,
                };
                vec![fetch(When::Entry, header), fetch(When::Exit, message)]
            }
            Self::InOut(inner) => layout(&[When::Entry, When::Exit], inner),
            Self::OutAlways(inner) => layout(&[When::Always], inner),
            _ => Vec::new(),
        }
    }
}

/// What a result is, unless it is an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Returns {
    /// A decimal number; the bytes, the descriptor, the id, or 0.
    Number,
    /// An address.
    Address,
    /// An octal number.
    Octal,
    /// Nothing: the call does not return.
    Never,
    /// The number of descriptors that are ready, those of the poll argument.
    Poll(u8),
    /// The number of descriptors that are ready, those of the three sets.
    Select,
    /// What the command of fcntl says.
    Fcntl,
    /// What the command of prctl says.
    Prctl,
    /// A value that has a name.
    Named(&'static Names),
    /// Flags that have names.
    FlagsOf(&'static Names),
    /// Persona and its flags.
    Personality,
}

/// strace's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Takes the name of a file.
    File,
    /// Has to do with descriptors.
    Desc,
    /// Start, end and program of processes.
    Process,
    /// Sockets.
    Network,
    /// Signals.
    Signal,
    /// System V interprocess communication.
    Ipc,
    /// Mappings of memory.
    Memory,
    /// Users, groups and capabilities.
    Creds,
    /// stat and its kind.
    Stat,
    /// lstat and its kind.
    Lstat,
    /// fstat, fstatat and statx.
    Fstat,
    /// statfs and its kind.
    Statfs,
    /// fstatfs and its kind.
    Fstatfs,
    /// ustat, which only the class of all of the last two has.
    Ustat,
    /// The clocks.
    Clock,
    /// No arguments, never fails.
    Pure,
}
