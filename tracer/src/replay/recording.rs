//! A trace as a replay needs it: checked, and everything in it that the machine starts with. Key type: [`Recording`].
//! Neighbours: `script.rs` gathers the inputs, `machine.rs` starts from it.

use std::path::Path;

use trapline_abi::boot::{BootParameters, MAGIC, VERSION};
use trapline_trace_format::error::{FormatError, LogDamage};
use trapline_trace_format::event::{Event, EventKind, Role};
use trapline_trace_format::folder::{ReplayPart, Trace};
use trapline_trace_format::meta::{self, Outcome, Target};

use super::compare::is_compared;
use super::fit::Fit;
use super::limits::{self, Needs};
use super::script::Script;
use crate::error::TracerError;
use crate::host::allowed_cpus;
use crate::machine::{Images, Job, signal_frame_bytes};
use crate::processor;
use crate::ptrace::region;

/// The first format version whose traces hold what a replay needs.
const FIRST_VERSION: u32 = 3;

/// What a trace may do to the host that it is replayed on. Its kernel is a program like any other, and only a kernel that
/// protects itself keeps the programs of the trace inside the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Only the kernel that comes with this version is run, and only with its memory closed in user mode.
    #[default]
    None,
    /// Whoever made the trace is trusted like the author of a program.
    Full,
}

/// What to do on a CPU that lacks what the recorded one had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnyCpu {
    /// Nothing: programs may have chosen code that does not run here.
    #[default]
    Refused,
    /// Try.
    Tried,
}

/// A trace that can be replayed.
pub struct Recording {
    trace: Trace,
    pub(super) kernel: Vec<u8>,
    pub(super) archive: Vec<u8>,
    pub(super) boot: Vec<u8>,
    pub(super) script: Script,
    /// Its jobs, for messages.
    pub(super) jobs: Vec<Job>,
    /// Events that a replay is held against.
    pub(super) compared: u64,
    needs: Needs,
}

impl Recording {
    /// Reads a trace and checks that it can be replayed here.
    ///
    /// # Errors
    /// When it cannot, in one line: it is no trace, damaged, of another version, was recorded without what a replay needs, or
    /// asks for more trust than it gets.
    pub fn open(path: &Path, images: &Images, trust: Trust) -> Result<Self, TracerError> {
        let trace = Trace::open(path)?;
        let refuse = |why: String| {
            Err(TracerError::Options(format!(
                "{} cannot be replayed: {why}",
                path.display()
            )))
        };
        let version = trace.meta().format_version;
        if version < FIRST_VERSION {
            return refuse(format!(
                "it is of format version {version}, which came before replays; record it again"
            ));
        }
        let jobs = match &trace.meta().target {
            Target::Mini { jobs, .. } => jobs.iter().map(job).collect(),
            Target::Linux { .. } => {
                let why = "its programs ran on Linux, which does not tell what they depend on; record them on the \
                           mini-kernel (--kernel mini)";
                return refuse(why.to_owned());
            }
        };
        let [kernel, archive, boot] = [
            trace.replay_part(ReplayPart::Kernel)?,
            trace.replay_part(ReplayPart::Initramfs)?,
            trace.replay_part(ReplayPart::Boot)?,
        ];
        let Some(parameters) = region::parameters_from(&boot).filter(|p| p.magic == MAGIC) else {
            return refuse("its replay/boot is none that a kernel can read".to_owned());
        };
        if let Some(why) = complaint(&parameters, images.kernel == kernel, trust) {
            return refuse(why);
        }
        let mut script = Script::default();
        let mut compared = 0;
        let mut usage = Usage::default();
        for event in trace.events()? {
            match event {
                Ok(event) => {
                    script.take(&event);
                    usage.take(&event);
                    compared += u64::from(is_compared(&event));
                }
                // The recorder was killed: what it had written counts.
                Err(error) if is_cut(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        if script.samples.is_empty() {
            return refuse("it holds no inputs; record it again".to_owned());
        }
        Ok(Self {
            trace,
            kernel,
            archive,
            boot,
            script,
            jobs,
            compared,
            needs: usage.most,
        })
    }

    /// Whether it can be replayed on this host, before anything starts. Gives what the user should know, in a line each.
    ///
    /// # Errors
    /// When it cannot, in one line: the CPU lacks what the recorded one had (unless any CPU will do), or a limit of the host is
    /// in the way.
    pub fn check_host(&self, any_cpu: AnyCpu) -> Result<Vec<String>, TracerError> {
        let refuse = |why: String| {
            Err(TracerError::Options(format!(
                "{} cannot be replayed here: {why}",
                self.trace.path().display()
            )))
        };
        if let Some(why) = self.needs.complaint(&limits::Host::this()) {
            return refuse(why);
        }
        let Some(recorded) = &self.meta().host.processor else {
            return Ok(Vec::new());
        };
        let here = processor::on(self.cpu()?)?;
        Ok(match (Fit::of(recorded, &here), any_cpu) {
            (Fit::Same, _) => Vec::new(),
            (Fit::Other(how), _) => vec![format!(
                "this CPU is not like the one it was recorded on: {how}; a program that asks the CPU may take another way, which \
                 would show as a divergence"
            )],
            (Fit::Lacks(what), AnyCpu::Refused) => {
                return refuse(format!(
                    "the CPU that it was recorded on can do {what}, by which programs choose their code, and this one cannot; \
                     replay it on a CPU that can, or add --any-cpu to try"
                ));
            }
            (Fit::Lacks(what), AnyCpu::Tried) => vec![format!(
                "this CPU cannot do {what}, by which programs may have chosen their code: that would show as a divergence"
            )],
        })
    }

    /// The CPU of this host to replay on: the one that answers with the recorded number, as programs may have kept it; else the
    /// last one allowed.
    ///
    /// # Errors
    /// When no CPU may be used.
    pub fn cpu(&self) -> Result<usize, TracerError> {
        let allowed = allowed_cpus()?;
        let recorded = self.meta().host.processor.as_ref();
        recorded
            .and_then(|recorded| processor::with_number(recorded.number, &allowed))
            .or(allowed.last().copied())
            .ok_or_else(|| TracerError::Options("no CPU may be used".to_owned()))
    }

    /// The trace folder's own name.
    #[must_use]
    pub fn name(&self) -> String {
        self.trace.name()
    }

    /// What meta.json says of it.
    #[must_use]
    pub fn meta(&self) -> &meta::Meta {
        self.trace.meta()
    }

    /// Whether the instructions that read the time stamp counter trap in it.
    pub(super) fn traps_tsc(&self) -> bool {
        region::parameters_from(&self.boot).is_some_and(|parameters| parameters.trap_tsc != 0)
    }

    /// Why the trace is not whole, in one line; nothing when it is.
    #[must_use]
    pub fn incomplete(&self) -> Option<String> {
        self.trace.completeness()
    }

    /// Whether it goes to the end of the machine.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.meta().outcome, Outcome::Completed { .. }) && self.meta().lost.is_empty()
    }

    /// The events that a replay is held against, with their numbers in the log from 1.
    pub(super) fn compared_events(
        &self,
    ) -> Result<impl Iterator<Item = (u64, Event)> + use<>, TracerError> {
        let all = self.numbered_events()?;
        Ok(all.filter(|(_, event)| is_compared(event)))
    }

    /// All intact events, with their numbers in the log from 1.
    pub(super) fn numbered_events(
        &self,
    ) -> Result<impl Iterator<Item = (u64, Event)> + use<>, TracerError> {
        let intact = self.trace.events()?.map_while(Result::ok);
        Ok((1..).zip(intact))
    }
}

/// What the machine used, event by event.
#[derive(Default)]
struct Usage {
    processes: u64,
    most: Needs,
}

impl Usage {
    fn take(&mut self, event: &Event) {
        let memory = match &event.kind {
            EventKind::Created {
                role: Role::Process,
                ..
            } => {
                self.processes += 1;
                0
            }
            EventKind::ProcessExited { .. } => {
                self.processes = self.processes.saturating_sub(1);
                0
            }
            EventKind::MemoryLeft { bytes, .. } => *bytes,
            EventKind::Preempted { state } => state.memory_bytes,
            _ => return,
        };
        self.most.processes = self.most.processes.max(self.processes);
        self.most.memory = self.most.memory.max(memory);
    }
}

/// What keeps the machine from being started, if anything.
fn complaint(parameters: &BootParameters, is_own_kernel: bool, trust: Trust) -> Option<String> {
    if parameters.version != VERSION {
        return Some(format!(
            "its kernel speaks version {} of the kernel's interface and this version of trapline version {VERSION}; replay it with the version that recorded it",
            parameters.version
        ));
    }
    if trust == Trust::None && !is_own_kernel {
        return Some(
            "its kernel is not the one of this version of trapline, and would run with your rights; \
             replay it with the version that recorded it, or add --trust if you trust who made the trace"
                .to_owned(),
        );
    }
    if trust == Trust::None && parameters.protect == 0 {
        return Some(
            "it was recorded with --protect off, so its programs could do whatever you can; \
             add --trust if you trust who made the trace"
                .to_owned(),
        );
    }
    let (had, has) = (parameters.saved_state, signal_frame_bytes());
    (has > had).then(|| {
        format!(
            "the CPU that it was recorded on saved at most {had} bytes of registers at a trap, and this one saves {has}; \
             replay it on a CPU like that"
        )
    })
}

fn is_cut(error: &FormatError) -> bool {
    matches!(
        error,
        FormatError::DamagedLog {
            damage: LogDamage::NoEnd | LogDamage::Truncated { .. },
            ..
        }
    )
}

fn job(job: &meta::Job) -> Job {
    Job::new(job.arguments.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(change: fn(&mut BootParameters)) -> Box<BootParameters> {
        let bytes = vec![0; size_of::<BootParameters>()];
        let mut parameters = region::parameters_from(&bytes).expect("of the right size");
        parameters.version = VERSION;
        parameters.protect = 1;
        parameters.saved_state = signal_frame_bytes();
        change(&mut parameters);
        parameters
    }

    #[test]
    fn only_the_own_kernel_with_closed_memory_is_run_without_trust() {
        let usual = parameters(|_| {});
        let open = parameters(|parameters| parameters.protect = 0);
        assert_eq!(complaint(&usual, true, Trust::None), None);
        for (parameters, is_own) in [(&usual, false), (&open, true)] {
            let why = complaint(parameters, is_own, Trust::None).expect("refused");
            assert!(why.contains("--trust"), "{why}");
            assert_eq!(complaint(parameters, is_own, Trust::Full), None);
        }
    }

    #[test]
    fn another_interface_or_a_larger_cpu_state_is_refused_whatever_the_trust() {
        let newer = parameters(|parameters| parameters.version += 1);
        let smaller = parameters(|parameters| parameters.saved_state -= 1);
        for parameters in [newer, smaller] {
            assert!(complaint(&parameters, true, Trust::Full).is_some());
        }
    }
}
