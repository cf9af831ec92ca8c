//! Promises about times: a sleep lasts as long as it was asked for and no longer than the program saw it, computing is user time, and
//! what the tracer costs is told apart.
//!
//! No test here compares with a clock of its own: the program says what it measured on the very clock of the trace, and a
//! visit lies between two of its readings, whatever the machine does.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use trapline_trace_format::event::{EventKind, Nanos, Role};

use linux::{GETPPID, Traced, User, program};

const ASKED: Nanos = 50_000_000;
const CLOCK_NANOSLEEP: i32 = 230;

fn record() -> Option<Traced> {
    let traced = Traced::record(User::Same, &program("times")?, &[]);
    assert_eq!(traced.run.status, 0, "{}", traced.run);
    Some(traced)
}

/// What the program measured, in nanoseconds.
fn measured(traced: &Traced, what: &str) -> Nanos {
    let lines = traced.run.stdout.lines();
    let value = lines
        .filter_map(|line| line.strip_prefix(what)?.trim().parse().ok())
        .next();
    value.unwrap_or_else(|| panic!("no {what}: {}", traced.run))
}

#[test]
fn a_sleep_lasts_as_long_as_asked_and_no_longer_than_the_program_saw_it() {
    let Some(traced) = record() else { return };
    let calls = traced.calls();
    let sleep = calls
        .iter()
        .find(|call| call.number == CLOCK_NANOSLEEP)
        .expect("a sleep");
    let ended = sleep.ended.expect("it returned");
    let (with, without) = (ended - sleep.begun, ended - sleep.held_until);
    let seen = measured(&traced, "slept");
    assert!(
        ASKED <= without && without <= with && with <= seen,
        "asked {ASKED}, without the tracer {without}, with it {with}, seen {seen}"
    );
}

#[test]
fn computing_is_cpu_time_of_the_program() {
    let Some(traced) = record() else { return };
    let (computed, used) = (measured(&traced, "computed"), measured(&traced, "used"));
    let usage = traced.events.iter().find_map(|event| match event.kind {
        EventKind::Usage {
            of: Role::Process,
            usage,
        } => Some(usage),
        _ => None,
    });
    let usage = usage.expect("the process's account");
    let total = usage.user_ns + usage.system_ns;
    // The account is closed behind the program's last reading, and may be kept in ticks of up to 10 ms.
    let tolerance = 20_000_000;
    assert!(
        (used - tolerance..used + used / 4 + tolerance).contains(&total),
        "the program read {used}, the trace has {total}"
    );
    assert!(
        usage.user_ns > computed / 2 && usage.user_ns <= total,
        "computed {computed}, user time {}",
        usage.user_ns
    );
}

#[test]
fn what_the_tracer_costs_is_told_apart() {
    let Some(traced) = record() else { return };
    let mut calls = traced.calls();
    calls.retain(|call| call.number == GETPPID);
    assert_eq!(calls.len(), 5000);
    let sum = |of: fn(&linux::Call) -> Nanos| calls.iter().map(of).sum::<Nanos>();
    let with = sum(|call| call.ended.expect("it returned") - call.begun);
    let without = sum(|call| call.ended.expect("it returned") - call.held_until);
    let seen = measured(&traced, "called");
    assert!(
        0 < without && without < with && with < seen,
        "{without} < {with} < {seen}"
    );
}
