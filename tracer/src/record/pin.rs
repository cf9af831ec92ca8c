//! Where the recorder runs. A tracer shares the machine's CPU: handing over between two CPUs costs eight times as much. A
//! recorder that only reads the log stays off it, so that it takes nothing from the machine.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::{During, TracerError};

/// The calling thread is pinned until this is dropped.
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// The calling thread where a recorder belongs.
    pub(crate) fn for_recorder(machine_cpu: usize, traced: bool) -> Result<Self, TracerError> {
        Self::keep(|cpu| (cpu == machine_cpu) == traced)
    }

    /// The calling thread on one CPU.
    pub(crate) fn to(only: usize) -> Result<Self, TracerError> {
        Self::keep(|cpu| cpu == only)
    }

    /// Keeps those of the allowed CPUs that are `wanted`; all of them where that leaves none.
    fn keep(wanted: impl Fn(usize) -> bool) -> Result<Self, TracerError> {
        let this_thread = Pid::from_raw(0);
        let before = sched_getaffinity(this_thread).during("ask which CPUs may be used")?;
        let mut kept = CpuSet::new();
        let mut any = false;
        for cpu in
            (0..CpuSet::count()).filter(|cpu| before.is_set(*cpu).unwrap_or(false) && wanted(*cpu))
        {
            any = true;
            kept.set(cpu).during("choose a CPU")?;
        }
        if any {
            sched_setaffinity(this_thread, &kept).during("move to another CPU")?;
        }
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // The CPUs were allowed before; should that have changed, staying pinned is no harm.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}
