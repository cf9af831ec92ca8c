//! Medians and how sure they are: without any assumption about how times are distributed.
//!
//! The interval of a median comes from ranks: the true median lies between two values of a sample unless too many of them
//! fell on one side of it, which has the probability of so many heads in a row of coin tosses (Conover, *Practical
//! Nonparametric Statistics*, 3.2). The interval of a ratio of two medians comes from the bootstrap (Efron): what the
//! ratio would be of samples drawn from these, again and again. The draws are the same each time.

use trapline_trace_format::measurement::{CONFIDENCE, Estimate};

/// How often samples are drawn anew: large ones more seldom, as they differ less, down to this many times.
const DRAWS: usize = 4000;
const DRAWS_MIN: usize = 200;
/// Values that are drawn all in all, if that is enough.
const DRAWN: usize = 4_000_000;
const SEED: u64 = 0x7472_6170_6c69_6e65;

/// The median, of the middle two if their number is even; 0 of nothing. The values are reordered.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The mean of the middle half: a quarter of the values is left out at each end, or as much of a value as makes a quarter.
/// 0 of nothing. The values are reordered.
pub(super) fn midmean(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let quarter = values.len() as f64 / 4.0;
    // How much of the value lies in the middle half of the range from 0 to 1 per value.
    let weight = |place: usize| {
        let (from, to) = (place as f64, place as f64 + 1.0);
        let (first, last) = (quarter, values.len() as f64 - quarter);
        (to.min(last) - from.max(first)).max(0.0)
    };
    let weighted = values
        .iter()
        .enumerate()
        .map(|(place, value)| (weight(place), value));
    let (sum, weights) = weighted.fold((0.0, 0.0), |(sum, weights), (weight, value)| {
        (sum + weight * value, weights + weight)
    });
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// The value of nearest rank in sorted values; 0 percent is the smallest. 0 of nothing.
pub(super) fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// The median with an interval by ranks; none below six values, whose least and greatest are not apart far enough.
pub(super) fn median_with_interval(values: &[f64]) -> Estimate {
    let mut sorted = values.to_vec();
    let point = median(&mut sorted);
    let interval =
        outermost(sorted.len()).map(|skip| [sorted[skip], sorted[sorted.len() - 1 - skip]]);
    Estimate { point, interval }
}

/// How many values at each end of a sorted sample of this size lie outside the interval of its median.
fn outermost(size: usize) -> Option<usize> {
    let each_side = (1.0 - CONFIDENCE) / 2.0;
    // The probability of `heads` heads in `size` tosses, by its logarithm: it may be smaller than any number.
    let mut log_probability = -(size as f64) * std::f64::consts::LN_2;
    let mut outside = 0.0;
    let mut fits = None;
    for heads in 0..size / 2 {
        outside += log_probability.exp();
        if outside > each_side {
            break;
        }
        fits = Some(heads);
        log_probability += ((size - heads) as f64 / (heads + 1) as f64).ln();
    }
    fits
}

/// The median of `new` divided by that of `base`, with its interval; none if the base's is 0 or either is empty.
pub(crate) fn ratio_of_medians(base: &[f64], new: &[f64]) -> Option<Estimate> {
    let ratio = |base: &mut [f64], new: &mut [f64]| median(new) / median(base);
    let point = ratio(&mut base.to_vec(), &mut new.to_vec());
    if base.is_empty() || new.is_empty() || !point.is_finite() {
        return None;
    }
    let mut random = Random(SEED);
    let mut draw = |from: &[f64], to: &mut Vec<f64>| {
        to.clear();
        to.extend((0..from.len()).map(|_| from[random.below(from.len())]));
    };
    let (mut of_base, mut of_new) = (Vec::new(), Vec::new());
    let draws = (DRAWN / (base.len() + new.len())).clamp(DRAWS_MIN, DRAWS);
    let mut ratios: Vec<f64> = (0..draws)
        .map(|_| {
            draw(base, &mut of_base);
            draw(new, &mut of_new);
            ratio(&mut of_base, &mut of_new)
        })
        .filter(|ratio| ratio.is_finite())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let outside = (ratios.len() as f64 * (1.0 - CONFIDENCE) / 2.0) as usize;
    let interval = (base.len() > 1 && new.len() > 1 && !ratios.is_empty())
        .then(|| [ratios[outside], ratios[ratios.len() - 1 - outside]]);
    Some(Estimate { point, interval })
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
    }

    #[test]
    fn the_middle_half_is_what_a_mean_is_taken_of() {
        let of = |values: &[f64]| midmean(&mut values.to_vec());
        assert_eq!(of(&[7.0]), 7.0);
        assert_eq!(of(&[1.0, 2.0]), 1.5);
        // A quarter of each outer value: (0.25 * 1 + 2 + 0.25 * 9) / 1.5.
        assert_eq!(of(&[9.0, 1.0, 2.0]), 3.0);
        assert_eq!(of(&[1000.0, 3.0, 2.0, 0.0]), 2.5);
        assert_eq!(of(&[]), 0.0);
        // Steps of ten are no steps of the mean.
        let mut steps = vec![110.0; 60];
        steps.extend([120.0; 40]);
        assert!((112.0..114.0).contains(&of(&steps)), "{}", of(&steps));
    }

    /// Conover's table of the sign test, 95 %, two-sided.
    #[test]
    fn intervals_of_medians_leave_out_as_many_values_as_the_tables_say() {
        let known = [
            (0, None),
            (5, None),
            (6, Some(0)),
            (8, Some(0)),
            (9, Some(1)),
            (10, Some(1)),
            (15, Some(3)),
            (20, Some(5)),
            (25, Some(7)),
            (50, Some(17)),
            (100, Some(39)),
        ];
        for (size, skipped) in known {
            assert_eq!(outermost(size), skipped, "of {size}");
        }
        let far = outermost(5000).expect("many");
        assert!((2400..2440).contains(&far), "{far}");
        let values: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        let estimate = median_with_interval(&values);
        assert_eq!((estimate.point, estimate.interval), (5.5, Some([2.0, 9.0])));
    }

    #[test]
    fn an_interval_of_a_median_holds_the_true_one_as_often_as_it_says() {
        let mut random = Random(1);
        let mut uniform = || random.next() as f64 / u64::MAX as f64;
        let samples = 4000;
        let held = (0..samples)
            .filter(|_| {
                // Exponentially distributed: far from symmetric. Its median is ln 2.
                let sample: Vec<f64> = (0..15).map(|_| -(uniform().max(1e-12)).ln()).collect();
                let interval = median_with_interval(&sample).interval.expect("fifteen");
                (interval[0]..=interval[1]).contains(&std::f64::consts::LN_2)
            })
            .count();
        // 96.5 % by the table; four standard deviations are 1.2 %.
        let share = held as f64 / f64::from(samples);
        assert!((0.95..0.98).contains(&share), "{share}");
    }

    #[test]
    fn a_ratio_is_near_what_it_is_and_its_interval_around_it() {
        let mut random = Random(2);
        let mut sample = |center: f64| -> Vec<f64> {
            (0..20)
                .map(|_| center + random.below(1000) as f64 / 100.0)
                .collect()
        };
        let (base, new) = (sample(100.0), sample(150.0));
        let estimate = ratio_of_medians(&base, &new).expect("a ratio");
        let [low, high] = estimate.interval.expect("an interval");
        assert!((1.40..1.52).contains(&estimate.point), "{estimate:?}");
        assert!(
            low < estimate.point && estimate.point < high,
            "{estimate:?}"
        );
        assert!(high - low < 0.1, "{estimate:?}");
        assert_eq!(
            ratio_of_medians(&base, &new),
            Some(estimate),
            "the same again"
        );
    }

    #[test]
    fn what_has_no_ratio_has_none() {
        assert_eq!(ratio_of_medians(&[], &[1.0]), None);
        assert_eq!(ratio_of_medians(&[1.0], &[]), None);
        assert_eq!(ratio_of_medians(&[0.0, 0.0], &[1.0]), None);
        let single = ratio_of_medians(&[2.0], &[3.0]).expect("a ratio");
        assert_eq!((single.point, single.interval), (1.5, None));
    }
}
