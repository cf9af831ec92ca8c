//! Table `memory`: one row per change of a memory map, by time. What is mapped at a moment is what these changes, one
//! after the other, leave.
//!
//! | column | meaning |
//! |---|---|
//! | `time_ns` | when |
//! | `process`, `thread` | whose doing it was |
//! | `space` | the address space whose map changed: the number of the process that it was made for |
//! | `change` | `map`, `unmap`, `protect`, `clear` or `copy` |
//! | `start`, `end` | the addresses, without `end`; null for `clear` and `copy` |
//! | `rights` | `rwx` with dashes for what is not allowed; for `map` and `protect` |
//! | `backing` | `anonymous`, `heap`, `stack`, `file` or `shared`; for `map` |
//! | `inode`, `offset` | of the file behind it, 0 without one; for `map` |
//! | `from` | for `copy`: the address space that was copied |

use polars::prelude::{DataFrame, Int64Type, PolarsResult, UInt32Type, UInt64Type};
use trapline_trace_format::event::{Backing, MapChange, Range, Rights, SpaceId};

use super::columns::{numbers, optional_numbers, optional_words, words};
use super::rows::MemoryRow;
use crate::error::AnalyzerError;
use crate::statistics::unknown;

const TABLE: &str = "memory";

pub(super) fn frame(rows: &[MemoryRow]) -> PolarsResult<DataFrame> {
    let changes = || rows.iter().map(|row| &row.change);
    let ranges = || changes().map(range);
    let rights = changes().map(|change| match change {
        MapChange::Map { rights, .. } | MapChange::Protect { rights, .. } => Some(rights.word()),
        _ => None,
    });
    let files = || {
        changes().map(|change| match change {
            MapChange::Map {
                backing,
                inode,
                offset,
                ..
            } => Some((*backing, *inode, *offset)),
            _ => None,
        })
    };
    let from = changes().map(|change| match change {
        MapChange::Copy { from } => Some(from.0),
        _ => None,
    });
    let backing = files().map(|file| file.map(|(backing, ..)| backing.word()));
    let columns = vec![
        numbers::<Int64Type>("time_ns", rows.iter().map(|row| row.time_ns)),
        numbers::<UInt32Type>("process", rows.iter().map(|row| row.process)),
        numbers::<UInt32Type>("thread", rows.iter().map(|row| row.thread)),
        numbers::<UInt32Type>("space", rows.iter().map(|row| row.space)),
        words("change", changes().map(|change| change.word())),
        optional_numbers::<UInt64Type>("start", ranges().map(|range| range.map(|r| r.start))),
        optional_numbers::<UInt64Type>("end", ranges().map(|range| range.map(|r| r.end))),
        optional_words("rights", rights),
        optional_words("backing", backing),
        optional_numbers::<UInt64Type>("inode", files().map(|file| file.map(|f| f.1))),
        optional_numbers::<UInt64Type>("offset", files().map(|file| file.map(|f| f.2))),
        optional_numbers::<UInt32Type>("from", from),
    ];
    DataFrame::new(rows.len(), columns)
}

fn range(change: &MapChange) -> Option<Range> {
    match change {
        MapChange::Map { range, .. }
        | MapChange::Unmap { range }
        | MapChange::Protect { range, .. } => Some(*range),
        MapChange::Clear | MapChange::Copy { .. } => None,
    }
}

/// The changes in such a table, in the order of its rows.
pub(crate) fn changes(frame: &DataFrame) -> Result<Vec<MemoryRow>, AnalyzerError> {
    let u32s = |name: &str| frame.column(name)?.u32();
    let u64s = |name: &str| frame.column(name)?.u64();
    let strings = |name: &str| frame.column(name)?.str();
    let times = frame.column("time_ns")?.i64()?;
    let (processes, threads) = (u32s("process")?, u32s("thread")?);
    let (spaces, from) = (u32s("space")?, u32s("from")?);
    let (starts, ends) = (u64s("start")?, u64s("end")?);
    let (inodes, offsets) = (u64s("inode")?, u64s("offset")?);
    let (words, rights) = (strings("change")?, strings("rights")?);
    let backings = strings("backing")?;
    let mut rows = Vec::with_capacity(frame.height());
    for index in 0..frame.height() {
        let range = Range {
            start: starts.get(index).unwrap_or(0),
            end: ends.get(index).unwrap_or(0),
        };
        let rights = || rights_of(rights.get(index).unwrap_or_default());
        let change = match words.get(index).unwrap_or_default() {
            "map" => MapChange::Map {
                range,
                rights: rights()?,
                backing: backing_of(backings.get(index).unwrap_or_default())?,
                inode: inodes.get(index).unwrap_or(0),
                offset: offsets.get(index).unwrap_or(0),
            },
            "unmap" => MapChange::Unmap { range },
            "protect" => MapChange::Protect {
                range,
                rights: rights()?,
            },
            "clear" => MapChange::Clear,
            "copy" => MapChange::Copy {
                from: SpaceId(from.get(index).unwrap_or(0)),
            },
            other => return Err(unknown(TABLE, "change", other)),
        };
        rows.push(MemoryRow {
            time_ns: times.get(index).unwrap_or(0),
            process: processes.get(index).unwrap_or(0),
            thread: threads.get(index).unwrap_or(0),
            space: spaces.get(index).unwrap_or(0),
            change,
        });
    }
    Ok(rows)
}

fn rights_of(word: &str) -> Result<Rights, AnalyzerError> {
    (0..=Rights::ALL.bits())
        .filter_map(Rights::from_bits)
        .find(|rights| rights.word() == word)
        .ok_or_else(|| unknown(TABLE, "rights", word))
}

fn backing_of(word: &str) -> Result<Backing, AnalyzerError> {
    let known = Backing::ALL
        .into_iter()
        .find(|backing| backing.word() == word);
    known.ok_or_else(|| unknown(TABLE, "backing", word))
}
