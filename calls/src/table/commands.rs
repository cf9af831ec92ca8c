//! Calls that are many in one: what their arguments are depends on a command.

use super::prelude::*;
use crate::kind::By as Command;

const ALL: u64 = u64::MAX;
/// Commands are 32-bit numbers.
const WORD: u64 = 0xffff_ffff;
const fn number(value: i32) -> u64 {
    value as u32 as u64
}

pub(super) static FCNTL_ARGUMENT: Command = Command {
    argument: 1,
    mask: WORD,
    kinds: &[
        (number(libc::F_DUPFD), Int),
        (number(libc::F_DUPFD_CLOEXEC), Int),
        (number(libc::F_GETFD), Nothing),
        (number(libc::F_SETFD), Flags(&FD_FLAGS)),
        (number(libc::F_GETFL), Nothing),
        (number(libc::F_SETFL), Open),
        (number(libc::F_GETLK), InOut(FileLock)),
        (number(libc::F_SETLK), In(FileLock)),
        (number(libc::F_SETLKW), In(FileLock)),
        (number(libc::F_OFD_GETLK), InOut(FileLock)),
        (number(libc::F_OFD_SETLK), In(FileLock)),
        (number(libc::F_OFD_SETLKW), In(FileLock)),
        (number(libc::F_SETOWN), Int),
        (number(libc::F_GETOWN), Nothing),
        (10, Signal),
        (11, Nothing),
        (number(libc::F_SETPIPE_SZ), Int),
        (number(libc::F_GETPIPE_SZ), Nothing),
        (number(libc::F_ADD_SEALS), Flags(&SEALS)),
        (number(libc::F_GET_SEALS), Nothing),
        (number(libc::F_GETLEASE), Nothing),
    ],
    otherwise: Hex,
};

pub(super) static IOCTL_ARGUMENT: Command = Command {
    argument: 1,
    mask: WORD,
    kinds: &[
        (libc::TCGETS, Out(Termios)),
        (libc::TCSETS, In(Termios)),
        (libc::TCSETSW, In(Termios)),
        (libc::TCSETSF, In(Termios)),
        (libc::TIOCGWINSZ, Out(Winsize)),
        (libc::TIOCSWINSZ, In(Winsize)),
        (libc::TIOCGPGRP, Out(Layout::Int)),
        (libc::TIOCSPGRP, In(Layout::Int)),
        (0x5429, Out(Layout::Int)),
        (0x8004_5430, Out(Layout::Int)),
        (0x4004_5431, In(Layout::Int)),
        (libc::FIONREAD, Out(Layout::Int)),
        (libc::FIONBIO, In(Layout::Int)),
        (libc::FIOASYNC, In(Layout::Int)),
        (libc::FIOCLEX, Nothing),
        (libc::FIONCLEX, Nothing),
        (libc::TIOCNOTTY, Nothing),
        (libc::TIOCEXCL, Nothing),
        (libc::TIOCNXCL, Nothing),
        (libc::TIOCSCTTY, Int),
        (0x4004_9409, Int),
    ],
    otherwise: Hex,
};

pub(super) static PRCTL_2: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &[
        (number(libc::PR_SET_NAME), Text),
        (number(libc::PR_GET_NAME), Out(Layout::Path)),
        (number(libc::PR_SET_PDEATHSIG), Signal),
        (number(libc::PR_GET_PDEATHSIG), Out(Layout::Int)),
        (number(libc::PR_GET_DUMPABLE), Nothing),
        (number(libc::PR_GET_KEEPCAPS), Nothing),
        (number(libc::PR_GET_SECCOMP), Nothing),
        (number(libc::PR_GET_TIMERSLACK), Nothing),
        (number(libc::PR_GET_CHILD_SUBREAPER), Out(Layout::Int)),
        (number(libc::PR_SET_NO_NEW_PRIVS), Size),
        (number(libc::PR_SET_KEEPCAPS), Size),
        (number(libc::PR_SET_CHILD_SUBREAPER), Size),
        (number(libc::PR_SET_TIMERSLACK), Size),
        (number(libc::PR_SET_DUMPABLE), Size),
        (number(libc::PR_SET_VMA), Choice(&PR_VMA)),
        (number(libc::PR_SET_SECCOMP), Choice(&SECCOMP_MODE)),
        (number(libc::PR_CAPBSET_READ), Choice(&CAPABILITY)),
        (number(libc::PR_CAPBSET_DROP), Choice(&CAPABILITY)),
    ],
    otherwise: Hex,
};

/// Commands of prctl(2) with one more argument than the command, or none.
const SHORT: [(u64, Kind); 14] = [
    (number(libc::PR_SET_NAME), Nothing),
    (number(libc::PR_GET_NAME), Nothing),
    (number(libc::PR_SET_PDEATHSIG), Nothing),
    (number(libc::PR_GET_PDEATHSIG), Nothing),
    (number(libc::PR_GET_DUMPABLE), Nothing),
    (number(libc::PR_GET_KEEPCAPS), Nothing),
    (number(libc::PR_GET_SECCOMP), Nothing),
    (number(libc::PR_GET_TIMERSLACK), Nothing),
    (number(libc::PR_GET_CHILD_SUBREAPER), Nothing),
    (number(libc::PR_SET_KEEPCAPS), Nothing),
    (number(libc::PR_SET_CHILD_SUBREAPER), Nothing),
    (number(libc::PR_SET_TIMERSLACK), Nothing),
    (number(libc::PR_SET_DUMPABLE), Nothing),
    (number(libc::PR_CAPBSET_READ), Nothing),
];

pub(super) static PRCTL_3: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &SHORT,
    otherwise: Hex,
};

pub(super) static PRCTL_4: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &SHORT,
    otherwise: Hex,
};

pub(super) static PRCTL_5: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &{
        let mut kinds = [(number(libc::PR_SET_VMA), Text); 15];
        let mut at = 0;
        while at < SHORT.len() {
            kinds[at] = SHORT[at];
            at += 1;
        }
        kinds
    },
    otherwise: Hex,
};

pub(super) static ARCH_PRCTL_ARGUMENT: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &[(0x1003, Out(Word)), (0x1004, Out(Word))],
    otherwise: Hex,
};

pub(super) static SECCOMP_3: Command = Command {
    argument: 0,
    mask: WORD,
    kinds: &[(
        number(libc::SECCOMP_SET_MODE_FILTER as i32),
        In(FilterProgram),
    )],
    otherwise: Address,
};

/// The operation without `FUTEX_PRIVATE_FLAG` and `FUTEX_CLOCK_REALTIME`.
const FUTEX_OPERATION: u64 = 0x7f;

/// Value.
pub(super) static FUTEX_3: Command = Command {
    argument: 1,
    mask: FUTEX_OPERATION,
    kinds: &[
        (number(libc::FUTEX_LOCK_PI), Nothing),
        (number(libc::FUTEX_LOCK_PI2), Nothing),
        (number(libc::FUTEX_UNLOCK_PI), Nothing),
        (number(libc::FUTEX_TRYLOCK_PI), Nothing),
    ],
    otherwise: Uint,
};

/// Timeout, or a second value.
pub(super) static FUTEX_4: Command = Command {
    argument: 1,
    mask: FUTEX_OPERATION,
    kinds: &[
        (number(libc::FUTEX_WAIT), In(Timespec)),
        (number(libc::FUTEX_WAIT_BITSET), In(Timespec)),
        (number(libc::FUTEX_LOCK_PI), In(Timespec)),
        (number(libc::FUTEX_LOCK_PI2), In(Timespec)),
        (number(libc::FUTEX_WAIT_REQUEUE_PI), In(Timespec)),
        (number(libc::FUTEX_WAKE), Nothing),
        (number(libc::FUTEX_WAKE_BITSET), Nothing),
        (number(libc::FUTEX_UNLOCK_PI), Nothing),
        (number(libc::FUTEX_TRYLOCK_PI), Nothing),
        (number(libc::FUTEX_FD), Nothing),
    ],
    otherwise: Uint,
};

/// Second futex.
pub(super) static FUTEX_5: Command = Command {
    argument: 1,
    mask: FUTEX_OPERATION,
    kinds: &[
        (number(libc::FUTEX_REQUEUE), Address),
        (number(libc::FUTEX_CMP_REQUEUE), Address),
        (number(libc::FUTEX_WAKE_OP), Address),
        (number(libc::FUTEX_WAIT_REQUEUE_PI), Address),
        (number(libc::FUTEX_CMP_REQUEUE_PI), Address),
    ],
    otherwise: Nothing,
};

/// Third value.
pub(super) static FUTEX_6: Command = Command {
    argument: 1,
    mask: FUTEX_OPERATION,
    kinds: &[
        (number(libc::FUTEX_WAIT_BITSET), FutexBits),
        (number(libc::FUTEX_WAKE_BITSET), FutexBits),
        (number(libc::FUTEX_CMP_REQUEUE), Uint),
        (number(libc::FUTEX_CMP_REQUEUE_PI), Uint),
        (number(libc::FUTEX_WAKE_OP), Hex),
    ],
    otherwise: Nothing,
};

pub(super) static SOCKET_PROTOCOL: Command = Command {
    argument: 0,
    mask: ALL,
    kinds: &[
        (number(libc::AF_INET), Choice(&IP_PROTOCOL)),
        (number(libc::AF_INET6), Choice(&IP_PROTOCOL)),
        (number(libc::AF_NETLINK), Choice(&NETLINK)),
    ],
    otherwise: Int,
};

pub(super) static SOCKET_OPTION: Command = Command {
    argument: 1,
    mask: WORD,
    kinds: &[
        (number(libc::SOL_SOCKET), Choice(&SO)),
        (number(libc::IPPROTO_TCP), Choice(&TCP)),
        (number(libc::IPPROTO_IP), Choice(&IP)),
        (number(libc::IPPROTO_IPV6), Choice(&IPV6)),
    ],
    otherwise: Hex,
};
