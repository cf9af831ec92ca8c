//! Events and metas for tests: short hand-written ones, and random ones of a machine that behaves.

use trapline_trace_format::event::{
    Abi, Backing, Cause, Event, EventKind, ExitStatus, MapChange, Nanos, ProcessId, Range, Rights,
    Role, Seen, SignalAction, SpaceId, SwitchReason, ThreadId, Trap, Waits,
};
use trapline_trace_format::meta::{
    Availability, Calibration, ConsoleInput, Detail, FORMAT_VERSION, Host, Job, Meta, Outcome,
    Target, Witnesses,
};

pub(crate) fn meta(outcome: Outcome) -> Meta {
    Meta {
        format_version: FORMAT_VERSION,
        tool_version: "0.0.0".to_owned(),
        command: vec!["trapline".to_owned()],
        started_unix_s: 1,
        target: Target::Mini {
            jobs: vec![Job::new(vec!["spin".to_owned()])],
            scheduler: "rr".to_owned(),
            quantum_ns: 1000,
            tick_ns: 100,
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
        calibration: Calibration::default(),
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

/// Of a program on Linux; the host tells of switches and page faults.
pub(crate) fn linux_meta(outcome: Outcome) -> Meta {
    Meta {
        target: Target::Linux {
            command: vec!["make".to_owned()],
            attached: Vec::new(),
            filter: None,
            follow: true,
            detail: Detail::Events,
            switches: Availability::Available,
            page_faults: Availability::Available,
        },
        ..meta(outcome)
    }
}

/// An event of a thread whose process has the same number.
pub(crate) fn event(time: Nanos, thread: u32, kind: EventKind) -> Event {
    Event {
        time,
        process: ProcessId(thread),
        thread: ThreadId(thread),
        kind,
    }
}

/// An event of a thread of that process.
pub(crate) fn event_in(time: Nanos, process: u32, thread: u32, kind: EventKind) -> Event {
    Event {
        process: ProcessId(process),
        ..event(time, thread, kind)
    }
}

/// A job: a process in a space of its own.
pub(crate) fn created(time: Nanos, thread: u32, name: &str) -> Event {
    forked(time, thread, 0, thread, name)
}

/// A process that another one made, in this space.
pub(crate) fn forked(time: Nanos, process: u32, parent: u32, space: u32, name: &str) -> Event {
    event(
        time,
        process,
        EventKind::Created {
            parent: ProcessId(parent),
            name: name.to_owned(),
            role: Role::Process,
            space: SpaceId(space),
        },
    )
}

/// One more thread of a process that lives in its own space.
pub(crate) fn joined(time: Nanos, process: u32, thread: u32, name: &str) -> Event {
    let kind = EventKind::Created {
        parent: ProcessId(process),
        name: name.to_owned(),
        role: Role::Thread,
        space: SpaceId(process),
    };
    event_in(time, process, thread, kind)
}

pub(crate) fn executed(time: Nanos, process: u32, name: &str) -> Event {
    let kind = EventKind::Executed {
        name: name.to_owned(),
        space: SpaceId(process),
    };
    event(time, process, kind)
}

/// The process is gone; its last thread too.
pub(crate) fn process_exited(time: Nanos, process: u32, status: ExitStatus) -> Event {
    event(time, process, EventKind::ProcessExited { status })
}

pub(crate) fn map_changed(time: Nanos, space: u32, change: MapChange) -> Event {
    let kind = EventKind::MapChanged {
        space: SpaceId(space),
        change,
    };
    event(time, space, kind)
}

/// Private memory that may be read and written.
pub(crate) fn mapped(time: Nanos, space: u32, start: u64, end: u64, backing: Backing) -> Event {
    let change = MapChange::Map {
        range: Range { start, end },
        rights: Rights::READ_WRITE,
        backing,
        inode: 0,
        offset: 0,
    };
    map_changed(time, space, change)
}

pub(crate) fn signalled(
    time: Nanos,
    process: u32,
    signal: u8,
    sender: u32,
    action: SignalAction,
) -> Event {
    let kind = EventKind::Signal {
        signal,
        sender: ProcessId(sender),
        action,
        info: Vec::new(),
    };
    event(time, process, kind)
}

/// A switch away from a thread that waits.
pub(crate) fn blocked(time: Nanos, from: u32, to: u32, waits: Waits) -> Event {
    let kind = EventKind::SwitchBegin {
        to: ThreadId(to),
        reason: SwitchReason::Block,
        waits: Some(waits),
    };
    event(time, from, kind)
}

pub(crate) fn trap(time: Nanos, thread: u32, cause: Cause, number: i32) -> Event {
    let trap = Trap {
        cause,
        abi: Abi::X86_64,
        number,
        instruction: 0x40_0000,
        address: 0,
        arguments: [0; 6],
    };
    event(time, thread, EventKind::Trap(trap))
}

pub(crate) fn returned(time: Nanos, thread: u32, result: i64) -> Event {
    event(time, thread, EventKind::Return { result })
}

pub(crate) fn switch(time: Nanos, from: u32, to: u32, reason: SwitchReason) -> Event {
    event(
        time,
        from,
        EventKind::SwitchBegin {
            to: ThreadId(to),
            reason,
            waits: None,
        },
    )
}

pub(crate) fn switched(time: Nanos, thread: u32) -> Event {
    event(time, thread, EventKind::SwitchEnd)
}

pub(crate) fn woken(time: Nanos, thread: u32) -> Event {
    event(time, thread, EventKind::Woken)
}

pub(crate) fn exited(time: Nanos, thread: u32, code: u8) -> Event {
    event(
        time,
        thread,
        EventKind::Exited {
            status: ExitStatus::Code(code),
        },
    )
}

pub(crate) fn held(time: Nanos, until: Nanos) -> Event {
    event(
        time,
        0,
        EventKind::Held {
            until,
            space: SpaceId(0),
            seen: Seen::Other,
        },
    )
}

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// What a machine that behaves might log in about `steps` steps, in the order of time: a few jobs, and the threads and
/// processes that they make meanwhile.
pub(crate) fn random_machine(seed: u64, steps: usize) -> Vec<Event> {
    let mut machine = Machine {
        random: Random::new(seed),
        now: 0,
        events: Vec::new(),
        ready: Vec::new(),
        blocked: Vec::new(),
        process_of: vec![0],
    };
    for thread in 1..=1 + machine.random.below(4) as u32 {
        machine.events.push(created(0, thread, "random"));
        machine.process_of.push(thread);
        machine.ready.push(thread);
    }
    while machine.events.len() < steps && machine.idle() {}
    machine.events
}

struct Machine {
    random: Random,
    now: Nanos,
    events: Vec<Event>,
    ready: Vec<u32>,
    blocked: Vec<u32>,
    /// By thread; the process has the number of its first thread.
    process_of: Vec<u32>,
}

impl Machine {
    fn push(&mut self, event: Event) {
        let process = self.process_of[event.thread.0 as usize];
        self.events.push(Event {
            process: ProcessId(process),
            ..event
        });
    }

    /// What the kernel might do for a thread in a visit.
    fn work(&mut self, thread: u32) {
        const MOST_THREADS: usize = 40;
        let (now, process) = (self.now, self.process_of[thread as usize]);
        let new = self.process_of.len() as u32;
        match self.random.below(12) {
            0 if self.process_of.len() < MOST_THREADS => {
                self.process_of.push(process);
                self.push(joined(now, process, new, "random"));
                self.ready.push(new);
            }
            1 if self.process_of.len() < MOST_THREADS => {
                self.process_of.push(new);
                self.push(forked(now, new, process, new, "random"));
                let from = SpaceId(process);
                self.push(map_changed(now, new, MapChange::Copy { from }));
                self.ready.push(new);
            }
            2 => self.push(executed(now, thread, "other")),
            3 => {
                let start = self.random.below(50) * 0x1000;
                self.push(mapped(now, thread, start, start + 0x4000, Backing::Heap));
            }
            4 => {
                let range = Range {
                    start: self.random.below(50) * 0x1000,
                    end: 0x20_0000,
                };
                self.push(map_changed(now, thread, MapChange::Unmap { range }));
            }
            5 => {
                let action = SignalAction::Handler { address: 0x40_0000 };
                self.push(signalled(now, thread, 17, 0, action));
            }
            _ => {}
        }
    }

    /// The thread has ended; with the last one of its process, the process.
    fn end(&mut self, thread: u32) {
        let now = self.pass(100);
        self.push(exited(now, thread, 0));
        let process = self.process_of[thread as usize];
        let mut others = self.ready.iter().chain(&self.blocked);
        if others.all(|other| self.process_of[*other as usize] != process) {
            let range = Range { start: 0, end: 0 };
            self.push(map_changed(now, thread, MapChange::Unmap { range }));
            self.push(process_exited(now, thread, ExitStatus::Code(0)));
        }
    }

    fn pass(&mut self, limit: u64) -> Nanos {
        self.now += self.random.below(limit) as Nanos;
        self.now
    }

    fn maybe_held(&mut self) {
        if self.random.below(3) == 0 {
            let start = self.pass(50);
            let until = self.pass(200);
            self.events.push(held(start, until));
        }
    }

    /// From having nothing to run to having nothing to run again. False when all threads have ended.
    fn idle(&mut self) -> bool {
        self.maybe_held();
        let now = self.pass(5000);
        if !self.blocked.is_empty() && (self.ready.is_empty() || self.random.below(2) == 0) {
            let thread = self.blocked.remove(0);
            self.push(woken(now, thread));
            self.ready.push(thread);
        }
        if self.ready.is_empty() {
            return false;
        }
        let mut thread = self.ready.remove(0);
        self.give(0, thread, SwitchReason::Idle);
        while thread != 0 {
            thread = self.run(thread);
        }
        true
    }

    fn give(&mut self, from: u32, to: u32, reason: SwitchReason) {
        let now = self.pass(100);
        let waits = match reason {
            SwitchReason::Block => Waits::ALL.get(self.random.below(11) as usize).copied(),
            _ => None,
        };
        let to_thread = ThreadId(to);
        let begin = EventKind::SwitchBegin {
            to: to_thread,
            reason,
            waits,
        };
        self.push(event(now, from, begin));
        self.maybe_held();
        let now = self.pass(300);
        self.push(switched(now, to));
    }

    /// From having the CPU to having lost it. Gives the next thread.
    fn run(&mut self, thread: u32) -> u32 {
        loop {
            self.maybe_held();
            let now = self.pass(400);
            self.push(returned(now, thread, now % 7 - 3));
            self.maybe_held();
            self.pass(3000);
            self.maybe_held();
            let cause = Cause::ALL[self.random.below(8) as usize];
            let (now, number) = (self.pass(60), self.random.below(5) as i32);
            self.push(trap(now, thread, cause, number));
            self.maybe_held();
            self.work(thread);
            let reason = match self.random.below(9) {
                0 => SwitchReason::Yield,
                1 => SwitchReason::Block,
                2 => SwitchReason::Exit,
                3 => SwitchReason::Quantum,
                4 => SwitchReason::Preempt,
                _ => continue,
            };
            match reason {
                SwitchReason::Exit => self.end(thread),
                SwitchReason::Block => self.blocked.push(thread),
                _ => self.ready.push(thread),
            }
            let next = if self.ready.is_empty() {
                0
            } else {
                self.ready.remove(0)
            };
            self.give(thread, next, reason);
            return next;
        }
    }
}
