//! Promises about the multi-level feedback queue on the real kernel, read off traces (OSTEP chapter 8).

mod support;

use support::slices::{Slice, events, slices};
use support::{Scratch, number, row, stat, thread};

/// Slices of one thread, their length in whole milliseconds.
fn granted(slices: &[Slice], thread: u32) -> Vec<i64> {
    let of_thread = slices.iter().filter(|slice| slice.thread == thread);
    of_thread.map(|slice| slice.granted / 1_000_000).collect()
}

/// CPU time of a thread in user mode, in milliseconds.
fn user_ms(stat: &serde_json::Value, number_of: u32) -> f64 {
    number(thread(stat, number_of), "/user_ns") / 1e6
}

#[test]
fn a_long_job_sinks_level_by_level_and_its_slices_grow() {
    let scratch = Scratch::new();
    let slices = slices(&events(&scratch.record_scenario("mlfq-decay", &[])));
    for job in [1, 2] {
        let lengths = granted(&slices, job);
        assert_eq!(lengths[..3], [10, 20, 40], "job {job}: {lengths:?}");
        assert!(
            lengths[3..].iter().all(|length| *length == 40),
            "job {job}: {lengths:?}"
        );
    }
}

#[test]
fn a_job_that_sleeps_is_served_at_once_although_a_long_one_runs() {
    let scratch = Scratch::new();
    // From waking to running, in the mean over job 3's sleeps. Quanta are far longer than the host may hold the machine up.
    let waits = |scheduler: &str| {
        let options = ["--scheduler", scheduler, "--quantum", "60ms"];
        let stat = stat(&scratch.record_scenario("mlfq-interactive", &options));
        let interactive = thread(&stat, 3);
        number(interactive, "/waiting_ns") / number(interactive, "/voluntary")
    };
    let (mlfq, rr) = (waits("mlfq"), waits("rr"));
    assert!(
        mlfq * 2.0 < rr,
        "waited {mlfq} ns a turn under mlfq, {rr} ns under rr"
    );
}

#[test]
fn a_boost_brings_a_starving_job_up_again() {
    let scratch = Scratch::new();
    // The host may hold the machine up: a quantum far longer than the interactive jobs' bursts keeps these on level 0.
    let record = |boost| {
        let options = ["--quantum", "60ms", "--mlfq-boost", boost];
        scratch.record_scenario("mlfq-boost", &options)
    };
    let (boosted, starving) = (record("100ms"), record("0"));
    let (boosted, starving) = (stat(&boosted), stat(&starving));
    assert_eq!(thread(&boosted, 1)["status"]["code"], 0, "{boosted}");
    assert!(thread(&starving, 1)["status"].is_null(), "{starving}");
    let (boosted, starving) = (user_ms(&boosted, 1), user_ms(&starving, 1));
    assert!(
        boosted > starving * 1.2,
        "{boosted} ms with a boost, {starving} ms without"
    );
}

#[test]
fn the_old_rule_4_can_be_gamed_and_the_new_one_cannot() {
    let scratch = Scratch::new();
    let share = |options: &[&str]| {
        let old = support::slices::scenario("mlfq-gaming");
        let text = std::fs::read_to_string(old).expect("the example");
        let mine = scratch.path("gaming.toml");
        let kept = if options.is_empty() {
            text
        } else {
            text.replace("mlfq-old-rule-4 = true\n", "")
        };
        std::fs::write(&mine, kept).expect("written");
        let mine = mine.to_str().expect("text");
        let name = format!("gaming{}.trap", options.len());
        // The host may hold the machine up: with a quantum far longer than the gamer's bursts that is not what sinks it.
        let options = [
            "--scenario",
            mine,
            "--quantum",
            "60ms",
            "--mlfq-allotment",
            "60ms",
        ];
        let stat = stat(&scratch.record(&name, &options));
        let user = |name| number(row(&stat["threads"], "name", name), "/user_ns");
        user("job") / (user("job") + user("greedy"))
    };
    let (old, new) = (share(&[]), share(&["new"]));
    assert!(old > 0.7, "the gamer got {old:.3} by the old rule");
    assert!(new < 0.5, "the gamer got {new:.3} by the new rule");
}
