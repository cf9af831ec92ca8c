//! What the kernel is told before it starts (`fixtures/abi/src/boot.rs`).

use std::time::{SystemTime, UNIX_EPOCH};

use trapline_abi::boot::{
    BootParameters, CLOCK_MONOTONIC, CLOCK_TSC, JOBS_MAX, Job, MAGIC, STOPWATCH_NONE, TEXT_MAX,
    VERSION,
};

use super::MachineOptions;
use super::job::{Packed, nanoseconds};
use crate::clock::{Clock, Source};
use crate::error::TracerError;

/// The parameters of a machine with these jobs and so many bytes of files.
pub(super) fn boot_parameters(
    options: &MachineOptions,
    packed: &Packed,
    archive_length: usize,
    clock: &Clock,
    traced: bool,
) -> Result<Box<BootParameters>, TracerError> {
    let mut job = [Job::NONE; JOBS_MAX];
    job[..packed.jobs.len()].copy_from_slice(&packed.jobs);
    let mut text = [0; TEXT_MAX];
    text[..packed.text.len()].copy_from_slice(&packed.text);
    let (clock_base, clock_multiplier) = clock.parameters();
    let return_key = getrandom::u64()
        .map_err(|_| TracerError::Options("the host has no random numbers".to_owned()))?;
    Ok(Box::new(BootParameters {
        magic: MAGIC,
        version: VERSION,
        protect: options.protect.into(),
        traced: traced.into(),
        clock: match clock.source() {
            Source::Tsc => CLOCK_TSC,
            Source::Monotonic => CLOCK_MONOTONIC,
        },
        clock_base,
        clock_multiplier,
        calendar_base_ns: calendar_ns().saturating_sub(clock.now()),
        seed: options.scheduler.seed,
        return_key,
        saved_state: signal_frame_bytes(),
        initramfs_length: archive_length as u64,
        memory_limit: options.memory,
        disk_latency_ns: nanoseconds(options.disk_latency),
        scheduler: options.scheduler,
        script_samples: 0,
        script_points: 0,
        stop_at: 0,
        replay: 0,
        trap_tsc: options.trap_tsc.into(),
        noted: 1,
        stopwatch: STOPWATCH_NONE,
        jobs: packed.jobs.len() as u32,
        text_length: packed.text.len() as u32,
        job,
        text,
    }))
}

/// Nanoseconds since 1970, now.
fn calendar_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, nanoseconds)
}

/// Most bytes of a signal frame on this host, vector registers included; a generous guess where the host does not say.
pub(crate) fn signal_frame_bytes() -> u64 {
    const AT_MINSIGSTKSZ: u64 = 51;
    const GUESS: u64 = 4096;
    let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    vector
        .chunks_exact(16)
        .find(|entry| word(&entry[..8]) == AT_MINSIGSTKSZ)
        .map_or(GUESS, |entry| word(&entry[8..]))
}
