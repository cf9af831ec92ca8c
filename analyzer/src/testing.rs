//! Events and metas for tests: short hand-written ones, and random ones of a machine that behaves.

use trapline_trace_format::event::{
    Cause, Event, EventKind, ExitStatus, Nanos, ProcessId, Seen, SwitchReason, ThreadId, Trap,
};
use trapline_trace_format::meta::{
    Calibration, ConsoleInput, FORMAT_VERSION, Host, Job, Meta, Outcome, Target, Witnesses,
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
            pinned_cpu: 1,
            kernel: "6.18".to_owned(),
            clock: "tsc".to_owned(),
            hypervisor: None,
        },
        calibration: Calibration::default(),
        outcome,
        wall_ns: 0,
        boot_ns: 0,
        events: 0,
        lost: Vec::new(),
        witnesses: Witnesses::NotCompared,
        tables: Default::default(),
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

pub(crate) fn created(time: Nanos, thread: u32, name: &str) -> Event {
    event(
        time,
        thread,
        EventKind::Created {
            parent: ProcessId(0),
            name: name.to_owned(),
        },
    )
}

pub(crate) fn trap(time: Nanos, thread: u32, cause: Cause, number: i32) -> Event {
    let trap = Trap {
        cause,
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

/// What a machine with a few threads that behaves might log in about `steps` steps, in the order of time.
pub(crate) fn random_machine(seed: u64, steps: usize) -> Vec<Event> {
    let mut machine = Machine {
        random: Random::new(seed),
        now: 0,
        events: Vec::new(),
        ready: Vec::new(),
        blocked: Vec::new(),
    };
    for thread in 1..=1 + machine.random.below(4) as u32 {
        machine.events.push(created(0, thread, "random"));
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
}

impl Machine {
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
            self.events.push(woken(now, thread));
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
        self.events.push(switch(now, from, to, reason));
        self.maybe_held();
        let now = self.pass(300);
        self.events.push(switched(now, to));
    }

    /// From having the CPU to having lost it. Gives the next thread.
    fn run(&mut self, thread: u32) -> u32 {
        loop {
            self.maybe_held();
            let now = self.pass(400);
            self.events.push(returned(now, thread, now % 7 - 3));
            self.maybe_held();
            self.pass(3000);
            self.maybe_held();
            let cause = Cause::ALL[self.random.below(8) as usize];
            let (now, number) = (self.pass(60), self.random.below(5) as i32);
            self.events.push(trap(now, thread, cause, number));
            self.maybe_held();
            let reason = match self.random.below(9) {
                0 => SwitchReason::Yield,
                1 => SwitchReason::Block,
                2 => SwitchReason::Exit,
                3 => SwitchReason::Quantum,
                4 => SwitchReason::Preempt,
                _ => continue,
            };
            match reason {
                SwitchReason::Exit => {
                    let now = self.pass(100);
                    self.events.push(exited(now, thread, 0));
                }
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
