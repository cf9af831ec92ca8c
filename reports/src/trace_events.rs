//! A trace as trace events (JSON), for ui.perfetto.dev and chrome://tracing.
//!
//! Key type: [`TraceEvents`], fed with the events of a trace in their order. A track per thread with its visits (names of calls,
//! causes of other traps), arguments and results; a track per CPU or, where only one thread runs at a time, one for the
//! machine, with who has it. Times are microseconds, as the format wants them.
//! Source: "Trace Event Format" (Chromium), which Perfetto reads.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use trapline_trace_format::event::{
    Abi, Cause, Event, EventKind, Nanos, ProcessId, ThreadId, Trap,
};

/// The number that stands for the machine's CPUs in place of a process: above any of Linux.
const CPUS: u32 = 1 << 30;

/// Writes the events.
pub struct TraceEvents<'a, W> {
    out: W,
    syscall_name: &'a dyn Fn(Abi, i32) -> String,
    /// Visits under way.
    visits: HashMap<ThreadId, (ProcessId, Nanos, Trap)>,
    /// Who has which CPU, and since when. The mini-kernel's one CPU is 0.
    running: HashMap<u32, (ThreadId, Nanos)>,
    names: HashMap<ThreadId, String>,
    first: bool,
    cpus_named: bool,
    last: Nanos,
}

impl<'a, W: Write> TraceEvents<'a, W> {
    /// Writes to `out`; `syscall_name` names calls.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, syscall_name: &'a dyn Fn(Abi, i32) -> String) -> io::Result<Self> {
        write!(out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        Ok(Self {
            out,
            syscall_name,
            visits: HashMap::new(),
            running: HashMap::new(),
            names: HashMap::new(),
            first: true,
            cpus_named: false,
            last: 0,
        })
    }

    /// The next event of the trace.
    ///
    /// # Errors
    /// When what it says cannot be written.
    pub fn event(&mut self, event: Event) -> io::Result<()> {
        let Event {
            time,
            process,
            thread,
            kind,
        } = event;
        self.last = self.last.max(time);
        match kind {
            EventKind::Created { name, .. } | EventKind::Executed { name, .. } => {
                self.name(process, thread, name)
            }
            EventKind::Trap(trap) => {
                self.visits.insert(thread, (process, time, trap));
                Ok(())
            }
            EventKind::Return { result } => self.close(thread, time, Some(result)),
            EventKind::Exited { .. } => self.close(thread, time, None),
            EventKind::SwitchBegin { .. } => self.off(0, time),
            EventKind::SwitchEnd => {
                self.running.insert(0, (thread, time));
                Ok(())
            }
            EventKind::SwitchedOut { cpu, .. } => self.off(cpu, time),
            EventKind::SwitchedIn { cpu } => {
                self.running.insert(cpu, (thread, time));
                Ok(())
            }
            EventKind::Signal { signal, .. } => self.put(&json!({
                "ph": "i", "s": "t", "name": format!("signal {signal}"), "cat": "signal",
                "pid": process.0, "tid": thread.0, "ts": micros(time),
            })),
            _ => Ok(()),
        }
    }

    /// The trace is over: ends what is under way.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let last = self.last;
        let mut threads: Vec<ThreadId> = self.visits.keys().copied().collect();
        threads.sort_unstable();
        for thread in threads {
            self.close(thread, last, None)?;
        }
        let mut cpus: Vec<u32> = self.running.keys().copied().collect();
        cpus.sort_unstable();
        for cpu in cpus {
            self.off(cpu, last)?;
        }
        write!(self.out, "\n]}}")?;
        writeln!(self.out)?;
        self.out.flush()
    }

    fn name(&mut self, process: ProcessId, thread: ThreadId, name: String) -> io::Result<()> {
        let first_thread = process.0 == thread.0;
        let kind = if first_thread {
            "process_name"
        } else {
            "thread_name"
        };
        self.put(&json!({
            "ph": "M", "name": kind, "pid": process.0, "tid": thread.0, "args": { "name": name },
        }))?;
        self.names.insert(thread, name);
        Ok(())
    }

    fn close(&mut self, thread: ThreadId, time: Nanos, result: Option<i64>) -> io::Result<()> {
        let Some((process, start, trap)) = self.visits.remove(&thread) else {
            return Ok(());
        };
        let name = match trap.cause {
            Cause::Syscall => (self.syscall_name)(trap.abi, trap.number),
            cause => cause.word().to_owned(),
        };
        let mut said = serde_json::Map::new();
        if trap.cause == Cause::Syscall {
            let arguments = trap.arguments.map(|argument| format!("{argument:#x}"));
            said.insert("arguments".to_owned(), json!(arguments));
            said.insert("result".to_owned(), json!(result));
        }
        self.put(&json!({
            "ph": "X", "name": name, "cat": trap.cause.word(), "pid": process.0, "tid": thread.0,
            "ts": micros(start), "dur": micros(time.saturating_sub(start)), "args": said,
        }))
    }

    fn off(&mut self, cpu: u32, time: Nanos) -> io::Result<()> {
        let Some((thread, start)) = self.running.remove(&cpu) else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.cpus_named, true) {
            self.put(&json!({
                "ph": "M", "name": "process_name", "pid": CPUS, "args": { "name": "who has the CPU" },
            }))?;
        }
        let name = self.names.get(&thread).map_or("", String::as_str);
        let name = format!("{name} ({})", thread.0);
        self.put(&json!({
            "ph": "X", "name": name, "cat": "cpu", "pid": CPUS, "tid": cpu,
            "ts": micros(start), "dur": micros(time.saturating_sub(start)),
        }))
    }

    fn put(&mut self, value: &Value) -> io::Result<()> {
        let separator = if std::mem::take(&mut self.first) {
            "\n"
        } else {
            ",\n"
        };
        write!(self.out, "{separator}{value}")
    }
}

fn micros(time: Nanos) -> f64 {
    time as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_trace_format::event::{Role, SpaceId};

    #[test]
    fn visits_and_cpus_become_complete_events_and_names_are_escaped() {
        let mut text = Vec::new();
        let name = |_: Abi, number: i32| format!("call{number}");
        let mut events = TraceEvents::new(&mut text, &name).expect("memory");
        let mut tell = |time, kind| {
            let event = Event {
                time,
                process: ProcessId(5),
                thread: ThreadId(5),
                kind,
            };
            events.event(event).expect("memory");
        };
        let created = EventKind::Created {
            parent: ProcessId(0),
            name: "a\"\u{1b}".to_owned(),
            role: Role::Process,
            space: SpaceId(5),
        };
        tell(0, created);
        tell(1000, EventKind::SwitchedIn { cpu: 3 });
        tell(
            2000,
            EventKind::Trap(Trap {
                cause: Cause::Syscall,
                abi: Abi::X86_64,
                number: 7,
                instruction: 0,
                address: 0,
                arguments: [1, 2, 3, 4, 5, 6],
            }),
        );
        tell(2500, EventKind::Return { result: -2 });
        events.finish().expect("memory");
        let whole: Value = serde_json::from_slice(&text).expect("JSON");
        let all = whole["traceEvents"].as_array().expect("events");
        assert_eq!(all.len(), 4);
        assert_eq!(all[0]["args"]["name"], "a\"\u{1b}");
        assert_eq!(all[1]["name"], "call7");
        assert_eq!((&all[1]["ts"], &all[1]["dur"]), (&json!(2.0), &json!(0.5)));
        assert_eq!(all[1]["args"]["result"], -2);
        assert_eq!((&all[3]["tid"], &all[3]["dur"]), (&json!(3), &json!(1.5)));
        assert!(!text.contains(&0x1b));
    }
}
