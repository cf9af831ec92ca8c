//! Strings from a trace made safe to show: the one place where that happens.
//!
//! A program chooses its own name and arguments, so a trace may hold terminal escape sequences, line breaks or
//! characters that reorder what follows. [`escape`] writes those as `\n`, `\u{1b}` and so on. What it returns is one
//! line and cannot steer a terminal; it may still hold `<` and `&`, which the HTML and SVG writers escape themselves.

use std::borrow::Cow;

/// The text with every character that a terminal or a page might act on written as an escape.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Bytes as text: UTF-8 where they are, `\u{fffd}` where they are not, and escaped as [`escape`] does.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes)).into_owned()
}

/// [`escape`], but with line breaks and tabs left as they are: for what a program prints.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    let keep = ['\n', '\t'];
    text.split_inclusive(keep)
        .map(|part| {
            let body = part.trim_end_matches(keep);
            format!("{}{}", escape(body), &part[body.len()..])
        })
        .collect()
}

/// [`escape`], and cut to at most `max` characters with an ellipsis.
#[must_use]
pub fn escape_short(text: &str, max: usize) -> String {
    let safe = escape(text);
    if safe.chars().count() <= max {
        return safe.into_owned();
    }
    let mut short: String = safe.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Zero-width characters and marks that set the direction of writing.
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            // Line and paragraph separators, embeddings and overrides of the direction of writing.
            | '\u{2028}'..='\u{202e}'
            // Interlinear annotations, tags, and what is not a character at all (which XML forbids).
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_as_it_is() {
        assert!(matches!(escape("spin 500 → µs · 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_terminal_escape_sequence_cannot_pass() {
        assert_eq!(escape("a\u{1b}]0;title\u{7}b"), "a\\u{1b}]0;title\\u{7}b");
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn a_line_break_stays_on_its_line() {
        assert_eq!(escape("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(escape("a\u{2028}b"), "a\\u{2028}b");
    }

    #[test]
    fn the_direction_of_writing_cannot_be_turned() {
        assert_eq!(escape("\u{202e}txt"), "\\u{202e}txt");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_not_passed() {
        assert_eq!(escape_bytes(b"ok\xff\x1b"), "ok\u{fffd}\\u{1b}");
    }

    #[test]
    fn what_a_program_prints_keeps_its_lines_and_nothing_else() {
        assert_eq!(
            escape_lines("a\tb\n\n\u{1b}[2Jc\r\n"),
            "a\tb\n\n\\u{1b}[2Jc\\r\n"
        );
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(escape_short("abcdef", 4), "abc…");
        assert_eq!(escape_short("abcd", 4), "abcd");
    }
}
