//! Promises about endings: however a recording ends, nothing runs on, nothing is half-written, and what was recorded can
//! be read.

mod support;

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use support::replay::replay;
use support::{Scratch, descendants, is_alive, stat, stderr, text, trapline, wait_until};

/// A recording that goes on until someone ends it.
fn endless(trace: &Path, tracer: &str) -> Child {
    let jobs = [
        "--job",
        "greedy",
        "--job",
        "storm 100000000",
        "--job",
        "sleeper 100000 1",
    ];
    let mut command = trapline();
    command
        .arg("record")
        .args(jobs)
        .args(["--tracer", tracer, "-o"])
        .arg(trace);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("record starts")
}

/// Waits for the recorder's end. Its status and what it said on stderr.
fn end_of(recorder: Child) -> (ExitStatus, String) {
    let output = recorder.wait_with_output().expect("the recorder ends");
    (
        output.status,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill")
        .args(["-s", signal, &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

/// Waits until the machine itself runs, not only its calibration.
fn wait_for_machine(recorder: &Child, trace: &Path) -> Vec<u32> {
    wait_until("the log grows", || {
        trace
            .join("events.log")
            .metadata()
            .is_ok_and(|log| log.len() > 1000)
    });
    let machine = descendants(recorder.id());
    assert!(machine.len() >= 4, "a kernel and three guests: {machine:?}");
    machine
}

#[test]
fn killing_the_recorder_at_any_moment_leaves_a_readable_trace_and_no_process() {
    let scratch = Scratch::new();
    // Moments after the start that fall before, into and after calibration, boot, first block and later ones.
    for (index, moment_ms) in [3, 20, 45, 70, 95, 130, 180, 260, 390, 540]
        .into_iter()
        .enumerate()
    {
        let tracer = if index % 2 == 0 { "ptrace" } else { "none" };
        let trace = scratch.path(&format!("{moment_ms}.trap"));
        let mut recorder = endless(&trace, tracer);
        std::thread::sleep(Duration::from_millis(moment_ms));
        let machine = descendants(recorder.id());
        recorder.kill().expect("kill");
        recorder.wait().expect("wait");
        wait_until("the machine is gone", || {
            machine.iter().all(|pid| !is_alive(*pid))
        });
        assert_only_final_names(&trace);
        if trace.join("meta.json").exists() {
            let output = trapline()
                .args(["stat", "--json"])
                .arg(&trace)
                .output()
                .expect("stat runs");
            assert_eq!(
                output.status.code(),
                Some(4),
                "after {moment_ms} ms: {}",
                text(&output)
            );
            assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        }
    }
}

#[test]
fn a_killed_recorder_loses_only_its_last_moments() {
    let scratch = Scratch::new();
    let trace = scratch.path("long.trap");
    let mut recorder = endless(&trace, "ptrace");
    wait_for_machine(&recorder, &trace);
    std::thread::sleep(Duration::from_millis(700));
    recorder.kill().expect("kill");
    recorder.wait().expect("wait");
    let output = trapline()
        .args(["stat", "--json"])
        .arg(&trace)
        .output()
        .expect("stat runs");
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let wall = support::number(&all[0], "/wall_ns");
    assert!(
        wall > 500e6,
        "only {wall} ns of more than 700 ms can be read"
    );
}

#[test]
fn ctrl_c_ends_the_machine_and_finishes_the_trace() {
    let scratch = Scratch::new();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        for tracer in ["ptrace", "none"] {
            let trace = scratch.path(&format!("{signal}-{tracer}.trap"));
            let recorder = endless(&trace, tracer);
            let machine = wait_for_machine(&recorder, &trace);
            send(signal, recorder.id());
            let (status, said) = end_of(recorder);
            assert_eq!(status.code(), Some(code), "{said}");
            assert!(said.contains("ended early by SIG"), "{said}");
            wait_until("the machine is gone", || {
                machine.iter().all(|pid| !is_alive(*pid))
            });
            let stat = stat(&trace);
            assert_eq!(stat["meta"]["outcome"]["by"], format!("SIG{signal}"));
            assert_only_final_names(&trace);
        }
    }
}

#[test]
fn a_machine_that_is_killed_from_outside_is_an_error_that_says_so() {
    let scratch = Scratch::new();
    for tracer in ["ptrace", "none"] {
        let trace = scratch.path(&format!("{tracer}.trap"));
        let recorder = endless(&trace, tracer);
        let machine = wait_for_machine(&recorder, &trace);
        // The kernel's own process was started first.
        send("KILL", machine[0]);
        let (status, said) = end_of(recorder);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("ended from outside"), "{said}");
        wait_until("the machine is gone", || {
            machine.iter().all(|pid| !is_alive(*pid))
        });
    }
}

#[test]
fn a_guest_that_is_killed_from_outside_ends_alone() {
    let scratch = Scratch::new();
    for tracer in ["ptrace", "none"] {
        let trace = scratch.path(&format!("{tracer}.trap"));
        let mut command = trapline();
        command
            .args([
                "record", "--job", "greedy", "--job", "spin 400", "--tracer", tracer, "-o",
            ])
            .arg(&trace);
        let recorder = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("record starts");
        wait_until("greedy runs in the machine", || {
            trace.join("events.log").exists() && named(&recorder, "greedy") != 0
        });
        send("KILL", named(&recorder, "greedy"));
        let (status, said) = end_of(recorder);
        assert_eq!(status.code(), Some(128 + 9), "{said}");
        let stat = stat(&trace);
        assert_eq!(
            support::row(&stat["threads"], "name", "greedy")["status"]["killed"]["signal"],
            9
        );
        assert_eq!(
            support::row(&stat["threads"], "name", "spin")["status"]["code"],
            0
        );
    }
}

/// The host's id of the recorder's guest with this name, 0 if there is none yet.
fn named(recorder: &Child, name: &str) -> u32 {
    let is_named = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    descendants(recorder.id())
        .into_iter()
        .find(is_named)
        .unwrap_or(0)
}

#[test]
fn a_machine_in_which_everyone_waits_for_ever_says_so_and_its_trace_replays_up_to_there() {
    for tracer in ["none", "ptrace"] {
        let scratch = Scratch::new();
        // pause(2): nobody sends it a signal.
        let jobs = ["--job", "calls 39 34", "--job", "hello"];
        let options = [&["--tracer", tracer], &jobs[..]].concat();
        let (trace, output) = scratch.try_record("deadlock.trap", &options);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(stderr(&output).contains("deadlock"), "{}", text(&output));
        let stat = stat(&trace);
        let outcome = &stat["meta"]["outcome"];
        assert_eq!(outcome["is"], "failed", "{outcome}");
        let reason = outcome["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains("thread 1 of calls (1) for a signal"),
            "{reason}"
        );
        let ran = replay(&trace, &[]);
        assert_eq!(ran.status, 0, "{}", text(&ran.output));
        assert_eq!(ran.last()["end"], "same_until_cut");
        assert_eq!(ran.last()["left"], 0);
        assert!(ran.verified("visits") > 5, "{}", text(&ran.output));
    }
}

#[test]
fn a_recording_never_overwrites_another() {
    let scratch = Scratch::new();
    let trace = scratch.record("one.trap", &["--", "hello"]);
    let before = std::fs::read(trace.join("events.log")).expect("a log");
    let (_, output) = scratch.try_record("one.trap", &["--", "hello"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(stderr(&output).contains("one.trap"), "{}", text(&output));
    assert_eq!(
        std::fs::read(trace.join("events.log")).expect("a log"),
        before
    );
}

#[test]
fn a_full_disk_is_one_clear_line_and_no_trace_under_its_final_name() {
    let output = Command::new(env!("CARGO_BIN_EXE_trapline"))
        .args(["record", "-o", "/dev/full/x.trap", "--", "hello"])
        .output()
        .expect("record runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", text(&output));
}

/// No temporary file stands where a finished one is expected.
fn assert_only_final_names(trace: &Path) {
    let tables = std::fs::read_dir(trace.join("tables"))
        .into_iter()
        .flatten()
        .flatten();
    for table in tables {
        let name = table.file_name().to_string_lossy().into_owned();
        if name.ends_with(".parquet") {
            let bytes = std::fs::read(table.path()).expect("a table");
            assert!(
                bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"),
                "{name} is half-written"
            );
        }
    }
}
