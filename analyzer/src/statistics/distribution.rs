//! The distribution of some durations: count, sum, extremes, percentiles, histogram.
//!
//! The p-th percentile is the value of nearest rank: the smallest value such that at least p percent of all values are no
//! larger. It is exact up to [`EXACT_ROWS`] values; above, it is read off an HDR histogram with three significant digits,
//! whose buckets are at most 0.1 % wide. Sums are clamped to what an i64 holds.

use hdrhistogram::Histogram;
use trapline_trace_format::event::Nanos;

use crate::summary::{Bucket, Distribution};

/// Up to this many values, percentiles are exact.
const EXACT_ROWS: usize = 5_000_000;
/// Buckets per power of two in histograms for drawing: each is at most 6.25 % wide.
const BUCKETS_PER_OCTAVE: i64 = 16;

/// The distribution of `values`, which are reordered.
pub(crate) fn distribution(values: &mut [Nanos]) -> Distribution {
    limited(values, EXACT_ROWS)
}

fn limited(values: &mut [Nanos], exact_rows: usize) -> Distribution {
    let (Some(min_ns), Some(max_ns)) = (values.iter().min().copied(), values.iter().max().copied())
    else {
        return Distribution {
            exact: true,
            ..Distribution::default()
        };
    };
    let estimated = if values.len() > exact_rows {
        estimated_percentiles(values)
    } else {
        None
    };
    let exact = estimated.is_none();
    let [p50_ns, p90_ns, p99_ns] = estimated.unwrap_or_else(|| exact_percentiles(values));
    Distribution {
        count: values.len() as u64,
        total_ns: sum(values.iter().copied()),
        min_ns,
        p50_ns,
        p90_ns,
        p99_ns,
        max_ns,
        exact,
    }
}

/// The sum, clamped to what an i64 holds.
pub(crate) fn sum(values: impl Iterator<Item = Nanos>) -> Nanos {
    let sum: i128 = values.map(i128::from).sum();
    sum.clamp(Nanos::MIN.into(), Nanos::MAX.into()) as Nanos
}

fn exact_percentiles(values: &mut [Nanos]) -> [Nanos; 3] {
    [50, 90, 99].map(|percent| {
        let rank = (values.len() * percent).div_ceil(100).max(1);
        *values.select_nth_unstable(rank - 1).1
    })
}

/// Nothing if there is no such histogram.
/// The distribution of values that come in buckets: the lower end of each and how many are in it.
pub(crate) fn of_buckets(buckets: &mut Vec<(Nanos, u64)>, total_ns: Nanos) -> Distribution {
    buckets.retain(|(_, count)| *count > 0);
    buckets.sort_unstable();
    let sum: u128 = buckets.iter().map(|(_, count)| u128::from(*count)).sum();
    let count = u64::try_from(sum).unwrap_or(u64::MAX);
    let nearest_rank = |percent: u128| {
        let rank = (sum * percent).div_ceil(100).max(1);
        let mut passed = 0_u128;
        let reaches = |(_, count): &&(Nanos, u64)| {
            passed += u128::from(*count);
            passed >= rank
        };
        buckets.iter().find(reaches).map_or(0, |(ns, _)| *ns)
    };
    Distribution {
        count,
        total_ns,
        min_ns: buckets.first().map_or(0, |(ns, _)| *ns),
        p50_ns: nearest_rank(50),
        p90_ns: nearest_rank(90),
        p99_ns: nearest_rank(99),
        max_ns: buckets.last().map_or(0, |(ns, _)| *ns),
        exact: false,
    }
}

fn estimated_percentiles(values: &[Nanos]) -> Option<[Nanos; 3]> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, Nanos::MAX as u64, 3).ok()?;
    for value in values {
        histogram.saturating_record(u64::try_from(*value).unwrap_or(0));
    }
    let percentile = |q| Nanos::try_from(histogram.value_at_quantile(q)).unwrap_or(Nanos::MAX);
    Some([0.50, 0.90, 0.99].map(percentile))
}

/// Counts of `values` in log-linear buckets, from the smallest value's to the largest's, empty ones in between included.
pub(crate) fn buckets(values: &[Nanos]) -> Vec<Bucket> {
    let places = values.iter().map(|value| place((*value).max(0)));
    let (Some(first), Some(last)) = (places.clone().min(), places.clone().max()) else {
        return Vec::new();
    };
    let mut counts = vec![0; (last - first + 1) as usize];
    places.for_each(|place| counts[(place - first) as usize] += 1);
    let bucket = |(place, count)| Bucket {
        low_ns: low(place),
        high_ns: low(place + 1),
        count,
    };
    (first..=last).zip(counts).map(bucket).collect()
}

/// Number of the bucket of a value, from 0 up. Buckets are 1 wide until 32, then 2 until 64, and so on.
fn place(value: Nanos) -> i64 {
    let shift = (63 - i64::from(value.max(1).leading_zeros()) - 4).max(0);
    shift * BUCKETS_PER_OCTAVE + (value >> shift)
}

/// Lowest value of a bucket.
fn low(place: i64) -> Nanos {
    let shift = (place / BUCKETS_PER_OCTAVE - 1).max(0);
    let low = i128::from(place - shift * BUCKETS_PER_OCTAVE) << shift;
    low.min(Nanos::MAX.into()) as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_nearest_rank() {
        let mut values: Vec<_> = (1..=100).rev().collect();
        let d = distribution(&mut values);
        assert_eq!(
            (d.count, d.total_ns, d.min_ns, d.max_ns),
            (100, 5050, 1, 100)
        );
        assert_eq!((d.p50_ns, d.p90_ns, d.p99_ns, d.exact), (50, 90, 99, true));
        let d = distribution(&mut [7, 3]);
        assert_eq!((d.p50_ns, d.p90_ns, d.p99_ns), (3, 7, 7));
        let d = distribution(&mut [5]);
        assert_eq!((d.p50_ns, d.p99_ns), (5, 5));
        assert_eq!(distribution(&mut []).count, 0);
    }

    #[test]
    fn above_the_row_limit_percentiles_are_within_one_percent_and_say_so() {
        let mut values: Vec<_> = (1..=50_000).map(|n| n * 37).collect();
        let exact = distribution(&mut values);
        let estimated = limited(&mut values, 100);
        assert!(!estimated.exact);
        for (e, x) in [
            (estimated.p50_ns, exact.p50_ns),
            (estimated.p90_ns, exact.p90_ns),
            (estimated.p99_ns, exact.p99_ns),
        ] {
            assert!((e - x).abs() * 100 <= x, "{e} is not near {x}");
        }
        let rest = |d: Distribution| (d.count, d.total_ns, d.min_ns, d.max_ns);
        assert_eq!(rest(estimated), rest(exact));
    }

    #[test]
    fn values_in_buckets_have_percentiles_of_nearest_rank_and_say_that_they_are_estimated() {
        let mut buckets = vec![(100, 9), (7, 90), (5000, 1), (50, 0)];
        let d = of_buckets(&mut buckets, 6000);
        assert_eq!(
            (d.count, d.total_ns, d.min_ns, d.max_ns),
            (100, 6000, 7, 5000)
        );
        assert_eq!((d.p50_ns, d.p90_ns, d.p99_ns, d.exact), (7, 7, 100, false));
        assert_eq!(of_buckets(&mut Vec::new(), 0).count, 0);
        assert_eq!(
            of_buckets(&mut vec![(1, u64::MAX), (2, u64::MAX)], 0).p99_ns,
            2
        );
    }

    #[test]
    fn hostile_values_do_not_overflow() {
        let mut values = vec![Nanos::MAX, Nanos::MAX, Nanos::MIN, Nanos::MAX];
        assert_eq!(distribution(&mut values).total_ns, Nanos::MAX);
        limited(&mut values, 1);
        let counted: u64 = buckets(&values).iter().map(|bucket| bucket.count).sum();
        assert_eq!(counted, 4);
    }

    #[test]
    fn buckets_tile_the_range_and_hold_their_values() {
        for value in (0..5000).chain([1 << 20, (1 << 40) + 12345, Nanos::MAX - 1]) {
            let [bucket] = buckets(&[value])[..] else {
                panic!("one value, one bucket")
            };
            assert!(
                bucket.low_ns <= value && value < bucket.high_ns,
                "{value}: {bucket:?}"
            );
            assert!(value < 32 || (bucket.high_ns - bucket.low_ns) * 16 <= bucket.low_ns);
        }
        let many = buckets(&[3, 1000, 1000, 70_000]);
        assert!(
            many.windows(2)
                .all(|pair| pair[0].high_ns == pair[1].low_ns)
        );
        assert_eq!(many.iter().map(|bucket| bucket.count).sum::<u64>(), 4);
        assert_eq!((many[0].low_ns, many[0].count), (3, 1));
        assert!(buckets(&[]).is_empty());
    }
}
