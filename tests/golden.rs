//! Promises about old traces: what was recorded once says the same ever after, and what is too old is refused by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use insta::assert_snapshot;
use tempfile::TempDir;
use trapline_analyzer::Analysis;
use trapline_trace_format::event::{Nanos, ProcessId};

/// A copy of the golden trace of format version 2: reading one leaves tables beside it.
fn golden() -> (TempDir, PathBuf) {
    golden_of("v2")
}

fn golden_of(version: &str) -> (TempDir, PathBuf) {
    golden_named(version, "family.trap")
}

fn golden_named(version: &str, name: &str) -> (TempDir, PathBuf) {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let kept = traces.join(version).join(name);
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join(name);
    fs::create_dir(&copy).expect("a folder");
    for file in ["meta.json", "events.log"] {
        fs::copy(kept.join(file), copy.join(file)).expect("a file of the golden trace");
    }
    (folder, copy)
}

fn run(arguments: &[&str], trace: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline"))
        .args(arguments)
        .arg(trace)
        .output()
        .expect("the command runs")
}

fn printed(arguments: &[&str], trace: &Path) -> String {
    let output = run(arguments, trace);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_statistics_of_a_golden_trace_stay_what_they_were() {
    let (_folder, trace) = golden();
    let first = printed(&["stat"], &trace);
    assert_snapshot!(first);
    assert_eq!(
        printed(&["stat"], &trace),
        first,
        "from log and from tables"
    );
}

#[test]
fn the_statistics_of_a_golden_trace_with_inputs_stay_what_they_were() {
    let (_folder, trace) = golden_of("v3");
    assert_snapshot!(printed(&["stat"], &trace));
    // Its machine was not kept: that is said, and nothing is guessed.
    let replay = run(&["replay"], &trace);
    assert_eq!(replay.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
}

#[test]
fn the_statistics_of_a_golden_trace_of_version_4_stay_what_they_were() {
    let (_folder, trace) = golden_of("v4");
    assert_snapshot!(printed(&["stat"], &trace));
}

#[test]
fn a_golden_trace_that_kept_its_machine_is_replayed_with_it() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/v4/machine.trap");
    // Its kernel is the one that it was recorded with, and its guests ask no CPU what it can do.
    let output = run(&["replay", "--trust", "--any-cpu", "--times", "3"], &kept);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("saved at most") {
        // The state of a thread does not fit where that kernel keeps it: no tool that could be installed helps.
        return eprintln!("skipped: {errors}");
    }
    assert!(output.status.success(), "{errors}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.starts_with("the same to the end, 3 times: 285 events\n"),
        "{said}"
    );
}

#[test]
fn a_golden_trace_from_before_replays_says_why_it_cannot_be_replayed() {
    for (version, why) in [
        ("v2", "it is of format version 2, which came before replays"),
        ("v3", "it has no replay/kernel"),
    ] {
        let (_folder, trace) = golden_of(version);
        let output = run(&["replay", "--trust"], &trace);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(why), "{errors}");
        assert!(errors.contains("record it again"), "{errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
}

#[test]
fn the_protocol_of_a_golden_trace_stays_what_it_was() {
    let (_folder, trace) = golden();
    let protocol = printed(&["timeline", "--limit", "0"], &trace);
    // The middle, where threads are made: the whole is long, and what is said of each kind of event is tested elsewhere.
    let lines: Vec<&str> = protocol
        .lines()
        .skip_while(|line| !line.contains("create thread family (1/2)"))
        .take(60)
        .collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_statistics_of_a_golden_trace_of_linux_programs_stay_what_they_were() {
    let (_folder, trace) = golden_named("v4", "shell.trap");
    let first = printed(&["stat"], &trace);
    assert_snapshot!(first);
    assert_eq!(
        printed(&["stat"], &trace),
        first,
        "from log and from tables"
    );
}

#[test]
fn the_protocol_of_a_golden_trace_of_linux_programs_stays_what_it_was() {
    let (_folder, trace) = golden_named("v4", "shell.trap");
    let protocol = printed(&["timeline", "--limit", "0"], &trace);
    // The signal and its handler, the pipeline, and the switches of the program's own between.
    let lines: Vec<&str> = protocol
        .lines()
        .skip_while(|line| !line.contains("calls kill"))
        .take(90)
        .collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn who_could_address_what_in_a_golden_trace_stays_what_it_was() {
    const MS: Nanos = 1_000_000;
    let (_folder, trace) = golden();
    let analysis = Analysis::load(&trace).expect("a trace");
    let mut shown = String::new();
    // With both threads, after them; a child of fork; a child of posix_spawn, once in its parent's memory, once in its own.
    for (process, time_ns) in [
        (1, 2 * MS),
        (1, 15 * MS),
        (5, 7 * MS),
        (6, 9 * MS),
        (6, 14 * MS),
    ] {
        let map = analysis
            .memory_map_at(ProcessId(process), time_ns)
            .expect("a map");
        shown.push_str(&format!("process {process} at {} ms\n", time_ns / MS));
        for mapping in map {
            let owner = mapping.stack_of.map(|thread| format!(" stack of {thread}"));
            shown.push_str(&format!(
                "  {:#x}-{:#x} {} {}{}\n",
                mapping.start,
                mapping.end,
                mapping.rights.word(),
                mapping.backing.word(),
                owner.unwrap_or_default()
            ));
        }
    }
    assert_snapshot!(shown);
}

#[test]
fn a_trace_of_the_first_format_is_refused_by_name() {
    let (_folder, trace) = golden();
    // The frame of meta.json is the same in all versions.
    let text = "{\"format_version\": 1}";
    let checksum = crc32(text.as_bytes());
    let framed = format!("{{\n\"crc32\": \"{checksum:08x}\",\n\"meta\": {text}\n}}\n");
    fs::write(trace.join("meta.json"), framed).expect("a meta.json");
    for command in ["stat", "timeline"] {
        let output = run(&[command], &trace);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            errors.contains("format version 1 is older than this version of trapline"),
            "{errors}"
        );
    }
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
