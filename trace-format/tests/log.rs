//! Promises of log.rs: what was appended is read; what is damaged is said, once, after the intact prefix.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trapline_trace_format::error::{FormatError, LogDamage};
use trapline_trace_format::event::{Event, EventKind, ProcessId, ThreadId};
use trapline_trace_format::log::{LogReader, LogWriter, verify};
use trapline_trace_format::meta::FORMAT_VERSION;

/// A finished log of three blocks, two of them flushed by hand.
fn small_log() -> (TempDir, PathBuf, Vec<Event>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let events = support::one_of_each();
    let mut writer = LogWriter::create(&path).unwrap();
    for (index, event) in events.iter().enumerate() {
        writer.append(event).unwrap();
        if index == 4 || index == 9 {
            writer.flush().unwrap();
        }
    }
    let totals = writer.finish().unwrap();
    assert_eq!((totals.events, totals.blocks), (events.len() as u64, 3));
    assert_eq!(totals.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(verify(&path).unwrap(), totals);
    (folder, path, events)
}

/// What a log gives: its events before the first error, and that error. Panics when anything follows the error.
fn read(path: &Path) -> (Vec<Event>, Option<FormatError>) {
    let mut reader = match LogReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut events = Vec::new();
    for item in reader.by_ref() {
        match item {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(reader.next().is_none(), "something follows the error");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

fn damage(path: &Path) -> LogDamage {
    match read(path).1 {
        Some(FormatError::DamagedLog { damage, .. }) => damage,
        other => panic!("{other:?}"),
    }
}

/// The log with `change` made to its bytes.
fn changed(folder: &TempDir, bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = bytes.to_vec();
    change(&mut bytes);
    let path = folder.path().join("changed.log");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_was_appended_is_read() {
    let (_folder, path, events) = small_log();
    let (read, error) = read(&path);
    assert_eq!(read, events);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn many_blocks_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let mut writer = LogWriter::create(&path).unwrap();
    let event = |time| Event {
        time,
        process: ProcessId(1),
        thread: ThreadId(1),
        kind: EventKind::Console {
            bytes: vec![time as u8; time as usize % 500],
        },
    };
    (0..20_000).for_each(|time| writer.append(&event(time)).unwrap());
    let totals = writer.finish().unwrap();
    assert!(totals.blocks > 20);
    let reader = LogReader::open(&path).unwrap();
    assert!(
        reader
            .zip(0..)
            .all(|(read, time)| read.unwrap() == event(time))
    );
    assert_eq!(verify(&path).unwrap(), totals);
}

#[test]
fn a_log_cut_at_any_byte_gives_a_prefix_and_one_error() {
    let (folder, path, events) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    let mut longest = 0;
    for length in 0..bytes.len() {
        let cut = changed(&folder, &bytes, |bytes| bytes.truncate(length));
        let (read, error) = read(&cut);
        assert!(events.starts_with(&read), "cut at {length}");
        assert!(read.len() >= longest, "a longer log gives fewer events");
        longest = read.len();
        let message = error.unwrap().to_string();
        assert!(message.contains("changed.log: block"), "{message}");
        assert!(message.contains("truncated"), "cut at {length}: {message}");
        assert_eq!(verify(&cut).unwrap_err().to_string(), message);
    }
    assert_eq!(longest, events.len());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (folder, path, events) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let flipped = changed(&folder, &bytes, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let (read, error) = read(&flipped);
        assert!(error.is_some(), "bit {bit} flipped unnoticed");
        assert!(events.starts_with(&read), "bit {bit} changed an event");
        assert!(verify(&flipped).is_err(), "verify overlooks bit {bit}");
    }
}

#[test]
fn damage_is_told_with_file_block_byte_and_reason() {
    let (folder, path, _) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    let second = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, w)| w == b"TBLK")
        .nth(1)
        .unwrap()
        .0;
    let flipped = changed(&folder, &bytes, |bytes| bytes[second + 60] ^= 1);
    let message = read(&flipped).1.unwrap().to_string();
    let expected = format!("changed.log: block 1 at byte {second}: checksum mismatch");
    assert!(message.ends_with(&expected), "{message}");
}

#[test]
fn foreign_files_are_called_foreign() {
    let folder = tempfile::tempdir().unwrap();
    for content in [
        "",
        "x",
        "# a shell script, perhaps\n",
        "SQLite format 3\0 and much more",
    ] {
        let path = changed(&folder, content.as_bytes(), |_| {});
        let error = LogReader::open(&path).unwrap_err();
        let FormatError::DamagedLog { damage, .. } = error else {
            panic!("{error}")
        };
        match content {
            "" => assert!(matches!(damage, LogDamage::Truncated { .. }), "{damage}"),
            _ => assert!(
                matches!(damage, LogDamage::FileMagic),
                "{content}: {damage}"
            ),
        }
    }
    let error = LogReader::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn other_versions_are_named_with_the_way_out() {
    let (folder, path, _) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    for (version, word) in [(1, "older"), (FORMAT_VERSION as u8 + 1, "newer")] {
        let other = changed(&folder, &bytes, |bytes| bytes[8] = version);
        let error = LogReader::open(&other).unwrap_err();
        let named = u32::from(version);
        assert!(
            matches!(error, FormatError::UnknownVersion { version, .. } if version == named),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.contains(&format!("format version {version} is {word} than")),
            "{message}"
        );
        assert!(message.contains("read it with the version that recorded it"));
    }
}

/// Gives the first block the header that `change` makes, with a valid checksum: what a forger would do.
fn forged(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    change(bytes);
    let stored = u32::from_le_bytes(bytes[44..48].try_into().unwrap()) as usize;
    let stored = &bytes[56..(56 + stored).min(bytes.len())];
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&bytes[16..20]);
    checksum.update(&bytes[24..56]);
    checksum.update(stored);
    let checksum = checksum.finalize();
    bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn hostile_lengths_are_refused_before_memory_is_asked_for() {
    let (folder, path, _) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    let hostile = |at: usize, value: u32| {
        let path = changed(&folder, &bytes, |bytes| {
            forged(bytes, |bytes| {
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes())
            });
        });
        damage(&path)
    };
    assert!(matches!(hostile(44, u32::MAX), LogDamage::Header { .. }));
    assert!(matches!(hostile(40, u32::MAX), LogDamage::Header { .. }));
    assert!(matches!(
        hostile(40, 131_184),
        LogDamage::Compression { .. }
    ));
    assert!(matches!(hostile(48, u32::MAX), LogDamage::Header { .. }));
    assert!(matches!(hostile(48, 0), LogDamage::Header { .. }));
    assert!(
        matches!(hostile(48, 1), LogDamage::Header { .. }),
        "fewer records than bytes"
    );
    assert!(
        matches!(hostile(24, 1), LogDamage::Header { .. }),
        "out of sequence"
    );
    assert!(
        matches!(hostile(32, 1), LogDamage::Header { .. }),
        "events missing"
    );
    assert!(
        matches!(hostile(52, 1), LogDamage::Header { .. }),
        "another version"
    );
}

#[test]
fn bad_records_under_a_valid_checksum_are_named() {
    let (folder, path, _) = small_log();
    let mut bytes = std::fs::read(&path).unwrap();
    // One record whose kind does not exist, stored as an LZ4 literal.
    let raw = [0_u8; 112];
    let stored = lz4_flex::block::compress(&raw);
    bytes.truncate(56);
    bytes.extend_from_slice(&stored);
    let path = changed(&folder, &bytes, |bytes| {
        forged(bytes, |bytes| {
            bytes[40..44].copy_from_slice(&112_u32.to_le_bytes());
            bytes[44..48].copy_from_slice(&(stored.len() as u32).to_le_bytes());
            bytes[48..52].copy_from_slice(&1_u32.to_le_bytes());
        });
    });
    let message = read(&path).1.unwrap().to_string();
    assert!(
        message.ends_with("block 0 at byte 16: bad record 0: unknown kind 0"),
        "{message}"
    );
}

#[test]
fn bytes_behind_the_end_mark_are_noticed() {
    let (folder, path, events) = small_log();
    let bytes = std::fs::read(&path).unwrap();
    let longer = changed(&folder, &bytes, |bytes| bytes.push(0));
    let (read, error) = read(&longer);
    assert_eq!(read, events);
    assert!(error.unwrap().to_string().contains("behind the end mark"));
}

#[test]
fn a_writer_that_is_dropped_leaves_its_events_but_no_end_mark() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let events = support::one_of_each();
    let mut writer = LogWriter::create(&path).unwrap();
    events
        .iter()
        .for_each(|event| writer.append(event).unwrap());
    drop(writer);
    let (read, error) = read(&path);
    assert_eq!(read, events);
    assert!(matches!(
        error,
        Some(FormatError::DamagedLog {
            damage: LogDamage::NoEnd,
            ..
        })
    ));
}

#[test]
fn flushed_events_can_be_read_while_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let events = support::one_of_each();
    let mut writer = LogWriter::create(&path).unwrap();
    events
        .iter()
        .for_each(|event| writer.append(event).unwrap());
    writer.flush().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while read(&path).0 != events {
        assert!(
            std::time::Instant::now() < deadline,
            "flushed events do not arrive"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    writer.finish().unwrap();
}

#[test]
fn an_event_that_cannot_be_stored_leaves_the_log_usable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let events = support::one_of_each();
    let mut writer = LogWriter::create(&path).unwrap();
    let long = EventKind::Console {
        bytes: vec![0; 100_000],
    };
    let error = writer
        .append(&Event {
            kind: long,
            ..events[0].clone()
        })
        .unwrap_err();
    assert!(
        error.to_string().contains("payload of 100000 bytes"),
        "{error}"
    );
    writer.append(&events[0]).unwrap();
    writer.finish().unwrap();
    assert_eq!(read(&path).0, &events[..1]);
}

#[test]
fn an_existing_log_is_not_overwritten() {
    let (_folder, path, events) = small_log();
    assert!(LogWriter::create(&path).is_err());
    assert_eq!(read(&path).0, events);
}
