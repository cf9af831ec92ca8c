//! Two measurements beside each other, metric by metric, each with a verdict.
//!
//! Key function: [`compare_measured`]. Neighbours: `rank_test.rs` and `measurement/estimate.rs` have the statistics.
//!
//! | verdict | when |
//! |---|---|
//! | regressed | the rank test, corrected for the number of metrics, finds a difference, and the whole interval of the ratio lies above the tolerance |
//! | improved | the same, and the whole interval lies below one divided by the tolerance |
//! | no evidence | neither |
//! | too few runs | however far apart the values lay, the corrected test could find nothing with so few replays |
//! | missing | only one of the two has the metric |
//!
//! What a test counts are replays, not passages: those of one replay are no independent observations.

use serde::{Deserialize, Serialize};
use trapline_trace_format::measurement::{CONFIDENCE, Estimate, Measurement, Metric};

use super::rank_test::{holm, least_p_value, p_value};
use super::settings::settings;
use crate::measurement::ratio_of_medians;

/// Two measurements beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredComparison {
    /// Name of the base.
    pub base: String,
    /// Name of what is held against it.
    pub new: String,
    /// How many percent slower or faster counts as the same.
    pub tolerance_percent: f64,
    /// How many metrics the probabilities are corrected for.
    pub tests: usize,
    /// Metrics: those of the base, then those that only the new one has.
    pub rows: Vec<MeasuredRow>,
    /// What makes the two hard to compare: one line each.
    pub caveats: Vec<String>,
}

impl MeasuredComparison {
    /// The metrics with this verdict.
    pub fn with_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &MeasuredRow> {
        self.rows.iter().filter(move |row| row.verdict == verdict)
    }
}

/// One metric of both. Nanoseconds; less is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRow {
    /// Its name.
    pub metric: String,
    /// In the base; none where it has not got it.
    pub base: Option<Measured>,
    /// In the new one.
    pub new: Option<Measured>,
    /// The new median divided by the base's; above 1 is slower.
    pub ratio: Option<Estimate>,
    /// The probability of a difference like this if there is none, corrected for the number of metrics. 0 to 1.
    pub p: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// A metric of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// How many passages it is of.
    pub count: u64,
    /// How many replays.
    pub replays: usize,
    /// The median.
    pub median: Estimate,
}

/// What can be said of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is slower.
    Regressed,
    /// It is faster.
    Improved,
    /// Nothing shows that it is one or the other.
    NoEvidence,
    /// Nothing could show it with so few replays.
    TooFewRuns,
    /// There is nothing to compare with.
    Missing,
}

impl Verdict {
    /// The words of it in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::NoEvidence => "no evidence",
            Self::TooFewRuns => "too few runs",
            Self::Missing => "missing",
        }
    }
}

/// Holds `new` against `base`; these are their names. What is within the tolerance is neither better nor worse.
#[must_use]
pub fn compare_measured(
    (base_name, base): (&str, &Measurement),
    (new_name, new): (&str, &Measurement),
    tolerance_percent: f64,
) -> MeasuredComparison {
    let mut rows: Vec<MeasuredRow> = base
        .metrics
        .iter()
        .map(|metric| row(Some(metric), find(new, &metric.name)))
        .collect();
    let only_new = new
        .metrics
        .iter()
        .filter(|metric| find(base, &metric.name).is_none());
    rows.extend(only_new.map(|metric| row(None, Some(metric))));
    let tests = rows.iter().filter(|row| row.p.is_some()).count();
    let alone: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let tested = rows.iter_mut().filter(|row| row.p.is_some());
    for (row, corrected) in tested.zip(holm(&alone)) {
        row.p = Some(corrected);
        row.verdict = verdict(row, tests, 1.0 + tolerance_percent / 100.0);
    }
    MeasuredComparison {
        base: base_name.to_owned(),
        new: new_name.to_owned(),
        tolerance_percent,
        tests,
        rows,
        caveats: caveats(base, new),
    }
}

fn find<'a>(measurement: &'a Measurement, name: &str) -> Option<&'a Metric> {
    measurement
        .metrics
        .iter()
        .find(|metric| metric.name == name)
}

/// The row, before anything is corrected or judged.
fn row(base: Option<&Metric>, new: Option<&Metric>) -> MeasuredRow {
    let name = base.or(new).map(|metric| metric.name.clone());
    let both = base.zip(new);
    MeasuredRow {
        metric: name.unwrap_or_default(),
        base: base.map(measured),
        new: new.map(measured),
        ratio: both.and_then(|(base, new)| ratio_of_medians(&base.replays_ns, &new.replays_ns)),
        p: both.map(|(base, new)| p_value(&base.replays_ns, &new.replays_ns)),
        verdict: Verdict::Missing,
    }
}

fn measured(metric: &Metric) -> Measured {
    Measured {
        count: metric.count,
        replays: metric.replays_ns.len(),
        median: metric.median,
    }
}

/// What follows from a row that both have, with the corrected probability in it.
fn verdict(row: &MeasuredRow, tests: usize, tolerated: f64) -> Verdict {
    let replays = |measured: Option<Measured>| measured.map_or(0, |measured| measured.replays);
    let least = least_p_value(replays(row.base), replays(row.new)) * tests as f64;
    let wrong = 1.0 - CONFIDENCE;
    if least > wrong {
        return Verdict::TooFewRuns;
    }
    let interval = row.ratio.and_then(|ratio| ratio.interval);
    match (row.p, interval) {
        (Some(p), Some([low, _])) if p <= wrong && low > tolerated => Verdict::Regressed,
        (Some(p), Some([_, high])) if p <= wrong && high < 1.0 / tolerated => Verdict::Improved,
        _ => Verdict::NoEvidence,
    }
}

fn caveats(base: &Measurement, new: &Measurement) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differs = |what: &str, base: String, new: String| {
        if base != new {
            lines.push(format!(
                "{what} differs: {base} in the base, {new} in the new measurement"
            ));
        }
    };
    differs(
        "the host's CPU",
        base.host.cpu.clone(),
        new.host.cpu.clone(),
    );
    differs(
        "the host's kernel",
        base.host.kernel.clone(),
        new.host.kernel.clone(),
    );
    differs(
        "trapline's version",
        base.tool_version.clone(),
        new.tool_version.clone(),
    );
    let set_in_new = settings(&new.trace.target);
    for (what, value) in settings(&base.trace.target) {
        if let Some((_, other)) = set_in_new.iter().find(|(name, _)| *name == what) {
            differs(what, value, other.clone());
        }
    }
    if base.trace.schedule_crc32 != new.trace.schedule_crc32 {
        lines.push(format!(
            "the schedules differ: {} passages of the kernel in the base, {} in the new measurement; \
             medians may differ because other work was done",
            base.trace.passages, new.trace.passages
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
