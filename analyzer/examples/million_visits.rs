//! What statistics cost: writes a trace of a million system calls, as seen by both witnesses, then times the making of
//! its tables, and a summary from tables that stand. Prints one line each.
//!
//! `cargo run --release -p trapline-analyzer --example million_visits`

use std::path::Path;
use std::time::Instant;

use trapline_analyzer::Analysis;
use trapline_trace_format::event::{
    Abi, Cause, Event, EventKind, ProcessId, Role, Seen, SpaceId, SwitchReason, ThreadId, Trap,
};
use trapline_trace_format::folder::TraceWriter;
use trapline_trace_format::meta::{
    Calibration, ConsoleInput, FORMAT_VERSION, Host, Meta, Outcome, Target, Witnesses,
};

const VISITS: u32 = 1_000_000;
const THREADS: u32 = 4;
/// Every so many visits, the quantum expires.
const QUANTUM_VISITS: u32 = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("million.trap");
    timed("record", || record(&path))?;
    timed("tables from the log", || Ok(Analysis::load(&path)?))?;
    let summary = timed("summary from tables", || {
        Ok(Analysis::load(&path)?.summary()?)
    })?;
    timed("plot data from tables", || {
        Ok(Analysis::load(&path)?.plot_data()?)
    })?;
    let log = std::fs::metadata(path.join("events.log"))?.len();
    let visits = std::fs::metadata(path.join("tables/visits.parquet"))?.len();
    println!(
        "{} visits, {} MB log, {} MB visits.parquet",
        VISITS,
        log >> 20,
        visits >> 20
    );
    let counted: u64 = summary.causes.iter().map(|row| row.kernel.count).sum();
    assert_eq!(counted, u64::from(VISITS));
    Ok(())
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let start = Instant::now();
    let result = work()?;
    println!("{what}: {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
    Ok(result)
}

fn record(path: &Path) -> Result<(), Failure> {
    let mut writer = TraceWriter::create(path, &meta(Outcome::Recording))?;
    let mut now = 0;
    let mut append = |pass: i64, thread: u32, kind: EventKind| {
        now += pass;
        let (process, thread) = (ProcessId(thread), ThreadId(thread));
        let kind = match kind {
            EventKind::Held { seen, space, .. } => EventKind::Held {
                until: now + 6000,
                space,
                seen,
            },
            other => other,
        };
        writer.log().append(&Event {
            time: now,
            process,
            thread,
            kind,
        })?;
        Ok::<(), Failure>(())
    };
    for thread in 1..=THREADS {
        let kind = EventKind::Created {
            parent: ProcessId(0),
            name: "storm".to_owned(),
            role: Role::Process,
            space: SpaceId(thread),
        };
        append(0, thread, kind)?;
    }
    let (mut thread, mut state) = (1, 1_u64);
    append(50, 0, begin(thread, SwitchReason::Idle))?;
    append(50, thread, EventKind::SwitchEnd)?;
    for visit in 1..=VISITS {
        // Lengths that vary, so that compression has something to do.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 56) as i64;
        append(
            900 + noise,
            thread,
            EventKind::Return {
                result: i64::from(visit),
            },
        )?;
        append(
            40,
            thread,
            EventKind::Held {
                until: 0,
                space: SpaceId(thread),
                seen: Seen::Return,
            },
        )?;
        let expired = visit % QUANTUM_VISITS == 0;
        let (cause, number) = if expired {
            (Cause::Timer, 14)
        } else {
            (Cause::Syscall, 39)
        };
        let seen = Seen::Trap {
            cause,
            number,
            instruction: 0x40_1000,
        };
        let space = SpaceId(thread);
        append(
            7000 + noise,
            thread,
            EventKind::Held {
                until: 0,
                space,
                seen,
            },
        )?;
        let arguments = [u64::from(visit), 0, 0, 0, 0, 0];
        let trap = Trap {
            cause,
            abi: Abi::X86_64,
            number,
            instruction: 0x40_1000,
            address: 0,
            arguments,
        };
        append(6500, thread, EventKind::Trap(trap))?;
        if expired {
            let next = thread % THREADS + 1;
            append(300, thread, begin(next, SwitchReason::Quantum))?;
            thread = next;
            append(2000 + noise, thread, EventKind::SwitchEnd)?;
        }
    }
    writer.finish(meta(Outcome::Completed { status: 0 }))?;
    Ok(())
}

fn begin(to: u32, reason: SwitchReason) -> EventKind {
    EventKind::SwitchBegin {
        to: ThreadId(to),
        reason,
        waits: None,
    }
}

fn meta(outcome: Outcome) -> Meta {
    Meta {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: Vec::new(),
        started_unix_s: 0,
        target: Target::Mini {
            jobs: Vec::new(),
            scheduler: "rr".to_owned(),
            quantum_ns: 10_000_000,
            tick_ns: 1_000_000,
            protect: true,
            traced: true,
            seed: 0,
            tuning: None,
            root: None,
            input: ConsoleInput::None,
            memory_bytes: 256 << 20,
            disk_latency_ns: 5_000_000,
        },
        host: Host {
            cpu: String::new(),
            cpus: 1,
            pinned_cpu: Some(0),
            kernel: String::new(),
            clock: "monotonic".to_owned(),
            hypervisor: None,
            processor: None,
        },
        calibration: Calibration {
            entry_ns: 200.0,
            exit_ns: 100.0,
            hidden_stop_ns: 300.0,
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
