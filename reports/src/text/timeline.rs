//! The protocol of limited direct execution, drawn from a real run: the three columns of OSTEP figure 6.3.
//!
//! Key types: [`ProtocolOptions`] and [`write_protocol`]. Left what the kernel does, in the middle what the hardware
//! does at each mode switch, right what the program does; time goes down. The events come from trace-format, in order;
//! what the tracer did meanwhile is left out, since it is no part of the protocol.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, Nanos, SwitchReason, ThreadId, Trap,
};

use super::escape::{escape_bytes, escape_short};
use crate::units::count;

/// Width of the columns: time, kernel, hardware, program.
const WIDTHS: [usize; 4] = [13, 38, 36, 30];
const MAX_NAME: usize = 16;
const MAX_CONSOLE: usize = 40;

/// Which part of the run to show, and how to name system calls.
pub struct ProtocolOptions<'a> {
    /// Events before this time are read (they name the threads) but not shown.
    pub from: Nanos,
    /// Number of events to show; none is all of them.
    pub limit: Option<usize>,
    /// The name of a system call number.
    pub syscall_name: &'a dyn Fn(i32) -> String,
}

/// What was shown of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Number of events shown.
    pub events: usize,
    /// The time of the first event that the limit left out.
    pub next: Option<Nanos>,
}

/// Writes the protocol of the events, which are in time order.
///
/// # Errors
/// Only what `out` says.
pub fn write_protocol(
    events: impl IntoIterator<Item = Event>,
    options: &ProtocolOptions<'_>,
    out: &mut impl Write,
) -> io::Result<Shown> {
    let mut machine = Machine {
        names: HashMap::new(),
        started: HashSet::new(),
        options,
    };
    let mut shown = Shown::default();
    write_heading(out)?;
    for event in events {
        let rows = machine.rows(&event);
        if event.time < options.from || rows.is_empty() {
            continue;
        }
        if options.limit.is_some_and(|limit| shown.events >= limit) {
            shown.next = Some(event.time);
            break;
        }
        shown.events += 1;
        for (index, row) in rows.iter().enumerate() {
            let time = if index == 0 {
                moment(event.time)
            } else {
                String::new()
            };
            write_row(out, &time, row)?;
        }
    }
    Ok(shown)
}

/// One line of the protocol: something that one of the three does.
enum Row {
    Kernel(String),
    Hardware(String),
    Program(String),
}

/// What must be remembered from event to event.
struct Machine<'a> {
    names: HashMap<ThreadId, String>,
    /// Threads that have been in user mode.
    started: HashSet<ThreadId>,
    options: &'a ProtocolOptions<'a>,
}

impl Machine<'_> {
    fn rows(&mut self, event: &Event) -> Vec<Row> {
        let who = self.name(event.thread);
        match &event.kind {
            EventKind::Created { name, .. } => {
                self.names
                    .insert(event.thread, escape_short(name, MAX_NAME));
                let who = self.name(event.thread);
                vec![Row::Kernel(format!(
                    "create {who} in process {}; it is ready",
                    event.process.0
                ))]
            }
            EventKind::Executed { name } => {
                self.names
                    .insert(event.thread, escape_short(name, MAX_NAME));
                vec![Row::Kernel(format!(
                    "{who} now runs {}",
                    escape_short(name, MAX_NAME)
                ))]
            }
            EventKind::Exited { status } => {
                vec![Row::Kernel(format!(
                    "{who} ends: {}; free what it had",
                    ending(*status)
                ))]
            }
            EventKind::Trap(trap) => self.trap(&who, trap),
            EventKind::Return { .. } => self.return_from_trap(event.thread, &who),
            EventKind::SwitchBegin { to, reason } => {
                let next = self.name(*to);
                vec![Row::Kernel(format!(
                    "{}: switch() saves the kernel registers of {who}, restores those of {next}, changes to its kernel stack",
                    because(*reason)
                ))]
            }
            EventKind::SwitchEnd if event.thread == ThreadId::IDLE => {
                vec![Row::Kernel("idle: wait for an interrupt".to_owned())]
            }
            EventKind::SwitchEnd => vec![Row::Kernel(format!("{who} has the CPU"))],
            EventKind::Woken => vec![Row::Kernel(format!("{who} is ready again"))],
            EventKind::QuantumStart { expiry } => {
                vec![Row::Kernel(format!(
                    "set the timer: {who} may run until {}",
                    moment(*expiry)
                ))]
            }
            EventKind::Console { bytes } => {
                let text = escape_short(&escape_bytes(bytes), MAX_CONSOLE);
                vec![Row::Kernel(format!("console of {who}: \"{text}\""))]
            }
            EventKind::Held { .. } => Vec::new(),
        }
    }

    fn trap(&self, who: &str, trap: &Trap) -> Vec<Row> {
        let enter =
            format!("save registers of {who}; move to kernel mode; jump to the trap handler");
        match trap.cause {
            Cause::Syscall => {
                let call = escape_short(&(self.options.syscall_name)(trap.number), 24);
                vec![
                    Row::Program(format!("{who} calls {call}: trap into the kernel")),
                    Row::Hardware(enter),
                    Row::Kernel(format!("handle the trap: {call}")),
                ]
            }
            Cause::Timer => vec![
                Row::Hardware(format!("timer interrupt: {enter}")),
                Row::Kernel("handle the trap: timer".to_owned()),
            ],
            cause => {
                let what = if matches!(cause, Cause::PageFault | Cause::Protection) {
                    format!(
                        "{who} at {:#x} touches {:#x}",
                        trap.instruction, trap.address
                    )
                } else {
                    format!("{who} at {:#x}", trap.instruction)
                };
                vec![
                    Row::Program(what),
                    Row::Hardware(format!("{}: {enter}", cause.word())),
                    Row::Kernel(format!("handle the trap: {}", cause.word())),
                ]
            }
        }
    }

    fn return_from_trap(&mut self, thread: ThreadId, who: &str) -> Vec<Row> {
        let first = self.started.insert(thread);
        let (to, runs) = if first {
            ("its first instruction", "starts")
        } else {
            ("where it was", "goes on")
        };
        vec![
            Row::Kernel(format!("return-from-trap into {who}")),
            Row::Hardware(format!(
                "restore registers of {who}; move to user mode; jump to {to}"
            )),
            Row::Program(format!("{who} {runs}")),
        ]
    }

    fn name(&self, thread: ThreadId) -> String {
        match self.names.get(&thread) {
            Some(name) => format!("{name} ({})", thread.0),
            None if thread == ThreadId::IDLE => "idle".to_owned(),
            None => format!("thread {}", thread.0),
        }
    }
}

/// A time with microseconds: events are that close to each other, however late they are.
fn moment(ns: Nanos) -> String {
    let us = ns.max(0) as u64 / 1_000;
    format!("{}.{:03} ms", count(us / 1_000), us % 1_000)
}

fn because(reason: SwitchReason) -> &'static str {
    match reason {
        SwitchReason::Yield => "it yields",
        SwitchReason::Block => "it must wait",
        SwitchReason::Exit => "it has ended",
        SwitchReason::Quantum => "its quantum expired",
        SwitchReason::Preempt => "a higher priority is ready",
        SwitchReason::Idle => "a thread is ready",
    }
}

fn ending(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit {code}"),
        ExitStatus::Killed { cause, address, .. } => {
            format!("killed for {} at {address:#x}", cause.word())
        }
    }
}

fn write_heading(out: &mut impl Write) -> io::Result<()> {
    write_cells(
        out,
        [
            "time",
            "OS @ run (kernel mode)",
            "hardware",
            "program (user mode)",
        ],
    )?;
    writeln!(out, "{}", WIDTHS.map(|width| "-".repeat(width)).join("-+-"))
}

fn write_row(out: &mut impl Write, time: &str, row: &Row) -> io::Result<()> {
    let (column, text) = match row {
        Row::Kernel(text) => (1, text),
        Row::Hardware(text) => (2, text),
        Row::Program(text) => (3, text),
    };
    for (index, line) in wrapped(text, WIDTHS[column]).iter().enumerate() {
        let mut cells = [if index == 0 { time } else { "" }, "", "", ""];
        cells[column] = line;
        write_cells(out, cells)?;
    }
    Ok(())
}

fn write_cells(out: &mut impl Write, cells: [&str; 4]) -> io::Result<()> {
    let [time, kernel, hardware, program] = cells;
    let [t, k, h, _] = WIDTHS;
    let line = format!("{time:>t$} | {kernel:k$} | {hardware:h$} | {program}");
    writeln!(out, "{}", line.trim_end())
}

/// The words of a text in lines of at most `width` characters; a longer word gets a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
