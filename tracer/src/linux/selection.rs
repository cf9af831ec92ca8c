//! Which system calls are recorded, as a table that a stop looks up.
//!
//! Key type: [`Selection`]. Neighbour: `filter.rs` makes the host's filter of the same calls.

use trapline_calls::{CallSet, Descriptors};
use trapline_trace_format::event::Abi;

/// Numbers below this are in the table; there are no others with a name.
const NUMBERS: usize = 1024;
const X32_BIT: i32 = trapline_calls::X32_BIT;

/// Which calls are recorded.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// For each table, whether a number is chosen; none: all are.
    tables: Option<[Vec<bool>; Abi::ALL.len()]>,
    nameless: bool,
    /// For each table, whether a number can make or close a descriptor.
    descriptors: [Vec<bool>; Abi::ALL.len()],
}

impl Selection {
    /// The calls of a set, or all.
    pub(super) fn new(set: Option<&CallSet>) -> Self {
        let table = |set: &CallSet, abi| {
            let mut table = vec![set.has_nameless(); NUMBERS];
            for number in trapline_calls::numbers(abi) {
                if let Some(is_chosen) = table.get_mut((number & !X32_BIT) as usize) {
                    *is_chosen = set.contains(abi, number);
                }
            }
            table
        };
        Self {
            tables: set.map(|set| Abi::ALL.map(|abi| table(set, abi))),
            nameless: set.is_none_or(CallSet::has_nameless),
            descriptors: Abi::ALL.map(descriptors),
        }
    }

    /// Whether a call is recorded.
    pub(super) fn has(&self, abi: Abi, number: i32) -> bool {
        let Some(tables) = &self.tables else {
            return true;
        };
        look_up(tables, abi, number).unwrap_or(self.nameless)
    }

    /// Whether a call can make or close a descriptor, for some arguments.
    pub(super) fn touches_descriptors(&self, abi: Abi, number: i32) -> bool {
        look_up(&self.descriptors, abi, number).unwrap_or(false)
    }
}

fn look_up(tables: &[Vec<bool>; Abi::ALL.len()], abi: Abi, number: i32) -> Option<bool> {
    let number = match abi {
        Abi::X32 => number & !X32_BIT,
        Abi::X86_64 | Abi::I386 => number,
    };
    let number = usize::try_from(number).ok()?;
    tables[abi as usize].get(number).copied()
}

fn descriptors(abi: Abi) -> Vec<bool> {
    // That of fcntl which makes one, and an argument that is the same for all others.
    const DUPLICATE: [u64; 6] = [0, libc::F_DUPFD as u64, 0, 0, 0, 0];
    let mut table = vec![false; NUMBERS];
    for number in trapline_calls::numbers(abi) {
        if let Some(touches) = table.get_mut((number & !X32_BIT) as usize) {
            *touches = trapline_calls::descriptors(abi, number, &DUPLICATE) != Descriptors::Same;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_set_every_call_is_recorded_even_one_without_a_name() {
        let all = Selection::new(None);
        for number in [0, 39, 999, 5000, -1] {
            assert!(all.has(Abi::X86_64, number), "{number}");
        }
    }

    #[test]
    fn what_makes_or_closes_descriptors_is_known_by_number() {
        let all = Selection::new(None);
        for number in [
            libc::SYS_openat,
            libc::SYS_close,
            libc::SYS_fcntl,
            libc::SYS_pipe2,
        ] {
            assert!(
                all.touches_descriptors(Abi::X86_64, number as i32),
                "{number}"
            );
        }
        for number in [libc::SYS_read, libc::SYS_getppid, 5000, -1] {
            assert!(
                !all.touches_descriptors(Abi::X86_64, number as i32),
                "{number}"
            );
        }
    }

    #[test]
    fn a_set_chooses_in_each_table_by_name() {
        let set = CallSet::parse("getpid").unwrap();
        let chosen = Selection::new(Some(&set));
        assert!(chosen.has(Abi::X86_64, 39) && chosen.has(Abi::I386, 20));
        assert!(chosen.has(Abi::X32, 39 | X32_BIT));
        for (abi, number) in [
            (Abi::X86_64, 20),
            (Abi::I386, 39),
            (Abi::X86_64, 5000),
            (Abi::X86_64, -1),
        ] {
            assert!(!chosen.has(abi, number), "{abi:?} {number}");
        }
    }
}
