//! Promises about `-e`: the calls that were asked for are in the trace, all of them and no others, and programs run as if nobody
//! watched, those with filters of their own, too.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use trapline_trace_format::event::Abi;

use linux::{GETPPID, as_bare};

/// getppid's numbers in every table.
const NUMBERS: [(Abi, i32); 3] = [
    (Abi::X86_64, GETPPID),
    (Abi::I386, 64),
    (Abi::X32, 1 << 30 | GETPPID),
];

/// Each hard program and how often it calls getppid.
const PROGRAMS: [(&str, usize); 16] = [
    ("thread_exec", 3),
    ("leader_first", 5),
    ("vfork_spawn", 2),
    ("group_stop", 0),
    ("restarts", 0),
    ("int80", 3),
    ("bits32", 0),
    ("x32", 0),
    ("own_filter", 3),
    ("breakpoints", 0),
    ("own_steps", 1),
    ("blocked", 4),
    ("thousand_threads", 1000),
    ("thousand_children", 1000),
    ("dies 15", 0),
    ("dies 11", 0),
];

#[test]
fn the_calls_that_were_asked_for_are_recorded_and_no_others() {
    for (line, count) in PROGRAMS {
        let Some(traced) = as_bare(line, &["-e", "getppid"]) else {
            return;
        };
        assert_eq!(traced.count(Abi::X86_64, GETPPID), count, "{line}");
        let mut others = traced.calls();
        others.retain(|call| !NUMBERS.contains(&(call.abi, call.number)));
        assert!(others.is_empty(), "{line}: {others:?}");
    }
}
