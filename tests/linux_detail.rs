//! Promises about recordings that keep less: a summary has the same totals as the events, and a limit says what was dropped.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::collections::BTreeMap;

use trapline_trace_format::event::{Abi, EventKind};
use trapline_trace_format::meta::{Detail, Target};

use linux::{Traced, as_bare};

/// Programs that make the same calls in every run.
const PROGRAMS: [&str; 5] = ["vfork_spawn", "int80", "bits32", "own_filter", "dies 15"];

/// Calls that returned and, of these, errors, by table and number.
type Totals = BTreeMap<(Abi, i32), (u64, u64)>;

fn totals_of_events(traced: &Traced) -> Totals {
    let mut totals = Totals::new();
    for call in traced.calls() {
        let Some(result) = call.result else { continue };
        let (count, errors) = totals.entry((call.abi, call.number)).or_default();
        *count += 1;
        *errors += u64::from((-4095..0).contains(&result));
    }
    totals
}

fn totals_of_tallies(traced: &Traced) -> Totals {
    let mut totals = Totals::new();
    for event in &traced.events {
        if let EventKind::Tally(tally) = &event.kind {
            let (count, errors) = totals.entry((tally.abi, tally.number)).or_default();
            *count += tally.durations.iter().map(|(_, count)| count).sum::<u64>();
            *errors += tally.errors;
        }
    }
    totals
}

#[test]
fn a_summary_has_the_totals_of_a_full_recording() {
    for line in PROGRAMS {
        let (Some(full), Some(summary)) = (as_bare(line, &[]), as_bare(line, &["--summary-only"]))
        else {
            return;
        };
        assert!(matches!(
            summary.meta.target,
            Target::Linux {
                detail: Detail::Summary,
                ..
            }
        ));
        assert_eq!(summary.calls().len(), 0, "{line}: no call is an event");
        assert_eq!(
            totals_of_tallies(&summary),
            totals_of_events(&full),
            "{line}"
        );
        assert_eq!(summary.ends().len(), full.ends().len(), "{line}");
        assert_eq!(summary.killed(), full.killed(), "{line}");
    }
}
