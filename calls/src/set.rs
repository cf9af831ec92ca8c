//! Sets of calls, in the words of strace's `-e`.
//!
//! Key type: [`CallSet`]. Neighbours: `table.rs` has the classes, `set/words.rs` the words of one value.

mod words;

use std::collections::BTreeSet;

use trapline_trace_format::event::Abi;

use crate::numbers::{name, numbers};
use words::Word;

/// Which calls are traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSet {
    /// Those that have a name, and those without that were asked for by number.
    numbers: [BTreeSet<i32>; Abi::ALL.len()],
    /// Whether all other numbers that have no name are in it, too.
    nameless: bool,
}

impl CallSet {
    /// Every call.
    #[must_use]
    pub fn all() -> Self {
        Self {
            numbers: Abi::ALL.map(|abi| numbers(abi).collect()),
            nameless: true,
        }
    }

    /// No call.
    #[must_use]
    pub fn none() -> Self {
        Self {
            numbers: Default::default(),
            nameless: false,
        }
    }

    /// Whether a call is in the set.
    #[must_use]
    pub fn contains(&self, abi: Abi, number: i32) -> bool {
        self.numbers[abi as usize].contains(&number) || self.nameless && name(abi, number).is_none()
    }

    /// Whether it has every call.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let all = |abi| numbers(abi).all(|number| self.contains(abi, number));
        self.nameless && Abi::ALL.into_iter().all(all)
    }

    /// Whether numbers that have no name and were not asked for are in it: then a filter must name what is *not* in the set.
    #[must_use]
    pub fn has_nameless(&self) -> bool {
        self.nameless
    }

    /// The numbers of one table that are in the set, smallest first, but for those that have no name
    /// ([`Self::has_nameless`]). Those of x32
    /// have bit 30 set.
    pub fn numbers(&self, abi: Abi) -> impl Iterator<Item = i32> + '_ {
        self.numbers[abi as usize].iter().copied()
    }

    /// Reads what `-e` of strace takes: `%file,read`, `trace=%network`, `!futex`, `/^epoll`, `?statx`, `all`, `none`, a
    /// number, each with `@64`,
    /// `@32` or `@x32` for one table alone. A `!` at the beginning is for all that follows, one before a later word takes
    /// that away.
    ///
    /// # Errors
    /// One line that says which word is wrong, and what was meant perhaps.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut text = text.trim();
        if let Some((before, after)) = text.split_once('=') {
            if !matches!(before, "trace" | "t") {
                return Err(format!(
                    "`{before}=` is not known here; write a set of calls, as trace=%file,read"
                ));
            }
            text = after;
        }
        let mut inverted = false;
        while let Some(rest) = text.strip_prefix('!') {
            inverted = !inverted;
            text = rest;
        }
        let mut set = Self::none();
        for word in text.split(',') {
            let (word, take) = match word.strip_prefix('!') {
                Some(word) => (word, true),
                None => (word, false),
            };
            let word = Word::parse(word)?;
            set.change(&word, take);
        }
        Ok(if inverted { set.inverted() } else { set })
    }

    fn change(&mut self, word: &Word, take: bool) {
        for (abi, number) in word.calls() {
            let numbers = &mut self.numbers[abi as usize];
            if take {
                numbers.remove(&number);
            } else {
                numbers.insert(number);
            }
        }
        if word.is_all() {
            self.nameless = !take;
        }
    }

    fn inverted(self) -> Self {
        let rest = |abi: Abi| {
            let all = numbers(abi);
            all.filter(|&number| !self.contains(abi, number)).collect()
        };
        Self {
            numbers: Abi::ALL.map(rest),
            nameless: !self.nameless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let set = CallSet::parse(text).expect(text);
        let numbers: Vec<i32> = set.numbers(Abi::X86_64).collect();
        let name = |number: i32| name(Abi::X86_64, number).expect("a name");
        numbers.into_iter().map(name).collect()
    }

    #[test]
    fn a_set_is_names_classes_patterns_and_numbers() {
        assert_eq!(names("read,write"), ["read", "write"]);
        assert_eq!(names("trace=read"), ["read"]);
        assert_eq!(names("t=39"), ["getpid"]);
        assert_eq!(names("none"), [""; 0]);
        assert_eq!(names("/^epoll_w"), ["epoll_wait_old", "epoll_wait"]);
        assert_eq!(names("%stat"), ["stat"]);
        assert_eq!(names("%lstat"), ["lstat"]);
        assert_eq!(names("%fstat"), ["fstat", "newfstatat", "statx"]);
        assert_eq!(names("%%stat").len(), 5);
        assert_eq!(names("%statfs,%fstatfs"), ["statfs", "fstatfs"]);
        assert_eq!(names("%%statfs"), ["ustat", "statfs", "fstatfs"]);
        assert_eq!(names("%ipc"), names("ipc"));
        assert_eq!(names("%net"), names("%network"));
        assert_eq!(names("%pure").len(), 8);
        let clocks = names("%clock");
        assert!(clocks.contains(&"clock_gettime") && !clocks.contains(&"nanosleep"));
        let files = names("%file");
        assert!(files.contains(&"openat") && !files.contains(&"read"));
        assert!(CallSet::parse("all").expect("all").is_all());
    }

    #[test]
    fn an_exclamation_mark_inverts_all_or_takes_away() {
        let without = names("!futex,read");
        assert!(!without.contains(&"futex") && !without.contains(&"read"));
        assert!(without.contains(&"write"));
        let files = names("%file,!openat");
        assert!(!files.contains(&"openat") && files.contains(&"open"));
        assert_eq!(names("!!read"), ["read"]);
        assert!(CallSet::parse("!none").expect("a set").is_all());
    }

    #[test]
    fn numbers_without_a_name_are_in_what_is_not_excluded() {
        let unknown = 100_000;
        let set = |text| CallSet::parse(text).expect(text);
        assert!(set("!read").contains(Abi::X86_64, unknown));
        assert!(!set("read").contains(Abi::X86_64, unknown));
        assert!(set("999").contains(Abi::X86_64, 999));
    }

    #[test]
    fn a_table_can_be_named() {
        let set = CallSet::parse("read@32,write@x32,close@64").expect("a set");
        let counts = Abi::ALL.map(|abi| set.numbers(abi).collect::<Vec<_>>());
        assert_eq!(counts, [vec![3], vec![3], vec![crate::X32_BIT | 1]]);
    }

    #[test]
    fn what_is_unknown_is_said_with_what_was_meant() {
        let error = |text| CallSet::parse(text).expect_err(text);
        assert_eq!(
            error("opennat"),
            "no system call `opennat`; did you mean openat?"
        );
        assert!(error("%fil").contains("did you mean %file?"));
        assert!(error("read,").contains("empty"));
        assert!(error("/(").contains("pattern"));
        assert!(error("read@16").contains("@64, @32 or @x32"));
        assert!(error("signal=all").contains("trace="));
        assert!(error("/^nothing$").contains("no system call"));
        assert_eq!(names("?no_such_call,?/^nothing$,read"), ["read"]);
        assert!(!error("\u{1b}[2J").contains('\u{1b}'));
    }
}
