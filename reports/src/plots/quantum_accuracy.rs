//! Quantum asked against got: how long threads had the CPU whose quantum expired, with the asked length marked.

use trapline_analyzer::summary::{PlotData, Summary};

use super::axis::Scale;
use super::font;
use super::histogram::{self, LEFT};
use super::ink::{Ink, Shade};
use super::picture::{Anchor, LABEL, Picture, SMALL};
use crate::units::{duration, things, tick_duration};

const TITLE: &str = "Quantum: asked against got";
const TOP: i32 = 66;
const BARS: i32 = 110;
/// Beyond this ratio of largest to smallest, equal lengths would hide the small values.
const LINEAR_UP_TO: f64 = 20.0;

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    let (Some(quantum), Some((low, high))) =
        (&summary.quantum, histogram::range(data.quanta.iter()))
    else {
        return Picture::nothing(TITLE, width, "No quantum expired in this trace.");
    };
    let asked = quantum.asked_ns as f64;
    let (low, high) = (low.min(asked), high.max(asked));
    let margin = ((high - low) * 0.05).max(high * 0.002);
    let span = (LEFT, width - 8);
    let (scale, kind) = if high / low.max(1.0) > LINEAR_UP_TO {
        (
            Scale::logarithmic(low / 1.1, high * 1.1, span),
            " (logarithmic)",
        )
    } else {
        (
            Scale::linear((low - margin).max(0.0), high + margin, span),
            "",
        )
    };
    let mut picture = Picture::new(TITLE, width);
    let got = &quantum.got;
    let note = format!(
        "{} · median {} · p99 {}; bars: quanta per bar",
        things(got.count, "expired quantum", "expired quanta"),
        duration(got.p50_ns),
        duration(got.p99_ns)
    );
    picture.text(
        0,
        38,
        &font::fitted(&note, SMALL.size, SMALL.bold, width),
        SMALL,
        Anchor::Start,
        Ink::Muted,
    );

    let base = TOP + BARS;
    let bars = histogram::bars(&data.quanta, scale, span);
    histogram::draw_bars(
        &mut picture,
        &bars,
        LEFT,
        (base, BARS),
        Ink::User(Shade::First),
    );
    mark(
        &mut picture,
        scale.place(asked).round() as i32,
        base,
        &format!("asked {}", duration(quantum.asked_ns)),
    );
    let label = format!("CPU time until the quantum expired{kind}");
    picture.height = scale.draw(&mut picture, (Some(TOP), base), &label, tick_duration);
    picture
}

/// A line over the whole height with its words above the bars, kept inside the picture.
fn mark(picture: &mut Picture, x: i32, base: i32, words: &str) {
    picture.rect(x, TOP - 6, 2, base - TOP + 6, Ink::Text);
    let half = font::width(words, LABEL.size, LABEL.bold) * 11 / 20 + 2;
    let at = x.min(picture.width - half).max(half);
    picture.text(at, TOP - 10, words, LABEL, Anchor::Middle, Ink::Text);
}
