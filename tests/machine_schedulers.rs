//! Promises about scheduling on the real kernel, read off traces: each policy does what its chapter of OSTEP says.
//! (`fixtures/sched/tests` holds the policies against the book's own numbers.)

mod support;

use serde_json::Value;
use support::{Scratch, number, row, stat};

const ALL: [&str; 6] = ["fifo", "rr", "mlfq", "lottery", "stride", "cfs"];

fn turnaround(stat: &Value, thread: usize) -> f64 {
    number(&stat["threads"][thread], "/turnaround_ns") / 1e6
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
fn under_fifo_nobody_is_interrupted_and_short_jobs_wait_in_the_convoy() {
    let scratch = Scratch::new();
    let options = [
        "--scheduler",
        "fifo",
        "--job",
        "spin 100",
        "--job",
        "spin 10",
        "--job",
        "spin 10",
    ];
    let stat = stat(&scratch.record("fifo.trap", &options));
    let involuntary = stat["switches"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["voluntary"] == false);
    assert_eq!(involuntary.count(), 0, "{}", stat["switches"]);
    assert!(
        turnaround(&stat, 0) < turnaround(&stat, 1) && turnaround(&stat, 1) < turnaround(&stat, 2)
    );
    assert!(
        number(&stat["threads"][1], "/response_ns") / 1e6 > 95.0,
        "{}",
        stat["threads"]
    );
}

#[test]
fn under_mlfq_a_job_that_sleeps_is_served_at_once_although_long_jobs_wait() {
    let scratch = Scratch::new();
    let jobs = [
        "--job",
        "greedy",
        "--job",
        "greedy",
        "--job",
        "sleeper 40 10",
    ];
    let waits = |scheduler: &str| {
        let options = [&["--scheduler", scheduler, "--limit", "900ms"][..], &jobs].concat();
        let stat = stat(&scratch.record(&format!("{scheduler}.trap"), &options));
        let sleeper = row(&stat["threads"], "name", "sleeper");
        number(sleeper, "/waiting_ns") / number(sleeper, "/traps")
    };
    let (mlfq, rr) = (waits("mlfq"), waits("rr"));
    assert!(
        mlfq * 3.0 < rr,
        "waited {mlfq} ns a turn under mlfq, {rr} ns under rr"
    );
}

#[test]
fn proportional_share_with_equal_tickets_is_equal_share() {
    let scratch = Scratch::new();
    for (scheduler, tolerance) in [("stride", 0.05), ("cfs", 0.07), ("lottery", 0.25)] {
        let options = [
            "--scheduler",
            scheduler,
            "--quantum",
            "2ms",
            "--limit",
            "900ms",
        ];
        let jobs = ["--job", "greedy", "--job", "spin 60000"];
        let stat = stat(&scratch.record(
            &format!("{scheduler}.trap"),
            &[&options[..], &jobs].concat(),
        ));
        let user = |name| number(row(&stat["threads"], "name", name), "/user_ns");
        let share = user("greedy") / (user("greedy") + user("spin"));
        assert!(
            (share - 0.5).abs() < tolerance,
            "{scheduler}: greedy got {share:.3}"
        );
    }
}
