//! What to read of a program for each call: follows from the table.
//!
//! Key function: [`fetches`]. Neighbours: `fetch.rs` has the words of a plan, `table.rs` the calls.

use std::sync::LazyLock;

use trapline_trace_format::event::Abi;

use crate::fetch::{Fetch, When};
use crate::kind::{Call, Kind};
use crate::numbers::{X32_BIT, numbers};
use crate::table::call;

/// Numbers below this have a place in the lists.
const NUMBERS: usize = 1024;

/// The plans of a table, by number without bit 30.
static PLANS: LazyLock<[Vec<Plan>; Abi::ALL.len()]> = LazyLock::new(|| Abi::ALL.map(plans));

/// What to keep of a call, given its arguments (those of ioctl, fcntl and the like say what their pointer is). What is read
/// at the entry
/// comes first. The first call of this function takes a millisecond; later ones look it up.
#[must_use]
pub fn fetches(abi: Abi, number: i32, arguments: &[u64; 6]) -> &'static [Fetch] {
    let number = match abi {
        Abi::X32 => number & !X32_BIT,
        Abi::X86_64 | Abi::I386 => number,
    };
    let place = usize::try_from(number).unwrap_or(NUMBERS);
    match PLANS[abi as usize].get(place) {
        Some(Plan::Same(fetches)) => fetches,
        Some(Plan::By {
            argument,
            mask,
            known,
            otherwise,
        }) => {
            let value = arguments[*argument] & mask;
            let found = known.iter().find(|(command, _)| *command == value);
            found.map_or(otherwise, |(_, fetches)| fetches)
        }
        None => &[],
    }
}

/// What to read for one call.
enum Plan {
    /// The same whatever its arguments are.
    Same(Vec<Fetch>),
    /// A command tells.
    By {
        argument: usize,
        mask: u64,
        known: Vec<(u64, Vec<Fetch>)>,
        otherwise: Vec<Fetch>,
    },
}

fn plans(abi: Abi) -> Vec<Plan> {
    let mut plans: Vec<Plan> = (0..NUMBERS).map(|_| Plan::Same(Vec::new())).collect();
    for number in numbers(abi) {
        let place = (number & !X32_BIT) as usize;
        if let (Some(call), Some(plan)) = (call(abi, number), plans.get_mut(place)) {
            *plan = plan_of(abi, call);
        }
    }
    plans
}

fn plan_of(abi: Abi, call: &Call) -> Plan {
    let by = call.arguments.iter().find_map(|kind| match kind {
        Kind::By(by) => Some(*by),
        _ => None,
    });
    let Some(by) = by else {
        return Plan::Same(with_arguments(abi, call, &[0; 6]));
    };
    let with = |command| {
        let mut arguments = [0; 6];
        arguments[usize::from(by.argument)] = command;
        with_arguments(abi, call, &arguments)
    };
    // All arguments of a call that depend on a command depend on the same one.
    let commands = call.arguments.iter().filter_map(|kind| match kind {
        Kind::By(by) => Some(by.kinds.iter().map(|(command, _)| *command)),
        _ => None,
    });
    let mut known: Vec<(u64, Vec<Fetch>)> = commands
        .flatten()
        .map(|command| (command, with(command)))
        .collect();
    known.sort_by_key(|(command, _)| *command);
    known.dedup_by_key(|(command, _)| *command);
    Plan::By {
        argument: usize::from(by.argument),
        mask: by.mask,
        known,
        // No command has this number.
        otherwise: with(by.mask),
    }
}

fn with_arguments(abi: Abi, call: &Call, arguments: &[u64; 6]) -> Vec<Fetch> {
    let kinds = (0_u8..).zip(call.arguments);
    let mut fetches: Vec<Fetch> = kinds
        .flat_map(|(argument, kind)| kind.of(arguments).fetches(abi, argument))
        .collect();
    fetches.sort_by_key(|fetch| fetch.when != When::Entry);
    fetches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Length, What};

    const READ: i32 = 0;
    const IOCTL: i32 = 16;
    const FUTEX: i32 = 202;
    const OPENAT: i32 = 257;

    #[test]
    fn a_plan_follows_from_the_row() {
        let none = [0; 6];
        let path = Fetch {
            argument: 1,
            when: When::Entry,
            what: What::Path,
        };
        assert_eq!(fetches(Abi::X86_64, OPENAT, &none), [path]);
        let data = Fetch {
            argument: 1,
            when: When::Exit,
            what: What::Data(Length::Result),
        };
        assert_eq!(fetches(Abi::X86_64, READ, &none), [data]);
        assert_eq!(fetches(Abi::X32, READ | X32_BIT, &none), [data]);
        assert_eq!(fetches(Abi::I386, 3, &none), [data]);
        assert_eq!(fetches(Abi::X86_64, -1, &none), []);
        assert_eq!(fetches(Abi::X86_64, 100_000, &none), []);
    }

    #[test]
    fn commands_tell_what_their_pointer_is() {
        let size = fetches(Abi::X86_64, IOCTL, &[1, libc::TIOCGWINSZ, 1, 0, 0, 0]);
        assert_eq!(size[0].what, What::Structure(Length::Fixed(8)));
        assert_eq!(fetches(Abi::X86_64, IOCTL, &[1, 12345, 1, 0, 0, 0]), []);
        // The private flag is no part of the operation.
        assert_eq!(fetches(Abi::X86_64, FUTEX, &[0, 128, 0, 1, 0, 0]).len(), 1);
        assert_eq!(fetches(Abi::X86_64, FUTEX, &[0, 129, 0, 1, 0, 0]), []);
    }

    #[test]
    fn structures_of_other_words_are_not_read() {
        const NANOSLEEP: i32 = 35;
        assert_eq!(fetches(Abi::X86_64, NANOSLEEP, &[0; 6]).len(), 2);
        assert_eq!(fetches(Abi::I386, 162, &[0; 6]), []);
    }
}
