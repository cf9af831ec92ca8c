//! `trapline replay --to`: a replay that stops behind an event, and the machine there as text or JSON.
//!
//! Whatever is shown comes from a machine that nobody trusts: names are escaped, memory is shown as hexadecimal.

use std::fmt::Write;

use anyhow::Context;
use serde_json::{Value, json};
use trapline_reports::disassembly::{Line, disassemble};
use trapline_reports::text::escape::escape;
use trapline_reports::units;
use trapline_trace_format::event::{Cause, EventKind, ExitStatus, ThreadState};
use trapline_tracer::replay::{
    At, Bytes, Exactness, Inspected, ProcessRow, Recording, ReplayOptions, Snapshot, ThreadStatus,
    inspect,
};

use super::{End, Exit, terminal, with_signals};
use crate::cli::ReplayArgs;

/// Instructions shown before and from the instruction pointer on.
const INSTRUCTIONS: (usize, usize) = (5, 8);
/// Bytes in a line of memory.
const ROW: usize = 16;
/// What a byte is shown as that is not there.
const ABSENT: &str = "??";

/// Replays to the event and shows what is there.
pub(super) fn run(
    args: &ReplayArgs,
    recording: &Recording,
    options: &ReplayOptions,
    at: At,
) -> anyhow::Result<Exit> {
    let bar = terminal::bar();
    bar.set_message("replaying");
    let (inspected, signal) = with_signals(|stop| {
        inspect(recording, options, at, &args.memory, stop, |events, all| {
            bar.set_length(all);
            bar.set_position(events);
        })
    })?;
    bar.finish_and_clear();
    let inspected = inspected.with_context(|| format!("cannot replay {}", args.trace.display()))?;
    match inspected {
        Inspected::Stopped(snapshot) => {
            terminal::print(&if args.json {
                format!("{}\n", serde_json::to_string_pretty(&value(&snapshot))?)
            } else {
                text(&snapshot)
            })?;
            Ok(match signal {
                Some(signal) => Exit::Program(128 + signal as u8),
                None => Exit::Fine,
            })
        }
        Inspected::Ended(replayed) if matches!(replayed.end, End::SameUntilCut { .. }) => {
            anyhow::bail!(
                "{} cannot be replayed that far: the machine was ended before the inputs were written down; \
                 the first {} can",
                args.trace.display(),
                units::things(replayed.verified.events, "event", "events")
            )
        }
        // It says itself why it got no further.
        Inspected::Ended(replayed) => {
            let runs = super::Runs {
                all: vec![*replayed],
                interrupted_by: signal,
            };
            super::show(args, recording, &runs)
        }
    }
}

fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let mut line = |what: String| {
        let _ = writeln!(text, "{what}");
    };
    line(format!(
        "event {}: {}{}",
        snapshot.event,
        escape(&snapshot.description),
        call_name(snapshot).map_or_else(String::new, |name| format!(": {name}"))
    ));
    line(format!(
        "  the same as recorded until here: {}",
        units::things(snapshot.verified.events, "event", "events")
    ));
    match &snapshot.state {
        None if snapshot.thread.0 == 0 => {
            line("\nThe kernel's idle thread has the CPU.".to_owned());
        }
        None => line(format!(
            "\nThread {} of process {} has the CPU and no state in user mode.",
            snapshot.thread.0, snapshot.process.0
        )),
        Some(state) => {
            line(format!(
                "\nRegisters of thread {} in process {}",
                snapshot.thread.0, snapshot.process.0
            ));
            if snapshot.exactness == Exactness::StartOfStay {
                line(
                    "  as its stay in user mode began: the timer interrupt had no effect and came at another instruction"
                        .to_owned(),
                );
            }
            for row in registers(state).chunks(3) {
                let cells = row
                    .iter()
                    .map(|(name, value)| format!("{name:>9} {value:016x}"));
                line(cells.collect::<String>());
            }
            let lines = code(snapshot, state);
            if !lines.is_empty() {
                line("\nCode".to_owned());
            }
            for instruction in lines {
                let mark = if instruction.address == state.instruction() {
                    "->"
                } else {
                    "  "
                };
                line(format!(
                    "{mark} {:12x}  {:31} {}",
                    instruction.address,
                    spaced(&instruction.bytes),
                    instruction.text
                ));
            }
        }
    }
    if !snapshot.map.is_empty() {
        line("\nMemory map".to_owned());
    }
    for mapping in &snapshot.map {
        let file = match mapping.inode {
            0 => String::new(),
            inode => format!(" inode {inode}, from byte {:#x}", mapping.offset),
        };
        line(format!(
            "  {:12x}-{:<12x} {} {:>10} {}{file}",
            mapping.start,
            mapping.end,
            mapping.rights.word(),
            units::bytes(mapping.bytes()),
            mapping.backing.word()
        ));
    }
    line("\nProcesses".to_owned());
    line(format!(
        "  {:>6} {:>6} {:16} state",
        "pid", "parent", "name"
    ));
    for row in &snapshot.processes {
        let threads = match &*thread_words(row) {
            [] => String::new(),
            [(thread, word)] if *thread == row.process.0 => word.clone(),
            several => {
                let each = several
                    .iter()
                    .map(|(thread, word)| format!("{thread} {word}"));
                each.collect::<Vec<_>>().join(", ")
            }
        };
        let state = row.ended.map_or(threads, |status| ended_words(&status));
        line(format!(
            "  {:>6} {:>6} {:16} {state}",
            row.process.0,
            row.parent.0,
            escape(&row.name)
        ));
    }
    for bytes in &snapshot.memory {
        line(format!("\nMemory at {:#x}", bytes.start));
        for (index, row) in bytes.bytes.chunks(ROW).enumerate() {
            let at = bytes.start.wrapping_add((index * ROW) as u64);
            let hex: Vec<String> = row.iter().map(|byte| hex(*byte)).collect();
            let shown: String = row.iter().map(|byte| shown(*byte)).collect();
            line(format!("  {at:12x}  {:47}  |{shown}|", hex.join(" ")));
        }
    }
    text
}

fn value(snapshot: &Snapshot) -> Value {
    let registers = snapshot.state.as_ref().map(|state| {
        let values = registers(state).into_iter();
        let values = values.map(|(name, value)| (name.to_owned(), json!(format!("{value:#x}"))));
        values.collect::<serde_json::Map<_, _>>()
    });
    let code = snapshot.state.as_ref().map(|state| {
        let lines = code(snapshot, state).into_iter().map(|line| {
            json!({
                "address": format!("{:#x}", line.address),
                "bytes": spaced(&line.bytes).replace(' ', ""),
                "text": line.text,
            })
        });
        lines.collect::<Vec<_>>()
    });
    let map = snapshot.map.iter().map(|mapping| {
        json!({
            "start": format!("{:#x}", mapping.start),
            "end": format!("{:#x}", mapping.end),
            "rights": mapping.rights.word(),
            "backing": mapping.backing.word(),
            "inode": mapping.inode,
            "offset": mapping.offset,
        })
    });
    let processes = snapshot.processes.iter().map(|row| {
        let threads = thread_words(row);
        let threads = threads
            .iter()
            .map(|(thread, state)| json!({ "thread": thread, "state": state }));
        json!({
            "process": row.process.0,
            "parent": row.parent.0,
            "name": row.name,
            "space": row.space.0,
            "ended": row.ended.map(|status| ended_words(&status)),
            "threads": threads.collect::<Vec<_>>(),
        })
    });
    let memory = snapshot.memory.iter().map(memory_value);
    json!({
        "event": snapshot.event,
        "time_ns": snapshot.what.time,
        "what": snapshot.description,
        "call": call_name(snapshot),
        "process": snapshot.process.0,
        "thread": snapshot.thread.0,
        "registers": registers,
        "registers_are": match snapshot.exactness {
            Exactness::Same => "as_recorded",
            Exactness::StartOfStay => "at_the_start_of_the_stay",
        },
        "code": code,
        "memory_map": map.collect::<Vec<_>>(),
        "processes": processes.collect::<Vec<_>>(),
        "memory": memory.collect::<Vec<_>>(),
        "verified": snapshot.verified,
    })
}

/// Two digits for each byte, question marks for what is not there.
fn memory_value(bytes: &Bytes) -> Value {
    let digits: String = bytes.bytes.iter().map(|byte| hex(*byte)).collect();
    json!({ "start": format!("{:#x}", bytes.start), "bytes": digits })
}

/// The name of the system call, if the event is one.
fn call_name(snapshot: &Snapshot) -> Option<String> {
    match &snapshot.what.kind {
        EventKind::Trap(trap) if trap.cause == Cause::Syscall => {
            Some(trapline_analyzer::syscall_name(trap.abi, trap.number))
        }
        _ => None,
    }
}

/// Registers and segment bases with their names, as people look for them.
fn registers(state: &ThreadState) -> Vec<(&'static str, u64)> {
    const ORDER: [&str; 18] = [
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15", "rip", "flags",
    ];
    let value = |name: &str| {
        let known = ThreadState::REGISTERS.into_iter().zip(state.registers);
        known
            .into_iter()
            .find(|(known, _)| *known == name)
            .map_or(0, |(_, value)| value)
    };
    let bases = ["fs_base", "gs_base"].into_iter().zip(state.bases);
    let named = ORDER.into_iter().map(|name| (name, value(name)));
    named.chain(bases).collect()
}

fn code(snapshot: &Snapshot, state: &ThreadState) -> Vec<Line> {
    let (before, after) = INSTRUCTIONS;
    snapshot.code.as_ref().map_or_else(Vec::new, |code| {
        disassemble(code.start, &code.bytes, state.instruction(), before, after)
    })
}

fn thread_words(row: &ProcessRow) -> Vec<(u32, String)> {
    let word = |status: &ThreadStatus| match status {
        ThreadStatus::Running => "running".to_owned(),
        ThreadStatus::Ready => "ready".to_owned(),
        ThreadStatus::Blocked(None) => "blocked".to_owned(),
        ThreadStatus::Blocked(Some(waits)) => format!("blocked ({})", waits.word()),
    };
    let threads = row.threads.iter();
    threads
        .map(|(thread, status)| (thread.0, word(status)))
        .collect()
}

fn ended_words(status: &ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("ended with {code}"),
        ExitStatus::Killed { signal, .. } => format!("killed by signal {signal}"),
    }
}

fn spaced(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| hex(Some(*byte))).collect();
    digits.join(" ")
}

fn hex(byte: Option<u8>) -> String {
    byte.map_or_else(|| ABSENT.to_owned(), |byte| format!("{byte:02x}"))
}

/// A byte as a character that no terminal acts upon.
fn shown(byte: Option<u8>) -> char {
    match byte {
        Some(byte @ 0x20..=0x7e) => byte.into(),
        Some(_) => '.',
        None => ' ',
    }
}
