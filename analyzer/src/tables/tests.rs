//! Promises of the fold: what each event sequence means, to the nanosecond.

use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, Nanos, Role, SignalAction, SwitchReason, Waits,
};
use trapline_trace_format::meta::Calibration;

use super::fold::{Fold, FoldError};
use super::rows::Rows;
use crate::summary::Activity;
use crate::testing::*;

const COSTS: Calibration = Calibration {
    clock_read_ns: 0.0,
    entry_ns: 30.0,
    exit_ns: 10.0,
    hidden_stop_ns: 5.0,
    on_cpu_stop_ns: 0.0,
    null_syscall_ns: 0.0,
};

fn fold(calibration: &Calibration, events: Vec<Event>) -> Result<Rows, FoldError> {
    let mut fold = Fold::new(calibration);
    events.into_iter().try_for_each(|event| fold.push(event))?;
    Ok(fold.finish())
}

fn rows(events: Vec<Event>) -> Rows {
    fold(&Calibration::default(), events).unwrap()
}

fn refused(events: Vec<Event>) -> String {
    fold(&Calibration::default(), events)
        .unwrap_err()
        .to_string()
}

fn ns(rows: &Rows, activity: Activity) -> Nanos {
    let part = rows.partition.iter().find(|part| part.activity == activity);
    part.map_or(0, |part| part.ns)
}

fn user(rows: &Rows, thread: u32) -> Nanos {
    ns(rows, Activity::User { thread })
}

fn kernel(rows: &Rows, thread: u32, cause: Option<Cause>) -> Nanos {
    ns(rows, Activity::Kernel { thread, cause })
}

fn total(rows: &Rows) -> Nanos {
    rows.partition.iter().map(|part| part.ns).sum()
}

/// Two threads: 1 makes a system call, yields to 2, which blocks; 1 runs on and exits; 2 wakes and exits.
fn two_threads() -> Vec<Event> {
    use SwitchReason::{Block, Exit, Idle, Yield};
    vec![
        created(0, 1, "one"),
        created(0, 2, "two"),
        switch(100, 0, 1, Idle),
        switched(150, 1),
        returned(200, 1, 0),
        trap(1000, 1, Cause::Syscall, 39),
        returned(1100, 1, 7),
        trap(2000, 1, Cause::Syscall, 24),
        switch(2050, 1, 2, Yield),
        switched(2100, 2),
        returned(2130, 2, 0),
        trap(3000, 2, Cause::Syscall, 35),
        switch(3040, 2, 1, Block),
        switched(3100, 1),
        returned(3120, 1, 0),
        trap(4000, 1, Cause::Syscall, 60),
        exited(4010, 1, 3),
        switch(4020, 1, 0, Exit),
        switched(4080, 0),
        woken(5000, 2),
        switch(5010, 0, 2, Idle),
        switched(5070, 2),
        returned(5100, 2, 0),
        trap(6000, 2, Cause::PageFault, 11),
        event(
            6010,
            2,
            EventKind::Exited {
                status: ExitStatus::Killed {
                    signal: 11,
                    cause: Some(Cause::PageFault),
                    address: 8,
                },
            },
        ),
        switch(6020, 2, 0, Exit),
        switched(6100, 0),
    ]
}

#[test]
fn every_nanosecond_goes_to_what_the_cpu_did() {
    let rows = rows(two_threads());
    assert_eq!(user(&rows, 1), 800 + 900 + 880);
    assert_eq!(user(&rows, 2), 870 + 900);
    assert_eq!(kernel(&rows, 1, None), 50);
    assert_eq!(kernel(&rows, 1, Some(Cause::Syscall)), 100 + 50 + 20 + 20);
    assert_eq!(kernel(&rows, 2, None), 30);
    assert_eq!(kernel(&rows, 2, Some(Cause::Syscall)), 40 + 30);
    assert_eq!(kernel(&rows, 2, Some(Cause::PageFault)), 20);
    assert_eq!(ns(&rows, Activity::Switch), 50 + 50 + 60 + 60 + 60 + 80);
    assert_eq!(ns(&rows, Activity::Idle), 100 + (5010 - 4080));
    assert_eq!(ns(&rows, Activity::Tracer), 0);
    assert_eq!(total(&rows), 6100);
}

#[test]
fn a_visit_is_the_kernels_work_for_it_however_often_it_is_interrupted() {
    let rows = rows(two_threads());
    let sleep = &rows.visits[2];
    assert_eq!(
        (sleep.thread, sleep.trap.number, sleep.enter_ns),
        (2, 35, 3000)
    );
    assert_eq!((sleep.left_ns, sleep.end_ns), (Some(3040), Some(5100)));
    assert_eq!(sleep.kernel_ns, 40 + 30);
    assert_eq!(
        sleep.returned.map(|r| (r.time_ns, r.result)),
        Some((5100, 0))
    );
    let exit = &rows.visits[3];
    assert_eq!(
        (exit.left_ns, exit.end_ns, exit.returned),
        (Some(4020), Some(4020), None)
    );
    assert_eq!(exit.kernel_ns, 20);
    assert!(rows.visits.is_sorted_by_key(|visit| visit.enter_ns));
}

#[test]
fn a_switch_costs_the_way_to_the_next_threads_first_instruction() {
    let rows = rows(two_threads());
    let cost: Vec<_> = rows
        .switches
        .iter()
        .map(|s| (s.from, s.to, s.handover_ns, s.cost_ns))
        .collect();
    let expected = [
        (0, 1, 50, 100),
        (1, 2, 50, 80),
        (2, 1, 60, 80),
        (1, 0, 60, 60),
        (0, 2, 60, 90),
        (2, 0, 80, 80),
    ];
    assert_eq!(cost, expected);
}

#[test]
fn lives_have_arrival_first_run_waiting_blocking_and_end() {
    let rows = rows(two_threads());
    let [one, two] = &rows.lifecycle[..] else {
        panic!("two threads")
    };
    assert_eq!(
        (one.arrival_ns, one.first_run_ns, one.completion_ns),
        (0, Some(150), Some(4010))
    );
    assert_eq!(
        (one.waiting_ns, one.blocked.total()),
        (150 + (3100 - 2050), 0)
    );
    assert_eq!(
        (two.first_run_ns, two.completion_ns),
        (Some(2100), Some(6010))
    );
    assert_eq!(
        (two.waiting_ns, two.blocked.total()),
        (2100 + 70, 5000 - 3040)
    );
    assert_eq!(one.status, Some(ExitStatus::Code(3)));
    assert!(matches!(
        two.status,
        Some(ExitStatus::Killed { signal: 11, .. })
    ));
}

#[test]
fn slices_are_stays_on_the_cpu() {
    let rows = rows(two_threads());
    let slices: Vec<_> = rows
        .slices
        .iter()
        .map(|s| (s.thread, s.start_ns, s.end_ns))
        .collect();
    let expected = [
        (1, 150, Some(2050)),
        (2, 2100, Some(3040)),
        (1, 3100, Some(4020)),
        (0, 4080, Some(5010)),
        (2, 5070, Some(6020)),
        (0, 6100, None),
    ];
    assert_eq!(slices, expected);
}

#[test]
fn holds_and_their_hidden_cost_are_the_tracers() {
    let mut events = two_threads();
    // In user mode of thread 1, in a visit of it, and while idle.
    events.extend([held(300, 400), held(1050, 1070), held(4500, 4600)]);
    events.sort_by_key(|event| event.time);
    let calibration = Calibration {
        hidden_stop_ns: 5.0,
        ..Calibration::default()
    };
    let rows = fold(&calibration, events).unwrap();
    assert_eq!(ns(&rows, Activity::Tracer), 105 + 25 + 105);
    assert_eq!(user(&rows, 1), 800 + 900 + 880 - 105);
    assert_eq!(kernel(&rows, 1, Some(Cause::Syscall)), 190 - 25);
    assert_eq!(rows.visits[0].tracer_ns, 25);
    assert_eq!(
        rows.visits[2].tracer_ns, 105,
        "held while the visit was blocked"
    );
    assert_eq!(rows.slices[0].tracer_ns, 130);
    assert_eq!(total(&rows), 6100);
}

#[test]
fn entry_and_exit_cost_are_kernel_time_of_the_visit_that_begins_and_ends() {
    let rows = fold(&COSTS, two_threads()).unwrap();
    assert_eq!(user(&rows, 1), 2580 - 3 * (30 + 10));
    assert_eq!(kernel(&rows, 1, None), 50 + 10);
    assert_eq!(rows.visits[0].kernel_ns, 30 + 100 + 10);
    assert_eq!(rows.visits[3].kernel_ns, 30 + 20, "an exit does not return");
    assert_eq!(rows.switches[0].cost_ns, 100 + 10);
    assert_eq!(rows.switches[3].cost_ns, 60, "nobody is idle's user mode");
    assert_eq!(total(&rows), 6100);
}

#[test]
fn an_expired_quantum_is_what_the_thread_got_without_the_tracer() {
    let quantum = |time| {
        event(
            time,
            1,
            EventKind::QuantumStart {
                expiry: time + 1000,
            },
        )
    };
    let rows = rows(vec![
        created(0, 1, "one"),
        created(0, 2, "two"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        quantum(20),
        returned(30, 1, 0),
        held(500, 600),
        trap(1120, 1, Cause::Timer, 14),
        quantum(1130),
        returned(1140, 1, 0),
        held(1500, 1550),
        trap(2170, 1, Cause::Timer, 14),
        switch(2180, 1, 2, SwitchReason::Quantum),
        switched(2200, 2),
    ]);
    assert_eq!(rows.slices[0].tracer_ns, 150);
    assert_eq!(
        rows.slices[0].quantum_ns,
        Some(2180 - 1130 - 50),
        "since it was renewed"
    );
    assert_eq!(rows.slices[1].quantum_ns, None);
}

#[test]
fn a_thread_may_die_on_its_way_to_the_cpu() {
    let rows = rows(vec![
        created(0, 1, "one"),
        switch(100, 0, 1, SwitchReason::Idle),
        switched(150, 1),
        returned(200, 1, 0),
        created(300, 2, "two"),
        trap(400, 1, Cause::Syscall, 24),
        switch(450, 1, 2, SwitchReason::Yield),
        exited(500, 2, 0),
        switch(520, 2, 1, SwitchReason::Exit),
        switched(600, 1),
        returned(650, 1, 0),
    ]);
    assert_eq!(ns(&rows, Activity::Switch), 50 + 150);
    assert_eq!(total(&rows), 650);
    assert_eq!(rows.switches[1].end_ns, None);
    assert_eq!(rows.lifecycle[1].first_run_ns, None);
    assert_eq!(rows.lifecycle[1].completion_ns, Some(500));
}

#[test]
fn a_trace_killed_in_the_middle_is_cut_and_not_extrapolated() {
    let all = two_threads();
    for length in 0..all.len() {
        let cut = all[..length].to_vec();
        let end_ns = cut.last().map_or(0, |event| event.time);
        let rows = fold(&COSTS, cut).unwrap();
        assert_eq!(total(&rows), end_ns);
        let ends = rows.visits.iter().filter_map(|visit| visit.end_ns);
        assert!(
            ends.chain(rows.slices.iter().filter_map(|s| s.end_ns))
                .all(|ns| ns <= end_ns)
        );
    }
    let rows = rows(all[..12].to_vec());
    assert_eq!(
        (rows.visits[2].end_ns, rows.visits[2].left_ns),
        (None, None)
    );
    assert_eq!(rows.lifecycle[0].completion_ns, None);
}

#[test]
fn the_parts_of_any_machine_add_up_wherever_its_trace_is_cut() {
    for seed in 0..300 {
        let events = random_machine(seed, 400);
        let cut = 1 + Random::new(seed).below(events.len() as u64) as usize;
        for events in [events.clone(), events[..cut].to_vec()] {
            let end_ns = events.iter().fold(0, |end, event| match event.kind {
                EventKind::Held { until, .. } => end.max(until),
                _ => end.max(event.time),
            });
            for calibration in [Calibration::default(), COSTS] {
                let rows = fold(&calibration, events.clone()).unwrap();
                assert_eq!(total(&rows), end_ns, "seed {seed}");
                assert!(rows.partition.iter().all(|part| part.ns > 0), "seed {seed}");
                for cause in Cause::ALL {
                    let visits = rows.visits.iter().filter(|visit| visit.cause() == cause);
                    let visits: Nanos = visits.map(|visit| visit.kernel_ns).sum();
                    let kernel: Nanos = (1..50).map(|t| kernel(&rows, t, Some(cause))).sum();
                    assert_eq!(visits, kernel, "seed {seed}, {cause:?}");
                }
                for visit in rows.visits.iter().filter(|visit| visit.end_ns.is_some()) {
                    let elapsed = visit.end_ns.unwrap() - visit.enter_ns - visit.tracer_ns;
                    assert!(elapsed >= 0 && visit.tracer_ns >= 0, "seed {seed}");
                }
                assert!(
                    rows.switches
                        .iter()
                        .all(|switch| switch.cost_ns >= switch.handover_ns)
                );
            }
        }
    }
}

#[test]
fn events_that_cannot_be_are_named() {
    let start = || vec![created(0, 1, "one"), created(0, 2, "two")];
    let after = |more: Vec<Event>| refused([start(), more].concat());
    let running = || {
        vec![
            switch(1, 0, 1, SwitchReason::Idle),
            switched(2, 1),
            returned(3, 1, 0),
        ]
    };
    assert_eq!(
        after([running(), vec![trap(9, 2, Cause::Timer, 14)]].concat()),
        "at 9 ns: thread 2 traps but is not in user mode"
    );
    assert_eq!(
        after([running(), vec![returned(9, 1, 0)]].concat()),
        "at 9 ns: thread 1 returns but is not in the kernel"
    );
    assert_eq!(
        after([running(), vec![switched(9, 2)]].concat()),
        "at 9 ns: thread 2 gets a CPU that nobody gave away"
    );
    assert_eq!(
        after(vec![switch(1, 0, 1, SwitchReason::Idle), switched(2, 2)]),
        "at 2 ns: thread 2 gets the CPU instead of 1"
    );
    assert_eq!(
        after([running(), vec![switch(4, 2, 1, SwitchReason::Yield)]].concat()),
        "at 4 ns: thread 2 gives away a CPU that it does not have"
    );
    assert_eq!(
        after(vec![woken(5, 77)]),
        "at 5 ns: thread 77 was never created"
    );
    assert_eq!(
        after(vec![created(5, 1, "again")]),
        "at 5 ns: thread 1 is created twice"
    );
    assert_eq!(
        after(vec![joined(5, 77, 3, "thread of nobody")]),
        "at 5 ns: process 77 was never created"
    );
    assert_eq!(
        after(vec![executed(5, 77, "nobody")]),
        "at 5 ns: process 77 was never created"
    );
    assert_eq!(
        after(vec![process_exited(5, 77, ExitStatus::Code(0))]),
        "at 5 ns: process 77 was never created"
    );
}

#[test]
fn absurd_times_neither_overflow_nor_panic() {
    let mut events = two_threads();
    events.insert(7, held(Nanos::MIN, Nanos::MAX));
    events.push(held(Nanos::MAX, Nanos::MIN));
    events[3].time = -50;
    let rows = fold(&COSTS, events).unwrap();
    assert_eq!(total(&rows), Nanos::MAX);
    assert!(
        rows.lifecycle
            .iter()
            .all(|thread| thread.waiting_ns >= 0 && thread.blocked.total() >= 0)
    );
}

#[test]
fn a_thread_that_dies_in_user_mode_leaves_the_cpu_without_a_trap() {
    let rows = rows(vec![
        created(0, 1, "one"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        exited(500, 1, 0),
        switch(510, 1, 0, SwitchReason::Exit),
        switched(520, 0),
    ]);
    assert_eq!(user(&rows, 1), 480);
    assert_eq!(rows.lifecycle[0].completion_ns, Some(500));
    assert!(rows.visits.is_empty());
}

#[test]
fn another_program_gives_its_process_another_name() {
    let rows = rows(vec![created(0, 1, "sh"), executed(5, 1, "ls")]);
    assert_eq!(rows.lifecycle[0].name, "ls");
    assert_eq!(rows.lifecycle[0].waiting_ns, 5);
}

#[test]
fn threads_come_at_any_time_and_belong_to_their_process() {
    let rows = rows(vec![
        created(0, 1, "one"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(100, 1, Cause::Syscall, 56),
        joined(110, 1, 2, "one"),
        returned(120, 1, 2),
        trap(200, 1, Cause::Syscall, 231),
        // The whole process ends: the thread that does not run ends without ever having run.
        event_in(
            210,
            1,
            2,
            EventKind::Exited {
                status: ExitStatus::Code(0),
            },
        ),
        exited(220, 1, 0),
        process_exited(230, 1, ExitStatus::Code(0)),
        switch(240, 1, 0, SwitchReason::Exit),
        switched(250, 0),
    ]);
    let [one, two] = &rows.lifecycle[..] else {
        panic!("two threads")
    };
    assert_eq!((one.role, two.role), (Role::Process, Role::Thread));
    assert_eq!((two.process, two.parent, two.arrival_ns), (1, 1, 110));
    assert_eq!((two.first_run_ns, two.completion_ns), (None, Some(210)));
    let [process] = &rows.processes[..] else {
        panic!("one process")
    };
    assert_eq!((process.threads, process.completion_ns), (2, Some(230)));
    assert_eq!(total(&rows), 250);
}

#[test]
fn time_blocked_is_told_by_what_was_waited_for() {
    let rows = rows(vec![
        created(0, 1, "one"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(100, 1, Cause::Syscall, 61),
        blocked(110, 1, 0, Waits::Child),
        switched(120, 0),
        woken(500, 1),
        switch(510, 0, 1, SwitchReason::Idle),
        switched(520, 1),
        blocked(530, 1, 0, Waits::Pipe),
        switched(540, 0),
        woken(600, 1),
        switch(610, 0, 1, SwitchReason::Idle),
        switched(620, 1),
        switch(630, 1, 0, SwitchReason::Block),
        switched(700, 0),
    ]);
    let life = &rows.lifecycle[0];
    assert_eq!(life.blocked.of(Some(Waits::Child)), 500 - 110);
    assert_eq!(life.blocked.of(Some(Waits::Pipe)), 600 - 530);
    assert_eq!(life.blocked.of(None), 700 - 630, "nothing says for what");
    assert_eq!(life.blocked.total(), 390 + 70 + 70);
    assert_eq!(rows.switches[1].waits, Some(Waits::Child));
    assert_eq!(rows.switches[0].waits, None);
}

#[test]
fn a_program_runs_from_its_exec_to_the_next_and_has_its_memory_at_its_first_instruction() {
    let rows = rows(vec![
        created(0, 1, "sh"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(100, 1, Cause::Syscall, 59),
        executed(110, 1, "ls"),
        returned(150, 1, 0),
        trap(200, 1, Cause::Syscall, 39),
        returned(210, 1, 1),
        trap(300, 1, Cause::Syscall, 60),
        exited(310, 1, 0),
        process_exited(320, 1, ExitStatus::Code(0)),
    ]);
    let programs: Vec<_> = rows
        .programs
        .iter()
        .map(|p| (p.name.as_str(), p.start_ns, p.run_ns, p.end_ns))
        .collect();
    let expected = [
        ("sh", 0, Some(30), Some(110)),
        ("ls", 110, Some(150), Some(320)),
    ];
    assert_eq!(programs, expected);
    assert_eq!(
        (rows.processes[0].name.as_str(), rows.processes[0].programs),
        ("ls", 2)
    );
}

#[test]
fn a_signal_is_kept_and_noted_at_the_visit_that_it_ends() {
    let handler = SignalAction::Handler { address: 0x40_1000 };
    let rows = rows(vec![
        created(0, 1, "one"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(100, 1, Cause::PageFault, 11),
        signalled(110, 1, 11, 0, handler),
        returned(120, 1, 0),
        signalled(130, 1, 17, 9, SignalAction::Ignore),
        trap(200, 1, Cause::PageFault, 11),
        returned(220, 1, 0),
    ]);
    let signals: Vec<_> = rows.visits.iter().map(|visit| visit.signal).collect();
    assert_eq!(signals, [Some(11), None]);
    let kept: Vec<_> = rows
        .signals
        .iter()
        .map(|s| (s.time_ns, s.signal, s.sender))
        .collect();
    assert_eq!(kept, [(110, 11, 0), (130, 17, 9)]);
}
