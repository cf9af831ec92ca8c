//! `trapline doctor`: can this host run and trace the mini-kernel and trace programs on Linux, what could it do with more rights,
//! and how to get them. What is about Linux programs is in `doctor/linux.rs`.

mod linux;

use std::fs;

use serde::Serialize;
use trapline_reports::text::escape::escape;
use trapline_tracer::calibrate::calibrate;
use trapline_tracer::clock::{Clock, Source};
use trapline_tracer::host;

use crate::cli::DoctorArgs;
use crate::exit::Exit;
use crate::images::images;
use crate::run_machine::machine_cpu;
use crate::terminal;

/// What one check found.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// What was found.
    detail: String,
    /// What to do about it, where something can be done.
    remedy: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Works.
    Fine,
    /// Works, but less well.
    Limited,
    /// Does not work.
    Broken,
}

/// Runs every check. Exits 1 when the mini-kernel cannot be recorded here or ptrace is refused.
pub(crate) fn run(args: DoctorArgs) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let mut findings = vec![
        host(),
        cpus(),
        instruction_set(),
        time(&clock),
        machine(&clock, false),
        machine(&clock, true),
    ];
    findings.extend(linux::findings());
    let output = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&findings)?)
    } else {
        findings.iter().map(line).collect()
    };
    terminal::print(&output)?;
    let broken = findings
        .iter()
        .any(|finding| finding.state == State::Broken);
    Ok(if broken { Exit::Error } else { Exit::Fine })
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Fine => "fine",
        State::Limited => "limited",
        State::Broken => "BROKEN",
    };
    let remedy = finding.remedy.as_ref().map_or_else(String::new, |remedy| {
        format!("\n         -> {}", escape(remedy))
    });
    format!(
        "{state:8} {}: {}{remedy}\n",
        finding.check,
        escape(&finding.detail)
    )
}

fn fine(check: &'static str, detail: String) -> Finding {
    Finding {
        check,
        state: State::Fine,
        detail,
        remedy: None,
    }
}

fn host() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    fine("host", format!("Linux {} on x86-64", release.trim()))
}

fn cpus() -> Finding {
    match host::allowed_cpus() {
        Ok(cpus) if cpus.len() > 1 => {
            let last = cpus.last().copied().unwrap_or(0);
            fine(
                "CPUs",
                format!("{} may be used; the machine gets CPU {last}", cpus.len()),
            )
        }
        Ok(_) => Finding {
            check: "CPUs",
            state: State::Limited,
            detail: "one CPU: compressing and writing the trace shares it with the machine"
                .to_owned(),
            remedy: Some(
                "allow a second CPU (taskset, cgroup cpuset) for steadier times".to_owned(),
            ),
        },
        Err(error) => Finding {
            check: "CPUs",
            state: State::Broken,
            detail: error.to_string(),
            remedy: None,
        },
    }
}

/// A replay cannot give a program the CPU's answers that it got when it was recorded.
fn instruction_set() -> Finding {
    let (level, can_trap) = host::instruction_set();
    let cpuid = if can_trap {
        "could trap"
    } else {
        "cannot trap"
    };
    fine(
        "instruction set",
        format!(
            "x86-64-v{level}; CPUID {cpuid} and is left alone: who asks the CPU, as C libraries do, replays on one like it"
        ),
    )
}

fn time(clock: &Clock) -> Finding {
    let cost = format!("{:.0} ns a reading", clock.cost_ns());
    match clock.source() {
        Source::Tsc => fine("clock", format!("time stamp counter, {cost}")),
        Source::Monotonic => Finding {
            check: "clock",
            state: State::Limited,
            detail: format!(
                "the host does not trust its time stamp counter; CLOCK_MONOTONIC is used, {cost}"
            ),
            remedy: Some("boot a host whose clock source is tsc for cheaper readings".to_owned()),
        },
    }
}

/// Boots the machine for real: nothing else tells whether every right is there.
fn machine(clock: &Clock, traced: bool) -> Finding {
    let check = if traced {
        "mini-kernel, traced"
    } else {
        "mini-kernel"
    };
    let result = machine_cpu().and_then(|cpu| Ok(calibrate(&images(), clock, cpu, true, traced)?));
    match result {
        Ok(costs) if traced => fine(
            check,
            format!(
                "boots; a ptrace stop hides {:.1} us",
                costs.hidden_stop_ns / 1e3
            ),
        ),
        Ok(costs) => fine(
            check,
            format!(
                "boots; a null system call takes {:.1} us",
                costs.null_syscall_ns / 1e3
            ),
        ),
        Err(error) => {
            let remedy = if traced {
                "allow ptrace (container: --cap-add SYS_PTRACE; kernel.yama.ptrace_scope below 3), or use --tracer none"
            } else {
                "the host must allow memfd_create with execution, seccomp filters and pidfd_open (Linux 5.3 or newer)"
            };
            Finding {
                check,
                state: State::Broken,
                detail: error.to_string(),
                remedy: Some(remedy.to_owned()),
            }
        }
    }
}
