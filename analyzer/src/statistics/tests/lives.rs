//! Promises about processes, threads and memory maps: who made whom, who waited for what, who could address what, when.

use trapline_trace_format::event::{
    Abi, Backing, Cause, Event, EventKind, ExitStatus, MapChange, Nanos, ProcessId, Range, Rights,
    Role, SignalAction, SpaceId, SwitchReason, Trap, Waits,
};

use super::{finished, record, summary};
use crate::Analysis;
use crate::summary::{BlockedStat, PageFaults, PlotData, ProcessStat, Summary};
use crate::testing::*;

const PAGE: u64 = 0x1000;

fn clone_call(time: Nanos, process: u32, flags: u64, stack: u64) -> Event {
    let trap = Trap {
        cause: Cause::Syscall,
        abi: Abi::X86_64,
        number: 56,
        instruction: 0x40_0000,
        address: 0,
        arguments: [flags, stack, 0, 0, 0, 0],
    };
    event(time, process, EventKind::Trap(trap))
}

fn killed_by_signal(signal: u8) -> ExitStatus {
    ExitStatus::Killed {
        signal,
        cause: None,
        address: 0,
    }
}

/// `sh` (1) forks (2), which becomes `ls`, makes a thread (3) and is killed by `sh`; `sh` waits for it.
fn shell() -> Vec<Event> {
    use SwitchReason::{Block, Exit, Idle};
    let text = MapChange::Map {
        range: Range {
            start: 0x40_0000,
            end: 0x40_0000 + 4 * PAGE,
        },
        rights: Rights::READ_EXECUTE,
        backing: Backing::File,
        inode: 5,
        offset: 0,
    };
    let stack = 0x7000_0000;
    vec![
        created(0, 1, "sh"),
        map_changed(0, 1, text),
        mapped(0, 1, 0x50_0000, 0x50_0000 + 2 * PAGE, Backing::Heap),
        mapped(0, 1, stack, stack + 8 * PAGE, Backing::Stack),
        switch(10, 0, 1, Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(100, 1, Cause::PageFault, 11),
        returned(120, 1, 0),
        clone_call(200, 1, 17, 0),
        forked(210, 2, 1, 2, "sh"),
        map_changed(210, 2, MapChange::Copy { from: SpaceId(1) }),
        returned(220, 1, 2),
        trap(300, 1, Cause::Syscall, 61),
        blocked(310, 1, 2, Waits::Child),
        switched(320, 2),
        returned(330, 2, 0),
        trap(400, 2, Cause::Syscall, 59),
        map_changed(410, 2, MapChange::Clear),
        map_changed(420, 2, text),
        mapped(420, 2, stack, stack + 8 * PAGE, Backing::Stack),
        executed(430, 2, "ls"),
        returned(440, 2, 0),
        trap(450, 2, Cause::Syscall, 9),
        mapped(455, 2, 0x60_0000, 0x60_0000 + 4 * PAGE, Backing::Anonymous),
        returned(460, 2, 0x60_0000),
        clone_call(500, 2, 0x100, 0x60_0000 + 4 * PAGE),
        joined(510, 2, 3, "ls"),
        returned(520, 2, 3),
        trap(550, 2, Cause::Syscall, 9999),
        returned(560, 2, -38),
        trap(600, 2, Cause::PageFault, 11),
        signalled(610, 2, 15, 1, SignalAction::Kill),
        event_in(
            620,
            2,
            3,
            EventKind::Exited {
                status: killed_by_signal(15),
            },
        ),
        event_in(
            620,
            2,
            2,
            EventKind::Exited {
                status: killed_by_signal(15),
            },
        ),
        map_changed(630, 2, MapChange::Clear),
        process_exited(640, 2, killed_by_signal(15)),
        woken(650, 1),
        switch(660, 2, 1, Exit),
        switched(670, 1),
        returned(680, 1, 2),
        trap(700, 1, Cause::Syscall, 9999),
        returned(710, 1, -38),
        trap(800, 1, Cause::Syscall, 9999),
        returned(810, 1, -38),
        trap(900, 1, Cause::Syscall, 35),
        switch(910, 1, 0, Block),
        switched(1000, 0),
    ]
}

fn pair(summary: &Summary) -> [&ProcessStat; 2] {
    match &summary.processes[..] {
        [sh, ls] => [sh, ls],
        other => panic!("{} processes", other.len()),
    }
}

#[test]
fn processes_have_parents_programs_threads_and_endings() {
    let summary = summary(shell());
    let [sh, ls] = pair(&summary);
    assert_eq!((sh.process, sh.parent, sh.name.as_str()), (1, 0, "sh"));
    assert_eq!((ls.process, ls.parent, ls.name.as_str()), (2, 1, "ls"));
    assert_eq!(ls.programs, ["sh", "ls"]);
    assert_eq!((sh.threads, ls.threads), (1, 2));
    assert_eq!(sh.status, None);
    assert_eq!(
        (ls.status, ls.killed_by),
        (Some(killed_by_signal(15)), Some(1))
    );
    assert_eq!((ls.arrival_ns, ls.response_ns), (210, Some(320 - 210)));
    assert_eq!(
        (sh.turnaround_ns, ls.turnaround_ns),
        (None, Some(640 - 210))
    );
    let [one, two, three] = &summary.threads[..] else {
        panic!("three threads")
    };
    assert_eq!(
        (one.role, two.role, three.role),
        (Role::Process, Role::Process, Role::Thread)
    );
    assert_eq!((three.process, three.user_ns), (2, 0));
}

#[test]
fn a_process_has_what_its_threads_have_together() {
    let summary = summary(shell());
    for process in &summary.processes {
        let threads = || {
            summary
                .threads
                .iter()
                .filter(|t| t.process == process.process)
        };
        assert_eq!(process.user_ns, threads().map(|t| t.user_ns).sum::<Nanos>());
        assert_eq!(
            process.kernel_ns,
            threads().map(|t| t.kernel_ns).sum::<Nanos>()
        );
        assert_eq!(
            process.waiting_ns,
            threads().map(|t| t.waiting_ns).sum::<Nanos>()
        );
        assert_eq!(process.traps, threads().map(|t| t.traps).sum::<u64>());
    }
    let parts: Nanos = summary.partition.iter().map(|part| part.ns).sum();
    assert_eq!((parts, summary.wall_ns), (1000, 1000));
}

#[test]
fn time_blocked_is_split_by_what_was_waited_for() {
    let summary = summary(shell());
    let child = BlockedStat {
        waits: Some(Waits::Child),
        ns: 650 - 310,
    };
    let other = BlockedStat {
        waits: None,
        ns: 1000 - 910,
    };
    assert_eq!(summary.blocked, [child, other], "most time first");
    let [sh, ls] = pair(&summary);
    assert_eq!((&sh.blocked[..], sh.blocked_ns), (&[child, other][..], 430));
    assert_eq!(ls.blocked, []);
}

#[test]
fn unknown_calls_are_counted_by_program() {
    let summary = summary(shell());
    let calls: Vec<_> = summary
        .unknown_calls
        .iter()
        .map(|call| (call.program.as_str(), call.name.as_str(), call.count))
        .collect();
    assert_eq!(calls, [("sh", "#9999", 2), ("ls", "#9999", 1)]);
}

#[test]
fn page_faults_are_resolved_or_end_in_a_signal() {
    let mut events = shell();
    assert_eq!(
        summary(events.clone()).page_faults,
        PageFaults {
            resolved: 1,
            refused: 1
        },
        "the fault in which the process was killed was not resolved"
    );
    // A handler for SIGSEGV goes on after a fault, but not where it was.
    let handler = SignalAction::Handler { address: 8 };
    events.insert(8, signalled(110, 1, 11, 0, handler));
    let [sh, _] = pair(&summary(events)).map(|process| process.page_faults);
    assert_eq!((sh.resolved, sh.refused), (0, 1));
}

/// What the process could address, as start, length in pages, and whose stack it is.
fn map_at(process: u32, time_ns: Nanos) -> Vec<(u64, u64, Option<u32>)> {
    let (_folder, path) = record(shell(), finished());
    let analysis = Analysis::load(&path).unwrap();
    let map = analysis.memory_map_at(ProcessId(process), time_ns).unwrap();
    let again = Analysis::load(&path).unwrap();
    assert_eq!(
        again.memory_map_at(ProcessId(process), time_ns).unwrap(),
        map,
        "from log and from files"
    );
    map.iter()
        .map(|m| (m.start, m.bytes() / PAGE, m.stack_of))
        .collect()
}

#[test]
fn a_memory_map_can_be_asked_for_at_any_time() {
    let shell = [
        (0x40_0000, 4, None),
        (0x50_0000, 2, None),
        (0x7000_0000, 8, Some(1)),
    ];
    assert_eq!(map_at(1, 0), shell);
    assert_eq!(map_at(1, 999), shell);
    assert_eq!(map_at(2, 209), [], "not there yet");
    let copy = [
        (0x40_0000, 4, None),
        (0x50_0000, 2, None),
        (0x7000_0000, 8, Some(2)),
    ];
    assert_eq!(map_at(2, 210), copy, "fork copies");
    let program = [(0x40_0000, 4, None), (0x7000_0000, 8, Some(2))];
    assert_eq!(map_at(2, 440), program, "exec clears");
    let mapped = [program[0], (0x60_0000, 4, None), program[1]];
    assert_eq!(map_at(2, 460), mapped);
    // The stack counts from its thread's arrival on, not from the call to clone.
    assert_eq!(map_at(2, 505), mapped);
    let with_stack = [program[0], (0x60_0000, 4, Some(3)), program[1]];
    assert_eq!(map_at(2, 520), with_stack, "the thread's own stack");
    assert_eq!(map_at(2, 619), with_stack);
    assert_eq!(map_at(2, 640), [], "gone");
    assert_eq!(map_at(77, 500), [], "never there");
}

#[test]
fn a_vfork_child_sees_its_parents_memory_until_its_exec() {
    let events = vec![
        created(0, 1, "sh"),
        mapped(0, 1, PAGE, 3 * PAGE, Backing::Heap),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        clone_call(100, 1, 0x4111, 0),
        forked(110, 2, 1, 1, "sh"),
        blocked(120, 1, 2, Waits::Vfork),
        switched(130, 2),
        returned(140, 2, 0),
        trap(150, 2, Cause::Syscall, 9),
        Event {
            process: ProcessId(2),
            ..mapped(160, 1, 8 * PAGE, 9 * PAGE, Backing::Anonymous)
        },
        returned(170, 2, 0),
        trap(200, 2, Cause::Syscall, 59),
        mapped(210, 2, PAGE, 2 * PAGE, Backing::File),
        executed(220, 2, "ls"),
        returned(230, 2, 0),
    ];
    let (_folder, path) = record(events, finished());
    let analysis = Analysis::load(&path).unwrap();
    let map = |process, time| {
        let map = analysis.memory_map_at(ProcessId(process), time).unwrap();
        map.iter().map(|m| m.bytes() / PAGE).sum::<u64>()
    };
    assert_eq!((map(1, 150), map(2, 150)), (2, 2), "shared");
    assert_eq!(
        (map(1, 170), map(2, 170)),
        (3, 3),
        "what the child maps, too"
    );
    assert_eq!((map(1, 230), map(2, 230)), (3, 1), "apart from the exec on");
}

#[test]
fn plots_get_the_largest_map_of_each_process() {
    let (_folder, path) = record(shell(), finished());
    let memory = Analysis::load(&path).unwrap().plot_data().unwrap().memory;
    let columns: Vec<_> = memory
        .columns
        .iter()
        .map(|c| {
            (
                c.process,
                c.name.as_str(),
                c.time_ns,
                c.threads,
                c.mappings.len(),
            )
        })
        .collect();
    // With both threads alive; what `ls` held as a copy of the shell does not count.
    assert_eq!(columns, [(1, "sh", 30, 1, 3), (2, "ls", 510, 2, 3)]);
    assert_eq!(memory.left_out, 0);
    let stack = memory.columns[1].mappings[1].stack_of;
    assert_eq!(stack, Some(3), "the second thread's stack is told");
    let peaks: Vec<_> = summary(shell())
        .processes
        .iter()
        .map(|process| process.peak_mapped_bytes / PAGE)
        .collect();
    assert_eq!(peaks, [14, 16]);
}

#[test]
fn a_stack_that_clone3_hides_is_found_by_the_threads_control_block() {
    let stack = 0x60_0000;
    let control_block = |time, number| {
        let trap = Trap {
            cause: Cause::Syscall,
            abi: Abi::X86_64,
            number,
            instruction: 0x40_0000,
            address: 0,
            arguments: [stack + 4 * PAGE - 0x700, 24, 0, 0, 0, 0],
        };
        event_in(time, 1, 2, EventKind::Trap(trap))
    };
    let events = vec![
        created(0, 1, "threads"),
        mapped(0, 1, stack, stack + 4 * PAGE, Backing::Anonymous),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        trap(40, 1, Cause::Syscall, 435),
        joined(50, 1, 2, "threads"),
        returned(60, 1, 2),
        trap(70, 1, Cause::Syscall, 202),
        blocked(80, 1, 2, Waits::Futex),
        switched(90, 2),
        event_in(100, 1, 2, EventKind::Return { result: 0 }),
        control_block(110, 273),
        event_in(120, 1, 2, EventKind::Return { result: 0 }),
    ];
    let (_folder, path) = record(events, finished());
    let analysis = Analysis::load(&path).unwrap();
    let map = analysis.memory_map_at(ProcessId(1), 120).unwrap();
    assert_eq!(map[0].stack_of, Some(2));
}

#[test]
fn memory_that_nobody_may_touch_does_not_count_as_mapped() {
    let events = vec![
        created(0, 1, "one"),
        mapped(0, 1, 0, 2 * PAGE, Backing::Heap),
        map_changed(
            0,
            1,
            MapChange::Map {
                range: Range {
                    start: 1 << 30,
                    end: 1 << 36,
                },
                rights: Rights::NONE,
                backing: Backing::Anonymous,
                inode: 0,
                offset: 0,
            },
        ),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
    ];
    assert_eq!(summary(events).processes[0].peak_mapped_bytes, 2 * PAGE);
}

/// A job that makes so many children, each with a copy of its memory; each runs, maps and exits.
fn many_children(children: u32) -> Vec<Event> {
    use SwitchReason::{Block, Exit, Idle};
    let mut events = vec![created(0, 1, "bomb")];
    events.extend((0..20).map(|n| mapped(0, 1, n * 8 * PAGE, (n * 8 + 4) * PAGE, Backing::Heap)));
    events.extend([switch(1, 0, 1, Idle), switched(2, 1), returned(3, 1, 0)]);
    let mut now = 10;
    for child in 2..children + 2 {
        events.extend([
            clone_call(now, 1, 17, 0),
            forked(now + 1, child, 1, child, "bomb"),
            map_changed(now + 1, child, MapChange::Copy { from: SpaceId(1) }),
            returned(now + 2, 1, child.into()),
        ]);
        now += 10;
    }
    events.extend([
        trap(now, 1, Cause::Syscall, 61),
        switch(now + 1, 1, 2, Block),
    ]);
    for child in 2..children + 2 {
        let next = if child == children + 1 { 0 } else { child + 1 };
        events.extend([
            switched(now + 2, child),
            returned(now + 3, child, 0),
            trap(now + 4, child, Cause::Syscall, 9),
            mapped(now + 4, child, 0x900_0000, 0x900_1000, Backing::Anonymous),
            returned(now + 5, child, 0),
            trap(now + 6, child, Cause::Syscall, 60),
            exited(now + 7, child, 0),
            map_changed(now + 7, child, MapChange::Clear),
            process_exited(now + 7, child, ExitStatus::Code(0)),
            switch(now + 8, child, next, Exit),
        ]);
        now += 10;
    }
    events.push(switched(now, 0));
    events
}

#[test]
fn thousands_of_processes_are_told_apart() {
    let summary = summary(many_children(3000));
    assert_eq!(summary.processes.len(), 3001);
    assert!(summary.processes[1..].iter().all(|child| {
        child.parent == 1 && child.peak_mapped_bytes == 81 * PAGE && child.traps == 2
    }));
    let (_folder, path) = record(many_children(3000), finished());
    let memory = Analysis::load(&path).unwrap().plot_data().unwrap().memory;
    assert_eq!(memory.columns.len(), PlotData::MAX_MAPS);
    assert_eq!(memory.left_out, 3001 - PlotData::MAX_MAPS as u64);
}
