//! The table of calls.

use trapline_trace_format::event::Abi;

use crate::fetch::{Fetch, Length, What, When};
use crate::numbers::name;

/// What to keep of a call, given its arguments (those of ioctl, fcntl and the like say what their pointer is). Entry first.
#[must_use]
pub fn fetches(abi: Abi, number: i32, arguments: &[u64; 6]) -> &'static [Fetch] {
    const PATH0: &[Fetch] = &[Fetch {
        argument: 0,
        when: When::Entry,
        what: What::Path,
    }];
    const PATH1: &[Fetch] = &[Fetch {
        argument: 1,
        when: When::Entry,
        what: What::Path,
    }];
    const EXECVE: &[Fetch] = &[
        Fetch {
            argument: 0,
            when: When::Entry,
            what: What::Path,
        },
        Fetch {
            argument: 1,
            when: When::Entry,
            what: What::Texts,
        },
        Fetch {
            argument: 2,
            when: When::Entry,
            what: What::Pointers,
        },
    ];
    const READ: &[Fetch] = &[Fetch {
        argument: 1,
        when: When::Exit,
        what: What::Data(Length::Result),
    }];
    const WRITE: &[Fetch] = &[Fetch {
        argument: 1,
        when: When::Entry,
        what: What::Data(Length::Argument(2)),
    }];
    let _ = arguments;
    match name(abi, number) {
        Some("execve") => EXECVE,
        Some("open" | "access" | "chdir" | "unlink" | "rmdir" | "mkdir") => PATH0,
        Some("openat" | "newfstatat" | "faccessat" | "faccessat2" | "unlinkat") => PATH1,
        Some("read") => READ,
        Some("write") => WRITE,
        _ => &[],
    }
}
