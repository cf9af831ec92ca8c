//! The text of a call as strace prints it: what is known when it begins, what is known when it returns, its result.
//!
//! Key type: [`Occurrence`]. Neighbours: `text/arguments.rs` prints by the kinds of the table, `text/structures.rs`,
//! `text/sockets.rs` and `text/signals.rs` what is behind pointers, `text/results.rs` results, `text/escape.rs` bytes.
//! Everything that comes from a trace is untrusted: lengths are checked, bytes escaped.

mod arguments;
pub(crate) mod escape;
mod memory;
mod results;
pub(crate) mod signals;
mod sockets;
mod special;
mod structures;

use trapline_trace_format::event::{Abi, Pointed};

use crate::fetch::DATA_BYTES;
use crate::kind::{Call, Kind};
use crate::table::call;

/// How calls are printed.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Most bytes of data and items of arrays that are shown (`-s` of strace).
    pub string_bytes: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            string_bytes: DATA_BYTES,
        }
    }
}

/// One call that was made.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    /// Whose number it is.
    pub abi: Abi,
    /// The call's number.
    pub number: i32,
    /// The argument registers.
    pub arguments: [u64; 6],
    /// What arguments pointed to when the call began.
    pub given: &'a [Pointed],
    /// What arguments pointed to when it returned.
    pub got: &'a [Pointed],
    /// What it returned, an error as negated errno; none: it did not return.
    pub result: Option<i64>,
}

impl Occurrence<'_> {
    /// The name that strace prints: `syscall_0x3e8` for a number without one.
    #[must_use]
    pub fn name(&self) -> String {
        crate::name(self.abi, self.number)
            .map_or_else(|| format!("syscall_{:#x}", self.number), ToOwned::to_owned)
    }

    /// Name and arguments as far as they are known when the call begins, `read(3, `.
    #[must_use]
    pub fn beginning(&self, style: Style) -> String {
        let printed = self.printed(style);
        format!("{}({}", self.name(), printed.known)
    }

    /// The arguments that are known when it returns, with the parenthesis: `"text", 100)`.
    #[must_use]
    pub fn end(&self, style: Style) -> String {
        let printed = self.printed(style);
        format!("{})", printed.rest)
    }

    /// What stands behind the equals sign.
    #[must_use]
    pub fn outcome(&self, style: Style) -> String {
        results::outcome(self, style)
    }

    fn row(&self) -> Option<&'static Call> {
        call(self.abi, self.number)
    }

    fn kind(&self, argument: usize) -> Option<Kind> {
        let kind = self.row()?.arguments.get(argument)?;
        Some(kind.of(&self.arguments))
    }

    /// Whether it returned and did not fail.
    fn succeeded(&self) -> bool {
        self.result.is_some_and(|result| !is_error(result))
    }

    fn printed(&self, style: Style) -> Printed {
        let Some(row) = self.row() else {
            let all = self.arguments.map(arguments::hex);
            return Printed::known(all.join(", "));
        };
        if let Some(printed) = special::printed(self, row, style) {
            return printed;
        }
        let mut printed = Printed::default();
        let (mut first, mut rest) = (true, false);
        for place in 0..row.arguments.len() {
            let Some(kind) = self.kind(place) else {
                continue;
            };
            let cut_here = !rest && arguments::needs_return(kind);
            let Some(text) = arguments::text(self, place, kind, style) else {
                continue;
            };
            let separator = if std::mem::take(&mut first) { "" } else { ", " };
            // The comma stands before the point where a call may be cut.
            let half = if rest {
                &mut printed.rest
            } else {
                &mut printed.known
            };
            *half += separator;
            rest |= cut_here;
            let half = if rest {
                &mut printed.rest
            } else {
                &mut printed.known
            };
            *half += &text;
        }
        printed
    }
}

/// The arguments in two halves.
#[derive(Default)]
struct Printed {
    /// Known when the call begins.
    known: String,
    /// Known when it returns.
    rest: String,
}

impl Printed {
    fn known(known: String) -> Self {
        Self {
            known,
            rest: String::new(),
        }
    }
}

/// Whether a result says that the call failed.
#[must_use]
pub(crate) fn is_error(result: i64) -> bool {
    (-4095..0).contains(&result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(abi: Abi, number: i32, arguments: [u64; 6], given: &[Pointed], result: i64) -> String {
        let call = Occurrence {
            abi,
            number,
            arguments,
            given,
            got: &[],
            result: Some(result),
        };
        let style = Style::default();
        let (beginning, end) = (call.beginning(style), call.end(style));
        format!("{beginning}{end} = {}", call.outcome(style))
    }

    fn text(argument: u8, bytes: &[u8], length: u64) -> Pointed {
        Pointed {
            argument,
            part: 0,
            length,
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn a_number_without_a_name_shows_its_registers() {
        assert_eq!(
            line(Abi::X86_64, 1000, [1, 0, 3, 4, 5, 6], &[], -38),
            "syscall_0x3e8(0x1, 0, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)"
        );
    }

    #[test]
    fn a_path_is_told_empty_or_an_address_when_it_could_not_be_read() {
        const CHDIR: i32 = 80;
        let chdir = |address, given: &[Pointed]| {
            line(Abi::X86_64, CHDIR, [address, 0, 0, 0, 0, 0], given, 0)
        };
        assert_eq!(chdir(16, &[text(0, b"/a", 3)]), "chdir(\"/a\") = 0");
        assert_eq!(chdir(16, &[text(0, b"", 1)]), "chdir(\"\") = 0");
        assert_eq!(chdir(16, &[text(0, b"", 0)]), "chdir(0x10) = 0");
        assert_eq!(chdir(0, &[]), "chdir(NULL) = 0");
    }

    #[test]
    fn calls_of_32_bits_have_their_own_numbers_arguments_and_words() {
        const WRITE: i32 = 4;
        const MMAP: i32 = 90;
        let given = [text(1, b"x", 1)];
        assert_eq!(
            line(Abi::I386, WRITE, [1, 16, 1, 0, 0, 0], &given, 1),
            "write(1, \"x\", 1) = 1"
        );
        // Its only argument is a pointer to the six.
        assert_eq!(
            line(Abi::I386, MMAP, [0x1000, 2, 3, 4, 5, 6], &[], 0x2000),
            "mmap(0x1000) = 0x2000"
        );
    }

    #[test]
    fn the_mode_of_a_file_is_shown_where_one_may_be_made() {
        const OPEN: i32 = 2;
        let open = |flags: i32| {
            let arguments = [0, u64::from(flags as u32), 0o640, 0, 0, 0];
            line(Abi::X86_64, OPEN, arguments, &[], 3)
        };
        assert_eq!(open(libc::O_RDWR), "open(NULL, O_RDWR) = 3");
        assert_eq!(
            open(libc::O_RDWR | libc::O_CREAT),
            "open(NULL, O_RDWR|O_CREAT, 0640) = 3"
        );
    }
}
