//! Promises about programs on Linux that are hard to trace: each runs as if nobody watched, and the trace tells all of it,
//! exactly. The programs are in `fixtures/programs/linux`, one behaviour each.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use trapline_trace_format::event::{Abi, EventKind, ExitStatus, Role, ThreadId};

use linux::{GETPPID, as_bare};

/// Results that only a tracer sees: a call to be started again, by itself (512) or by restart_syscall (516), or with EINTR if a
/// handler runs (514), see errno.h of the kernel.
const ERESTARTSYS: Option<i64> = Some(-512);
const ERESTARTNOHAND: Option<i64> = Some(-514);
const ERESTART_RESTARTBLOCK: Option<i64> = Some(-516);
const PAUSE: i32 = 34;

#[test]
fn a_thread_that_is_not_the_first_executes() {
    let Some(traced) = as_bare("thread_exec", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Process), 1);
    // Three that it makes, and the one that goes on as the first.
    assert_eq!(traced.created(Role::Thread), 4);
    assert_eq!(traced.exited(), 5);
    assert_eq!(traced.executed(), ["thread_exec"; 2]);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 3);
    let root = traced.ends()[0].0;
    assert_eq!(traced.ends(), [(root, ExitStatus::Code(6))]);
    // Whatever comes after the second program is told of the process's first thread.
    let second = traced
        .events
        .iter()
        .rposition(|event| matches!(event.kind, EventKind::Executed { .. }));
    let after = &traced.events[second.expect("executed")..];
    let is_call = |kind: &EventKind| matches!(kind, EventKind::Trap(_) | EventKind::Return { .. });
    let calls: Vec<_> = after.iter().filter(|event| is_call(&event.kind)).collect();
    assert!(calls.len() > 3 && calls.iter().all(|event| event.thread == ThreadId(root.0)));
}

#[test]
fn the_first_thread_ends_before_the_others() {
    let Some(traced) = as_bare("leader_first", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Thread), 2);
    assert_eq!(traced.exited(), 3);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 5);
    let root = traced.ends()[0].0;
    assert_eq!(traced.ends(), [(root, ExitStatus::Code(7))]);
    let place = |wanted: &dyn Fn(&trapline_trace_format::event::Event) -> bool| {
        traced.events.iter().position(wanted).expect("it is there")
    };
    let gone =
        place(&|event| event.thread.0 == root.0 && matches!(event.kind, EventKind::Exited { .. }));
    let called =
        place(&|event| matches!(event.kind, EventKind::Trap(trap) if trap.number == GETPPID));
    assert!(gone < called, "its end is told when it ends");
}

#[test]
fn children_that_share_memory_until_they_execute() {
    let Some(traced) = as_bare("vfork_spawn", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Process), 6);
    assert_eq!(traced.executed(), ["vfork_spawn"; 3]);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 2);
    let refused = traced.results(Abi::X86_64, 59);
    assert_eq!(
        refused.iter().filter(|result| **result == Some(-2)).count(),
        2,
        "{refused:?}"
    );
    let codes: Vec<ExitStatus> = traced.ends().iter().map(|(_, status)| *status).collect();
    assert_eq!(codes, [3, 4, 5, 4, 127, 0].map(ExitStatus::Code));
}

#[test]
fn a_stopped_process_stands_still_with_all_its_threads_until_it_may_go_on() {
    let Some(traced) = as_bare("group_stop", &[]) else {
        return;
    };
    assert_eq!(traced.signals(19, "stop"), 2);
    assert_eq!(traced.signals(20, "stop"), 1);
    assert_eq!(traced.signals(21, "stop"), 1);
    assert_eq!(traced.signals(18, "continue"), 3);
    assert_eq!(traced.killed(), [9]);
    assert_eq!(traced.exited(), 3);
}

#[test]
fn a_kill_in_the_middle_of_anything_ends_it() {
    let Some(traced) = as_bare("killed_anywhere", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Process), 33);
    assert_eq!(traced.killed(), [9; 32]);
    assert_eq!(traced.exited(), 33 + traced.created(Role::Thread));
}

#[test]
fn calls_that_a_signal_interrupts_go_on_or_end_as_ever() {
    let Some(traced) = as_bare("restarts", &[]) else {
        return;
    };
    // The parent sleeps, too, and a child that goes on interrupts that under any tracer: SIGCHLD is not ignored there.
    let mut calls = traced.calls();
    let pause = calls.iter().find(|call| call.number == PAUSE);
    let child = pause.expect("pause").process;
    calls.retain(|call| call.process == child);
    let of = |number, result| {
        let found = calls
            .iter()
            .filter(|call| (call.number, call.result) == (number, result));
        found.count()
    };
    assert_eq!(of(0, ERESTARTSYS), 2, "read");
    assert_eq!(of(PAUSE, ERESTARTNOHAND), 1, "pause");
    assert_eq!(of(230, ERESTART_RESTARTBLOCK), 2, "clock_nanosleep");
    assert_eq!(of(219, Some(0)), 1, "restart_syscall");
    assert_eq!(traced.signals(10, "handler"), 1);
    assert_eq!(traced.signals(12, "handler"), 3);
    assert_eq!(
        (traced.signals(19, "stop"), traced.signals(18, "continue")),
        (1, 1)
    );
}

#[test]
fn calls_of_the_32_bit_table_are_told_from_those_with_the_same_number() {
    let Some(traced) = as_bare("int80", &[]) else {
        return;
    };
    assert_eq!(traced.count(Abi::I386, 20), 5, "getpid");
    assert_eq!(traced.count(Abi::I386, 64), 3, "getppid");
    assert_eq!(traced.results(Abi::I386, 4), [Some(18)], "write");
    assert_eq!(traced.results(Abi::I386, 5), [Some(-2)], "open");
    assert_eq!(traced.count(Abi::X86_64, 64), 0, "semget");
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 3);
}

#[test]
fn a_32_bit_program_makes_32_bit_calls_alone() {
    let Some(traced) = as_bare("bits32", &[]) else {
        return;
    };
    assert_eq!(traced.count(Abi::I386, 20), 10, "getpid");
    assert_eq!(traced.count(Abi::I386, 4), 4, "write");
    assert_eq!(traced.results(Abi::I386, 5), [Some(-2)], "open");
    assert_eq!(traced.results(Abi::I386, 1), [None, None], "exit");
    assert_eq!(traced.created(Role::Process), 2);
    let executed = traced
        .events
        .iter()
        .position(|event| matches!(event.kind, EventKind::Executed { .. }));
    let after = traced.events[executed.expect("executed")..].iter();
    let others =
        after.filter(|event| matches!(event.kind, EventKind::Trap(trap) if trap.abi != Abi::I386));
    assert_eq!(others.count(), 0);
}

#[test]
fn calls_of_the_x32_table_keep_their_bit() {
    let Some(traced) = as_bare("x32", &[]) else {
        return;
    };
    assert_eq!(traced.count(Abi::X32, 1 << 30 | GETPPID), 4);
    assert_eq!(traced.count(Abi::X32, 1 << 30 | 512), 1);
}

#[test]
fn a_programs_own_filters_refuse_trap_and_kill_as_ever() {
    let Some(traced) = as_bare("own_filter", &[]) else {
        return;
    };
    assert_eq!(traced.results(Abi::X86_64, GETPPID), [Some(-18); 3]);
    assert_eq!(
        traced.results(Abi::X86_64, 104),
        [Some(-38)],
        "getgid, for a tracer that is not there"
    );
    assert_eq!(traced.count(Abi::X86_64, 102), 2, "getuid");
    assert_eq!(traced.signals(31, "handler"), 2);
    assert_eq!(traced.killed(), [31]);
}

#[test]
fn strict_mode_stays_strict() {
    let Some(traced) = as_bare("strict", &[]) else {
        return;
    };
    assert_eq!(traced.killed(), [9]);
    assert_eq!(traced.created(Role::Process), 3);
}

#[test]
fn breakpoints_of_its_own_arrive() {
    let Some(traced) = as_bare("breakpoints", &[]) else {
        return;
    };
    assert_eq!(traced.signals(5, "handler"), 4);
    assert_eq!(traced.signals(5, "kill"), 1);
    assert_eq!(traced.killed(), [5]);
}

#[test]
fn a_program_that_single_steps_itself_takes_the_same_steps() {
    let Some(traced) = as_bare("own_steps", &[]) else {
        return;
    };
    let steps: usize = traced
        .run
        .stdout
        .lines()
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum();
    assert!(steps > 15, "{}", traced.run);
    assert_eq!(traced.signals(5, "handler"), steps);
}

/// A process has one tracer. A program that wants to trace its child is refused, as under strace.
#[test]
fn a_program_that_traces_is_told_that_its_child_is_traced() {
    let Some(program) = linux::program("own_tracer") else {
        return;
    };
    let traced = linux::Traced::record(linux::User::Same, &program, &[]);
    assert_eq!(
        (traced.run.status, traced.run.stdout.as_str()),
        (
            8,
            "may not be traced: Operation not permitted\nstops at getppid: 0, ended with 8\n"
        )
    );
    traced.assert_whole();
}

#[test]
fn a_program_that_traces_can_do_so_when_its_children_are_left_alone() {
    let Some(traced) = as_bare("own_tracer", &["--follow", "off"]) else {
        return;
    };
    assert_eq!(traced.created(Role::Process), 1);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 0, "the child's");
}

#[test]
fn blocked_signals_wait_and_arrive_once() {
    let Some(traced) = as_bare("blocked", &[]) else {
        return;
    };
    assert_eq!(traced.signals(10, "handler"), 2);
}

#[test]
fn a_thousand_threads() {
    let Some(traced) = as_bare("thousand_threads", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Thread), 1000);
    assert_eq!(traced.exited(), 1001);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 1000);
}

#[test]
fn a_thousand_children() {
    let Some(traced) = as_bare("thousand_children", &[]) else {
        return;
    };
    assert_eq!(traced.created(Role::Process), 1001);
    assert_eq!(traced.ends().len(), 1001);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 1000);
    let codes = traced.ends().into_iter().map(|(_, status)| match status {
        ExitStatus::Code(code) => u32::from(code),
        ExitStatus::Killed { .. } => 0,
    });
    assert_eq!(codes.sum::<u32>(), 34_000);
}

#[test]
fn deaths_are_told_and_the_programs_own_is_passed_on() {
    for (line, signal) in [("dies 15", 15), ("dies 11", 11), ("dies 9", 9)] {
        let Some(traced) = as_bare(line, &[]) else {
            return;
        };
        assert_eq!(traced.run.status, 128 + i32::from(signal));
        assert_eq!(traced.killed(), [15, 9, 1, 6, 34, 11, 4, 8, signal]);
    }
}

#[test]
fn a_daemon_is_traced_to_its_end() {
    let Some(mut program) = linux::program("daemon") else {
        return;
    };
    program.push("made".into());
    let traced = linux::Traced::record(linux::User::Same, &program, &[]);
    assert_eq!(
        (traced.run.status, traced.run.stdout.as_str()),
        (4, "started\n")
    );
    traced.assert_whole();
    assert!(
        traced.path.with_file_name("made").is_dir(),
        "the daemon did its work"
    );
    assert_eq!(traced.created(Role::Process), 3);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 6);
    let codes: Vec<ExitStatus> = traced.ends().iter().map(|(_, status)| *status).collect();
    assert_eq!(codes, [4, 0, 0].map(ExitStatus::Code));
}

#[test]
fn a_program_finds_its_world_as_if_nobody_had_started_it() {
    let Some(traced) = as_bare("as_found one two", &[]) else {
        return;
    };
    assert!(
        traced.run.stdout.contains("arguments 3, last two"),
        "{}",
        traced.run
    );
}

#[test]
fn processes_with_numbers_of_their_own_are_told_by_the_hosts() {
    let Some(traced) = as_bare("namespaces", &[]) else {
        return;
    };
    if traced.run.status == 3 {
        return support::not_here("the host lets nobody make namespaces here");
    }
    assert_eq!(traced.created(Role::Process), 3);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 2);
    assert_eq!(traced.killed(), [9]);
    assert!(
        traced.ends().iter().all(|(process, _)| process.0 > 2),
        "{:?}",
        traced.ends()
    );
}

/// The tests of this file would see it if an event were missing, whichever it is that every call, thread and process has.
#[test]
fn a_trace_that_lacks_an_event_is_noticed() {
    let Some(traced) = as_bare("leader_first", &[]) else {
        return;
    };
    let lacking = |is_it: &dyn Fn(&EventKind) -> bool| {
        let mut events = traced.events.clone();
        let place = events.iter().rposition(|event| is_it(&event.kind));
        events.remove(place.expect("there is one"));
        linux::faults(&events)
    };
    assert!(!lacking(&|kind| matches!(kind, EventKind::Created { .. })).is_empty());
    assert!(!lacking(&|kind| matches!(kind, EventKind::Exited { .. })).is_empty());
    assert!(!lacking(&|kind| matches!(kind, EventKind::ProcessExited { .. })).is_empty());
    assert!(!lacking(&|kind| matches!(kind, EventKind::Return { .. })).is_empty());
}
