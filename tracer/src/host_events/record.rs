//! The bytes of perf's records: perf_event_open(2), "MMAP layout". Each begins with its type, flags and length.
//!
//! Key function: [`read`]. Nothing in them is trusted: what makes no sense ends the reading and counts as lost.

use perf_event_open_sys::bindings::{
    PERF_RECORD_LOST, PERF_RECORD_MISC_SWITCH_OUT, PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
    PERF_RECORD_SAMPLE, PERF_RECORD_SWITCH,
};
use trapline_trace_format::event::{
    Event, EventKind, FaultSize, ProcessId, SwitchReason, ThreadId,
};

/// What a record says.
pub(super) enum Record {
    /// Its time is CLOCK_MONOTONIC's.
    Event(Event),
    /// So many records could not be written.
    Lost(u64),
}

/// Reads the records of a ring whose samples are page faults of this size.
pub(super) fn read(mut bytes: &[u8], faults: FaultSize, mut take: impl FnMut(Record)) {
    while !bytes.is_empty() {
        let Some((record, rest)) = first(bytes, faults) else {
            take(Record::Lost(1));
            return;
        };
        if let Some(record) = record {
            take(record);
        }
        bytes = rest;
    }
}

/// The first record, if it is one of ours, and the bytes behind it.
fn first(bytes: &[u8], faults: FaultSize) -> Option<(Option<Record>, &[u8])> {
    let (&kind, rest) = bytes.split_first_chunk()?;
    let (&misc, rest) = rest.split_first_chunk()?;
    let (&size, body) = rest.split_first_chunk()?;
    let (size, header) = (
        usize::from(u16::from_ne_bytes(size)),
        bytes.len() - body.len(),
    );
    let body = Words(body.get(..size.checked_sub(header)?)?);
    let misc = u32::from(u16::from_ne_bytes(misc));
    let record = match u32::from_ne_bytes(kind) {
        PERF_RECORD_SWITCH => switch(body, misc),
        PERF_RECORD_SAMPLE => fault(body, faults),
        PERF_RECORD_LOST => Some(Record::Lost(body.get(1)?)),
        _ => None,
    };
    Some((record, &bytes[size..]))
}

fn switch(body: Words, misc: u32) -> Option<Record> {
    let cpu = body.halves(2)?.0;
    let kind = if misc & PERF_RECORD_MISC_SWITCH_OUT == 0 {
        EventKind::SwitchedIn { cpu }
    } else {
        let reason = match misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT {
            0 => SwitchReason::Block,
            _ => SwitchReason::Preempt,
        };
        EventKind::SwitchedOut { cpu, reason }
    };
    event(body.halves(0)?, body.get(1)?, kind)
}

fn fault(body: Words, size: FaultSize) -> Option<Record> {
    let kind = EventKind::Faulted {
        address: body.get(3)?,
        instruction: body.get(0)?,
        size,
    };
    event(body.halves(1)?, body.get(2)?, kind)
}

/// Nothing for a thread without a number: it is already gone, or belongs to a world that we cannot name (a namespace).
fn event((process, thread): (u32, u32), time: u64, kind: EventKind) -> Option<Record> {
    const GONE: u32 = u32::MAX;
    let named = !matches!(thread, 0 | GONE) && !matches!(process, 0 | GONE);
    named.then_some(Record::Event(Event {
        time: time as i64,
        process: ProcessId(process),
        thread: ThreadId(thread),
        kind,
    }))
}

/// The body of a record: 64-bit words, some of them two numbers.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn get(self, index: usize) -> Option<u64> {
        let word = self.0.get(index * 8..)?.first_chunk()?;
        Some(u64::from_ne_bytes(*word))
    }

    fn halves(self, index: usize) -> Option<(u32, u32)> {
        let word = self.get(index)?;
        Some((word as u32, (word >> 32) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, misc: u16, words: &[u64]) -> Vec<u8> {
        let size = 8 + 8 * words.len() as u16;
        let header = [
            &kind.to_ne_bytes()[..],
            &misc.to_ne_bytes(),
            &size.to_ne_bytes(),
        ];
        let body = words.iter().flat_map(|word| word.to_ne_bytes());
        header.concat().into_iter().chain(body).collect()
    }

    fn ids(process: u32, thread: u32) -> u64 {
        u64::from(process) | u64::from(thread) << 32
    }

    fn read_all(bytes: &[u8]) -> (Vec<Event>, u64) {
        let (mut events, mut lost) = (Vec::new(), 0);
        read(bytes, FaultSize::Minor, |record| match record {
            Record::Event(event) => events.push(event),
            Record::Lost(count) => lost += count,
        });
        (events, lost)
    }

    #[test]
    fn switches_faults_and_losses_are_read_and_other_records_passed_over() {
        let out = PERF_RECORD_MISC_SWITCH_OUT as u16;
        let preempted = out | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT as u16;
        let bytes = [
            record(PERF_RECORD_SWITCH, out, &[ids(7, 8), 100, 1]),
            record(99, 0, &[1, 2, 3, 4]),
            record(PERF_RECORD_SWITCH, 0, &[ids(7, 8), 200, 0]),
            record(PERF_RECORD_LOST, 0, &[0, 41, ids(7, 8), 200, 0]),
            record(PERF_RECORD_SWITCH, preempted, &[ids(7, 8), 300, 1]),
            record(PERF_RECORD_SWITCH, out, &[ids(u32::MAX, u32::MAX), 400, 1]),
            record(PERF_RECORD_SAMPLE, 0, &[0x40, ids(7, 9), 500, 0x1000, 0]),
        ];
        let (events, lost) = read_all(&bytes.concat());
        let event = |time, thread, kind| Event {
            time,
            process: ProcessId(7),
            thread: ThreadId(thread),
            kind,
        };
        let (block, preempt) = (SwitchReason::Block, SwitchReason::Preempt);
        let expected = [
            event(
                100,
                8,
                EventKind::SwitchedOut {
                    cpu: 1,
                    reason: block,
                },
            ),
            event(200, 8, EventKind::SwitchedIn { cpu: 0 }),
            event(
                300,
                8,
                EventKind::SwitchedOut {
                    cpu: 1,
                    reason: preempt,
                },
            ),
            event(
                500,
                9,
                EventKind::Faulted {
                    address: 0x1000,
                    instruction: 0x40,
                    size: FaultSize::Minor,
                },
            ),
        ];
        assert_eq!(events, expected);
        assert_eq!(lost, 41);
    }

    #[test]
    fn damaged_records_end_the_reading_and_count_as_lost() {
        let good = record(PERF_RECORD_SWITCH, 0, &[ids(1, 1), 5, 0]);
        for length in [0_u16, 7, 4096] {
            let mut bad = record(PERF_RECORD_SWITCH, 0, &[ids(1, 1), 6, 0]);
            bad[6..8].copy_from_slice(&length.to_ne_bytes());
            let (events, lost) = read_all(&[good.clone(), bad, good.clone()].concat());
            assert_eq!((events.len(), lost), (1, 1), "length {length}");
        }
        // Too short for what it should hold: left out, and no panic.
        let short = record(PERF_RECORD_SAMPLE, 0, &[1]);
        assert_eq!(read_all(&[short, good].concat()).0.len(), 1);
    }
}
