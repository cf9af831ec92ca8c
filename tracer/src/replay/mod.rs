//! Replaying: a recorded machine does it all again, and every event is held against the recorded one.
//!
//! The names mirror `record`'s. The trace has everything: the kernel, the machine's files, what the kernel was told, its
//! inputs. Time passes as it was recorded, timer interrupts come where they came, and nothing else of the host is looked at.
//!
//! | file | what |
//! |---|---|
//! | `recording.rs` | a trace that can be replayed |
//! | `fit.rs`, `limits.rs` | whether this host's CPU and limits allow it |
//! | `script.rs` | its inputs, as the kernel reads them |
//! | `machine.rs` | the machine that gets them |
//! | `inspect.rs` | a replay that stops behind an event, and what is seen there |
//! | `history.rs`, `memory.rs` | the kernel's tables up to there, told from events; guest memory, read from outside |
//! | `measure.rs`, `passages.rs` | what the kernel's work takes, over many replays and in one |
//! | `searches.rs` | what it took to find where the timer had come |
//! | `compare.rs`, `divergence.rs` | recording and replay held against each other; the first difference in words |

mod compare;
mod divergence;
mod fit;
mod history;
mod inspect;
mod limits;
mod machine;
mod measure;
mod memory;
mod passages;
mod recording;
mod script;
mod searches;

use std::time::{Duration, Instant};

pub use compare::Verified;
pub use divergence::Divergence;
pub use history::{ProcessRow, ThreadStatus};
pub use inspect::{At, Exactness, Inspected, Snapshot, Wanted, inspect};
pub use measure::Measuring;
pub use memory::Bytes;
pub use recording::{AnyCpu, Recording, Trust};
pub use searches::Searches;

use crate::error::TracerError;
use crate::machine::Machine;
use crate::record::{Observer, Pinned, Standstill, Stop};
use compare::{Comparison, State};
use passages::Passages;
use trapline_abi::boot::STOPWATCH_NONE;
use trapline_trace_format::event::Event;

/// Longest sleep between two looks at a log that fills slowly.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often the listener hears.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// How many times longer than in the recording something may take on top of the patience.
const SLOWER: u32 = 20;

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// The host CPU that the machine runs on.
    pub cpu: usize,
    /// Give up when nothing comes for so long.
    pub patience: Duration,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was recorded came again, to the end of the machine.
    Same,
    /// All that can be repeated of a machine that was ended early came again; so many of its last events could not be,
    /// because their inputs were never written down.
    SameUntilCut {
        /// How many.
        left: u64,
    },
    /// Something differed.
    Diverged(Divergence),
    /// Someone stopped it.
    Interrupted {
        /// What stopped it.
        by: String,
    },
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What was compared, and was the same.
    pub verified: Verified,
    /// What it took to find where the timer had come.
    pub searches: Searches,
    /// How it ended.
    pub end: End,
    /// How long it took, from the start of the machine.
    pub took: Duration,
}

/// Replays a recording once. `progress` hears now and then how many of how many events came.
///
/// # Errors
/// When the machine cannot be started or its log makes no sense. A difference is not an error. Nothing is left of the machine
/// in any case.
pub fn replay(
    recording: &Recording,
    options: &ReplayOptions,
    stop: &Stop,
    progress: impl FnMut(u64, u64),
) -> Result<Replayed, TracerError> {
    replay_timed(recording, options, STOPWATCH_NONE, stop, progress).map(|(replayed, _)| replayed)
}

/// The same with a stopwatch of the kernel's ([`trapline_abi::boot`]); what the passages took, in its units.
fn replay_timed(
    recording: &Recording,
    options: &ReplayOptions,
    stopwatch: u32,
    stop: &Stop,
    mut progress: impl FnMut(u64, u64),
) -> Result<(Replayed, Passages), TracerError> {
    let _pinned = Pinned::for_recorder(options.cpu, false)?;
    let mut comparison = Comparison::new(recording.compared_events()?, recording.is_whole());
    if stopwatch != STOPWATCH_NONE {
        comparison.time_passages();
    }
    let start = Instant::now();
    let mut ready = machine::ready(recording, options.cpu)?;
    ready.parameters.stopwatch = stopwatch;
    let mut machine = ready.start()?;
    let _armed = stop.arm(machine.root.killer()?, None);
    let over = run(
        &mut machine,
        recording,
        options,
        false,
        &mut comparison,
        &mut progress,
    )?;
    drop(machine);
    let took = start.elapsed();
    let end = end(over, recording, &mut comparison, stop);
    let replayed = Replayed {
        verified: comparison.verified(),
        searches: comparison.searches(),
        end,
        took,
    };
    Ok((replayed, comparison.into_passages()))
}

/// Why the machine no longer runs.
enum Over {
    /// It did not go on for too long.
    Stuck(Duration),
    /// It ended.
    Ended {
        /// Whether every job had.
        halted: bool,
        /// Why it could not go on, in the kernel's words.
        why: Option<String>,
    },
    /// It failed.
    Failed(String),
    /// It stands still, because it was told to.
    Standstill(Standstill),
}

/// Runs the machine until all is known; `stops`: it was told to stand still.
fn run<I>(
    machine: &mut Machine,
    recording: &Recording,
    options: &ReplayOptions,
    stops: bool,
    comparison: &mut Comparison<I>,
    progress: &mut impl FnMut(u64, u64),
) -> Result<Over, TracerError>
where
    I: Iterator<Item = (u64, Event)>,
{
    let mut observer = Observer::new(&recording.jobs, comparison);
    let mut last_event = Instant::now();
    let mut last_word = Instant::now();
    loop {
        // Asked before the last look, so that nothing written before the end is missed.
        let has_ended = machine.root.has_ended();
        let found = match observer.drain(&machine.region) {
            // A program that could be loaded once and no more.
            Err(refused @ TracerError::Job { .. }) => {
                return Ok(Over::Failed(refused.to_string()));
            }
            other => other?,
        };
        if let Some(standstill) = observer.standstill() {
            return Ok(Over::Standstill(standstill));
        }
        let comparison = observer.sink();
        let is_over = match comparison.state() {
            State::Going => false,
            // Its last event is followed by the standstill, if there is to be one.
            State::AllCame => !stops,
            State::Diverged(_) => true,
        };
        if is_over {
            // The comparison says the rest.
            return Ok(Over::Ended {
                halted: false,
                why: None,
            });
        }
        if has_ended {
            break;
        }
        if last_word.elapsed() >= PROGRESS_EVERY {
            last_word = Instant::now();
            progress(comparison.verified().events, recording.compared);
        }
        if found {
            last_event = Instant::now();
            continue;
        }
        let gap = Duration::from_nanos(comparison.gap() as u64);
        let limit = options.patience.saturating_add(gap.saturating_mul(SLOWER));
        if last_event.elapsed() > limit {
            return Ok(Over::Stuck(last_event.elapsed()));
        }
        machine.region.sleep_until_filled(LOOK_EVERY);
    }
    Ok(match observer.finish() {
        Ok(ending) => Over::Ended {
            halted: ending.halted,
            why: ending.diverged,
        },
        Err(TracerError::Machine(panic)) => Over::Failed(format!("its kernel failed: {panic}")),
        Err(other) => return Err(other),
    })
}

fn end<I>(over: Over, recording: &Recording, comparison: &mut Comparison<I>, stop: &Stop) -> End
where
    I: Iterator<Item = (u64, Event)>,
{
    match comparison.state() {
        State::Diverged(divergence) => return End::Diverged(divergence.clone()),
        State::AllCame => return End::SameUntilCut { left: 0 },
        State::Going => {}
    }
    let next = comparison.next_number();
    match over {
        Over::Ended { halted: true, .. } if next.is_none() => End::Same,
        Over::Ended { halted: true, .. } => {
            End::Diverged(comparison.nothing_came("the machine came to its end".to_owned()))
        }
        Over::Ended { why: None, .. } if stop.reason().is_some() => {
            End::Interrupted {
                by: stop.reason().unwrap_or_default(),
            }
        }
        // Events behind the last inputs that were written down cannot come again.
        Over::Ended { why: Some(_), .. }
            if !recording.is_whole() && next.is_none_or(|next| next > recording.script.covered) =>
        {
            End::SameUntilCut {
                left: recording.compared - comparison.verified().events,
            }
        }
        Over::Ended { why, .. } => End::Diverged(comparison.nothing_came(
            why.unwrap_or_else(|| "its host process was ended from outside".to_owned()),
        )),
        Over::Standstill(_) => End::Diverged(
            comparison.nothing_came("the machine stood still too early".to_owned()),
        ),
        Over::Failed(why) => End::Diverged(comparison.nothing_came(why)),
        Over::Stuck(waited) => End::Diverged(comparison.nothing_came(format!(
            "nothing came for {} s: where the timer interrupted the program was not found, or the program does not end",
            waited.as_secs()
        ))),
    }
}
