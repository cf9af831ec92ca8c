//! Promises of record.rs: every event survives, everything else is refused.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use trapline_trace_format::event::*;
use trapline_trace_format::record::{HEADER_BYTES, MAX_PAYLOAD, RecordError, decode, encode};

fn bytes_of(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(event, &mut bytes).unwrap();
    bytes
}

fn cause() -> impl Strategy<Value = Cause> {
    prop::sample::select(Cause::ALL.to_vec())
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        (cause(), any::<i32>(), any::<u64>()).prop_map(|(cause, number, instruction)| Seen::Trap {
            cause,
            number,
            instruction
        }),
        Just(Seen::Return),
        Just(Seen::Other),
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let reason = prop::sample::select(SwitchReason::ALL.to_vec());
    prop_oneof![
        (any::<u32>(), any::<String>()).prop_map(|(parent, name)| EventKind::Created {
            parent: ProcessId(parent),
            name
        }),
        any::<String>().prop_map(|name| EventKind::Executed { name }),
        any::<u8>().prop_map(|code| EventKind::Exited {
            status: ExitStatus::Code(code)
        }),
        (any::<u8>(), cause(), any::<u64>()).prop_map(|(signal, cause, address)| {
            EventKind::Exited {
                status: ExitStatus::Killed {
                    signal,
                    cause,
                    address,
                },
            }
        }),
        (
            cause(),
            any::<i32>(),
            any::<u64>(),
            any::<u64>(),
            any::<[u64; 6]>()
        )
            .prop_map(|(cause, number, instruction, address, arguments)| {
                EventKind::Trap(Trap {
                    cause,
                    number,
                    instruction,
                    address,
                    arguments,
                })
            }),
        any::<i64>().prop_map(|result| EventKind::Return { result }),
        (any::<u32>(), reason).prop_map(|(to, reason)| EventKind::SwitchBegin {
            to: ThreadId(to),
            reason
        }),
        Just(EventKind::SwitchEnd),
        Just(EventKind::Woken),
        any::<i64>().prop_map(|expiry| EventKind::QuantumStart { expiry }),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| EventKind::Console { bytes }),
        (any::<i64>(), seen()).prop_map(|(until, seen)| EventKind::Held { until, seen }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (any::<i64>(), any::<u32>(), any::<u32>(), kind()).prop_map(|(time, process, thread, kind)| {
        Event {
            time,
            process: ProcessId(process),
            thread: ThreadId(thread),
            kind,
        }
    })
}

proptest! {
    #[test]
    fn every_event_comes_back_as_it_was(event in event()) {
        let bytes = bytes_of(&event);
        let length = bytes.len();
        prop_assert_eq!(decode(&bytes), Ok((event, length)));
    }

    #[test]
    fn any_bytes_give_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok((event, length)) = decode(&bytes) {
            prop_assert_eq!(bytes_of(&event), &bytes[..length]);
        }
    }

    #[test]
    fn changed_records_are_refused_or_mean_exactly_what_they_say(
        event in event(), at in 0..HEADER_BYTES, value in any::<u8>()
    ) {
        let mut bytes = bytes_of(&event);
        bytes[at] = value;
        if let Ok((event, length)) = decode(&bytes) {
            prop_assert_eq!(bytes_of(&event), &bytes[..length]);
        }
    }
}

#[test]
fn records_keep_their_size() {
    assert_eq!(HEADER_BYTES, 104);
}

#[test]
fn a_record_cut_anywhere_is_short() {
    for event in support::one_of_each() {
        let bytes = bytes_of(&event);
        for length in 0..bytes.len() {
            assert!(matches!(
                decode(&bytes[..length]),
                Err(RecordError::Short { .. })
            ));
        }
    }
}

#[test]
fn unknown_numbers_are_named() {
    let header = |kind: u8, cause: u8, form: u8| {
        let mut bytes = [0; HEADER_BYTES];
        (bytes[16], bytes[17], bytes[18]) = (kind, cause, form);
        decode(&bytes).unwrap_err()
    };
    assert_eq!(header(0, 0, 0), RecordError::Kind(0));
    assert_eq!(header(12, 0, 0), RecordError::Kind(12));
    assert_eq!(header(4, 9, 0), RecordError::Cause(9));
    assert_eq!(header(6, 0, 7), RecordError::Reason(7));
    assert_eq!(header(3, 0, 3), RecordError::Status(3));
    assert_eq!(header(11, 0, 4), RecordError::Seen(4));
    assert_eq!(header(8, 1, 0), RecordError::Unused(8));
}

#[test]
fn names_must_be_utf8_and_payloads_bounded() {
    let name = EventKind::Executed {
        name: "ab".to_owned(),
    };
    let event = Event {
        kind: name,
        ..support::one_of_each().remove(0)
    };
    let mut bytes = bytes_of(&event);
    bytes[HEADER_BYTES] = 0xff;
    assert_eq!(decode(&bytes), Err(RecordError::Name));
    bytes[28..32].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode(&bytes), Err(RecordError::Payload(u32::MAX as usize)));

    let long = Event {
        kind: EventKind::Console {
            bytes: vec![0; MAX_PAYLOAD + 1],
        },
        ..event
    };
    let mut untouched = vec![1];
    assert_eq!(
        encode(&long, &mut untouched),
        Err(RecordError::Payload(MAX_PAYLOAD + 1))
    );
    assert_eq!(untouched, [1]);
}

#[test]
fn a_payload_on_a_kind_without_one_is_refused() {
    let mut bytes = [0; HEADER_BYTES + 1];
    bytes[16] = 8;
    bytes[28] = 1;
    assert_eq!(decode(&bytes), Err(RecordError::Unused(8)));
}
