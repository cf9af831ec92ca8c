//! A made-up trace with the shape of a real one: five jobs under round robin for three seconds. For tests and the
//! example; every number is the same on every run.

use std::collections::BTreeMap;

use trapline_analyzer::Mapping;
use trapline_analyzer::summary::*;
use trapline_trace_format::event::{Backing, Cause, ExitStatus, Rights, Role, SwitchReason, Waits};
use trapline_trace_format::meta::*;

const MS: i64 = 1_000_000;
const QUANTUM: i64 = 10 * MS;
const NAMES: [&str; 5] = ["spin", "storm", "yielder", "sleeper", "greedy"];

/// A small generator of noise, so that the sample needs no crate.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// About `middle`, now and then much more, as costs are.
    fn cost(&mut self, middle: i64) -> i64 {
        let spread = (0..4).map(|_| (self.next() % 1000) as i64).sum::<i64>() - 2000;
        let rare = if self.next().is_multiple_of(200) {
            4 + (self.next() % 12) as i64
        } else {
            1
        };
        (middle + middle * spread / 9000).max(20) * rare
    }
}

/// What a trace of five jobs gives.
pub(crate) fn sample() -> (Summary, PlotData) {
    let mut noise = Noise(7);
    let mut data = PlotData::default();
    let mut costs: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut switch_costs: BTreeMap<SwitchReason, Vec<i64>> = BTreeMap::new();
    let mut quanta = Vec::new();
    let (mut now, mut turn, mut tracer) = (0, 0, 0);
    let mut user = [0i64; 5];
    let mut kernel: BTreeMap<(u32, Cause), i64> = BTreeMap::new();
    let (mut switching, mut idle) = (0, 0);
    while now < 3_000 * MS {
        let thread = turn % 5;
        turn += 1;
        let start = now;
        let (length, reason) = match thread {
            1 => (noise.cost(2 * MS), SwitchReason::Block),
            2 => (noise.cost(MS / 4), SwitchReason::Yield),
            3 => (noise.cost(60_000), SwitchReason::Block),
            _ => (
                QUANTUM + (noise.next() % 120_000) as i64 - 20_000,
                SwitchReason::Quantum,
            ),
        };
        let calls = if thread == 1 {
            40
        } else {
            usize::from(thread != 0 && thread != 4)
        };
        for call in 0..calls {
            let name = [
                "getpid",
                "sched_yield",
                "nanosleep",
                "write",
                "clock_gettime",
            ][(thread + call / 39) % 5];
            let cost = noise.cost([2_300, 4_900, 3_100, 6_000, 2_600][(thread + call / 39) % 5]);
            costs.entry(name).or_default().push(cost);
            *kernel
                .entry((thread as u32 + 1, Cause::Syscall))
                .or_default() += cost;
            user[thread] += cost;
            let at = start + length * call as i64 / calls as i64;
            data.visits.push(Visit {
                thread: thread as u32 + 1,
                cause: Cause::Syscall,
                start_ns: at,
                end_ns: at + cost,
            });
        }
        if reason == SwitchReason::Quantum {
            quanta.push(length);
            let cost = noise.cost(3_600);
            *kernel.entry((thread as u32 + 1, Cause::Timer)).or_default() += cost;
            let end = start + length;
            data.visits.push(Visit {
                thread: thread as u32 + 1,
                cause: Cause::Timer,
                start_ns: end - cost,
                end_ns: end,
            });
        }
        let cost = noise.cost(if reason == SwitchReason::Yield {
            4_900
        } else {
            6_400
        });
        switch_costs.entry(reason).or_default().push(cost);
        switching += cost;
        user[thread] += length;
        now += length;
        data.slices.push(Slice {
            thread: thread as u32 + 1,
            start_ns: start,
            end_ns: now,
            reason: Some(reason),
        });
        now += cost;
        let held = length / 12;
        tracer += held;
        user[thread] -= held;
        if turn % 97 == 0 {
            let gap = noise.cost(9 * MS);
            data.slices.push(Slice {
                thread: 0,
                start_ns: now,
                end_ns: now + gap,
                reason: Some(SwitchReason::Idle),
            });
            now += gap;
            idle += gap;
        }
    }
    data.shown_ns = now;
    data.syscall_costs = costs
        .iter()
        .map(|(name, values)| ((*name).to_owned(), buckets(values)))
        .collect();
    data.switch_costs = switch_costs
        .iter()
        .map(|(reason, values)| (*reason, buckets(values)))
        .collect();
    data.quanta = buckets(&quanta);

    let mut partition: Vec<Part> = (0..5)
        .map(|t| Part {
            activity: Activity::User { thread: t + 1 },
            ns: 0,
        })
        .collect();
    for ((thread, cause), ns) in &kernel {
        user[*thread as usize - 1] -= ns;
        partition.push(Part {
            activity: Activity::Kernel {
                thread: *thread,
                cause: Some(*cause),
            },
            ns: *ns,
        });
    }
    partition.push(Part {
        activity: Activity::Kernel {
            thread: 1,
            cause: None,
        },
        ns: 41_000,
    });
    partition.extend([
        Part {
            activity: Activity::Switch,
            ns: switching,
        },
        Part {
            activity: Activity::Idle,
            ns: idle,
        },
        Part {
            activity: Activity::Tracer,
            ns: tracer,
        },
    ]);
    for (part, ns) in partition.iter_mut().zip(user) {
        part.ns = ns;
    }
    let in_kernel: i64 = kernel.values().sum();
    let in_user: i64 = user.iter().sum();
    let cpu = (in_kernel + switching + in_user) as f64;
    let by_cause = |cause: Cause| {
        kernel
            .iter()
            .filter(|((_, c), _)| *c == cause)
            .map(|(_, ns)| *ns)
            .sum::<i64>()
    };
    let mut threads: Vec<ThreadStat> = (0..5)
        .map(|index| thread(index, &user, &kernel, &data, now))
        .collect();
    threads.extend(latecomers(&threads[1]));
    data.memory = memory(now);
    let summary = Summary {
        linux: None,
        name: "five-jobs.trap".to_owned(),
        meta: meta(now),
        incomplete: None,
        wall_ns: partition.iter().map(|part| part.ns).sum(),
        partition,
        overhead: Overhead {
            without_probe: (in_kernel + switching) as f64 / cpu,
            with_probe: (in_kernel + switching + tracer) as f64 / (cpu + tracer as f64),
            probe_share: tracer as f64 / now as f64,
        },
        causes: [Cause::Syscall, Cause::Timer]
            .into_iter()
            .map(|cause| CauseStat {
                cause,
                kernel: Distribution {
                    total_ns: by_cause(cause),
                    ..all_of(&costs, cause, &quanta)
                },
                share: by_cause(cause) as f64 / cpu,
            })
            .collect(),
        syscalls: syscalls(&costs),
        switches: switch_costs
            .iter()
            .map(|(reason, values)| SwitchStat {
                reason: *reason,
                voluntary: reason.is_voluntary(),
                cost: distribution(values),
            })
            .collect(),
        unknown_calls: vec![UnknownCall {
            program: "greedy".to_owned(),
            number: 257,
            name: "openat".to_owned(),
            count: 3,
        }],
        page_faults: PageFaults {
            resolved: 6 * 120,
            refused: 1,
        },
        blocked: vec![
            waited(Some(Waits::Sleep), now / 3),
            waited(Some(Waits::Futex), now / 4),
            waited(None, now / 90),
        ],
        processes: threads
            .iter()
            .filter(|thread| thread.role == Role::Process)
            .map(|first| process(first, &threads))
            .collect(),
        threads,
        quantum: Some(QuantumStat {
            asked_ns: QUANTUM,
            got: distribution(&quanta),
        }),
    };
    (summary, data)
}

fn all_of(costs: &BTreeMap<&str, Vec<i64>>, cause: Cause, quanta: &[i64]) -> Distribution {
    match cause {
        Cause::Syscall => distribution(&costs.values().flatten().copied().collect::<Vec<_>>()),
        _ => distribution(
            &quanta
                .iter()
                .map(|length| 3_000 + length % 1_500)
                .collect::<Vec<_>>(),
        ),
    }
}

fn syscalls(costs: &BTreeMap<&str, Vec<i64>>) -> Vec<SyscallStat> {
    let mut stats: Vec<SyscallStat> = costs
        .iter()
        .map(|(name, values)| SyscallStat {
            abi: Default::default(),
            by_clock: Distribution::default(),
            number: name.len() as i32,
            name: (*name).to_owned(),
            errors: 0,
            unknown: 0,
            kernel: distribution(values),
            elapsed: Distribution {
                p50_ns: distribution(values).p50_ns * 3,
                ..distribution(values)
            },
        })
        .collect();
    stats.push(SyscallStat {
        abi: Default::default(),
        by_clock: Distribution::default(),
        number: 257,
        name: "openat".to_owned(),
        errors: 3,
        unknown: 3,
        kernel: distribution(&[1_900, 2_000, 2_100]),
        elapsed: distribution(&[2_900, 3_000, 3_100]),
    });
    stats.sort_by_key(|stat| std::cmp::Reverse(stat.kernel.total_ns));
    stats
}

fn thread(
    index: usize,
    user: &[i64; 5],
    kernel: &BTreeMap<(u32, Cause), i64>,
    data: &PlotData,
    wall: i64,
) -> ThreadStat {
    let id = index as u32 + 1;
    let kernel_ns = kernel
        .iter()
        .filter(|((thread, _), _)| *thread == id)
        .map(|(_, ns)| *ns)
        .sum();
    let lost = |voluntary: bool| {
        let mine = data.slices.iter().filter(|slice| slice.thread == id);
        mine.filter(|slice| {
            slice
                .reason
                .is_some_and(|reason| reason.is_voluntary() == voluntary)
        })
        .count() as u64
    };
    ThreadStat {
        thread: id,
        process: id,
        role: Role::Process,
        name: NAMES[index].to_owned(),
        arrival_ns: 0,
        user_ns: user[index],
        kernel_ns,
        waiting_ns: wall / 2,
        blocked_ns: if index % 2 == 1 { wall / 3 } else { 0 },
        blocked: if index % 2 == 1 {
            vec![waited(Some(Waits::Sleep), wall / 3)]
        } else {
            Vec::new()
        },
        response_ns: Some(index as i64 * QUANTUM),
        turnaround_ns: (index != 4).then_some(wall - index as i64 * 37 * MS),
        voluntary: lost(true),
        involuntary: lost(false),
        traps: data
            .visits
            .iter()
            .filter(|visit| visit.thread == id)
            .count() as u64,
        status: match index {
            4 => None,
            2 => Some(ExitStatus::Killed {
                signal: 11,
                cause: Some(Cause::Protection),
                address: 0xffff_8000_0000_1000,
            }),
            _ => Some(ExitStatus::Code(0)),
        },
    }
}

/// Two more threads of `storm`, and a child of `spin` that became `ls` and was killed.
fn latecomers(storm: &ThreadStat) -> Vec<ThreadStat> {
    let more = |thread, arrival_ns| ThreadStat {
        thread,
        role: Role::Thread,
        arrival_ns,
        user_ns: 3 * MS,
        blocked: vec![waited(Some(Waits::Futex), MS)],
        blocked_ns: MS,
        ..storm.clone()
    };
    let child = ThreadStat {
        thread: 8,
        process: 8,
        role: Role::Process,
        name: "ls".to_owned(),
        user_ns: MS,
        status: Some(ExitStatus::Killed {
            signal: 15,
            cause: None,
            address: 0,
        }),
        ..more(8, 9 * MS)
    };
    vec![more(6, 4 * MS), more(7, 5 * MS), child]
}

/// A process of these threads.
fn process(first: &ThreadStat, threads: &[ThreadStat]) -> ProcessStat {
    let of_process = || threads.iter().filter(|t| t.process == first.process);
    let sum = |ns: fn(&ThreadStat) -> i64| of_process().map(ns).sum::<i64>();
    let is_child = first.process == 8;
    ProcessStat {
        process: first.process,
        parent: u32::from(is_child),
        name: first.name.clone(),
        programs: vec![first.name.clone()],
        threads: of_process().count() as u64,
        arrival_ns: first.arrival_ns,
        user_ns: sum(|t| t.user_ns),
        kernel_ns: sum(|t| t.kernel_ns),
        waiting_ns: sum(|t| t.waiting_ns),
        blocked_ns: sum(|t| t.blocked_ns),
        blocked: first.blocked.clone(),
        response_ns: first.response_ns,
        turnaround_ns: first.turnaround_ns,
        voluntary: of_process().map(|t| t.voluntary).sum(),
        involuntary: of_process().map(|t| t.involuntary).sum(),
        traps: of_process().map(|t| t.traps).sum(),
        page_faults: PageFaults {
            resolved: 120,
            refused: u64::from(first.process == 3),
        },
        peak_mapped_bytes: 9_000_000 + 4096 * u64::from(first.process),
        status: first.status,
        usage: None,
        killed_by: is_child.then_some(1),
    }
}

fn waited(waits: Option<Waits>, ns: i64) -> BlockedStat {
    BlockedStat { waits, ns }
}

/// Memory maps of the sample's processes: `storm` has threads, the child of `spin` lives in its parent's memory.
fn memory(now: i64) -> MemoryPicture {
    let column = |process: u32, name: &str, threads: u64, space: u32| {
        let mut mappings = vec![
            region(0x40_0000, 0x40_9000, Rights::READ_EXECUTE, Backing::File),
            region(0x40_9000, 0x40_c000, Rights::READ, Backing::File),
            region(0x40_c000, 0x40_e000, Rights::READ_WRITE, Backing::File),
            region(
                0x80_0000,
                0x80_0000 + 0x21000 * u64::from(process),
                Rights::READ_WRITE,
                Backing::Heap,
            ),
        ];
        for thread in 1..threads {
            let start = 0x7f00_0000_0000 + 0x20_1000 * thread;
            mappings.push(region(
                start,
                start + 0x1000,
                Rights::NONE,
                Backing::Anonymous,
            ));
            mappings.push(Mapping {
                stack_of: Some(5 + thread as u32),
                ..region(
                    start + 0x1000,
                    start + 0x20_1000,
                    Rights::READ_WRITE,
                    Backing::Anonymous,
                )
            });
        }
        mappings.push(region(
            0x6f00_0000_0000 + (1 << 41),
            0x6f00_0000_0000 + (1 << 41) + 0x4000,
            Rights::READ_WRITE,
            Backing::Shared,
        ));
        mappings.sort_by_key(|mapping| mapping.start);
        mappings.push(Mapping {
            stack_of: Some(space),
            ..region(
                0x7fff_ff00_0000,
                0x7fff_ff80_0000,
                Rights::READ_WRITE,
                Backing::Stack,
            )
        });
        MemoryColumn {
            process,
            name: name.to_owned(),
            time_ns: now / i64::from(process + 1),
            threads,
            space,
            mappings,
        }
    };
    let of_job = |index: usize| {
        let threads = if index == 1 { 3 } else { 1 };
        column(index as u32 + 1, NAMES[index], threads, index as u32 + 1)
    };
    let mut columns: Vec<MemoryColumn> = (0..5).map(of_job).collect();
    columns.push(column(8, "ls", 1, 1));
    MemoryPicture {
        columns,
        left_out: 2,
    }
}

/// A mapping that is nobody's stack.
pub(crate) fn region(start: u64, end: u64, rights: Rights, backing: Backing) -> Mapping {
    Mapping {
        start,
        end,
        rights,
        backing,
        inode: if backing == Backing::File { 7 } else { 0 },
        offset: 0,
        stack_of: None,
    }
}

/// The meta.json of the sample.
pub(crate) fn meta(wall_ns: i64) -> Meta {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Meta {
        format_version: FORMAT_VERSION,
        tool_version: "0.1.0".to_owned(),
        command: [
            "trapline",
            "record",
            "--job",
            "spin 800",
            "--job",
            "storm 40000",
            "-o",
            "five-jobs.trap",
        ]
        .map(str::to_owned)
        .to_vec(),
        started_unix_s: 1_767_225_600,
        target: Target::Mini {
            jobs: [
                "spin 800",
                "storm 40000",
                "yielder 2000",
                "sleeper 5 20",
                "greedy",
            ]
            .map(|job| Job::new(words(job)))
            .to_vec(),
            scheduler: "rr".to_owned(),
            quantum_ns: QUANTUM,
            tick_ns: MS,
            protect: true,
            traced: true,
            seed: 0,
            tuning: None,
            root: None,
            input: ConsoleInput::None,
            memory_bytes: 256 << 20,
            disk_latency_ns: 5_000_000,
        },
        host: Host {
            cpu: "AMD EPYC 7R13 Processor".to_owned(),
            cpus: 2,
            pinned_cpu: Some(1),
            kernel: "6.18.0".to_owned(),
            clock: "tsc".to_owned(),
            hypervisor: Some("kvm".to_owned()),
            processor: None,
        },
        calibration: Calibration {
            clock_read_ns: 21.4,
            entry_ns: 760.0,
            exit_ns: 690.0,
            hidden_stop_ns: 1_830.0,
            on_cpu_stop_ns: 0.0,
            null_syscall_ns: 5_400.0,
        },
        outcome: Outcome::Completed { status: 0 },
        wall_ns,
        boot_ns: 14_200_000,
        events: 123_456,
        lost: Vec::new(),
        witnesses: Witnesses::Agree {
            traps: 40_321,
            returns: 40_316,
        },
        tables: BTreeMap::new(),
        replay: BTreeMap::new(),
        replay_data: Default::default(),
    }
}

/// Count, sum and percentiles of the values.
pub(crate) fn distribution(values: &[i64]) -> Distribution {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| {
        sorted
            .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
            .copied()
    };
    Distribution {
        count: sorted.len() as u64,
        total_ns: sorted.iter().sum(),
        min_ns: at(0).unwrap_or(0),
        p50_ns: at(50).unwrap_or(0),
        p90_ns: at(90).unwrap_or(0),
        p99_ns: at(99).unwrap_or(0),
        max_ns: at(100).unwrap_or(0),
        exact: true,
    }
}

/// Log-linear buckets, 128 to a doubling.
pub(crate) fn buckets(values: &[i64]) -> Vec<Bucket> {
    let mut counts: BTreeMap<i64, (i64, u64)> = BTreeMap::new();
    for value in values {
        let width = 1i64 << (63 - value.max(&1).leading_zeros()).saturating_sub(7);
        counts.entry(value / width * width).or_insert((width, 0)).1 += 1;
    }
    counts
        .iter()
        .map(|(low, (width, count))| Bucket {
            low_ns: *low,
            high_ns: low + width,
            count: *count,
        })
        .collect()
}
