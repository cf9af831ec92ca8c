//! Promises of `replay --measure` and of `compare` of what it writes: each passage of the schedule is measured, once per
//! replay; verdicts are what the values say. Nothing here depends on how long anything takes.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::replay::rewritten;
use support::{Scratch, number, row, stat, stderr, stdout, text, trapline};
use trapline_trace_format::event::EventKind;

/// `replay --measure --json`, and the measurement.
fn measure(trace: &Path, options: &[&str]) -> (Output, Value) {
    let output = trapline()
        .args(["replay", "--measure", "--json"])
        .args(options)
        .arg(trace)
        .output()
        .expect("replay runs");
    let measured = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, measured)
}

/// `compare` of two files.
fn compare(base: &Path, new: &Path, options: &[&str]) -> Output {
    trapline()
        .arg("compare")
        .args([base, new])
        .args(options)
        .output()
        .expect("compare runs")
}

/// Programs that call, yield, fault and are preempted.
fn recorded(scratch: &Scratch) -> PathBuf {
    let jobs = [
        "storm 300",
        "yielder 50",
        "yielder 50",
        "heap 64",
        "spin 10",
    ];
    let jobs = jobs.iter().flat_map(|job| ["--job", *job]);
    let options = ["--quantum", "1ms", "--tick", "500us", "--tracer", "ptrace"];
    scratch.record(
        "all.trap",
        &options.into_iter().chain(jobs).collect::<Vec<_>>(),
    )
}

/// A measurement of ten replays, in which the metrics named have these factors.
fn changed(scratch: &Scratch, name: &str, measured: &Value, factors: &[(&str, f64)]) -> PathBuf {
    let mut changed = measured.clone();
    changed["replays"] = 10.into();
    for metric in changed["metrics"].as_array_mut().expect("metrics") {
        let name = metric["name"].as_str().unwrap_or_default().to_owned();
        let factor = factors.iter().find(|(of, _)| *of == name);
        let factor = factor.map_or(1.0, |(_, factor)| *factor);
        let values = (0..10).map(|replay| factor * (1000.0 + f64::from(replay)));
        metric["replays_ns"] = values.map(Value::from).collect();
    }
    let path = scratch.path(name);
    std::fs::write(&path, changed.to_string()).expect("written");
    path
}

#[test]
fn every_visit_and_switch_of_the_schedule_is_measured_in_every_replay() {
    let scratch = Scratch::new();
    let trace = recorded(&scratch);
    let (output, measured) = measure(&trace, &["--times", "3"]);
    assert!(output.status.success(), "{}", text(&output));
    let stat = stat(&trace);
    let of_cause = |cause: &str| number(row(&stat["causes"], "cause", cause), "/kernel/count");
    let count = |metric: &str| number(row(&measured["metrics"], "name", metric), "/count");
    for cause in ["syscall", "timer", "page_fault"] {
        assert_eq!(
            count(&format!("visits.{cause}.kernel")),
            of_cause(cause),
            "{cause}"
        );
    }
    for call in ["getpid", "sched_yield", "exit_group"] {
        let recorded = number(row(&stat["syscalls"], "name", call), "/kernel/count");
        assert_eq!(
            count(&format!("syscalls.{call}.kernel")),
            recorded,
            "{call}"
        );
    }
    let sum = |rows: &Value, is: &dyn Fn(&Value) -> bool, pointer: &str| -> f64 {
        let rows = rows.as_array().expect("rows").iter();
        rows.filter(|row| is(row))
            .map(|row| number(row, pointer))
            .sum()
    };
    let is_switch = |metric: &Value| {
        metric["name"]
            .as_str()
            .unwrap_or("")
            .starts_with("switches.")
    };
    assert_eq!(
        sum(&measured["metrics"], &is_switch, "/count"),
        sum(&stat["switches"], &|_| true, "/cost/count")
    );
    assert_eq!(measured["replays"], 3);
    for metric in measured["metrics"].as_array().expect("metrics") {
        let values = metric["replays_ns"].as_array().expect("values");
        assert_eq!(values.len(), 3, "{metric}");
        // Whatever it took, it took some time.
        assert!(values.iter().all(|ns| ns.as_f64() > Some(0.0)), "{metric}");
        assert!(number(metric, "/least_ns") <= number(metric, "/passages/max_ns"));
    }
}

#[test]
fn a_machine_whose_time_stamp_counter_traps_is_measured_by_another_clock() {
    let scratch = Scratch::new();
    let options = ["--tsc", "trap", "--tracer", "none", "--job", "calibrate 50"];
    let trace = scratch.record("trap.trap", &options);
    let (output, measured) = measure(&trace, &["--times", "2"]);
    assert!(output.status.success(), "{}", text(&output));
    let calls = row(&measured["metrics"], "name", "visits.syscall.kernel");
    assert!(number(calls, "/least_ns") > 0.0, "{calls}");
}

#[test]
fn a_person_reads_what_was_measured_and_what_is_not_in_it() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--tracer", "none", "--job", "hello"]);
    let output = trapline()
        .args(["replay", "--measure", "--times", "2"])
        .arg(&trace)
        .output()
        .expect("replay runs");
    let said = stdout(&output);
    for words in [
        "hello.trap, replayed 2 times",
        "Not in it: entry and exit, setting the timer",
        "syscalls.write.kernel",
    ] {
        assert!(said.contains(words), "{words}: {}", text(&output));
    }
}

#[test]
fn a_replay_that_is_not_the_same_is_no_measurement() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--tracer", "none", "--job", "hello"]);
    let late = |events: &mut Vec<_>| {
        let is_return = |event: &&mut trapline_trace_format::event::Event| {
            matches!(event.kind, EventKind::Return { .. })
        };
        events.iter_mut().find(is_return).expect("a return").time += 1;
    };
    let trace = rewritten(&trace, late, |_, _| {});
    let file = scratch.path("not.json");
    let (output, measured) = measure(&trace, &["-o", file.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert_eq!(measured[0]["end"], "diverged", "{}", text(&output));
    assert!(!file.exists());
}

#[test]
fn a_file_that_is_there_is_refused_before_anything_runs() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--tracer", "none", "--job", "hello"]);
    let file = scratch.path("there.json");
    std::fs::write(&file, "precious").expect("written");
    let (output, _) = measure(&trace, &["-o", file.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
    assert!(stderr(&output).contains("exists already"));
    assert_eq!(std::fs::read_to_string(file).expect("there"), "precious");
}

#[test]
fn two_measurements_of_one_trace_are_of_one_schedule() {
    let scratch = Scratch::new();
    let trace = recorded(&scratch);
    let [base, new] = ["base.json", "new.json"].map(|name| scratch.path(name));
    for file in [&base, &new] {
        let path = file.to_str().expect("text");
        let (output, printed) = measure(&trace, &["--times", "6", "-o", path]);
        assert!(output.status.success(), "{}", text(&output));
        let written = std::fs::read(file).expect("written");
        let written: Value = serde_json::from_slice(&written).expect("JSON");
        assert_eq!(written, printed);
    }
    // The tolerance is such that no machine is too busy for it.
    let output = compare(&base, &new, &["--json", "--fail-over", "100000"]);
    assert!(output.status.success(), "{}", text(&output));
    let compared: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(compared["caveats"], Value::Array(Vec::new()));
    let rows = compared["rows"].as_array().expect("rows");
    assert_eq!(compared["tests"], rows.len());
    assert!(
        rows.iter()
            .all(|row| row["base"]["count"] == row["new"]["count"])
    );
}

#[test]
fn what_is_slower_is_a_regression_and_status_3_and_what_is_faster_is_not() {
    let scratch = Scratch::new();
    let trace = recorded(&scratch);
    let (output, measured) = measure(&trace, &["--times", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    let file = |name: &str, factors: &[(&str, f64)]| changed(&scratch, name, &measured, factors);
    let base = file("base.json", &[]);
    let slower = file("slower.json", &[("syscalls.getpid.kernel", 1.5)]);
    let output = compare(&base, &slower, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = stdout(&output);
    assert!(
        said.contains("regression: syscalls.getpid.kernel\n"),
        "{said}"
    );
    // The same the other way round.
    let output = compare(&slower, &base, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(stdout(&output).contains("improved"), "{}", text(&output));
    // And within what is tolerated.
    let output = compare(&base, &slower, &["--fail-over", "60%"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = compare(&base, &base, &["--fail-over", "0"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn with_too_few_replays_there_is_no_verdict() {
    let scratch = Scratch::new();
    let trace = scratch.record("storm.trap", &["--tracer", "none", "--job", "storm 50"]);
    let file = scratch.path("few.json");
    let (output, _) = measure(
        &trace,
        &["--times", "2", "-o", file.to_str().expect("text")],
    );
    assert!(output.status.success(), "{}", text(&output));
    let output = compare(&file, &file, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        stdout(&output).contains("too few runs: no verdict"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_measurement_is_not_compared_with_a_trace() {
    let scratch = Scratch::new();
    let trace = scratch.record("storm.trap", &["--tracer", "none", "--job", "storm 50"]);
    let file = scratch.path("a.json");
    let (output, _) = measure(
        &trace,
        &["--times", "1", "-o", file.to_str().expect("text")],
    );
    assert!(output.status.success(), "{}", text(&output));
    for (base, new) in [(&trace, &file), (&file, &trace)] {
        let output = compare(base, new, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
        assert!(
            stderr(&output).contains("a.json is a measurement"),
            "{}",
            text(&output)
        );
    }
}

#[test]
fn a_measurement_cannot_steer_the_terminal_and_nonsense_is_one_line() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--tracer", "none", "--job", "hello"]);
    let (output, measured) = measure(&trace, &["--times", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    let path = changed(&scratch, "evil.json", &measured, &[]);
    let content = std::fs::read_to_string(&path).expect("written");
    let evil = content.replacen("visits.syscall.kernel", "\\u001b]0;owned\\u0007", 1);
    std::fs::write(&path, evil).expect("written");
    let output = compare(&path, &path, &[]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(!output.stdout.contains(&0x1b), "{}", text(&output));
    assert!(
        stdout(&output).contains("\\u{1b}]0;owned"),
        "{}",
        text(&output)
    );
    std::fs::write(&path, "{\"measurement_version\": 1, \"\u{7}\": 1}").expect("written");
    let output = compare(&path, &path, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
    assert!(!output.stderr.contains(&7), "{}", text(&output));
}
