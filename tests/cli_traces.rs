//! Promises of the commands that read traces: results, exit statuses, errors that name the trace, nothing unescaped.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "support/cli.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod cli;

use cli::{EVIL_NAME, run, trapline, write_cut_trace, write_trace};
use tempfile::TempDir;

/// A directory with a trace of the given number of system calls.
fn traced(calls: u32) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let trace = dir.path().join("run.trap");
    write_trace(&trace, "spin", calls);
    (dir, trace)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn stat_prints_where_the_time_went() {
    let (_dir, trace) = traced(20);
    let ran = run(&["stat", text(&trace)]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    for words in [
        "run.trap",
        "Where the wall time went",
        "user: spin (1)",
        "getpid",
        "Context switches by reason",
    ] {
        assert!(
            ran.stdout.contains(words),
            "{words} is not in:\n{}",
            ran.stdout
        );
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn json_holds_the_same_numbers_for_programs() {
    let (_dir, trace) = traced(20);
    let ran = run(&["stat", "--json", text(&trace), text(&trace)]);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 2);
    let parts = value[0]["partition"].as_array().unwrap();
    let sum: i64 = parts.iter().map(|part| part["ns"].as_i64().unwrap()).sum();
    assert_eq!(Some(sum), value[0]["wall_ns"].as_i64());
}

#[test]
fn report_writes_a_page_and_prints_where_it_is() {
    let (dir, trace) = traced(20);
    let out = dir.path().join("report");
    let ran = run(&["report", text(&trace), text(&trace), "-o", text(&out)]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.trim_end(), text(&out.join("index.html")));
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("Traces beside each other"));
    for file in [
        "run-timeline.svg",
        "run-timeline.png",
        "run-2-wall-time.svg",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
}

#[test]
fn compare_is_fine_without_a_limit_and_a_regression_over_it() {
    let (_base_dir, base) = traced(10);
    let (_new_dir, new) = traced(20);
    let plain = run(&["compare", text(&base), text(&new)]);
    assert_eq!(plain.status, Some(0), "{}", plain.stderr);
    let gated = run(&["compare", text(&base), text(&new), "--fail-over", "5"]);
    assert_eq!(gated.status, Some(3), "{}", gated.stdout);
    assert!(gated.stdout.contains("regression:"), "{}", gated.stdout);
    let same = run(&["compare", text(&base), text(&base), "--fail-over", "0"]);
    assert_eq!(same.status, Some(0), "{}", same.stdout);
    let json = run(&[
        "compare",
        "--json",
        text(&base),
        text(&new),
        "--fail-over",
        "5",
    ]);
    assert_eq!(json.status, Some(3));
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(!value["exceeded"].as_array().unwrap().is_empty());
}

#[test]
fn timeline_prints_the_protocol_and_where_to_go_on() {
    let (_dir, trace) = traced(20);
    let ran = run(&["timeline", text(&trace), "--limit", "6"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    for words in [
        "OS @ run (kernel mode)",
        "hardware",
        "program (user mode)",
        "return-from-trap into spin (1)",
    ] {
        assert!(
            ran.stdout.contains(words),
            "{words} is not in:\n{}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("--from 10007000ns"), "{}", ran.stdout);
    let rest = run(&["timeline", text(&trace), "--from", "10.1ms", "--limit", "0"]);
    assert!(
        rest.stdout.contains("storm (2) calls getpid"),
        "{}",
        rest.stdout
    );
}

#[test]
fn a_trace_that_is_not_there_is_one_line_that_names_it() {
    for args in [
        &["stat", "no-such.trap"][..],
        &["report", "no-such.trap", "-o", "unused"],
        &["compare", "no-such.trap", "no-such.trap"],
        &["timeline", "no-such.trap"],
    ] {
        let ran = run(args);
        assert_eq!(ran.status, Some(1), "{args:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{args:?}: {}", ran.stderr);
        assert!(
            ran.stderr.starts_with("trapline: ") && ran.stderr.contains("no-such.trap"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_path_cannot_steer_the_terminal() {
    let ran = run(&["stat", "\u{1b}]0;owned\u{7}.trap"]);
    assert_eq!(ran.status, Some(1));
    assert!(
        !ran.stderr.contains('\u{1b}') && ran.stderr.contains("\\u{1b}"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_name_in_a_trace_cannot_steer_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("evil.trap");
    write_trace(&trace, EVIL_NAME, 3);
    for args in [&["stat", text(&trace)][..], &["timeline", text(&trace)]] {
        let ran = run(args);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(!ran.stdout.contains('\u{1b}'), "{args:?}");
        assert!(ran.stdout.contains("\\u{1b}"), "{args:?}:\n{}", ran.stdout);
    }
}

#[test]
fn an_incomplete_trace_gives_its_results_a_warning_and_status_4() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("cut.trap");
    write_cut_trace(&trace);
    let out = dir.path().join("report");
    for args in [
        &["stat", text(&trace)][..],
        &["stat", "--json", text(&trace)],
        &["timeline", text(&trace)],
        &["report", text(&trace), "-o", text(&out)],
        &["compare", text(&trace), text(&trace), "--fail-over", "0"],
    ] {
        let ran = run(args);
        assert_eq!(ran.status, Some(4), "{args:?}: {}", ran.stderr);
        assert!(!ran.stdout.is_empty(), "{args:?}");
        assert!(
            ran.stderr.contains("warning") && ran.stderr.contains("incomplete"),
            "{args:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_damaged_trace_is_an_error_or_incomplete_and_never_a_panic() {
    let (_dir, trace) = traced(200);
    let log = trace.join("events.log");
    let whole = fs::read(&log).unwrap();
    for at in [0, 7, whole.len() / 3, whole.len() / 2, whole.len() - 3] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        for bytes in [&flipped[..], &whole[..at]] {
            fs::write(&log, bytes).unwrap();
            let _ = fs::remove_dir_all(trace.join("tables"));
            for command in ["stat", "timeline"] {
                let ran = run(&[command, text(&trace)]);
                assert!(
                    matches!(ran.status, Some(1 | 4)),
                    "{command} {at}: {:?} {}",
                    ran.status,
                    ran.stderr
                );
                assert!(!ran.stderr.contains("internal error"), "{}", ran.stderr);
            }
        }
    }
}

#[test]
fn output_into_a_pipe_has_no_colour_with_or_without_no_color() {
    let (_dir, trace) = traced(3);
    for no_color in ["", "1"] {
        let output = trapline(&["stat", text(&trace)])
            .env("NO_COLOR", no_color)
            .output()
            .unwrap();
        assert!(!output.stdout.contains(&0x1b), "NO_COLOR={no_color}");
    }
}

#[test]
fn a_report_directory_that_cannot_be_made_is_named() {
    let (dir, trace) = traced(3);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let ran = run(&["report", text(&trace), "-o", text(&file.join("report"))]);
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.stderr.contains(text(&file)) && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
}
