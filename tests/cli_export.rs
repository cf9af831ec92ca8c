//! Promises of `export`: what it writes, where to, and that a mini-kernel's trace and a hostile one are no exception.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

#[path = "support/cli.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod cli;

use cli::{EVIL_NAME, run, trapline, write_cut_trace, write_trace};
use tempfile::TempDir;

fn traced(name: &str, calls: u32) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let trace = dir.path().join("run.trap");
    write_trace(&trace, name, calls);
    (dir, trace)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn a_trace_of_the_mini_kernel_is_strace_s_lines_with_plain_arguments() {
    let (_dir, trace) = traced("spin", 2);
    let ran = run(&["export", text(&trace), "--format", "strace"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let wanted = "\
2     getpid()                          = 2
2     getpid()                          = 2
2     exit(0)                           = ?
2     +++ exited with 0 +++
1     exit(0)                           = ?
1     +++ exited with 0 +++
";
    assert_eq!(ran.stdout, wanted);
}

#[test]
fn columns_and_calls_are_chosen() {
    let (_dir, trace) = traced("spin", 1);
    let export = |options: &[&str]| {
        let ran = run(&[&["export", text(&trace), "-f", "strace"], options].concat());
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let lines = export(&["--pids", "never", "--timestamps", "start", "--durations"]);
    assert!(
        lines.starts_with("0.010100000 getpid()                    = 2 <0.000002>\n"),
        "{lines}"
    );
    assert!(!export(&["-e", "!getpid"]).contains("getpid"));
    assert!(!export(&["-e", "%file"]).contains("exit("));
    assert!(export(&["-e", "%process"]).contains("exit("));
}

#[test]
fn a_wrong_set_of_calls_is_told_with_what_was_meant() {
    let (_dir, trace) = traced("spin", 1);
    let ran = run(&["export", text(&trace), "-f", "strace", "-e", "getpidd"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr
            .contains("no system call `getpidd`; did you mean getpid?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_option_of_another_format_is_refused() {
    let (_dir, trace) = traced("spin", 1);
    let ran = run(&["export", text(&trace), "-f", "csv", "--durations"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--durations"), "{}", ran.stderr);
    let ran = run(&["export", text(&trace), "-f", "strace", "--table", "visits"]);
    assert_eq!(ran.status, Some(2));
    let ran = run(&["export", text(&trace), "-f", "csv", "--table", "none"]);
    assert!(ran.stderr.contains("visits, switches"), "{}", ran.stderr);
}

#[test]
fn tables_are_written_as_text_and_as_parquet() {
    let (dir, trace) = traced("spin", 3);
    let csv = run(&["export", text(&trace), "-f", "csv"]);
    assert_eq!(csv.status, Some(0), "{}", csv.stderr);
    let heading = csv.stdout.lines().next().expect("a heading");
    assert!(
        heading.contains("enter_ns") && heading.contains("number"),
        "{heading}"
    );
    let lines = run(&["export", text(&trace), "-f", "jsonl"]);
    let rows: Vec<serde_json::Value> = lines
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    // As many rows, one of them a heading in CSV.
    assert_eq!(rows.len() + 1, csv.stdout.lines().count());
    assert!(rows.iter().filter(|row| row["number"] == 39).count() == 3);
    let file = dir.path().join("out.parquet");
    let parquet = run(&[
        "export",
        text(&trace),
        "-f",
        "parquet",
        "--table",
        "switches",
        "-o",
        text(&file),
    ]);
    assert_eq!(
        (parquet.status, parquet.stdout.as_str()),
        (Some(0), ""),
        "{}",
        parquet.stderr
    );
    assert!(fs::read(&file).expect("a file").starts_with(b"PAR1"));
}

#[test]
fn perfetto_s_events_are_json_with_the_visits() {
    let (_dir, trace) = traced(EVIL_NAME, 3);
    let ran = run(&["export", text(&trace), "-f", "perfetto"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(!ran.stdout.contains('\u{1b}'));
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let events = value["traceEvents"].as_array().expect("events");
    let calls = events.iter().filter(|event| event["name"] == "getpid");
    assert_eq!(calls.count(), 3);
}

#[test]
fn a_file_is_whole_or_not_there() {
    let (dir, trace) = traced("spin", 1);
    let file = dir.path().join("out.txt");
    let ran = run(&["export", text(&trace), "-f", "strace", "-o", text(&file)]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        fs::read_to_string(&file)
            .expect("a file")
            .contains("getpid()")
    );
    let missing = dir.path().join("missing.trap");
    let other = dir.path().join("other.txt");
    let ran = run(&["export", text(&missing), "-f", "strace", "-o", text(&other)]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("missing.trap"), "{}", ran.stderr);
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["out.txt", "run.trap"]);
    let nowhere = dir.path().join("nowhere/out.txt");
    let ran = run(&["export", text(&trace), "-f", "strace", "-o", text(&nowhere)]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("cannot write"), "{}", ran.stderr);
}

#[test]
fn a_cut_trace_gives_its_intact_part_and_status_4() {
    let dir = tempfile::tempdir().expect("a directory");
    let trace = dir.path().join("cut.trap");
    write_cut_trace(&trace);
    for format in ["strace", "csv", "perfetto"] {
        let ran = run(&["export", text(&trace), "-f", format]);
        assert_eq!(ran.status, Some(4), "{format}: {}", ran.stderr);
        assert!(ran.stderr.contains("incomplete trace"), "{}", ran.stderr);
        assert!(!ran.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (_dir, trace) = traced("spin", 50_000);
    for format in ["strace", "csv", "jsonl", "perfetto"] {
        let mut child = trapline(&["export", text(&trace), "-f", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("trapline starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("trapline ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), stderr.as_ref()),
            (Some(0), ""),
            "{format}"
        );
    }
}
