//! The protocol of limited direct execution, drawn from a real run: the three columns of OSTEP figure 6.3.
//!
//! Key types: [`ProtocolOptions`] and [`write_protocol`]. Left what the kernel does, in the middle what the hardware
//! does at each mode switch, right what the program does; time goes down. The events come from trace-format, in order;
//! what the tracer did meanwhile is left out, since it is no part of the protocol.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use trapline_trace_format::event::{
    Abi, Cause, Event, EventKind, ExitStatus, MapChange, Nanos, ProcessId, Role, SignalAction,
    SpaceId, SwitchReason, ThreadId, Trap, Waits,
};

use super::escape::{escape_bytes, escape_short};
use crate::labels;
use crate::units::{bytes, count};

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
    pub syscall_name: &'a dyn Fn(Abi, i32) -> String,
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
        processes: HashMap::new(),
        spaces: HashMap::new(),
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
    /// What each process runs.
    names: HashMap<ProcessId, String>,
    /// Which process each thread belongs to.
    processes: HashMap<ThreadId, ProcessId>,
    /// Which memory each process has.
    spaces: HashMap<ProcessId, SpaceId>,
    /// Threads that have been in user mode.
    started: HashSet<ThreadId>,
    options: &'a ProtocolOptions<'a>,
}

impl Machine<'_> {
    fn rows(&mut self, event: &Event) -> Vec<Row> {
        let who = self.name(event.thread);
        match &event.kind {
            EventKind::Created {
                parent,
                name,
                role,
                space,
            } => self.created(event, *parent, name, *role, *space),
            EventKind::Executed { name, space } => {
                self.lives(event, name, *space);
                vec![Row::Kernel(format!(
                    "exec: {who} now runs {} with fresh memory",
                    escape_short(name, MAX_NAME)
                ))]
            }
            EventKind::Exited { status } => {
                vec![Row::Kernel(format!("{who} ends: {}", ending(*status)))]
            }
            EventKind::ProcessExited { status } => {
                self.spaces.remove(&event.process);
                vec![Row::Kernel(format!(
                    "process {} is over: {}; free what it had, keep its status for its parent",
                    self.process(event.process),
                    ending(*status)
                ))]
            }
            EventKind::Trap(trap) => self.trap(&who, trap),
            EventKind::Return { .. } => self.return_from_trap(event.thread, &who),
            EventKind::SwitchBegin { to, reason, waits } => {
                let next = self.name(*to);
                vec![Row::Kernel(format!(
                    "{}: switch() saves the registers of {who}, restores those of {next}{}",
                    because(*reason, *waits),
                    self.change_of_memory(event.thread, *to)
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
            EventKind::Input { bytes } if bytes.is_empty() => {
                vec![Row::Kernel(format!("console input of {who}: the end"))]
            }
            EventKind::Input { bytes } => {
                let text = escape_short(&escape_bytes(bytes), MAX_CONSOLE);
                vec![Row::Kernel(format!("console input of {who}: \"{text}\""))]
            }
            EventKind::Signal {
                signal,
                sender,
                action,
                ..
            } => vec![Row::Kernel(self.signal(&who, *signal, *sender, *action))],
            EventKind::MapChanged { space, change } => {
                vec![Row::Kernel(self.map_changed(event, *space, change))]
            }
            EventKind::SwitchedOut { cpu, reason } => vec![Row::Kernel(format!(
                "{}: Linux takes CPU {cpu} from {who}",
                because(*reason, None)
            ))],
            EventKind::SwitchedIn { cpu } => {
                vec![Row::Kernel(format!("Linux gives CPU {cpu} to {who}"))]
            }
            EventKind::Faulted { address, .. } => vec![Row::Hardware(format!(
                "page fault of {who} at {address:#x}; the kernel gives a page"
            ))],
            EventKind::Held { .. }
            | EventKind::Samples { .. }
            | EventKind::Preempted { .. }
            | EventKind::MemoryLeft { .. }
            | EventKind::Pointed(_)
            | EventKind::Descriptor { .. }
            | EventKind::Usage { .. }
            | EventKind::Tally(_) => Vec::new(),
        }
    }

    fn created(
        &mut self,
        event: &Event,
        parent: ProcessId,
        name: &str,
        role: Role,
        space: SpaceId,
    ) -> Vec<Row> {
        let by = if parent == ProcessId(0) {
            String::new()
        } else {
            format!(", child of {}", self.process(parent))
        };
        self.processes.insert(event.thread, event.process);
        self.lives(event, name, space);
        let who = self.name(event.thread);
        vec![Row::Kernel(match role {
            Role::Process if space.0 != event.process.0 => {
                format!("create process {who}{by}, in its memory; it is ready")
            }
            Role::Process => format!("create process {who}{by}; it is ready"),
            Role::Thread => format!("create thread {who}; it is ready"),
        })]
    }

    /// The process of the event runs this program in this memory.
    fn lives(&mut self, event: &Event, name: &str, space: SpaceId) {
        self.names
            .insert(event.process, escape_short(name, MAX_NAME));
        self.spaces.insert(event.process, space);
    }

    /// How the memory changes with a switch, as the end of a sentence.
    fn change_of_memory(&self, from: ThreadId, to: ThreadId) -> &'static str {
        let space = |thread| self.spaces.get(self.processes.get(&thread)?);
        match (space(from), space(to)) {
            (Some(from), Some(to)) if from == to => "; the address space stays",
            (Some(_), Some(_)) => " and its address space",
            _ => "",
        }
    }

    fn signal(&self, who: &str, signal: u8, sender: ProcessId, action: SignalAction) -> String {
        let name = labels::signal_name(signal);
        let from = if sender == ProcessId(0) {
            String::new()
        } else {
            format!(" from {}", self.process(sender))
        };
        let then = match action {
            SignalAction::Handler { address } => {
                let place = match address {
                    // Linux does not tell.
                    0 => String::new(),
                    address => format!(" at {address:#x}"),
                };
                format!("{who} will go on in its handler{place}")
            }
            SignalAction::Kill => format!("it ends {who}"),
            SignalAction::Stop => format!("it stops {who}"),
            SignalAction::Continue => format!("{who} may go on"),
            SignalAction::Ignore => format!("{who} ignores it"),
        };
        format!("{name}{from}: {then}")
    }

    fn map_changed(&self, event: &Event, space: SpaceId, change: &MapChange) -> String {
        // A space has the number of the process that it was made for.
        let of_space = ProcessId(space.0);
        let whose = if self.spaces.get(&event.process) == Some(&space) {
            self.process(event.process)
        } else {
            self.process(of_space)
        };
        let size = |range: &trapline_trace_format::event::Range| {
            bytes(range.end.saturating_sub(range.start))
        };
        match change {
            MapChange::Map {
                range,
                rights,
                backing,
                ..
            } => format!(
                "memory of {whose}: {} {} {} at {:#x}",
                size(range),
                backing.word(),
                rights.word(),
                range.start
            ),
            MapChange::Unmap { range } => {
                format!(
                    "memory of {whose}: {} gone at {:#x}",
                    size(range),
                    range.start
                )
            }
            MapChange::Protect { range, rights } => format!(
                "memory of {whose}: {} now {} at {:#x}",
                size(range),
                rights.word(),
                range.start
            ),
            MapChange::Clear => format!("memory of {whose}: all gone"),
            MapChange::Copy { from } => format!(
                "memory of {whose}: a copy of that of {}",
                self.process(ProcessId(from.0))
            ),
        }
    }

    fn trap(&self, who: &str, trap: &Trap) -> Vec<Row> {
        let enter =
            format!("save registers of {who}; move to kernel mode; jump to the trap handler");
        match trap.cause {
            Cause::Syscall => {
                let call = escape_short(&(self.options.syscall_name)(trap.abi, trap.number), 24);
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
                let what = match cause {
                    Cause::PageFault => format!(
                        "{who} at {:#x} touches {:#x}, where no page is",
                        trap.instruction, trap.address
                    ),
                    Cause::Protection => format!(
                        "{who} at {:#x} touches {:#x}, which it may not",
                        trap.instruction, trap.address
                    ),
                    _ => format!("{who} at {:#x}", trap.instruction),
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
        match self.processes.get(&thread) {
            Some(process) if process.0 == thread.0 => self.process(*process),
            Some(process) => {
                let name = self.names.get(process).map_or("", String::as_str);
                format!("{name} ({}/{})", process.0, thread.0)
            }
            None if thread == ThreadId::IDLE => "idle".to_owned(),
            None => format!("thread {}", thread.0),
        }
    }

    fn process(&self, process: ProcessId) -> String {
        match self.names.get(&process) {
            Some(name) => format!("{name} ({})", process.0),
            None => format!("process {}", process.0),
        }
    }
}

/// A time with microseconds: events are that close to each other, however late they are.
fn moment(ns: Nanos) -> String {
    let us = ns.max(0) as u64 / 1_000;
    format!("{}.{:03} ms", count(us / 1_000), us % 1_000)
}

fn because(reason: SwitchReason, waits: Option<Waits>) -> String {
    match (reason, waits) {
        (SwitchReason::Block, Some(_)) => {
            return format!("it must wait for {}", labels::waits(waits));
        }
        (SwitchReason::Yield, _) => "it yields",
        (SwitchReason::Block, None) => "it must wait",
        (SwitchReason::Exit, _) => "it has ended",
        (SwitchReason::Quantum, _) => "its quantum expired",
        (SwitchReason::Preempt, _) => "a higher priority is ready",
        (SwitchReason::Idle, _) => "a thread is ready",
    }
    .to_owned()
}

fn ending(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit {code}"),
        ExitStatus::Killed {
            cause: Some(cause),
            address,
            ..
        } => format!("killed for {} at {address:#x}", cause.word()),
        ExitStatus::Killed { signal, .. } => format!("killed by {}", labels::signal_name(signal)),
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
