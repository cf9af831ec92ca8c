//! The host's filter of system calls: stops for those that are chosen, nothing for all others, which then run at full
//! speed. Source: seccomp(2).
//!
//! Key function: [`program`]. Numbers become ranges, smallest first, so that a call is compared no further than up to its
//! own; the host remembers which numbers need no stop and does not run the filter for them at all.

use libc::sock_filter;
use trapline_calls::{CallSet, X32_BIT};
use trapline_trace_format::event::Abi;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// What the filter says with each stop, to be told from a stop that a filter of the program's own asks for.
pub(super) const OURS: u16 = 0x7261;

/// Calls that can install a filter of the program's own.
pub(super) const FILTER_CALLS: [(Abi, i32); 6] = [
    (Abi::X86_64, libc::SYS_seccomp as i32),
    (Abi::X86_64, libc::SYS_prctl as i32),
    (Abi::I386, 354),
    (Abi::I386, 172),
    (Abi::X32, libc::SYS_seccomp as i32 | X32_BIT),
    (Abi::X32, libc::SYS_prctl as i32 | X32_BIT),
];

/// Whether a call that succeeded has installed a filter.
pub(super) fn installs(abi: Abi, number: i32, arguments: &[u64; 6]) -> bool {
    const PR_SET_SECCOMP: u32 = libc::PR_SET_SECCOMP as u32;
    const SET_MODE_FILTER: u32 = libc::SECCOMP_SET_MODE_FILTER;
    let first = arguments[0] as u32;
    match FILTER_CALLS.iter().position(|call| *call == (abi, number)) {
        Some(0 | 2 | 4) => first == SET_MODE_FILTER,
        Some(_) => first == PR_SET_SECCOMP,
        None => false,
    }
}

/// Places in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
/// x32 numbers begin here; larger ones are nobody's.
const FIRST_X32: u32 = X32_BIT as u32;

const STOP: u32 = libc::SECCOMP_RET_TRACE | OURS as u32;

/// The filter: stops for the calls of the set, and for `also` whatever the set says.
pub(super) fn program(set: &CallSet, also: &[(Abi, i32)]) -> Vec<sock_filter> {
    let part = |abi| ranges(set, abi, also);
    let (x86_64, i386, x32) = (part(Abi::X86_64), part(Abi::I386), part(Abi::X32));
    let mut filter = vec![
        load(ARCHITECTURE),
        branch(IF_EQUAL, X86_64, 1, 0),
        // Over the part of x86-64, which has a fork in the road of its own, and that of x32.
        jump(2 + x86_64.len() + 1 + x32.len()),
        load(NUMBER),
        branch(IF_AT_LEAST, FIRST_X32, 0, 1),
        jump(x86_64.len()),
    ];
    filter.extend(x86_64);
    filter.extend(x32);
    // Any other architecture is not of this CPU.
    filter.extend([
        branch(IF_EQUAL, I386, 1, 0),
        returned(libc::SECCOMP_RET_ALLOW),
        load(NUMBER),
    ]);
    filter.extend(i386);
    filter
}

/// Decides by the number, which was loaded.
fn ranges(set: &CallSet, abi: Abi, also: &[(Abi, i32)]) -> Vec<sock_filter> {
    let also = also
        .iter()
        .filter(|(of, _)| *of == abi)
        .map(|(_, number)| *number);
    let mut numbers: Vec<u32> = set
        .numbers(abi)
        .chain(also)
        .map(|number| number as u32)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut filter = Vec::new();
    let mut rest = numbers.as_slice();
    while let Some(&first) = rest.first() {
        let length = (1..rest.len()).find(|&at| rest[at] != first + at as u32);
        let (range, behind) = rest.split_at(length.unwrap_or(rest.len()));
        let last = first + (range.len() - 1) as u32;
        filter.extend([
            branch(IF_AT_LEAST, first, 1, 0),
            returned(unlisted(set)),
            branch(IF_GREATER, last, 1, 0),
            returned(STOP),
        ]);
        rest = behind;
    }
    filter.push(returned(unlisted(set)));
    filter
}

/// What happens to numbers that are not listed: with a set that has those without a name, they are rare enough to be looked
/// at one by one.
fn unlisted(set: &CallSet) -> u32 {
    if set.has_nameless() {
        STOP
    } else {
        libc::SECCOMP_RET_ALLOW
    }
}

fn load(place: u32) -> sock_filter {
    instruction(LOAD, place, 0, 0)
}

fn jump(over: usize) -> sock_filter {
    instruction(JUMP, over as u32, 0, 0)
}

fn branch(code: u16, value: u32, over_if_so: u8, over_if_not: u8) -> sock_filter {
    instruction(code, value, over_if_so, over_if_not)
}

fn returned(action: u32) -> sock_filter {
    instruction(RETURN, action, 0, 0)
}

fn instruction(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host's machine, as far as these filters use it.
    fn run(filter: &[sock_filter], architecture: u32, number: u32) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = filter[at];
            at += 1;
            let over = |is_so: bool| usize::from(if is_so { step.jt } else { step.jf });
            match step.code {
                LOAD if step.k == NUMBER => value = number,
                LOAD if step.k == ARCHITECTURE => value = architecture,
                JUMP => at += step.k as usize,
                IF_EQUAL => at += over(value == step.k),
                IF_GREATER => at += over(value > step.k),
                IF_AT_LEAST => at += over(value >= step.k),
                RETURN => return step.k,
                other => panic!("no such instruction {other}"),
            }
        }
    }

    #[test]
    fn the_filter_stops_what_is_chosen_in_each_table_and_nothing_else() {
        for words in ["getpid", "openat,read,write,close", "getpid,execve"] {
            let set = CallSet::parse(words).unwrap();
            let also = [(Abi::I386, 241), (Abi::X86_64, 203)];
            let filter = program(&set, &also);
            for (abi, architecture, first) in [
                (Abi::X86_64, X86_64, 0),
                (Abi::I386, I386, 0),
                (Abi::X32, X86_64, FIRST_X32),
            ] {
                for number in (first..first + 700).chain([u32::MAX]) {
                    let is_wanted =
                        set.contains(abi, number as i32) || also.contains(&(abi, number as i32));
                    let action = run(&filter, architecture, number);
                    let expected = [libc::SECCOMP_RET_ALLOW, STOP];
                    assert_eq!(action, expected[usize::from(is_wanted)], "{abi:?} {number}");
                }
            }
            assert_eq!(run(&filter, 0xdead, 39), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    fn only_what_installs_a_filter_counts_as_that() {
        let [seccomp, prctl] = [libc::SYS_seccomp as i32, libc::SYS_prctl as i32];
        let with = |first: u64| [first, 0, 0, 0, 0, 0];
        assert!(installs(Abi::X86_64, seccomp, &with(1)));
        assert!(installs(Abi::X86_64, prctl, &with(22)));
        assert!(installs(Abi::I386, 172, &with(22)));
        assert!(!installs(Abi::X86_64, seccomp, &with(2)));
        assert!(!installs(Abi::X86_64, prctl, &with(38)));
        assert!(!installs(Abi::X86_64, 172, &with(22)));
    }

    #[test]
    fn the_largest_filter_is_one_that_the_host_takes() {
        const MOST: usize = libc::BPF_MAXINSNS as usize;
        let all = CallSet::all();
        assert!(program(&all, &[]).len() <= MOST);
        // Every second call: the most ranges that there can be.
        let names = (0..450)
            .step_by(2)
            .filter_map(|n| trapline_calls::name(Abi::X86_64, n));
        let words: Vec<&str> = names.collect();
        let set = CallSet::parse(&words.join(",")).unwrap();
        assert!(program(&set, &[]).len() <= MOST);
    }
}
