//! Ending a recording early: on Ctrl-C, on a limit. The machine dies at once and whole, and the trace is finished in order.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::ptrace::spawn::Killer;

/// A handle with which any thread ends the recording that it was given to.
#[derive(Clone, Default)]
pub struct Stop {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    reason: Option<String>,
    killer: Option<Killer>,
}

impl Stop {
    /// Ends the recording. Only the first reason is kept.
    pub fn now(&self, reason: &str) {
        let mut state = self.lock();
        state.reason.get_or_insert_with(|| reason.to_owned());
        if let Some(killer) = &state.killer {
            killer.kill();
        }
    }

    /// Why the recording was ended early, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.lock().reason.clone()
    }

    /// From now on a stop kills this machine; after `limit` it happens by itself.
    pub(crate) fn arm(&self, killer: Killer, limit: Option<Duration>) -> Armed {
        let mut state = self.lock();
        if state.reason.is_some() {
            killer.kill();
        }
        state.killer = Some(killer);
        drop(state);
        let alarm = limit.map(|limit| {
            let (disarm, disarmed) = channel();
            let stop = self.clone();
            thread::spawn(move || {
                if disarmed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    stop.now("the time limit");
                }
            });
            disarm
        });
        Armed {
            stop: self.clone(),
            _alarm: alarm,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A machine that can be killed; disarmed when dropped.
pub(crate) struct Armed {
    stop: Stop,
    /// Dropping it tells the alarm's thread to end.
    _alarm: Option<Sender<()>>,
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.stop.lock().killer = None;
    }
}
