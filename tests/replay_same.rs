//! Promises of `replay`: whatever ran comes out the same again, watched by a tracer or cut off, and says what was compared.
//! All that there is to run is replayed in `replay_suite.rs`.

mod support;

use support::replay::{events, fault_of_replay, replay};
use support::{GUESTS, Scratch, stdout, text, trapline};
use trapline_trace_format::event::EventKind;

#[test]
fn every_guest_comes_out_the_same_when_a_tracer_watched_it() {
    let scratch = Scratch::new();
    let mut faults = Vec::new();
    // It measures itself with the time stamp counter: a test of its own.
    for (index, (job, limit)) in GUESTS
        .iter()
        .filter(|(job, _)| !job.starts_with("calibrate"))
        .enumerate()
    {
        let limit: Vec<&str> = limit.iter().flat_map(|limit| ["--limit", limit]).collect();
        let options = [&["--job", job, "--tracer", "ptrace"], &limit[..]].concat();
        let trace = scratch.record(&format!("{index}.trap"), &options);
        let ran = replay(&trace, &[]);
        let fault = if limit.is_empty() {
            fault_of_replay(&trace, &ran)
        } else {
            let is_same = ran.status == 0 && ran.last()["end"] == "same_until_cut";
            (!is_same).then(|| text(&ran.output))
        };
        faults.extend(fault.map(|fault| format!("{job}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn a_program_that_reads_the_time_stamp_counter_gets_the_same_answers_if_it_traps() {
    let scratch = Scratch::new();
    let options = ["--tsc", "trap", "--job", "calibrate 100"];
    let trace = scratch.record("trapped.trap", &options);
    let ran = replay(&trace, &["--times", "2"]);
    assert_eq!(fault_of_replay(&trace, &ran), None);
    // Left to the CPU, the counter has moved on.
    let trace = scratch.record("native.trap", &["--job", "calibrate 100"]);
    assert_eq!(replay(&trace, &[]).status, 4);
}

#[test]
fn tight_loops_are_interrupted_at_the_same_place() {
    let scratch = Scratch::new();
    let spinners = [
        "--job",
        "spin 30",
        "--job",
        "spin 30",
        "--job",
        "job 3 2000",
    ];
    let trace = scratch.record(
        "spin.trap",
        &[&["--tracer", "none"], &spinners[..]].concat(),
    );
    let ran = replay(&trace, &[]);
    assert_eq!(fault_of_replay(&trace, &ran), None);
    assert!(ran.verified("preemptions") > 2, "{}", text(&ran.output));
}

#[test]
fn loops_of_every_kind_are_interrupted_at_the_same_place() {
    let scratch = Scratch::new();
    let kinds = [
        "count 20000000",
        "nested 20000000",
        "memory 50000000",
        "word 20000000",
        "copy 1000",
        "fill 40",
        "vector 20000000",
        "float 10000000",
        "far 10000000",
        "lone 10000000",
    ];
    let mut faults = Vec::new();
    for kind in kinds {
        let job = format!("tight {kind}");
        // Two of a kind, so that a quantum's end takes the CPU away.
        let jobs = ["--job", &job, "--job", &job];
        let options = [&["--tracer", "none", "--quantum", "2ms"], &jobs[..]].concat();
        let trace = scratch.record(&format!("{}.trap", kind.replace(' ', "-")), &options);
        let ran = replay(&trace, &[]);
        faults.extend(fault_of_replay(&trace, &ran).map(|fault| format!("{kind}: {fault}")));
        let preemptions = ran.verified("preemptions");
        assert!(preemptions > 0, "{kind}: {}", text(&ran.output));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn nothing_of_the_host_is_needed_but_the_trace() {
    let scratch = Scratch::new();
    let input = scratch.path("input");
    std::fs::write(&input, "a line\nand more that nobody takes").expect("written");
    let root = scratch.path("root");
    std::fs::create_dir(&root).expect("a folder");
    std::fs::write(root.join("file"), "content").expect("written");
    let [input, root_name] = [&input, &root].map(|path| path.to_str().expect("text"));
    let options = ["--stdin", input, "--root", root_name, "--", "tell", "a"];
    let trace = scratch.record("tell.trap", &options);
    std::fs::remove_file(input).expect("removed");
    std::fs::remove_dir_all(&root).expect("removed");
    let moved = scratch.path("elsewhere.trap");
    std::fs::rename(&trace, &moved).expect("moved");
    let ran = replay(&moved, &[]);
    assert_eq!(fault_of_replay(&moved, &ran), None);
    assert!(ran.verified("input_bytes") > 0, "{}", text(&ran.output));
    assert!(ran.verified("console_bytes") > 0, "{}", text(&ran.output));
}

#[test]
fn what_is_counted_is_what_the_log_holds() {
    let scratch = Scratch::new();
    let options = [
        "--tracer",
        "ptrace",
        "--job",
        "job 3 300 disk",
        "--job",
        "hello world",
    ];
    let trace = scratch.record("count.trap", &options);
    let ran = replay(&trace, &[]);
    assert_eq!(fault_of_replay(&trace, &ran), None);
    let events = events(&trace);
    let count = |is: fn(&EventKind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
    let traps = count(|kind| matches!(kind, EventKind::Trap(_)));
    assert_eq!(ran.verified("visits"), traps as u64);
    let preemptions = count(|kind| matches!(kind, EventKind::Preempted { .. }));
    assert_eq!(ran.verified("preemptions"), preemptions as u64);
    assert!(
        events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Held { .. }))
    );
}

#[test]
fn a_person_reads_what_was_compared_and_what_was_not() {
    let scratch = Scratch::new();
    let trace = scratch.record("hello.trap", &["--job", "hello world"]);
    let output = trapline().arg("replay").arg(&trace).output().expect("runs");
    let said = stdout(&output);
    assert!(
        said.starts_with("the same to the end: "),
        "{}",
        text(&output)
    );
    assert!(said.contains("not at the same instruction"), "{said}");
}

#[test]
fn a_recorder_that_was_killed_leaves_a_trace_that_can_be_replayed() {
    let scratch = Scratch::new();
    let path = scratch.path("killed.trap");
    let mut recorder = trapline()
        .args(["record", "--tracer", "none", "-o"])
        .arg(&path)
        .args(["--job", "greedy"])
        .spawn()
        .expect("record runs");
    let log = path.join("events.log");
    support::wait_until("a log", || {
        std::fs::metadata(&log).is_ok_and(|log| log.len() > 1000)
    });
    recorder.kill().expect("killed");
    recorder.wait().expect("gone");
    let ran = replay(&path, &[]);
    assert_eq!(ran.status, 4, "{}", text(&ran.output));
    assert_eq!(ran.last()["end"], "same_until_cut", "{}", text(&ran.output));
    assert!(ran.verified("visits") > 10, "{}", text(&ran.output));
}
