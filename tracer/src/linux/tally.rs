//! Statistics of calls instead of events (`--summary-only`): for each process and call how often, how long, how many errors.
//!
//! Key type: [`Tallies`]. Durations are in log-linear buckets at most 1 % wide.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use rustc_hash::FxHashMap;
use trapline_trace_format::event::{Abi, EventKind, Nanos, Tally};
use trapline_trace_format::record::MAX_PAYLOAD;

use super::output::{Output, Whom};
use crate::ptrace::program::task::Entry;

/// Two digits: buckets at most 1 % wide.
const DIGITS: u8 = 2;
/// Most buckets of one event.
const MOST_PAIRS: usize = MAX_PAYLOAD / 16;

/// Statistics of the calls of all living processes.
#[derive(Default)]
pub(super) struct Tallies {
    processes: FxHashMap<u32, BTreeMap<(Abi, i32), Calls>>,
}

/// Calls of one number.
struct Calls {
    errors: u64,
    total_ns: Nanos,
    durations: Histogram<u64>,
}

impl Calls {
    fn new() -> Option<Self> {
        Some(Self {
            errors: 0,
            total_ns: 0,
            durations: Histogram::new(DIGITS).ok()?,
        })
    }
}

impl Tallies {
    /// A call that returned after this time in the kernel.
    pub(super) fn add(&mut self, process: u32, entry: &Entry, result: i64, took: Nanos) {
        /// Results from here to -1 are negated errnos.
        const MOST_NEGATIVE: i64 = -4095;
        let calls = self.processes.entry(process).or_default();
        let key = (entry.abi, entry.number);
        if let std::collections::btree_map::Entry::Vacant(vacant) = calls.entry(key)
            && let Some(new) = Calls::new()
        {
            vacant.insert(new);
        }
        if let Some(calls) = calls.get_mut(&key) {
            calls.errors += u64::from((MOST_NEGATIVE..0).contains(&result));
            calls.total_ns += took;
            // The histogram grows as it must.
            let _ = calls.durations.record(took.max(0) as u64);
        }
    }

    /// Tells and forgets the calls of a process.
    pub(super) fn tell(&mut self, process: u32, time: Nanos, output: &mut Output) {
        let whom = Whom {
            process,
            thread: process,
        };
        for ((abi, number), calls) in self.processes.remove(&process).into_iter().flatten() {
            let pairs: Vec<(u64, u64)> = calls
                .durations
                .iter_recorded()
                .map(|bucket| {
                    let value = bucket.value_iterated_to();
                    (
                        calls.durations.lowest_equivalent(value),
                        bucket.count_at_value(),
                    )
                })
                .collect();
            // Almost always one event; the sums go with the first.
            let (mut errors, mut total_ns) = (calls.errors, calls.total_ns);
            for durations in pairs.chunks(MOST_PAIRS) {
                let tally = Tally {
                    abi,
                    number,
                    errors: std::mem::take(&mut errors),
                    durations: durations.to_vec(),
                    total_ns: std::mem::take(&mut total_ns),
                };
                output.tell(time, whom, EventKind::Tally(Box::new(tally)));
            }
        }
    }
}
