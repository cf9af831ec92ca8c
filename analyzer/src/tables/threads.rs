//! Whether each thread runs, is ready or is blocked, and for how long. Waiting is "ready but not running".
//!
//! Key types: [`Threads`], [`Thread`]. Neighbour: `fold.rs` reports the changes. Waiting, blocked, response and
//! turnaround are intervals by the clock: the tracer's holds inside them are not taken out, because a sleeping thread
//! sleeps through them.

use std::collections::HashMap;

use trapline_trace_format::event::{Cause, ExitStatus, Nanos, Waits};

use super::rows::LifecycleRow;
use crate::summary::{Activity, Part};

/// All threads of a trace by arrival.
#[derive(Default)]
pub(crate) struct Threads {
    all: Vec<Thread>,
    by_id: HashMap<u32, usize>,
    /// Threads that may be alive, by process.
    by_process: HashMap<u32, Vec<usize>>,
    /// Most events are of the thread that had the event before.
    last: Option<(u32, ThreadIndex)>,
}

/// Place of a thread among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadIndex(usize);

/// A thread while its events are folded.
pub(crate) struct Thread {
    pub(crate) row: LifecycleRow,
    pub(crate) user_ns: Nanos,
    /// By cause; place 0 is the way to the first instruction.
    kernel_ns: [Nanos; Cause::ALL.len() + 1],
    /// Its open visit's place among the rows.
    pub(crate) visit: Option<usize>,
    readiness: Readiness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready {
        since_ns: Nanos,
    },
    Running,
    Blocked {
        since_ns: Nanos,
        waits: Option<Waits>,
    },
    Ended,
}

impl Threads {
    /// A new thread, ready from its arrival. False if there is one of that id already.
    pub(crate) fn arrive(&mut self, row: LifecycleRow) -> bool {
        if self.by_id.contains_key(&row.thread) {
            return false;
        }
        self.by_id.insert(row.thread, self.all.len());
        let of_process = self.by_process.entry(row.process).or_default();
        of_process.push(self.all.len());
        self.all.push(Thread {
            readiness: Readiness::Ready {
                since_ns: row.arrival_ns,
            },
            row,
            user_ns: 0,
            kernel_ns: Default::default(),
            visit: None,
        });
        true
    }

    pub(crate) fn find(&mut self, id: u32) -> Option<ThreadIndex> {
        match self.last {
            Some((last, index)) if last == id => Some(index),
            _ => {
                let index = ThreadIndex(*self.by_id.get(&id)?);
                self.last = Some((id, index));
                Some(index)
            }
        }
    }

    pub(crate) fn get(&mut self, index: ThreadIndex) -> &mut Thread {
        &mut self.all[index.0]
    }

    /// The process runs another program: its threads that live are called by its name.
    pub(crate) fn rename(&mut self, process: u32, name: &str) {
        let Some(threads) = self.by_process.get_mut(&process) else {
            return;
        };
        threads.retain(|index| self.all[*index].readiness != Readiness::Ended);
        for index in threads {
            name.clone_into(&mut self.all[*index].row.name);
        }
    }

    /// Ends all waiting and blocking at `end_ns`, the end of the trace.
    pub(crate) fn finish(mut self, end_ns: Nanos) -> (Vec<LifecycleRow>, Vec<Part>) {
        self.all.iter_mut().for_each(|thread| thread.settle(end_ns));
        let users = self.all.iter().map(|thread| {
            (
                Activity::User {
                    thread: thread.row.thread,
                },
                thread.user_ns,
            )
        });
        let kernels = self.all.iter().flat_map(Thread::kernel_parts);
        let parts = users
            .chain(kernels)
            .map(|(activity, ns)| Part { activity, ns })
            .collect();
        (
            self.all.into_iter().map(|thread| thread.row).collect(),
            parts,
        )
    }
}

impl Thread {
    pub(crate) fn add_kernel(&mut self, cause: Option<Cause>, ns: Nanos) {
        self.kernel_ns[cause.map_or(0, |cause| cause as usize)] += ns;
    }

    fn kernel_parts(&self) -> impl Iterator<Item = (Activity, Nanos)> {
        let causes = std::iter::once(None).chain(Cause::ALL.into_iter().map(Some));
        causes.map(|cause| {
            let ns = self.kernel_ns[cause.map_or(0, |cause| cause as usize)];
            (
                Activity::Kernel {
                    thread: self.row.thread,
                    cause,
                },
                ns,
            )
        })
    }

    pub(crate) fn run(&mut self, now_ns: Nanos) {
        self.settle(now_ns);
        self.row.first_run_ns.get_or_insert(now_ns);
        if self.readiness != Readiness::Ended {
            self.readiness = Readiness::Running;
        }
    }

    pub(crate) fn become_ready(&mut self, now_ns: Nanos) {
        self.settle(now_ns);
        if self.readiness != Readiness::Ended {
            self.readiness = Readiness::Ready { since_ns: now_ns };
        }
    }

    /// A wake-up means nothing to a thread that does not sleep.
    pub(crate) fn wake(&mut self, now_ns: Nanos) {
        if let Readiness::Blocked { .. } = self.readiness {
            self.become_ready(now_ns);
        }
    }

    pub(crate) fn block(&mut self, waits: Option<Waits>, now_ns: Nanos) {
        self.settle(now_ns);
        if self.readiness != Readiness::Ended {
            self.readiness = Readiness::Blocked {
                since_ns: now_ns,
                waits,
            };
        }
    }

    pub(crate) fn end(&mut self, now_ns: Nanos, status: Option<ExitStatus>) {
        self.settle(now_ns);
        self.readiness = Readiness::Ended;
        self.row.completion_ns.get_or_insert(now_ns);
        self.row.status = self.row.status.or(status);
    }

    /// Counts the time since the last change up to `now_ns`.
    fn settle(&mut self, now_ns: Nanos) {
        match &mut self.readiness {
            Readiness::Ready { since_ns } => {
                self.row.waiting_ns += now_ns - *since_ns;
                *since_ns = now_ns;
            }
            Readiness::Blocked { since_ns, waits } => {
                self.row.blocked.add(*waits, now_ns - *since_ns);
                *since_ns = now_ns;
            }
            Readiness::Running | Readiness::Ended => {}
        }
    }
}
