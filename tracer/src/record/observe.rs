//! What the recorder does with the kernel's log, whoever drives the machine: finds time 0, keeps the books on address
//! spaces, hands events to the sink.

use std::collections::HashMap;

use trapline_trace_format::event::{
    Event, EventKind, ExitStatus, Nanos, ProcessId, SpaceId, ThreadId,
};

use super::convert::{self, Entry, Search};
use super::standstill::{Standstill, StandstillParts};
use super::state_parts::StateParts;
use crate::error::TracerError;
use crate::machine::Job;
use crate::ptrace::region::Region;

/// Takes the events of a recording, in order.
pub(crate) trait Sink {
    /// One more event.
    fn event(&mut self, event: &Event) -> Result<(), TracerError>;

    /// What the kernel's stopwatch showed at the event that follows, if this is a replay with one.
    fn host_time(&mut self, _host_time: u64) {}

    /// A replay found a point.
    fn searched(&mut self, _search: Search) {}
}

/// The state of the machine as its log tells it.
pub(crate) struct Observer<'a, S> {
    jobs: &'a [Job],
    sink: &'a mut S,
    /// The clock's time at the start of the trace.
    origin: Option<u64>,
    /// What happened before the start, at time 0 of the trace.
    early: Vec<Event>,
    /// The address space behind each host process. The host may use a number again; the last to have it counts.
    spaces: HashMap<i32, SpaceId>,
    /// How the jobs ended; what they started is not asked for.
    statuses: HashMap<ProcessId, ExitStatus>,
    halted: bool,
    last_time: Nanos,
    panic: String,
    diverged: String,
    state_parts: StateParts,
    standstill_parts: StandstillParts,
    standstill: Option<Standstill>,
}

/// What is known when the machine is gone.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Clock time of the start of the trace; none if the machine was ended while it booted.
    pub(crate) origin: Option<u64>,
    /// Time of the last event.
    pub(crate) wall_ns: Nanos,
    /// Whether every job ended.
    pub(crate) halted: bool,
    /// Exit status of the first job that did not end with 0, as a shell would show it.
    pub(crate) status: u8,
    /// Why a replay could not go on, in the kernel's words.
    pub(crate) diverged: Option<String>,
}

impl<'a, S: Sink> Observer<'a, S> {
    pub(crate) fn new(jobs: &'a [Job], sink: &'a mut S) -> Self {
        Self {
            jobs,
            sink,
            origin: None,
            early: Vec::new(),
            spaces: HashMap::new(),
            statuses: HashMap::new(),
            halted: false,
            last_time: 0,
            panic: String::new(),
            diverged: String::new(),
            state_parts: StateParts::default(),
            standstill_parts: StandstillParts::default(),
            standstill: None,
        }
    }

    /// Takes whatever the kernel has logged since. Whether there was anything.
    pub(crate) fn drain(&mut self, region: &Region) -> Result<bool, TracerError> {
        region.drain(|record| {
            let entry = convert::entry(record, self.origin.unwrap_or(record.time))?;
            self.sink.host_time(record.host_time);
            self.take(entry)
        })
    }

    /// Clock time of the start of the trace, once the machine runs.
    pub(crate) fn origin(&self) -> Option<u64> {
        self.origin
    }

    /// The machine's address space behind a host process; the kernel's own if no guest lives in it.
    pub(crate) fn space_of_host(&self, host: i32) -> SpaceId {
        self.spaces.get(&host).copied().unwrap_or(SpaceId(0))
    }

    /// Puts an event of the tracer's own into the trace.
    pub(crate) fn emit(&mut self, event: &Event) -> Result<(), TracerError> {
        let end = if let EventKind::Held { until, .. } = event.kind {
            until
        } else {
            event.time
        };
        self.last_time = self.last_time.max(end);
        self.sink.event(event)
    }

    /// The machine's last word, once it stands still because it was told to.
    pub(crate) fn standstill(&mut self) -> Option<Standstill> {
        self.standstill.take()
    }

    /// The sink, between two events.
    pub(crate) fn sink(&mut self) -> &mut S {
        self.sink
    }

    /// Draws the line under the recording: the machine has ended.
    pub(crate) fn finish(self) -> Result<Ending, TracerError> {
        // Where a replay cannot go on, the rest of the machine fails for that reason.
        if !self.panic.is_empty() && self.diverged.is_empty() {
            return Err(TracerError::Machine(self.panic));
        }
        Ok(Ending {
            origin: self.origin,
            wall_ns: self.last_time,
            halted: self.halted,
            status: self.status(),
            diverged: (!self.diverged.is_empty()).then_some(self.diverged),
        })
    }

    fn take(&mut self, entry: Entry) -> Result<(), TracerError> {
        if !matches!(entry, Entry::StatePart(_)) {
            self.state_parts.must_be_whole()?;
        }
        match entry {
            Entry::StatePart(part) => match self.state_parts.take(&part)? {
                Some(event) => self.event(event),
                None => Ok(()),
            },
            Entry::Searched(search) => {
                self.sink.searched(search);
                Ok(())
            }
            Entry::Standstill(part) => {
                if let Some(standstill) = self.standstill_parts.take(&part)? {
                    self.standstill = Some(standstill);
                }
                Ok(())
            }
            Entry::Diverged(text) => {
                self.diverged.push_str(&text);
                Ok(())
            }
            Entry::Event(event) => self.event(event),
            Entry::Lives(event, space, host) => {
                self.spaces.insert(host, space);
                self.event(event)
            }
            Entry::Started(time) => {
                self.origin = Some(time);
                std::mem::take(&mut self.early)
                    .iter()
                    .try_for_each(|event| self.emit(event))
            }
            Entry::Halted => {
                self.halted = true;
                Ok(())
            }
            Entry::LoadFailed(job, reason) => {
                let refused = self.jobs.get(job);
                Err(refused.map_or_else(
                    || TracerError::Machine(format!("its job {job} is none of ours: {reason}")),
                    |refused| refused.refuse(job, reason.clone()),
                ))
            }
            Entry::Panic(text) => {
                self.panic.push_str(&text);
                Ok(())
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), TracerError> {
        if let EventKind::ProcessExited { status } = event.kind
            && event.process.0 as usize <= self.jobs.len()
        {
            self.statuses.insert(event.process, status);
        }
        if self.origin.is_some() {
            return self.emit(&event);
        }
        self.early.push(Event { time: 0, ..event });
        Ok(())
    }

    fn status(&self) -> u8 {
        let jobs = (1..=self.jobs.len() as u32).map(ProcessId);
        let code = |status: &ExitStatus| match status {
            ExitStatus::Code(code) => *code,
            ExitStatus::Killed { signal, .. } => 128_u8.saturating_add(*signal),
        };
        jobs.filter_map(|job| self.statuses.get(&job))
            .map(code)
            .find(|code| *code != 0)
            .unwrap_or(0)
    }
}

/// An event that the tracer saw, which knows nothing of processes and threads.
pub(crate) fn event_from_outside(time: Nanos, kind: EventKind) -> Event {
    Event {
        time,
        process: ProcessId(0),
        thread: ThreadId(0),
        kind,
    }
}

#[cfg(test)]
mod tests {
    use trapline_trace_format::event::Role;

    use super::*;

    /// Keeps what it is given.
    #[derive(Default)]
    struct Events(Vec<Event>);

    impl Sink for Events {
        fn event(&mut self, event: &Event) -> Result<(), TracerError> {
            self.0.push(event.clone());
            Ok(())
        }
    }

    fn jobs(number: usize) -> Vec<Job> {
        vec![Job::new(vec!["spin".to_owned()]); number]
    }

    fn event(time: Nanos, process: u32, thread: u32, kind: EventKind) -> Event {
        Event {
            time,
            process: ProcessId(process),
            thread: ThreadId(thread),
            kind,
        }
    }

    fn ended(process: u32, status: ExitStatus) -> Entry {
        Entry::Event(event(
            9,
            process,
            process,
            EventKind::ProcessExited { status },
        ))
    }

    /// The exit status after these endings, of a machine with two jobs.
    fn status(entries: Vec<Entry>) -> u8 {
        let (jobs, mut sink) = (jobs(2), Events::default());
        let mut observer = Observer::new(&jobs, &mut sink);
        let all = [Entry::Started(0)].into_iter().chain(entries);
        all.for_each(|entry| observer.take(entry).expect("an entry"));
        observer.finish().expect("an ending").status
    }

    #[test]
    fn a_jobs_status_is_its_processs_and_not_its_threads_or_childrens() {
        let thread = |thread, code| {
            let status = ExitStatus::Code(code);
            Entry::Event(event(5, 1, thread, EventKind::Exited { status }))
        };
        let killed = ExitStatus::Killed {
            signal: 15,
            cause: None,
            address: 0,
        };
        assert_eq!(
            status(vec![
                thread(1, 3),
                thread(9, 4),
                ended(1, ExitStatus::Code(0)),
                ended(7, ExitStatus::Code(5)),
                ended(2, ExitStatus::Code(0)),
            ]),
            0
        );
        assert_eq!(
            status(vec![ended(1, ExitStatus::Code(0)), ended(2, killed)]),
            128 + 15
        );
    }

    #[test]
    fn what_happens_while_booting_is_kept_in_order_at_time_0() {
        let (jobs, mut sink) = (jobs(1), Events::default());
        let mut observer = Observer::new(&jobs, &mut sink);
        let created = EventKind::Created {
            parent: ProcessId(0),
            name: "spin".to_owned(),
            role: Role::Process,
            space: SpaceId(1),
        };
        let entries = [
            Entry::Event(event(-90, 1, 1, EventKind::Woken)),
            Entry::Lives(event(-80, 1, 1, created), SpaceId(1), 4711),
            Entry::Started(0),
            Entry::Event(event(3, 1, 1, EventKind::SwitchEnd)),
        ];
        for entry in entries {
            observer.take(entry).expect("an entry");
        }
        assert_eq!(observer.space_of_host(4711), SpaceId(1));
        assert_eq!(
            observer.space_of_host(4712),
            SpaceId(0),
            "nobody lives there"
        );
        let times: Vec<Nanos> = sink.0.iter().map(|event| event.time).collect();
        assert_eq!(times, [0, 0, 3]);
        assert!(matches!(sink.0[0].kind, EventKind::Woken));
    }

    #[test]
    fn where_a_replay_cannot_go_on_its_reason_counts_and_not_what_fails_for_it() {
        let (jobs, mut sink) = (jobs(1), Events::default());
        let mut observer = Observer::new(&jobs, &mut sink);
        let texts = ["there is no ", "input"].map(str::to_owned);
        for text in texts {
            observer.take(Entry::Diverged(text)).expect("an entry");
        }
        let panic = Entry::Panic("the kernel failed".to_owned());
        observer.take(panic).expect("an entry");
        let ending = observer.finish().expect("an ending");
        assert_eq!(ending.diverged.as_deref(), Some("there is no input"));
    }
}
