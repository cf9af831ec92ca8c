//! What `doctor` finds out about tracing programs on Linux: ptrace, attaching, context switches, page faults.
//!
//! Everything is tried for real where it can be: settings alone do not tell what a container's filter forbids.

use std::fs;

use trapline_reports::units::bytes;
use trapline_tracer::host_events::{self, mlock_kilobytes, paranoia};
use trapline_tracer::linux;

use super::{Finding, State, fine};

pub(super) fn findings() -> [Finding; 4] {
    [ptrace(), attaching(), host_events(), filter()]
}

fn ptrace() -> Finding {
    const CHECK: &str = "Linux programs";
    match linux::try_out() {
        Ok(costs) => fine(
            CHECK,
            format!(
                "traced; a stop costs {:.1} us besides the time of the hold",
                costs.hidden_stop_ns / 1e3
            ),
        ),
        Err(error) => Finding {
            check: CHECK,
            state: State::Broken,
            detail: error.to_string(),
            remedy: Some(
                "allow ptrace (container: --cap-add SYS_PTRACE; kernel.yama.ptrace_scope below 3)"
                    .to_owned(),
            ),
        },
    }
}

/// Yama's word on whose processes may be traced. Own children may up to 2 by root, up to 1 by everyone.
fn attaching() -> Finding {
    const CHECK: &str = "attaching (-p)";
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let scope = scope.as_deref().map(str::trim);
    let (detail, remedy) = match scope {
        Err(_) | Ok("0") => {
            return fine(CHECK, "to every process of the same user".to_owned());
        }
        Ok("1") => (
            "kernel.yama.ptrace_scope is 1: programs that trapline starts may be traced, running ones by \
             the administrator alone"
                .to_owned(),
            "as administrator: sysctl kernel.yama.ptrace_scope=0",
        ),
        Ok(scope) => (
            format!("kernel.yama.ptrace_scope is {scope}: ptrace is the administrator's, if anyone's"),
            "as administrator: sysctl kernel.yama.ptrace_scope=1, or 0 to attach to running processes; \
             3 lasts until the next boot",
        ),
    };
    Finding {
        check: CHECK,
        state: State::Limited,
        detail,
        remedy: Some(remedy.to_owned()),
    }
}

fn host_events() -> Finding {
    const CHECK: &str = "context switches and page faults";
    let settings = match (paranoia(), mlock_kilobytes()) {
        (Some(paranoia), Some(kb)) => {
            format!("perf_event_paranoid is {paranoia}, perf_event_mlock_kb {kb}")
        }
        _ => "this host has no perf_event_paranoid".to_owned(),
    };
    match host_events::try_out() {
        Ok(rings) => {
            let detail = format!(
                "told one by one; rings of {} and {} a CPU ({settings})",
                bytes(rings.switches as u64),
                bytes(rings.faults as u64)
            );
            match rings.full_size {
                true => fine(CHECK, detail),
                false => Finding {
                    check: CHECK,
                    state: State::Limited,
                    detail: format!("{detail}: records may be lost"),
                    remedy: Some(
                        "end other tools that use perf_event_open, raise `ulimit -l`, or as administrator: sysctl \
                         kernel.perf_event_mlock_kb=2048"
                            .to_owned(),
                    ),
                },
            }
        }
        Err(refusal) => Finding {
            check: CHECK,
            state: State::Limited,
            detail: format!(
                "{}; their numbers come from the kernel's own accounts ({settings})",
                refusal.why
            ),
            remedy: refusal.remedy,
        },
    }
}

/// Whether someone filters our system calls: then this is probably a container, and its settings are not the host's alone.
fn filter() -> Finding {
    const CHECK: &str = "seccomp";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"))
        .map(str::trim);
    let detail = match mode {
        Some("0") => "no filter on this process",
        Some(_) => "a filter is in force on this process and all that it starts, as in a container",
        None => "the host does not say",
    };
    fine(CHECK, detail.to_owned())
}
