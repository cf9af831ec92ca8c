//! What it took to find the points of a replay: how many arrivals at their instructions were compared, and how. Key type:
//! [`Searches`]. Neighbours: the kernel's `replay/seek.rs` says it of each point, `compare.rs` gathers it.

use serde::Serialize;

use crate::record::Search;

/// All searches of a replay, one for each preemption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Searches {
    /// How many there were.
    pub count: u64,
    /// Those with a comparison that was compiled into the program.
    pub compiled: u64,
    /// How many times too much of a stay was skipped, and the search began anew at its start.
    pub retries: u64,
    /// Arrivals that the kernel compared with the recorded state, of all searches together.
    pub compared: u64,
    /// Fewest in a search; 0: the thread was there when the stay began.
    pub compared_min: u64,
    /// Median.
    pub compared_median: u64,
    /// Most.
    pub compared_max: u64,
}

impl Searches {
    /// What is to be said of these.
    pub(super) fn of(searches: &[Search]) -> Self {
        let mut compared: Vec<u64> = searches.iter().map(|search| search.compared).collect();
        compared.sort_unstable();
        let median = compared.len().saturating_sub(1) / 2;
        Self {
            count: searches.len() as u64,
            compiled: searches.iter().filter(|search| search.is_compiled).count() as u64,
            retries: sum(searches.iter().map(|search| search.retries)),
            compared: sum(compared.iter().copied()),
            compared_min: compared.first().copied().unwrap_or(0),
            compared_median: compared.get(median).copied().unwrap_or(0),
            compared_max: compared.last().copied().unwrap_or(0),
        }
    }
}

/// The numbers come from another process: what they say is not trusted to be small.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(compared: u64, retries: u64, is_compiled: bool) -> Search {
        Search {
            compared,
            retries,
            is_compiled,
        }
    }

    #[test]
    fn arrivals_are_summed_up_by_their_least_median_and_most() {
        let searches = Searches::of(&[
            search(12, 0, true),
            search(0, 0, false),
            search(3, 2, false),
            search(13, 1, true),
        ]);
        let expected = Searches {
            count: 4,
            compiled: 2,
            retries: 3,
            compared: 28,
            compared_min: 0,
            compared_median: 3,
            compared_max: 13,
        };
        assert_eq!(searches, expected);
        assert_eq!(Searches::of(&[]), Searches::default());
        let many = [search(u64::MAX, u64::MAX, false); 2];
        assert_eq!(Searches::of(&many).compared, u64::MAX);
    }
}
