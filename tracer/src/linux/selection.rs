//! Which system calls are recorded, as a table that a stop looks up.
//!
//! Key type: [`Selection`]. Neighbour: `filter.rs` makes the host's filter of the same calls.

use trapline_calls::CallSet;
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
        }
    }

    /// Whether a call is recorded.
    pub(super) fn has(&self, abi: Abi, number: i32) -> bool {
        let Some(tables) = &self.tables else {
            return true;
        };
        let number = match abi {
            Abi::X32 => number & !X32_BIT,
            Abi::X86_64 | Abi::I386 => number,
        };
        usize::try_from(number)
            .ok()
            .and_then(|number| tables[abi as usize].get(number))
            .copied()
            .unwrap_or(self.nameless)
    }
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
