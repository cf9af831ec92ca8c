//! Who could address what: the memory map of each process as a column, side by side over one scale of addresses.
//!
//! An address space is almost empty, and a stack is a thousand times a page of code: addresses are in order, but neither
//! gaps nor sizes are to scale. Every stretch between two boundaries of any column is as high as the logarithm of its
//! pages, so the same addresses are at the same height in all columns. Colour tells what is behind a region, strength
//! whether it may be written, a bar at its right that it may be executed.

use std::collections::HashMap;

use trapline_analyzer::Mapping;
use trapline_analyzer::summary::{MemoryColumn, PlotData, Summary};
use trapline_trace_format::event::{Backing, Rights};

use super::ink::Ink;
use super::picture::{Anchor, LABEL, Picture, SMALL};
use super::{font, legend};
use crate::labels;
use crate::units::{bytes, duration, things};

const TITLE: &str = "Memory maps: who could address what";
/// Columns of a narrow picture.
const NARROW_COLUMNS: usize = 2;
/// Widest column.
const MAX_COLUMN: i32 = 230;
const COLUMN_GAP: i32 = 10;
/// Height of a gap in which nothing is mapped anywhere.
const SKIPPED: i32 = 16;
/// The highest that all stretches together may be.
const MAX_HEIGHT: i32 = 1100;
const HEADER: i32 = 50;
const PAGE: u64 = 4096;

pub(super) fn draw(summary: &Summary, data: &PlotData, width: i32) -> Picture {
    let (columns, left_out) = columns(summary, data, width);
    if columns.is_empty() {
        return Picture::nothing(TITLE, width, "No memory map was recorded in this trace.");
    }
    let mut picture = Picture::new(TITLE, width);
    let mut top = 38;
    for line in subtitle(left_out, width) {
        picture.text(0, top, &line, SMALL, Anchor::Start, Ink::Muted);
        top += 15;
    }
    let shown: Vec<Backing> = Backing::ALL
        .into_iter()
        .filter(|backing| {
            columns
                .iter()
                .any(|c| c.mappings.iter().any(|m| m.backing == *backing))
        })
        .collect();
    let mut entries: Vec<(Ink, &str)> = shown
        .iter()
        .map(|backing| (Ink::Memory(*backing), word(*backing)))
        .collect();
    entries.push((Ink::Text, "bar at the right: executable"));
    let top = legend::draw(&mut picture, top - 5, &entries) + 4;

    let scale = Scale::of(&columns, top + HEADER);
    let margin = draw_addresses(&mut picture, &scale);
    let room = width - margin;
    let each = (room / columns.len() as i32 - COLUMN_GAP).min(MAX_COLUMN);
    for (place, column) in columns.iter().enumerate() {
        let left = margin + place as i32 * (each + COLUMN_GAP);
        draw_header(&mut picture, column, left, each, top);
        draw_gaps(&mut picture, &scale, left, each);
        for mapping in &column.mappings {
            draw_mapping(&mut picture, &scale, column, mapping, (left, each));
        }
    }
    picture.height = scale.bottom + 12;
    picture
}

/// The columns that fit, by arrival, and how many processes have none.
fn columns<'a>(summary: &Summary, data: &'a PlotData, width: i32) -> (Vec<&'a MemoryColumn>, u64) {
    let mut columns: Vec<&MemoryColumn> = data.memory.columns.iter().collect();
    columns.retain(|column| !column.mappings.is_empty());
    let most = if width < 600 {
        NARROW_COLUMNS
    } else {
        PlotData::MAX_MAPS
    };
    let all = columns.len();
    let cpu_ns: HashMap<u32, i64> = summary
        .processes
        .iter()
        .map(|p| (p.process, p.user_ns.saturating_add(p.kernel_ns)))
        .collect();
    columns.sort_by_key(|c| std::cmp::Reverse(cpu_ns.get(&c.process).copied().unwrap_or(0)));
    columns.truncate(most);
    columns.sort_by_key(|column| column.process);
    let left_out = data.memory.left_out + (all - columns.len()) as u64;
    (columns, left_out)
}

/// What is shown and what is not, in as many lines as that takes.
fn subtitle(left_out: u64, width: i32) -> Vec<String> {
    let mut sentences = vec![
        "Each process when it had most memory mapped.".to_owned(),
        "Low addresses are at the top; gaps and sizes are not to scale.".to_owned(),
    ];
    if left_out > 0 {
        let others = things(left_out, "process", "processes");
        sentences.push(format!("{others} with less CPU time not shown."));
    }
    let mut lines: Vec<String> = Vec::new();
    for sentence in sentences {
        let longer = lines.last().map(|line| format!("{line} {sentence}"));
        let fits = |line: &String| font::width(line, SMALL.size, SMALL.bold) * 11 / 10 <= width;
        match (longer.filter(fits), lines.last_mut()) {
            (Some(longer), Some(last)) => *last = longer,
            _ => lines.push(font::fitted(&sentence, SMALL.size, SMALL.bold, width)),
        }
    }
    lines
}

/// Addresses to pixels.
struct Scale {
    /// Every boundary of any column with its pixel, lowest first.
    places: Vec<(u64, i32)>,
    /// The gaps in which nothing is mapped anywhere, by index of the boundary where they begin.
    skipped: Vec<usize>,
    bottom: i32,
}

impl Scale {
    fn of(columns: &[&MemoryColumn], top: i32) -> Self {
        let mappings = || columns.iter().flat_map(|column| &column.mappings);
        let mut boundaries: Vec<u64> = mappings().flat_map(|m| [m.start, m.end]).collect();
        boundaries.sort_unstable();
        boundaries.dedup();
        // How many mappings begin less how many end, up to each boundary: none is a gap. The same of those that may be used.
        let mut depth: HashMap<u64, (i64, i64)> = HashMap::new();
        for mapping in mappings() {
            let usable = i64::from(mapping.rights != Rights::NONE);
            let (all, used) = depth.entry(mapping.start).or_default();
            (*all, *used) = (*all + 1, *used + usable);
            let (all, used) = depth.entry(mapping.end).or_default();
            (*all, *used) = (*all - 1, *used - usable);
        }
        // What nobody may use is as low as its label allows, however large.
        let weight = |from: u64, to: u64, used: i64| match used {
            0 => 18.0,
            _ => 8.0 + 5.0 * (1.0 + (to.saturating_sub(from) / PAGE) as f64).log2(),
        };
        let (mut all, mut used) = (0, 0);
        let mut weights = Vec::with_capacity(boundaries.len());
        let mut skipped = Vec::new();
        for (index, pair) in boundaries.windows(2).enumerate() {
            let (more, more_used) = depth.get(&pair[0]).copied().unwrap_or_default();
            (all, used) = (all + more, used + more_used);
            if all == 0 {
                skipped.push(index);
                weights.push(0.0);
            } else {
                weights.push(weight(pair[0], pair[1], used));
            }
        }
        let total: f64 = weights.iter().sum();
        let shrink = (f64::from(MAX_HEIGHT) / total.max(1.0)).min(1.0);
        let mut y = f64::from(top);
        let mut places = Vec::with_capacity(boundaries.len());
        for (index, address) in boundaries.iter().enumerate() {
            places.push((*address, y.round() as i32));
            if skipped.binary_search(&index).is_ok() {
                y += f64::from(SKIPPED);
            } else if let Some(weight) = weights.get(index) {
                y += weight * shrink;
            }
        }
        let bottom = places.last().map_or(top, |place| place.1);
        Self {
            places,
            skipped,
            bottom,
        }
    }

    fn y(&self, address: u64) -> i32 {
        let place = self
            .places
            .partition_point(|(boundary, _)| *boundary < address);
        self.places.get(place).map_or(self.bottom, |place| place.1)
    }
}

/// Addresses at the left, where there is room for them; the ends of what is mapped first. Returns the room that they take.
fn draw_addresses(picture: &mut Picture, scale: &Scale) -> i32 {
    const LINE: i32 = 13;
    const GAP: i32 = 8;
    let text = |address: &u64| format!("{address:#x}");
    let width = |(address, _): &(u64, i32)| font::width(&text(address), SMALL.size, SMALL.bold);
    let widest = scale.places.iter().map(width).max().unwrap_or(0);
    // A tenth of room for a reader's font that is wider than ours.
    let margin = widest * 11 / 10 + GAP;
    let important = |index: usize| {
        index == 0
            || index + 1 == scale.places.len()
            || scale.skipped.binary_search(&index).is_ok()
            || scale.skipped.binary_search(&(index - 1)).is_ok()
    };
    let mut taken: Vec<i32> = Vec::new();
    for wanted in [true, false] {
        for (index, (address, y)) in scale.places.iter().enumerate() {
            let free = taken.iter().all(|other| (other - y).abs() >= LINE);
            if important(index) == wanted && free {
                taken.push(*y);
                let (x, text) = (margin - GAP, text(address));
                picture.text(x, y + 4, &text, SMALL, Anchor::End, Ink::Muted);
            }
        }
    }
    margin
}

fn draw_header(picture: &mut Picture, column: &MemoryColumn, left: i32, width: i32, top: i32) {
    let bold = super::picture::Font {
        bold: true,
        ..LABEL
    };
    // Where there is not room for both, the name gives way: the number tells processes apart.
    let id = format!(" ({})", column.process);
    let room = width - font::width(&id, bold.size, bold.bold) * 11 / 10;
    let name = font::fitted(&labels::name(&column.name), bold.size, bold.bold, room);
    let name = format!("{name}{id}");
    let mapped: u64 = column.mappings.iter().map(Mapping::usable_bytes).sum();
    let mut lives = bytes(mapped);
    if column.threads > 1 {
        lives.push_str(&format!(", {} threads", column.threads));
    }
    let when = if column.space == column.process {
        format!("at {}", duration(column.time_ns))
    } else {
        format!("in the memory of ({})", column.space)
    };
    let lines = [
        (name, bold, Ink::Text),
        (lives, SMALL, Ink::Muted),
        (when, SMALL, Ink::Muted),
    ];
    let mut y = top + 12;
    for (line, font, ink) in lines {
        let line = font::fitted(&line, font.size, font.bold, width);
        picture.text(left, y, &line, font, Anchor::Start, ink);
        y += 14;
    }
}

/// A mark across the column where addresses are left out.
fn draw_gaps(picture: &mut Picture, scale: &Scale, left: i32, width: i32) {
    for index in &scale.skipped {
        let y = scale.places[*index].1 + SKIPPED / 2;
        for dot in 0..3 {
            picture.rect(
                left + width / 2 + (dot - 1) * 7 - 1,
                y - 1,
                2,
                2,
                Ink::Muted,
            );
        }
    }
}

fn draw_mapping(
    picture: &mut Picture,
    scale: &Scale,
    column: &MemoryColumn,
    mapping: &Mapping,
    (left, width): (i32, i32),
) {
    const EDGE: i32 = 4;
    const TEXT: i32 = 13;
    let (top, bottom) = (scale.y(mapping.start), scale.y(mapping.end));
    // A pixel between neighbours, where there is room for one.
    let height = (bottom - top - i32::from(bottom - top > 2)).max(1);
    let bits = mapping.rights.bits();
    let strength = if bits & Rights::READ_WRITE.bits() == Rights::READ_WRITE.bits() {
        0.55
    } else if mapping.rights == Rights::NONE {
        0.06
    } else {
        0.25
    };
    let ink = Ink::Memory(mapping.backing);
    picture.faded_rect(left, top, width, height, ink, strength);
    picture.rect(left, top, EDGE, height, ink);
    let executable = bits & (Rights::ALL.bits() & !Rights::READ_WRITE.bits()) != 0;
    if executable {
        picture.rect(left + width - EDGE, top, EDGE, height, Ink::Text);
    }
    if height >= TEXT {
        let text = label(column, mapping, width - 4 * EDGE);
        let middle = top + height / 2 + 4;
        picture.text(
            left + 2 * EDGE,
            middle,
            &text,
            SMALL,
            Anchor::Start,
            Ink::Text,
        );
    }
}

/// What a region is, as `stack of thread 5 rw- 132 KiB`, in as many words as fit.
fn label(column: &MemoryColumn, mapping: &Mapping, room: i32) -> String {
    let many = column.threads > 1;
    let size = bytes(mapping.bytes());
    let word = mapping.backing.word();
    let (what, short) = match (mapping.stack_of, mapping.backing) {
        _ if mapping.rights == Rights::NONE => ("no access".to_owned(), "none".to_owned()),
        (Some(thread), _) if many => (
            format!("stack of thread {thread}"),
            format!("stack of {thread}"),
        ),
        (Some(_), _) => ("stack".to_owned(), "stack".to_owned()),
        (None, Backing::File) if mapping.inode != 0 => (
            format!("file #{}", mapping.inode),
            format!("#{}", mapping.inode),
        ),
        (None, Backing::Heap) if many => (
            format!("heap of all {} threads", column.threads),
            word.to_owned(),
        ),
        (None, Backing::Anonymous) => (word.to_owned(), "mmap".to_owned()),
        (None, _) => (word.to_owned(), word.to_owned()),
    };
    let rights = mapping.rights.word();
    let texts = [
        format!("{what} {rights} {size}"),
        format!("{what} {size}"),
        format!("{short} {rights} {size}"),
        format!("{short} {size}"),
        format!("{short} {rights}"),
    ];
    let fits = |text: &&String| font::width(text, SMALL.size, SMALL.bold) * 11 / 10 <= room;
    let found = texts.iter().find(fits).unwrap_or(&short);
    font::fitted(found, SMALL.size, SMALL.bold, room)
}

fn word(backing: Backing) -> &'static str {
    match backing {
        Backing::Anonymous => "anonymous (mmap, threads' stacks)",
        Backing::Heap => "heap (brk)",
        Backing::Stack => "stack",
        Backing::File => "file (program)",
        Backing::Shared => "shared after fork",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: u64, end: u64) -> Mapping {
        Mapping {
            start,
            end,
            rights: Rights::READ_WRITE,
            backing: Backing::Heap,
            inode: 0,
            offset: 0,
            stack_of: None,
        }
    }

    fn column(process: u32, mappings: Vec<Mapping>) -> MemoryColumn {
        MemoryColumn {
            process,
            name: "sh".to_owned(),
            time_ns: 0,
            threads: 1,
            space: process,
            mappings,
        }
    }

    #[test]
    fn the_same_address_is_at_the_same_height_in_every_column_and_gaps_are_short() {
        let one = column(
            1,
            vec![
                mapping(0x1000, 0x3000),
                mapping(1 << 40, (1 << 40) + 0x1000),
            ],
        );
        let two = column(2, vec![mapping(0x2000, 0x9000)]);
        let scale = Scale::of(&[&one, &two], 100);
        let ys: Vec<i32> = scale.places.iter().map(|place| place.1).collect();
        assert!(ys.is_sorted() && ys[0] == 100, "{ys:?}");
        assert_eq!(scale.y(1 << 40) - scale.y(0x9000), SKIPPED);
        assert_eq!(scale.skipped, [3], "only where nothing is mapped anywhere");
    }

    #[test]
    fn a_thousand_regions_stay_a_picture_that_fits() {
        let many = (0..1000)
            .map(|n| mapping(n * 0x3000, n * 0x3000 + 0x1000))
            .collect();
        let scale = Scale::of(&[&column(1, many)], 0);
        assert!(
            scale.bottom <= MAX_HEIGHT + 1000 * SKIPPED,
            "{}",
            scale.bottom
        );
    }
}
