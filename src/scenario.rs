//! Scenario files: jobs and the machine that runs them, in TOML (`fixtures/scenarios`). Key type: [`Scenario`].
//!
//! ```toml
//! [machine]                 # the options of `record`, under the same names
//! scheduler = "stcf"
//!
//! [[job]]                   # a program ...
//! program = "spin"
//! args = ["100"]
//! length = "100ms"
//!
//! [[job]]                   # ... or bursts of CPU time with I/O between them (the guest `job`)
//! cpu = "20ms"
//! io = "5ms"                # sleeps, or "disk": reads from /dev/disk
//! times = 10
//! arrival = "30ms"
//! ```
//!
//! An error names the file, the line, and what to write instead.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use toml::Spanned;
use trapline_trace_format::event::Nanos;
use trapline_tracer::machine::{JOBS_MAX, Job};

use crate::cli::{MachineArgs, Stdin, Variable};
use crate::duration::parse_duration;
use crate::from_text;
use crate::machine_options::{duration, environment};

/// A scenario file that was read.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The machine's options.
    pub(crate) machine: MachineArgs,
    /// The jobs, each as often as it is counted.
    jobs: Vec<JobTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    machine: MachineArgs,
    #[serde(default)]
    job: Vec<Spanned<JobTable>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct JobTable {
    program: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default, deserialize_with = "from_text::duration")]
    cpu: Option<Nanos>,
    io: Option<String>,
    times: Option<u64>,
    #[serde(default, deserialize_with = "from_text::variables")]
    env: Vec<Variable>,
    #[serde(default, deserialize_with = "from_text::time")]
    arrival: Option<Nanos>,
    #[serde(default, deserialize_with = "from_text::duration")]
    length: Option<Nanos>,
    tickets: Option<u32>,
    nice: Option<i8>,
    count: Option<usize>,
}

impl Scenario {
    /// Reads a scenario file. Paths in it are relative to its own directory.
    ///
    /// # Errors
    /// In one line: which file, which line, what to write instead.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the scenario file {shown}"))?;
        let place = |at: usize| {
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            format!("{shown}, line {line}")
        };
        let file: File = toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            match error.span() {
                Some(span) => anyhow::anyhow!("{}: {message}", place(span.start)),
                None => anyhow::anyhow!("{shown}: {message}"),
            }
        })?;
        let mut jobs = Vec::new();
        for table in file.job {
            let start = table.span().start;
            let job = table.into_inner();
            job.check().with_context(|| place(start))?;
            jobs.extend(vec![job.clone(); job.count.unwrap_or(1)]);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self {
            machine: beside(file.machine, folder),
            jobs,
        })
    }

    /// The jobs, with the machine's environment and their own.
    pub(crate) fn jobs(&self, machine: &MachineArgs) -> Vec<Job> {
        self.jobs.iter().map(|job| job.job(machine)).collect()
    }
}

/// Paths of a file in this folder, as this process finds them.
fn beside(machine: MachineArgs, folder: &Path) -> MachineArgs {
    let found = |path: PathBuf| folder.join(path);
    MachineArgs {
        root: machine.root.map(found),
        stdin: machine.stdin.map(|stdin| match stdin {
            Stdin::File(path) => Stdin::File(found(path)),
            other => other,
        }),
        ..machine
    }
}

impl JobTable {
    fn check(&self) -> anyhow::Result<()> {
        match (&self.program, self.cpu) {
            (None, None) => bail!(
                "this job runs nothing; write program = \"spin\", or cpu = \"20ms\" for a job that uses so much CPU time"
            ),
            (Some(_), Some(_)) => {
                bail!("this job has a program and bursts of CPU time; leave program out, or cpu")
            }
            (Some(_), None) if self.io.is_some() || self.times.is_some() => {
                bail!("io and times belong to a job with cpu = \"...\"; give this program args")
            }
            (None, Some(_)) if !self.args.is_empty() => {
                bail!("args belong to a program; leave them out, or name one")
            }
            _ => {}
        }
        if let Some(io) = self.io.as_deref().filter(|io| *io != "disk")
            && let Err(why) = parse_duration(io)
        {
            bail!("io = '{io}' {why}, or write \"disk\"");
        }
        if self.times == Some(0) {
            bail!("times = 0 runs nothing; write 1 or more");
        }
        if !(1..=JOBS_MAX).contains(&self.count.unwrap_or(1)) {
            bail!("count must be 1 to {JOBS_MAX}");
        }
        Ok(())
    }

    fn job(&self, machine: &MachineArgs) -> Job {
        let mut job = Job::new(self.arguments());
        job.environment = environment(machine.env.iter().chain(&self.env));
        job.arrival = duration(self.arrival.unwrap_or(0));
        // A job of bursts is known to the end.
        let times = i64::try_from(self.times.unwrap_or(1)).unwrap_or(i64::MAX);
        let bursts = self.cpu.map(|cpu| cpu.saturating_mul(times));
        job.length = self.length.or(bursts).map(duration);
        job.tickets = self.tickets.unwrap_or(job.tickets);
        job.nice = self.nice.unwrap_or(job.nice);
        job
    }

    /// The program with its arguments, or the guest `job` with the pattern in microseconds.
    fn arguments(&self) -> Vec<String> {
        let microseconds = |ns: Nanos| (ns / 1000).to_string();
        match (&self.program, self.cpu) {
            (Some(program), _) => [std::slice::from_ref(program), &self.args].concat(),
            (None, cpu) => {
                let mut arguments = vec![
                    "job".to_owned(),
                    self.times.unwrap_or(1).to_string(),
                    microseconds(cpu.unwrap_or(0)),
                ];
                arguments.extend(
                    self.io
                        .as_deref()
                        .map(|io| parse_duration(io).map_or_else(|_| io.to_owned(), microseconds)),
                );
                arguments
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Scenario> {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("scenario.toml");
        fs::write(&path, text).expect("written");
        Scenario::read(&path)
    }

    #[test]
    fn a_scenario_says_what_runs_and_how() {
        let scenario = read(
            r#"
            [machine]
            scheduler = "mlfq"
            quantum = "5ms"
            mlfq-boost = "0"
            mlfq-old-rule-4 = true
            protect = "off"
            memory = "64MiB"
            env = { A = "1" }

            [[job]]
            program = "spin"
            args = ["100", ""]
            arrival = "10ms"
            length = "100ms"
            tickets = 7
            nice = -5
            count = 2

            [[job]]
            cpu = "1.5ms"
            io = "disk"
            times = 3
            env = { B = "2" }

            [[job]]
            cpu = "1ms"
            io = "250us"
            "#,
        )
        .expect("read");
        let machine = &scenario.machine;
        assert_eq!(machine.scheduler, Some(crate::cli::Scheduler::Mlfq));
        assert_eq!(
            (machine.quantum, machine.mlfq_boost),
            (Some(5_000_000), Some(0))
        );
        assert!(machine.mlfq_old_rule_4);
        assert_eq!(machine.memory, Some(64 << 20));
        let jobs = scenario.jobs(machine);
        assert_eq!(jobs.len(), 4);
        assert_eq!(jobs[0], jobs[1]);
        assert_eq!(jobs[0].arguments, ["spin", "100", ""]);
        assert_eq!((jobs[0].tickets, jobs[0].nice), (7, -5));
        assert_eq!(jobs[0].arrival.as_millis(), 10);
        assert_eq!(jobs[2].arguments, ["job", "3", "1500", "disk"]);
        assert_eq!(jobs[2].length.expect("known").as_micros(), 4500);
        assert!(
            jobs[2]
                .environment
                .ends_with(&["A=1".to_owned(), "B=2".to_owned()])
        );
        assert_eq!(jobs[3].arguments, ["job", "1", "1000", "250"]);
    }

    #[test]
    fn a_mistake_names_the_file_the_line_and_the_way_out() {
        for (text, expected) in [
            (
                "[machine]\nquantum = \"10\"\n",
                "line 2: '10' has no unit; write",
            ),
            (
                "[machine]\nquantom = \"10ms\"\n",
                "line 2: unknown field `quantom`, expected",
            ),
            (
                "[machine]\nscheduler = \"best\"\n",
                "line 2: unknown variant `best`",
            ),
            (
                "\n[[job]]\narrival = \"1ms\"\n",
                "line 2: this job runs nothing; write program",
            ),
            (
                "[[job]]\nprogram = \"spin\"\ncpu = \"1ms\"\n",
                "line 1: this job has a program and",
            ),
            (
                "[[job]]\nprogram = \"spin\"\nio = \"1ms\"\n",
                "line 1: io and times belong to",
            ),
            (
                "[[job]]\ncpu = \"1ms\"\nargs = [\"1\"]\n",
                "line 1: args belong to",
            ),
            (
                "[[job]]\ncpu = \"1ms\"\nio = \"tape\"\n",
                "line 1: io = 'tape' does not know",
            ),
            ("[[job]]\ncpu = \"1ms\"\ntimes = 0\n", "line 1: times = 0"),
            (
                "[[job]]\ncpu = \"1ms\"\ncount = 101\n",
                "line 1: count must be",
            ),
            (
                "[[job]]\nprogram = \"spin\"\nenv = { \"A=\" = \"\" }\n",
                "line 3: 'A=' cannot be",
            ),
            ("[[job]\n", "line 1: "),
        ] {
            let error = format!("{:#}", read(text).expect_err(text));
            assert!(
                error.contains("scenario.toml, ")
                    && error.contains(expected)
                    && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn every_example_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
        let mut number = 0;
        for entry in fs::read_dir(folder).expect("the examples") {
            let path = entry.expect("an entry").path();
            let scenario = Scenario::read(&path).expect("an example");
            assert!(
                !scenario.jobs(&scenario.machine).is_empty(),
                "{}",
                path.display()
            );
            let text = fs::read_to_string(&path).expect("text");
            assert!(
                text.starts_with('#') && text.contains("OSTEP"),
                "{}",
                path.display()
            );
            number += 1;
        }
        assert!(number >= 8, "{number} examples");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("s.toml");
        fs::write(&path, "[machine]\nroot = \"tree\"\nstdin = \"input\"\n").expect("written");
        let machine = Scenario::read(&path).expect("read").machine;
        assert_eq!(machine.root, Some(folder.path().join("tree")));
        assert_eq!(
            machine.stdin,
            Some(Stdin::File(folder.path().join("input")))
        );
    }
}
