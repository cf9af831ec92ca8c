//! The table of calls: one row says a call's name, its arguments, its result and strace's classes that it is in. What to
//! read of
//! the program, how a call is printed and what `-e` means follow from it.
//!
//! A row reads `"openat" [DirFd, Path, Open, OpenMode(2)] -> Number, [Desc, File];`. The words of arguments and results are
//! explained in `kind.rs`; `In`, `Out` and `InOut` say who gives what an argument points to. Rows are in `table/*.rs`, by
//! what the calls are about; what depends on a command (ioctl, fcntl, futex, ...) is in `table/commands.rs`.
//! Sources: the manual pages of section 2, the kernel's headers, strace's behaviour.

mod commands;
mod files;
mod i386;
mod memory;
mod network;
mod processes;
mod system;

use std::collections::HashMap;
use std::sync::LazyLock;

use trapline_trace_format::event::Abi;

use crate::kind::{Call, Class, Kind, Returns};
use crate::numbers::{name, numbers};

/// What rows are made of.
mod prelude {
    pub(super) use super::commands::*;
    pub(super) use super::rows;
    pub(super) use crate::fetch::Length::{Argument, Items, Pointer, Result, ResultItems};
    pub(super) use crate::fetch::Span;
    pub(super) use crate::kind::Class::{
        Clock, Creds, Desc, File, Fstat, Fstatfs, Ipc, Lstat, Memory, Network, Process, Pure, Ustat,
    };
    pub(super) use crate::kind::Kind::*;
    pub(super) use crate::kind::Layout::{
        CloneArgs, CpuSet, Data, Directory, EpollEvent, EpollEvents, FdSet, FileLock,
        FilterProgram, Ids, IntPair, Itimerspec, Itimerval, Message, OpenHow, PollFds, Random,
        SchedParam, Sigaction, Siginfo, SignalStack, Sigset, SigsetPointer, Socket, SocketLength,
        Statx, Sysinfo, Termios, Timespec, TimespecPair, Timeval, TimevalPair, Timezone, Tms,
        Utsname, Vector, WaitStatus, Winsize, Word,
    };
    pub(super) use crate::kind::Returns::{
        Fcntl, FlagsOf, Named, Never, Number, Personality, Poll, Prctl, Select,
    };
    pub(super) use crate::kind::{Call, Class, Kind, Layout, Returns};
    pub(super) use crate::names::*;
}

/// Rows of the table.
macro_rules! rows {
    ($rows:ident $($name:literal [$($kind:expr),*] -> $returns:expr, [$($class:expr),*];)*) => {
        pub(super) static $rows: &[Call] = &[
            $(Call {
                name: $name,
                arguments: &[$($kind),*],
                returns: $returns,
                classes: &[$($class),*],
            }),*
        ];
    };
}
use rows;

/// Every row by its name.
static ROWS: LazyLock<HashMap<&'static str, &'static Call>> = LazyLock::new(|| {
    let all = [
        files::FILES,
        processes::PROCESSES,
        memory::MEMORY,
        network::NETWORK,
        system::SYSTEM,
        i386::I386,
    ];
    let rows = all.into_iter().flatten();
    rows.map(|call| (call.name, call)).collect()
});

/// The rows of each table by number.
static CALLS: LazyLock<[HashMap<i32, &'static Call>; Abi::ALL.len()]> = LazyLock::new(|| {
    Abi::ALL.map(|abi| {
        let row = |number| Some((number, row(abi, name(abi, number)?)?));
        numbers(abi).filter_map(row).collect()
    })
});

/// What is known of a call.
pub(crate) fn call(abi: Abi, number: i32) -> Option<&'static Call> {
    CALLS[abi as usize].get(&number).copied()
}

/// Whether a call is in a class. strace has the classes of names, so a call of any table that has the name is.
pub(crate) fn in_class(name: &str, class: Class) -> bool {
    ROWS.get(name)
        .is_some_and(|call| call.classes.contains(&class))
}

fn row(abi: Abi, name: &str) -> Option<&'static Call> {
    let known = *ROWS.get(name)?;
    if abi != Abi::I386 {
        return Some(known);
    }
    // Made once, when the table is.
    let other = i386::OTHER.iter().find(|(other, _)| *other == name);
    let Some((name, arguments)) = other else {
        return Some(known);
    };
    const RAW: [Kind; 6] = [Kind::Hex; 6];
    static RAW_ARGUMENTS: [Kind; 6] = RAW;
    let returns = match known.returns {
        Returns::Address => Returns::Address,
        _ => Returns::Number,
    };
    Some(Box::leak(Box::new(Call {
        name,
        arguments: &RAW_ARGUMENTS[..*arguments],
        returns,
        classes: known.classes,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_x86_64_and_x32_has_a_row() {
        for abi in [Abi::X86_64, Abi::X32] {
            for number in numbers(abi) {
                assert!(call(abi, number).is_some(), "{:?}", name(abi, number));
            }
        }
    }

    #[test]
    fn every_row_is_a_call_of_some_table_and_stands_once() {
        let known: Vec<_> = Abi::ALL
            .into_iter()
            .flat_map(|abi| numbers(abi).filter_map(move |number| name(abi, number)))
            .collect();
        for row in ROWS.keys() {
            assert!(known.contains(row), "{row}");
        }
        let all = [
            files::FILES,
            processes::PROCESSES,
            memory::MEMORY,
            network::NETWORK,
            system::SYSTEM,
            i386::I386,
        ];
        assert_eq!(all.into_iter().flatten().count(), ROWS.len());
    }

    #[test]
    fn arguments_that_others_refer_to_exist() {
        for call in ROWS.values() {
            assert!(call.arguments.len() <= 6, "{}", call.name);
            for kind in call.arguments {
                match kind {
                    Kind::By(by) => assert!(usize::from(by.argument) < call.arguments.len()),
                    Kind::OpenMode(flags) => {
                        assert!(matches!(call.arguments[usize::from(*flags)], Kind::Open));
                    }
                    _ => {}
                }
            }
        }
    }
}
