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

fn status() -> impl Strategy<Value = ExitStatus> {
    let killed = (any::<u8>(), prop::option::of(cause()), any::<u64>());
    prop_oneof![
        any::<u8>().prop_map(ExitStatus::Code),
        killed.prop_map(|(signal, cause, address)| ExitStatus::Killed {
            signal,
            cause,
            address
        }),
    ]
}

fn space() -> impl Strategy<Value = SpaceId> {
    any::<u32>().prop_map(SpaceId)
}

fn rights() -> impl Strategy<Value = Rights> {
    (0..8_u8).prop_map(|bits| Rights::from_bits(bits).unwrap())
}

fn range() -> impl Strategy<Value = Range> {
    any::<(u64, u64)>().prop_map(|(start, end)| Range { start, end })
}

fn change() -> impl Strategy<Value = MapChange> {
    let backing = prop::sample::select(Backing::ALL.to_vec());
    let file = any::<(u64, u64)>();
    prop_oneof![
        (range(), rights(), backing, file).prop_map(|(range, rights, backing, (inode, offset))| {
            MapChange::Map {
                range,
                rights,
                backing,
                inode,
                offset,
            }
        }),
        range().prop_map(|range| MapChange::Unmap { range }),
        (range(), rights()).prop_map(|(range, rights)| MapChange::Protect { range, rights }),
        Just(MapChange::Clear),
        space().prop_map(|from| MapChange::Copy { from }),
    ]
}

fn action() -> impl Strategy<Value = SignalAction> {
    prop_oneof![
        any::<u64>().prop_map(|address| SignalAction::Handler { address }),
        prop::sample::select(vec![
            SignalAction::Kill,
            SignalAction::Stop,
            SignalAction::Continue,
            SignalAction::Ignore
        ]),
    ]
}

fn life() -> impl Strategy<Value = EventKind> {
    let role = prop::sample::select(vec![Role::Process, Role::Thread]);
    prop_oneof![
        (any::<u32>(), any::<String>(), role, space()).prop_map(|(parent, name, role, space)| {
            EventKind::Created {
                parent: ProcessId(parent),
                name,
                role,
                space,
            }
        }),
        (any::<String>(), space()).prop_map(|(name, space)| EventKind::Executed { name, space }),
        status().prop_map(|status| EventKind::Exited { status }),
        status().prop_map(|status| EventKind::ProcessExited { status }),
    ]
}

fn abi() -> impl Strategy<Value = Abi> {
    prop::sample::select(Abi::ALL.to_vec())
}

fn linux() -> impl Strategy<Value = EventKind> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let role = prop::sample::select(vec![Role::Process, Role::Thread]);
    let size = prop::sample::select(vec![FaultSize::Minor, FaultSize::Major]);
    let reason = prop::sample::select(SwitchReason::ALL.to_vec());
    let durations = prop::collection::vec(any::<(u64, u64)>(), 0..20);
    prop_oneof![
        (any::<u8>(), any::<u32>(), any::<u64>(), bytes()).prop_map(
            |(argument, part, length, bytes)| EventKind::Pointed(Pointed {
                argument,
                part,
                length,
                bytes,
            })
        ),
        (any::<i32>(), bytes()).prop_map(|(descriptor, meaning)| EventKind::Descriptor {
            descriptor,
            meaning
        }),
        (any::<u32>(), reason).prop_map(|(cpu, reason)| EventKind::SwitchedOut { cpu, reason }),
        any::<u32>().prop_map(|cpu| EventKind::SwitchedIn { cpu }),
        (any::<u64>(), any::<u64>(), size).prop_map(|(address, instruction, size)| {
            EventKind::Faulted {
                address,
                instruction,
                size,
            }
        }),
        (role, any::<[u64; Usage::WORDS]>()).prop_map(|(of, words)| EventKind::Usage {
            of,
            usage: Usage::from_words(words),
        }),
        (abi(), any::<i32>(), any::<u64>(), durations, any::<i64>()).prop_map(
            |(abi, number, errors, durations, total_ns)| EventKind::Tally(Box::new(Tally {
                abi,
                number,
                errors,
                durations,
                total_ns,
            }))
        ),
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let reason = prop::sample::select(SwitchReason::ALL.to_vec());
    let waits = prop::option::of(prop::sample::select(Waits::ALL.to_vec()));
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        life(),
        (
            cause(),
            abi(),
            any::<i32>(),
            any::<u64>(),
            any::<u64>(),
            any::<[u64; 6]>()
        )
            .prop_map(|(cause, abi, number, instruction, address, arguments)| {
                EventKind::Trap(Trap {
                    cause,
                    abi,
                    number,
                    instruction,
                    address,
                    arguments,
                })
            }),
        any::<i64>().prop_map(|result| EventKind::Return { result }),
        (any::<u32>(), reason, waits).prop_map(|(to, reason, waits)| EventKind::SwitchBegin {
            to: ThreadId(to),
            reason,
            waits
        }),
        Just(EventKind::SwitchEnd),
        Just(EventKind::Woken),
        any::<i64>().prop_map(|expiry| EventKind::QuantumStart { expiry }),
        bytes().prop_map(|bytes| EventKind::Console { bytes }),
        bytes().prop_map(|bytes| EventKind::Input { bytes }),
        bytes().prop_map(|bytes| EventKind::Samples { bytes }),
        prop::collection::vec(any::<u64>(), ThreadState::WORDS).prop_map(|words| {
            let state = ThreadState::from_words(words.as_slice().try_into().unwrap());
            EventKind::Preempted {
                state: Box::new(state),
            }
        }),
        (space(), any::<u64>(), any::<u64>()).prop_map(|(space, digest, bytes)| {
            EventKind::MemoryLeft {
                space,
                digest,
                bytes,
            }
        }),
        (any::<u8>(), any::<u32>(), action(), bytes()).prop_map(
            |(signal, sender, action, info)| EventKind::Signal {
                signal,
                sender: ProcessId(sender),
                action,
                info,
            }
        ),
        linux(),
        (space(), change()).prop_map(|(space, change)| EventKind::MapChanged { space, change }),
        (any::<i64>(), space(), seen()).prop_map(|(until, space, seen)| EventKind::Held {
            until,
            space,
            seen
        }),
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
    assert_eq!(HEADER_BYTES, 112);
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
    let with_code = |kind: u8, cause: u8, form: u8, code: u8| {
        let mut bytes = [0; HEADER_BYTES];
        (bytes[16], bytes[17], bytes[18], bytes[19]) = (kind, cause, form, code);
        decode(&bytes).unwrap_err()
    };
    let header = |kind, cause, form| with_code(kind, cause, form, 0);
    assert_eq!(header(0, 0, 0), RecordError::Kind(0));
    assert_eq!(header(26, 0, 0), RecordError::Kind(26));
    assert_eq!(header(4, 1, 3), RecordError::Abi(3));
    assert_eq!(header(20, 0, 7), RecordError::Reason(7));
    assert_eq!(header(22, 0, 3), RecordError::FaultSize(3));
    assert_eq!(header(23, 0, 3), RecordError::Role(3));
    assert_eq!(header(23, 0, 1), RecordError::Words(0));
    assert_eq!(header(24, 0, 3), RecordError::Abi(3));
    assert_eq!(header(4, 9, 0), RecordError::Cause(9));
    assert_eq!(header(6, 0, 7), RecordError::Reason(7));
    assert_eq!(with_code(6, 0, 2, 11), RecordError::Waits(11));
    assert_eq!(header(1, 0, 3), RecordError::Role(3));
    assert_eq!(header(3, 0, 3), RecordError::Status(3));
    assert_eq!(header(12, 9, 2), RecordError::Cause(9));
    assert_eq!(header(14, 0, 6), RecordError::Action(6));
    assert_eq!(header(15, 0, 6), RecordError::MapChange(6));
    assert_eq!(with_code(15, 0, 1, 5), RecordError::Backing(5));
    let mut rights = [0; HEADER_BYTES];
    (rights[16], rights[18], rights[20]) = (15, 3, 8);
    assert_eq!(decode(&rights), Err(RecordError::Rights(8)));
    assert_eq!(header(11, 0, 4), RecordError::Seen(4));
    assert_eq!(header(17, 0, 0), RecordError::State(0));
    assert_eq!(header(8, 1, 0), RecordError::Unused(8));
}

#[test]
fn names_must_be_utf8_and_payloads_bounded() {
    let name = EventKind::Executed {
        name: "ab".to_owned(),
        space: SpaceId(1),
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
