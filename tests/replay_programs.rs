//! Promises of `replay` about unmodified programs that take more than one replay, or a tracer. That each comes out the same once
//! is a promise of `replay_suite.rs`.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use programs::lines::{THREADS, programs};
use programs::{Program, Tool, available};
use support::parallel::on_all_cpus;

#[test]
fn threads_come_out_the_same_twice_when_a_tracer_watched_them() {
    let threads = available(&programs(&[Tool::Musl], THREADS));
    let faults: Vec<String> = on_all_cpus(threads, |program| {
        program.replay(&["--tracer", "ptrace"], 2).err()
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn additions_that_were_lost_in_a_race_are_lost_again() {
    let race = Program::new(Tool::Glibc, "race");
    if available(std::slice::from_ref(&race)).is_empty() {
        return;
    }
    let options = ["--tracer", "none", "--quantum", "200us", "--tick", "100us"];
    let replayed = race
        .replay(&options, 20)
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(replayed.preemptions > 10, "{}", replayed.preemptions);
    let lost = replayed.console.trim().strip_prefix("lost ");
    let lost: u32 = lost.and_then(|lost| lost.parse().ok()).expect("a number");
    assert!(lost > 0, "there was no race");
}
