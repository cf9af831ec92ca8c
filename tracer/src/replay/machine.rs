//! The machine of a recording, ready to do it all again: the same memory, files and seeds, inputs from the script, a key of
//! its own. Neighbours: `recording.rs` has what it starts with, `machine/ready.rs` starts it.

use trapline_abi::boot::STOPWATCH_NONE;

use super::recording::Recording;
use crate::error::TracerError;
use crate::machine::{Ready, Source};
use crate::ptrace::region;

/// The machine of the recording, on this CPU.
pub(super) fn ready(recording: &Recording, cpu: usize) -> Result<Ready<'_>, TracerError> {
    let script = &recording.script;
    let mut parameters = region::parameters_from(&recording.boot)
        .ok_or_else(|| TracerError::Machine("its parameters are gone".to_owned()))?;
    parameters.return_key = getrandom::u64()
        .map_err(|_| TracerError::Options("the host has no random numbers".to_owned()))?;
    // A tracer would see what is known already.
    parameters.traced = 0;
    parameters.replay = 1;
    parameters.noted = 1;
    parameters.stopwatch = STOPWATCH_NONE;
    parameters.stop_at = 0;
    parameters.script_samples = script.samples.len() as u64;
    parameters.script_points = script.points.len() as u64;
    parameters.initramfs_length = recording.archive.len() as u64;
    Ok(Ready {
        parameters,
        kernel: (&recording.kernel).into(),
        archive: recording.archive.clone(),
        input: Source::Recorded(script.input.clone()),
        script: Some(script.file()?),
        cpu,
    })
}
