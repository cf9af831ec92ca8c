//! What was set for a recording and changes what its numbers mean, as words to hold against another's.
//!
//! Key function: [`settings`]. Neighbour: `comparison.rs` says which of them differ.

use trapline_trace_format::meta::{Availability, Detail, Job, Target, Tuning};

/// Names and values, those of one kind of target always the same names in the same order.
pub(super) fn settings(target: &Target) -> Vec<(&'static str, String)> {
    match target {
        Target::Mini {
            jobs,
            scheduler,
            quantum_ns,
            tick_ns,
            tuning,
            protect,
            traced,
            seed,
            root,
            input: _,
            memory_bytes,
            disk_latency_ns,
        } => vec![
            ("the kernel", "the mini-kernel".to_owned()),
            ("what ran", ran(jobs)),
            ("what the scheduler was told of the jobs", told(jobs)),
            ("the scheduler", scheduler.clone()),
            ("the scheduler's tuning", tuned(tuning.as_ref())),
            ("the quantum", format!("{quantum_ns} ns")),
            ("the tick", format!("{tick_ns} ns")),
            ("protection of kernel memory", on_off(*protect)),
            ("the tracer", on_off(*traced)),
            ("the seed", seed.to_string()),
            (
                "the root directory",
                root.clone().unwrap_or_else(|| "none".to_owned()),
            ),
            ("the memory", format!("{memory_bytes} bytes")),
            ("the disk's latency", format!("{disk_latency_ns} ns")),
        ],
        Target::Linux {
            command,
            attached,
            filter,
            follow,
            detail,
            switches,
            page_faults,
        } => vec![
            ("the kernel", "Linux".to_owned()),
            (
                "what ran",
                if attached.is_empty() {
                    format!("`{}`", command.join(" "))
                } else {
                    format!("attached to {} processes", attached.len())
                },
            ),
            (
                "the filter of system calls",
                filter.clone().unwrap_or_else(|| "none".to_owned()),
            ),
            ("following of new processes", on_off(*follow)),
            (
                "what was kept",
                match detail {
                    Detail::Events => "events".to_owned(),
                    Detail::Summary => "statistics alone".to_owned(),
                },
            ),
            ("times of context switches", available(switches)),
            ("page faults one by one", available(page_faults)),
        ],
    }
}

fn ran(jobs: &[Job]) -> String {
    let jobs: Vec<_> = jobs
        .iter()
        .map(|job| format!("`{}`", job.command()))
        .collect();
    jobs.join(" ")
}

fn told(jobs: &[Job]) -> String {
    let told = |job: &Job| {
        let length = job
            .length_ns
            .map_or_else(String::new, |ns| format!(" for {ns} ns"));
        format!(
            "from {} ns{length}, {} tickets, niceness {}",
            job.arrival_ns, job.tickets, job.nice
        )
    };
    jobs.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn tuned(tuning: Option<&Tuning>) -> String {
    match tuning {
        None => "none".to_owned(),
        Some(Tuning::Mlfq {
            levels,
            allotment_ns,
            growth,
            boost_ns,
            old_rule_4,
        }) => format!(
            "{levels} levels, allotment {allotment_ns} ns, growth {growth}, boost every {} ns, old rule 4 {}",
            boost_ns.unwrap_or(0),
            on_off(*old_rule_4)
        ),
        Some(Tuning::Cfs {
            latency_ns,
            min_granularity_ns,
        }) => format!("latency {latency_ns} ns, shortest slice {min_granularity_ns} ns"),
    }
}

fn available(availability: &Availability) -> String {
    match availability {
        Availability::Available => "there".to_owned(),
        Availability::Refused { .. } | Availability::NotAsked => "not there".to_owned(),
    }
}

fn on_off(on: bool) -> String {
    if on {
        "on".to_owned()
    } else {
        "off".to_owned()
    }
}
