//! What tests of the real binary share: running it, reading its JSON, looking for what it may have left behind.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod gdb;
pub(crate) mod hostile;
pub(crate) mod parallel;
pub(crate) mod replay;
pub(crate) mod slices;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The built binary.
pub(crate) fn trapline() -> Command {
    let binary = env!("CARGO_BIN_EXE_trapline");
    let Some(cpu) = parallel::own_cpu() else {
        return Command::new(binary);
    };
    // Machines run on the last CPU that they may use: who shares the work out gives each a CPU of its own.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &cpu.to_string(), binary]);
    command
}

/// A folder of its own for one test.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Records with these options; the trace's path. The machine must have done its work.
    pub(crate) fn record(&self, name: &str, options: &[&str]) -> PathBuf {
        let (path, output) = self.try_record(name, options);
        assert!(
            path.join("meta.json").exists(),
            "no trace: {}",
            text(&output)
        );
        path
    }

    /// Records an example scenario with these options; the trace's path. The machine must have done its work.
    pub(crate) fn record_scenario(&self, name: &str, options: &[&str]) -> PathBuf {
        let scenario = slices::scenario(name);
        let scenario = scenario.to_str().expect("a path of text");
        let trace = format!("{name}{}.trap", options.concat());
        self.record(&trace, &[&["--scenario", scenario], options].concat())
    }

    /// Records with these options; the trace's path and what the command said.
    pub(crate) fn try_record(&self, name: &str, options: &[&str]) -> (PathBuf, Output) {
        let path = self.path(name);
        let output = trapline()
            .arg("record")
            .arg("-o")
            .arg(&path)
            .args(options)
            .output()
            .expect("record runs");
        (path, output)
    }
}

/// Everything that a command printed.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{} | stdout: {} | stderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Standard error of a command.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output of a command.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `stat --json` of one trace.
pub(crate) fn stat(trace: &Path) -> Value {
    let output = trapline()
        .args(["stat", "--json"])
        .arg(trace)
        .output()
        .expect("stat runs");
    assert!(output.status.success(), "{}", text(&output));
    let all: Value = serde_json::from_slice(&output.stdout).expect("stat prints JSON");
    all[0].clone()
}

/// Number at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> f64 {
    value
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no number at {pointer} in {value}"))
}

/// The row of `stat`'s threads with this number.
pub(crate) fn thread(stat: &Value, number: u32) -> &Value {
    let rows = stat["threads"].as_array().expect("threads");
    rows.iter()
        .find(|row| row["thread"] == number)
        .unwrap_or_else(|| panic!("no thread {number} in {rows:?}"))
}

/// The row of an array in which `key` is `wanted`.
pub(crate) fn row<'a>(rows: &'a Value, key: &str, wanted: &str) -> &'a Value {
    let rows = rows.as_array().expect("an array");
    rows.iter()
        .find(|row| row[key] == wanted)
        .unwrap_or_else(|| panic!("no row with {key} {wanted} in {rows:?}"))
}

/// Every built-in guest with arguments that make it short, and what ends it early if it does not end by itself.
pub(crate) const GUESTS: [(&str, Option<&str>); 18] = [
    ("hello world", None),
    ("spin 30", None),
    ("storm 500", None),
    ("yielder 200", None),
    ("job 3 2000 1000", None),
    ("job 3 1000 disk", None),
    ("tell 'a b'", None),
    ("tight nested 300000", None),
    ("tight jump", Some("100ms")),
    ("sleeper 5 2", None),
    ("greedy", Some("100ms")),
    ("heap 64", None),
    ("flood 16", None),
    ("forge entry", None),
    ("fault null", None),
    ("unknown", None),
    ("calibrate 100", None),
    ("fault kernel-write", None),
];

/// Whether a process with this id exists (a zombie counts as gone: someone else has to collect it).
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Ids of the processes below `pid`, whatever their depth.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let lists = tasks
            .map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
        lists
            .flat_map(|list| {
                list.split(' ')
                    .filter_map(|id| id.trim().parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        for child in children(pid) {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// Waits until the condition holds; panics with `what` when it does not within ten seconds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "still not: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says that a test cannot run here, and why, where no tool that could be installed would help: it is how the host is.
pub(crate) fn not_here(why: &str) {
    eprintln!("skipped: {why}");
}

/// Says that a test cannot run here, and why. With TRAPLINE_REQUIRE_ALL=1 that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("TRAPLINE_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "may not be skipped: {why}"
    );
    eprintln!("skipped: {why}");
}
