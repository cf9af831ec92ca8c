//! Promises of the store: tables are kept, checked and rebuilt, and never stand in the way of the log.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trapline_trace_format::event::{Cause, Event, SwitchReason};
use trapline_trace_format::folder::TraceWriter;

use super::*;
use crate::Analysis;
use crate::testing::*;

fn recorded(events: &[Event], finish: bool) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // A name that a pattern would take for its own.
    let path = folder.path().join("a*[x].trap");
    let mut writer = TraceWriter::create(&path, &meta(Outcome::Recording)).unwrap();
    events
        .iter()
        .for_each(|event| writer.log().append(event).unwrap());
    if finish {
        writer
            .finish(meta(Outcome::Completed { status: 0 }))
            .unwrap();
    }
    (folder, path)
}

fn wall_ns(path: &Path) -> i64 {
    Analysis::load(path).unwrap().summary().unwrap().wall_ns
}

fn tables(path: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(path.join("tables")) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn tables_are_written_once_and_rebuilt_when_deleted() {
    let events = random_machine(1, 500);
    let (_folder, path) = recorded(&events, true);
    let wall = wall_ns(&path);
    let mut names = NAMES;
    names.sort_unstable();
    assert_eq!(tables(&path), names);
    let written = || {
        std::fs::metadata(path.join("tables/visits.parquet"))
            .unwrap()
            .modified()
    };
    let first = written().unwrap();
    assert_eq!(wall_ns(&path), wall);
    assert_eq!(
        written().unwrap(),
        first,
        "tables that stand are not written anew"
    );
    std::fs::remove_file(path.join("tables/slices.parquet")).unwrap();
    assert_eq!(wall_ns(&path), wall);
    assert_eq!(tables(&path), names);
    std::fs::remove_dir_all(path.join("tables")).unwrap();
    assert_eq!(wall_ns(&path), wall);
    assert_eq!(tables(&path), names);
}

#[test]
fn a_damaged_table_is_noticed_and_the_way_out_is_said() {
    let (_folder, path) = recorded(&random_machine(2, 500), true);
    wall_ns(&path);
    let file = path.join("tables/visits.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let Err(error) = Analysis::load(&path) else {
        panic!("damage goes unnoticed")
    };
    let message = error.to_string();
    assert!(
        message.contains("visits.parquet: damaged: checksum mismatch"),
        "{message}"
    );
    assert!(message.contains("delete the folder"), "{message}");
    std::fs::remove_dir_all(path.join("tables")).unwrap();
    Analysis::load(&path).unwrap();
}

#[test]
fn tables_with_other_columns_are_made_anew() {
    let (_folder, path) = recorded(&random_machine(3, 500), true);
    let wall = wall_ns(&path);
    let mut trace = Trace::open(&path).unwrap();
    let mut older = super::super::switches::frame(&[]).unwrap();
    let write = |sink: &mut _| {
        ParquetWriter::new(sink)
            .finish(&mut older)
            .map(drop)
            .map_err(AnalyzerError::from)
    };
    trace.write_table("visits.parquet", write).unwrap();
    assert_eq!(wall_ns(&path), wall);
    assert!(scan_all(&Trace::open(&path).unwrap()).unwrap().is_some());
}

#[test]
fn a_trace_whose_recorder_was_killed_gives_its_prefix_and_gets_no_tables() {
    let events = random_machine(4, 500);
    let (_folder, path) = recorded(&events, false);
    let analysis = Analysis::load(&path).unwrap();
    assert!(
        analysis
            .incomplete()
            .unwrap()
            .contains("recording did not finish")
    );
    assert!(analysis.summary().unwrap().wall_ns > 0);
    assert_eq!(tables(&path), Vec::<String>::new());
}

#[test]
fn a_damaged_log_gives_its_prefix_and_says_where_it_ends() {
    // Enough events for several blocks.
    let mut events = vec![
        created(0, 1, "one"),
        switch(1, 0, 1, SwitchReason::Idle),
        switched(2, 1),
        returned(3, 1, 0),
    ];
    for n in 1..5000 {
        events.push(trap(n * 100, 1, Cause::Syscall, 39));
        events.push(returned(n * 100 + 10, 1, 0));
    }
    let (_folder, path) = recorded(&events, true);
    let log = path.join("events.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let last = bytes.len() - 60;
    bytes[last] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let summary = Analysis::load(&path).unwrap().summary().unwrap();
    let incomplete = summary.incomplete.unwrap();
    assert!(incomplete.contains("events.log: block "), "{incomplete}");
    assert!(incomplete.contains("checksum mismatch"), "{incomplete}");
    assert!(summary.wall_ns > 100_000 && summary.wall_ns < 499_910);
    assert_eq!(tables(&path), Vec::<String>::new());
}

#[test]
fn an_event_that_cannot_be_ends_the_prefix_and_is_named() {
    let events = [
        created(0, 1, "one"),
        switch(10, 0, 1, SwitchReason::Idle),
        switched(20, 1),
        returned(30, 1, 0),
        returned(90, 1, 0),
    ];
    let (_folder, path) = recorded(&events, true);
    let summary = Analysis::load(&path).unwrap().summary().unwrap();
    let expected = "events.log: event 4 at 90 ns: thread 1 returns but is not in the kernel";
    assert_eq!(summary.incomplete.as_deref(), Some(expected));
    assert_eq!(summary.wall_ns, 30);
    assert_eq!(tables(&path), Vec::<String>::new());
}

#[test]
fn a_folder_that_cannot_be_written_to_is_read_all_the_same() {
    let (_folder, path) = recorded(&random_machine(5, 500), true);
    // Stands for a read-only folder, which would not stop the superuser.
    std::fs::write(path.join("tables"), "not a folder").unwrap();
    assert!(wall_ns(&path) > 0);
}

#[test]
fn foreign_folders_get_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Analysis::load(path).err().unwrap().to_string();
    assert!(message(&folder.path().join("none")).contains("no such trace folder"));
    assert!(message(folder.path()).contains("not a trace"));
    let (_folder, path) = recorded(&[], true);
    std::fs::write(path.join("events.log"), "something else entirely").unwrap();
    assert!(message(&path).contains("bad magic: not an events.log"));
}
