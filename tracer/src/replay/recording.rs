//! A trace as a replay needs it: checked, and everything in it that the machine starts with. Key type: [`Recording`].
//! Neighbours: `script.rs` gathers the inputs, `machine.rs` starts from it.

use std::path::Path;

use trapline_abi::boot::{BootParameters, MAGIC, VERSION};
use trapline_trace_format::error::{FormatError, LogDamage};
use trapline_trace_format::event::Event;
use trapline_trace_format::folder::{ReplayPart, Trace};
use trapline_trace_format::meta::{self, Outcome, Target};

use super::compare::is_compared;
use super::script::Script;
use crate::error::TracerError;
use crate::machine::{Images, Job, signal_frame_bytes};
use crate::ptrace::region;

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

/// A trace that can be replayed.
pub struct Recording {
    trace: Trace,
    pub(super) kernel: Vec<u8>,
    pub(super) archive: Vec<u8>,
    pub(super) boot: Vec<u8>,
    pub(super) script: Script,
    /// Whether its kernel is the one of this version.
    pub(super) has_own_kernel: bool,
    /// Its jobs, for messages.
    pub(super) jobs: Vec<Job>,
    /// Events that a replay is held against.
    pub(super) compared: u64,
}

impl Recording {
    /// Reads a trace and checks that it can be replayed here.
    ///
    /// # Errors
    /// When it cannot, in one line: it is no trace, damaged, of another version, was recorded without what a replay needs, or
    /// asks for more trust than it gets.
    pub fn open(path: &Path, images: &Images, trust: Trust) -> Result<Self, TracerError> {
        let trace = Trace::open(path)?;
        let [kernel, archive, boot] = [
            trace.replay_part(ReplayPart::Kernel)?,
            trace.replay_part(ReplayPart::Initramfs)?,
            trace.replay_part(ReplayPart::Boot)?,
        ];
        let refuse = |why: String| {
            Err(TracerError::Options(format!(
                "{} cannot be replayed: {why}",
                path.display()
            )))
        };
        let Some(parameters) = region::parameters_from(&boot).filter(|p| p.magic == MAGIC) else {
            return refuse("its replay/boot is none that a kernel can read".to_owned());
        };
        let has_own_kernel = images.kernel == kernel;
        if let Some(why) = complaint(&parameters, has_own_kernel, trust) {
            return refuse(why);
        }
        let mut script = Script::default();
        let mut compared = 0;
        for event in trace.events()? {
            match event {
                Ok(event) => {
                    script.take(&event);
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
        let Target::Mini { jobs, .. } = &trace.meta().target else {
            return refuse("it is of programs on Linux, which cannot be replayed".to_owned());
        };
        let jobs = jobs.iter().map(job).collect();
        Ok(Self {
            trace,
            kernel,
            archive,
            boot,
            script,
            has_own_kernel,
            jobs,
            compared,
        })
    }

    /// What meta.json says of it.
    #[must_use]
    pub fn meta(&self) -> &meta::Meta {
        self.trace.meta()
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
