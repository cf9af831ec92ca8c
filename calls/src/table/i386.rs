//! Calls that only the 32-bit table has, and those whose arguments are other there. Their structures have 32-bit words and
//! are not decoded.

use super::prelude::*;

rows! { I386
    "mmap2"             [Address, Size, Flags(&PROT), Flags(&MAP), Fd, Hex]            -> Returns::Address, [Desc, Memory];
    "break"             []                                                             -> Number,  [Memory];
    "waitpid"           [Int, Out(WaitStatus), Flags(&WAIT)]                           -> Number,  [Process];
    "oldstat"           [Path, Address]                                                -> Number,  [File, Class::Stat];
    "oldlstat"          [Path, Address]                                                -> Number,  [File, Lstat];
    "oldfstat"          [Fd, Address]                                                  -> Number,  [Desc, Fstat];
    "stat64"            [Path, Address]                                                -> Number,  [File, Class::Stat];
    "lstat64"           [Path, Address]                                                -> Number,  [File, Lstat];
    "fstat64"           [Fd, Address]                                                  -> Number,  [Desc, Fstat];
    "fstatat64"         [DirFd, Path, Address, Flags(&AT)]                             -> Number,  [Desc, File, Fstat];
    "statfs64"          [Path, Size, Address]                                          -> Number,  [File, Class::Statfs];
    "fstatfs64"         [Fd, Size, Address]                                            -> Number,  [Desc, Fstatfs];
    "fcntl64"           [Fd, Choice(&FCNTL), By(&FCNTL_ARGUMENT)]                    -> Fcntl,   [Desc];
    "_llseek"           [Fd, Uint, Uint, Out(Layout::Long), Choice(&WHENCE)]           -> Number,  [Desc];
    "_newselect"        [Int, Address, Address, Address, Address]                      -> Number,  [Desc];
    "sendfile64"        [Fd, Fd, InOut(Layout::Long), Size]                            -> Number,  [Desc, Network];
    "truncate64"        [Path, Hex, Hex]                                               -> Number,  [File];
    "ftruncate64"       [Fd, Hex, Hex]                                                 -> Number,  [Desc];
    "fadvise64_64"      [Fd, Hex, Hex, Hex, Hex, Int]                                  -> Number,  [Desc];
    "readdir"           [Fd, Address, Uint]                                            -> Number,  [Desc];
    "umount"            [Path]                                                         -> Number,  [File];
    "ugetrlimit"        [Choice(&RLIMIT), Address]                                     -> Number,  [];
    "getuid32"          []                                                             -> Number,  [Creds, Pure];
    "geteuid32"         []                                                             -> Number,  [Creds, Pure];
    "getgid32"          []                                                             -> Number,  [Creds, Pure];
    "getegid32"         []                                                             -> Number,  [Creds, Pure];
    "setuid32"          [Id]                                                           -> Number,  [Creds];
    "setgid32"          [Id]                                                           -> Number,  [Creds];
    "setreuid32"        [Id, Id]                                                       -> Number,  [Creds];
    "setregid32"        [Id, Id]                                                       -> Number,  [Creds];
    "setresuid32"       [Id, Id, Id]                                                   -> Number,  [Creds];
    "setresgid32"       [Id, Id, Id]                                                   -> Number,  [Creds];
    "getresuid32"       [Out(Layout::Id), Out(Layout::Id), Out(Layout::Id)]            -> Number,  [Creds];
    "getresgid32"       [Out(Layout::Id), Out(Layout::Id), Out(Layout::Id)]            -> Number,  [Creds];
    "setfsuid32"        [Id]                                                           -> Number,  [Creds];
    "setfsgid32"        [Id]                                                           -> Number,  [Creds];
    "getgroups32"       [Int, Out(Ids(ResultItems(4)))]                                -> Number,  [Creds];
    "setgroups32"       [Int, In(Ids(Items { count: 0, size: 4 }))]                    -> Number,  [Creds];
    "chown32"           [Path, Id, Id]                                                 -> Number,  [File];
    "lchown32"          [Path, Id, Id]                                                 -> Number,  [File];
    "fchown32"          [Fd, Id, Id]                                                   -> Number,  [Desc];
    "signal"            [Signal, Address]                                        -> Number,  [Class::Signal];
    "sigaction"         [Signal, Address, Address]                               -> Number,  [Class::Signal];
    "sigprocmask"       [Choice(&SIGPROCMASK), Address, Address]                       -> Number,  [Class::Signal];
    "sigpending"        [Address]                                                      -> Number,  [Class::Signal];
    "sigsuspend"        [Hex, Hex, Hex]                                                -> Number,  [Class::Signal];
    "sigreturn"         []                                                             -> Number,  [Class::Signal];
    "sgetmask"          []                                                             -> Number,  [Class::Signal];
    "ssetmask"          [Hex]                                                          -> Number,  [Class::Signal];
    "socketcall"        [Choice(&SOCKETCALL), Address]                                 -> Number,  [Desc];
    "ipc"               [Int, Int, Int, Int, Address, Long]                            -> Number,  [Ipc];
    "nice"              [Int]                                                          -> Number,  [];
    "stime"             [Address]                                                      -> Number,  [];
    "olduname"          [Address]                                                      -> Number,  [];
    "oldolduname"       [Address]                                                      -> Number,  [];
    "clock_gettime64"   [Choice(&CLOCKS), Out(Timespec)]                               -> Number,  [Clock];
    "clock_settime64"   [Choice(&CLOCKS), In(Timespec)]                                -> Number,  [Clock];
    "clock_adjtime64"   [Choice(&CLOCKS), Address]                                     -> Number,  [Clock];
    "clock_getres_time64" [Choice(&CLOCKS), Out(Timespec)]                             -> Number,  [Clock];
    "clock_nanosleep_time64" [Choice(&CLOCKS), Flags(&TIMER), In(Timespec), OutAlways(Timespec)] -> Number, [];
    "timer_gettime64"   [Int, Out(Itimerspec)]                                         -> Number,  [];
    "timer_settime64"   [Int, Flags(&TIMER), In(Itimerspec), Out(Itimerspec)]          -> Number,  [];
    "timerfd_gettime64" [Fd, Out(Itimerspec)]                                          -> Number,  [Desc];
    "timerfd_settime64" [Fd, Flags(&TIMERFD_SET), In(Itimerspec), Out(Itimerspec)]     -> Number,  [Desc];
    "utimensat_time64"  [DirFd, Path, In(TimespecPair), Flags(&AT)]                    -> Number,  [Desc, File];
    "pselect6_time64"   [Int, Address, Address, Address, Address, Address]             -> Number,  [Desc];
    "ppoll_time64"      [InOut(PollFds(1)), Uint, InOut(Timespec), In(Sigset), Size]      -> Poll(0), [Desc];
    "io_pgetevents_time64" [Address, Long, Long, Address, In(Timespec), Address]       -> Number,  [];
    "recvmmsg_time64"   [Fd, Address, Uint, Flags(&MSG), In(Timespec)]                 -> Number,  [Network];
    "mq_timedsend_time64" [Fd, In(Data(Argument(2))), Size, Uint, In(Timespec)]        -> Number,  [Desc];
    "mq_timedreceive_time64" [Fd, Out(Data(Result)), Size, Out(Layout::Int), In(Timespec)] -> Number, [Desc];
    "semtimedop_time64" [Int, Address, Uint, In(Timespec)]                             -> Number,  [Ipc];
    "rt_sigtimedwait_time64" [In(Sigset), Out(Siginfo), In(Timespec), Size]            -> Number,  [Class::Signal];
    "futex_time64"      [Address, FutexOperation, By(&FUTEX_3), By(&FUTEX_4), By(&FUTEX_5), By(&FUTEX_6)] -> Number, [];
    "sched_rr_get_interval_time64" [Int, Out(Timespec)]                                -> Number,  [];
}

/// Calls of the 32-bit table whose arguments differ from those of the same name in x86-64's: printed as they are.
pub(super) const OTHER: &[(&str, usize)] = &[
    ("mmap", 1),
    ("select", 1),
    ("clone", 5),
    ("pread64", 5),
    ("pwrite64", 5),
    ("readahead", 4),
    ("fadvise64", 5),
    ("fallocate", 6),
    ("sync_file_range", 6),
    ("sendfile", 4),
    ("preadv", 5),
    ("pwritev", 5),
    ("preadv2", 6),
    ("pwritev2", 6),
    ("fanotify_mark", 6),
    ("time", 1),
    ("getgroups", 2),
    ("setgroups", 2),
    ("getresuid", 3),
    ("getresgid", 3),
    ("futex", 6),
];
