//! Traces and events that the tests share.
#![allow(dead_code)]

use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, ProcessId, Seen, SwitchReason, ThreadId, Trap,
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
            pinned_cpu: 1,
            kernel: "6.18".to_owned(),
            clock: "tsc".to_owned(),
            hypervisor: None,
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
    }
}

/// One event of each kind and form.
pub(crate) fn one_of_each() -> Vec<Event> {
    let kinds = [
        EventKind::Created {
            parent: ProcessId(3),
            name: "spin ☂".to_owned(),
        },
        EventKind::Executed {
            name: String::new(),
        },
        EventKind::Exited {
            status: ExitStatus::Code(255),
        },
        EventKind::Exited {
            status: ExitStatus::Killed {
                signal: 11,
                cause: Cause::Protection,
                address: u64::MAX,
            },
        },
        EventKind::Trap(Trap {
            cause: Cause::Syscall,
            number: -1,
            instruction: 0x40_1000,
            address: 0,
            arguments: [1, 2, 3, 4, 5, u64::MAX],
        }),
        EventKind::Return { result: -38 },
        EventKind::SwitchBegin {
            to: ThreadId::IDLE,
            reason: SwitchReason::Block,
        },
        EventKind::SwitchEnd,
        EventKind::Woken,
        EventKind::QuantumStart { expiry: i64::MAX },
        EventKind::Console {
            bytes: vec![0, 0xff, b'\n'],
        },
        EventKind::Held {
            until: 12,
            seen: Seen::Trap {
                cause: Cause::Timer,
                number: 14,
                instruction: 5,
            },
        },
        EventKind::Held {
            until: -1,
            seen: Seen::Return,
        },
        EventKind::Held {
            until: 0,
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
