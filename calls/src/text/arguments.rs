//! One argument, by its kind.

use super::escape::{quoted, quoted_hex, quoted_text};
use super::memory::Bytes;
use super::signals::signal_name;
use super::{Occurrence, Style, sockets, structures};
use trapline_trace_format::event::Abi;

use crate::fetch::{Length, PATH_BYTES, Span};
use crate::kind::{Kind, Layout};
use crate::names::{AT, FILE_TYPE, FUTEX, IOCTL, OPEN, socket_type};

/// `AT_FDCWD`, as 32-bit number.
const CURRENT_FOLDER: u32 = -100_i32 as u32;

/// Whether the argument can be printed only when the call has returned.
pub(super) fn needs_return(kind: Kind) -> bool {
    match kind {
        Kind::Out(_) | Kind::OutAlways(_) => true,
        Kind::InOut(layout) => matches!(
            layout,
            Layout::Long | Layout::SocketLength | Layout::FileLock | Layout::Message(_)
        ),
        _ => false,
    }
}

/// The argument; nothing when it is none in this form of the call.
pub(super) fn text(
    call: &Occurrence<'_>,
    place: usize,
    kind: Kind,
    style: Style,
) -> Option<String> {
    let value = *call.arguments.get(place)?;
    let value = match (call.abi, kind) {
        (Abi::I386, _) | (Abi::X32, Kind::Size) => value & 0xffff_ffff,
        _ => value,
    };
    let word = value as u32;
    Some(match kind {
        Kind::Nothing => return None,
        Kind::Int | Kind::Fd => (word as i32).to_string(),
        Kind::Uint => word.to_string(),
        Kind::Long => (value as i64).to_string(),
        Kind::Size => value.to_string(),
        Kind::Hex => hex(value),
        Kind::Octal => format!("{:03o}", Octal(word)),
        Kind::Address => address(value),
        Kind::DirFd if word == CURRENT_FOLDER => "AT_FDCWD".to_owned(),
        Kind::DirFd => (word as i32).to_string(),
        Kind::Id if word == u32::MAX => "-1".to_owned(),
        Kind::Id => word.to_string(),
        Kind::Signal => signal_name(word),
        Kind::Device => device(value),
        Kind::FileMode => file_mode(word),
        Kind::NodeDevice => {
            let mode = call.arguments.get(place.checked_sub(1)?).copied()? as u32;
            let has_device = matches!(mode & libc::S_IFMT, libc::S_IFCHR | libc::S_IFBLK);
            return has_device.then(|| device(value));
        }
        Kind::NewPlace => {
            const MOVED: u64 = (libc::MREMAP_FIXED | libc::MREMAP_DONTUNMAP) as u64;
            let moved = call.arguments.get(place.checked_sub(1)?).copied()? & MOVED != 0;
            return moved.then(|| address(value));
        }
        Kind::StatxFlags => statx_flags(word),
        Kind::Flags(names) => names.flags(value),
        Kind::Choice(names) => names.choice(word.into()),
        Kind::SocketType => socket_type(word.into()),
        Kind::Open => open_flags(word),
        Kind::OpenMode(flags) => {
            let flags = call.arguments[usize::from(flags)] as i32;
            let makes = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
            return makes.then(|| format!("{:03o}", Octal(word)));
        }
        Kind::CloneFlags => structures::clone_flags(value),
        Kind::FutexOperation => futex_operation(word),
        Kind::FutexBits if word == u32::MAX => "FUTEX_BITSET_MATCH_ANY".to_owned(),
        Kind::FutexBits => hex(word.into()),
        Kind::IoctlCommand => ioctl_command(word),
        // Resolved by the caller.
        Kind::By(_) => hex(value),
        Kind::Path => pointed_text(call, place, PATH_BYTES),
        Kind::Text => pointed_text(call, place, style.string_bytes),
        Kind::Texts => texts(call, place, style),
        Kind::Environment => environment(call, place),
        Kind::In(layout) => given(call, place, layout, style),
        Kind::Out(layout) | Kind::OutAlways(layout) => got(call, place, layout, style),
        Kind::InOut(layout) => both(call, place, layout, style),
    })
}

/// A register as strace prints one that it does not know: 0 without a prefix.
pub(super) fn hex(value: u64) -> String {
    match value {
        0 => "0".to_owned(),
        _ => format!("{value:#x}"),
    }
}

/// A pointer.
pub(super) fn address(value: u64) -> String {
    match value {
        0 => "NULL".to_owned(),
        _ => format!("{value:#x}"),
    }
}

/// Prints as C's `%#03o`: a zero in front, at least three digits.
struct Octal(u32);

impl std::fmt::Octal for Octal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => write!(f, "000"),
            value => write!(f, "{:0>3}", format!("0{value:o}")),
        }
    }
}

/// A mode alone.
pub(super) fn octal(mode: u32) -> String {
    format!("{:o}", Octal(mode))
}

/// Type and mode of a file.
pub(super) fn file_mode(mode: u32) -> String {
    let mut text = match FILE_TYPE.name((mode & libc::S_IFMT).into()) {
        Some(name) => format!("{name}|"),
        None if mode & libc::S_IFMT == 0 => String::new(),
        None => format!("{:#o}|", mode & libc::S_IFMT),
    };
    for (bit, name) in [
        (libc::S_ISUID, "S_ISUID|"),
        (libc::S_ISGID, "S_ISGID|"),
        (libc::S_ISVTX, "S_ISVTX|"),
    ] {
        if mode & bit != 0 {
            text += name;
        }
    }
    text + &octal(mode & 0o777)
}

/// A device number.
pub(super) fn device(value: u64) -> String {
    format!(
        "makedev({}, {})",
        hex(libc::major(value).into()),
        hex(libc::minor(value).into())
    )
}

/// How a file is opened.
pub(super) fn open_flags(flags: u32) -> String {
    let access = match flags & libc::O_ACCMODE as u32 {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        2 => "O_RDWR",
        _ => "O_ACCMODE",
    };
    match flags & !(libc::O_ACCMODE as u32) {
        0 => access.to_owned(),
        rest => {
            let (names, unknown) = OPEN.split(rest.into());
            let mut all = vec![access];
            all.extend(names);
            let mut text = all.join("|");
            if unknown != 0 {
                text += &format!("|{unknown:#x}");
            }
            text
        }
    }
}

/// Flags of statx(2), of which the two bits for how fresh the answer is to be are a value.
fn statx_flags(flags: u32) -> String {
    const FRESHNESS: u32 = 0x6000;
    let freshness = match flags & FRESHNESS {
        0 => "AT_STATX_SYNC_AS_STAT",
        0x2000 => "AT_STATX_FORCE_SYNC",
        0x4000 => "AT_STATX_DONT_SYNC",
        _ => "AT_STATX_SYNC_TYPE",
    };
    match flags & !FRESHNESS {
        0 => freshness.to_owned(),
        rest => format!("{freshness}|{}", AT.flags(rest.into())),
    }
}

fn futex_operation(operation: u32) -> String {
    const CLOCK: u32 = libc::FUTEX_CLOCK_REALTIME as u32;
    const PRIVATE: u32 = libc::FUTEX_PRIVATE_FLAG as u32;
    let mut text = FUTEX.choice((operation & !(CLOCK | PRIVATE)).into());
    if operation & PRIVATE != 0 {
        text += "_PRIVATE";
    }
    if operation & CLOCK != 0 {
        text += "|FUTEX_CLOCK_REALTIME";
    }
    text
}

fn ioctl_command(command: u32) -> String {
    if let Some(name) = IOCTL.name(command.into()) {
        return name.to_owned();
    }
    let direction = match command >> 30 {
        0 => "_IOC_NONE",
        1 => "_IOC_WRITE",
        2 => "_IOC_READ",
        _ => "_IOC_READ|_IOC_WRITE",
    };
    let part = |at: u32, bits: u32| hex(((command >> at) & ((1 << bits) - 1)).into());
    format!(
        "_IOC({direction}, {}, {}, {})",
        part(8, 8),
        part(0, 8),
        part(16, 14)
    )
}

fn pointed_text(call: &Occurrence<'_>, place: usize, most: usize) -> String {
    match call.given(place, 0) {
        // An empty text has its zero; what could not be read has no length.
        Some(pointed) if !pointed.bytes.is_empty() || pointed.length == 1 => {
            quoted_text(&pointed.bytes, pointed.length, most)
        }
        _ => address(call.arguments[place]),
    }
}

/// The texts of a list, as many as strace shows.
fn texts(call: &Occurrence<'_>, place: usize, style: Style) -> String {
    let Some(list) = call.given(place, 0) else {
        return address(call.arguments[place]);
    };
    let pointers: Vec<&[u8]> = list.bytes.chunks_exact(call.pointer_bytes()).collect();
    if pointers.is_empty() && list.length > 0 {
        return address(call.arguments[place]);
    }
    let count = list.length / call.pointer_bytes() as u64;
    let shown = pointers.iter().take(style.string_bytes).zip(1_u32..);
    let mut items: Vec<String> = shown
        .map(|(pointer, part)| match call.given(place, part) {
            Some(text) if !text.bytes.is_empty() || text.length == 1 => {
                quoted_text(&text.bytes, text.length, style.string_bytes)
            }
            _ => address(little_endian(pointer)),
        })
        .collect();
    if count > items.len() as u64 {
        items.push("...".to_owned());
    }
    format!("[{}]", items.join(", "))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

fn environment(call: &Occurrence<'_>, place: usize) -> String {
    let text = address(call.arguments[place]);
    match call.given(place, 0) {
        Some(list) => {
            let count = list.length / call.pointer_bytes() as u64;
            let s = if count == 1 { "" } else { "s" };
            format!("{text} /* {count} var{s} */")
        }
        None => text,
    }
}

/// What the program gave.
fn given(call: &Occurrence<'_>, place: usize, layout: Layout, style: Style) -> String {
    let value = call.arguments[place];
    if value == 0 {
        return "NULL".to_owned();
    }
    shown(call, place, layout, style, Side::Given).unwrap_or_else(|| address(value))
}

/// What the kernel gave.
fn got(call: &Occurrence<'_>, place: usize, layout: Layout, style: Style) -> String {
    let value = call.arguments[place];
    if value == 0 {
        return "NULL".to_owned();
    }
    let shown = match call.result {
        // No child has changed its state: nothing was written.
        // Nothing is left of a sleep that was not interrupted.
        Some(0..) if layout == Layout::Timespec && sleeps(call) => None,
        Some(0) if matches!(layout, Layout::WaitStatus | Layout::Rusage) && waits(call) => None,
        _ => shown(call, place, layout, style, Side::Got),
    };
    shown.unwrap_or_else(|| address(value))
}

fn sleeps(call: &Occurrence<'_>) -> bool {
    call.row().is_some_and(|row| row.name.contains("nanosleep"))
}

fn waits(call: &Occurrence<'_>) -> bool {
    call.row().is_some_and(|row| row.name.starts_with("wait"))
}

/// What was there before, and after if that differs.
fn both(call: &Occurrence<'_>, place: usize, layout: Layout, style: Style) -> String {
    let before = given(call, place, layout, style);
    if matches!(layout, Layout::FileLock | Layout::Message(_)) {
        return got(call, place, layout, style);
    }
    if !needs_return(Kind::InOut(layout)) || call.arguments[place] == 0 {
        return before;
    }
    match shown(call, place, layout, style, Side::Got) {
        Some(after) if after != before => {
            let strip = |text: &str| text.trim_matches(['[', ']']).to_owned();
            match layout {
                Layout::SocketLength => format!("[{} => {}]", strip(&before), strip(&after)),
                _ => format!("{before} => {after}"),
            }
        }
        _ => before,
    }
}

/// Whose bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The program's.
    Given,
    /// The kernel's.
    Got,
}

/// A structure or data; nothing when the trace does not have it.
fn shown(
    call: &Occurrence<'_>,
    place: usize,
    layout: Layout,
    style: Style,
    side: Side,
) -> Option<String> {
    let pointed = |part| match side {
        Side::Given => call.given(place, part),
        Side::Got => call.got(place, part),
    };
    if side == Side::Got && !call.succeeded() && layout != Layout::Timespec {
        return None;
    }
    let most = style.string_bytes;
    if let Layout::Data(length) | Layout::Random(length) = layout {
        if call.known_length(length) == Some(0) {
            return Some("\"\"".to_owned());
        }
        let data = pointed(0)?;
        if data.bytes.is_empty() && data.length > 0 {
            return None;
        }
        return Some(match (layout, length) {
            (Layout::Random(_), _) => quoted_hex(&data.bytes, data.length, most),
            (_, Length::Pointer(_)) | (_, Length::Argument(4)) => {
                sockets::option(call, Bytes(&data.bytes), data.length, style)
            }
            _ => quoted(&data.bytes, data.length, most),
        });
    }
    if let Layout::Vector { count, data } = layout {
        return vector(call, &pointed, count, data, style);
    }
    if let Layout::Message(_) = layout {
        return sockets::message(call, &pointed, style);
    }
    let empty = match layout {
        Layout::EpollEvents => call.result == Some(0),
        Layout::Ids(length) => call.known_length(length) == Some(0),
        Layout::PollFds(count) => call.arguments[usize::from(count)] as u32 == 0,
        _ => false,
    };
    if empty {
        return Some("[]".to_owned());
    }
    if layout == Layout::Directory && call.result == Some(0) {
        return Some(format!(
            "{} /* 0 entries */",
            address(call.arguments[place])
        ));
    }
    let whole = pointed(0)?;
    structures::text(
        call,
        place,
        layout,
        Bytes(&whole.bytes),
        whole.length,
        style,
    )
}

/// Buffers and what is in them.
pub(super) fn vector<'a>(
    call: &Occurrence<'_>,
    pointed: &dyn Fn(u32) -> Option<&'a trapline_trace_format::event::Pointed>,
    count: u8,
    data: Span,
    style: Style,
) -> Option<String> {
    let items = call.arguments[usize::from(count)];
    if items == 0 {
        return Some("[]".to_owned());
    }
    let array = pointed(0)?;
    buffers(
        call,
        &array.bytes,
        items,
        &|item| pointed(item + 1),
        data,
        style,
    )
}

/// The items of an array of `struct iovec`; `buffer` has what is in each.
pub(super) fn buffers<'a>(
    call: &Occurrence<'_>,
    array: &[u8],
    count: u64,
    buffer: &dyn Fn(u32) -> Option<&'a trapline_trace_format::event::Pointed>,
    data: Span,
    style: Style,
) -> Option<String> {
    let pointer = call.pointer_bytes();
    let items: Vec<&[u8]> = array.chunks_exact(2 * pointer).collect();
    if items.is_empty() {
        return None;
    }
    let mut left = call
        .result
        .and_then(|result| u64::try_from(result).ok())
        .unwrap_or(0);
    let mut texts = Vec::new();
    for (item, place) in items.iter().take(style.string_bytes).zip(0_u32..) {
        let (base, length) = item.split_at(pointer);
        let (base, length) = (little_endian(base), little_endian(length));
        let filled = match data {
            Span::All => length,
            Span::Result => length.min(left),
            Span::None => 0,
        };
        left = left.saturating_sub(filled);
        let base = match (data, buffer(place)) {
            (Span::None, _) => address(base),
            (_, _) if filled == 0 => "\"\"".to_owned(),
            (_, Some(bytes)) if !bytes.bytes.is_empty() => {
                quoted(&bytes.bytes, filled, style.string_bytes)
            }
            _ => address(base),
        };
        texts.push(format!("{{iov_base={base}, iov_len={length}}}"));
    }
    if count > texts.len() as u64 {
        texts.push("...".to_owned());
    }
    Some(format!("[{}]", texts.join(", ")))
}
