//! One value of a set: a name, class, pattern or number.

use regex::Regex;
use trapline_trace_format::event::Abi;

use crate::kind::Class;
use crate::numbers::{X32_BIT, name, numbers};
use crate::table::in_class;

/// What a value says.
pub(super) struct Word {
    which: Which,
    /// The only table that it is about.
    abi: Option<Abi>,
}

enum Which {
    All,
    None,
    Number(i32),
    Name(String),
    Pattern(Regex),
    Classes(&'static [Class]),
}

/// strace's classes by their names; what needs a percent sign has it here.
const CLASSES: [(&str, &[Class]); 17] = [
    ("file", &[Class::File]),
    ("process", &[Class::Process]),
    ("network", &[Class::Network]),
    ("net", &[Class::Network]),
    ("signal", &[Class::Signal]),
    ("ipc", &[Class::Ipc]),
    ("desc", &[Class::Desc]),
    ("memory", &[Class::Memory]),
    ("%creds", &[Class::Creds]),
    ("%stat", &[Class::Stat]),
    ("%lstat", &[Class::Lstat]),
    ("%fstat", &[Class::Fstat]),
    ("%%stat", &[Class::Stat, Class::Lstat, Class::Fstat]),
    ("%statfs", &[Class::Statfs]),
    ("%fstatfs", &[Class::Fstatfs]),
    ("%%statfs", &[Class::Statfs, Class::Fstatfs, Class::Ustat]),
    ("%clock", &[Class::Clock]),
];
const PURE: (&str, &[Class]) = ("%pure", &[Class::Pure]);

impl Word {
    /// Reads one value. It must be of some call, unless it begins with a question mark.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (text, may_be_none) = match text.strip_prefix('?') {
            Some(text) => (text, true),
            None => (text, false),
        };
        if text.is_empty() {
            return Err(
                "an empty word in the set of calls; write names with a comma between them"
                    .to_owned(),
            );
        }
        // A pattern may have an @ of its own only before the last one, as in strace.
        let (value, abi) = match text.rsplit_once('@') {
            None => (text, None),
            Some((value, "64")) => (value, Some(Abi::X86_64)),
            Some((value, "32")) => (value, Some(Abi::I386)),
            Some((value, "x32")) => (value, Some(Abi::X32)),
            Some(_) => {
                return Err(format!(
                    "no table `{}`; write @64, @32 or @x32",
                    text.escape_debug()
                ));
            }
        };
        let which = which(value)?;
        let word = Self { which, abi };
        let found = matches!(word.which, Which::None) || word.calls().next().is_some();
        if found || may_be_none {
            Ok(word)
        } else {
            Err(format!(
                "no system call `{}`{}",
                text.escape_debug(),
                suggestion(value)
            ))
        }
    }

    /// Whether it is every call of every table.
    pub(super) fn is_all(&self) -> bool {
        matches!(self.which, Which::All) && self.abi.is_none()
    }

    /// The calls that it is about.
    pub(super) fn calls(&self) -> Box<dyn Iterator<Item = (Abi, i32)> + '_> {
        let abis = Abi::ALL
            .into_iter()
            .filter(|abi| self.abi.is_none_or(|only| only == *abi));
        if let Which::Number(number) = self.which {
            let of = move |abi| match abi {
                Abi::X32 => (abi, number | X32_BIT),
                Abi::X86_64 | Abi::I386 => (abi, number),
            };
            return Box::new(abis.map(of));
        }
        let all = abis.flat_map(|abi| numbers(abi).map(move |number| (abi, number)));
        Box::new(
            all.filter(|&(abi, number)| name(abi, number).is_some_and(|name| self.names(name))),
        )
    }

    fn names(&self, name: &str) -> bool {
        match &self.which {
            Which::All => true,
            Which::None | Which::Number(_) => false,
            Which::Name(wanted) => wanted == name,
            Which::Pattern(pattern) => pattern.is_match(name),
            Which::Classes(classes) => classes.iter().any(|class| in_class(name, *class)),
        }
    }
}

fn which(value: &str) -> Result<Which, String> {
    if let Some(pattern) = value.strip_prefix('/') {
        return match Regex::new(pattern) {
            Ok(pattern) => Ok(Which::Pattern(pattern)),
            Err(error) => {
                // What the crate says is of several lines; the last one is the reason.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                Err(format!(
                    "`{}` is no pattern: {}",
                    pattern.escape_debug(),
                    reason.trim_start_matches("error: ")
                ))
            }
        };
    }
    let class = CLASSES.iter().chain([&PURE]).find(|(class, _)| {
        *class == value || !class.starts_with('%') && value.strip_prefix('%') == Some(class)
    });
    Ok(match value {
        "all" | "%all" => Which::All,
        "none" | "%none" => Which::None,
        _ => match (class, value.parse()) {
            (Some((_, classes)), _) => Which::Classes(classes),
            (None, Ok(number)) if number >= 0 => Which::Number(number),
            _ => Which::Name(value.to_owned()),
        },
    })
}

/// What was meant perhaps.
fn suggestion(value: &str) -> String {
    let names = Abi::ALL
        .into_iter()
        .flat_map(|abi| numbers(abi).filter_map(move |number| name(abi, number)));
    let classes = CLASSES.iter().chain([&PURE]).map(|(class, _)| *class);
    let classes = classes.map(|class| format!("%{}", class.trim_start_matches('%')));
    let all = names.map(str::to_owned).chain(classes);
    let closest = all
        .map(|name| (strsim::normalized_damerau_levenshtein(value, &name), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match closest {
        Some((likeness, name)) if likeness >= 0.6 => format!("; did you mean {name}?"),
        _ => "; `man 2 syscalls` lists them".to_owned(),
    }
}
