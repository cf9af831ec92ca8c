//! Histograms as small multiples: one row of bars per name over one logarithmic axis of time.
//!
//! Key type: [`Row`]. Neighbours: `syscall_cost.rs`, `switch_cost.rs`, and `quantum_accuracy.rs`, which shares [`bars`].

use trapline_analyzer::summary::{Bucket, Distribution};

use super::axis::Scale;
use super::font;
use super::ink::Ink;
use super::picture::{Anchor, LABEL, Picture, SMALL};
use crate::units::{count, duration, things, tick_duration};

/// One histogram.
pub(super) struct Row<'a> {
    /// Whose, safe to show.
    pub(super) name: String,
    /// Its colour.
    pub(super) ink: Ink,
    /// The values.
    pub(super) buckets: &'a [Bucket],
    /// Their percentiles, if known.
    pub(super) distribution: Option<&'a Distribution>,
}

/// Room for the ticks of the counts.
pub(super) const LEFT: i32 = 52;
const BARS: i32 = 44;
const ROW: i32 = 78;
/// A bar, with the pixel of surface after it.
const BAR: i32 = 5;

/// Draws the rows that have values. `what` is the unit of the counts, `axis` the label of the time axis.
pub(super) fn draw(
    title: &'static str,
    width: i32,
    rows: &[Row<'_>],
    (what, axis): (&str, &str),
    when_empty: &str,
) -> Picture {
    let rows: Vec<&Row<'_>> = rows
        .iter()
        .filter(|row| row.buckets.iter().any(|b| b.count > 0))
        .collect();
    let Some((low, high)) = range(rows.iter().flat_map(|row| row.buckets)) else {
        return Picture::nothing(title, width, when_empty);
    };
    let mut picture = Picture::new(title, width);
    let scaled = if width < 600 {
        ""
    } else {
        ", each row to its own largest"
    };
    let note = format!("{what} per bar{scaled}; the line across a row: its median");
    let note = font::fitted(&note, SMALL.size, SMALL.bold, width);
    picture.text(0, 38, &note, SMALL, Anchor::Start, Ink::Muted);
    // A little room on both sides, so that the outermost bars do not stick to the frame.
    let span = (LEFT, width - 8);
    let scale = Scale::logarithmic(low / 1.1, high * 1.1, span);
    let top = 50;
    let bottom = top + ROW * rows.len() as i32;
    // The grid first: headings of rows are drawn over it.
    picture.height = scale.draw(&mut picture, (Some(top), bottom), axis, tick_duration);
    for (index, row) in rows.into_iter().enumerate() {
        draw_row(&mut picture, top + ROW * index as i32, row, scale, span);
    }
    picture
}

fn draw_row(picture: &mut Picture, y: i32, row: &Row<'_>, scale: Scale, span: (i32, i32)) {
    let total: u64 = row.buckets.iter().map(|bucket| bucket.count).sum();
    let mut heading = format!("{}: {}", row.name, things(total, "value", "values"));
    if let Some(d) = row.distribution {
        heading.push_str(&format!(
            " · median {} · p99 {}",
            duration(d.p50_ns),
            duration(d.p99_ns)
        ));
    }
    let heading = font::fitted(&heading, LABEL.size, LABEL.bold, span.1 - span.0);
    picture.text_on_surface(span.0, y + 14, &heading, LABEL, Ink::Text);
    let base = y + 24 + BARS;
    draw_bars(
        picture,
        &bars(row.buckets, scale, span),
        span.0,
        (base, BARS),
        row.ink,
    );
    picture.rect(span.0, base, span.1 - span.0, 1, Ink::Muted);
    if let Some(d) = row.distribution {
        let x = scale.place(d.p50_ns as f64).round() as i32;
        picture.rect(x, base - BARS, 2, BARS, Ink::Text);
    }
}

/// A bar: pixels from and to, and how many values it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    from: i32,
    to: i32,
    count: f64,
}

/// The buckets as bars. Buckets that are wide enough to be seen are bars of their own; narrower ones are gathered.
pub(super) fn bars(buckets: &[Bucket], scale: Scale, (left, right): (i32, i32)) -> Vec<Bar> {
    let held: Vec<&Bucket> = buckets.iter().filter(|bucket| bucket.count > 0).collect();
    let place = |ns: i64| {
        scale
            .place(ns as f64)
            .round()
            .clamp(f64::from(left), f64::from(right)) as i32
    };
    let own = held.iter().map(|b| Bar {
        from: place(b.low_ns),
        to: place(b.high_ns),
        count: b.count as f64,
    });
    if own.clone().all(|bar| bar.to - bar.from >= BAR) {
        return own.collect();
    }
    let mut counts = vec![0.0; ((right - left) / BAR).max(1) as usize];
    for bucket in held {
        let column = |ns: i64| (scale.place(ns as f64) - f64::from(left)) / f64::from(BAR);
        let last = counts.len() as f64 - 1e-6;
        let from = column(bucket.low_ns).clamp(0.0, last);
        let to = column(bucket.high_ns).clamp(from, last);
        if to - from < 1.0 {
            counts[((from + to) / 2.0) as usize] += bucket.count as f64;
            continue;
        }
        // A bucket that spans several bars is shared among them.
        for (index, total) in counts
            .iter_mut()
            .enumerate()
            .take(to.ceil() as usize)
            .skip(from as usize)
        {
            let covered = to.min(index as f64 + 1.0) - from.max(index as f64);
            *total += bucket.count as f64 * covered / (to - from);
        }
    }
    let bar = |(index, count): (usize, f64)| {
        let from = left + index as i32 * BAR;
        Bar {
            from,
            to: from + BAR,
            count,
        }
    };
    counts
        .into_iter()
        .enumerate()
        .filter(|(_, count)| *count > 0.0)
        .map(bar)
        .collect()
}

/// Bars that stand on `base`, the largest `height` tall, with its count as a tick on the left.
pub(super) fn draw_bars(
    picture: &mut Picture,
    bars: &[Bar],
    left: i32,
    (base, height): (i32, i32),
    ink: Ink,
) {
    let largest = bars.iter().map(|bar| bar.count).fold(0.0, f64::max);
    for bar in bars {
        // One value among a million is a pixel high: rare slow cases are what one looks for.
        let tall = ((bar.count / largest * f64::from(height)).round() as i32).max(1);
        picture.rect(bar.from, base - tall, bar.to - bar.from - 1, tall, ink);
    }
    let tick = count(largest.round().max(1.0) as u64);
    picture.text(
        left - 6,
        base - height + 8,
        &tick,
        SMALL,
        Anchor::End,
        Ink::Muted,
    );
    picture.text(left - 6, base + 1, "0", SMALL, Anchor::End, Ink::Muted);
}

/// The smallest and the largest value that any bucket may hold.
pub(super) fn range<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Option<(f64, f64)> {
    let held = buckets.filter(|bucket| bucket.count > 0);
    let ends = held.map(|bucket| (bucket.low_ns, bucket.high_ns.max(bucket.low_ns)));
    let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    Some((low as f64, high as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_gets_lost_between_buckets_and_bars() {
        let buckets: Vec<Bucket> = (0..40)
            .map(|n| Bucket {
                low_ns: 900 + n * 37,
                high_ns: 937 + n * 37,
                count: (n * n) as u64,
            })
            .chain([Bucket {
                low_ns: 5_000_000,
                high_ns: 9_000_000,
                count: 3,
            }])
            .collect();
        let span = (50, 900);
        let (low, high) = range(buckets.iter()).unwrap();
        for scale in [
            Scale::logarithmic(low, high, span),
            Scale::linear(low, high, span),
        ] {
            let sum: f64 = bars(&buckets, scale, span)
                .iter()
                .map(|bar| bar.count)
                .sum();
            let values: u64 = buckets.iter().map(|b| b.count).sum();
            assert!((sum - values as f64).abs() < 1e-6, "{sum} is not {values}");
        }
    }

    #[test]
    fn buckets_without_values_have_no_range() {
        assert_eq!(
            range(
                [Bucket {
                    low_ns: 1,
                    high_ns: 2,
                    count: 0
                }]
                .iter()
            ),
            None
        );
    }
}
