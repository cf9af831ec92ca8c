//! Names of flags and of values, as strace prints them. The numbers are libc's; where it has none, the kernel's headers'.
//!
//! Key type: [`Names`]. Neighbours: `names/*.rs` has the lists, in strace's order; `table.rs` says which argument has which.

mod descriptors;
mod files;
mod memory;
mod network;
mod processes;
mod system;

pub(crate) use descriptors::*;
pub(crate) use files::*;
pub(crate) use memory::*;
pub(crate) use network::*;
pub(crate) use processes::*;
pub(crate) use system::*;

/// Names for the values of an argument or for its bits.
#[derive(Debug)]
pub(crate) struct Names {
    /// Values and their names. Of flags that share bits the larger stands first.
    values: &'static [(u64, &'static str)],
    /// What is said of a value without a name.
    unknown: &'static str,
}

impl Names {
    /// The name of a value.
    pub(crate) fn name(&self, value: u64) -> Option<&'static str> {
        let found = self.values.iter().find(|(known, _)| *known == value);
        found.map(|(_, name)| *name)
    }

    /// The value as one of several.
    pub(crate) fn choice(&self, value: u64) -> String {
        match self.name(value) {
            Some(name) => name.to_owned(),
            None => format!("{value:#x} /* {} */", self.unknown),
        }
    }

    /// The value as a set of flags.
    pub(crate) fn flags(&self, value: u64) -> String {
        if value == 0 {
            return self.name(0).unwrap_or("0").to_owned();
        }
        let (names, rest) = self.split(value);
        if names.is_empty() {
            return format!("{rest:#x} /* {} */", self.unknown);
        }
        let mut text = names.join("|");
        if rest != 0 {
            text += &format!("|{rest:#x}");
        }
        text
    }

    /// The names of the flags in the value, and the bits that have none.
    pub(crate) fn split(&self, value: u64) -> (Vec<&'static str>, u64) {
        let mut rest = value;
        let mut names = Vec::new();
        for &(bits, name) in self.values {
            if bits != 0 && rest & bits == bits {
                names.push(name);
                rest &= !bits;
            }
        }
        (names, rest)
    }
}

/// The number of a name: libc's, unless one is given.
macro_rules! number {
    ($name:ident) => {
        libc::$name as u32 as u64
    };
    ($name:ident $value:expr) => {
        $value as u64
    };
}

/// One list of names for each block: what is said of other values, then the names, with a number where libc has none.
macro_rules! names {
    ($($(#[$doc:meta])* $list:ident, $unknown:literal: $($name:ident $(= $value:expr)?)*;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $list: $crate::names::Names = $crate::names::Names {
                values: &[$(($crate::names::number!($name $($value)?), stringify!($name))),*],
                unknown: $unknown,
            };
        )*
    };
}

pub(crate) use {names, number};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_and_the_rest_is_a_number() {
        assert_eq!(PROT.flags(3), "PROT_READ|PROT_WRITE");
        assert_eq!(PROT.flags(0), "PROT_NONE");
        assert_eq!(PROT.flags(0x1001), "PROT_READ|0x1000");
        assert_eq!(PROT.flags(0x1000), "0x1000 /* PROT_??? */");
        assert_eq!(MAP.flags(0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(AT.flags(0), "0");
    }

    #[test]
    fn a_choice_is_one_name() {
        assert_eq!(WHENCE.choice(1), "SEEK_CUR");
        assert_eq!(WHENCE.choice(77), "0x4d /* SEEK_??? */");
    }
}
