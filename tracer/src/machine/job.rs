//! A job: a program that the machine is to run, and what its scheduler is told of it. Key type: [`Job`]. Neighbour:
//! `programs.rs` finds the file behind its name; `fixtures/abi/src/boot.rs` says how jobs are laid out for the kernel.

use std::time::Duration;

use trapline_abi::boot::{self, TEXT_MAX};

use crate::error::TracerError;

/// Most jobs.
pub const JOBS_MAX: usize = boot::JOBS_MAX;

/// A program that the machine is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its arguments. The first names the program: a built-in guest, or a path with a slash, or with a root directory a
    /// file in one of PATH's directories.
    pub arguments: Vec<String>,
    /// Its environment, `NAME=value` each.
    pub environment: Vec<String>,
    /// When it arrives, after the machine's start.
    pub arrival: Duration,
    /// CPU time that it will need in all, if that is known (sjf, stcf).
    pub length: Option<Duration>,
    /// Its tickets (lottery, stride).
    pub tickets: u32,
    /// Its niceness, -20 to 19 (cfs).
    pub nice: i8,
}

impl Job {
    /// A job that is there from the start, of unknown length, with 100 tickets, niceness 0 and no environment.
    #[must_use]
    pub fn new(arguments: Vec<String>) -> Self {
        Self {
            arguments,
            environment: Vec::new(),
            arrival: Duration::ZERO,
            length: None,
            tickets: boot::Job::NONE.tickets,
            nice: 0,
        }
    }

    /// Its arguments as a person reads them.
    #[must_use]
    pub fn command(&self) -> String {
        self.arguments.join(" ")
    }

    /// The error that this job, counted from 0, cannot be run.
    pub(crate) fn refuse(&self, index: usize, reason: String) -> TracerError {
        TracerError::Job {
            number: index + 1,
            command: self.command(),
            reason,
        }
    }

    /// What is wrong with it, if anything.
    pub(super) fn complaint(&self) -> Option<String> {
        let zero_byte = |text: &&String| text.contains('\0');
        if self.arguments.first().is_none_or(String::is_empty) {
            return Some("there is no program to run".to_owned());
        }
        if let Some(text) = self
            .arguments
            .iter()
            .chain(&self.environment)
            .find(zero_byte)
        {
            return Some(format!(
                "{text:?} holds a zero byte, which no program can be given"
            ));
        }
        let nameless = |text: &&String| text.find('=').is_none_or(|at| at == 0);
        if let Some(text) = self.environment.iter().find(nameless) {
            return Some(format!("{text:?} is not NAME=VALUE"));
        }
        if !(-20..=19).contains(&self.nice) {
            return Some(format!("a niceness of {} is not -20 to 19", self.nice));
        }
        (self.tickets == 0)
            .then(|| "it needs a ticket at least (tickets = 1), or it could never run".to_owned())
    }
}

/// Jobs as the kernel reads them: numbers, and the strings that these point into.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) jobs: Vec<boot::Job>,
    pub(super) text: Vec<u8>,
}

impl Packed {
    /// Adds a job that executes the file at `path` of the machine.
    pub(super) fn add(&mut self, job: &Job, path: &str) -> Result<(), TracerError> {
        let text_offset = self.text.len() as u32;
        let path = path.to_owned();
        for string in [&path]
            .into_iter()
            .chain(&job.arguments)
            .chain(&job.environment)
        {
            self.text.extend_from_slice(string.as_bytes());
            self.text.push(0);
        }
        if self.text.len() > TEXT_MAX {
            return Err(TracerError::Options(format!(
                "the jobs' arguments and environments are together longer than {TEXT_MAX} bytes; give less of them"
            )));
        }
        self.jobs.push(boot::Job {
            arrival_ns: nanoseconds(job.arrival),
            length_ns: nanoseconds(job.length.unwrap_or_default()),
            tickets: job.tickets,
            nice: job.nice.into(),
            text_offset,
            arguments: job.arguments.len() as u32,
            environment: job.environment.len() as u32,
            padding: 0,
        });
        Ok(())
    }
}

/// Whole nanoseconds; what does not fit (600 years) is the most that does.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(arguments: &[&str]) -> Job {
        Job::new(arguments.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn strings_lie_behind_each_other_and_may_be_empty() {
        let mut packed = Packed::default();
        packed.add(&job(&["spin"]), "/guests/spin").expect("fits");
        let mut second = job(&["sh", "", "-c"]);
        second.environment = vec!["A=".to_owned()];
        second.arrival = Duration::from_micros(3);
        packed.add(&second, "/bin/sh").expect("fits");
        assert_eq!(
            packed.text,
            b"/guests/spin\0spin\0/bin/sh\0sh\0\0-c\0A=\0".to_vec()
        );
        assert_eq!(packed.jobs[1].text_offset, 18);
        assert_eq!(
            (packed.jobs[1].arguments, packed.jobs[1].environment),
            (3, 1)
        );
        assert_eq!(
            (packed.jobs[1].arrival_ns, packed.jobs[1].length_ns),
            (3000, 0)
        );
    }

    #[test]
    fn more_text_than_the_kernel_takes_is_refused() {
        let mut packed = Packed::default();
        let long = "x".repeat(TEXT_MAX / 2);
        packed.add(&job(&[&long]), "/p").expect("fits");
        assert!(packed.add(&job(&[&long]), "/p").is_err());
    }

    #[test]
    fn what_no_job_can_have_is_named() {
        let wrong = |change: fn(&mut Job)| {
            let mut job = job(&["spin"]);
            change(&mut job);
            job.complaint()
        };
        assert_eq!(wrong(|_| {}), None);
        assert!(wrong(|job| job.arguments.clear()).is_some());
        assert!(wrong(|job| job.arguments[0].clear()).is_some());
        assert!(wrong(|job| job.arguments.push("a\0b".to_owned())).is_some());
        assert!(wrong(|job| job.environment.push("=x".to_owned())).is_some());
        assert!(wrong(|job| job.nice = 20).is_some());
        assert!(wrong(|job| job.tickets = 0).is_some());
    }
}
