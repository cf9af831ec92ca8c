//! Memory maps: what is mapped in each address space, after so many changes.
//!
//! Key types: [`Mapping`] and the pure state machines [`Map`] and [`Maps`]. Neighbours: `event/memory.rs` has the changes; the
//! analyzer and the tracer's replay ask for the maps.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::event::{Backing, MapChange, Range, Rights};

/// Neighbouring memory of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address behind.
    pub end: u64,
    /// What a program may do there.
    pub rights: Rights,
    /// What is behind it.
    pub backing: Backing,
    /// Inode of the file behind it, 0 without one.
    pub inode: u64,
    /// Where in the file it starts, in bytes.
    pub offset: u64,
    /// The thread whose stack it is, as far as the trace says.
    pub stack_of: Option<u32>,
}

impl Mapping {
    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Its length in bytes if a program may do anything there at all: reservations and guard pages are not memory.
    #[must_use]
    pub fn usable_bytes(&self) -> u64 {
        if self.rights == Rights::NONE {
            0
        } else {
            self.bytes()
        }
    }

    /// Whether `next` goes on where this one ends, as if both were one.
    fn goes_on(&self, next: &Self) -> bool {
        let place = match self.backing {
            Backing::File => self.offset.wrapping_add(self.bytes()) == next.offset,
            _ => true,
        };
        let kind = |mapping: &Self| (mapping.rights, mapping.backing, mapping.inode);
        self.end == next.start
            && kind(self) == kind(next)
            && self.stack_of == next.stack_of
            && place
    }
}

/// What is mapped in one address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// By start; they do not overlap.
    mappings: BTreeMap<u64, Mapping>,
    usable_bytes: u64,
}

impl Map {
    /// How many bytes are mapped with any rights at all.
    #[must_use]
    pub fn usable_bytes(&self) -> u64 {
        self.usable_bytes
    }

    /// What is mapped, lowest address first, like neighbours joined.
    #[must_use]
    pub fn mappings(&self) -> Vec<Mapping> {
        joined(self.mappings.values().copied())
    }

    fn map(&mut self, mapping: Mapping) {
        let Mapping { start, end, .. } = mapping;
        if start >= end {
            return;
        }
        self.unmap(Range { start, end });
        self.usable_bytes = self.usable_bytes.saturating_add(mapping.usable_bytes());
        self.mappings.insert(start, mapping);
    }

    fn unmap(&mut self, range: Range) {
        for start in self.inside(range) {
            if let Some(mapping) = self.mappings.remove(&start) {
                self.usable_bytes = self.usable_bytes.saturating_sub(mapping.usable_bytes());
            }
        }
    }

    fn protect(&mut self, range: Range, rights: Rights) {
        for start in self.inside(range) {
            if let Some(mapping) = self.mappings.get_mut(&start) {
                let before = mapping.usable_bytes();
                mapping.rights = rights;
                let after = mapping.usable_bytes();
                self.usable_bytes = self
                    .usable_bytes
                    .saturating_sub(before)
                    .saturating_add(after);
            }
        }
    }

    /// The starts of all mappings in the range, after cutting those that reach beyond it.
    fn inside(&mut self, range: Range) -> Vec<u64> {
        if range.start >= range.end {
            return Vec::new();
        }
        self.cut(range.start);
        self.cut(range.end);
        let inside = self.mappings.range(range.start..range.end);
        inside.map(|(start, _)| *start).collect()
    }

    /// Makes two of a mapping that goes on at both sides of the address.
    fn cut(&mut self, address: u64) {
        let Some((_, below)) = self.mappings.range_mut(..address).next_back() else {
            return;
        };
        if below.end <= address {
            return;
        }
        let mut above = *below;
        below.end = address;
        above.start = address;
        if above.backing == Backing::File {
            above.offset = above.offset.wrapping_add(below.bytes());
        }
        self.mappings.insert(address, above);
    }
}

/// Like neighbours as one.
#[must_use]
pub fn joined(mappings: impl IntoIterator<Item = Mapping>) -> Vec<Mapping> {
    let mut joined: Vec<Mapping> = Vec::new();
    for mapping in mappings {
        match joined.last_mut() {
            Some(last) if last.goes_on(&mapping) => last.end = mapping.end,
            _ => joined.push(mapping),
        }
    }
    joined
}

/// The maps of all address spaces.
#[derive(Debug, Default)]
pub struct Maps {
    spaces: HashMap<u32, Map>,
}

impl Maps {
    /// The map of a space; nothing where nothing is mapped.
    #[must_use]
    pub fn of(&self, space: u32) -> Option<&Map> {
        self.spaces.get(&space)
    }

    /// The next change in time.
    pub fn apply(&mut self, space: u32, change: &MapChange) {
        match *change {
            MapChange::Map {
                range,
                rights,
                backing,
                inode,
                offset,
            } => self.space(space).map(Mapping {
                start: range.start,
                end: range.end,
                rights,
                backing,
                inode,
                offset,
                stack_of: None,
            }),
            MapChange::Unmap { range } => self.space(space).unmap(range),
            MapChange::Protect { range, rights } => self.space(space).protect(range, rights),
            MapChange::Clear => {
                self.spaces.remove(&space);
            }
            MapChange::Copy { from } => {
                let copy = self.spaces.get(&from.0).cloned().unwrap_or_default();
                self.spaces.insert(space, copy);
            }
        }
    }

    fn space(&mut self, space: u32) -> &mut Map {
        self.spaces.entry(space).or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::event::SpaceId;

    use super::*;

    fn map(start: u64, end: u64, backing: Backing) -> MapChange {
        MapChange::Map {
            range: Range { start, end },
            rights: Rights::READ_WRITE,
            backing,
            inode: 0,
            offset: 0,
        }
    }

    fn after(changes: &[MapChange]) -> Vec<(u64, u64, &'static str)> {
        let mut maps = Maps::default();
        changes.iter().for_each(|change| maps.apply(1, change));
        let Some(map) = maps.of(1) else {
            return Vec::new();
        };
        let mappings = map.mappings();
        let bytes: u64 = mappings.iter().map(Mapping::usable_bytes).sum();
        assert_eq!(map.usable_bytes(), bytes, "bytes are counted along");
        let shown = mappings.iter();
        shown.map(|m| (m.start, m.end, m.rights.word())).collect()
    }

    #[test]
    fn unmapping_and_protecting_cut_what_reaches_beyond() {
        let range = Range { start: 20, end: 30 };
        let heap = map(10, 40, Backing::Heap);
        assert_eq!(
            after(&[heap, MapChange::Unmap { range }]),
            [(10, 20, "rw-"), (30, 40, "rw-")]
        );
        let rights = Rights::NONE;
        assert_eq!(
            after(&[heap, MapChange::Protect { range, rights }]),
            [(10, 20, "rw-"), (20, 30, "---"), (30, 40, "rw-")]
        );
        let rights = Rights::READ_WRITE;
        let back = MapChange::Protect { range, rights };
        assert_eq!(after(&[heap, back]), [(10, 40, "rw-")], "joined again");
        assert_eq!(
            after(&[MapChange::Protect { range, rights }]),
            [],
            "what is not mapped stays so"
        );
    }

    #[test]
    fn mapping_takes_the_place_of_whatever_was_there() {
        let changes = [
            map(10, 20, Backing::Heap),
            map(20, 30, Backing::Heap),
            map(15, 25, Backing::Anonymous),
        ];
        let expected = [(10, 15, "rw-"), (15, 25, "rw-"), (25, 30, "rw-")];
        assert_eq!(after(&changes), expected);
    }

    #[test]
    fn a_file_cut_in_two_keeps_its_place_in_the_file() {
        let file = MapChange::Map {
            range: Range { start: 10, end: 40 },
            rights: Rights::READ,
            backing: Backing::File,
            inode: 7,
            offset: 100,
        };
        let mut maps = Maps::default();
        maps.apply(1, &file);
        let range = Range { start: 20, end: 30 };
        maps.apply(1, &MapChange::Unmap { range });
        let offsets = |maps: &Maps| {
            let mappings = maps.of(1).expect("a map").mappings();
            mappings.iter().map(|m| m.offset).collect::<Vec<_>>()
        };
        assert_eq!(offsets(&maps), [100, 120]);
    }

    #[test]
    fn a_copy_is_a_copy_and_clearing_leaves_nothing() {
        let mut maps = Maps::default();
        maps.apply(1, &map(10, 20, Backing::Heap));
        maps.apply(2, &MapChange::Copy { from: SpaceId(1) });
        maps.apply(1, &map(20, 30, Backing::Heap));
        assert_eq!(maps.of(2).map(Map::usable_bytes), Some(10));
        assert_eq!(maps.of(1).map(Map::usable_bytes), Some(20));
        maps.apply(1, &MapChange::Clear);
        assert_eq!(maps.of(1), None);
        maps.apply(3, &MapChange::Copy { from: SpaceId(9) });
        assert_eq!(maps.of(3).map(Map::usable_bytes), Some(0));
    }

    #[test]
    fn ranges_that_cannot_be_do_no_harm() {
        let empty = Range { start: 30, end: 30 };
        let backwards = Range { start: 30, end: 10 };
        let changes = [
            map(10, 40, Backing::Heap),
            MapChange::Unmap { range: backwards },
            MapChange::Unmap { range: empty },
            map(50, 45, Backing::Heap),
            map(u64::MAX - 1, u64::MAX, Backing::Stack),
        ];
        assert_eq!(
            after(&changes),
            [(10, 40, "rw-"), (u64::MAX - 1, u64::MAX, "rw-")]
        );
    }
}
