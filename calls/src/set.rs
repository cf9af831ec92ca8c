//! Sets of calls, in the words of strace's `-e`.
//!
//! Key type: [`CallSet`].

use trapline_trace_format::event::Abi;

/// Which calls are traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSet {
    /// Sorted.
    numbers: [Vec<i32>; Abi::ALL.len()],
    /// Whether numbers that have no name are in it.
    nameless: bool,
}

impl CallSet {
    /// Every call.
    #[must_use]
    pub fn all() -> Self {
        Self {
            numbers: Abi::ALL.map(|abi| crate::numbers(abi).collect()),
            nameless: true,
        }
    }

    /// Whether a call is in the set.
    #[must_use]
    pub fn contains(&self, abi: Abi, number: i32) -> bool {
        match crate::name(abi, number) {
            None => self.nameless,
            Some(_) => self.numbers[abi as usize].binary_search(&number).is_ok(),
        }
    }

    /// Whether it has every call.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.nameless
            && Abi::ALL
                .into_iter()
                .all(|abi| self.numbers(abi).eq(crate::numbers(abi)))
    }

    /// Whether numbers that have no name are in it.
    #[must_use]
    pub fn has_nameless(&self) -> bool {
        self.nameless
    }

    /// The numbers of one table that are in the set and have a name, smallest first. Those of x32 have bit 30 set.
    pub fn numbers(&self, abi: Abi) -> impl Iterator<Item = i32> + '_ {
        self.numbers[abi as usize].iter().copied()
    }

    /// Reads `file,!open,...`: what `-e` and `-e trace=` of strace take.
    ///
    /// # Errors
    /// One line that says which part is wrong, and what was meant perhaps.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.strip_prefix("trace=").unwrap_or(text);
        let mut set = Self {
            numbers: Default::default(),
            nameless: false,
        };
        for word in words.split(',') {
            if word == "all" {
                return Ok(Self::all());
            }
            for abi in Abi::ALL {
                set.numbers[abi as usize]
                    .extend(crate::numbers(abi).filter(|&n| crate::name(abi, n) == Some(word)));
            }
        }
        for numbers in &mut set.numbers {
            numbers.sort_unstable();
        }
        Ok(set)
    }
}
