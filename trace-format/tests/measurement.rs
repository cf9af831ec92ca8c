//! Promises of measurement.rs: a file is what was written, or is refused in words that say why.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::PathBuf;

use tempfile::TempDir;
use trapline_trace_format::error::FormatError;
use trapline_trace_format::event::Cause;
use trapline_trace_format::measurement::*;
use trapline_trace_format::meta::Outcome;

fn metric(name: &str) -> Metric {
    Metric {
        name: name.to_owned(),
        count: 3,
        replays_ns: vec![110.25, 111.5],
        median: Estimate {
            point: 110.875,
            interval: Some([110.25, 111.5]),
        },
        passages: Quantiles {
            total_ns: 330.0,
            min_ns: 100.0,
            p50_ns: 110.0,
            p90_ns: 120.0,
            p99_ns: 120.0,
            max_ns: 120.0,
        },
        least_ns: 109.0,
    }
}

fn measurement() -> Measurement {
    let meta = support::meta(Outcome::Completed { status: 0 });
    Measurement {
        measurement_version: MEASUREMENT_VERSION,
        tool_version: "0.1.0".to_owned(),
        made_unix_s: 1,
        trace: MeasuredTrace {
            name: "a.trap".to_owned(),
            target: meta.target,
            passages: 3,
            schedule_crc32: 4711,
        },
        host: meta.host,
        clock_read_ns: 9.5,
        replays: 2,
        metrics: vec![
            metric("visits.syscall.kernel"),
            metric("switches.thread.cost"),
        ],
    }
}

fn file(content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Why the measurement is refused after this change of its text.
fn refusal(change: impl Fn(String) -> String) -> String {
    let text = serde_json::to_string(&measurement()).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "nothing was changed");
    let (_folder, path) = file(&changed);
    match Measurement::read(&path) {
        Err(error @ FormatError::NotAMeasurement { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    measurement().write(&path).unwrap();
    assert_eq!(Measurement::read(&path).unwrap(), measurement());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file");
}

#[test]
fn a_file_that_is_there_stays_what_it_is() {
    let (_folder, path) = file("precious");
    let error = measurement().write(&path).unwrap_err();
    assert!(matches!(error, FormatError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn another_version_is_named_before_anything_else_is_looked_at() {
    let version = |text: String| {
        text.replace("\"measurement_version\":1", "\"measurement_version\":9")
            .replace("\"replays\"", "\"unheard_of\"")
    };
    let why = refusal(version);
    assert!(
        why.contains("version 9") && why.contains("version 1"),
        "{why}"
    );
}

#[test]
fn what_no_measurement_says_is_refused_with_what_it_is() {
    let changes: [(&str, &str, &str); 7] = [
        ("\"replays\":2", "\"replays\":3", "a value for each replay"),
        (
            "\"replays_ns\":[110.25,111.5]",
            "\"replays_ns\":[]",
            "each replay",
        ),
        (
            "110.25,111.5],\"median\"",
            "110.25,-1.0],\"median\"",
            "is no time",
        ),
        ("\"point\":110.875", "\"point\":1e999", ""),
        ("\"count\":3", "\"count\":0", "is no time"),
        (
            "switches.thread.cost",
            "visits.syscall.kernel",
            "there twice",
        ),
        ("\"least_ns\"", "\"most_ns\"", "most_ns"),
    ];
    for (from, to, expected) in changes {
        let why = refusal(|text| text.replacen(from, to, 1));
        assert!(why.contains(expected), "{from}: {why}");
        assert_eq!(why.lines().count(), 1, "{why}");
    }
}

#[test]
fn what_is_no_measurement_at_all_is_refused_with_what_to_do() {
    for content in ["", "{}", "[]", "hello", "{\"measurement_version\":\"1\"}"] {
        let (_folder, path) = file(content);
        let why = Measurement::read(&path).unwrap_err().to_string();
        assert!(why.contains("replay TRACE --measure -o FILE"), "{why}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(Measurement::read(folder.path()).is_err(), "a folder");
    assert!(Measurement::read(&folder.path().join("none")).is_err());
}

#[test]
fn schedules_that_differ_in_one_passage_or_its_place_differ() {
    let visit = |number| Passage::Visit {
        cause: Cause::Syscall,
        number,
    };
    let switch = Passage::Switch;
    let schedules = [
        vec![visit(1), visit(2), switch(SwitchKind::Thread)],
        vec![visit(2), visit(1), switch(SwitchKind::Thread)],
        vec![visit(1), visit(2), switch(SwitchKind::Process)],
        vec![visit(1), visit(2)],
        vec![visit(1), visit(3), switch(SwitchKind::Thread)],
    ];
    let checksums: std::collections::HashSet<u32> = schedules
        .iter()
        .map(|schedule| schedule_crc32(schedule))
        .collect();
    assert_eq!(checksums.len(), schedules.len());
    assert_eq!(
        schedule_crc32(&schedules[0]),
        schedule_crc32(&schedules[0].clone())
    );
}
