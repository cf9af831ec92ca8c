//! Why the host does not tell, and what would make it: in words, for meta.json, `stat` and `doctor`.

use nix::errno::Errno;

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

/// Why perf_event_open(2) gave this error.
pub(super) fn of_event(errno: Errno) -> String {
    let why = match (errno, paranoia()) {
        (Errno::EACCES | Errno::EPERM, Some(level)) if level > 2 => format!(
            "kernel.perf_event_paranoid is {level}; as administrator: sysctl kernel.perf_event_paranoid=2"
        ),
        (Errno::EPERM, _) => "a seccomp filter forbids it, as containers have it; start the container with \
            --security-opt seccomp=PROFILE that allows perf_event_open, or with --cap-add PERFMON"
            .to_owned(),
        (Errno::EACCES, _) => {
            "the process belongs to somebody else or may not be looked at; run as its owner".to_owned()
        }
        (Errno::ENOSYS | Errno::ENOENT | Errno::EOPNOTSUPP, _) => {
            "this kernel has it not or a seccomp filter hides it; a kernel with CONFIG_PERF_EVENTS has it"
                .to_owned()
        }
        (Errno::EINVAL | Errno::E2BIG, _) => {
            "this kernel does not tell of context switches; Linux 4.3 and newer do".to_owned()
        }
        (Errno::EMFILE, _) => "too many open files; raise `ulimit -n`: it takes three for each CPU, and for each thread \
            that is attached to"
            .to_owned(),
        _ => "the host gives no more reason".to_owned(),
    };
    format!("perf_event_open: {errno}: {why}")
}

/// Why a ring could not be had.
pub(super) fn of_memory(errno: Errno) -> String {
    if errno != Errno::EPERM {
        return format!("no memory for perf_event_open's rings: {errno}");
    }
    let limit = mlock_kilobytes().map_or_else(String::new, |kb| format!(" of {kb} kB a CPU"));
    format!(
        "the limit{limit} for perf_event_open's rings is used up, by other tools of the same user; end those, or as \
         administrator: sysctl kernel.perf_event_mlock_kb=2048, or raise `ulimit -l`"
    )
}
