//! Promises of the comparison of measurements: each verdict, and what it takes to get it.

use trapline_trace_format::measurement::{MEASUREMENT_VERSION, MeasuredTrace, Quantiles};
use trapline_trace_format::meta::Outcome;

use super::*;

/// Values around a center, a fifth of a percent apart.
fn around(center: f64, replays: usize) -> Vec<f64> {
    let step = |index: usize| 1.0 + 0.002 * (index as f64 - replays as f64 / 2.0);
    (0..replays).map(|index| center * step(index)).collect()
}

fn metric(name: &str, replays_ns: Vec<f64>) -> Metric {
    let mut sorted = replays_ns.clone();
    let point = crate::measurement::median(&mut sorted);
    Metric {
        name: name.to_owned(),
        count: 10,
        replays_ns,
        median: Estimate {
            point,
            interval: None,
        },
        passages: Quantiles {
            total_ns: 0.0,
            min_ns: 0.0,
            p50_ns: 0.0,
            p90_ns: 0.0,
            p99_ns: 0.0,
            max_ns: 0.0,
        },
        least_ns: point,
    }
}

fn measurement(metrics: Vec<Metric>) -> Measurement {
    let meta = crate::testing::meta(Outcome::Completed { status: 0 });
    Measurement {
        measurement_version: MEASUREMENT_VERSION,
        tool_version: "1".to_owned(),
        made_unix_s: 0,
        trace: MeasuredTrace {
            name: "run.trap".to_owned(),
            target: meta.target,
            passages: 10,
            schedule_crc32: 7,
        },
        host: meta.host,
        clock_read_ns: 0.0,
        replays: 10,
        metrics,
    }
}

fn compared(base: Vec<Metric>, new: Vec<Metric>, tolerance: f64) -> MeasuredComparison {
    let (base, new) = (measurement(base), measurement(new));
    compare_measured(("a.json", &base), ("b.json", &new), tolerance)
}

fn verdict_of(base: Vec<f64>, new: Vec<f64>, tolerance: f64) -> Verdict {
    let comparison = compared(vec![metric("x", base)], vec![metric("x", new)], tolerance);
    comparison.rows[0].verdict
}

#[test]
fn what_is_slower_or_faster_beyond_doubt_and_tolerance_is_said_to_be() {
    let base = || around(1000.0, 10);
    assert_eq!(
        verdict_of(base(), around(1100.0, 10), 5.0),
        Verdict::Regressed
    );
    assert_eq!(
        verdict_of(base(), around(900.0, 10), 5.0),
        Verdict::Improved
    );
    assert_eq!(verdict_of(base(), base(), 0.0), Verdict::NoEvidence);
    let comparison = compared(
        vec![metric("x", base())],
        vec![metric("x", around(1100.0, 10))],
        5.0,
    );
    let ratio = comparison.rows[0].ratio.expect("a ratio");
    assert!((ratio.point - 1.1).abs() < 1e-9, "{ratio:?}");
    assert_eq!(comparison.with_verdict(Verdict::Regressed).count(), 1);
}

#[test]
fn what_is_within_the_tolerance_is_the_same() {
    let (base, new) = (around(1000.0, 10), around(1100.0, 10));
    assert_eq!(
        verdict_of(base.clone(), new.clone(), 15.0),
        Verdict::NoEvidence
    );
    assert_eq!(
        verdict_of(base.clone(), new.clone(), 0.0),
        Verdict::Regressed
    );
    assert_eq!(verdict_of(new, base, 15.0), Verdict::NoEvidence);
}

#[test]
fn a_difference_within_the_noise_is_no_evidence() {
    let noisy = |shift: f64| -> Vec<f64> {
        (0..10)
            .map(|index| 1000.0 + shift + f64::from(index * 7 % 10) * 40.0)
            .collect()
    };
    assert_eq!(
        verdict_of(noisy(0.0), noisy(15.0), 0.0),
        Verdict::NoEvidence
    );
}

#[test]
fn with_few_replays_nothing_is_said_however_far_apart_they_lie() {
    let of = |replays| verdict_of(around(1000.0, replays), around(9000.0, replays), 0.0);
    assert_eq!(of(1), Verdict::TooFewRuns);
    assert_eq!(of(3), Verdict::TooFewRuns);
    assert_eq!(of(4), Verdict::Regressed);
}

#[test]
fn the_more_metrics_are_asked_for_the_more_replays_it_takes() {
    let metrics = |center: f64, count: usize| -> Vec<Metric> {
        (0..count)
            .map(|index| metric(&format!("m{index}"), around(center, 4)))
            .collect()
    };
    let one = compared(metrics(1000.0, 1), metrics(9000.0, 1), 0.0);
    assert_eq!(one.rows[0].verdict, Verdict::Regressed);
    let many = compared(metrics(1000.0, 10), metrics(9000.0, 10), 0.0);
    assert_eq!(many.tests, 10);
    assert!(
        many.rows
            .iter()
            .all(|row| row.verdict == Verdict::TooFewRuns)
    );
    // Ten times the probability of one, and no probability is above 1.
    let (one, many) = (one.rows[0].p.expect("p"), many.rows[0].p.expect("p"));
    assert!((many - (10.0 * one).min(1.0)).abs() < 1e-9, "{one} {many}");
}

#[test]
fn what_only_one_has_is_missing_and_nothing_else_is_said_of_it() {
    let comparison = compared(
        vec![
            metric("both", around(10.0, 10)),
            metric("gone", around(10.0, 10)),
        ],
        vec![
            metric("both", around(10.0, 10)),
            metric("fresh", around(10.0, 10)),
        ],
        0.0,
    );
    let rows: Vec<_> = comparison
        .rows
        .iter()
        .map(|row| (&*row.metric, row.verdict))
        .collect();
    let expected = [
        ("both", Verdict::NoEvidence),
        ("gone", Verdict::Missing),
        ("fresh", Verdict::Missing),
    ];
    assert_eq!(rows, expected);
    assert_eq!(comparison.rows[1].p, None);
    assert_eq!(comparison.tests, 1);
}

#[test]
fn another_schedule_or_host_is_said() {
    let base = measurement(Vec::new());
    let mut new = base.clone();
    assert!(
        compare_measured(("a", &base), ("b", &new), 0.0)
            .caveats
            .is_empty()
    );
    new.trace.schedule_crc32 += 1;
    new.host.cpu = "another".to_owned();
    let caveats = compare_measured(("a", &base), ("b", &new), 0.0).caveats;
    assert_eq!(caveats.len(), 2, "{caveats:?}");
}
