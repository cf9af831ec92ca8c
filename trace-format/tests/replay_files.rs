//! Promises of folder/replay_file.rs: what a replay starts with comes back as it was, or a line says why it cannot.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trapline_trace_format::folder::{ReplayPart, Trace, TraceWriter};
use trapline_trace_format::meta::Outcome;

/// An unfinished trace that keeps these parts.
fn keeping(parts: &[(ReplayPart, &[u8])]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.trap");
    let mut meta = support::meta(Outcome::Recording);
    let writer = TraceWriter::create(&path, &meta).unwrap();
    writer.keep_for_replay(parts, &mut meta).unwrap();
    (folder, path)
}

fn read(path: &Path, part: ReplayPart) -> Result<Vec<u8>, String> {
    let trace = Trace::open(path).unwrap();
    trace.replay_part(part).map_err(|error| error.to_string())
}

#[test]
fn every_part_comes_back_as_it_was_also_of_a_trace_whose_recorder_died() {
    let long: Vec<u8> = (0..3_000_000_u32)
        .map(|at| (at.wrapping_mul(at) >> 8) as u8)
        .collect();
    let contents = [&long[..], b"", &[0; 1 << 20]];
    let parts: Vec<_> = ReplayPart::ALL.into_iter().zip(contents).collect();
    let (_folder, path) = keeping(&parts);
    for (part, content) in parts {
        assert!(read(&path, part).unwrap() == content, "{part:?}");
        let registered = Trace::open(&path).unwrap().meta().replay[part.name()];
        assert_eq!(registered.raw_bytes, content.len() as u64);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let (_folder, path) = keeping(&[(ReplayPart::Boot, b"what the kernel was told")]);
    let file = path.join("replay/boot");
    let intact = std::fs::read(&file).unwrap();
    let refused = |bytes: &[u8], what: String| {
        std::fs::write(&file, bytes).unwrap();
        let error = read(&path, ReplayPart::Boot).unwrap_err();
        assert!(error.contains("replay/boot: damaged"), "{what}: {error}");
    };
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes, format!("bit {bit}"));
    }
    for length in 0..intact.len() {
        refused(&intact[..length], format!("cut at {length}"));
    }
    refused(&[&intact[..], b"x"].concat(), "one more byte".to_owned());
}

#[test]
fn what_was_not_kept_or_was_removed_is_named() {
    let (_folder, path) = keeping(&[(ReplayPart::Kernel, b"kernel")]);
    let missing = |part| read(&path, part).unwrap_err();
    assert!(missing(ReplayPart::Boot).contains("cannot be replayed: it has no replay/boot"));
    std::fs::remove_file(path.join("replay/kernel")).unwrap();
    assert!(missing(ReplayPart::Kernel).contains("it has no replay/kernel"));
}
