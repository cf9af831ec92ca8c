//! Breakpoints and watchpoints, and how they fit into the CPU's four debug registers. Key types: [`Breakpoint`], and
//! [`Breakpoints`], a set of them that fits. Neighbours: `ptrace/debug_registers.rs` sets them, `live.rs` hears of hits.

use std::collections::BTreeSet;

use trapline_abi::layout::USER_TOP;

use crate::ptrace::debug_registers::{Access, SLOTS, Slot, Slots, Width};

/// What stops a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trigger {
    /// Coming to the instruction at the address.
    Execute,
    /// Writing to the range.
    Write,
    /// Reading from the range, as the user asked; this CPU cannot tell it from writing.
    Read,
    /// Reading from the range or writing to it.
    Access,
}

/// Where and why a program is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breakpoint {
    /// First address, of a program; in whichever process it is.
    pub(crate) address: u64,
    /// Bytes from there on; 1 for an instruction.
    pub(crate) length: u64,
    /// What happens there.
    pub(crate) trigger: Trigger,
}

/// Breakpoints that fit into the debug registers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breakpoints(BTreeSet<Breakpoint>);

impl Breakpoint {
    /// At an instruction.
    pub(crate) fn instruction(address: u64) -> Self {
        Self {
            address,
            length: 1,
            trigger: Trigger::Execute,
        }
    }

    /// The debug registers that it takes: as few aligned ranges as cover it. None if that is more than there are, or if no
    /// program can have memory there.
    fn slots(&self) -> Option<Vec<Slot>> {
        let end = self.address.checked_add(self.length)?;
        if self.length == 0 || end > USER_TOP {
            return None;
        }
        if self.trigger == Trigger::Execute {
            let (address, access) = (self.address, Access::Execute);
            return Some(vec![Slot { address, access }]);
        }
        let mut slots = Vec::new();
        let mut at = self.address;
        while at < end {
            let fits =
                |width: &Width| at.is_multiple_of(width.bytes()) && width.bytes() <= end - at;
            let widths = [Width::Eight, Width::Four, Width::Two];
            let width = widths.into_iter().find(fits).unwrap_or(Width::One);
            let access = match self.trigger {
                Trigger::Write => Access::Write(width),
                _ => Access::ReadWrite(width),
            };
            slots.push(Slot {
                address: at,
                access,
            });
            if slots.len() > SLOTS {
                return None;
            }
            at += width.bytes();
        }
        Some(slots)
    }
}

impl Breakpoints {
    /// Adds one. False if there is no room for it.
    pub(crate) fn add(&mut self, breakpoint: Breakpoint) -> bool {
        let before = self.0.clone();
        self.0.insert(breakpoint);
        let fits = self.all_slots().is_some_and(|slots| slots.len() <= SLOTS);
        if !fits {
            self.0 = before;
        }
        fits
    }

    /// Takes one away. False if it is not there.
    pub(crate) fn remove(&mut self, breakpoint: &Breakpoint) -> bool {
        self.0.remove(breakpoint)
    }

    /// All of both, if they fit.
    pub(crate) fn with(&self, others: &Self) -> Option<Self> {
        let mut all = self.clone();
        others.0.iter().all(|one| all.add(*one)).then_some(all)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one of them.
    pub(crate) fn contains(&self, breakpoint: &Breakpoint) -> bool {
        self.0.contains(breakpoint)
    }

    /// Whether coming to this address stops a program.
    pub(crate) fn stops_at(&self, address: u64) -> bool {
        self.instructions().any(|at| at == address)
    }

    /// Whether reading memory stops a program.
    pub(crate) fn watch_reads(&self) -> bool {
        let mut all = self.0.iter();
        all.any(|one| matches!(one.trigger, Trigger::Read | Trigger::Access))
    }

    /// The addresses of the instructions among them.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = u64> {
        let executes = |one: &&Breakpoint| one.trigger == Trigger::Execute;
        self.0.iter().filter(executes).map(|one| one.address)
    }

    /// The debug registers' contents.
    pub(crate) fn slots(&self) -> Slots {
        let mut slots = Slots::default();
        let all = self.all_slots().unwrap_or_default();
        for (place, (slot, _)) in slots.iter_mut().zip(all) {
            *place = Some(slot);
        }
        slots
    }

    /// The breakpoint behind the lowest of these debug registers, a bit each.
    pub(crate) fn hit(&self, status: u8) -> Option<Breakpoint> {
        let all = self.all_slots()?;
        let (_, breakpoint) = all.get(status.trailing_zeros() as usize)?;
        Some(*breakpoint)
    }

    fn all_slots(&self) -> Option<Vec<(Slot, Breakpoint)>> {
        let mut all = Vec::new();
        for breakpoint in &self.0 {
            let slots = breakpoint.slots()?;
            all.extend(slots.into_iter().map(|slot| (slot, *breakpoint)));
        }
        Some(all)
    }
}

/// The same without what reading or writing memory stops at: the kernel does that, too, and is not looked at.
pub(crate) fn instructions_only(slots: &Slots) -> Slots {
    slots.map(|slot| slot.filter(|slot| slot.access == Access::Execute))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breakpoint(address: u64, length: u64, trigger: Trigger) -> Breakpoint {
        Breakpoint {
            address,
            length,
            trigger,
        }
    }

    fn execute(address: u64) -> Breakpoint {
        breakpoint(address, 1, Trigger::Execute)
    }

    #[test]
    fn there_is_room_for_four_and_what_is_taken_away_makes_room() {
        let mut set = Breakpoints::default();
        for address in 1..=4 {
            assert!(set.add(execute(address)));
        }
        assert!(!set.add(execute(5)));
        assert!(set.add(execute(4)), "it is there");
        assert!(set.remove(&execute(2)) && !set.remove(&execute(2)));
        assert!(set.add(execute(5)));
    }

    #[test]
    fn a_range_is_watched_in_aligned_parts() {
        let widths = |address, length| {
            let slots = breakpoint(address, length, Trigger::Write).slots();
            slots.map(|slots| {
                let bytes = |slot: &Slot| match slot.access {
                    Access::Write(width) => (slot.address, width.bytes()),
                    _ => panic!("not a write: {slot:?}"),
                };
                slots.iter().map(bytes).collect::<Vec<_>>()
            })
        };
        assert_eq!(widths(8, 8), Some(vec![(8, 8)]));
        assert_eq!(widths(6, 8), Some(vec![(6, 2), (8, 4), (12, 2)]));
        assert_eq!(widths(0, 40), None);
        assert_eq!(widths(8, 0), None);
        assert_eq!(widths(u64::MAX - 3, 8), None);
        assert_eq!(widths(USER_TOP - 4, 8), None);
    }

    #[test]
    fn a_hit_is_told_by_its_register() {
        let mut set = Breakpoints::default();
        let wide = breakpoint(0x1000, 16, Trigger::Access);
        assert!(set.add(wide) && set.add(execute(0x2000)));
        assert_eq!(set.hit(0b010), Some(wide));
        assert_eq!(set.hit(0b100), Some(execute(0x2000)));
        assert_eq!(set.hit(0b1000), None);
        assert_eq!(instructions_only(&set.slots()).iter().flatten().count(), 1);
        assert!(set.stops_at(0x2000) && !set.stops_at(0x1000));
    }
}
