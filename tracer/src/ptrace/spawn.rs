//! Starting the machine: fork, settle the new process, execute the kernel image.

use std::convert::Infallible;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::ptrace;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use trapline_abi::layout::{REGION_DESCRIPTOR, SCRIPT_DESCRIPTOR, STORE_DESCRIPTOR};

use super::task::{Wait, machine_options, wait_any};
use crate::error::{During, TracerError};

/// How to start the machine.
pub(crate) struct Start<'a> {
    /// The kernel's ELF image in a file that may be executed.
    pub(crate) image: BorrowedFd<'a>,
    /// The kernel region's memory file.
    pub(crate) region: BorrowedFd<'a>,
    /// The store's memory file.
    pub(crate) store: BorrowedFd<'a>,
    /// The script's memory file, for a replay.
    pub(crate) script: Option<BorrowedFd<'a>>,
    /// The CPU that the machine gets.
    pub(crate) cpu: usize,
    /// Whether this thread becomes its tracer.
    pub(crate) traced: bool,
}

/// The first host process of a machine. Killed and collected when dropped.
pub(crate) struct Root {
    pid: Pid,
    handle: OwnedFd,
    traced: bool,
    ended: bool,
}

/// Steps of the new process, for the message if one fails.
const STEPS: [&str; 7] = [
    "pinning to one CPU",
    "binding its life to the recorder's",
    "leaving the terminal",
    "setting limits",
    "placing descriptors",
    "executing the kernel image",
    "unblocking signals",
];

impl Root {
    /// Starts the machine. If traced, it will stop whenever the tracer should look.
    pub(crate) fn start(start: &Start) -> Result<Self, TracerError> {
        let (go_read, go_write) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let (news_read, news_write) = pipe2(OFlag::O_CLOEXEC).during("make a pipe")?;
        let recorder = nix::unistd::getpid();
        // SAFETY: the child makes only async-signal-safe calls until it executes the image or exits.
        let pid = match unsafe { fork() }.during("fork")? {
            ForkResult::Child => become_machine(start, recorder, &go_read, &go_write, &news_write),
            ForkResult::Parent { child } => child,
        };
        drop((go_read, news_write));
        let handle = open_handle(pid)?;
        let mut root = Self {
            pid,
            handle,
            traced: start.traced,
            ended: false,
        };
        if start.traced {
            ptrace::seize(pid, machine_options())
                .during("trace the machine (may this user use ptrace?)")?;
        }
        drop(go_write);
        root.hear_news(news_read)?;
        Ok(root)
    }

    /// The host's id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// A handle with which any thread can kill the machine without fear of a reused id.
    pub(crate) fn killer(&self) -> Result<Killer, TracerError> {
        Ok(Killer {
            handle: self.handle.try_clone().during("copy a process handle")?,
        })
    }

    /// Notes that a wait told of the end.
    pub(crate) fn mark_ended(&mut self) {
        self.ended = true;
    }

    /// Whether the process has ended, without waiting.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.ended {
            let status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
            self.ended = matches!(
                status,
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD)
            );
        }
        self.ended
    }

    /// The pipe closes without a word when the image was executed.
    fn hear_news(&mut self, news: OwnedFd) -> Result<(), TracerError> {
        let mut word = [0u8; 5];
        let mut news = std::fs::File::from(news);
        match news.read(&mut word).during("hear of the machine's start")? {
            0 => Ok(()),
            _ => {
                let errno = i32::from_le_bytes([word[1], word[2], word[3], word[4]]);
                let step = STEPS.get(usize::from(word[0])).copied().unwrap_or("a step");
                Err(TracerError::Start {
                    step,
                    errno: Errno::from_raw(errno),
                })
            }
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        send_kill(&self.handle);
        if self.traced {
            // The guests die with their kernel; each has to be collected, whatever it was doing.
            while let Ok(wait) = wait_any() {
                match wait {
                    Wait::NoneLeft => break,
                    Wait::Signal(stopped, _) | Wait::Seccomp(stopped) | Wait::Other(stopped) => {
                        drop(stopped.resume())
                    }
                    Wait::Ended(_) => {}
                }
            }
        }
        while !self.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Kills a machine.
pub(crate) struct Killer {
    handle: OwnedFd,
}

impl Killer {
    /// Ends the machine's kernel process at once; all guests end with it.
    pub(crate) fn kill(&self) {
        send_kill(&self.handle);
    }
}

fn open_handle(pid: Pid) -> Result<OwnedFd, TracerError> {
    // SAFETY: a child of ours that was not waited for.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let descriptor =
        Errno::result(descriptor).during("get a process handle (Linux 5.3 or newer is needed)")?;
    // SAFETY: fresh and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

fn send_kill(handle: &OwnedFd) {
    // SAFETY: no memory is passed. An error means that the process has ended.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            handle.as_raw_fd(),
            libc::SIGKILL,
            0,
            0,
        )
    };
}

/// In the new process: settles it and executes the image. Tells which step failed, if one did.
fn become_machine(
    start: &Start,
    recorder: Pid,
    go: &OwnedFd,
    go_write: &OwnedFd,
    news: &OwnedFd,
) -> ! {
    // SAFETY: descriptors of this new process, which owns its whole table. The copy is out of the way of what `settle`
    // places at low numbers.
    let news = unsafe {
        libc::close(go_write.as_raw_fd());
        BorrowedFd::borrow_raw(libc::fcntl(
            news.as_raw_fd(),
            libc::F_DUPFD_CLOEXEC,
            HIGH_DESCRIPTOR,
        ))
    };
    // The recorder closes its end when it is ready (or dead, which settle notices).
    let mut nothing = [0u8; 1];
    let _ = nix::unistd::read(go, &mut nothing);
    let (step, errno) = match settle(start, recorder) {
        Err(failure) => failure,
        Ok(never) => match never {},
    };
    let mut word = [step, 0, 0, 0, 0];
    word[1..].copy_from_slice(&(errno as i32).to_le_bytes());
    let _ = nix::unistd::write(news, &word);
    // SAFETY: ends this process without running anything of the recorder's.
    unsafe { libc::_exit(127) }
}

/// Descriptors from here on are out of the way of the machine's.
const HIGH_DESCRIPTOR: i32 = 64;

fn settle(start: &Start, recorder: Pid) -> Result<Infallible, (u8, Errno)> {
    let at = |step: u8| move |errno| (step, errno);
    let mut cpus = CpuSet::new();
    cpus.set(start.cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &cpus))
        .map_err(at(0))?;
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(at(1))?;
    if nix::unistd::getppid() != recorder {
        return Err((1, Errno::ESRCH));
    }
    // Its own session: Ctrl-C reaches the recorder alone, which ends the machine in order.
    nix::unistd::setsid().map_err(at(2))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(at(3))?;
    SigSet::empty().thread_set_mask().map_err(at(6))?;
    let image = place_descriptors(start).map_err(at(4))?;
    let environment: [*const libc::c_char; 1] = [std::ptr::null()];
    let arguments = [c"trapline-kernel".as_ptr(), std::ptr::null()];
    // SAFETY: both vectors end with a null pointer and outlive the call, which does not return if it succeeds.
    unsafe {
        let (arguments, environment) = (arguments.as_ptr(), environment.as_ptr());
        libc::syscall(
            libc::SYS_execveat,
            image,
            c"".as_ptr(),
            arguments,
            environment,
            libc::AT_EMPTY_PATH,
        );
    }
    Err((5, Errno::last()))
}

/// Region, store and script at their known numbers, the image out of the way, and nothing else: no terminal, no files, not
/// even what the recorder itself was given by mistake. Gives the image.
fn place_descriptors(start: &Start) -> Result<i32, Errno> {
    let out_of_the_way = |descriptor: BorrowedFd| {
        // SAFETY: copies a descriptor of this new process.
        let copy = unsafe {
            let descriptor = descriptor.as_raw_fd();
            libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
        };
        Errno::result(copy)
    };
    let image = out_of_the_way(start.image)?;
    // Each may lie where another belongs.
    let (region, store) = (out_of_the_way(start.region)?, out_of_the_way(start.store)?);
    let script = start.script.map(out_of_the_way).transpose()?;
    let mut last = STORE_DESCRIPTOR;
    // SAFETY: descriptors of this new process, which owns its whole table.
    unsafe {
        Errno::result(libc::dup2(region, REGION_DESCRIPTOR))?;
        Errno::result(libc::dup2(store, STORE_DESCRIPTOR))?;
        if let Some(script) = script {
            Errno::result(libc::dup2(script, SCRIPT_DESCRIPTOR))?;
            last = SCRIPT_DESCRIPTOR;
        }
        for descriptor in 0..REGION_DESCRIPTOR {
            libc::close(descriptor);
        }
    }
    close_at_execution(last + 1)?;
    Ok(image)
}

/// Lets every descriptor from this one on end with the execution of the image.
fn close_at_execution(first: i32) -> Result<(), Errno> {
    // SAFETY: descriptors of this new process, which owns its whole table; no memory is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return Ok(());
    }
    // Linux before 5.11 lets them be marked one by one.
    let (end, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    for descriptor in first..i32::try_from(end).unwrap_or(i32::MAX) {
        // SAFETY: as above; a number without a descriptor is refused.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}
