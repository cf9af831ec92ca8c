//! Bytes as strace shows them: printable ASCII as it is, the rest as C escapes with octal numbers.
//!
//! What comes out has no control character, whatever comes in.

/// A text in quotation marks; dots behind it when only its beginning is shown. `length` is what it has in the program.
pub(crate) fn quoted(bytes: &[u8], length: u64, most: usize) -> String {
    let shown = &bytes[..bytes.len().min(most)];
    let dots = if length > shown.len() as u64 {
        "..."
    } else {
        ""
    };
    format!("\"{}\"{dots}", escaped(shown))
}

/// The same with every byte in hexadecimal digits.
pub(crate) fn quoted_hex(bytes: &[u8], length: u64, most: usize) -> String {
    let shown = &bytes[..bytes.len().min(most)];
    let dots = if length > shown.len() as u64 {
        "..."
    } else {
        ""
    };
    let digits: String = shown.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{digits}\"{dots}")
}

/// A text up to its zero, in quotation marks. `length` counts the zero.
pub(crate) fn quoted_text(bytes: &[u8], length: u64, most: usize) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let text = &bytes[..end.unwrap_or(bytes.len())];
    let length = match end {
        Some(end) => end as u64,
        None => length.saturating_sub(1).max(text.len() as u64),
    };
    quoted(text, length, most)
}

/// Escaped without quotation marks.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for (place, &byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => text += "\\\"",
            b'\\' => text += "\\\\",
            b'\n' => text += "\\n",
            b'\t' => text += "\\t",
            b'\r' => text += "\\r",
            0x0b => text += "\\v",
            0x0c => text += "\\f",
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // An octal digit behind a short number would be taken for a part of it.
                let digit = matches!(bytes.get(place + 1), Some(b'0'..=b'7'));
                text += &if digit {
                    format!("\\{byte:03o}")
                } else {
                    format!("\\{byte:o}")
                };
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_strace_shows_them() {
        let bytes = b"hello\n\t\"\\\x01\x019\x00\xff and a text that is longer";
        let shown = quoted(bytes, 58, 32);
        // As strace 6.1 prints a write of these bytes.
        assert_eq!(shown, r#""hello\n\t\"\\\1\19\0\377 and a text that i"..."#);
        assert_eq!(quoted(b"", 0, 32), "\"\"");
        assert_eq!(quoted(b"\08", 2, 32), r#""\08""#);
        assert_eq!(quoted(&[0, b'7'], 2, 32), r#""\0007""#);
        assert_eq!(quoted_hex(b";\xb1", 2, 32), r#""\x3b\xb1""#);
    }

    #[test]
    fn a_text_ends_at_its_zero() {
        assert_eq!(quoted_text(b"ab\0", 3, 4096), "\"ab\"");
        assert_eq!(quoted_text(b"abcd", 100, 4), "\"abcd\"...");
        assert_eq!(quoted_text(b"abcd", 5, 4), "\"abcd\"");
    }

    #[test]
    fn no_byte_reaches_a_terminal_as_it_is() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(
            escaped(&all)
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte))
        );
    }
}
