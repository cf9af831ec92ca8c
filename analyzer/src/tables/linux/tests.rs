//! Promises of the Linux fold, on short hand-written lists of events and on random ones.

mod random;

use trapline_trace_format::event::{Cause, EventKind, FaultSize, Seen, SpaceId, Tally, Usage};
use trapline_trace_format::meta::{Calibration, Meta, Outcome};

use super::super::rows::Rows;
use super::order::Batches;
use super::*;
use crate::testing::*;

const NANOSLEEP: i32 = 35;
const READ: i32 = 0;
const BLOCK: SwitchReason = SwitchReason::Block;
const PREEMPT: SwitchReason = SwitchReason::Preempt;

fn meta_with_hidden(hidden_stop_ns: f64) -> Meta {
    Meta {
        calibration: Calibration {
            hidden_stop_ns,
            ..Calibration::default()
        },
        ..linux_meta(Outcome::Recording)
    }
}

fn fold_with(meta: &Meta, events: Vec<Event>) -> Rows {
    let mut fold = LinuxFold::new(meta);
    let mut order = Batches::default();
    for event in events {
        if LinuxFold::wants(&event.kind) {
            order.push(event, |(_, event)| fold.push(event)).unwrap();
        }
    }
    order
        .rest()
        .for_each(|(_, event)| fold.push(event).unwrap());
    fold.finish()
}

fn fold(events: Vec<Event>) -> Rows {
    fold_with(&meta_with_hidden(20.0), events)
}

fn out(time: Nanos, thread: u32, reason: SwitchReason) -> Event {
    event(time, thread, EventKind::SwitchedOut { cpu: 1, reason })
}

fn on(time: Nanos, thread: u32) -> Event {
    event(time, thread, EventKind::SwitchedIn { cpu: 1 })
}

fn stop(time: Nanos, until: Nanos, thread: u32) -> Event {
    let kind = EventKind::Held {
        until,
        space: SpaceId(0),
        seen: Seen::Other,
    };
    event(time, thread, kind)
}

fn call(time: Nanos, thread: u32, number: i32) -> Event {
    trap(time, thread, Cause::Syscall, number)
}

fn ns(rows: &Rows, activity: &Activity) -> Nanos {
    let part = rows
        .partition
        .iter()
        .find(|part| part.activity == *activity);
    part.map_or(0, |part| part.ns)
}

fn of_syscalls(thread: u32) -> Activity {
    Activity::Kernel {
        thread,
        cause: Some(Cause::Syscall),
    }
}

/// The lives of all threads together, until the end of the trace if they did not end.
fn lives(rows: &Rows, end_ns: Nanos) -> Nanos {
    let life = |row: &LifecycleRow| row.completion_ns.unwrap_or(end_ns) - row.arrival_ns;
    rows.lifecycle.iter().map(life).sum()
}

fn covered(rows: &Rows) -> Nanos {
    rows.partition.iter().map(|part| part.ns).sum()
}

/// A thread that sleeps once, with everything that Linux and the tracer tell of it, in the order of a log: what Linux tells
/// comes last.
fn sleeper() -> Vec<Event> {
    vec![
        created(0, 7, "sleeper"),
        call(1010, 7, NANOSLEEP),
        stop(1010, 1050, 7),
        returned(5310, 7, 0),
        stop(5310, 5350, 7),
        stop(6010, 6020, 7),
        exited(6200, 7, 0),
        process_exited(6201, 7, ExitStatus::Code(0)),
        on(-100, 7),
        out(1000, 7, BLOCK),
        on(1060, 7),
        out(1200, 7, BLOCK),
        on(5200, 7),
        out(5300, 7, BLOCK),
        on(5355, 7),
        out(6000, 7, BLOCK),
        on(6030, 7),
        out(6100, 7, BLOCK),
    ]
}

#[test]
fn a_life_is_user_kernel_blocked_and_tracer_to_the_nanosecond() {
    let rows = fold(sleeper());
    assert_eq!(
        ns(&rows, &Activity::User { thread: 7 }),
        1000 + 645 + 70 - 5
    );
    assert_eq!(ns(&rows, &of_syscalls(7)), 140 + 100);
    assert_eq!(ns(&rows, &Activity::Blocked { thread: 7 }), 4000);
    // Holds, what is seen around them as time off the CPU, and 5 of the calibrated cost that was not seen.
    assert_eq!(
        ns(&rows, &Activity::Tracer),
        (10 + 40 + 10) + (10 + 40 + 5) + 30 + 5
    );
    assert_eq!(covered(&rows), 6100);
    let life = &rows.lifecycle[0];
    assert_eq!(
        (life.first_run_ns, life.completion_ns),
        (Some(0), Some(6100))
    );
    assert_eq!(life.blocked.of(Some(Waits::Sleep)), 4000);
}

#[test]
fn where_the_cost_of_a_stop_on_the_cpu_is_known_it_is_taken_out_of_the_mode_that_the_stop_is_in() {
    let mut meta = meta_with_hidden(20.0);
    meta.calibration.on_cpu_stop_ns = 7.0;
    let rows = fold_with(&meta, sleeper());
    // The call's stop is in the kernel, those at its return and at the exit in user mode.
    assert_eq!(ns(&rows, &of_syscalls(7)), 140 + 100 - 7);
    assert_eq!(
        ns(&rows, &Activity::User { thread: 7 }),
        1000 + 645 + 70 - 2 * 7
    );
    assert_eq!(covered(&rows), 6100);
}

#[test]
fn a_visit_has_its_time_on_the_cpu_and_what_the_caller_waited_without_the_tracer() {
    let rows = fold(sleeper());
    let [visit] = &rows.visits[..] else {
        panic!("one call");
    };
    assert_eq!(
        (visit.enter_ns, visit.left_ns, visit.end_ns),
        (1010, Some(1200), Some(5310))
    );
    assert_eq!((visit.kernel_ns, visit.tracer_ns), (240, 40 + 10 + 10));
    let returned = visit.returned.expect("it returned");
    assert_eq!(
        returned.time_ns - visit.enter_ns - visit.tracer_ns,
        240 + 4000
    );
}

#[test]
fn switches_at_the_tracers_stops_are_the_tracers_and_no_others() {
    let rows = fold(sleeper());
    let told: Vec<_> = rows
        .switches
        .iter()
        .map(|row| (row.begin_ns, row.by_tracer, row.reason, row.away_ns))
        .collect();
    let expected = [
        (1000, true, BLOCK, Some(60)),
        (1200, false, BLOCK, Some(4000)),
        (5300, true, BLOCK, Some(55)),
        (6000, true, BLOCK, Some(30)),
        (6100, false, SwitchReason::Exit, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(rows.switches[1].waits, Some(Waits::Sleep));
    // Stays on the CPU go through the tracer's stops.
    let stays: Vec<_> = rows.slices.iter().map(|s| (s.start_ns, s.end_ns)).collect();
    assert_eq!(stays, [(0, Some(1200)), (5200, Some(6100))]);
    assert_eq!(rows.slices[0].tracer_ns, 60);
}

#[test]
fn a_stop_that_the_tracer_sees_before_the_thread_is_off_its_cpu_is_the_tracers_too() {
    // On two CPUs: the tracer is quicker than the switch, and the thread runs before the tracer reads the clock.
    let rows = fold_with(
        &meta_with_hidden(0.0),
        vec![
            created(0, 7, "quick"),
            call(1000, 7, READ),
            stop(1000, 1100, 7),
            returned(1300, 7, 0),
            stop(1300, 1310, 7),
            on(-1, 7),
            out(1005, 7, BLOCK),
            on(1090, 7),
            out(1290, 7, BLOCK),
            on(1320, 7),
            out(1400, 7, PREEMPT),
            on(1500, 7),
            stop(1600, 1600, 7),
        ],
    );
    let by_tracer: Vec<_> = rows.switches.iter().map(|row| row.by_tracer).collect();
    assert_eq!(by_tracer, [true, true, false]);
    assert_eq!(ns(&rows, &of_syscalls(7)), 190);
    assert_eq!(ns(&rows, &Activity::Waiting { thread: 7 }), 100);
    assert_eq!(ns(&rows, &Activity::Tracer), 100 + 10 + 20);
    assert_eq!(covered(&rows), 1600);
}

#[test]
fn without_records_of_switches_kernel_time_is_elapsed_and_the_hidden_cost_is_taken_out() {
    let told = |event: &Event| {
        !matches!(
            event.kind,
            EventKind::SwitchedIn { .. } | EventKind::SwitchedOut { .. }
        )
    };
    let rows = fold(sleeper().into_iter().filter(told).collect());
    assert_eq!(
        ns(&rows, &Activity::User { thread: 7 }),
        1010 + (6200 - 5350 - 10) - 40
    );
    assert_eq!(ns(&rows, &of_syscalls(7)), 5310 - 1050 - 20);
    assert_eq!(ns(&rows, &Activity::Tracer), 40 + 40 + 10 + 60);
    assert_eq!(covered(&rows), 6200);
    assert!(rows.switches.is_empty());
    // Who had the CPU is not known: one stay as long as the life.
    let stays: Vec<_> = rows.slices.iter().map(|s| (s.start_ns, s.end_ns)).collect();
    assert_eq!(stays, [(0, Some(6200))]);
}

#[test]
fn a_new_thread_waits_for_its_first_cpu_and_one_that_is_held_first_does_not() {
    let rows = fold_with(
        &meta_with_hidden(0.0),
        vec![
            created(0, 7, "main"),
            on(-1, 7),
            joined(100, 7, 8, "main"),
            event_in(150, 7, 8, EventKind::SwitchedIn { cpu: 0 }),
            joined(200, 7, 9, "main"),
            event_in(
                210,
                7,
                9,
                EventKind::Held {
                    until: 250,
                    space: SpaceId(0),
                    seen: Seen::Other,
                },
            ),
            event_in(260, 7, 9, EventKind::SwitchedIn { cpu: 0 }),
            stop(300, 300, 7),
        ],
    );
    assert_eq!(ns(&rows, &Activity::Waiting { thread: 8 }), 50);
    assert_eq!(rows.lifecycle[1].first_run_ns, Some(150));
    assert_eq!(ns(&rows, &Activity::Waiting { thread: 9 }), 0);
    assert_eq!(ns(&rows, &Activity::Tracer), 60);
    assert_eq!(covered(&rows), lives(&rows, 300));
}

#[test]
fn a_stopped_thread_is_blocked_until_it_goes_on_however_often_it_is_held() {
    let signal = |time, action| signalled(time, 7, 19, 1, action);
    let rows = fold_with(
        &meta_with_hidden(0.0),
        vec![
            created(0, 7, "stopped"),
            on(-1, 7),
            out(99, 7, BLOCK),
            signal(100, SignalAction::Stop),
            stop(100, 110, 7),
            on(110, 7),
            out(115, 7, BLOCK),
            stop(120, 130, 7),
            stop(9000, 9010, 7),
            on(9011, 7),
            out(9020, 7, BLOCK),
            signal(9025, SignalAction::Continue),
            stop(9025, 9030, 7),
            on(9030, 7),
            stop(9100, 9100, 7),
        ],
    );
    assert!(rows.lifecycle[0].blocked.of(Some(Waits::Stopped)) > 8800);
    assert_eq!(ns(&rows, &Activity::User { thread: 7 }), 99 + 70);
    assert_eq!(covered(&rows), 9100);
}

#[test]
fn numbers_that_come_again_are_other_threads_and_processes() {
    let rows = fold(vec![
        created(0, 7, "first"),
        call(10, 7, READ),
        returned(20, 7, 0),
        exited(100, 7, 0),
        process_exited(100, 7, ExitStatus::Code(0)),
        forked(200, 7, 1, 7, "second"),
        call(210, 7, READ),
        signalled(220, 7, 10, 7, SignalAction::Ignore),
        exited(300, 7, 3),
        process_exited(300, 7, ExitStatus::Code(3)),
    ]);
    let numbers: Vec<_> = rows.lifecycle.iter().map(|row| row.thread).collect();
    assert_eq!(numbers, [7, 7 + NUMBERS]);
    let processes: Vec<_> = rows
        .processes
        .iter()
        .map(|p| (p.process, p.status))
        .collect();
    let code = |code| Some(ExitStatus::Code(code));
    assert_eq!(processes, [(7, code(0)), (7 + NUMBERS, code(3))]);
    assert_eq!(rows.visits[1].process, 7 + NUMBERS);
    assert_eq!(rows.signals[0].sender, 7 + NUMBERS);
    assert_eq!(covered(&rows), 200);
}

#[test]
fn exec_by_another_thread_than_the_leader_goes_on_as_that_thread() {
    let rows = fold_with(
        &meta_with_hidden(0.0),
        vec![
            created(0, 7, "many"),
            joined(10, 7, 8, "many"),
            event_in(100, 7, 8, call(0, 0, 59).kind),
            exited(150, 7, 0),
            executed(160, 7, "other"),
            returned(160, 7, 0),
            call(200, 7, READ),
            exited(300, 7, 0),
            process_exited(300, 7, ExitStatus::Code(0)),
        ],
    );
    let visits: Vec<_> = rows.visits.iter().map(|v| (v.thread, v.end_ns)).collect();
    assert_eq!(visits, [(8, Some(160)), (8, Some(300))]);
    assert_eq!(rows.lifecycle[1].name, "other");
    assert_eq!(rows.lifecycle[0].completion_ns, Some(150));
    assert_eq!(covered(&rows), 150 + 290);
}

#[test]
fn a_trace_without_an_end_is_cut_and_nothing_is_made_up() {
    let rows = fold_with(
        &meta_with_hidden(0.0),
        vec![
            created(0, 7, "cut"),
            on(-1, 7),
            call(100, 7, READ),
            out(120, 7, BLOCK),
            created(0, 8, "other"),
            stop(500, 500, 8),
        ],
    );
    let visit = &rows.visits[0];
    assert_eq!(
        (visit.end_ns, visit.returned, visit.kernel_ns),
        (None, None, 20)
    );
    assert_eq!(ns(&rows, &Activity::Blocked { thread: 7 }), 380);
    assert_eq!(rows.lifecycle[0].completion_ns, None);
    assert_eq!(rows.switches[0].away_ns, None);
    assert_eq!(covered(&rows), 1000);
}

#[test]
fn what_a_read_waits_for_is_what_its_descriptor_means() {
    let meaning = |time, descriptor, meaning: &str| {
        let meaning = meaning.as_bytes().to_vec();
        event(
            time,
            7,
            EventKind::Descriptor {
                descriptor,
                meaning,
            },
        )
    };
    let mut events = vec![
        created(0, 7, "reader"),
        on(-1, 7),
        meaning(1, 0, "pipe:[77]"),
    ];
    for time in [100, 200, 300] {
        events.extend([
            call(time, 7, READ),
            out(time + 10, 7, BLOCK),
            on(time + 40, 7),
            returned(time + 50, 7, 0),
        ]);
    }
    events.extend([meaning(160, 0, "/tmp/file"), meaning(260, 0, "")]);
    let rows = fold_with(&meta_with_hidden(0.0), events);
    let waits: Vec<_> = rows.switches.iter().map(|row| row.waits).collect();
    assert_eq!(waits, [Some(Waits::Pipe), Some(Waits::Disk), None]);
}

#[test]
fn accounts_faults_and_tallies_are_kept_as_they_are() {
    let mut meta = linux_meta(Outcome::Recording);
    if let Target::Linux { detail, .. } = &mut meta.target {
        *detail = Detail::Summary;
    }
    let usage = Usage {
        user_ns: 5,
        max_resident_bytes: 4096,
        ..Usage::default()
    };
    let tally = Tally {
        number: READ,
        errors: 1,
        durations: vec![(100, 2), (300, 1)],
        total_ns: 512,
        ..Tally::default()
    };
    let fault = EventKind::Faulted {
        address: 0x1000,
        instruction: 0x40,
        size: FaultSize::Major,
    };
    let rows = fold_with(
        &meta,
        vec![
            created(0, 7, "summary"),
            event(50, 7, fault),
            event(60, 7, EventKind::Tally(Box::new(tally.clone()))),
            event(
                70,
                7,
                EventKind::Usage {
                    of: Role::Process,
                    usage,
                },
            ),
            exited(80, 7, 0),
        ],
    );
    assert_eq!(rows.tallies[0].tally, tally);
    assert_eq!((rows.usage[0].process, rows.usage[0].usage), (7, usage));
    assert_eq!(
        (rows.faults[0].thread, rows.faults[0].size),
        (7, FaultSize::Major)
    );
    assert!(
        rows.partition.is_empty(),
        "user and kernel were not told apart"
    );
}
