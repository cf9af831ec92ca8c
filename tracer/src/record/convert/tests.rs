//! Promises of the conversion: what each record means, and that nonsense is an error.

use trapline_abi::cause::Cause as LogCause;
use trapline_trace_format::event::{Backing, Cause, SwitchReason, Waits};

use super::*;

#[test]
fn a_trap_keeps_every_number() {
    let mut record = Record {
        time: 150,
        thread: 3,
        process: 2,
        number: 39,
        ..Record::new(Kind::Trap)
    };
    record.code = LogCause::Syscall as u16;
    record.words = [10, 0, 1, 2, 3, 4, 5, 6];
    let trap = Trap {
        cause: Cause::Syscall,
        abi: Abi::X86_64,
        number: 39,
        instruction: 10,
        address: 0,
        arguments: [1, 2, 3, 4, 5, 6],
    };
    let (process, thread) = (ProcessId(2), ThreadId(3));
    let expected = Event {
        time: 50,
        process,
        thread,
        kind: EventKind::Trap(trap),
    };
    assert_eq!(entry(&record, 100).expect("a trap"), Entry::Event(expected));
}

#[test]
fn what_no_kernel_writes_is_an_error_and_not_a_guess() {
    let unknown_kind = Record {
        kind: 999,
        ..Record::new(Kind::Trap)
    };
    let unknown_cause = Record {
        code: 99,
        ..Record::new(Kind::Trap)
    };
    let unknown_reason = Record {
        code: 99,
        ..Record::new(Kind::SwitchBegin)
    };
    let too_long = Record {
        number: TEXT_MAX as i32 + 1,
        ..Record::new(Kind::Console)
    };
    let negative = Record {
        number: -1,
        ..Record::new(Kind::Console)
    };
    let coded = |kind, code| Record {
        code,
        ..Record::new(kind)
    };
    let with_words = |kind, code, words: &[u64]| {
        let mut record = coded(kind, code);
        record.words[..words.len()].copy_from_slice(words);
        record
    };
    for record in [
        unknown_kind,
        unknown_cause,
        unknown_reason,
        too_long,
        negative,
        coded(Kind::Created, 2),
        coded(Kind::Exited, 2),
        with_words(Kind::ProcessExited, 1, &[99]),
        with_words(Kind::ProcessExited, 1, &[1 << 16 | 1]),
        with_words(Kind::SwitchBegin, 2, &[1, 99]),
        coded(Kind::Map, 6),
        with_words(Kind::Map, 1, &[1, 8, 4]),
        with_words(Kind::Map, 1, &[1, 4, 8, 8]),
        with_words(Kind::Map, 1, &[1, 4, 8, 7, 5]),
        with_words(Kind::Signal, 9, &[6]),
        with_words(Kind::Signal, 300, &[1]),
    ] {
        assert!(entry(&record, 0).is_err(), "{record:?}");
    }
}

#[test]
fn a_programs_name_ends_at_its_padding_or_where_the_record_holds_other_things() {
    let named = |kind, name: &[u8]| {
        let mut record = Record {
            number: 7,
            ..Record::new(kind)
        };
        record.set_text(name);
        record.words[6..].copy_from_slice(&[3, 4711]);
        let Entry::Lives(event, SpaceId(3), 4711) = entry(&record, 0).expect("a process") else {
            panic!("nobody lives there")
        };
        event.kind
    };
    assert_eq!(
        named(Kind::Created, b"spin"),
        EventKind::Created {
            parent: ProcessId(7),
            name: "spin".to_owned(),
            role: Role::Process,
            space: SpaceId(3),
        }
    );
    assert_eq!(
        named(Kind::Executed, &[b'x'; 48]),
        EventKind::Executed {
            name: "x".repeat(48),
            space: SpaceId(3),
        }
    );
}

/// The event of a record with this code, number and these words.
fn kind(kind: Kind, code: u16, number: i32, words: [u64; 8]) -> EventKind {
    let record = Record {
        code,
        number,
        words,
        ..Record::new(kind)
    };
    match entry(&record, 0).expect("an event") {
        Entry::Event(event) => event.kind,
        other => panic!("no plain event: {other:?}"),
    }
}

#[test]
fn an_ending_has_a_cause_unless_somebody_sent_the_signal() {
    let status = |kind| match kind {
        EventKind::Exited { status } | EventKind::ProcessExited { status } => status,
        other => panic!("no ending: {other:?}"),
    };
    let killed = |cause, address| ExitStatus::Killed {
        signal: 11,
        cause,
        address,
    };
    assert_eq!(
        status(kind(Kind::ProcessExited, 0, 3, [0; 8])),
        ExitStatus::Code(3)
    );
    assert_eq!(
        status(kind(Kind::ProcessExited, 1, 11, [0; 8])),
        killed(None, 0)
    );
    assert_eq!(
        status(kind(Kind::Exited, 1, 11, [3, 0x1000, 0, 0, 0, 0, 0, 0])),
        killed(Some(Cause::PageFault), 0x1000)
    );
}

#[test]
fn every_change_of_a_map_keeps_its_numbers() {
    let change = |code, words| match kind(Kind::Map, code, 0, words) {
        EventKind::MapChanged {
            space: SpaceId(9),
            change,
        } => change,
        other => panic!("no change: {other:?}"),
    };
    let words = [9, 0x1000, 0x3000, 5, 3, 77, 0x2000, 0];
    let range = Range {
        start: 0x1000,
        end: 0x3000,
    };
    let rights = Rights::READ_EXECUTE;
    assert_eq!(
        change(1, words),
        MapChange::Map {
            range,
            rights,
            backing: Backing::File,
            inode: 77,
            offset: 0x2000
        }
    );
    assert_eq!(change(2, words), MapChange::Unmap { range });
    assert_eq!(change(3, words), MapChange::Protect { range, rights });
    assert_eq!(change(4, words), MapChange::Clear);
    assert_eq!(change(5, words), MapChange::Copy { from: SpaceId(77) });
}

#[test]
fn signals_waits_and_input_are_kept() {
    assert_eq!(
        kind(Kind::Signal, 17, 0, [1, 0x40_0000, 0, 0, 0, 0, 0, 0]),
        EventKind::Signal {
            signal: 17,
            sender: ProcessId(0),
            action: SignalAction::Handler { address: 0x40_0000 },
            info: Vec::new(),
        }
    );
    assert_eq!(
        kind(Kind::SwitchBegin, 2, 0, [4, 5, 0, 0, 0, 0, 0, 0]),
        EventKind::SwitchBegin {
            to: ThreadId(4),
            reason: SwitchReason::Block,
            waits: Some(Waits::Child),
        }
    );
    assert_eq!(
        kind(Kind::Input, 0, 2, [0x0a68, 0, 0, 0, 0, 0, 0, 0]),
        EventKind::Input {
            bytes: b"h\n".to_vec()
        }
    );
    assert_eq!(
        kind(Kind::Input, 0, 0, [0; 8]),
        EventKind::Input { bytes: Vec::new() }
    );
}
