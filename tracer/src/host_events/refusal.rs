//! Why the host does not tell, and what would make it: in words, for meta.json, `stat` and `doctor`.

use nix::errno::Errno;
use trapline_trace_format::meta::Availability;

/// The host's rule about perf_event_open(2) (`kernel.perf_event_paranoid`): up to 2 everyone may look at his own processes.
/// Nothing if the host has none of it.
#[must_use]
pub fn paranoia() -> Option<i32> {
    setting("/proc/sys/kernel/perf_event_paranoid")
}

/// Kilobytes of rings that a user may have for each CPU, all processes together.
#[must_use]
pub fn mlock_kilobytes() -> Option<i32> {
    setting("/proc/sys/kernel/perf_event_mlock_kb")
}

fn setting(path: &str) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// What the host refuses, why, and what would enable it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One line.
    pub why: String,
    /// What to do about it, if something can be done.
    pub remedy: Option<String>,
}

impl Refusal {
    /// For meta.json.
    pub(super) fn availability(&self) -> Availability {
        let remedy = self.remedy.as_ref();
        let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
        Availability::Refused {
            why: format!("{}{remedy}", self.why),
        }
    }
}

/// perf_event_open(2) gave this error.
pub(super) fn of_event(errno: Errno) -> Refusal {
    let (why, remedy) = match (errno, paranoia()) {
        (Errno::EACCES | Errno::EPERM, Some(level)) if level > 2 => (
            format!("kernel.perf_event_paranoid is {level}"),
            Some("as administrator: sysctl kernel.perf_event_paranoid=2"),
        ),
        (Errno::EPERM, _) => (
            "a seccomp filter forbids it, as containers have one".to_owned(),
            Some(
                "start the container with --cap-add PERFMON, or with a profile that allows perf_event_open \
                 (--security-opt seccomp=PROFILE)",
            ),
        ),
        (Errno::EACCES, _) => (
            "the process belongs to somebody else or may not be looked at".to_owned(),
            Some("run as its owner"),
        ),
        (Errno::ENOSYS | Errno::ENOENT | Errno::EOPNOTSUPP, _) => (
            "this kernel has it not, or a seccomp filter hides it".to_owned(),
            Some("use a kernel with CONFIG_PERF_EVENTS, and a container that does not hide it"),
        ),
        (Errno::EINVAL | Errno::E2BIG, _) => (
            "this kernel does not tell of context switches".to_owned(),
            Some("use Linux 4.3 or newer"),
        ),
        (Errno::EMFILE, _) => (
            "too many open files".to_owned(),
            Some("raise `ulimit -n`: each thread that is attached to takes three for each CPU"),
        ),
        _ => ("the host gives no more reason".to_owned(), None),
    };
    Refusal {
        why: format!("perf_event_open: {errno}: {why}"),
        remedy: remedy.map(str::to_owned),
    }
}

/// A ring could not be had.
pub(super) fn of_memory(errno: Errno) -> Refusal {
    if errno != Errno::EPERM {
        return Refusal {
            why: format!("no memory for perf_event_open's rings: {errno}"),
            remedy: None,
        };
    }
    let limit = mlock_kilobytes().map_or_else(String::new, |kb| format!(" of {kb} kB a CPU"));
    Refusal {
        why: format!(
            "the limit{limit} for perf_event_open's rings is used up by other tools of the same user"
        ),
        remedy: Some(
            "end those, raise `ulimit -l`, or as administrator: sysctl kernel.perf_event_mlock_kb=2048"
                .to_owned(),
        ),
    }
}
