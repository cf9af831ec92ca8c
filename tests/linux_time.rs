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
use trapline_trace_format::meta::{Availability, Target};

use linux::{GETPPID, Traced, User, program};
use support::{number, row, stat};

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

#[test]
fn the_statistics_tell_the_same_times() {
    let Some(traced) = record() else { return };
    let stat = stat(&traced.path);
    let of = |call, what: &str| number(row(&stat["syscalls"], "name", call), what) as Nanos;
    let hidden = number(&stat, "/meta/calibration/hidden_stop_ns") as Nanos;
    let (elapsed, by_clock) = (
        of("clock_nanosleep", "/elapsed/total_ns"),
        of("clock_nanosleep", "/by_clock/total_ns"),
    );
    let seen = measured(&traced, "slept");
    // What two stops cost is an estimate.
    assert!(
        ASKED - 2 * hidden <= elapsed && elapsed <= by_clock && by_clock <= seen,
        "asked {ASKED}, without the tracer {elapsed}, with it {by_clock}, seen {seen}"
    );
    let (elapsed, by_clock) = (
        of("getppid", "/elapsed/total_ns"),
        of("getppid", "/by_clock/total_ns"),
    );
    let seen = measured(&traced, "called");
    assert!(
        elapsed < by_clock && by_clock < seen,
        "{elapsed} < {by_clock} < {seen}"
    );
    let lives = stat["threads"].as_array().expect("threads").iter();
    let lives: f64 = lives.map(|thread| number(thread, "/turnaround_ns")).sum();
    let parts = stat["partition"].as_array().expect("parts").iter();
    let parts: f64 = parts.map(|part| number(part, "/ns")).sum();
    assert_eq!(parts, lives, "the parts add up to the lives of the threads");
}

/// By the switches' times, not by the kernel's account; the two know nothing of each other. What a hypervisor takes away is in
/// the former alone.
#[test]
fn user_time_is_what_the_program_computed() {
    let Some(traced) = record() else { return };
    if !matches!(
        &traced.meta.target,
        Target::Linux {
            switches: Availability::Available,
            ..
        }
    ) {
        return support::not_here("the host does not tell when it switches");
    }
    let stat = stat(&traced.path);
    let user = number(&stat["threads"][0], "/user_ns") as Nanos;
    let computed = measured(&traced, "computed");
    let most = computed + computed / 2 + 20_000_000;
    assert!(
        computed - computed / 10 <= user && user <= most,
        "the program read {computed}, user time is {user}"
    );
}
