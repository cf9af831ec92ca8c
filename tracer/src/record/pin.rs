//! The tracer on the machine's CPU: handing over between two CPUs costs eight times as much.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::{During, TracerError};

/// The calling thread is pinned until this is dropped.
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    pub(crate) fn to(cpu: usize) -> Result<Self, TracerError> {
        let this_thread = Pid::from_raw(0);
        let before = sched_getaffinity(this_thread).during("ask which CPUs may be used")?;
        let mut only = CpuSet::new();
        only.set(cpu)
            .and_then(|()| sched_setaffinity(this_thread, &only))
            .during("move to the machine's CPU")?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // The CPUs were allowed before; should that have changed, staying pinned is no harm.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}
