//! Promises of the statistics, on traces small enough to count by hand, through files and back.

mod lives;

use std::path::PathBuf;

use tempfile::TempDir;
use trapline_trace_format::event::{Cause, Event, ExitStatus, SwitchReason};
use trapline_trace_format::folder::TraceWriter;
use trapline_trace_format::meta::{Calibration, Meta, Outcome};

use crate::Analysis;
use crate::summary::{Activity, Overhead, PlotData, Summary};
use crate::testing::*;

fn finished() -> Meta {
    meta(Outcome::Completed { status: 0 })
}

fn record(events: Vec<Event>, meta: Meta) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.trap");
    let mut writer = TraceWriter::create(&path, &meta).unwrap();
    events
        .iter()
        .for_each(|event| writer.log().append(event).unwrap());
    writer.finish(meta).unwrap();
    (folder, path)
}

/// The summary made from the log, after checking that the one from the files is the same.
fn summary(events: Vec<Event>) -> Summary {
    let (_folder, path) = record(events, finished());
    let from_log = Analysis::load(&path).unwrap();
    let from_files = Analysis::load(&path).unwrap();
    let summary = from_log.summary().unwrap();
    // The first has no tables listed in its meta.json yet; all else must be equal.
    let again = from_files.summary().unwrap();
    assert_eq!(
        Summary {
            meta: summary.meta.clone(),
            ..again
        },
        summary
    );
    assert_eq!(
        from_log.plot_data().unwrap(),
        from_files.plot_data().unwrap()
    );
    summary
}

/// One thread that makes three calls (one fails, one is unknown), is preempted by another's quantum, and exits.
fn events() -> Vec<Event> {
    use SwitchReason::{Exit, Idle, Quantum};
    vec![
        created(0, 1, "one"),
        created(0, 2, "two"),
        switch(100, 0, 1, Idle),
        switched(150, 1),
        returned(200, 1, 0),
        trap(1000, 1, Cause::Syscall, 39),
        returned(1100, 1, 7),
        trap(2000, 1, Cause::Syscall, 39),
        returned(2300, 1, -1),
        trap(3000, 1, Cause::Syscall, 9999),
        returned(3010, 1, -38),
        trap(4000, 1, Cause::Timer, 14),
        switch(4050, 1, 2, Quantum),
        switched(4100, 2),
        returned(4140, 2, 0),
        held(4200, 4300),
        trap(5000, 2, Cause::Timer, 14),
        switch(5050, 2, 1, Quantum),
        switched(5100, 1),
        returned(5150, 1, 0),
        trap(6000, 1, Cause::Syscall, 60),
        exited(6010, 1, 3),
        switch(6050, 1, 2, Exit),
        switched(6100, 2),
        returned(6150, 2, 0),
        trap(7000, 2, Cause::Syscall, 60),
        exited(7010, 2, 0),
        switch(7050, 2, 0, Exit),
        switched(7100, 0),
    ]
}

#[test]
fn causes_have_counts_and_kernel_times() {
    let summary = summary(events());
    let [syscall, timer] = &summary.causes[..] else {
        panic!("two causes")
    };
    assert_eq!((syscall.cause, timer.cause), (Cause::Syscall, Cause::Timer));
    assert_eq!(
        (syscall.kernel.count, syscall.kernel.total_ns),
        (5, 100 + 300 + 10 + 50 + 50)
    );
    assert_eq!(
        (timer.kernel.count, timer.kernel.total_ns),
        (2, 50 + 50 + 50 + 50)
    );
    assert_eq!(
        (
            syscall.kernel.min_ns,
            syscall.kernel.p50_ns,
            syscall.kernel.max_ns
        ),
        (10, 50, 300)
    );
    let cpu_ns = (7100 - 100 - 100) as f64;
    assert_eq!(syscall.share, 510.0 / cpu_ns);
}

#[test]
fn syscalls_have_names_errors_and_elapsed_time() {
    let summary = summary(events());
    let names: Vec<_> = summary
        .syscalls
        .iter()
        .map(|call| call.name.as_str())
        .collect();
    assert_eq!(names, ["getpid", "exit", "#9999"], "most kernel time first");
    let [getpid, exit, unknown] = &summary.syscalls[..] else {
        panic!("three calls")
    };
    assert_eq!(
        (getpid.kernel.count, getpid.errors, getpid.unknown),
        (2, 1, 0)
    );
    assert_eq!((unknown.errors, unknown.unknown), (1, 1));
    assert_eq!((getpid.elapsed.count, getpid.elapsed.max_ns), (2, 300));
    assert_eq!(
        (exit.kernel.count, exit.elapsed.count),
        (2, 0),
        "an exit does not return"
    );
}

#[test]
fn switches_have_reasons_and_costs() {
    let summary = summary(events());
    let rows: Vec<_> = summary
        .switches
        .iter()
        .map(|s| (s.reason, s.cost.count))
        .collect();
    let expected = [
        (SwitchReason::Exit, 2),
        (SwitchReason::Quantum, 2),
        (SwitchReason::Idle, 1),
    ];
    assert_eq!(rows, expected);
    let quantum = &summary.switches[1];
    assert!(!quantum.voluntary && summary.switches[0].voluntary);
    assert_eq!((quantum.cost.min_ns, quantum.cost.max_ns), (90, 100));
}

#[test]
fn threads_have_their_times() {
    let summary = summary(events());
    let [one, two] = &summary.threads[..] else {
        panic!("two threads")
    };
    assert_eq!(
        (one.name.as_str(), one.user_ns, one.kernel_ns),
        ("one", 4240, 610)
    );
    assert_eq!(
        (one.response_ns, one.turnaround_ns),
        (Some(150), Some(6010))
    );
    assert_eq!((one.waiting_ns, one.blocked_ns), (150 + (5100 - 4050), 0));
    assert_eq!((one.voluntary, one.involuntary, one.traps), (1, 1, 5));
    assert_eq!((two.user_ns, two.traps), (860 - 100 + 850, 2));
    assert_eq!(
        (one.status, two.status),
        (Some(ExitStatus::Code(3)), Some(ExitStatus::Code(0)))
    );
}

#[test]
fn quanta_are_held_against_what_was_asked() {
    let quantum = summary(events()).quantum.unwrap();
    assert_eq!((quantum.asked_ns, quantum.got.count), (1000, 2));
    assert_eq!(
        (quantum.got.min_ns, quantum.got.max_ns),
        (5050 - 4100 - 100, 4050 - 150)
    );
    assert!(summary(events()[..5].to_vec()).quantum.is_none());
}

#[test]
fn the_partition_adds_up_and_the_overhead_leaves_the_probe_out() {
    let summary = summary(events());
    let total = |chosen: fn(&Activity) -> bool| {
        let parts = summary
            .partition
            .iter()
            .filter(|part| chosen(&part.activity));
        parts.map(|part| part.ns).sum::<i64>()
    };
    assert_eq!(total(|_| true), 7100);
    assert_eq!(summary.wall_ns, 7100);
    let user = total(|activity| matches!(activity, Activity::User { .. }));
    let tracer = total(|activity| *activity == Activity::Tracer);
    let idle = total(|activity| *activity == Activity::Idle);
    assert_eq!((user, tracer, idle), (4240 + 1610, 100, 100));
    let cpu = 7100 - tracer - idle;
    assert_eq!(
        summary.overhead.without_probe,
        (cpu - user) as f64 / cpu as f64
    );
    assert_eq!(summary.overhead.probe_share, 100.0 / 7100.0);
}

#[test]
fn an_empty_trace_has_an_empty_summary() {
    let summary = summary(Vec::new());
    assert_eq!(
        (
            summary.wall_ns,
            summary.partition.len(),
            summary.threads.len()
        ),
        (0, 0, 0)
    );
    assert_eq!(summary.overhead.without_probe, 0.0);
}

#[test]
fn plots_get_the_intervals_and_histograms() {
    let (_folder, path) = record(events(), finished());
    let data = Analysis::load(&path).unwrap().plot_data().unwrap();
    assert_eq!(data.shown_ns, 7100);
    let slices: Vec<_> = data
        .slices
        .iter()
        .map(|s| (s.thread, s.start_ns, s.end_ns))
        .collect();
    assert_eq!(
        slices,
        [
            (1, 150, 4050),
            (2, 4100, 5050),
            (1, 5100, 6050),
            (2, 6100, 7050)
        ]
    );
    assert_eq!(data.visits.len(), 7);
    assert_eq!(
        (data.visits[3].start_ns, data.visits[3].end_ns),
        (4000, 4050)
    );
    assert_eq!(data.syscall_costs[0].0, "getpid");
    let calls: u64 = data.syscall_costs[0]
        .1
        .iter()
        .map(|bucket| bucket.count)
        .sum();
    assert_eq!(calls, 2);
    assert_eq!(data.switch_costs.len(), 3);
    assert_eq!(
        data.quanta.iter().map(|bucket| bucket.count).sum::<u64>(),
        2
    );
}

#[test]
fn plots_of_long_traces_show_a_span_that_is_whole() {
    let mut events = vec![
        created(0, 1, "one"),
        switch(5, 0, 1, SwitchReason::Idle),
        switched(10, 1),
        returned(20, 1, 0),
    ];
    for n in 1..=PlotData::MAX_INTERVALS as i64 + 5 {
        events.push(trap(n * 100, 1, Cause::Syscall, 39));
        events.push(returned(n * 100 + 30, 1, 0));
    }
    let (_folder, path) = record(events, finished());
    let data = Analysis::load(&path).unwrap().plot_data().unwrap();
    assert_eq!(data.visits.len(), PlotData::MAX_INTERVALS);
    assert_eq!(data.shown_ns, 100 * (PlotData::MAX_INTERVALS as i64 + 1));
    assert_eq!(
        data.slices.last().map(|slice| slice.end_ns),
        Some(data.shown_ns)
    );
}

#[test]
fn tables_read_back_equal_for_any_machine() {
    for seed in 0..20 {
        summary(random_machine(seed, 2000));
    }
}

#[test]
fn events_of_two_witnesses_may_be_some_places_apart() {
    let mut late = events();
    let held = late.remove(15);
    late.insert(22, held);
    assert_eq!(summary(late).partition, summary(events()).partition);
}

#[test]
fn calibration_is_taken_into_account() {
    let calibration = Calibration {
        entry_ns: 20.0,
        exit_ns: 10.0,
        ..Calibration::default()
    };
    let (_folder, path) = record(
        events(),
        Meta {
            calibration,
            ..finished()
        },
    );
    let summary = Analysis::load(&path).unwrap().summary().unwrap();
    assert_eq!(summary.causes[0].kernel.min_ns, 10 + 20 + 10);
    assert_eq!(
        summary.partition.iter().map(|part| part.ns).sum::<i64>(),
        7100
    );
}

#[test]
fn a_summary_survives_json() {
    let mut summary = summary(events());
    // The JSON reader may miss a fraction by its last bit; these it cannot.
    summary.overhead = Overhead {
        without_probe: 0.25,
        ..Overhead::default()
    };
    summary.causes.iter_mut().for_each(|row| row.share = 0.5);
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
    assert!(
        text.contains(r#"{"activity":"kernel","thread":1,"cause":"timer","ns":100}"#),
        "{text}"
    );
}
