//! Promises about time sharing: round robin is fair, the timer takes the CPU from those who never give it, sleepers do
//! not pay for spinners.

mod support;

use serde_json::Value;
use support::{Scratch, number, row, stat};

fn cpu_ns(stat: &Value, name: &str) -> f64 {
    let thread = row(&stat["threads"], "name", name);
    number(thread, "/user_ns") + number(thread, "/kernel_ns")
}

#[test]
fn greedy_beside_spin_gets_half_the_cpu_and_no_more() {
    let scratch = Scratch::new();
    let options = [
        "--job",
        "greedy",
        "--job",
        "spin 60000",
        "--limit",
        "1500ms",
        "--quantum",
        "5ms",
    ];
    let stat = stat(&scratch.record("half.trap", &options));
    let (greedy, spin) = (cpu_ns(&stat, "greedy"), cpu_ns(&stat, "spin"));
    let share = greedy / (greedy + spin);
    assert!(
        (share - 0.5).abs() < 0.05,
        "greedy got {share:.3} of the CPU"
    );
    let taken = row(&stat["switches"], "reason", "quantum");
    assert_eq!(taken["voluntary"], false);
    assert!(number(taken, "/cost/count") > 100.0, "{taken}");
}

#[test]
fn a_thread_that_waits_for_its_turn_responds_after_one_quantum() {
    let scratch = Scratch::new();
    let options = [
        "--job",
        "greedy",
        "--job",
        "hello",
        "--limit",
        "500ms",
        "--quantum",
        "20ms",
    ];
    let stat = stat(&scratch.record("response.trap", &options));
    let hello = row(&stat["threads"], "name", "hello");
    let response = number(hello, "/response_ns") / 1e6;
    assert!(
        (20.0..40.0).contains(&response),
        "hello first ran after {response} ms"
    );
    assert_eq!(hello["status"]["code"], 0);
    assert!(
        row(&stat["threads"], "name", "greedy")["turnaround_ns"].is_null(),
        "greedy never ends"
    );
}

#[test]
fn a_machine_whose_threads_all_sleep_is_idle() {
    let scratch = Scratch::new();
    let stat = stat(&scratch.record("idle.trap", &["--", "sleeper", "10", "20"]));
    let idle = number(row(&stat["partition"], "activity", "idle"), "/ns");
    let wall = number(&stat, "/wall_ns");
    assert!(wall >= 200e6 && idle / wall > 0.9, "idle {idle} of {wall}");
    let sleeper = row(&stat["threads"], "name", "sleeper");
    assert!(number(sleeper, "/blocked_ns") >= 200e6, "{sleeper}");
}

#[test]
fn yielding_is_voluntary_and_passes_the_cpu_on() {
    let scratch = Scratch::new();
    let stat = stat(&scratch.record(
        "yield.trap",
        &["--job", "yielder 300", "--job", "yielder 300"],
    ));
    let yields = row(&stat["switches"], "reason", "yield");
    assert_eq!(yields["voluntary"], true);
    assert!(
        (598.0..=600.0).contains(&number(yields, "/cost/count")),
        "{yields}"
    );
}

#[test]
fn a_tick_is_longer_than_its_period_never_shorter() {
    let scratch = Scratch::new();
    let options = [
        "--job",
        "greedy",
        "--job",
        "greedy",
        "--limit",
        "400ms",
        "--quantum",
        "10ms",
        "--tracer",
        "none",
    ];
    let stat = stat(&scratch.record("quantum.trap", &options));
    let quantum = &stat["quantum"];
    assert_eq!(number(quantum, "/asked_ns"), 10e6);
    // The host may hold the machine up in a slice, but hardly in every one.
    let shortest = number(quantum, "/got/min_ns");
    assert!((9.9e6..11.5e6).contains(&shortest), "{quantum}");
}
