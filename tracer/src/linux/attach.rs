//! Attaching to running processes, with all their threads.
//!
//! Key function: [`attach`]. Each thread is seized and asked to stop; the stop begins its trace. A thread that is stopped
//! with its process stays so.

use nix::errno::Errno;
use nix::unistd::Pid;

use super::family::{name_of, status_number};
use crate::error::TracerError;
use crate::ptrace::program::task::{Task, Wanted};

/// A process that was attached to.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) pid: u32,
    pub(super) name: String,
    /// Its threads, the first one first.
    pub(super) tids: Vec<u32>,
}

/// Makes the calling thread the tracer of a process's threads. They are stopping when this returns.
pub(super) fn attach(pid: u32, wanted: Wanted) -> Result<Attached, TracerError> {
    if pid == std::process::id() {
        return Err(refuse(pid, "trapline cannot trace itself"));
    }
    // A thread's number stands for its whole process.
    let pid = status_number(pid, "Tgid:").unwrap_or(pid);
    let mut tids = Vec::new();
    let mut dead = Vec::new();
    // New threads of one that is traced already are traced from their birth; the others may make some meanwhile.
    loop {
        let mut found = threads_of(pid);
        found.retain(|tid| !tids.contains(tid) && !dead.contains(tid));
        if found.is_empty() {
            break;
        }
        for tid in found {
            let task = Task(Pid::from_raw(tid as i32));
            match task.seize(wanted) {
                Ok(()) => {
                    task.interrupt()?;
                    tids.push(tid);
                }
                Err(Errno::ESRCH) => dead.push(tid),
                Err(Errno::EPERM) if has_ended(tid) => dead.push(tid),
                // Traced by us from its birth.
                Err(Errno::EPERM) if !tids.is_empty() => tids.push(tid),
                Err(errno) => return Err(refuse(pid, &why(pid, errno))),
            }
        }
    }
    if tids.is_empty() {
        let why = if dead.is_empty() {
            "there is no such process"
        } else {
            "it has ended already"
        };
        return Err(refuse(pid, why));
    }
    // The leader may be gone while its threads live.
    tids.sort_by_key(|tid| *tid != pid);
    Ok(Attached {
        pid,
        name: name_of(pid),
        tids,
    })
}

fn threads_of(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"));
    let entries = entries.into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    names.collect()
}

/// Ended, but nobody has asked how.
fn has_ended(tid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| state.trim_start().starts_with(['Z', 'X']))
}

fn why(pid: u32, errno: Errno) -> String {
    if errno != Errno::EPERM {
        return errno.to_string();
    }
    match status_number(pid, "TracerPid:") {
        Some(tracer) if tracer != 0 => {
            format!("process {tracer} traces it already; a process has one tracer")
        }
        _ => {
            let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
            match scope.as_deref().map(str::trim) {
                Ok("1" | "2" | "3") => {
                    "not permitted: kernel.yama.ptrace_scope restricts attaching; as administrator: \
                     sysctl kernel.yama.ptrace_scope=0, or start the program with trapline"
                        .to_owned()
                }
                _ => "not permitted: it belongs to another user, has more rights than you, or is the kernel's"
                    .to_owned(),
            }
        }
    }
}

fn refuse(pid: u32, why: &str) -> TracerError {
    TracerError::Program {
        name: format!("process {pid}"),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        new_tasks: true,
        seccomp: false,
        dies_with_tracer: false,
    };

    #[test]
    fn what_cannot_be_attached_to_is_said_in_one_line() {
        let why = |pid| attach(pid, WANTED).unwrap_err().to_string();
        assert!(why(std::process::id()).contains("itself"));
        // Above the largest number that Linux gives.
        assert!(why(4_194_305).contains("no such process"));
    }
}
