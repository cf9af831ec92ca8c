//! Whoever looks on while the machine runs: the thread that drives it sleeps until the machine stops, and hears of nothing
//! else. Key type: [`Watchdog`]. Neighbour: `live.rs`.

use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::ptrace::spawn::Killer;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks at the client's connection and at the clock until it is dropped.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Events so far.
    events: AtomicU64,
    /// The client says something while the machine runs, which is that it is to stop.
    is_interrupted: AtomicBool,
    /// The client has gone, and the machine was killed.
    has_left: AtomicBool,
    /// No event came for too long, and the machine was killed.
    is_stuck: AtomicBool,
}

impl Watchdog {
    /// Kills the machine when the client goes away, or when nothing happens for as long as `patience`.
    pub(super) fn start(killer: Killer, client: Option<TcpStream>, patience: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let (done, is_done) = channel::<()>();
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut last = (0, Instant::now());
                while is_done.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    match client.as_ref().map_or(Client::Quiet, look) {
                        Client::Quiet => {}
                        Client::Speaks => shared.is_interrupted.store(true, SeqCst),
                        Client::Gone => {
                            shared.has_left.store(true, SeqCst);
                            killer.kill();
                        }
                    }
                    let events = shared.events.load(SeqCst);
                    if events != last.0 {
                        last = (events, Instant::now());
                    } else if last.1.elapsed() > patience {
                        shared.is_stuck.store(true, SeqCst);
                        killer.kill();
                    }
                }
            }
        });
        Self {
            shared,
            done: Some(done),
            thread: Some(thread),
        }
    }

    /// So many events came so far.
    pub(super) fn note(&self, events: u64) {
        self.shared.events.store(events, SeqCst);
    }

    /// Whether the client wants the machine to stop.
    pub(super) fn is_interrupted(&self) -> bool {
        self.shared.is_interrupted.load(SeqCst)
    }

    /// Whether it was killed because the client has gone.
    pub(super) fn has_left(&self) -> bool {
        self.shared.has_left.load(SeqCst)
    }

    /// Whether it was killed because nothing happened.
    pub(super) fn is_stuck(&self) -> bool {
        self.shared.is_stuck.load(SeqCst)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

enum Client {
    Quiet,
    Speaks,
    Gone,
}

fn look(client: &TcpStream) -> Client {
    let mut polled = [PollFd::new(client.as_fd(), PollFlags::POLLIN)];
    match poll(&mut polled, PollTimeout::ZERO) {
        Ok(0) | Err(_) => Client::Quiet,
        Ok(_) => match client.peek(&mut [0]) {
            Ok(0) => Client::Gone,
            Ok(_) => Client::Speaks,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Client::Quiet,
            Err(_) => Client::Gone,
        },
    }
}
