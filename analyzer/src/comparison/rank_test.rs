//! The rank test of Mann and Whitney: whether the values of one sample tend to be greater than those of another, without any
//! assumption about their distribution. And Holm's correction, for who asks many questions at once.
//!
//! Small samples are counted out exactly, ties included: of all ways in which the ranks could have fallen, how many are as
//! extreme as these. Large ones use the normal distribution that this tends to (Conover, *Practical Nonparametric
//! Statistics*, 5.1; Holm 1979).

/// Most values, of both samples together, that are counted out.
const EXACT_MAX: usize = 60;

/// The probability of ranks as far apart as these, or further, if both samples are of one kind. 1 if either is empty.
pub(super) fn p_value(base: &[f64], new: &[f64]) -> f64 {
    if base.is_empty() || new.is_empty() {
        return 1.0;
    }
    let doubled_ranks = doubled_ranks(base, new);
    let p = if doubled_ranks.len() <= EXACT_MAX {
        exact(&doubled_ranks, base.len())
    } else {
        normal(&doubled_ranks, base.len())
    };
    p.clamp(0.0, 1.0)
}

/// The least that [`p_value`] can be with samples of these sizes: when one lies wholly above the other.
pub(super) fn least_p_value(base: usize, new: usize) -> f64 {
    // One divided by the number of ways to choose the base's ranks, for each side.
    let ways = (1..=base).map(|i| (new + i) as f64 / i as f64);
    (2.0 / ways.product::<f64>()).min(1.0)
}

/// Holm's correction: what each of these probabilities is worth as one of so many, in their order.
pub(super) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut at_least = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let left = (p_values.len() - place) as f64;
        at_least = at_least.max((p_values[index] * left).min(1.0));
        corrected[index] = at_least;
    }
    corrected
}

/// Twice the rank of each value among all, the base's first. Equal values share their ranks: hence twice, which is whole.
fn doubled_ranks(base: &[f64], new: &[f64]) -> Vec<u64> {
    let values: Vec<f64> = base.iter().chain(new).copied().collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0; values.len()];
    let mut place = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let (first, last) = (place + 1, place + equal.len());
        equal
            .iter()
            .for_each(|index| ranks[*index] = (first + last) as u64);
        place = last;
    }
    ranks
}

fn exact(doubled_ranks: &[u64], base: usize) -> f64 {
    let total: u64 = doubled_ranks.iter().sum();
    let observed: u64 = doubled_ranks[..base].iter().sum();
    // ways[k][s]: in how many ways k of the ranks so far have the sum s.
    let mut ways = vec![vec![0.0_f64; total as usize + 1]; base + 1];
    ways[0][0] = 1.0;
    for rank in doubled_ranks {
        let rank = *rank as usize;
        for chosen in (1..=base).rev() {
            let (fewer, more) = ways.split_at_mut(chosen);
            let (from, to) = (&fewer[chosen - 1], &mut more[0]);
            for (to, from) in to[rank..].iter_mut().zip(from) {
                *to += from;
            }
        }
    }
    let sums = &ways[base];
    let all: f64 = sums.iter().sum();
    let below: f64 = sums[..=observed as usize].iter().sum();
    let above: f64 = sums[observed as usize..].iter().sum();
    2.0 * below.min(above) / all
}

fn normal(doubled_ranks: &[u64], base: usize) -> f64 {
    let (n, m) = (base as f64, (doubled_ranks.len() - base) as f64);
    let all = n + m;
    let rank_sum = doubled_ranks[..base].iter().sum::<u64>() as f64 / 2.0;
    let distance = (rank_sum - n * (all + 1.0) / 2.0).abs();
    let mut sorted = doubled_ranks.to_vec();
    sorted.sort_unstable();
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|equal| {
            let t = equal.len() as f64;
            t * (t * t - 1.0)
        })
        .sum();
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    // The ranks' sums are whole numbers, the normal distribution is not.
    let z = (distance - 0.5).max(0.0) / variance.sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MALES: [f64; 5] = [19.0, 22.0, 16.0, 29.0, 24.0];
    const FEMALES: [f64; 4] = [20.0, 11.0, 17.0, 12.0];

    fn is(found: f64, known: f64) {
        assert!((found - known).abs() < 1e-9, "{found} is not {known}");
    }

    /// The example of scipy.stats.mannwhitneyu's documentation, with its values for both methods.
    #[test]
    fn probabilities_are_those_of_a_known_example() {
        is(p_value(&MALES, &FEMALES), 0.111_111_111_111_111_12);
        is(p_value(&FEMALES, &MALES), 0.111_111_111_111_111_12);
        let ranks = doubled_ranks(&MALES, &FEMALES);
        is(normal(&ranks, MALES.len()), 0.111_346_886_533_430_4);
    }

    #[test]
    fn samples_that_lie_apart_are_as_unlikely_as_can_be() {
        let low: Vec<f64> = (1..=5).map(f64::from).collect();
        let high: Vec<f64> = (11..=15).map(f64::from).collect();
        is(p_value(&low, &high), 2.0 / 252.0);
        is(least_p_value(5, 5), 2.0 / 252.0);
        is(least_p_value(4, 3), 2.0 / 35.0);
        is(least_p_value(1, 1), 1.0);
    }

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(doubled_ranks(&[1.0, 2.0], &[2.0, 3.0]), [2, 5, 5, 8]);
        is(p_value(&[7.0; 8], &[7.0; 9]), 1.0);
        // Of the 20 ways to choose three of the ranks 1, 2.5, 2.5, 4.5, 4.5, 6, the base's has the smallest sum.
        is(p_value(&[1.0, 2.0, 2.0], &[3.0, 3.0, 4.0]), 2.0 / 20.0);
        is(normal(&doubled_ranks(&[7.0; 40], &[7.0; 40]), 40), 1.0);
    }

    #[test]
    fn large_samples_go_over_into_the_normal_distribution() {
        let sample = |from: u32, step: u32| -> Vec<f64> {
            (0..30)
                .map(|i| f64::from((from + i * step) % 101))
                .collect()
        };
        let (base, new) = (sample(0, 37), sample(11, 53));
        let ranks = doubled_ranks(&base, &new);
        let (exact, normal) = (exact(&ranks, 30), normal(&ranks, 30));
        assert!((exact - normal).abs() < 0.005, "{exact} {normal}");
    }

    #[test]
    fn a_sample_without_values_says_nothing() {
        is(p_value(&[], &[1.0]), 1.0);
    }

    /// Holm's procedure by hand: the smallest times 4, the next times 3, never below the one before.
    #[test]
    fn probabilities_are_corrected_for_their_number() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, known) in corrected.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            is(found, known);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn chance_alone_is_as_rare_as_the_probability_says() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64
        };
        let trials = 2000;
        let rejected = (0..trials)
            .filter(|_| {
                let mut sample = || (0..8).map(|_| random()).collect::<Vec<f64>>();
                let (base, new) = (sample(), sample());
                p_value(&base, &new) <= 0.05
            })
            .count();
        // The test is discrete, so a little below 5 %; four standard deviations are 2 %.
        let share = rejected as f64 / f64::from(trials);
        assert!((0.03..0.07).contains(&share), "{share}");
    }
}
