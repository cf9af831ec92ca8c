//! Promises of the comparison: what is worse is said, what is noise is not held against anybody.

use trapline_trace_format::event::Abi;
use trapline_trace_format::meta::{Outcome, Target};

use super::*;
use crate::summary::{
    CauseStat, Distribution, Overhead, PageFaults, Part, SwitchStat, SyscallStat,
};

fn distribution(count: u64, p50_ns: Nanos) -> Distribution {
    Distribution {
        count,
        p50_ns,
        exact: true,
        ..Distribution::default()
    }
}

fn syscall(number: i32, name: &str, count: u64, unknown: u64) -> SyscallStat {
    let kernel = distribution(count, 100);
    SyscallStat {
        abi: Abi::X86_64,
        by_clock: Distribution::default(),
        number,
        name: name.to_owned(),
        errors: unknown,
        unknown,
        kernel,
        elapsed: kernel,
    }
}

fn summary(name: &str) -> Summary {
    Summary {
        linux: None,
        name: name.to_owned(),
        meta: crate::testing::meta(Outcome::Completed { status: 0 }),
        incomplete: None,
        wall_ns: 1000,
        partition: vec![
            Part {
                activity: Activity::User { thread: 1 },
                ns: 800,
            },
            Part {
                activity: Activity::Idle,
                ns: 200,
            },
        ],
        overhead: Overhead {
            without_probe: 0.1,
            with_probe: 0.2,
            probe_share: 0.1,
        },
        causes: vec![CauseStat {
            cause: Cause::Syscall,
            kernel: distribution(100, 2000),
            share: 0.1,
        }],
        syscalls: vec![syscall(39, "getpid", 100, 0)],
        switches: vec![SwitchStat {
            reason: SwitchReason::Yield,
            voluntary: true,
            cost: distribution(10, 500),
        }],
        unknown_calls: Vec::new(),
        page_faults: PageFaults::default(),
        blocked: Vec::new(),
        processes: Vec::new(),
        threads: Vec::new(),
        quantum: None,
    }
}

fn row<'a>(comparison: &'a Comparison, metric: &str) -> &'a ComparisonRow {
    comparison
        .rows
        .iter()
        .find(|row| row.metric == metric)
        .unwrap()
}

#[test]
fn equal_traces_exceed_no_limit_and_only_times_have_a_caveat() {
    let comparison = compare(&summary("a"), &summary("b"), Some(0.0));
    assert!(comparison.exceeded.is_empty(), "{:?}", comparison.exceeded);
    assert_eq!(comparison.caveats.len(), 1, "{:?}", comparison.caveats);
    assert_eq!(
        (comparison.base.as_str(), comparison.new.as_str()),
        ("a", "b")
    );
    assert!(
        comparison
            .rows
            .iter()
            .all(|row| row.change_percent.unwrap_or(0.0) == 0.0)
    );
}

#[test]
fn counts_that_grow_by_more_than_the_limit_exceed_it() {
    let (base, mut new) = (summary("a"), summary("b"));
    new.causes[0].kernel.count = 110;
    let exceeded = |limit| compare(&base, &new, limit).exceeded;
    assert_eq!(exceeded(Some(9.9)), ["visits.syscall.count"]);
    assert!(
        exceeded(Some(10.0)).is_empty(),
        "exactly the limit is within it"
    );
    assert!(exceeded(None).is_empty());
    let back = compare(&new, &base, Some(0.0));
    assert!(back.exceeded.is_empty(), "fewer is better");
    let change = row(&compare(&base, &new, None), "visits.syscall.count")
        .change_percent
        .unwrap();
    assert!((change - 10.0).abs() < 1e-9);
}

#[test]
fn what_the_base_has_not_is_infinitely_worse() {
    let (base, mut new) = (summary("a"), summary("b"));
    new.syscalls.push(syscall(9999, "#9999", 1, 1));
    let comparison = compare(&base, &new, Some(1e9));
    let expected = [
        "syscalls.#9999.count",
        "syscalls.all.errors",
        "syscalls.all.unknown",
    ];
    assert_eq!(comparison.exceeded, expected);
    let missing = row(&comparison, "syscalls.#9999.count");
    assert_eq!(
        (missing.base, missing.new, missing.change_percent),
        (None, Some(1.0), None)
    );
    assert!(
        compare(&new, &base, Some(0.0)).exceeded.is_empty(),
        "a call less is no harm"
    );
}

#[test]
fn shares_are_gated_but_the_probes_is_not() {
    let (base, mut new) = (summary("a"), summary("b"));
    new.overhead.without_probe = 0.15;
    new.overhead.probe_share = 0.9;
    assert_eq!(
        compare(&base, &new, Some(20.0)).exceeded,
        ["overhead.control.share"]
    );
}

#[test]
fn times_are_shown_and_never_gated() {
    let (base, mut new) = (summary("a"), summary("b"));
    new.causes[0].kernel.p50_ns = 9000;
    new.switches[0].cost.p50_ns = 9000;
    new.partition[0].ns = 8000;
    let comparison = compare(&base, &new, Some(1.0));
    assert!(comparison.exceeded.is_empty(), "{:?}", comparison.exceeded);
    assert_eq!(
        row(&comparison, "visits.syscall.kernel_p50").change_percent,
        Some(350.0)
    );
    assert_eq!(row(&comparison, "time.user.total").new, Some(8000.0));
}

#[test]
fn counts_come_first_then_shares_then_times_and_names_are_unique() {
    let comparison = compare(&summary("a"), &summary("b"), None);
    let order = |unit| match unit {
        Unit::Count => 0,
        Unit::Share => 1,
        Unit::Nanoseconds => 2,
    };
    assert!(comparison.rows.is_sorted_by_key(|row| order(row.unit)));
    let mut names: Vec<_> = comparison.rows.iter().map(|row| &row.metric).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), comparison.rows.len());
}

#[test]
fn what_makes_traces_hard_to_compare_is_said() {
    let (mut base, mut new) = (summary("a"), summary("b"));
    base.incomplete = Some("recording did not finish".to_owned());
    new.meta.host.cpu = "another CPU".to_owned();
    let Target::Mini {
        protect, scheduler, ..
    } = &mut new.meta.target
    else {
        panic!("not of the mini-kernel")
    };
    *protect = false;
    *scheduler = "fifo".to_owned();
    let caveats = compare(&base, &new, None).caveats.join("\n");
    for expected in [
        "base trace is incomplete: recording did not finish",
        "the host's CPU differs: a CPU in the base, another CPU in the new trace",
        "the scheduler differs: rr in the base, fifo",
        "protection of kernel memory differs: on in the base, off",
    ] {
        assert!(caveats.contains(expected), "{caveats}");
    }
}
