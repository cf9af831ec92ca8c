//! The traced tree: which threads there are, whose they are, and which call each of them is in.
//!
//! Key types: [`Tree`], [`Thread`], [`Process`]. Pure: it knows no ptrace. Neighbour: `family.rs` keeps it up to date.

use rustc_hash::FxHashMap;
use trapline_calls::Fetch;
use trapline_trace_format::event::{Cause, Nanos};

use crate::ptrace::program::task::{Entry, Until};

use super::output::Whom;

/// Everyone who is traced.
#[derive(Debug, Default)]
pub(super) struct Tree {
    threads: FxHashMap<u32, Thread>,
    processes: FxHashMap<u32, Process>,
}

/// A traced thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) process: u32,
    pub(super) call: Option<OpenCall>,
    /// When it was last let go.
    pub(super) let_go: Nanos,
    /// What of its end was told already.
    pub(super) told: Told,
    /// Whether it is stopped with its process.
    pub(super) in_group_stop: bool,
}

/// What of a thread's end was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    Nothing,
    Usage,
    Exit,
}

/// A system call that was entered and has not returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenCall {
    pub(super) entry: Entry,
    pub(super) shown: Shown,
    /// What to read of it.
    pub(super) plan: &'static [Fetch],
}

/// Whether a call is recorded, or the tracer merely stopped at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Yes,
    No,
}

/// A traced process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// What people call it.
    pub(super) name: String,
    /// The address space that it runs in: the number of the process that it was made for.
    pub(super) space: u32,
    /// Threads whose end was not heard of.
    pub(super) live: u32,
    /// Which filters decide about its calls.
    pub(super) filters: Filters,
    /// The last fault that became a signal: signal, cause, address.
    pub(super) fault: Option<(u8, Cause, u64)>,
}

/// Which filters decide about a process's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filters {
    /// At most ours.
    Ours,
    /// One of its own, too, which may refuse a call before ours can stop it.
    ItsOwn,
}

/// At which stops the tracer asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// At every entry and return.
    Every,
    /// A filter stops the chosen calls; their returns are asked for.
    Filtered,
    /// At no further call.
    Nothing,
}

impl Thread {
    pub(super) fn new(process: u32, let_go: Nanos) -> Self {
        Self {
            process,
            call: None,
            let_go,
            told: Told::Nothing,
            in_group_stop: false,
        }
    }

    /// Until when it is let go.
    pub(super) fn until(&self, watch: Watch, filters: Filters) -> Until {
        match (watch, self.call, filters) {
            (Watch::Every, ..) | (_, Some(_), _) => Until::Call,
            (Watch::Filtered, None, Filters::ItsOwn) => Until::Call,
            (Watch::Filtered | Watch::Nothing, None, _) => Until::Event,
        }
    }
}

impl Tree {
    /// A new process with its first thread.
    pub(super) fn add_process(&mut self, pid: u32, name: String, space: u32, now: Nanos) {
        self.add_process_without_threads(pid, name, space);
        self.add_thread(pid, pid, now);
    }

    /// A process whose threads are yet to be added.
    pub(super) fn add_process_without_threads(&mut self, pid: u32, name: String, space: u32) {
        let process = Process {
            name,
            space,
            filters: Filters::Ours,
            live: 0,
            fault: None,
        };
        self.processes.insert(pid, process);
    }

    /// One more thread of a process.
    pub(super) fn add_thread(&mut self, pid: u32, tid: u32, now: Nanos) {
        self.threads.insert(tid, Thread::new(pid, now));
        if let Some(process) = self.processes.get_mut(&pid) {
            process.live += 1;
        }
    }

    pub(super) fn thread(&self, tid: u32) -> Option<&Thread> {
        self.threads.get(&tid)
    }

    pub(super) fn thread_mut(&mut self, tid: u32) -> Option<&mut Thread> {
        self.threads.get_mut(&tid)
    }

    pub(super) fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    pub(super) fn process_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.processes.get_mut(&pid)
    }

    /// Forgets a thread. With it its process, if it was the last.
    pub(super) fn remove_thread(&mut self, tid: u32) -> Option<(Thread, Option<Process>)> {
        let thread = self.threads.remove(&tid)?;
        let process = self.processes.get_mut(&thread.process);
        let is_last = process.is_some_and(|process| {
            process.live = process.live.saturating_sub(1);
            process.live == 0
        });
        let process = is_last.then(|| self.processes.remove(&thread.process));
        Some((thread, process.flatten()))
    }

    /// A thread that is not the leader executed a program: the host ended all others, and it is the leader now. Gives
    /// everyone who is no more, the former leader and the caller's former number among them.
    pub(super) fn collapse(&mut self, pid: u32, former: u32) -> Vec<(u32, Thread)> {
        let mut gone: Vec<(u32, Thread)> = self
            .threads
            .extract_if(|_, thread| thread.process == pid)
            .collect();
        gone.sort_unstable_by_key(|(tid, _)| *tid);
        let caller = gone.iter().find(|(tid, _)| *tid == former);
        let mut leader = Thread::new(pid, 0);
        if let Some((_, caller)) = caller {
            (leader.call, leader.let_go) = (caller.call, caller.let_go);
        }
        self.threads.insert(pid, leader);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.live = 1;
        }
        gone
    }

    /// From now on these filters decide about a process's calls.
    pub(super) fn set_filters(&mut self, pid: u32, filters: Filters) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.filters = filters;
        }
    }

    /// Which filters decide about a process's calls.
    pub(super) fn filters(&self, pid: u32) -> Filters {
        self.processes
            .get(&pid)
            .map_or(Filters::Ours, |process| process.filters)
    }

    pub(super) fn whom(&self, tid: u32) -> Whom {
        Whom {
            process: self.threads.get(&tid).map_or(0, |thread| thread.process),
            thread: tid,
        }
    }

    /// All threads, in no order.
    pub(super) fn tids(&self) -> impl Iterator<Item = u32> + '_ {
        self.threads.keys().copied()
    }

    /// All processes, in no order.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.processes.keys().copied()
    }

    /// How many threads there are.
    pub(super) fn len(&self) -> usize {
        self.threads.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add_process(10, "ten".to_owned(), 10, 0);
        tree.add_thread(10, 11, 0);
        tree.add_thread(10, 12, 0);
        tree
    }

    fn in_a_call(number: i32) -> Option<OpenCall> {
        let entry = Entry {
            number,
            ..Entry::default()
        };
        Some(OpenCall {
            entry,
            shown: Shown::Yes,
            plan: &[],
        })
    }

    #[test]
    fn a_process_ends_with_its_last_thread_whoever_that_is() {
        let mut tree = tree();
        for tid in [10, 12] {
            let (_, process) = tree.remove_thread(tid).unwrap();
            assert!(process.is_none(), "{tid}");
        }
        let (thread, process) = tree.remove_thread(11).unwrap();
        assert_eq!(
            (thread.process, process.unwrap().name.as_str()),
            (10, "ten")
        );
        assert!(tree.remove_thread(11).is_none());
        assert_eq!(tree.len(), 0);
    }

    #[test]
    fn who_executes_a_program_goes_on_as_leader_in_its_own_call() {
        let mut tree = tree();
        tree.thread_mut(10).unwrap().call = in_a_call(202);
        tree.thread_mut(12).unwrap().call = in_a_call(59);
        let gone = tree.collapse(10, 12);
        assert_eq!(
            gone.iter().map(|(tid, _)| *tid).collect::<Vec<_>>(),
            [10, 11, 12]
        );
        assert_eq!(tree.thread(10).unwrap().call.unwrap().entry.number, 59);
        assert!(tree.remove_thread(10).unwrap().1.is_some());
    }

    #[test]
    fn a_thread_is_asked_for_no_more_than_is_watched() {
        let mut thread = Thread::new(1, 0);
        let until = |thread: &Thread, watch| thread.until(watch, Filters::Ours);
        assert_eq!(until(&thread, Watch::Every), Until::Call);
        assert_eq!(until(&thread, Watch::Filtered), Until::Event);
        assert_eq!(until(&thread, Watch::Nothing), Until::Event);
        assert_eq!(thread.until(Watch::Filtered, Filters::ItsOwn), Until::Call);
        thread.call = in_a_call(0);
        for watch in [Watch::Every, Watch::Filtered, Watch::Nothing] {
            assert_eq!(until(&thread, watch), Until::Call);
        }
    }
}
