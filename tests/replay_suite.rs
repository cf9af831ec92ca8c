//! The promise of `replay` for all that there is to run: every guest, every program and script, and every scheduler comes out
//! the same, each preempted every millisecond. That nothing is left out is a promise of its own.

#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::collections::BTreeSet;

use programs::lines::{RACE, all, programs, sources_without};
use programs::{Program, Tool, available};
use support::parallel::on_all_cpus;
use support::replay::{fault_of_replay, replay};
use support::{GUESTS, Scratch, stdout, text, trapline};

/// Nobody has the CPU for longer while another wants it, and another always does.
const PREEMPTED: [&str; 6] = ["--tracer", "none", "--quantum", "1ms", "--tick", "1ms"];
const BESIDE: [&str; 2] = ["--job", "spin 12"];

/// The guests that try to do harm, in their tests' ways, but less of it.
const HOSTILE: [&str; 31] = [
    "babble 1 40",
    "bits32 90 b814000000cd80",
    "bomb processes",
    "bomb threads",
    "bomb maps",
    "calls 39 9,0,4096,3,0x22,-1,0 1,13,own+0,8",
    "escape /etc/passwd ../../etc/passwd /proc/self/environ",
    "fault stack",
    "fault readonly",
    "fault illegal",
    "fault privileged",
    "fault divide",
    "fault breakpoint",
    "fault kernel-jump",
    "flags 0x400 0x40000 0x100",
    "forge return",
    "frames 0,0,0 22,22,0x302 21,21,0x700000000000 28,28,64 103,103,-1 0,37,-1",
    // Not the instructions that answer differently by themselves: see ARCHITECTURE.md.
    "garble 1 60",
    "gorge 0x21",
    "hoard opens",
    "hoard pipes",
    "hoard folders",
    "instruction 0f34 cd80 cc f1 cd03 8ed8 9c810c24000400009db8270000000f0531c0",
    "mutants 1 60",
    "pointers 0,13,o8,8 1,13,i8,8",
    "rug 1 0 8",
    "segments",
    "stackless 0 0x800000000000 0x700000001000",
    "stepper 0",
    "stepper 17",
    "written",
];

const SCHEDULERS: [&str; 8] = [
    "fifo", "sjf", "stcf", "rr", "mlfq", "lottery", "stride", "cfs",
];

/// What goes wrong when this is recorded and replayed, if anything.
fn fault(name: &str, options: &[&str], is_cut: bool) -> Option<String> {
    let scratch = Scratch::new();
    let trace = scratch.record("suite.trap", options);
    let ran = replay(&trace, &[]);
    let fault = if is_cut {
        let is_same = ran.status == 0 && ran.last()["end"] == "same_until_cut";
        (!is_same).then(|| text(&ran.output))
    } else {
        fault_of_replay(&trace, &ran)
    };
    fault.map(|fault| format!("{name}: {fault}"))
}

#[track_caller]
fn assert_none(faults: Vec<Option<String>>) {
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_guest_comes_out_the_same() {
    // `calibrate` measures itself with the time stamp counter, and random code may read it: it traps.
    let hostile = HOSTILE.iter().map(|job| (*job, None));
    let jobs: Vec<_> = GUESTS.into_iter().chain(hostile).collect();
    assert_none(on_all_cpus(jobs, |(job, limit)| {
        let limit: Vec<&str> = limit.iter().flat_map(|limit| ["--limit", limit]).collect();
        let options = [&PREEMPTED[..], &["--tsc", "trap", "--job", job], &BESIDE];
        fault(
            job,
            &[options.concat(), limit.clone()].concat(),
            !limit.is_empty(),
        )
    }));
}

#[test]
fn every_program_and_script_comes_out_the_same() {
    let mut programs = all();
    programs.extend(self::programs(&[Tool::Glibc], RACE));
    let options = [&PREEMPTED[..], &BESIDE].concat();
    assert_none(on_all_cpus(available(&programs), |program: Program| {
        program.replay(&options, 1).err()
    }));
}

#[test]
fn every_scheduler_comes_out_the_same() {
    assert_none(on_all_cpus(SCHEDULERS.to_vec(), |scheduler| {
        let jobs = [
            "job 4 300 200",
            "yielder 50",
            "job 3 300 disk",
            "storm 200",
            "spin 12",
            "spin 12",
        ];
        let jobs: Vec<&str> = jobs.iter().flat_map(|job| ["--job", job]).collect();
        let scheduler_options = ["--scheduler", scheduler, "--seed", "7"];
        let mut options = scheduler_options.to_vec();
        // Those that run to completion know neither.
        let is_preemptive = !matches!(scheduler, "fifo" | "sjf" | "stcf");
        options.extend(if is_preemptive {
            &PREEMPTED[..]
        } else {
            &PREEMPTED[..2]
        });
        fault(scheduler, &[options, jobs].concat(), false)
    }));
}

#[test]
fn nothing_is_left_out_of_the_suite() {
    let listed = trapline().arg("guests").output().expect("runs");
    let listed = stdout(&listed);
    let names: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 20, "{listed}");
    let guests = GUESTS.iter().map(|(job, _)| *job).chain(HOSTILE);
    let replayed: BTreeSet<&str> = guests.filter_map(|job| job.split(' ').next()).collect();
    assert_eq!(names, replayed);
    let mut programs = all();
    programs.extend(self::programs(&[Tool::Glibc], RACE));
    assert_eq!(sources_without(&programs), [""; 0]);
    let help = trapline()
        .args(["record", "--help"])
        .output()
        .expect("runs");
    let help = stdout(&help);
    let known = SCHEDULERS.iter().all(|name| help.contains(name));
    assert!(known, "{help}");
}
