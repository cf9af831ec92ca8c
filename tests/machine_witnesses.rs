//! Promises about every recording: the two witnesses agree, and every nanosecond is accounted for once.

mod support;

use serde_json::Value;
use support::{GUESTS, Scratch, number, stat};

#[test]
fn the_witnesses_agree_on_every_guest_protected_and_open() {
    let scratch = Scratch::new();
    for (index, (job, limit)) in GUESTS.iter().enumerate() {
        for protect in ["on", "off"] {
            if protect == "off" && (job.contains("kernel-write") || job.contains("forge")) {
                // An open kernel is at the mercy of its guests; that is what protection is for.
                continue;
            }
            let mut options = vec!["--job", job, "--protect", protect];
            options.extend(limit.iter().flat_map(|limit| ["--limit", limit]));
            let trace = scratch.record(&format!("{index}-{protect}.trap"), &options);
            let stat = stat(&trace);
            let witnesses = &stat["meta"]["witnesses"];
            assert_eq!(
                witnesses["is"], "agree",
                "{job}, protect {protect}: {witnesses}"
            );
            assert!(number(witnesses, "/traps") >= 1.0, "{job}: {witnesses}");
            assert_adds_up(&stat, job);
        }
    }
}

#[test]
fn the_witnesses_agree_when_all_guests_share_the_cpu() {
    let scratch = Scratch::new();
    let mut options: Vec<&str> = GUESTS.iter().flat_map(|(job, _)| ["--job", job]).collect();
    options.extend(["--limit", "800ms", "--quantum", "1ms", "--tick", "500us"]);
    let stat = stat(&scratch.record("all.trap", &options));
    assert_eq!(
        stat["meta"]["witnesses"]["is"], "agree",
        "{}",
        stat["meta"]["witnesses"]
    );
    assert_adds_up(&stat, "all guests");
}

#[test]
fn the_partition_adds_up_without_a_tracer_too_and_has_no_tracer_part() {
    let scratch = Scratch::new();
    for (index, (job, limit)) in GUESTS.iter().enumerate() {
        let mut options = vec!["--job", job, "--tracer", "none"];
        options.extend(limit.iter().flat_map(|limit| ["--limit", limit]));
        let stat = stat(&scratch.record(&format!("{index}.trap"), &options));
        assert_adds_up(&stat, job);
        assert_eq!(stat["meta"]["witnesses"]["is"], "not_compared");
        let parts = stat["partition"].as_array().expect("parts");
        assert!(
            parts
                .iter()
                .all(|part| part["activity"] != "tracer" || part["ns"] == 0),
            "{job}: {parts:?}"
        );
    }
}

fn assert_adds_up(stat: &Value, what: &str) {
    let parts = stat["partition"].as_array().expect("parts");
    let sum: i64 = parts
        .iter()
        .map(|part| part["ns"].as_i64().expect("nanoseconds"))
        .sum();
    let wall = stat["wall_ns"].as_i64().expect("nanoseconds");
    assert!(wall > 0, "{what}");
    assert_eq!(sum, wall, "{what}: {parts:?}");
    assert!(
        parts
            .iter()
            .all(|part| part["ns"].as_i64().is_some_and(|ns| ns >= 0)),
        "{what}: {parts:?}"
    );
}
