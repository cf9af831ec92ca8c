//! The real binary, run as a person would, and a small hand-made trace to run it on.

use std::path::Path;
use std::process::{Command, Output};

use trapline_trace_format::event::*;
use trapline_trace_format::folder::TraceWriter;
use trapline_trace_format::meta::*;

/// A name that would set the title of a terminal if it were printed as it is.
pub(crate) const EVIL_NAME: &str = "spin\u{1b}]0;owned\u{7}";

/// The command with nothing of this environment that changes its output.
pub(crate) fn trapline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS");
    command
}

/// Runs the command to its end.
pub(crate) fn run(args: &[&str]) -> Ran {
    Ran::from(trapline(args).output().expect("trapline starts"))
}

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }
}

/// Writes a whole trace of two programs that share the CPU, `calls` system calls of the second.
pub(crate) fn write_trace(path: &Path, name: &str, calls: u32) {
    let mut writer =
        TraceWriter::create(path, &meta(Outcome::Recording, 0)).expect("trace is made");
    let events = events(name, calls);
    for event in &events {
        writer.log().append(event).expect("event is written");
    }
    let wall = events.last().map_or(0, |event| event.time);
    writer
        .finish(meta(Outcome::Completed { status: 0 }, wall))
        .expect("trace is finished");
}

/// As [`write_trace`], but the recorder is gone before the end.
pub(crate) fn write_cut_trace(path: &Path) {
    let mut writer =
        TraceWriter::create(path, &meta(Outcome::Recording, 0)).expect("trace is made");
    for event in events("spin", 3) {
        writer.log().append(&event).expect("event is written");
    }
    drop(writer);
}

fn events(name: &str, calls: u32) -> Vec<Event> {
    let created = |name: &str, space: u32| EventKind::Created {
        parent: ProcessId(0),
        name: name.to_owned(),
        role: Role::Process,
        space: SpaceId(space),
    };
    let mut events = vec![
        event(0, 1, created(name, 1)),
        event(1_000, 2, created("storm", 2)),
        event(2_000, 1, EventKind::QuantumStart { expiry: 10_002_000 }),
        event(3_000, 1, EventKind::Return { result: 0 }),
        event(10_002_000, 1, EventKind::Trap(trap(Cause::Timer, 14))),
        event(
            10_003_000,
            1,
            EventKind::SwitchBegin {
                to: ThreadId(2),
                reason: SwitchReason::Quantum,
                waits: None,
            },
        ),
        event(10_007_000, 2, EventKind::SwitchEnd),
        event(
            10_007_500,
            2,
            EventKind::QuantumStart { expiry: 20_007_500 },
        ),
        event(10_008_000, 2, EventKind::Return { result: 0 }),
    ];
    let mut now = 10_100_000;
    for _ in 0..calls {
        events.push(event(now, 2, EventKind::Trap(trap(Cause::Syscall, 39))));
        events.push(event(now + 2_000, 2, EventKind::Return { result: 2 }));
        now += 5_000;
    }
    events.extend([
        event(now, 2, EventKind::Trap(trap(Cause::Syscall, 60))),
        event(
            now + 1_000,
            2,
            EventKind::Exited {
                status: ExitStatus::Code(0),
            },
        ),
        event(
            now + 2_000,
            2,
            EventKind::SwitchBegin {
                to: ThreadId(1),
                reason: SwitchReason::Exit,
                waits: None,
            },
        ),
        event(now + 5_000, 1, EventKind::SwitchEnd),
        event(now + 6_000, 1, EventKind::Return { result: 0 }),
        event(
            now + 1_000_000,
            1,
            EventKind::Trap(trap(Cause::Syscall, 60)),
        ),
        event(
            now + 1_001_000,
            1,
            EventKind::Exited {
                status: ExitStatus::Code(0),
            },
        ),
    ]);
    events
}

fn event(time: Nanos, thread: u32, kind: EventKind) -> Event {
    Event {
        time,
        process: ProcessId(thread),
        thread: ThreadId(thread),
        kind,
    }
}

fn trap(cause: Cause, number: i32) -> Trap {
    Trap {
        cause,
        abi: Abi::X86_64,
        number,
        instruction: 0x40_1000,
        address: 0,
        arguments: [0; 6],
    }
}

fn meta(outcome: Outcome, wall_ns: Nanos) -> Meta {
    Meta {
        format_version: FORMAT_VERSION,
        tool_version: "0.1.0".to_owned(),
        command: vec!["trapline".to_owned(), "record".to_owned()],
        started_unix_s: 0,
        target: Target::Mini {
            jobs: ["spin", "storm"]
                .map(|name| Job::new(vec![name.to_owned()]))
                .to_vec(),
            scheduler: "rr".to_owned(),
            quantum_ns: 10_000_000,
            tick_ns: 1_000_000,
            protect: true,
            traced: false,
            seed: 0,
            tuning: None,
            root: None,
            input: ConsoleInput::None,
            memory_bytes: 256 << 20,
            disk_latency_ns: 5_000_000,
        },
        host: Host {
            cpu: "a CPU".to_owned(),
            cpus: 2,
            pinned_cpu: Some(0),
            kernel: "6.0".to_owned(),
            clock: "tsc".to_owned(),
            hypervisor: None,
            processor: None,
        },
        calibration: Calibration::default(),
        outcome,
        wall_ns,
        boot_ns: 0,
        events: 0,
        lost: Vec::new(),
        witnesses: Witnesses::NotCompared,
        tables: std::collections::BTreeMap::new(),
        replay: std::collections::BTreeMap::new(),
        replay_data: Default::default(),
    }
}
