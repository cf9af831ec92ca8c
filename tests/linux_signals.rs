//! Promises about ends that come from outside: whatever signal the recorder gets and whenever, it leaves nothing behind, nothing
//! stopped, and a trace that can be read.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::path::Path;
use std::time::Duration;

use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::Outcome;

use linux::{Started, User, program, recorder, send};
use support::{text, trapline, wait_until};

/// A recording that goes on for a minute unless somebody ends it, after so much time.
fn endless(user: User, delay: Duration) -> Option<Started> {
    let line = program("endless")?;
    let started = Started::new(user, &recorder(Path::new("a.trap"), &[], &line));
    std::thread::sleep(delay);
    Some(started)
}

/// From before the program starts to well into its work.
fn delays() -> impl Iterator<Item = Duration> {
    [0, 5, 15, 30, 60, 90, 130, 200, 350]
        .map(Duration::from_millis)
        .into_iter()
}

/// What was written can be read, if it came to that.
#[track_caller]
fn assert_readable(started: &Started) {
    let trace = started.scratch.path("a.trap");
    if !trace.join("meta.json").exists() {
        return;
    }
    let output = trapline()
        .arg("stat")
        .arg(&trace)
        .output()
        .expect("stat runs");
    assert!(
        matches!(output.status.code(), Some(0 | 4)),
        "{}",
        text(&output)
    );
}

#[track_caller]
fn assert_ends_cleanly(signal: &str, number: i32) {
    for delay in delays() {
        let Some(started) = endless(User::Same, delay) else {
            return;
        };
        send(signal, started.id());
        let run = started.end();
        started.left.assert_none();
        assert_eq!(run.status, 128 + number, "after {delay:?}: {run}");
        assert_readable(&started);
        if let Ok(trace) = Trace::open(&started.scratch.path("a.trap")) {
            let outcome = &trace.meta().outcome;
            assert!(
                matches!(outcome, Outcome::Interrupted { .. }),
                "after {delay:?}: {outcome:?}"
            );
            assert_eq!(trace.completeness(), None, "after {delay:?}");
        }
    }
}

#[test]
fn an_interrupt_at_any_moment_ends_all_of_it() {
    assert_ends_cleanly("INT", 2);
}

#[test]
fn a_termination_at_any_moment_ends_all_of_it() {
    assert_ends_cleanly("TERM", 15);
}

#[test]
fn a_killed_recorder_leaves_no_process_and_a_readable_beginning() {
    for user in [User::Same, User::Nobody] {
        for delay in delays().filter(|_| user.is_there()) {
            let Some(started) = endless(user, delay) else {
                return;
            };
            send("KILL", started.id());
            assert_eq!(started.end().status, 128 + 9);
            started.left.assert_none();
            assert_readable(&started);
        }
    }
}

#[test]
fn what_a_killed_recorder_wrote_before_is_not_lost() {
    let Some(started) = endless(User::Same, Duration::ZERO) else {
        return;
    };
    let log = started.scratch.path("a.trap").join("events.log");
    wait_until("some of the log is written", || {
        log.metadata().is_ok_and(|log| log.len() > 50_000)
    });
    send("KILL", started.id());
    started.end();
    started.left.assert_none();
    let trace = Trace::open(&started.scratch.path("a.trap")).expect("a trace");
    assert_eq!(trace.meta().outcome, Outcome::Recording);
    let events = trace.events().expect("a log").map_while(Result::ok).count();
    assert!(events > 1000, "{events} events");
}
