//! What a replay needs of the host besides its CPU, and whether it is there: a machine that is refused a process or memory in
//! the middle would do something else than it was recorded to do. Key types: [`Needs`], [`Host`]. Neighbour: `recording.rs`.

use std::fs;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// What the recorded machine used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Most processes that it had at a time.
    pub(super) processes: u64,
    /// Most memory that one of them was seen to have, in bytes. An address space may have had more in between.
    pub(super) memory: u64,
}

/// What this host gives, as far as it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// Processes that this user may still start.
    processes: Option<u64>,
    /// Bytes of memory that are free, or can be made so.
    memory: Option<u64>,
    /// Whether memory files may not be executed (vm.memfd_noexec is 2).
    refuses_memory_files: bool,
    /// Whether seccomp filters are known not to be there.
    lacks_filters: bool,
}

/// Host processes that are the machine's own, or the search's: the kernel's, a copy that is kept.
const OWN: u64 = 3;

impl Needs {
    /// What stands in the way, if anything.
    pub(super) fn complaint(&self, host: &Host) -> Option<String> {
        if host.lacks_filters {
            return Some("this host has no seccomp filters, which lock its programs in".to_owned());
        }
        if host.refuses_memory_files {
            return Some(
                "this host does not execute memory files; as administrator: sysctl vm.memfd_noexec=1"
                    .to_owned(),
            );
        }
        let processes = self.processes + OWN;
        if let Some(left) = host.processes.filter(|left| *left < processes) {
            return Some(format!(
                "it needs {processes} processes at a time, and this user may start {left} more; raise `ulimit -u` or the \
                 pids limit of the container"
            ));
        }
        if let Some(left) = host.memory.filter(|left| *left < self.memory) {
            return Some(format!(
                "it needs {} MiB of memory, and this host has {} MiB left",
                self.memory >> 20,
                left >> 20
            ));
        }
        None
    }
}

impl Host {
    /// This one.
    pub(super) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        Self {
            processes: [by_user(), by_group()].into_iter().flatten().min(),
            memory: read("/proc/meminfo").and_then(|info| {
                let strict = number("/proc/sys/vm/overcommit_memory") == Some(2);
                memory_left(&info, strict)
            }),
            refuses_memory_files: number("/proc/sys/vm/memfd_noexec") == Some(2),
            lacks_filters: read("/proc/sys/kernel/seccomp/actions_avail")
                .is_some_and(|actions| !actions.split_whitespace().any(|action| action == "trap")),
        }
    }
}

/// What is left of the user's limit (RLIMIT_NPROC, getrlimit(2)), which counts threads and does not hold for root.
fn by_user() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let own = field(&status, "Uid:")?;
    if limit == RLIM_INFINITY || own == "0" {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let statuses =
        processes.filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
    let used: u64 = statuses
        .filter(|status| field(status, "Uid:") == Some(own))
        .filter_map(|status| field(&status, "Threads:")?.parse::<u64>().ok())
        .sum();
    Some(limit.saturating_sub(used))
}

/// First word of a field of a file in /proc.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

/// What is left of the limit of the control group that this process is in (cgroup v2, pids.max).
fn by_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |file: &str| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup{path}/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    Some(number("pids.max")?.saturating_sub(number("pids.current")?))
}

/// Bytes that are left by /proc/meminfo. `strict`: the host promises no more than it has (overcommit_memory 2).
fn memory_left(info: &str, strict: bool) -> Option<u64> {
    let kibibytes = |name: &str| field(info, name)?.parse::<u64>().ok();
    let left = if strict {
        kibibytes("CommitLimit:")?.saturating_sub(kibibytes("Committed_AS:")?)
    } else {
        kibibytes("MemAvailable:")?
    };
    Some(left << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_gives_what_a_small_machine_needs() {
        let needs = Needs {
            processes: 2,
            memory: 1 << 20,
        };
        assert_eq!(needs.complaint(&Host::this()), None);
        assert_eq!(needs.complaint(&Host::default()), None, "nothing is known");
    }

    #[test]
    fn what_is_short_is_named() {
        let needs = Needs {
            processes: 10,
            memory: 64 << 20,
        };
        let said = |host: Host| needs.complaint(&host).unwrap_or_default();
        let processes = Some(12);
        let few = Host {
            processes,
            ..Host::default()
        };
        assert!(said(few).contains("13 processes"), "{}", said(few));
        let memory = Some(63 << 20);
        let small = Host {
            memory,
            ..Host::default()
        };
        assert!(said(small).contains("64 MiB of memory"), "{}", said(small));
        let locked = Host {
            refuses_memory_files: true,
            ..Host::default()
        };
        assert!(said(locked).contains("memfd_noexec"));
        let open = Host {
            lacks_filters: true,
            ..Host::default()
        };
        assert!(said(open).contains("seccomp"));
    }

    #[test]
    fn a_host_that_promises_no_more_than_it_has_is_asked_for_its_promises() {
        let info = "MemAvailable: 100 kB\nCommitLimit:  50 kB\nCommitted_AS:   20 kB\n";
        assert_eq!(memory_left(info, false), Some(100 << 10));
        assert_eq!(memory_left(info, true), Some(30 << 10));
    }
}
