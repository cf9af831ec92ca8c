//! Where the wall time went: one stacked bar of the whole, then a bar per part with its time and share.

use trapline_analyzer::summary::{Activity, Summary};

use super::axis::Scale;
use super::font;
use super::ink::{Ink, Shade};
use super::picture::{Anchor, LABEL, Picture};
use crate::partition::{self, Share};
use crate::units::duration;

const TITLE: &str = "Where the wall time went";
const TITLE_OF_LIVES: &str = "Where the threads' time went";
/// Processes with a row of their own.
const MAX_PROCESSES: usize = 12;
const STACK_TOP: i32 = 34;
const STACK_HEIGHT: i32 = 26;
const ROW: i32 = 31;

pub(super) fn draw(summary: &Summary, width: i32) -> Picture {
    let title = match summary.linux {
        Some(_) => TITLE_OF_LIVES,
        None => TITLE,
    };
    let rows = partition::shares_of_at_most(summary, MAX_PROCESSES);
    let total: i64 = rows.iter().map(|row| row.ns).sum();
    if total <= 0 {
        return Picture::nothing(title, width, "The trace covers no time.");
    }
    let mut picture = Picture::new(title, width);
    let inks = inks(&rows);
    let scale = Scale::linear(0.0, 100.0, (0, width - 1));
    let percent = |ns: i64| ns as f64 / total as f64 * 100.0;

    let mut before = 0;
    for (row, ink) in rows.iter().zip(&inks) {
        let (from, to) = (
            scale.place(percent(before)).round(),
            scale.place(percent(before + row.ns)).round(),
        );
        // A pixel of surface between neighbours, where there is room for one.
        let gap = if to - from > 3.0 { 1 } else { 0 };
        picture.rect(
            from as i32,
            STACK_TOP,
            (to - from) as i32 - gap,
            STACK_HEIGHT,
            *ink,
        );
        before += row.ns;
    }
    let mut y = STACK_TOP + STACK_HEIGHT + 12;
    for (row, ink) in rows.iter().zip(&inks) {
        let value = format!("{} · {}", duration(row.ns), row.percent());
        let room = width - font::width(&value, LABEL.size, true) * 11 / 10 - 24;
        let label = font::fitted(&row.label, LABEL.size, LABEL.bold, room);
        picture.text(0, y + 11, &label, LABEL, Anchor::Start, Ink::Text);
        picture.text(width, y + 11, &value, LABEL, Anchor::End, Ink::Text);
        // What is there is seen, however little.
        let length = (scale.place(percent(row.ns)).round() as i32).max(2);
        picture.rect(0, y + 17, length, 7, *ink);
        y += ROW;
    }
    let label = match summary.linux {
        Some(_) => format!(
            "share of the threads' lives, {} together (%)",
            duration(total)
        ),
        None => format!("share of the wall time of {} (%)", duration(total)),
    };
    picture.height = scale.draw(&mut picture, (None, y), &label, |p, _| format!("{p} %"));
    picture
}

fn inks(rows: &[Share]) -> Vec<Ink> {
    let ink = |(place, row): (usize, &Share)| match row.activity {
        Activity::User { .. } => Ink::User(Shade::at(place)),
        Activity::Kernel { cause, .. } => Ink::Kernel(cause),
        Activity::Switch => Ink::Switch,
        Activity::Idle | Activity::Blocked { .. } => Ink::Idle,
        Activity::Waiting { .. } => Ink::Switch,
        Activity::Tracer => Ink::Tracer,
    };
    rows.iter().enumerate().map(ink).collect()
}
