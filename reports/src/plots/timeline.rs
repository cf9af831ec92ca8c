//! Who had the CPU when: a lane per thread and one for idle, the kernel visits as marks under each lane.
//!
//! Twenty thousand intervals do not fit on a page: time is cut into columns of pixels, and a column is as strong as the
//! share of it that the thread had the CPU. The mark of a column is that of the cause with the most kernel time in it.

use std::collections::HashMap;

use trapline_analyzer::summary::{PlotData, Summary};
use trapline_trace_format::event::Cause;

use super::axis::Scale;
use super::ink::{Ink, Shade};
use super::picture::{Anchor, LABEL, Picture, SMALL};
use super::{font, legend};
use crate::labels;
use crate::units::{duration, tick_duration};

const TITLE: &str = "Timeline: who had the CPU";
/// More lanes than this are not legible; those of the threads with most CPU time stay.
const MAX_LANES: usize = 24;
/// Steps of strength of a column.
const STEPS: f64 = 5.0;
const LANE: i32 = 36;
const BAR: i32 = 18;
const MARKS: i32 = 6;

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    if data.slices.is_empty() || data.shown_ns <= 0 {
        return Picture::nothing(TITLE, width, "No thread had the CPU in this trace.");
    }
    let (lanes, left_out) = lanes(summary, data);
    let mut picture = Picture::new(TITLE, width);
    picture.text(
        0,
        38,
        &subtitle(summary, data, left_out, width),
        SMALL,
        Anchor::Start,
        Ink::Muted,
    );
    let causes = causes(data);
    let mut entries = vec![(Ink::User(Shade::First), "has the CPU (user and kernel)")];
    if lanes.iter().any(|lane| lane.thread == 0) {
        entries.push((Ink::Idle, "idle"));
    }
    let marks: Vec<String> = causes
        .iter()
        .map(|cause| format!("kernel: {}", cause.word()))
        .collect();
    entries.extend(
        causes
            .iter()
            .zip(&marks)
            .map(|(cause, word)| (Ink::Kernel(Some(*cause)), word.as_str())),
    );
    let top = legend::draw(&mut picture, 48, &entries) + 6;

    let left = if width < 600 { 84 } else { 140 };
    let span = (left, width - 8);
    // Many lanes get columns twice as wide, so that the file stays small.
    let grain = if lanes.len() > 8 { 2 } else { 1 };
    let mut y = top;
    for lane in &lanes {
        let label = font::fitted(&lane.label, LABEL.size, LABEL.bold, left - 12);
        picture.text(left - 8, y + 14, &label, LABEL, Anchor::End, Ink::Text);
        let columns = Columns {
            span,
            grain,
            shown_ns: data.shown_ns,
        };
        draw_busy(&mut picture, y, lane, data, columns);
        draw_visits(&mut picture, y + BAR + 2, lane, data, columns);
        y += LANE;
    }
    let scale = Scale::linear(0.0, data.shown_ns as f64, span);
    picture.height = scale.draw(
        &mut picture,
        (Some(top - 4), y),
        "time since the start of the trace",
        tick_duration,
    );
    picture
}

/// The strip of one thread.
struct Lane {
    thread: u32,
    label: String,
    ink: Ink,
}

/// The lanes from top to bottom, idle last, and how many threads have none.
fn lanes(summary: &Summary, data: &PlotData) -> (Vec<Lane>, usize) {
    let mut totals: HashMap<u32, i64> = HashMap::new();
    for slice in &data.slices {
        let ns = slice.end_ns.saturating_sub(slice.start_ns);
        let total = totals.entry(slice.thread).or_default();
        *total = total.saturating_add(ns);
    }
    let mut busy: Vec<(u32, i64)> = totals.into_iter().collect();
    let idle = busy.iter().any(|(thread, _)| *thread == 0);
    busy.retain(|(thread, _)| *thread != 0);
    busy.sort_by_key(|(thread, ns)| (std::cmp::Reverse(*ns), *thread));
    let left_out = busy.len().saturating_sub(MAX_LANES);
    busy.truncate(MAX_LANES);
    // Threads of a process together; ids rise with arrival.
    let process_of: HashMap<u32, u32> = summary
        .threads
        .iter()
        .map(|thread| (thread.thread, thread.process))
        .collect();
    busy.sort_by_key(|(thread, _)| {
        let process = process_of.get(thread).copied();
        (process.unwrap_or(u32::MAX), *thread)
    });
    let mut lanes: Vec<Lane> = busy
        .iter()
        .map(|(thread, _)| Lane {
            thread: *thread,
            label: labels::thread(summary, *thread),
            ink: Ink::User(Shade::First),
        })
        .collect();
    if idle {
        lanes.push(Lane {
            thread: 0,
            label: "idle".to_owned(),
            ink: Ink::Idle,
        });
    }
    (lanes, left_out)
}

fn subtitle(summary: &Summary, data: &PlotData, left_out: usize, width: i32) -> String {
    let mut text = if data.shown_ns < summary.wall_ns {
        format!(
            "the first {} of {}: the rest does not fit",
            duration(data.shown_ns),
            duration(summary.wall_ns)
        )
    } else {
        format!("the whole {}", duration(summary.wall_ns))
    };
    if left_out > 0 {
        text.push_str(&format!(
            "; {left_out} threads with less CPU time are not shown"
        ));
    }
    font::fitted(&text, SMALL.size, SMALL.bold, width)
}

fn causes(data: &PlotData) -> Vec<Cause> {
    Cause::ALL
        .into_iter()
        .filter(|cause| data.visits.iter().any(|visit| visit.cause == *cause))
        .collect()
}

/// Pixels that time is cut into.
#[derive(Clone, Copy)]
struct Columns {
    span: (i32, i32),
    grain: i32,
    shown_ns: i64,
}

impl Columns {
    fn count(self) -> usize {
        ((self.span.1 - self.span.0) / self.grain).max(1) as usize
    }

    fn left(self, column: usize) -> i32 {
        self.span.0 + column as i32 * self.grain
    }

    /// Calls `add` for each column that the interval touches, with the share of the column that it covers.
    fn spread(self, start_ns: i64, end_ns: i64, mut add: impl FnMut(usize, f64)) {
        let per_ns = self.count() as f64 / self.shown_ns as f64;
        let from = (start_ns.clamp(0, self.shown_ns) as f64 * per_ns).min(self.count() as f64);
        let to = (end_ns.clamp(0, self.shown_ns) as f64 * per_ns).min(self.count() as f64);
        let last =
            (to.ceil() as usize).clamp(from as usize + 1, self.count().max(from as usize + 1));
        for column in from as usize..last.min(self.count()) {
            let share = (to.min(column as f64 + 1.0) - from.max(column as f64)).max(0.0);
            add(column, share);
        }
    }
}

fn draw_busy(picture: &mut Picture, y: i32, lane: &Lane, data: &PlotData, columns: Columns) {
    let mut busy = vec![0.0; columns.count()];
    for slice in data
        .slices
        .iter()
        .filter(|slice| slice.thread == lane.thread)
    {
        columns.spread(slice.start_ns, slice.end_ns, |column, share| {
            busy[column] += share
        });
    }
    // What was on the CPU at all is seen; the rest is rounded to steps, so that like neighbours join.
    let steps: Vec<u8> = busy
        .iter()
        .map(|share| {
            if *share > 0.0 {
                (share * STEPS).round().clamp(1.0, STEPS) as u8
            } else {
                0
            }
        })
        .collect();
    for (from, to, step) in runs(&steps) {
        if step > 0 {
            let (left, right) = (columns.left(from), columns.left(to));
            picture.faded_rect(
                left,
                y,
                right - left,
                BAR,
                lane.ink,
                f64::from(step) / STEPS,
            );
        }
    }
}

fn draw_visits(picture: &mut Picture, y: i32, lane: &Lane, data: &PlotData, columns: Columns) {
    let mut time = vec![[0.0; Cause::ALL.len()]; columns.count()];
    for visit in data
        .visits
        .iter()
        .filter(|visit| visit.thread == lane.thread)
    {
        let Some(cause) = Cause::ALL.iter().position(|cause| *cause == visit.cause) else {
            continue;
        };
        // A visit shorter than the clock's step still was one.
        columns.spread(visit.start_ns, visit.end_ns, |column, share| {
            time[column][cause] += share.max(1e-9)
        });
    }
    let most = |times: &[f64; Cause::ALL.len()]| {
        let (cause, most) = times.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        (*most > 0.0).then_some(Cause::ALL[cause])
    };
    let marks: Vec<Option<Cause>> = time.iter().map(most).collect();
    for (from, to, mark) in runs(&marks) {
        if let Some(cause) = mark {
            let (left, right) = (columns.left(from), columns.left(to));
            picture.rect(left, y, right - left, MARKS, Ink::Kernel(Some(cause)));
        }
    }
}

/// Neighbours that are equal, as (from, to, value) with `to` excluded.
fn runs<T: PartialEq + Copy>(values: &[T]) -> Vec<(usize, usize, T)> {
    let mut runs: Vec<(usize, usize, T)> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        match runs.last_mut() {
            Some((_, to, same)) if *same == *value => *to = index + 1,
            _ => runs.push((index, index + 1, *value)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spread_over_columns_is_neither_lost_nor_made() {
        let columns = Columns {
            span: (0, 100),
            grain: 1,
            shown_ns: 1_000_003,
        };
        for (start, end) in [
            (0, 1_000_003),
            (17, 18),
            (9_999, 710_001),
            (1_000_002, 1_000_003),
        ] {
            let mut sum = 0.0;
            columns.spread(start, end, |column, share| {
                assert!(column < 100 && share <= 1.0 + 1e-9);
                sum += share;
            });
            let expected = (end - start) as f64 / 1_000_003.0 * 100.0;
            assert!(
                (sum - expected).abs() < 1e-6,
                "{start}..{end}: {sum} is not {expected}"
            );
        }
    }

    #[test]
    fn an_interval_outside_of_the_picture_does_no_harm() {
        let columns = Columns {
            span: (0, 10),
            grain: 1,
            shown_ns: 100,
        };
        columns.spread(500, 900, |column, share| {
            assert!(column < 10 && share == 0.0)
        });
        columns.spread(-5, 300, |column, _| assert!(column < 10));
    }
}
