//! The mini-kernel as a host process tree: its programs, its parameters, its start.
//!
//! Key types: [`MachineOptions`] says what to run and how, [`Images`] is what the mini-kernel consists of; `Prepared` is a
//! machine about which everything is known, `Ready` one that can be started, `Machine` one that runs. Neighbours: `fixtures/abi` defines the memory that both
//! sides share, `record` drives the machine.
//!
//! | file | what |
//! |---|---|
//! | `job.rs` | jobs, and how the kernel reads them |
//! | `tree.rs`, `root.rs`, `programs.rs`, `initramfs.rs` | the machine's first files: by path, from a directory, for the jobs, packed |
//! | `parameters.rs` | everything else that the kernel is told |
//! | `ready.rs` | all of it together, as the machine starts with it and a trace keeps it |
//! | `input.rs` | console input |

mod initramfs;
mod input;
mod job;
mod parameters;
mod programs;
mod ready;
mod root;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

pub use input::Input;
pub use job::{JOBS_MAX, Job};
/// The scheduling policies.
pub use trapline_sched::Kind as Scheduler;
/// A scheduler with its parameters; quantum, tick and seed are among them.
pub use trapline_sched::Options as SchedulerOptions;

use trapline_files::limits::INODES;

use crate::clock::Clock;
use crate::error::{During, TracerError};
use crate::ptrace::region::Region;
use crate::ptrace::spawn::Root;
use input::Feeder;
pub(crate) use input::Source;
use job::{Packed, nanoseconds};
pub(crate) use parameters::signal_frame_bytes;
use programs::Programs;
pub(crate) use ready::Ready;
use tree::Tree;

/// The mini-kernel and the programs that come with it, as ELF files.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// Built-in guests: name, file. A machine finds them in `/guests`.
    pub guests: &'a [(&'a str, &'a [u8])],
}

/// What to run on the mini-kernel, and how.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// The programs. They become processes 1, 2, ... in this order.
    pub jobs: Vec<Job>,
    /// Who runs next. Its seed is that of everything random in the machine.
    pub scheduler: SchedulerOptions,
    /// Whether kernel memory is closed in user mode.
    pub protect: bool,
    /// A directory of the host that becomes the machine's root directory.
    pub root: Option<PathBuf>,
    /// Where console input comes from.
    pub input: Input,
    /// Most bytes of guest memory and files together.
    pub memory: u64,
    /// How long a request to `/dev/disk` takes.
    pub disk_latency: Duration,
    /// Whether instructions that read the time stamp counter trap, so that a replay can give the same answer.
    pub trap_tsc: bool,
    /// The host CPU that the machine runs on.
    pub cpu: usize,
}

/// Shortest tick: below it a machine does little but take timer interrupts.
pub const TICK_MIN: Duration = Duration::from_micros(20);
/// Longest tick and quantum.
pub const QUANTUM_MAX: Duration = Duration::from_secs(60);
/// Least memory: what one small program needs.
pub const MEMORY_MIN: u64 = 1 << 20;

/// Most files of any kind at the start: the rest of the kernel's table is for what programs make, and for the kernel's own.
pub const FILES_MAX: usize = INODES - 512;

/// A machine that was started.
pub(crate) struct Machine {
    pub(crate) root: Root,
    pub(crate) region: Region,
    /// Ends with the machine.
    _feeder: Option<Feeder>,
}

/// A machine about which everything is known.
pub(crate) struct Prepared<'a> {
    options: &'a MachineOptions,
    kernel: &'a [u8],
    packed: Packed,
    archive: Vec<u8>,
    input: Source,
    /// What the user should know, a line each.
    pub(crate) notes: Vec<String>,
}

impl MachineOptions {
    /// These jobs with everything as it usually is: round robin with a quantum of 10 ms and a tick of 1 ms, kernel memory
    /// closed, no root directory, no input, 256 MiB, a disk that takes 5 ms.
    #[must_use]
    pub fn new(jobs: Vec<Job>, cpu: usize) -> Self {
        Self {
            jobs,
            scheduler: SchedulerOptions::new(Scheduler::RoundRobin),
            protect: true,
            root: None,
            input: Input::None,
            memory: 256 << 20,
            disk_latency: Duration::from_millis(5),
            trap_tsc: false,
            cpu,
        }
    }

    fn check(&self) -> Result<(), TracerError> {
        self.complaint()
            .map_or(Ok(()), |complaint| Err(TracerError::Options(complaint)))?;
        let mut jobs = self.jobs.iter().enumerate();
        let refused = jobs.find_map(|(index, job)| Some(job.refuse(index, job.complaint()?)));
        refused.map_or(Ok(()), Err)
    }

    fn complaint(&self) -> Option<String> {
        let (tick, quantum) = (self.scheduler.tick_ns, self.scheduler.quantum_ns);
        let (least, most) = (nanoseconds(TICK_MIN), nanoseconds(QUANTUM_MAX));
        let shown = Duration::from_nanos;
        if self.jobs.is_empty() {
            return Some("there is no program to run".to_owned());
        }
        if self.jobs.len() > JOBS_MAX {
            return Some(format!(
                "{} jobs are too many (at most {JOBS_MAX})",
                self.jobs.len()
            ));
        }
        if tick < least || tick > most {
            return Some(format!(
                "a tick of {:?} is not between {TICK_MIN:?} and {QUANTUM_MAX:?}",
                shown(tick)
            ));
        }
        if quantum < tick || quantum > most {
            return Some(format!(
                "a quantum of {:?} is not between the tick and {QUANTUM_MAX:?}",
                shown(quantum)
            ));
        }
        if self.memory < MEMORY_MIN {
            return Some(format!(
                "{} bytes of memory are too few (at least {} MiB)",
                self.memory,
                MEMORY_MIN >> 20
            ));
        }
        let wrong = self.scheduler.validate().err()?;
        // A field's name is that of the option, but for its unit.
        let wrong = wrong.replace("_ns", "").replace('_', "-");
        Some(format!("the scheduler's {wrong}"))
    }
}

/// Whether the machine's file tree can hold these files.
fn check_size(tree: &Tree, options: &MachineOptions) -> Result<(), TracerError> {
    let complaint = if tree.bytes() > options.memory {
        format!(
            "the machine's files take {} MiB, more than its memory of {} MiB; give it more",
            tree.bytes().div_ceil(1 << 20),
            options.memory >> 20
        )
    } else if tree.len() > FILES_MAX {
        format!(
            "the machine's files are {}, and it can hold {FILES_MAX} at its start; take some out of the root directory",
            tree.len()
        )
    } else {
        return Ok(());
    };
    Err(TracerError::Options(complaint))
}

impl<'a> Prepared<'a> {
    /// Checks the options, finds every program, and packs the machine's files.
    ///
    /// # Errors
    /// What cannot be, in one line; nothing was started.
    pub(crate) fn new(
        options: &'a MachineOptions,
        images: &Images<'a>,
    ) -> Result<Self, TracerError> {
        options.check()?;
        let input = options.input.open()?;
        let (mut tree, mut notes) = match &options.root {
            Some(root) => root::read(root)?,
            None => (Tree::default(), Vec::new()),
        };
        notes.extend(programs::add_guests(&mut tree, images)?);
        let programs = Programs {
            images,
            is_rooted: options.root.is_some(),
        };
        let mut packed = Packed::default();
        for (index, job) in options.jobs.iter().enumerate() {
            let path = programs
                .place(job, &mut tree)
                .map_err(|reason| job.refuse(index, reason))?;
            packed.add(job, &path)?;
        }
        check_size(&tree, options)?;
        let archive = initramfs::pack(tree).during("pack the machine's files")?;
        Ok(Self {
            options,
            kernel: images.kernel,
            packed,
            archive,
            input,
            notes,
        })
    }

    /// Tells the kernel everything: from now on nothing is asked of the host any more.
    pub(crate) fn ready(self, clock: &Clock, traced: bool) -> Result<Ready<'a>, TracerError> {
        let length = self.archive.len();
        let parameters =
            parameters::boot_parameters(self.options, &self.packed, length, clock, traced)?;
        Ok(Ready {
            parameters,
            kernel: self.kernel.into(),
            archive: self.archive,
            input: self.input,
            script: None,
            cpu: self.options.cpu,
        })
    }
}

impl Machine {
    /// Prepares and boots a machine.
    pub(crate) fn start(
        options: &MachineOptions,
        images: &Images,
        clock: &Clock,
        traced: bool,
    ) -> Result<Self, TracerError> {
        Prepared::new(options, images)?
            .ready(clock, traced)?
            .start()
    }
}
