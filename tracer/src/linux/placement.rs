//! On which CPU tracer and traced tree run. At each stop one hands over to the other and waits, so on one CPU a stop costs
//! an eighth of what it costs on two; but two programs that both have work to do need two CPUs.
//!
//! Key types: [`Placement`] (carries it out) and [`Judge`] (decides, and is pure). A tree of which one task at a time has work
//! is kept with its tracer on one CPU, and so is a storm of calls, whoever makes it; when two have other work for a while,
//! everyone is let go where he likes.
//!
//! The program does not see it: its tasks' affinity is set back before it asks for it or sets it, and before they are let
//! go for good. Not used for processes that were attached to, which must not keep it should the tracer be killed; a program that
//! the tracer started ends with it.

use std::time::Instant;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use trapline_trace_format::event::Abi;

use super::tree::Tree;

const SELF: Pid = Pid::from_raw(0);
/// Most tasks that are looked at in one tick.
const SAMPLE: usize = 8;

/// System calls that ask for a task's CPUs or set them.
pub(super) const AFFINITY_CALLS: [(Abi, i32); 6] = [
    (Abi::X86_64, SET),
    (Abi::X86_64, GET),
    (Abi::I386, SET_I386),
    (Abi::I386, GET_I386),
    (Abi::X32, SET | trapline_calls::X32_BIT),
    (Abi::X32, GET | trapline_calls::X32_BIT),
];
const SET: i32 = libc::SYS_sched_setaffinity as i32;
const GET: i32 = libc::SYS_sched_getaffinity as i32;
const SET_I386: i32 = 241;
const GET_I386: i32 = 242;

/// Where tracer and tree run.
pub(super) struct Placement {
    mode: Mode,
    judge: Judge,
    /// What everyone may use by rights.
    rightful: CpuSet,
    /// Stops so far, and at the last tick.
    stops: (u64, u64),
    crowd: Crowd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The program places itself, or must not be touched.
    Off,
    /// Nobody was moved so far.
    Untouched,
    Together,
    /// Everyone may run everywhere again.
    Apart,
}

impl Placement {
    /// Nobody is moved.
    pub(super) fn off() -> Self {
        Self {
            mode: Mode::Off,
            judge: Judge::default(),
            rightful: CpuSet::new(),
            stops: (0, 0),
            crowd: Crowd::default(),
        }
    }

    /// For a tree that this thread started, or is about to; nobody is moved yet.
    pub(super) fn new() -> Self {
        let rightful = sched_getaffinity(SELF);
        Self {
            mode: if rightful.is_ok() {
                Mode::Untouched
            } else {
                Mode::Off
            },
            judge: Judge::default(),
            rightful: rightful.unwrap_or_default(),
            stops: (0, 0),
            crowd: Crowd::default(),
        }
    }

    /// Begins on one CPU: there are stops to come, and the tree has one task.
    pub(super) fn start_together(&mut self, root: Pid) {
        if self.mode == Mode::Untouched {
            self.gather([root]);
        }
    }

    /// A task stopped.
    pub(super) fn count_stop(&mut self) {
        self.stops.0 += 1;
    }

    /// A new task has the CPUs of the one that made it, perhaps of a moment ago.
    pub(super) fn new_task(&self, tid: u32) {
        if self.mode == Mode::Apart {
            place(pid(tid), &self.rightful);
        }
    }

    /// Looks who has work, hundred times a second.
    pub(super) fn tick(&mut self, tree: &Tree) {
        let stops = self.stops.0 - self.stops.1;
        self.stops.1 = self.stops.0;
        match self.mode {
            Mode::Off => {}
            // The host may find them a better CPU; a moment later they come together there.
            Mode::Together if self.crowd.is_here() => {
                self.scatter(tree);
                self.mode = Mode::Apart;
            }
            Mode::Together if tree.len() < 2 => self.judge.one_task(),
            Mode::Together => {
                if self.judge.should_part(working(tree), stops) {
                    self.scatter(tree);
                    self.mode = Mode::Apart;
                }
            }
            // Nothing to gain, and nothing worth looking at so often.
            Mode::Untouched | Mode::Apart if stops < Judge::SOME => self.judge.idle(),
            Mode::Untouched | Mode::Apart => {
                if self.judge.should_gather(working(tree), stops) {
                    self.gather(tree.tids().map(pid));
                }
            }
        }
    }

    /// A task is about to make this call.
    pub(super) fn before_call(&mut self, tree: &Tree, abi: Abi, number: i32) {
        if self.mode == Mode::Together && AFFINITY_CALLS.contains(&(abi, number)) {
            self.scatter(tree);
        }
    }

    /// A task made this call.
    pub(super) fn after_call(&mut self, tree: &Tree, abi: Abi, number: i32) {
        if self.mode == Mode::Off || !AFFINITY_CALLS.contains(&(abi, number)) {
            return;
        }
        if matches!(number & !trapline_calls::X32_BIT, SET | SET_I386) {
            place(SELF, &self.rightful);
            self.mode = Mode::Off;
        } else if self.mode == Mode::Together {
            self.gather(tree.tids().map(pid));
        }
    }

    /// Everyone where this thread is now.
    fn gather(&mut self, tasks: impl IntoIterator<Item = Pid>) {
        let mut only = CpuSet::new();
        let Ok(cpu) = sched_getcpu() else {
            return;
        };
        if only.set(cpu).is_err() {
            return;
        }
        place(SELF, &only);
        for task in tasks {
            place(task, &only);
        }
        self.mode = Mode::Together;
    }

    /// Everyone where he likes.
    fn scatter(&self, tree: &Tree) {
        place(SELF, &self.rightful);
        for tid in tree.tids() {
            place(pid(tid), &self.rightful);
        }
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        if self.mode == Mode::Together {
            place(SELF, &self.rightful);
        }
    }
}

/// Decides by what it is told a hundred times a second.
#[derive(Debug, Default)]
struct Judge {
    /// How often two had work at the same time lately, from 0 to 1.
    parallel: f64,
    /// Ticks for which one alone had work.
    alone: u32,
    /// How often they parted so far: each time they wait longer before they come together again.
    partings: u32,
}

impl Judge {
    const MEMORY: f64 = 0.75;
    /// Four ticks in a row, or most of a longer time.
    const PART: f64 = 0.65;
    const GATHER: f64 = 0.3;
    /// Stops in a tick that make it worth while.
    const SOME: u64 = 20;
    /// Stops in a tick of which the tracer has most of the work: a second CPU then gains less than dearer stops lose.
    const MANY: u64 = 200;
    const MOST_DOUBLINGS: u32 = 6;

    fn one_task(&mut self) {
        self.parallel = 0.0;
    }

    fn idle(&mut self) {
        self.alone = 0;
    }

    fn remember(&mut self, work: Work) {
        let now = if work.ready + work.stopped > 1 {
            1.0
        } else {
            0.0
        };
        self.parallel = Self::MEMORY * self.parallel + (1.0 - Self::MEMORY) * now;
    }

    /// While they are together.
    fn should_part(&mut self, work: Work, stops: u64) -> bool {
        self.remember(work);
        let part = self.parallel > Self::PART && stops < Self::MANY;
        if part {
            self.partings += 1;
            self.alone = 0;
        }
        part
    }

    /// While they are apart.
    fn should_gather(&mut self, work: Work, stops: u64) -> bool {
        self.remember(work);
        let one_at_a_time = self.parallel < Self::GATHER;
        let all_wait_for_us = work.ready < 2 && stops >= Self::MANY;
        if one_at_a_time || all_wait_for_us {
            self.alone += 1;
        } else {
            self.alone = 0;
        }
        self.alone >= 1 << self.partings.min(Self::MOST_DOUBLINGS)
    }
}

/// Whether somebody else keeps this CPU busy, by how long the tracer waits for it.
#[derive(Debug, Default)]
struct Crowd {
    ticks: u32,
    /// When it was last looked at, and the tracer's waiting until then, in nanoseconds.
    seen: Option<(Instant, u64)>,
}

impl Crowd {
    /// Ticks from look to look.
    const PERIOD: u32 = 50;
    /// A tracer that shares a CPU with nobody but the traced waits less than this part of the time.
    const MOST_WAITING: f64 = 0.4;

    fn is_here(&mut self) -> bool {
        self.ticks += 1;
        if self.ticks < Self::PERIOD {
            return false;
        }
        self.ticks = 0;
        let (now, waited) = (Instant::now(), waiting_ns().unwrap_or(0));
        let before = self.seen.replace((now, waited));
        before.is_some_and(|(then, before)| {
            let passed = (now - then).as_nanos() as f64;
            waited.saturating_sub(before) as f64 > Self::MOST_WAITING * passed
        })
    }
}

/// How long this thread has waited for a CPU so far.
fn waiting_ns() -> Option<u64> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    account.split_whitespace().nth(1)?.parse().ok()
}

/// How many tasks have work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Run, or wait for a CPU.
    ready: usize,
    /// Wait for the tracer.
    stopped: usize,
}

/// Which of the tree's tasks have work.
fn working(tree: &Tree) -> Work {
    let mut work = Work::default();
    for tid in tree.tids().take(SAMPLE) {
        match state(tid) {
            Some(b'R') => work.ready += 1,
            Some(b't') => work.stopped += 1,
            _ => {}
        }
    }
    work
}

/// The letter of a task's state, as proc(5) has it.
fn state(tid: u32) -> Option<u8> {
    let stat = std::fs::read(format!("/proc/{tid}/stat")).ok()?;
    // The name before it may have any bytes, but what follows it has no parenthesis.
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_end + 2).copied()
}

fn place(task: Pid, cpus: &CpuSet) {
    // A task that is gone, or that now belongs to somebody else, stays where it is.
    let _ = sched_setaffinity(task, cpus);
}

fn pid(tid: u32) -> Pid {
    Pid::from_raw(tid as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(ready: usize) -> Work {
        Work { ready, stopped: 0 }
    }

    #[test]
    fn two_that_work_for_a_while_part_and_a_moment_of_both_does_not() {
        let mut judge = Judge::default();
        for _ in 0..3 {
            assert!(!judge.should_part(ready(2), 10));
        }
        assert!(judge.should_part(ready(2), 10));
        let mut judge = Judge::default();
        // A shell that makes one program after the other.
        let work = |tick: u32| ready(if tick.is_multiple_of(3) { 2 } else { 1 });
        assert!((0..1000).all(|tick| !judge.should_part(work(tick), 10)));
    }

    #[test]
    fn a_storm_of_calls_stays_on_one_cpu_however_many_make_it() {
        let mut judge = Judge::default();
        assert!((0..100).all(|_| !judge.should_part(ready(8), 1000)));
        let waiting = Work {
            ready: 1,
            stopped: 7,
        };
        assert!(judge.should_gather(waiting, 300));
        assert!(
            (0..100).all(|_| !judge.should_gather(ready(8), 300)),
            "they have other work"
        );
    }

    #[test]
    fn they_come_together_each_time_later() {
        let mut judge = Judge::default();
        assert!(judge.should_gather(ready(1), 100));
        let ticks_until_gathered =
            |judge: &mut Judge| (1..1000).find(|_| judge.should_gather(ready(1), 100));
        let mut before = 0;
        for _ in 0..4 {
            while !judge.should_part(ready(2), 10) {}
            let ticks = ticks_until_gathered(&mut judge).unwrap();
            assert!(ticks > before, "{ticks} after {before}");
            before = ticks;
        }
    }
}
