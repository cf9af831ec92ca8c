//! The options of `record`. Key types: [`RecordArgs`], and [`MachineArgs`], which a scenario file can say as well
//! (`scenario.rs`); where both speak, the command line counts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use trapline_trace_format::event::Nanos;

use super::linux::LinuxArgs;
use crate::duration::{parse_duration, parse_time};
use crate::from_text;
use crate::size::parse_size;

/// Options of `record`.
#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// Kernel to run the programs on [default: linux, unless the program is a built-in guest's name without a slash, or an
    /// option of the machine is given: then mini]
    #[arg(long, value_enum)]
    pub(crate) kernel: Option<Kernel>,
    /// A program with its arguments, split and quoted as in a shell; repeat for programs that share the CPU
    #[arg(long, value_name = "'PROGRAM ARGS'", value_parser = parse_job)]
    pub(crate) job: Vec<Command>,
    /// A file with jobs (arrival, length, I/O pattern, tickets, niceness) and machine options; see fixtures/scenarios
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Trace folder to make [default: the first program's or the scenario's name and .trap, or with a number]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Witness outside of the mini-kernel; none shows what tracing costs [default: ptrace]
    #[arg(long, value_enum)]
    pub(crate) tracer: Option<TracerKind>,
    /// Whether the mini-kernel's trace gets what a replay needs; off shows what that costs [default: on]
    #[arg(long, value_enum)]
    pub(crate) replay_data: Option<Switch>,
    /// Stop recording after this long. On linux the program goes on, and only its calls are no longer recorded; the
    /// mini-kernel's machine ends
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) limit: Option<Nanos>,
    /// One program with its arguments: any of this host, looked for in PATH; or for the mini-kernel, after all --job, a
    /// built-in guest by its name, a static program by its path, or with --root a program in there
    #[arg(
        last = true,
        value_name = "PROGRAM ARGS",
        required_unless_present_any = ["job", "scenario", "pid"]
    )]
    pub(crate) program: Vec<OsString>,
    /// What is recorded of programs on Linux
    #[command(flatten)]
    pub(crate) linux: LinuxArgs,
    /// What the machine consists of, and who runs next
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

impl RecordArgs {
    /// The first option that only the mini-kernel has.
    pub(crate) fn of_the_machine(&self) -> Option<&'static str> {
        let own = [
            ("--job", !self.job.is_empty()),
            ("--scenario", self.scenario.is_some()),
            ("--tracer", self.tracer.is_some()),
            ("--replay-data", self.replay_data.is_some()),
        ];
        let given = own.into_iter().find(|(_, is_given)| *is_given);
        given
            .map(|(name, _)| name)
            .or_else(|| self.machine.first_given())
    }
}

/// What the machine consists of, and who runs next. Also the table `[machine]` of a scenario file, under the same names.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// Directory of this host that becomes the machine's root directory; nothing outside it is read [default: only /guests
    /// and the jobs' own programs]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// A variable of the programs' environment, which otherwise is PATH=/guests:/bin:/usr/bin, HOME=/ and your TERM; repeat
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    #[serde(deserialize_with = "from_text::variables")]
    pub(crate) env: Vec<Variable>,
    /// Console input: a file, none (end of file at once), or inherit: trapline's own standard input [default: inherit]
    #[arg(long, value_name = "FILE|none|inherit", value_parser = parse_stdin)]
    #[serde(deserialize_with = "from_text::stdin")]
    pub(crate) stdin: Option<Stdin>,
    /// Most memory and files of all programs together [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    #[serde(deserialize_with = "from_text::size")]
    pub(crate) memory: Option<u64>,
    /// How long a request to /dev/disk takes [default: 5ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_time)]
    #[serde(deserialize_with = "from_text::time")]
    pub(crate) disk_latency: Option<Nanos>,
    /// Whether kernel memory is closed in user mode; off shows what protection costs [default: on]
    #[arg(long, value_enum)]
    pub(crate) protect: Option<Switch>,
    /// What rdtsc and rdtscp do in programs: trap, so that a replay gives the same answers, or native, which costs nothing
    /// [default: native]
    #[arg(long, value_enum)]
    pub(crate) tsc: Option<Tsc>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// End the machine after this long, for programs that do not end by themselves; on the command line an option of both
    /// kernels
    #[arg(skip)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) limit: Option<Nanos>,
    /// Who runs next. Lengths, tickets and niceness of jobs are given in a scenario file [default: rr]
    #[arg(long, value_enum, help_heading = SCHEDULER)]
    pub(crate) scheduler: Option<Scheduler>,
    /// Time slice of a thread (rr, lottery, stride; mlfq's first level) [default: 10ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) quantum: Option<Nanos>,
    /// Period of the timer interrupt [default: 1ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) tick: Option<Nanos>,
    /// Levels of mlfq [default: 3]
    #[arg(long, value_name = "N", help_heading = SCHEDULER)]
    pub(crate) mlfq_levels: Option<u32>,
    /// CPU time on mlfq's first level before a job moves down [default: two quanta]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) mlfq_allotment: Option<Nanos>,
    /// How many times longer mlfq's quantum and allotment are on each next level [default: 2]
    #[arg(long, value_name = "N", help_heading = SCHEDULER)]
    pub(crate) mlfq_growth: Option<u32>,
    /// Time from one of mlfq's boosts to the next; 0: never [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = parse_time, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::time")]
    pub(crate) mlfq_boost: Option<Nanos>,
    /// The allotment of mlfq starts anew whenever a job gives the CPU up, which can be gamed (OSTEP 8.2)
    #[arg(long, help_heading = SCHEDULER)]
    pub(crate) mlfq_old_rule_4: bool,
    /// Time in which cfs runs everyone once, if they are few [default: 48ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) cfs_latency: Option<Nanos>,
    /// Shortest slice of cfs [default: 6ms]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = SCHEDULER)]
    #[serde(deserialize_with = "from_text::duration")]
    pub(crate) cfs_min_granularity: Option<Nanos>,
}

const SCHEDULER: &str = "Scheduler";

impl MachineArgs {
    /// The first option that was given on the command line.
    fn first_given(&self) -> Option<&'static str> {
        let options = [
            ("--root", self.root.is_some()),
            ("--env", !self.env.is_empty()),
            ("--stdin", self.stdin.is_some()),
            ("--memory", self.memory.is_some()),
            ("--disk-latency", self.disk_latency.is_some()),
            ("--protect", self.protect.is_some()),
            ("--tsc", self.tsc.is_some()),
            ("--seed", self.seed.is_some()),
            ("--scheduler", self.scheduler.is_some()),
            ("--quantum", self.quantum.is_some()),
            ("--tick", self.tick.is_some()),
            ("--mlfq-levels", self.mlfq_levels.is_some()),
            ("--mlfq-allotment", self.mlfq_allotment.is_some()),
            ("--mlfq-growth", self.mlfq_growth.is_some()),
            ("--mlfq-boost", self.mlfq_boost.is_some()),
            ("--mlfq-old-rule-4", self.mlfq_old_rule_4),
            ("--cfs-latency", self.cfs_latency.is_some()),
            ("--cfs-min-granularity", self.cfs_min_granularity.is_some()),
        ];
        let given = options.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(name, _)| name)
    }

    /// What is said here, and where nothing is, what `other` says.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            root: self.root.or(other.root),
            // The later variable of a name counts.
            env: [other.env, self.env].concat(),
            stdin: self.stdin.or(other.stdin),
            memory: self.memory.or(other.memory),
            disk_latency: self.disk_latency.or(other.disk_latency),
            protect: self.protect.or(other.protect),
            tsc: self.tsc.or(other.tsc),
            seed: self.seed.or(other.seed),
            limit: self.limit.or(other.limit),
            scheduler: self.scheduler.or(other.scheduler),
            quantum: self.quantum.or(other.quantum),
            tick: self.tick.or(other.tick),
            mlfq_levels: self.mlfq_levels.or(other.mlfq_levels),
            mlfq_allotment: self.mlfq_allotment.or(other.mlfq_allotment),
            mlfq_growth: self.mlfq_growth.or(other.mlfq_growth),
            mlfq_boost: self.mlfq_boost.or(other.mlfq_boost),
            mlfq_old_rule_4: self.mlfq_old_rule_4 || other.mlfq_old_rule_4,
            cfs_latency: self.cfs_latency.or(other.cfs_latency),
            cfs_min_granularity: self.cfs_min_granularity.or(other.cfs_min_granularity),
        }
    }
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Vec<String>);

fn parse_job(text: &str) -> Result<Command, String> {
    let words = shell_words::split(text)
        .map_err(|_| "has a quote that is never closed; close it, or escape it".to_owned())?;
    if words.first().is_none_or(String::is_empty) {
        Err("names no program; write --job 'PROGRAM ARGS'".to_owned())
    } else {
        Ok(Command(words))
    }
}

/// A variable of a program's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

fn parse_variable(text: &str) -> Result<Variable, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Variable {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("is no variable; write NAME=VALUE (NAME= for an empty value)".to_owned()),
    }
}

/// Where console input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    None,
    Inherit,
    File(PathBuf),
}

pub(crate) fn parse_stdin(text: &str) -> Result<Stdin, String> {
    match text {
        "" => Err("is empty; name a file, or none, or inherit".to_owned()),
        "none" => Ok(Stdin::None),
        "inherit" => Ok(Stdin::Inherit),
        file => Ok(Stdin::File(file.into())),
    }
}

/// Kernels that programs can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernel {
    /// The small kernel that comes with trapline
    Mini,
    /// This host's own kernel
    Linux,
}

/// Schedulers of the mini-kernel.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scheduler {
    /// First in, first out: each thread runs until it gives the CPU up
    Fifo,
    /// Shortest job first, by the lengths in the scenario file
    Sjf,
    /// Shortest time to completion first: as sjf, and a shorter job interrupts
    Stcf,
    /// Round robin: each thread in turn for a quantum
    Rr,
    /// Multi-level feedback queue: who uses much CPU time moves down, a boost brings everyone up again
    Mlfq,
    /// Lottery: the next thread is drawn by tickets
    Lottery,
    /// Stride: shares in proportion to tickets, without chance
    Stride,
    /// Completely fair: the least virtual runtime is next, weighted by niceness
    Cfs,
}

/// Something that is on or off.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    /// On
    On,
    /// Off
    Off,
}

/// What the instructions that read the time stamp counter do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tsc {
    /// They read it
    Native,
    /// They are a visit, and an input of the machine
    Trap,
}

/// What watches the machine from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TracerKind {
    /// ptrace stops at every trap and every return
    Ptrace,
    /// Nothing; the kernel's own log is the only witness
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command as Subcommand};
    use clap::Parser;

    fn parse(options: &[&str]) -> RecordArgs {
        let line = [&["trapline", "record"], options].concat();
        let Subcommand::Record(args) = Cli::parse_from(line).command else {
            panic!("not record")
        };
        *args
    }

    #[test]
    fn jobs_and_the_program_after_them_are_kept_in_order() {
        let args = parse(&[
            "--job",
            "spin  500",
            "--job",
            "greedy",
            "--",
            "storm",
            "10",
            "",
        ]);
        let jobs: Vec<_> = args.job.iter().map(|job| job.0.clone()).collect();
        assert_eq!(jobs, [vec!["spin", "500"], vec!["greedy"]]);
        assert_eq!(args.program, ["storm", "10", ""]);
    }

    #[test]
    fn an_option_of_the_machine_is_known_and_named() {
        assert_eq!(parse(&["--", "true"]).of_the_machine(), None);
        assert_eq!(
            parse(&["--limit", "1s", "-s", "9", "--", "true"]).of_the_machine(),
            None
        );
        for (options, name) in [
            (["--quantum", "5ms"], "--quantum"),
            (["--job", "spin"], "--job"),
            (["--tracer", "none"], "--tracer"),
        ] {
            let line = [&options[..], &["--", "true"]].concat();
            assert_eq!(parse(&line).of_the_machine(), Some(name));
        }
    }

    #[test]
    fn a_jobs_words_are_a_shells() {
        assert_eq!(
            parse_job("sh -c 'echo \"a b\"' ''"),
            Ok(Command(
                ["sh", "-c", "echo \"a b\"", ""].map(str::to_owned).to_vec()
            ))
        );
        for wrong in ["", "  ", "''", "sh 'open"] {
            assert!(parse_job(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_has_a_name() {
        let variable = |name: &str, value: &str| Variable {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!(parse_variable("A=b=c"), Ok(variable("A", "b=c")));
        assert_eq!(parse_variable("A="), Ok(variable("A", "")));
        for wrong in ["", "A", "=b"] {
            assert!(parse_variable(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn input_is_a_file_unless_it_is_one_of_two_words() {
        assert_eq!(parse_stdin("none"), Ok(Stdin::None));
        assert_eq!(parse_stdin("inherit"), Ok(Stdin::Inherit));
        assert_eq!(parse_stdin("./none"), Ok(Stdin::File("./none".into())));
        assert!(parse_stdin("").is_err());
    }
}
