//! Scales and their ticks: values to pixels, linear or logarithmic.
//!
//! Key type: [`Scale`]. Values are nanoseconds or percent.

use super::font;
use super::ink::Ink;
use super::picture::{Anchor, Picture, SMALL, Shape};

/// Values between `low` and `high` on pixels between `left` and `right`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    left: i32,
    right: i32,
    logarithmic: bool,
}

impl Scale {
    /// Equal steps are equal lengths.
    pub(crate) fn linear(low: f64, high: f64, (left, right): (i32, i32)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self {
            low,
            high,
            left,
            right,
            logarithmic: false,
        }
    }

    /// Equal ratios are equal lengths. Values below 1 are drawn at 1.
    pub(crate) fn logarithmic(low: f64, high: f64, (left, right): (i32, i32)) -> Self {
        let low = low.max(1.0);
        // A range without width would put everything at one pixel.
        let high = high.max(low * 1.5);
        Self {
            low,
            high,
            left,
            right,
            logarithmic: true,
        }
    }

    /// The pixel of a value, not rounded and not clipped.
    pub(crate) fn place(self, value: f64) -> f64 {
        let part = if self.logarithmic {
            (value.max(1.0) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        f64::from(self.left) + part * f64::from(self.right - self.left)
    }

    /// Round values within the range, about `room` pixels apart.
    pub(crate) fn ticks(self, room: i32) -> Vec<f64> {
        let most = ((self.right - self.left) / room.max(1)).max(2) as usize;
        if self.logarithmic {
            for steps in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]] {
                let ticks = self.log_ticks(steps);
                if ticks.len() <= most && (ticks.len() >= 2 || steps.len() == 1) {
                    return if ticks.len() < 2 {
                        self.linear_ticks(most)
                    } else {
                        ticks
                    };
                }
            }
            let decades = self.log_ticks(&[1.0]);
            let stride = decades.len().div_ceil(most).max(1);
            return decades.into_iter().step_by(stride).collect();
        }
        self.linear_ticks(most)
    }

    fn log_ticks(self, steps: &[f64]) -> Vec<f64> {
        let mut ticks = Vec::new();
        for decade in 0..19 {
            ticks.extend(steps.iter().map(|step| step * 10f64.powi(decade)));
        }
        ticks.retain(|tick| self.holds(*tick));
        ticks
    }

    fn linear_ticks(self, most: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / most as f64;
        let power = 10f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .iter()
            .map(|s| s * power)
            .find(|s| *s >= rough)
            .unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last.min(first + 100))
            .map(|n| n as f64 * step)
            .filter(|tick| self.holds(*tick))
            .collect()
    }

    fn holds(self, value: f64) -> bool {
        let slack = (self.high - self.low) * 1e-9;
        value >= self.low - slack && value <= self.high + slack
    }

    /// Ticks under `bottom` and the axis' label under those; grid lines from `top` to `bottom`, where there is a `top`.
    /// `tick` gets a value and how far apart the values are. Returns the bottom of what was drawn.
    pub(crate) fn draw(
        self,
        picture: &mut Picture,
        (top, bottom): (Option<i32>, i32),
        label: &str,
        tick: impl Fn(f64, f64) -> String,
    ) -> i32 {
        let mut grid = Vec::new();
        let mut free_from = i32::MIN;
        // Closer on a narrow picture, where 84 pixels would leave two or three.
        let ticks = self.ticks(if self.right - self.left < 500 { 60 } else { 84 });
        let step = ticks
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(f64::MAX, f64::min);
        for value in ticks {
            let x = self.place(value).round() as i32;
            let text = tick(value, step);
            // A tenth of room for a reader's font that is wider than ours.
            let half = font::width(&text, SMALL.size, SMALL.bold) * 11 / 20 + 1;
            // The first and the last tick stay inside the picture.
            let at = x.min(picture.width - half).max(half);
            let (y, height) = top.map_or((bottom, 4), |top| (top, bottom - top));
            grid.push(Shape::Rect {
                x,
                y,
                width: 1,
                height,
                ink: Ink::Grid,
                opacity: 1.0,
            });
            if at - half < free_from {
                continue;
            }
            free_from = at + half + 8;
            picture.text(at, bottom + 15, &text, SMALL, Anchor::Middle, Ink::Muted);
        }
        // The grid lies behind what was drawn before the axis; the heading is the first shape.
        let behind = picture.shapes.split_off(1);
        picture.shapes.extend(grid);
        picture.shapes.extend(behind);
        picture.rect(self.left, bottom, self.right - self.left, 1, Ink::Muted);
        let middle = (self.left + self.right) / 2;
        let label = font::fitted(label, SMALL.size, SMALL.bold, picture.width - 8);
        let half = font::width(&label, SMALL.size, SMALL.bold) / 2 + 2;
        let middle = middle.min(picture.width - half).max(half);
        picture.text(
            middle,
            bottom + 33,
            &label,
            SMALL,
            Anchor::Middle,
            Ink::Text,
        );
        bottom + 42
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lands_where_it_belongs() {
        let linear = Scale::linear(0.0, 10.0, (100, 200));
        assert_eq!(linear.place(5.0), 150.0);
        let log = Scale::logarithmic(10.0, 1000.0, (0, 100));
        assert!((log.place(100.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn there_are_ticks_for_any_range() {
        for (low, high) in [
            (0.0, 1.0),
            (999.0, 1001.0),
            (1.0, 1e18),
            (2_100.0, 2_200.0),
            (0.0, 0.0),
            (5.0, 5.0),
        ] {
            for scale in [
                Scale::linear(low, high, (0, 800)),
                Scale::logarithmic(low, high, (0, 800)),
            ] {
                let ticks = scale.ticks(84);
                assert!(
                    !ticks.is_empty() && ticks.len() <= 12,
                    "{low}..{high}: {ticks:?}"
                );
            }
        }
    }
}
