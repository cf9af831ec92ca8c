//! The wall-time partition as rows to show: user time by process, kernel time by cause, switch, idle, tracer. On Linux the
//! threads' lives instead of the wall time, with waiting and blocked.
//!
//! Key type: [`Share`]. The percentages are rounded together (largest remainder), so that what is shown adds up to
//! 100.0 % as the nanoseconds add up to the wall time.

use std::collections::HashMap;

use trapline_analyzer::summary::{Activity, Part, Summary};
use trapline_trace_format::event::{Cause, Nanos};

use crate::labels;

/// One row of the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// What the CPU did. Kernel rows stand for all threads; in user rows a process's id stands for all of its threads.
    pub(crate) activity: Activity,
    /// The same in words, safe to show.
    pub(crate) label: String,
    /// For how long.
    pub(crate) ns: Nanos,
    /// Share of the wall time in tenths of a percent; all rows together are 1000.
    pub(crate) tenths: i64,
}

impl Share {
    /// The share in percent. What is there but rounds to nothing says so.
    pub(crate) fn percent(&self) -> String {
        if self.ns > 0 && self.tenths == 0 {
            return "<0.1 %".to_owned();
        }
        format!("{}.{} %", self.tenths / 10, self.tenths % 10)
    }
}

/// The rows of the partition in the order of its parts; parts without time are left out.
pub(crate) fn shares(summary: &Summary) -> Vec<Share> {
    let process_of: HashMap<u32, u32> = summary
        .threads
        .iter()
        .map(|thread| (thread.thread, thread.process))
        .collect();
    let mut totals: HashMap<Activity, Nanos> = HashMap::new();
    for Part { activity, ns } in &summary.partition {
        let total = totals.entry(merged(activity, &process_of)).or_default();
        *total = total.saturating_add(*ns);
    }
    totals.retain(|_, ns| *ns > 0);
    let places: HashMap<u32, usize> = summary
        .processes
        .iter()
        .enumerate()
        .map(|(place, process)| (process.process, place))
        .collect();
    let mut totals: Vec<(Activity, Nanos)> = totals.into_iter().collect();
    totals.sort_by_key(|(activity, _)| order(&places, activity));
    let names: HashMap<u32, &str> = summary
        .processes
        .iter()
        .map(|process| (process.process, process.name.as_str()))
        .collect();
    let label = |activity: &Activity| match activity {
        Activity::User { thread: id } => match names.get(id) {
            Some(name) => format!("user: {}", labels::named(name, *id)),
            None => labels::activity(summary, activity),
        },
        other => labels::activity(summary, other),
    };
    let row = |(activity, ns)| Share {
        label: label(&activity),
        activity,
        ns,
        tenths: 0,
    };
    let mut rows: Vec<Share> = totals.into_iter().map(row).collect();
    round_together(&mut rows);
    rows
}

/// Rows for a picture: as [`shares`], with all but the `max` busiest processes in one row.
pub(crate) fn shares_of_at_most(summary: &Summary, max: usize) -> Vec<Share> {
    let mut rows = shares(summary);
    let mut users: Vec<Nanos> = rows
        .iter()
        .filter(|row| is_user(row))
        .map(|row| row.ns)
        .collect();
    if users.len() <= max {
        return rows;
    }
    users.sort_unstable_by(|a, b| b.cmp(a));
    let least = users[max.saturating_sub(1)];
    let mut kept = 0;
    let mut others = Share {
        activity: Activity::User { thread: u32::MAX },
        label: String::new(),
        ns: 0,
        tenths: 0,
    };
    let mut merged = 0;
    rows.retain(|row| {
        if !is_user(row) {
            return true;
        }
        if row.ns >= least && kept + 1 < max {
            kept += 1;
            return true;
        }
        merged += 1;
        others.ns += row.ns;
        false
    });
    others.label = format!("user: {merged} other processes");
    rows.insert(kept, others);
    // Thousands of rows rounded together would give most of them nothing.
    round_together(&mut rows);
    rows
}

fn is_user(row: &Share) -> bool {
    matches!(row.activity, Activity::User { .. })
}

/// Kernel time is shown by cause, whichever thread it was spent for; user time by process.
fn merged(activity: &Activity, process_of: &HashMap<u32, u32>) -> Activity {
    match activity {
        Activity::Kernel { cause, .. } => Activity::Kernel {
            thread: 0,
            cause: *cause,
        },
        Activity::User { thread } => Activity::User {
            thread: process_of.get(thread).copied().unwrap_or(*thread),
        },
        Activity::Waiting { .. } => Activity::Waiting { thread: 0 },
        Activity::Blocked { .. } => Activity::Blocked { thread: 0 },
        other => other.clone(),
    }
}

fn order(places: &HashMap<u32, usize>, activity: &Activity) -> (u8, usize, u32) {
    match activity {
        Activity::User { thread } => {
            let place = places.get(thread).copied();
            (0, place.unwrap_or(usize::MAX), *thread)
        }
        Activity::Kernel { cause, .. } => {
            let place = cause.and_then(|cause| Cause::ALL.iter().position(|c| *c == cause));
            (1, place.unwrap_or(usize::MAX), 0)
        }
        Activity::Switch => (2, 0, 0),
        Activity::Idle => (3, 0, 0),
        Activity::Waiting { .. } => (4, 0, 0),
        Activity::Blocked { .. } => (5, 0, 0),
        Activity::Tracer => (6, 0, 0),
    }
}

fn round_together(rows: &mut [Share]) {
    let total: i128 = rows.iter().map(|row| i128::from(row.ns)).sum();
    if total <= 0 {
        return;
    }
    let mut remainders = Vec::with_capacity(rows.len());
    let mut left = 1000;
    for (index, row) in rows.iter_mut().enumerate() {
        let scaled = i128::from(row.ns) * 1000;
        row.tenths = (scaled / total) as i64;
        left -= row.tenths;
        remainders.push((scaled % total, index));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in remainders.into_iter().take(left.max(0) as usize) {
        rows[index].tenths += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ns: Nanos) -> Share {
        Share {
            activity: Activity::Idle,
            label: String::new(),
            ns,
            tenths: 0,
        }
    }

    #[test]
    fn percentages_add_up_to_one_hundred_whatever_is_rounded() {
        for parts in [
            vec![1, 1, 1],
            vec![1; 7],
            vec![333, 333, 334, 1],
            vec![1, 999_999_999_999],
            vec![5],
        ] {
            let mut rows: Vec<Share> = parts.iter().map(|ns| row(*ns)).collect();
            round_together(&mut rows);
            assert_eq!(
                rows.iter().map(|r| r.tenths).sum::<i64>(),
                1000,
                "{parts:?}"
            );
        }
    }

    #[test]
    fn what_many_small_parts_have_together_is_not_lost_in_rounding() {
        let mut rows = vec![row(100); 900];
        rows.extend(vec![row(45_500); 20]);
        round_together(&mut rows);
        let small: i64 = rows[..900].iter().map(|row| row.tenths).sum();
        assert_eq!(small, 80, "this is why merged rows are rounded anew");
        let mut merged = vec![row(90_000)];
        merged.extend(vec![row(45_500); 20]);
        round_together(&mut merged);
        assert_eq!(merged[0].percent(), "9.0 %");
    }

    #[test]
    fn a_part_that_rounds_to_nothing_says_that_it_is_there() {
        let mut rows = vec![row(1), row(1_000_000)];
        round_together(&mut rows);
        assert_eq!(rows[0].percent(), "<0.1 %");
        assert_eq!(rows[1].percent(), "100.0 %");
    }
}
