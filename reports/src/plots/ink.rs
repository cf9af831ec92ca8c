//! Colours by what they stand for, in a light and a dark theme.
//!
//! Key types: [`Ink`] and [`Theme`]. The hues are those of Okabe and Ito with a few of Tol's muted ones, which stay apart
//! for colour-blind people; no picture tells things apart by colour alone. Within a theme no two inks share a colour,
//! since the page turns the colours of a drawn picture back into inks.

use trapline_trace_format::event::{Backing, Cause};

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// What the picture is drawn on.
    Surface,
    /// Words to read.
    Text,
    /// Words and lines in the background.
    Muted,
    /// The grid and the frame of empty bars.
    Grid,
    /// User mode; neighbouring threads get different shades.
    User(Shade),
    /// The kernel, by cause; none is a thread's way to its first instruction.
    Kernel(Option<Cause>),
    /// Memory, by what is behind it.
    Memory(Backing),
    /// Context switches.
    Switch,
    /// Nothing to run.
    Idle,
    /// The tracer.
    Tracer,
}

/// One of three shades, so that neighbours differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shade {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
}

impl Shade {
    /// The shade of the thing at this place in a row.
    #[must_use]
    pub fn at(place: usize) -> Self {
        [Self::First, Self::Second, Self::Third][place % 3]
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark words on white.
    #[default]
    Light,
    /// Light words on near black.
    Dark,
}

/// Red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

struct Entry(Ink, &'static str, u32, u32);

/// Ink, name, light colour, dark colour.
const INKS: [Entry; 24] = [
    Entry(Ink::Surface, "surface", 0xffffff, 0x15181d),
    Entry(Ink::Text, "text", 0x1b1f24, 0xe6e9ee),
    Entry(Ink::Muted, "muted", 0x5b6470, 0x9aa4b2),
    Entry(Ink::Grid, "grid", 0xe3e6ea, 0x2e343d),
    Entry(Ink::User(Shade::First), "user-1", 0x0072b2, 0x3d9bd8),
    Entry(Ink::User(Shade::Second), "user-2", 0x56a5d6, 0x86c4ec),
    Entry(Ink::User(Shade::Third), "user-3", 0x2b4f81, 0x5b7fb8),
    Entry(Ink::Kernel(None), "first-run", 0x882255, 0xc65a94),
    Entry(
        Ink::Kernel(Some(Cause::Syscall)),
        "syscall",
        0xe69f00,
        0xf0ad1f,
    ),
    Entry(Ink::Kernel(Some(Cause::Timer)), "timer", 0xc8420a, 0xf06a2f),
    Entry(
        Ink::Kernel(Some(Cause::PageFault)),
        "page-fault",
        0x009e73,
        0x1fbf92,
    ),
    Entry(
        Ink::Kernel(Some(Cause::Protection)),
        "protection",
        0x7a5195,
        0xb087cf,
    ),
    Entry(
        Ink::Kernel(Some(Cause::Illegal)),
        "illegal",
        0x8c5a2b,
        0xbd8a58,
    ),
    Entry(
        Ink::Kernel(Some(Cause::Divide)),
        "divide",
        0xb0a000,
        0xe0d24a,
    ),
    Entry(
        Ink::Kernel(Some(Cause::Breakpoint)),
        "breakpoint",
        0x44857d,
        0x6fc0b6,
    ),
    Entry(
        Ink::Kernel(Some(Cause::Signal)),
        "signal",
        0x3b3b6d,
        0x8d8de0,
    ),
    Entry(Ink::Memory(Backing::File), "file", 0x4477aa, 0x7fa8d9),
    Entry(Ink::Memory(Backing::Heap), "heap", 0xd98a00, 0xf2b134),
    Entry(
        Ink::Memory(Backing::Anonymous),
        "anonymous",
        0x228833,
        0x5cbf6b,
    ),
    Entry(Ink::Memory(Backing::Shared), "shared", 0xaa3377, 0xd873ac),
    Entry(Ink::Memory(Backing::Stack), "stack", 0xcc3311, 0xf07f63),
    Entry(Ink::Switch, "switch", 0xcc79a7, 0xe096c0),
    Entry(Ink::Idle, "idle", 0xc3c9d1, 0x4a525e),
    Entry(Ink::Tracer, "tracer", 0x858e99, 0x717b88),
];

impl Theme {
    /// The colour of an ink.
    pub(crate) fn colour(self, ink: Ink) -> Rgb {
        let entry = INKS.iter().find(|entry| entry.0 == ink).unwrap_or(&INKS[1]);
        let rgb = match self {
            Self::Light => entry.2,
            Self::Dark => entry.3,
        };
        let [_, red, green, blue] = rgb.to_be_bytes();
        (red, green, blue)
    }

    /// Every ink's name with its colour as `#RRGGBB`, as the SVG writer writes it.
    pub(crate) fn named(self) -> impl Iterator<Item = (&'static str, String)> {
        INKS.iter().map(move |entry| {
            let (red, green, blue) = self.colour(entry.0);
            (entry.1, format!("#{red:02X}{green:02X}{blue:02X}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_inks_share_a_colour() {
        for theme in [Theme::Light, Theme::Dark] {
            let colours: HashSet<String> = theme.named().map(|(_, colour)| colour).collect();
            assert_eq!(colours.len(), INKS.len(), "{theme:?}");
        }
    }

    #[test]
    fn every_cause_has_an_ink_of_its_own() {
        let words = Theme::Light.colour(Ink::Text);
        for cause in Cause::ALL {
            assert_ne!(
                Theme::Light.colour(Ink::Kernel(Some(cause))),
                words,
                "{cause:?}"
            );
        }
    }

    #[test]
    fn every_backing_has_an_ink_of_its_own() {
        let words = Theme::Light.colour(Ink::Text);
        for backing in Backing::ALL {
            assert_ne!(
                Theme::Light.colour(Ink::Memory(backing)),
                words,
                "{backing:?}"
            );
        }
    }
}
