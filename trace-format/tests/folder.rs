//! Promises of folder.rs: whole files or none under final names, and clear words for everything else.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trapline_trace_format::error::FormatError;
use trapline_trace_format::folder::{Trace, TraceWriter};
use trapline_trace_format::meta::{Loss, Outcome};

const DONE: Outcome = Outcome::Completed { status: 0 };

fn finished() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.trap");
    let mut writer = TraceWriter::create(&path, &support::meta(Outcome::Recording)).unwrap();
    for event in support::one_of_each() {
        writer.log().append(&event).unwrap();
    }
    writer.finish(support::meta(DONE)).unwrap();
    (folder, path)
}

fn write_table(trace: &mut Trace, content: &[u8]) {
    let write = |sink: &mut trapline_trace_format::folder::TableSink| {
        sink.write_all(content).unwrap();
        Ok::<(), FormatError>(())
    };
    trace.write_table("visits.parquet", write).unwrap();
}

fn files(path: &Path) -> Vec<String> {
    let names = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_finished_trace_reads_back_whole() {
    let (_folder, path) = finished();
    let trace = Trace::open(&path).unwrap();
    let mut expected = support::meta(DONE);
    expected.events = support::one_of_each().len() as u64;
    assert_eq!(trace.meta(), &expected);
    assert_eq!(trace.completeness(), None);
    assert_eq!(trace.name(), "a.trap");
    let events: Result<Vec<_>, _> = trace.events().unwrap().collect();
    assert_eq!(events.unwrap(), support::one_of_each());
    assert_eq!(files(&path), ["events.log", "meta.json"]);
}

#[test]
fn a_trace_whose_recorder_died_says_so_and_keeps_its_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.trap");
    let mut writer = TraceWriter::create(&path, &support::meta(Outcome::Recording)).unwrap();
    writer.log().append(&support::one_of_each()[0]).unwrap();
    drop(writer);
    let trace = Trace::open(&path).unwrap();
    let reason = trace.completeness().unwrap();
    assert!(reason.starts_with("recording did not finish"), "{reason}");
    assert_eq!(trace.events().unwrap().filter(Result::is_ok).count(), 1);
}

#[test]
fn an_existing_folder_is_refused_and_left_alone() {
    let (_folder, path) = finished();
    let before = std::fs::read(path.join("events.log")).unwrap();
    let error = TraceWriter::create(&path, &support::meta(Outcome::Recording)).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(std::fs::read(path.join("events.log")).unwrap(), before);
}

#[test]
fn what_is_not_a_trace_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Trace::open(path).unwrap_err().to_string();
    assert!(message(&folder.path().join("none")).contains("no such trace folder"));
    assert!(message(folder.path()).contains("not a trace: it has no meta.json"));
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(message(&file).contains("it is a file"));
    std::fs::write(folder.path().join("meta.json"), "{}").unwrap();
    assert!(message(folder.path()).contains("not written by trapline"));
}

#[test]
fn every_flipped_bit_of_meta_json_is_noticed() {
    let (_folder, path) = finished();
    let file = path.join("meta.json");
    let intact = std::fs::read(&file).unwrap();
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&file, bytes).unwrap();
        let error = Trace::open(&path).unwrap_err().to_string();
        assert!(error.contains("meta.json: damaged"), "bit {bit}: {error}");
    }
}

#[test]
fn a_meta_json_of_another_version_is_named_even_if_nothing_else_is_understood() {
    let (_folder, path) = finished();
    for (version, word) in [(1, "older"), (9, "newer")] {
        let text = format!("{{\"format_version\": {version}, \"something\": \"else\"}}");
        let checksum = crc32fast::hash(text.as_bytes());
        let framed = format!("{{\n\"crc32\": \"{checksum:08x}\",\n\"meta\": {text}\n}}\n");
        std::fs::write(path.join("meta.json"), framed).unwrap();
        let error = Trace::open(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("format version {version} is {word} than")),
            "{error}"
        );
    }
}

#[test]
fn numbers_that_json_cannot_hold_are_refused_when_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.trap");
    let mut meta = support::meta(Outcome::Recording);
    meta.calibration.entry_ns = f64::NAN;
    let error = TraceWriter::create(&path, &meta).unwrap_err();
    assert!(
        matches!(error, FormatError::UnwritableMeta { .. }),
        "{error}"
    );
    assert!(!path.exists(), "a failed start leaves a folder behind");
}

#[test]
fn incomplete_traces_say_why_in_one_line() {
    let (_folder, path) = finished();
    let log = path.join("events.log");
    let bytes = std::fs::read(&log).unwrap();
    let reason = || Trace::open(&path).unwrap().completeness().unwrap();

    std::fs::write(&log, &bytes[..bytes.len() - 60]).unwrap();
    assert!(
        reason().contains("events.log: block 0 at byte 16: truncated"),
        "{}",
        reason()
    );
    let mut flipped = bytes.clone();
    flipped[70] ^= 1;
    std::fs::write(&log, flipped).unwrap();
    assert!(reason().contains("checksum mismatch"), "{}", reason());
    std::fs::remove_file(&log).unwrap();
    assert!(reason().contains("cannot open"), "{}", reason());
    assert!(!reason().contains('\n'));
}

#[test]
fn a_log_of_another_recording_is_noticed() {
    let (_folder, path) = finished();
    let (_other_folder, other) = finished();
    std::fs::remove_file(other.join("events.log")).unwrap();
    let mut log = trapline_trace_format::log::LogWriter::create(&other.join("events.log")).unwrap();
    log.append(&support::one_of_each()[0]).unwrap();
    log.finish().unwrap();
    std::fs::copy(other.join("events.log"), path.join("events.log")).unwrap();
    let reason = Trace::open(&path).unwrap().completeness().unwrap();
    let said = support::one_of_each().len();
    assert_eq!(
        reason,
        format!("events.log has 1 events but meta.json says {said}")
    );
}

#[test]
fn lost_events_make_a_trace_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.trap");
    let writer = TraceWriter::create(&path, &support::meta(Outcome::Recording)).unwrap();
    let mut meta = support::meta(DONE);
    meta.lost.push(Loss {
        events: Some(3),
        reason: "the ring overflowed".to_owned(),
    });
    writer.finish(meta).unwrap();
    let reason = Trace::open(&path).unwrap().completeness().unwrap();
    assert_eq!(reason, "3 events were lost: the ring overflowed");
}

#[test]
fn a_table_is_found_again_and_checked() {
    let (_folder, path) = finished();
    let mut trace = Trace::open(&path).unwrap();
    assert_eq!(trace.table_path("visits.parquet").unwrap(), None);
    write_table(&mut trace, b"first");
    write_table(&mut trace, b"second");

    let trace = Trace::open(&path).unwrap();
    let table = trace.table_path("visits.parquet").unwrap().unwrap();
    assert_eq!(std::fs::read(&table).unwrap(), b"second");
    assert_eq!(files(&path.join("tables")), ["visits.parquet"]);

    for (content, reason) in [
        ("secOnd", "checksum mismatch"),
        ("secondary", "9 bytes instead"),
    ] {
        std::fs::write(&table, content).unwrap();
        let error = trace.table_path("visits.parquet").unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("delete the folder"),
            "{error}"
        );
    }
    std::fs::remove_dir_all(path.join("tables")).unwrap();
    assert_eq!(trace.table_path("visits.parquet").unwrap(), None);
}

#[test]
fn a_table_that_fails_half_way_leaves_nothing() {
    let (_folder, path) = finished();
    let mut trace = Trace::open(&path).unwrap();
    let failed = trace.write_table("visits.parquet", |sink| {
        sink.write_all(b"half").unwrap();
        Err(FormatError::TableName {
            name: "stands for any failure".to_owned(),
        })
    });
    assert!(failed.is_err());
    assert_eq!(files(&path.join("tables")), Vec::<String>::new());
    assert_eq!(
        Trace::open(&path)
            .unwrap()
            .table_path("visits.parquet")
            .unwrap(),
        None
    );
}

#[test]
fn tables_cannot_leave_their_folder() {
    let (_folder, path) = finished();
    let trace = Trace::open(&path).unwrap();
    for name in [
        "../x.parquet",
        "/x.parquet",
        "x",
        ".parquet",
        "a/b.parquet",
        "x\0.parquet",
    ] {
        assert!(
            matches!(trace.table_path(name), Err(FormatError::TableName { .. })),
            "{name}"
        );
    }
}

#[test]
fn files_of_a_trace_have_the_permissions_that_the_umask_leaves() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = finished();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path.join("meta.json")), mode(&plain));
    assert_eq!(mode(&path.join("events.log")), mode(&plain));
}
