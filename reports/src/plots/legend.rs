//! A legend above the data: swatches with words, in as many lines as they need.

use super::font;
use super::ink::Ink;
use super::picture::{Anchor, Picture, SMALL};

const SWATCH: i32 = 10;
const GAP: i32 = 16;
const LINE: i32 = 18;

/// Draws the entries from `top` down and returns where the data may start.
pub(crate) fn draw(picture: &mut Picture, top: i32, entries: &[(Ink, &str)]) -> i32 {
    let (mut x, mut y) = (0, top);
    for (ink, word) in entries {
        // A tenth more room than our font needs: an SVG is shown in the reader's.
        let width = SWATCH + 5 + font::width(word, SMALL.size, SMALL.bold) * 11 / 10;
        if x > 0 && x + width > picture.width {
            (x, y) = (0, y + LINE);
        }
        picture.rect(x, y + 2, SWATCH, SWATCH, *ink);
        picture.text(
            x + SWATCH + 5,
            y + 11,
            word,
            SMALL,
            Anchor::Start,
            Ink::Muted,
        );
        x += width + GAP;
    }
    y + LINE
}
