//! What the trace says of what ran.

use std::time::Duration;

use trapline_trace_format::event::Nanos;
use trapline_trace_format::meta::{self, Target, Tuning};

use super::RecordOptions;
use crate::machine::{Input, Job, Scheduler, SchedulerOptions};

/// A machine as meta.json has it.
pub(super) fn mini(options: &RecordOptions) -> Target {
    let machine = &options.machine;
    let scheduler = &machine.scheduler;
    let kind = Scheduler::from_number(scheduler.kind);
    Target::Mini {
        jobs: machine.jobs.iter().map(job).collect(),
        scheduler: kind.map_or("unknown", Scheduler::name).to_owned(),
        quantum_ns: signed(scheduler.quantum_ns),
        tick_ns: signed(scheduler.tick_ns),
        tuning: tuning(kind, scheduler),
        protect: machine.protect,
        traced: options.traced,
        seed: scheduler.seed,
        root: machine.root.as_ref().map(|root| root.display().to_string()),
        input: match machine.input {
            Input::None => meta::ConsoleInput::None,
            Input::Inherited => meta::ConsoleInput::Inherited,
            Input::File(_) => meta::ConsoleInput::File,
        },
        memory_bytes: machine.memory,
        disk_latency_ns: nanos(machine.disk_latency),
    }
}

fn job(job: &Job) -> meta::Job {
    meta::Job {
        arguments: job.arguments.clone(),
        arrival_ns: nanos(job.arrival),
        length_ns: job.length.map(nanos),
        tickets: job.tickets,
        nice: job.nice,
    }
}

fn tuning(kind: Option<Scheduler>, scheduler: &SchedulerOptions) -> Option<Tuning> {
    match kind? {
        Scheduler::Mlfq => Some(Tuning::Mlfq {
            levels: scheduler.mlfq_levels,
            allotment_ns: signed(scheduler.mlfq_allotment_ns),
            growth: scheduler.mlfq_growth,
            boost_ns: (scheduler.mlfq_boost_ns > 0).then(|| signed(scheduler.mlfq_boost_ns)),
            old_rule_4: scheduler.mlfq_old_rule_4 != 0,
        }),
        Scheduler::Cfs => Some(Tuning::Cfs {
            latency_ns: signed(scheduler.cfs_latency_ns),
            min_granularity_ns: signed(scheduler.cfs_min_granularity_ns),
        }),
        _ => None,
    }
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

fn signed(nanoseconds: u64) -> Nanos {
    Nanos::try_from(nanoseconds).unwrap_or(Nanos::MAX)
}
