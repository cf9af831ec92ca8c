//! The mini-kernel as a host process tree: its programs, its parameters, its start.
//!
//! Key types: [`MachineOptions`] says what to run and how, [`Images`] is what the mini-kernel consists of, and a running
//! machine is a `Machine`. Neighbours: `fixtures/abi` defines the memory that both sides share, `record` drives it.

mod initramfs;

use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use trapline_abi::boot::{
    ARGUMENTS_MAX, BootParameters, CLOCK_MONOTONIC, CLOCK_TSC, MAGIC, VERSION,
};

use crate::clock::{Clock, Source};
use crate::error::{During, TracerError};
use crate::ptrace::region::{Region, executable_memory_file};
use crate::ptrace::spawn::{Root, Start};

/// The mini-kernel and the programs that come with it, as ELF files.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// Built-in guests: name, file.
    pub guests: &'a [(&'a str, &'a [u8])],
}

/// What to run on the mini-kernel, and how.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// Each job's argument list; the first argument names the program: a built-in guest if it has no slash, else a file.
    pub jobs: Vec<Vec<String>>,
    /// Who runs next.
    pub scheduler: Scheduler,
    /// Time slice of a thread.
    pub quantum: Duration,
    /// Period of the timer interrupt.
    pub tick: Duration,
    /// Whether kernel memory is closed in user mode.
    pub protect: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// The host CPU that the machine runs on.
    pub cpu: usize,
}

/// The scheduling policies, with their usual parameters (`fixtures/sched/src/options.rs`).
pub use trapline_sched::Kind as Scheduler;

/// Shortest tick: below it a machine does little but take timer interrupts.
pub const TICK_MIN: Duration = Duration::from_micros(20);
/// Longest tick and quantum.
pub const QUANTUM_MAX: Duration = Duration::from_secs(60);
/// Most jobs.
pub const JOBS_MAX: usize = 100;

/// A machine that was started.
pub(crate) struct Machine {
    pub(crate) root: Root,
    pub(crate) region: Region,
}

impl MachineOptions {
    fn check(&self) -> Result<(), TracerError> {
        let complaint = if self.jobs.is_empty() || self.jobs.iter().any(Vec::is_empty) {
            Some("there is no program to run".to_owned())
        } else if self.jobs.len() > JOBS_MAX {
            Some(format!(
                "{} jobs are too many (at most {JOBS_MAX})",
                self.jobs.len()
            ))
        } else if self.tick < TICK_MIN || self.tick > QUANTUM_MAX {
            Some(format!(
                "a tick of {:?} is not between {TICK_MIN:?} and {QUANTUM_MAX:?}",
                self.tick
            ))
        } else if self.quantum < self.tick || self.quantum > QUANTUM_MAX {
            Some(format!(
                "a quantum of {:?} is not between the tick and {QUANTUM_MAX:?}",
                self.quantum
            ))
        } else {
            self.empty_argument()
        };
        complaint.map_or(Ok(()), |complaint| Err(TracerError::Options(complaint)))
    }

    /// The boot parameters separate arguments by zero bytes and jobs by an empty argument.
    fn empty_argument(&self) -> Option<String> {
        let bad = self
            .jobs
            .iter()
            .flatten()
            .find(|argument| argument.is_empty() || argument.contains('\0'))?;
        Some(format!(
            "argument {bad:?} is empty or holds a zero byte, which a job cannot be given"
        ))
    }

    /// Every job's arguments as boot.rs lays them out.
    fn packed_arguments(&self) -> Result<Vec<u8>, TracerError> {
        let mut packed = Vec::new();
        for job in &self.jobs {
            for argument in job {
                packed.extend_from_slice(argument.as_bytes());
                packed.push(0);
            }
            packed.push(0);
        }
        if packed.len() > ARGUMENTS_MAX {
            return Err(TracerError::Options(format!(
                "the arguments are longer than {ARGUMENTS_MAX} bytes"
            )));
        }
        Ok(packed)
    }
}

impl Machine {
    /// Boots a machine that the calling thread traces, or that runs on its own.
    pub(crate) fn start(
        options: &MachineOptions,
        images: &Images,
        clock: &Clock,
        traced: bool,
    ) -> Result<Self, TracerError> {
        options.check()?;
        let archive = initramfs::build(&options.jobs, images)?;
        let parameters = parameters(options, clock, traced, archive.len())?;
        let region = Region::create(&parameters, &archive)?;
        let image = executable_memory_file(c"trapline-kernel")?;
        let mut image = std::fs::File::from(image);
        image
            .write_all(images.kernel)
            .during("write the kernel image")?;
        let start = Start {
            image: image.as_fd(),
            region: region.file(),
            cpu: options.cpu,
            traced,
        };
        Ok(Self {
            root: Root::start(&start)?,
            region,
        })
    }
}

fn parameters(
    options: &MachineOptions,
    clock: &Clock,
    traced: bool,
    archive_length: usize,
) -> Result<Box<BootParameters>, TracerError> {
    let packed = options.packed_arguments()?;
    let mut arguments = [0; ARGUMENTS_MAX];
    arguments[..packed.len()].copy_from_slice(&packed);
    let (clock_base, clock_multiplier) = clock.parameters();
    let return_key = getrandom::u64()
        .map_err(|_| TracerError::Options("the host has no random numbers".to_owned()))?;
    Ok(Box::new(BootParameters {
        magic: MAGIC,
        version: VERSION,
        protect: options.protect.into(),
        traced: traced.into(),
        clock: if clock.source() == Source::Tsc {
            CLOCK_TSC
        } else {
            CLOCK_MONOTONIC
        },
        clock_base,
        clock_multiplier,
        quantum_ns: options.quantum.as_nanos() as u64,
        tick_ns: options.tick.as_nanos() as u64,
        seed: options.seed,
        return_key,
        saved_state: signal_frame_bytes(),
        initramfs_length: archive_length as u64,
        scheduler: options.scheduler as u32,
        jobs: options.jobs.len() as u32,
        arguments_length: packed.len() as u32,
        padding: 0,
        arguments,
    }))
}

/// Most bytes of a signal frame on this host, vector registers included; a generous guess where the host does not say.
fn signal_frame_bytes() -> u64 {
    const AT_MINSIGSTKSZ: u64 = 51;
    const GUESS: u64 = 4096;
    let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    vector
        .chunks_exact(16)
        .find(|entry| word(&entry[..8]) == AT_MINSIGSTKSZ)
        .map_or(GUESS, |entry| word(&entry[8..]))
}
