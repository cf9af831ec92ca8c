//! Promises about scheduling on the real kernel, read off traces: who runs in which order (OSTEP chapter 7).
//! `machine_mlfq.rs` and `machine_shares.rs` hold chapters 8 and 9; `fixtures/sched/tests` holds the policies themselves
//! against the book's own numbers. Orders and counts are exact; times are compared with each other, never with a clock.

mod support;

use serde_json::Value;
use support::slices::{events, order, picks, runs};
use support::{Scratch, number, stat, thread};
use trapline_trace_format::event::{Event, EventKind, SwitchReason, ThreadId};

const ALL: [&str; 8] = [
    "fifo", "sjf", "stcf", "rr", "mlfq", "lottery", "stride", "cfs",
];

/// Mean of a metric over the jobs 1 to `jobs`.
fn mean(stat: &Value, metric: &str, jobs: u32) -> f64 {
    let sum: f64 = (1..=jobs)
        .map(|job| number(thread(stat, job), metric))
        .sum();
    sum / f64::from(jobs)
}

/// Number of switches that the thread switched from did not ask for.
fn involuntary(stat: &Value) -> usize {
    let rows = stat["switches"].as_array().expect("rows");
    rows.iter().filter(|row| row["voluntary"] == false).count()
}

#[test]
fn every_scheduler_finishes_every_job_and_the_witnesses_agree() {
    let scratch = Scratch::new();
    for scheduler in ALL {
        let jobs = [
            "--job",
            "spin 30",
            "--job",
            "sleeper 5 3",
            "--job",
            "yielder 50",
            "--job",
            "storm 200",
            "--job",
            "job 5 2000 disk",
        ];
        let options = [&["--scheduler", scheduler][..], &jobs].concat();
        let stat = stat(&scratch.record(&format!("{scheduler}.trap"), &options));
        assert_eq!(stat["meta"]["target"]["scheduler"], scheduler);
        assert_eq!(
            stat["meta"]["witnesses"]["is"], "agree",
            "{scheduler}: {}",
            stat["meta"]["witnesses"]
        );
        assert_eq!(stat["meta"]["outcome"]["is"], "completed", "{scheduler}");
        let threads = stat["threads"].as_array().expect("threads");
        assert!(
            threads.iter().all(|thread| thread["status"]["code"] == 0),
            "{scheduler}: {threads:?}"
        );
        let parts = stat["partition"].as_array().expect("parts");
        let sum: i64 = parts.iter().filter_map(|part| part["ns"].as_i64()).sum();
        assert_eq!(Some(sum), stat["wall_ns"].as_i64(), "{scheduler}");
    }
}

#[test]
fn under_fifo_short_jobs_wait_in_the_convoy_and_under_sjf_they_go_first() {
    let scratch = Scratch::new();
    let [fifo, sjf] = ["fifo-convoy", "sjf"].map(|name| scratch.record_scenario(name, &[]));
    assert_eq!(order(&events(&fifo)), [1, 2, 3]);
    assert_eq!(order(&events(&sjf)), [2, 3, 1]);
    let (fifo, sjf) = (stat(&fifo), stat(&sjf));
    assert_eq!((involuntary(&fifo), involuntary(&sjf)), (0, 0));
    // 110 ms against 50 in the book.
    let (convoy, short_first) = (
        mean(&fifo, "/turnaround_ns", 3),
        mean(&sjf, "/turnaround_ns", 3),
    );
    assert!(
        short_first * 1.5 < convoy,
        "mean turnaround {short_first} ns, {convoy} ns in the convoy"
    );
}

#[test]
fn jobs_that_arrive_late_wait_under_sjf_and_interrupt_under_stcf() {
    let scratch = Scratch::new();
    let [sjf, stcf] = ["sjf-late", "stcf"].map(|name| scratch.record_scenario(name, &[]));
    assert_eq!(order(&events(&sjf)), [1, 2, 3]);
    let interrupted = runs(&events(&stcf));
    let threads: Vec<_> = interrupted.iter().map(|run| run.thread).collect();
    assert_eq!(threads, [1, 2, 3, 1]);
    assert!(
        matches!(interrupted[0].end, Some((_, SwitchReason::Preempt))),
        "{interrupted:?}"
    );
    let (sjf, stcf) = (stat(&sjf), stat(&stcf));
    for job in [2, 3] {
        let arrival = number(thread(&stcf, job), "/arrival_ns");
        assert!(arrival >= 10e6, "job {job} arrived after {arrival} ns");
        let turnaround = |stat| number(thread(stat, job), "/turnaround_ns");
        assert!(
            turnaround(&stcf) * 2.0 < turnaround(&sjf),
            "job {job}: {} ns under stcf, {} ns under sjf",
            turnaround(&stcf),
            turnaround(&sjf)
        );
    }
}

#[test]
fn under_rr_equal_jobs_take_turns_and_respond_sooner_than_they_would_in_line() {
    let scratch = Scratch::new();
    let rr = scratch.record_scenario("rr-response", &[]);
    let fifo = scratch.record_scenario("rr-response", &["--scheduler", "fifo"]);
    // Each needs five quanta, fewer where the host holds the machine up in its slice.
    let turns = picks(&events(&rr));
    assert_eq!(turns[..6], [1, 2, 3].repeat(2)[..], "{turns:?}");
    assert_eq!(order(&events(&fifo)), [1, 2, 3]);
    let (rr, fifo) = (stat(&rr), stat(&fifo));
    let (responds, ends) = ("/response_ns", "/turnaround_ns");
    assert!(
        mean(&rr, responds, 3) * 2.0 < mean(&fifo, responds, 3),
        "response {} ns, in line {} ns",
        mean(&rr, responds, 3),
        mean(&fifo, responds, 3)
    );
    // The price: 140 ms against 100 in the mean.
    assert!(
        mean(&rr, ends, 3) > mean(&fifo, ends, 3),
        "turnaround {} ns, in line {} ns",
        mean(&rr, ends, 3),
        mean(&fifo, ends, 3)
    );
}

#[test]
fn while_one_job_waits_for_the_disk_another_has_the_cpu() {
    let scratch = Scratch::new();
    let events = events(&scratch.record_scenario("overlap", &[]));
    let is_over = |event: &Event| {
        event.thread == ThreadId(2) && matches!(event.kind, EventKind::Exited { .. })
    };
    let while_both_live = events.iter().take_while(|event| !is_over(event));
    let gets_the_cpu: Vec<ThreadId> = while_both_live
        .filter(|event| event.thread == ThreadId(1))
        .filter_map(|event| match event.kind {
            EventKind::SwitchBegin {
                to,
                reason: SwitchReason::Block,
                ..
            } => Some(to),
            _ => None,
        })
        .collect();
    // Four or five of five reads, fewer where the host holds the machine up; the CPU is never idle then.
    assert!(gets_the_cpu.len() >= 2, "{gets_the_cpu:?}");
    assert!(
        gets_the_cpu.iter().all(|thread| *thread == ThreadId(2)),
        "{gets_the_cpu:?}"
    );
}
