//! Promises of `record --replay-data`: what a replay needs is left out and nothing else is, and a replay says so; and of what
//! a replay tells about finding preemptions.

mod support;

use support::replay::{events, fault_of_replay, replay};
use support::{Scratch, number, stat, stderr, text};
use trapline_trace_format::event::EventKind;
use trapline_trace_format::folder::Trace;
use trapline_trace_format::meta::{ReplayData, Witnesses};

/// Two that are preempted, and one that calls.
const JOBS: [&str; 10] = [
    "--quantum",
    "1ms",
    "--tick",
    "500us",
    "--job",
    "spin 10",
    "--job",
    "spin 10",
    "--job",
    "storm 300",
];

fn is_for_replay(kind: &EventKind) -> bool {
    use EventKind::{MemoryLeft, Preempted, Samples};
    matches!(kind, Samples { .. } | Preempted { .. } | MemoryLeft { .. })
}

#[test]
fn without_replay_data_a_trace_has_all_events_but_those_for_a_replay() {
    let scratch = Scratch::new();
    for tracer in ["ptrace", "none"] {
        let options = [&["--tracer", tracer, "--replay-data", "off"], &JOBS[..]].concat();
        let trace = scratch.record(&format!("{tracer}.trap"), &options);
        let events = events(&trace);
        assert!(!events.iter().any(|event| is_for_replay(&event.kind)));
        assert!(!trace.join("replay").exists());
        let meta = Trace::open(&trace).expect("a trace").meta().clone();
        assert_eq!(meta.replay_data, ReplayData::LeftOut);
        let agrees = matches!(meta.witnesses, Witnesses::Agree { .. });
        assert_eq!(agrees, tracer == "ptrace", "{:?}", meta.witnesses);
        let stat = stat(&trace);
        assert!(number(&stat, "/causes/0/kernel/count") >= 300.0, "{stat}");
        let parts = stat["partition"].as_array().expect("parts");
        let sum: f64 = parts.iter().map(|part| number(part, "/ns")).sum();
        assert_eq!(sum, number(&stat, "/wall_ns"));
    }
}

#[test]
fn with_replay_data_which_is_the_usual_a_trace_has_both() {
    let scratch = Scratch::new();
    let trace = scratch.record("with.trap", &JOBS);
    let kept = events(&trace);
    let has = |is: fn(&EventKind) -> bool| kept.iter().any(|event| is(&event.kind));
    assert!(has(|kind| matches!(kind, EventKind::Samples { .. })));
    assert!(has(|kind| matches!(kind, EventKind::Preempted { .. })));
    assert!(has(|kind| matches!(kind, EventKind::MemoryLeft { .. })));
    let meta = Trace::open(&trace).expect("a trace").meta().clone();
    assert_eq!(meta.replay_data, ReplayData::Kept);
    let json = std::fs::read_to_string(trace.join("meta.json")).expect("meta.json");
    assert!(!json.contains("replay_data"), "what is usual is not said");
}

#[test]
fn a_replay_without_its_data_says_why_and_what_to_do_in_one_line() {
    let scratch = Scratch::new();
    let options = ["--replay-data", "off", "--job", "hello"];
    let trace = scratch.record("off.trap", &options);
    for options in [&[][..], &["--measure"], &["--to", "5"]] {
        let ran = replay(&trace, options);
        assert_eq!(ran.status, 1, "{}", text(&ran.output));
        let said = stderr(&ran.output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("--replay-data off; record it again"),
            "{said}"
        );
    }
}

#[test]
fn a_replay_tells_how_many_arrivals_were_compared_for_each_preemption() {
    let scratch = Scratch::new();
    let job = "tight nested 30000000";
    let options = [
        "--tracer",
        "none",
        "--quantum",
        "1ms",
        "--job",
        job,
        "--job",
        job,
    ];
    let trace = scratch.record("tight.trap", &options);
    let ran = replay(&trace, &[]);
    assert_eq!(fault_of_replay(&trace, &ran), None);
    let searches = &ran.last()["searches"];
    let of = |what: &str| number(searches, &format!("/{what}")) as u64;
    assert_eq!(of("count"), ran.verified("preemptions"), "{searches}");
    assert!(of("count") > 0, "{searches}");
    // The loop is tight: comparing every arrival there by a trap would take thousands each.
    assert!(of("compiled") > 0, "{searches}");
    let [least, median, most] = ["compared_min", "compared_median", "compared_max"].map(of);
    assert!(least <= median && median <= most, "{searches}");
    assert!(of("compared") >= most && most < 10_000, "{searches}");
    // A loop that changes nothing is where it was when the stay began: nothing is to be looked for, and that is said, too.
    let job = "tight jump";
    let jobs = ["--job", job, "--job", job, "--limit", "400ms"];
    let options = [&["--tracer", "none", "--quantum", "1ms"], &jobs[..]].concat();
    let ran = replay(&scratch.record("jump.trap", &options), &[]);
    let count = number(ran.last(), "/searches/count") as u64;
    // Its end was cut off, maybe between what was found and what would have been compared there.
    let compared = ran.verified("preemptions");
    assert!(count >= compared && compared > 1, "{}", text(&ran.output));
    assert_eq!(number(ran.last(), "/searches/compared_min"), 0.0);
    // Where nothing is preempted, nothing is looked for.
    let trace = scratch.record("calm.trap", &["--tracer", "none", "--job", "hello"]);
    let ran = replay(&trace, &[]);
    assert_eq!(number(ran.last(), "/searches/count"), 0.0);
}
