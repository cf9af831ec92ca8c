//! Signals to the tracer itself: what somebody wants of it, and the timer that makes it look up from its waiting.
//!
//! Key types: [`Interrupts`] and [`Request`]. Handlers only note that a signal came and from whom; the tracer's wait
//! returns because of it, and the tracer does what is to be done between two stops. A signal that comes just before the
//! wait is seen at the next tick, 10 ms later at most.

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use crate::error::{During, TracerError};

/// How often the tracer looks up.
pub(crate) const TICK: Duration = Duration::from_millis(10);
const TICK_SIGNAL: i32 = libc::SIGALRM;

/// What ends a program that does not want otherwise.
const ENDING: [i32; 4] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP];
/// What the terminal stops a job with.
const STOPPING: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
/// The Rust runtime ignores it, which the traced program must not inherit.
const PIPE: i32 = libc::SIGPIPE;

static TICKED: AtomicBool = AtomicBool::new(false);
/// For each signal 0, or [`CAME`] and who sent it.
static CAME_TO_US: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];
const CAME: u64 = 1 << 63;
/// Handlers belong to the process, so one recording at a time has them.
static IN_USE: Mutex<()> = Mutex::new(());

/// A signal that somebody sent to the tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) signal: i32,
    /// The process that sent it; none: the terminal, which sends it to its whole job.
    pub(crate) sender: Option<u32>,
}

impl Request {
    /// Whether it asks for a stop, as Ctrl-Z does, and not for the end.
    pub(crate) fn asks_to_stop(self) -> bool {
        STOPPING.contains(&self.signal)
    }
}

/// The handlers and the timer are in force until this is dropped.
pub(crate) struct Interrupts {
    before: Vec<(i32, libc::sigaction)>,
    mask: libc::sigset_t,
    timer: libc::timer_t,
    _alone: MutexGuard<'static, ()>,
}

impl Interrupts {
    /// Installs the handlers, and starts the timer for the calling thread. Signals that are ignored stay so.
    pub(crate) fn install() -> Result<Self, TracerError> {
        let alone = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = make_timer().during("make a timer")?;
        let mask = unblock(TICK_SIGNAL);
        let mut interrupts = Self {
            before: vec![(PIPE, action_of(PIPE))],
            mask,
            timer,
            _alone: alone,
        };
        for signal in ENDING.into_iter().chain(STOPPING).chain([TICK_SIGNAL]) {
            let before = action_of(signal);
            if before.sa_sigaction != libc::SIG_IGN || signal == TICK_SIGNAL {
                interrupts.before.push((signal, before));
                set_action(signal, &noting());
            }
        }
        // The wait tells of stops; a signal for each besides would only cost time.
        interrupts
            .before
            .push((libc::SIGCHLD, action_of(libc::SIGCHLD)));
        set_action(libc::SIGCHLD, &silent_about_stops());
        for came in &CAME_TO_US {
            came.store(0, Relaxed);
        }
        start_timer(interrupts.timer).during("start a timer")?;
        Ok(interrupts)
    }

    /// Whether the timer ticked since the last time of asking.
    pub(crate) fn ticked(&self) -> bool {
        TICKED.load(Relaxed) && TICKED.swap(false, Relaxed)
    }

    /// The next signal that came.
    pub(crate) fn next(&self) -> Option<Request> {
        ENDING.into_iter().chain(STOPPING).find_map(|signal| {
            let came = CAME_TO_US[signal as usize].swap(0, Relaxed);
            let sender = (came & !CAME) as u32;
            (came != 0).then_some(Request {
                signal,
                sender: (sender != 0).then_some(sender),
            })
        })
    }

    /// In a new process: everything as the tracer was given it. Async-signal-safe.
    pub(super) fn restore_in_child(&self) {
        for (signal, action) in &self.before {
            if *signal == PIPE {
                set_action(PIPE, &as_inherited());
            } else {
                set_action(*signal, action);
            }
        }
        // SAFETY: reads a mask that outlives the call.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const self.mask, null_mut()) };
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        // SAFETY: the timer was made by this value and is not used again; the mask outlives the call.
        unsafe {
            libc::timer_delete(self.timer);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, null_mut());
        }
        for (signal, action) in &self.before {
            set_action(*signal, action);
        }
    }
}

/// Stops this whole process, until somebody continues it.
pub(crate) fn stop_self() {
    // SAFETY: no memory is passed.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// Only stores to atomics: async-signal-safe.
extern "C" fn note(signal: i32, info: *const libc::siginfo_t, _context: *const libc::c_void) {
    if signal == TICK_SIGNAL {
        TICKED.store(true, Relaxed);
        return;
    }
    // SAFETY: with SA_SIGINFO the host passes a whole siginfo; the sender is there where a process sent it.
    let sender = unsafe {
        if (*info).si_code <= 0 {
            (*info).si_pid() as u32
        } else {
            0
        }
    };
    if let Some(came) = CAME_TO_US.get(signal as usize) {
        came.store(CAME | u64::from(sender), Relaxed);
    }
}

fn noting() -> libc::sigaction {
    let mut action = zeroed_action();
    action.sa_sigaction = note as *const () as usize;
    // Without SA_RESTART: the wait shall return.
    action.sa_flags = libc::SA_SIGINFO;
    action
}

fn silent_about_stops() -> libc::sigaction {
    let mut action = zeroed_action();
    action.sa_flags = libc::SA_NOCLDSTOP;
    action
}

fn zeroed_action() -> libc::sigaction {
    // SAFETY: all zeros is an action: the default one, blocking nothing.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn action_of(signal: i32) -> libc::sigaction {
    let mut action = zeroed_action();
    // SAFETY: writes an action into a place for one.
    unsafe { libc::sigaction(signal, null(), &raw mut action) };
    action
}

fn set_action(signal: i32, action: &libc::sigaction) {
    // SAFETY: the action was read from the host, or is `noting`, whose handler is async-signal-safe.
    unsafe { libc::sigaction(signal, action, null_mut()) };
}

/// Unblocks a signal for the calling thread. Gives the mask before.
fn unblock(signal: i32) -> libc::sigset_t {
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: initialises one mask and has the host write the other; all zeros is a mask should that fail.
    unsafe {
        libc::sigemptyset(mask.as_mut_ptr());
        libc::sigaddset(mask.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, mask.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

/// A timer that signals the calling thread.
fn make_timer() -> nix::Result<libc::timer_t> {
    let mut event = MaybeUninit::<libc::sigevent>::zeroed();
    let mut timer = MaybeUninit::<libc::timer_t>::zeroed();
    // SAFETY: all zeros is an event; the host writes the timer's name into a place for one.
    let made = unsafe {
        let event = event.assume_init_mut();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = TICK_SIGNAL;
        event.sigev_notify_thread_id = libc::gettid();
        libc::timer_create(libc::CLOCK_MONOTONIC, event, timer.as_mut_ptr())
    };
    Errno::result(made)?;
    // SAFETY: was written.
    Ok(unsafe { timer.assume_init() })
}

fn start_timer(timer: libc::timer_t) -> nix::Result<()> {
    let time = libc::timespec {
        tv_sec: TICK.as_secs() as i64,
        tv_nsec: TICK.subsec_nanos().into(),
    };
    let period = libc::itimerspec {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: the timer exists, the period outlives the call.
    let started = unsafe { libc::timer_settime(timer, 0, &raw const period, null_mut()) };
    Errno::result(started).map(drop)
}

/// What was done with SIGPIPE before the Rust runtime began to ignore it, kept by [`remember_pipe`].
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

fn as_inherited() -> libc::sigaction {
    let mut action = zeroed_action();
    if PIPE_WAS_IGNORED.load(Relaxed) {
        action.sa_sigaction = libc::SIG_IGN;
    }
    action
}

/// Run by the loader, before the runtime starts.
extern "C" fn remember_pipe() {
    PIPE_WAS_IGNORED.store(action_of(PIPE).sa_sigaction == libc::SIG_IGN, Relaxed);
}

// SAFETY: an entry of the loader's list of functions to call at the start; this one needs nothing of the runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static REMEMBER_PIPE: extern "C" fn() = remember_pipe;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_noted_with_its_sender_and_taken_once() {
        let interrupts = Interrupts::install().unwrap();
        assert_eq!(interrupts.next(), None);
        nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGHUP).unwrap();
        let request = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(1));
            interrupts.next()
        });
        let request = request.take(5000).flatten().next().unwrap();
        assert_eq!(request.signal, libc::SIGHUP);
        assert_eq!(request.sender, Some(std::process::id()));
        assert!(!request.asks_to_stop());
        assert_eq!(interrupts.next(), None);
    }
}
