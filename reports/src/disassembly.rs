//! Machine code as text. Key types: [`Line`] and [`disassemble`]. The decoder and its Intel syntax are those of iced-x86.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its address.
    pub address: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// It in Intel syntax; `(bad)` if these bytes are no instruction.
    pub text: String,
}

/// The instructions around `pointer`, in the code that starts at `start`: at most `before` that end where it points, at most
/// `after` from there on, as far as the bytes are known.
///
/// x86 instructions have no fixed length, so what stands before the pointer is a guess: decoding starts at the lowest address
/// from which valid instructions lead to the pointer. Wherever decoding starts, it falls into step after a few instructions.
#[must_use]
pub fn disassemble(
    start: u64,
    code: &[Option<u8>],
    pointer: u64,
    before: usize,
    after: usize,
) -> Vec<Line> {
    let at = usize::try_from(pointer.wrapping_sub(start)).unwrap_or(usize::MAX);
    if at > code.len() {
        return Vec::new();
    }
    let (below, above) = code.split_at(at);
    let known = below.iter().rev().map_while(|byte| *byte);
    let mut below: Vec<u8> = known.collect();
    below.reverse();
    let above: Vec<u8> = above.iter().map_while(|byte| *byte).collect();
    let mut rows = (0..below.len()).filter_map(|skipped| {
        let code = &below[skipped..];
        let lines = lines(pointer.wrapping_sub(code.len() as u64), code);
        // The last instruction must not reach beyond the pointer, and none may be bad.
        lines.iter().all(|line| line.text != BAD).then_some(lines)
    });
    let mut shown = rows.next().unwrap_or_default();
    shown.drain(..shown.len().saturating_sub(before));
    shown.extend(lines(pointer, &above).into_iter().take(after));
    shown
}

const BAD: &str = "(bad)";

/// All instructions of these bytes.
fn lines(start: u64, code: &[u8]) -> Vec<Line> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_space_after_operand_separator(true);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let from = decoder.position();
        let instruction = decoder.decode();
        let bytes = code[from..decoder.position()].to_vec();
        let mut text = String::new();
        if instruction.is_invalid() {
            text.push_str(BAD);
        } else {
            formatter.format(&instruction, &mut text);
        }
        lines.push(Line {
            address: instruction.ip(),
            bytes,
            text,
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mov eax, 1; syscall; test rax, rax; jmp` to the first.
    const CODE: [u8; 12] = [0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x48, 0x85, 0xc0, 0xeb, 0xf4];

    fn known() -> Vec<Option<u8>> {
        CODE.iter().copied().map(Some).collect()
    }

    fn texts(lines: &[Line]) -> Vec<(u64, &str)> {
        lines
            .iter()
            .map(|line| (line.address, &*line.text))
            .collect()
    }

    #[test]
    fn instructions_before_the_pointer_end_where_it_points() {
        let lines = disassemble(0x1000, &known(), 0x1007, 2, 2);
        let expected = [
            (0x1000, "mov eax, 1"),
            (0x1005, "syscall"),
            (0x1007, "test rax, rax"),
            (0x100a, "jmp 0x1000"),
        ];
        assert_eq!(texts(&lines), expected);
        assert_eq!(lines[1].bytes, [0x0f, 0x05]);
    }

    #[test]
    fn no_more_is_shown_than_asked_for_or_known() {
        let lines = disassemble(0x1000, &known(), 0x1007, 1, 1);
        assert_eq!(
            texts(&lines),
            [(0x1005, "syscall"), (0x1007, "test rax, rax")]
        );
        let mut holes = known();
        holes[6] = None;
        holes[10] = None;
        let lines = disassemble(0x1000, &holes, 0x1007, 9, 9);
        assert_eq!(texts(&lines), [(0x1007, "test rax, rax")]);
        assert_eq!(disassemble(0x1000, &[None; 4], 0x1002, 9, 9), []);
        assert_eq!(disassemble(0x1000, &known(), 0x5000, 9, 9), []);
    }

    #[test]
    fn what_is_no_instruction_is_said_to_be_none() {
        let lines = disassemble(0x1000, &[Some(0x06), Some(0x90)], 0x1000, 0, 2);
        assert_eq!(lines[0].text, BAD);
    }
}
