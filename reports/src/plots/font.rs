//! The embedded font: registered with plotters once, and measured.
//!
//! SVG names the generic family `sans-serif` and lets the reader's system choose; PNG draws Noto Sans. Widths are those
//! of Noto Sans with some room for a wider font.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// plotters' ab_glyph back end takes a size to be ascent to descent; of Noto Sans that is this many em.
pub(super) const BITMAP_SIZE_PER_EM: f64 = 1.362;

/// The width of a text in pixels, `size` pixels to the em.
pub(crate) fn width(text: &str, size: i32, bold: bool) -> i32 {
    register();
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font = FontDesc::new(
        FontFamily::SansSerif,
        f64::from(size) * BITMAP_SIZE_PER_EM,
        style,
    );
    let measured = font
        .layout_box(text)
        .map(|((left, _), (right, _))| right - left);
    // Without a font nothing can be drawn either; the guess only keeps the layout finite.
    measured.unwrap_or_else(|_| text.chars().count() as i32 * size * 6 / 10)
}

/// The text, cut with an ellipsis where it is wider than `room`, less a tenth for a reader's font wider than ours.
pub(crate) fn fitted(text: &str, size: i32, bold: bool, room: i32) -> String {
    let room = room * 10 / 11;
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let cut: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&cut, size, bold) <= room {
            return cut;
        }
    }
    String::new()
}

/// Makes the font known to plotters. Cheap after the first time.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only for a font file that is no font, and a test draws with both.
        let _ = register_font("sans-serif", FontStyle::Normal, ttf_noto_sans::REGULAR);
        let _ = register_font("sans-serif", FontStyle::Bold, ttf_noto_sans::BOLD);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_its_room() {
        let cut = fitted("a name that is far too long for its lane", 12, false, 80);
        assert!(cut.ends_with('…'));
        assert!(width(&cut, 12, false) <= 80);
        assert_eq!(fitted("short", 12, false, 80), "short");
    }

    #[test]
    fn both_weights_of_the_font_are_there() {
        assert!(width("abc", 12, true) > width("abc", 12, false));
    }
}
