//! New threads and processes, programs that are executed, ends.
//!
//! The order in which the host tells of a family is not the one in which things happen: a new task may stop before its
//! parent tells of it, a leader's end is told when all its threads have ended, and a thread that executes a program ends all
//! others without a word about the leader. What is told here is what happened.

use std::path::Path;

use trapline_trace_format::event::{
    EventKind, ExitStatus, Nanos, ProcessId, Role, Seen, SpaceId, Usage,
};

use super::engine::{Early, Engine, Traced};
use super::output::Whom;
use super::tree::{Process, Shown, Told, Watch};
use crate::error::TracerError;
use crate::ptrace::program::stop::{End, NewTask};
use crate::ptrace::program::task::Stopped;

/// A task that stopped before its parent told of it is taken in without it after so many ticks: the parent was killed.
const PATIENCE: u32 = 10;

impl Engine<'_> {
    /// A task made a new one.
    pub(super) fn at_new_task(
        &mut self,
        stopped: Stopped,
        kind: NewTask,
        at: Nanos,
    ) -> Result<(), TracerError> {
        let Some(child) = stopped.message()? else {
            return Ok(());
        };
        let parent = self.tree.whom(stopped.tid().as_raw() as u32).process;
        let child = child as u32;
        self.take_in(child, parent, kind, at);
        self.let_go(stopped, at, Seen::Other, 0)?;
        self.greet(child)
    }

    /// Deals with what a task did before it was known.
    fn greet(&mut self, child: u32) -> Result<(), TracerError> {
        match self.early.remove(&child) {
            // Its waiting is the tracer's doing.
            Some((Early::Stopped(stopped, stop, at), _)) => self.act(stopped, stop, at),
            Some((Early::Ended(end), _)) => self.ended(child, end),
            None => Ok(()),
        }
    }

    fn take_in(&mut self, child: u32, parent: u32, kind: NewTask, at: Nanos) {
        let (name, parents_space) = self
            .tree
            .process(parent)
            .map_or((String::new(), parent), |parent| {
                (parent.name.clone(), parent.space)
            });
        self.placement.new_task(child);
        let of_parent = |tid: u32| Path::new(&format!("/proc/{parent}/task/{tid}")).exists();
        if kind == NewTask::Clone && of_parent(child) {
            self.tree.add_thread(parent, child, at);
            self.tell_created(child, parent, name, Role::Thread, parents_space, at);
        } else {
            let space = if kind == NewTask::Vfork {
                parents_space
            } else {
                child
            };
            let filters = self.tree.filters(parent);
            self.tree.add_process(child, name.clone(), space, at);
            self.tree.set_filters(child, filters);
            self.tell_created(child, parent, name, Role::Process, space, at);
        }
    }

    pub(super) fn tell_created(
        &mut self,
        tid: u32,
        parent: u32,
        name: String,
        role: Role,
        space: u32,
        at: Nanos,
    ) {
        self.counts.threads += 1;
        self.counts.processes += u64::from(role == Role::Process);
        let kind = EventKind::Created {
            parent: ProcessId(parent),
            name,
            role,
            space: SpaceId(space),
        };
        self.output.tell(at, self.tree.whom(tid), kind);
    }

    /// Tasks whose parent was killed before it could tell of them.
    pub(super) fn adopt_orphans(&mut self) -> Result<(), TracerError> {
        let now = self.ticks;
        let waits_long = |since: u32| now.wrapping_sub(since) >= PATIENCE;
        let orphans: Vec<u32> = self
            .early
            .iter()
            .filter(|(_, (_, since))| waits_long(*since))
            .map(|(tid, _)| *tid)
            .collect();
        for orphan in orphans {
            if let Some((Early::Ended(_), _)) = self.early.get(&orphan) {
                self.early.remove(&orphan);
                continue;
            }
            let of = |field| status_number(orphan, field).unwrap_or(0);
            let (process, parent) = (of("Tgid:"), of("PPid:"));
            let at = self.timeline.now();
            if process == orphan || self.tree.process(process).is_none() {
                self.take_in(orphan, parent, NewTask::Fork, at);
            } else {
                self.take_in(orphan, process, NewTask::Clone, at);
            }
            self.greet(orphan)?;
        }
        Ok(())
    }

    /// A process executes a program.
    pub(super) fn at_execution(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        let Some(former) = stopped.message()? else {
            return Ok(());
        };
        let pid = stopped.tid().as_raw() as u32;
        // Where no return of the first execve is asked for, this is when the trace begins.
        if self.watch != Watch::Every {
            self.timeline.begin();
        }
        let name = name_of(pid);
        if let Some(process) = self.tree.process_mut(pid) {
            process.name.clone_from(&name);
            process.space = pid;
        }
        if former as u32 != pid {
            self.replace_threads(pid, former as u32, &name, at);
        }
        let space = SpaceId(pid);
        let executed = EventKind::Executed { name, space };
        let whom = self.tree.whom(pid);
        self.output.tell(at, whom, executed);
        self.note_lost_rights(pid);
        // Where the call itself is not recorded, nothing else tells what the program starts with.
        let is_recorded = self
            .tree
            .thread(pid)
            .is_some_and(|thread| thread.call.is_some_and(|call| call.shown == Shown::Yes));
        if self.traced.root() == Some(pid) && !is_recorded {
            self.tell_all_descriptors(whom, at);
        }
        self.let_go(stopped, at, Seen::Other, 0)
    }

    /// A thread that is not the leader executed a program. All threads end, and one begins that has the leader's number and
    /// returns from the call that the caller made.
    fn replace_threads(&mut self, pid: u32, former: u32, name: &str, at: Nanos) {
        for (tid, thread) in self.tree.collapse(pid, former) {
            let whom = Whom {
                process: pid,
                thread: tid,
            };
            if thread.told < Told::Exit {
                let status = ExitStatus::Code(0);
                self.output.tell(at, whom, EventKind::Exited { status });
            }
        }
        self.tell_created(pid, pid, name.to_owned(), Role::Thread, pid, at);
    }

    /// A task is about to end; all that the host knows of it is still there.
    pub(super) fn at_exit(&mut self, stopped: Stopped, at: Nanos) -> Result<(), TracerError> {
        let Some(status) = stopped.message()? else {
            return Ok(());
        };
        let whom = self.tree.whom(stopped.tid().as_raw() as u32);
        self.tell_usage_of_thread(whom, at);
        let others = self
            .tree
            .process(whom.process)
            .map_or(0, |process| process.live);
        // The host tells a leader's end when its last thread has ended.
        if whom.thread == whom.process && others > 1 {
            let end = crate::ptrace::program::stop::decode_end(status as i32);
            self.tell_exited(whom, end, at);
        }
        self.let_go(stopped, at, Seen::Other, 0)
    }

    /// A task is no more.
    pub(super) fn ended(&mut self, tid: u32, end: End) -> Result<(), TracerError> {
        let at = self.timeline.now();
        let whom = self.tree.whom(tid);
        let Some(thread) = self.tree.thread(tid).copied() else {
            self.early.insert(tid, (Early::Ended(end), self.ticks));
            return Ok(());
        };
        if thread.told < Told::Exit {
            self.tell_exited(whom, end, at);
        }
        if let Some((_, Some(process))) = self.tree.remove_thread(tid) {
            self.process_ended(whom.process, &process, end, at);
        }
        Ok(())
    }

    fn process_ended(&mut self, pid: u32, process: &Process, ending: End, at: Nanos) {
        let whom = Whom {
            process: pid,
            thread: pid,
        };
        self.tell_account(pid, at);
        let status = status(process, ending);
        self.output
            .tell(at, whom, EventKind::ProcessExited { status });
        if let Traced::Program { root, end, .. } = &mut self.traced
            && *root == pid
        {
            *end = Some(ending);
        }
    }

    /// What is known of a process as a whole.
    fn tell_account(&mut self, pid: u32, at: Nanos) {
        let whom = Whom {
            process: pid,
            thread: pid,
        };
        self.tallies.tell(pid, at, &mut self.output);
        if let Some(usage) = self.accounts.process_ended(pid) {
            self.tell_usage(whom, Role::Process, usage, at);
        }
    }

    /// A thread is let go for good while it lives.
    pub(super) fn leave_behind(&mut self, tid: u32, at: Nanos) {
        let whom = self.tree.whom(tid);
        self.tell_usage_of_thread(whom, at);
        if let Some((_, Some(_))) = self.tree.remove_thread(tid) {
            self.tell_account(whom.process, at);
        }
    }

    /// A thread's account, once.
    fn tell_usage_of_thread(&mut self, whom: Whom, at: Nanos) {
        match self.tree.thread_mut(whom.thread) {
            Some(thread) if thread.told == Told::Nothing => thread.told = Told::Usage,
            _ => return,
        }
        if let Some(usage) = self.accounts.thread_ends(whom.process, whom.thread) {
            self.tell_usage(whom, Role::Thread, usage, at);
        }
    }

    fn tell_usage(&mut self, whom: Whom, of: Role, usage: Usage, at: Nanos) {
        self.output.tell(at, whom, EventKind::Usage { of, usage });
    }

    fn tell_exited(&mut self, whom: Whom, end: End, at: Nanos) {
        let process = self.tree.process(whom.process);
        let status = process.map_or(plain(end), |process| status(process, end));
        if let Some(thread) = self.tree.thread_mut(whom.thread) {
            thread.told = Told::Exit;
        }
        self.output.tell(at, whom, EventKind::Exited { status });
    }

    /// A set-user-ID program under a tracer without privileges runs with its user's own rights.
    fn note_lost_rights(&mut self, pid: u32) {
        use std::os::unix::fs::MetadataExt;
        const SET_USER_ID: u32 = 0o4000;
        let Ok(file) = std::fs::metadata(format!("/proc/{pid}/exe")) else {
            return;
        };
        // Real, effective.
        let effective_user = || status_numbers(pid, "Uid:").get(1).copied();
        if file.mode() & SET_USER_ID != 0 && effective_user() != Some(file.uid()) {
            let name = self.tree.process(pid).map_or("", |process| &process.name);
            self.notes.push(format!(
                "{name} is a set-user-ID program; it ran without its privileges, because it was traced"
            ));
        }
    }
}

fn plain(end: End) -> ExitStatus {
    match end {
        End::Code(code) => ExitStatus::Code(code),
        End::Signal(signal) => ExitStatus::Killed {
            signal,
            cause: None,
            address: 0,
        },
    }
}

/// With the fault that the signal came from, if it was one.
fn status(process: &Process, end: End) -> ExitStatus {
    match (end, process.fault) {
        (End::Signal(signal), Some((of, cause, address))) if of == signal => ExitStatus::Killed {
            signal,
            cause: Some(cause),
            address,
        },
        _ => plain(end),
    }
}

/// What people call a process.
pub(super) fn name_of(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

/// The first number of a field in /proc/PID/status.
pub(super) fn status_number(pid: u32, field: &str) -> Option<u32> {
    status_numbers(pid, field).first().copied()
}

fn status_numbers(pid: u32, field: &str) -> Vec<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let numbers = line.unwrap_or_default().split_whitespace();
    numbers.map_while(|number| number.parse().ok()).collect()
}
