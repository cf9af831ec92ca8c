//! Traces and events that the tests share.
#![allow(dead_code)]

use trapline_trace_format::event::{
    Abi, Backing, Cause, Event, EventKind, ExitStatus, FaultSize, MapChange, Pointed, ProcessId,
    Range, Rights, Role, Seen, SignalAction, SpaceId, SwitchReason, Tally, ThreadId, ThreadState,
    Trap, Usage, Waits,
};
use trapline_trace_format::meta::{
    Calibration, ConsoleInput, FORMAT_VERSION, Host, Job, Meta, Outcome, Target, Witnesses,
};

pub(crate) fn meta(outcome: Outcome) -> Meta {
    Meta {
        format_version: FORMAT_VERSION,
        tool_version: "0.0.0".to_owned(),
        command: vec!["trapline".to_owned(), "record".to_owned()],
        started_unix_s: 1,
        target: Target::Mini {
            jobs: vec![Job::new(vec!["spin".to_owned()])],
            scheduler: "rr".to_owned(),
            quantum_ns: 10_000_000,
            tick_ns: 1_000_000,
            protect: true,
            traced: true,
            seed: 7,
            tuning: None,
            root: None,
            input: ConsoleInput::None,
            memory_bytes: 256 << 20,
            disk_latency_ns: 5_000_000,
        },
        host: Host {
            cpu: "a CPU".to_owned(),
            cpus: 2,
            pinned_cpu: Some(1),
            kernel: "6.18".to_owned(),
            clock: "tsc".to_owned(),
            hypervisor: None,
            processor: None,
        },
        calibration: Calibration {
            entry_ns: 1250.5,
            exit_ns: 800.25,
            ..Calibration::default()
        },
        outcome,
        wall_ns: 0,
        boot_ns: 0,
        events: 0,
        lost: Vec::new(),
        witnesses: Witnesses::NotCompared,
        tables: Default::default(),
        replay: Default::default(),
        replay_data: Default::default(),
    }
}

const RANGE: Range = Range {
    start: 0x40_0000,
    end: 0x40_3000,
};

fn signal(action: SignalAction) -> EventKind {
    EventKind::Signal {
        signal: 64,
        sender: ProcessId(8),
        action,
        info: Vec::new(),
    }
}

fn change(change: MapChange) -> EventKind {
    let space = SpaceId(6);
    EventKind::MapChanged { space, change }
}

/// One event of each kind and form.
pub(crate) fn one_of_each() -> Vec<Event> {
    let kinds = [
        EventKind::Created {
            parent: ProcessId(3),
            name: "spin ☂".to_owned(),
            role: Role::Process,
            space: SpaceId(4),
        },
        EventKind::Created {
            parent: ProcessId(0),
            name: "one more".to_owned(),
            role: Role::Thread,
            space: SpaceId(u32::MAX),
        },
        EventKind::Executed {
            name: String::new(),
            space: SpaceId(5),
        },
        EventKind::Exited {
            status: ExitStatus::Code(255),
        },
        EventKind::Exited {
            status: ExitStatus::Killed {
                signal: 11,
                cause: Some(Cause::Protection),
                address: u64::MAX,
            },
        },
        EventKind::ProcessExited {
            status: ExitStatus::Code(0),
        },
        EventKind::ProcessExited {
            status: ExitStatus::Killed {
                signal: 15,
                cause: None,
                address: 0,
            },
        },
        EventKind::Trap(Trap {
            cause: Cause::Syscall,
            abi: Abi::X86_64,
            number: -1,
            instruction: 0x40_1000,
            address: 0,
            arguments: [1, 2, 3, 4, 5, u64::MAX],
        }),
        EventKind::Return { result: -38 },
        EventKind::SwitchBegin {
            to: ThreadId::IDLE,
            reason: SwitchReason::Block,
            waits: Some(Waits::Futex),
        },
        EventKind::SwitchBegin {
            to: ThreadId(7),
            reason: SwitchReason::Quantum,
            waits: None,
        },
        EventKind::SwitchEnd,
        EventKind::Woken,
        EventKind::QuantumStart { expiry: i64::MAX },
        EventKind::Console {
            bytes: vec![0, 0xff, b'\n'],
        },
        EventKind::Input { bytes: Vec::new() },
        EventKind::Signal {
            signal: 17,
            sender: ProcessId(0),
            action: SignalAction::Handler { address: 0x40_2000 },
            info: vec![17, 0, 0, 0],
        },
        signal(SignalAction::Kill),
        signal(SignalAction::Stop),
        signal(SignalAction::Continue),
        signal(SignalAction::Ignore),
        change(MapChange::Map {
            range: RANGE,
            rights: Rights::READ_EXECUTE,
            backing: Backing::File,
            inode: 9,
            offset: 0x1000,
        }),
        change(MapChange::Unmap { range: RANGE }),
        change(MapChange::Protect {
            range: RANGE,
            rights: Rights::NONE,
        }),
        change(MapChange::Clear),
        change(MapChange::Copy { from: SpaceId(2) }),
        EventKind::Samples {
            bytes: vec![0x80, 1],
        },
        EventKind::Preempted {
            state: Box::new(ThreadState {
                bases: [3, 4],
                memory_bytes: 5,
                operand: 1 << 32 | 6,
                ..ThreadState::default()
            }),
        },
        EventKind::MemoryLeft {
            space: SpaceId(3),
            digest: 7,
            bytes: 4096,
        },
        EventKind::Pointed(Pointed {
            argument: 5,
            part: 2,
            length: 3000,
            bytes: vec![0xff, 0],
        }),
        EventKind::Descriptor {
            descriptor: -1,
            meaning: b"/tmp/\xff".to_vec(),
        },
        EventKind::SwitchedOut {
            cpu: 1,
            reason: SwitchReason::Preempt,
        },
        EventKind::SwitchedIn { cpu: 3 },
        EventKind::Faulted {
            address: 0x7fff_0000,
            instruction: 0x40_1000,
            size: FaultSize::Major,
        },
        EventKind::Usage {
            of: Role::Thread,
            usage: Usage::from_words([1, 2, 3, 4, 5, 6, 7, 8]),
        },
        EventKind::Tally(Box::new(Tally {
            abi: Abi::I386,
            number: 3,
            errors: 2,
            durations: vec![(100, 7), (u64::MAX, 1)],
            total_ns: 900,
        })),
        EventKind::Held {
            until: 12,
            space: SpaceId(3),
            seen: Seen::Trap {
                cause: Cause::Timer,
                number: 14,
                instruction: 5,
            },
        },
        EventKind::Held {
            until: -1,
            space: SpaceId(3),
            seen: Seen::Return,
        },
        EventKind::Held {
            until: 0,
            space: SpaceId(3),
            seen: Seen::Other,
        },
    ];
    let number = |index: usize, kind| Event {
        time: index as i64 * 100,
        process: ProcessId(index as u32),
        thread: ThreadId(u32::MAX - index as u32),
        kind,
    };
    kinds
        .into_iter()
        .enumerate()
        .map(|(index, kind)| number(index, kind))
        .collect()
}
