//! Starting a program that is traced from its own `execve` on: fork, settle, wait until the tracer is ready, execute.
//!
//! Key types: [`Program`] and [`Launch`]. Between fork and execve the new process makes only async-signal-safe calls and
//! allocates nothing; everything that they need is made before. It keeps what it was given: session, process group,
//! terminal, descriptors, environment, limits and scheduling.

use std::convert::Infallible;
use std::ffi::{CString, c_char};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::ptr::null;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::unistd::{ForkResult, Pid, fork, pipe2};

use super::interrupts::Interrupts;
use super::stop::{Stop, Waited, wait};
use super::task::{Stopped, Task, Until, Wanted};
use crate::error::{During, TracerError};

/// A program to start.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// The file.
    pub(crate) path: CString,
    /// Its arguments; the first is its name.
    pub(crate) arguments: Vec<CString>,
    /// `NAME=VALUE`, each.
    pub(crate) environment: Vec<CString>,
    /// A filter of its system calls, put in force before it starts.
    pub(crate) filter: &'a [libc::sock_filter],
}

/// A new process that is stopped before it executes its program.
#[derive(Debug)]
pub(crate) struct Launch {
    stopped: Stopped,
    go: OwnedFd,
    news: OwnedFd,
}

/// A process that executes its program now, or has failed to.
#[derive(Debug)]
pub(crate) struct Launched {
    news: OwnedFd,
}

/// Why a program could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The host refused the filter.
    Filter(Errno),
    /// The host refused to execute the program.
    Execution(Errno),
}

const FILTERING: u8 = 1;
const EXECUTING: u8 = 2;

/// What the new process needs, without a need to allocate.
struct Raw<'a> {
    path: *const c_char,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    filter: &'a [libc::sock_filter],
}

impl Launch {
    /// Makes the new process; the calling thread is its tracer.
    pub(crate) fn new(
        program: &Program,
        wanted: Wanted,
        interrupts: &Interrupts,
    ) -> Result<Self, TracerError> {
        let (go_read, go) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let (news, news_write) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let raw = Raw {
            path: program.path.as_ptr(),
            arguments: pointers(&program.arguments),
            environment: pointers(&program.environment),
            filter: program.filter,
        };
        // SAFETY: the child makes only async-signal-safe calls until it executes the program or exits.
        let pid = match unsafe { fork() }.during("fork")? {
            ForkResult::Child => {
                // The write end's copy in this process would keep the pipe open for ever.
                drop(go);
                become_program(&raw, interrupts, &go_read, &news_write)
            }
            ForkResult::Parent { child } => child,
        };
        Self::trace(pid, wanted, go, news)
    }

    /// Stops a child that waits until `go` is closed.
    pub(super) fn trace(
        pid: Pid,
        wanted: Wanted,
        go: OwnedFd,
        news: OwnedFd,
    ) -> Result<Self, TracerError> {
        let task = Task(pid);
        let stopped = task
            .seize(wanted)
            .during("trace a program (may this user use ptrace?)")
            .and_then(|()| task.interrupt())
            .and_then(|()| first_stop());
        match stopped {
            Ok(stopped) => Ok(Self { stopped, go, news }),
            Err(error) => {
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
                let _ = wait();
                Err(error)
            }
        }
    }

    /// The new process.
    pub(crate) fn pid(&self) -> Pid {
        self.stopped.tid()
    }

    /// Lets it execute its program.
    pub(crate) fn go(self, until: Until) -> Result<Launched, TracerError> {
        self.stopped.resume(until, 0)?;
        drop(self.go);
        Ok(Launched { news: self.news })
    }
}

impl Launched {
    /// Why it ended without having executed its program, if that is so. To be asked when it has ended.
    pub(crate) fn refused(self) -> Option<Refused> {
        let mut word = [0u8; 5];
        std::fs::File::from(self.news).read_exact(&mut word).ok()?;
        let errno = Errno::from_raw(i32::from_le_bytes([word[1], word[2], word[3], word[4]]));
        match word[0] {
            FILTERING => Some(Refused::Filter(errno)),
            _ => Some(Refused::Execution(errno)),
        }
    }
}

fn first_stop() -> Result<Stopped, TracerError> {
    loop {
        match wait()? {
            Waited::Stopped(stopped, Stop::Trap) => return Ok(stopped),
            // Something sent it a signal already, which comes again behind the stop that was asked for.
            Waited::Stopped(stopped, Stop::Signal(signal)) => {
                stopped.resume(Until::Event, signal)?
            }
            Waited::Stopped(stopped, _) => stopped.resume(Until::Event, 0)?,
            Waited::Interrupted => {}
            Waited::Ended(..) | Waited::NoneLeft => {
                return Err(Errno::ESRCH).during("start a program: its process was killed");
            }
        }
    }
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    let texts = texts.iter().map(|text| text.as_ptr());
    texts.chain([null()]).collect()
}

/// In the new process: waits for the tracer, and executes the program. Tells which step failed, if one did.
fn become_program(raw: &Raw, interrupts: &Interrupts, go: &OwnedFd, news: &OwnedFd) -> ! {
    interrupts.restore_in_child();
    let mut nothing = [0u8; 1];
    // The tracer closes its end when it is ready, or dead.
    while nix::unistd::read(go, &mut nothing) == Err(Errno::EINTR) {}
    let Err((step, errno)) = execute(raw);
    let mut word = [step, 0, 0, 0, 0];
    word[1..].copy_from_slice(&(errno as i32).to_le_bytes());
    let _ = nix::unistd::write(news, &word);
    // SAFETY: ends this process without running anything of the tracer's.
    unsafe { libc::_exit(127) }
}

fn execute(raw: &Raw) -> Result<Infallible, (u8, Errno)> {
    if !raw.filter.is_empty() {
        install(raw.filter).map_err(|errno| (FILTERING, errno))?;
    }
    // SAFETY: path and vectors are zero-terminated and outlive the call, which does not return if it succeeds.
    unsafe { libc::execve(raw.path, raw.arguments.as_ptr(), raw.environment.as_ptr()) };
    Err((EXECUTING, Errno::last()))
}

/// Puts the filter in force. Only where the host insists does it take away that a set-user-ID program gets its user's rights.
fn install(filter: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    let install = || {
        // SAFETY: the filter outlives the call, which only reads it.
        let done = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            )
        };
        Errno::result(done).map(drop)
    };
    match install() {
        Err(Errno::EACCES) => {
            prctl::set_no_new_privs()?;
            install()
        }
        done => done,
    }
}
