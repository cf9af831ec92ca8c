//! A machine without a tracer: the kernel's log is all there is. Shows what runs cost without the probe effect.

use std::time::Duration;

use super::observe::{Ending, Observer, Sink};
use crate::error::TracerError;
use crate::machine::{Machine, MachineOptions};

/// Longest sleep between two looks at a log that fills slowly.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Looks between two rounds of housekeeping, at least.
const HOUSEKEEPING_EVERY: u32 = 10;

/// Runs the machine to its end. `housekeeping` is called now and then.
pub(crate) fn run<S: Sink>(
    mut machine: Machine,
    options: &MachineOptions,
    sink: &mut S,
    mut housekeeping: impl FnMut(&mut S) -> Result<(), TracerError>,
) -> Result<Ending, TracerError> {
    let mut observer = Observer::new(&options.jobs, sink);
    let mut looks = 0;
    loop {
        // Asked before the last look, so that nothing written before the end is missed.
        let ended = machine.root.has_ended();
        let found = observer.drain(&machine.region)?;
        if ended {
            break;
        }
        looks += 1;
        if looks % HOUSEKEEPING_EVERY == 0 {
            housekeeping(observer.sink())?;
        }
        if !found {
            machine.region.sleep_until_filled(LOOK_EVERY);
        }
    }
    observer.finish()
}
