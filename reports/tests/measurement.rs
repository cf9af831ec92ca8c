//! Promises about what is printed of measurements: units, intervals and verdicts are there, and nothing unescaped.

use trapline_analyzer::{Measured, MeasuredComparison, MeasuredRow, Verdict};
use trapline_reports::text::{self, Style};
use trapline_trace_format::measurement::*;

mod support;

const EVIL: &str = "\u{1b}]0;owned\u{7}";

fn metric(name: &str) -> Metric {
    Metric {
        name: name.to_owned(),
        count: 1234,
        replays_ns: vec![2500.0; 6],
        median: Estimate {
            point: 2500.0,
            interval: Some([2400.0, 2600.0]),
        },
        passages: Quantiles {
            total_ns: 3_085_000.0,
            min_ns: 2000.0,
            p50_ns: 2500.0,
            p90_ns: 3000.0,
            p99_ns: 4000.0,
            max_ns: 5000.0,
        },
        least_ns: 2300.0,
    }
}

fn measurement(name: &str, metrics: Vec<Metric>) -> Measurement {
    let meta = support::sample().0.meta;
    Measurement {
        measurement_version: MEASUREMENT_VERSION,
        tool_version: "0".to_owned(),
        made_unix_s: 0,
        trace: MeasuredTrace {
            name: name.to_owned(),
            target: meta.target,
            passages: 1234,
            schedule_crc32: 0,
        },
        host: meta.host,
        clock_read_ns: 9.0,
        replays: 6,
        metrics,
    }
}

fn row(name: &str, verdict: Verdict) -> MeasuredRow {
    let measured = |ns: f64| Measured {
        count: 10,
        replays: 20,
        median: Estimate {
            point: ns,
            interval: None,
        },
    };
    MeasuredRow {
        metric: name.to_owned(),
        base: Some(measured(1000.0)),
        new: (verdict != Verdict::Missing).then(|| measured(1500.0)),
        ratio: (verdict != Verdict::Missing).then_some(Estimate {
            point: 1.5,
            interval: Some([1.4, 1.6]),
        }),
        p: (verdict != Verdict::Missing).then_some(0.0004),
        verdict,
    }
}

fn compared(rows: Vec<MeasuredRow>) -> String {
    let comparison = MeasuredComparison {
        base: format!("a{EVIL}.json"),
        new: "b.json".to_owned(),
        tolerance_percent: 5.0,
        tests: rows.len(),
        rows,
        caveats: vec![format!("the host's CPU differs: {EVIL}")],
    };
    text::measured_comparison(&comparison, Style::Plain)
}

/// The words of the line that has `name` in it.
fn line(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.contains(name)).expect(name);
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_measurement_is_a_table_with_units_and_intervals() {
    let mut uncertain = metric("switches.thread.cost");
    uncertain.median.interval = None;
    let metrics = vec![metric("visits.syscall.kernel"), uncertain];
    let text = text::measurement(&measurement("run.trap", metrics), Style::Plain);
    assert!(text.starts_with("run.trap, replayed 6 times\n"), "{text}");
    assert_eq!(
        line(&text, "visits.syscall.kernel"),
        "visits.syscall.kernel 1,234 2.50 µs 2.40 µs to 2.60 µs 2.30 µs 3.00 µs 4.00 µs 5.00 µs 3.08 ms"
    );
    let uncertain = line(&text, "switches.thread.cost");
    assert!(uncertain.contains("2.50 µs — 2.30 µs"), "{uncertain}");
}

#[test]
fn a_comparison_of_measurements_ends_with_what_follows() {
    use Verdict::{Missing, NoEvidence, Regressed, TooFewRuns};
    let text = compared(vec![row("x.slow", Regressed), row("x.gone", Missing)]);
    assert_eq!(
        line(&text, "x.slow "),
        "x.slow 1.00 µs 1.50 µs 1.500 1.400 to 1.600 < 0.001 regressed"
    );
    assert_eq!(line(&text, "x.gone "), "x.gone 1.00 µs — — — — missing");
    assert!(text.ends_with("\nregression: x.slow\n"), "{text}");
    let text = compared(vec![row("x", TooFewRuns), row("y", NoEvidence)]);
    let end = "too few runs: no verdict on 1 metric; measure with more --times\n";
    assert!(text.ends_with(end), "{text}");
    let text = compared(vec![row("x", NoEvidence)]);
    assert!(text.contains("no regression: nothing shows"), "{text}");
    assert!(text.contains("Within 5 % counts as the same"), "{text}");
}

#[test]
fn no_name_of_a_measurement_steers_the_terminal() {
    let measured = measurement(EVIL, vec![metric(EVIL)]);
    for text in [
        text::measurement(&measured, Style::Plain),
        compared(vec![row(EVIL, Verdict::Regressed)]),
    ] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
        assert!(text.contains("\\u{1b}]0;owned"), "{text}");
    }
}
