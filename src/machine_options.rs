//! From what a user says of a machine to the machine's options, with the usual where nothing is said.
//!
//! Neighbours: `cli/record.rs` and `scenario.rs` read what the user says, `commands/record.rs` records what comes out.

use std::time::Duration;

use trapline_tracer::machine::{Input, Job, MachineOptions, Scheduler, SchedulerOptions};

use crate::cli::{self, MachineArgs, Stdin, Switch, Tsc, Variable};

/// Where programs are looked for.
const PATH: &str = "/guests:/bin:/usr/bin";

/// A machine with these jobs.
pub(crate) fn machine_options(jobs: Vec<Job>, args: &MachineArgs, cpu: usize) -> MachineOptions {
    let usual = MachineOptions::new(jobs, cpu);
    MachineOptions {
        scheduler: scheduler_options(args),
        protect: args.protect.map_or(usual.protect, |on| on == Switch::On),
        root: args.root.clone(),
        input: match &args.stdin {
            Some(Stdin::None) => Input::None,
            Some(Stdin::File(path)) => Input::File(path.clone()),
            Some(Stdin::Inherit) | None => Input::Inherited,
        },
        memory: args.memory.unwrap_or(usual.memory),
        disk_latency: args.disk_latency.map_or(usual.disk_latency, duration),
        trap_tsc: args.tsc == Some(Tsc::Trap),
        ..usual
    }
}

/// The scheduler, with its usual parameters where nothing else is said.
fn scheduler_options(args: &MachineArgs) -> SchedulerOptions {
    let kind = match args.scheduler.unwrap_or(cli::Scheduler::Rr) {
        cli::Scheduler::Fifo => Scheduler::Fifo,
        cli::Scheduler::Sjf => Scheduler::Sjf,
        cli::Scheduler::Stcf => Scheduler::Stcf,
        cli::Scheduler::Rr => Scheduler::RoundRobin,
        cli::Scheduler::Mlfq => Scheduler::Mlfq,
        cli::Scheduler::Lottery => Scheduler::Lottery,
        cli::Scheduler::Stride => Scheduler::Stride,
        cli::Scheduler::Cfs => Scheduler::Cfs,
    };
    let usual = SchedulerOptions::new(kind);
    let ns = |given: Option<i64>, usual: u64| given.map_or(usual, |ns| ns.max(0) as u64);
    let quantum_ns = ns(args.quantum, usual.quantum_ns);
    SchedulerOptions {
        quantum_ns,
        tick_ns: ns(args.tick, usual.tick_ns),
        seed: args.seed.unwrap_or(usual.seed),
        mlfq_levels: args.mlfq_levels.unwrap_or(usual.mlfq_levels),
        mlfq_allotment_ns: ns(args.mlfq_allotment, 2 * quantum_ns),
        mlfq_growth: args.mlfq_growth.unwrap_or(usual.mlfq_growth),
        mlfq_boost_ns: ns(args.mlfq_boost, usual.mlfq_boost_ns),
        mlfq_old_rule_4: args.mlfq_old_rule_4.into(),
        cfs_latency_ns: ns(args.cfs_latency, usual.cfs_latency_ns),
        cfs_min_granularity_ns: ns(args.cfs_min_granularity, usual.cfs_min_granularity_ns),
        ..usual
    }
}

/// What every program finds in its environment, and these variables; a later one replaces an earlier one of its name.
pub(crate) fn environment<'a>(variables: impl IntoIterator<Item = &'a Variable>) -> Vec<String> {
    let mut all = vec![
        ("PATH".to_owned(), PATH.to_owned()),
        ("HOME".to_owned(), "/".to_owned()),
    ];
    // The one thing of the host's that output depends on.
    all.extend(
        std::env::var("TERM")
            .ok()
            .map(|term| ("TERM".to_owned(), term)),
    );
    for variable in variables {
        all.retain(|(name, _)| *name != variable.name);
        all.push((variable.name.clone(), variable.value.clone()));
    }
    all.into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// Nanoseconds of the command line as a duration.
pub(crate) fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(nanoseconds.max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_replaces_one_of_its_name_and_nothing_else_of_the_host_comes_in() {
        let variable = |name: &str, value: &str| Variable {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let variables = [
            variable("TERM", "dumb"),
            variable("A", "1"),
            variable("PATH", "/bin"),
            variable("A", "2"),
        ];
        assert_eq!(
            environment(&variables),
            ["HOME=/", "TERM=dumb", "PATH=/bin", "A=2"]
        );
        assert!(environment([]).starts_with(&[format!("PATH={PATH}"), "HOME=/".to_owned()]));
    }

    #[test]
    fn mlfqs_allotment_is_two_quanta_whatever_these_are() {
        let args = MachineArgs {
            scheduler: Some(cli::Scheduler::Mlfq),
            quantum: Some(3_000_000),
            ..MachineArgs::default()
        };
        assert_eq!(scheduler_options(&args).mlfq_allotment_ns, 6_000_000);
    }
}
