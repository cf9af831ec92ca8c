//! Structures of files, time, processes and the machine. Offsets are those of the kernel's x86-64 headers.
//!
//! Key function: [`text`], by layout. A structure of which the trace has too little gives nothing.

use super::arguments::{address, device, file_mode, hex, octal, open_flags};
use super::escape::{quoted, quoted_text};
use super::memory::Bytes;
use super::signals::{self, signal_name};
use super::{Occurrence, Style, sockets};
use crate::fetch::PATH_BYTES;
use crate::kind::Layout;
use crate::names::{
    CHARACTER_SIZE, CLONE, CONTROL_FLAGS, EPOLL, FILE_SYSTEM, INPUT_FLAGS, LOCAL_FLAGS, LOCK_TYPE,
    OUTPUT_FLAGS, POLL, RESOLVE, SPEED, STATFS_FLAGS, STATX, STATX_ATTRIBUTES, WHENCE,
};

/// What is there; `length` is what it has in the program.
pub(super) fn text(
    call: &Occurrence<'_>,
    place: usize,
    layout: Layout,
    bytes: Bytes<'_>,
    length: u64,
    style: Style,
) -> Option<String> {
    let pair = |one: fn(Bytes<'_>, usize) -> Option<String>| {
        Some(format!("[{}, {}]", one(bytes, 0)?, one(bytes, 16)?))
    };
    match layout {
        // Printed by the caller.
        Layout::Data(_) | Layout::Random(_) | Layout::Vector { .. } | Layout::Message(_) => None,
        Layout::Path => (!bytes.0.is_empty()).then(|| quoted_text(bytes.0, length, PATH_BYTES)),
        Layout::Directory => directory(call, place, bytes),
        Layout::Socket(_) => sockets::socket(bytes, length),
        Layout::SocketLength | Layout::Int | Layout::Id => Some(format!("[{}]", bytes.i32(0)?)),
        Layout::IntPair => Some(format!("[{}, {}]", bytes.i32(0)?, bytes.i32(4)?)),
        Layout::Ids(_) => Some(list(bytes, 4, style, |id| Some(id.u32(0)?.to_string()))),
        Layout::Long => Some(format!("[{}]", bytes.i64(0)?)),
        Layout::Word => Some(format!("[{}]", hex(bytes.u64(0)?))),
        Layout::SchedParam => Some(format!("[{}]", bytes.i32(0)?)),
        Layout::Stat => stat(bytes),
        Layout::Statx => statx(bytes),
        Layout::Statfs => statfs(bytes),
        Layout::Timespec => timespec(bytes, 0),
        Layout::TimespecPair => pair(file_time),
        Layout::Timeval => timeval(bytes, 0),
        Layout::TimevalPair => pair(timeval),
        Layout::Timezone => Some(format!(
            "{{tz_minuteswest={}, tz_dsttime={}}}",
            bytes.i32(0)?,
            bytes.i32(4)?
        )),
        Layout::Itimerval => interval(bytes, timeval),
        Layout::Itimerspec => interval(bytes, timespec),
        Layout::Sigset => bytes.u64(0).map(signals::set),
        Layout::SigsetPointer => Some(format!(
            "{{sigmask={}, sigsetsize={}}}",
            address(bytes.u64(0)?),
            bytes.u64(8)?
        )),
        Layout::Sigaction => signals::action(bytes),
        Layout::SignalStack => signals::stack(bytes),
        Layout::Siginfo => signals::information(bytes.0),
        Layout::Rlimit => limits(call, bytes),
        Layout::Rusage => Some(format!(
            "{{ru_utime={}, ru_stime={}, ...}}",
            timeval(bytes, 0)?,
            timeval(bytes, 16)?
        )),
        Layout::WaitStatus => bytes
            .u32(0)
            .map(|status| format!("[{}]", wait_status(status))),
        Layout::PollFds(_) => Some(list(bytes, 8, style, |one| {
            Some(format!(
                "{{fd={}, events={}}}",
                one.i32(0)?,
                POLL.flags(one.u16(4)?.into())
            ))
        })),
        Layout::FdSet(count) => Some(descriptors(
            call,
            bytes.0,
            call.arguments[usize::from(count)],
        )),
        Layout::EpollEvent => epoll_event(bytes),
        Layout::EpollEvents => Some(list(bytes, 12, style, epoll_event)),
        Layout::Utsname => Some(format!(
            "{{sysname={}, nodename={}, ...}}",
            field(bytes, 0)?,
            field(bytes, 65)?
        )),
        Layout::Sysinfo => system(bytes),
        Layout::Tms => Some(format!(
            "{{tms_utime={}, tms_stime={}, tms_cutime={}, tms_cstime={}}}",
            ticks(bytes.i64(0)?),
            ticks(bytes.i64(8)?),
            ticks(bytes.i64(16)?),
            ticks(bytes.i64(24)?)
        )),
        // Printed with its call.
        Layout::CloneArgs => None,
        Layout::OpenHow => open_how(bytes),
        Layout::FileLock => lock(call, bytes),
        Layout::Winsize => Some(format!(
            "{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}",
            bytes.u16(0)?,
            bytes.u16(2)?,
            bytes.u16(4)?,
            bytes.u16(6)?
        )),
        Layout::Termios => terminal(bytes),
        Layout::FilterProgram => Some(format!(
            "{{len={}, filter={}}}",
            bytes.u16(0)?,
            address(bytes.u64(8)?)
        )),
        Layout::CpuSet(_) => Some(bits(bytes.0)),
    }
}

/// CPU time in the hundredths of a second that the kernel tells it in.
pub(super) fn ticks(ticks: i64) -> String {
    match ticks {
        0 => "0".to_owned(),
        _ => format!("{ticks} /* {}.{:02} s */", ticks / 100, (ticks % 100).abs()),
    }
}

/// A length as decimal number.
pub(super) fn sized(value: u64) -> String {
    value.to_string()
}

/// Flags of clone(2) and the signal at the child's end.
pub(super) fn clone_flags(value: u64) -> String {
    const SIGNAL: u64 = 0xff;
    let (flags, signal) = (value & !SIGNAL, value & SIGNAL);
    match (flags, signal) {
        (0, 0) => "0".to_owned(),
        (0, _) => signal_name(signal as u32),
        (_, 0) => CLONE.flags(flags),
        _ => format!("{}|{}", CLONE.flags(flags), signal_name(signal as u32)),
    }
}

/// Seconds and nanoseconds.
pub(super) fn timespec(bytes: Bytes<'_>, at: usize) -> Option<String> {
    Some(format!(
        "{{tv_sec={}, tv_nsec={}}}",
        bytes.i64(at)?,
        bytes.i64(at + 8)?
    ))
}

/// Seconds and microseconds.
pub(super) fn timeval(bytes: Bytes<'_>, at: usize) -> Option<String> {
    Some(format!(
        "{{tv_sec={}, tv_usec={}}}",
        bytes.i64(at)?,
        bytes.i64(at + 8)?
    ))
}

/// The descriptors of an `fd_set`, of the first `count` ones (0: all that are there).
pub(super) fn descriptors(call: &Occurrence<'_>, bytes: &[u8], count: u64) -> String {
    let count = match count {
        0 => call.arguments[0],
        count => count,
    };
    let count = (count as u32 as usize).min(bytes.len() * 8);
    let set = (0..count).filter(|fd| bytes[fd / 8] >> (fd % 8) & 1 != 0);
    let names: Vec<String> = set.map(|fd| fd.to_string()).collect();
    format!("[{}]", names.join(" "))
}

/// Items of `size` bytes, as many as are shown.
fn list(
    bytes: Bytes<'_>,
    size: usize,
    style: Style,
    one: impl Fn(Bytes<'_>) -> Option<String>,
) -> String {
    let items = bytes.0.chunks_exact(size);
    let count = items.len();
    let shown = items.take(style.string_bytes).map(Bytes);
    let mut texts: Vec<String> = shown.filter_map(one).collect();
    if count > texts.len() {
        texts.push("...".to_owned());
    }
    format!("[{}]", texts.join(", "))
}

fn bits(bytes: &[u8]) -> String {
    let set = (0..bytes.len() * 8).filter(|bit| bytes[bit / 8] >> (bit % 8) & 1 != 0);
    let names: Vec<String> = set.map(|bit| bit.to_string()).collect();
    format!("[{}]", names.join(" "))
}

/// How many entries there are; each says its own length.
fn directory(call: &Occurrence<'_>, place: usize, bytes: Bytes<'_>) -> Option<String> {
    const LENGTH_AT: usize = 16;
    let (mut at, mut count) = (0_usize, 0);
    while let Some(length @ 1..) = bytes.u16(at + LENGTH_AT) {
        at += usize::from(length);
        count += 1;
    }
    let s = if count == 1 { "y" } else { "ies" };
    let whole = u64::try_from(call.result?).is_ok_and(|length| length <= bytes.0.len() as u64);
    let least = if whole { "" } else { "at least " };
    Some(format!(
        "{} /* {least}{count} entr{s} */",
        address(call.arguments[place])
    ))
}

fn stat(bytes: Bytes<'_>) -> Option<String> {
    let mode = bytes.u32(24)?;
    let size = match mode & libc::S_IFMT {
        libc::S_IFCHR | libc::S_IFBLK => format!("st_rdev={}", device(bytes.u64(40)?)),
        _ => format!("st_size={}", bytes.i64(48)?),
    };
    Some(format!("{{st_mode={}, {size}, ...}}", file_mode(mode)))
}

fn statx(bytes: Bytes<'_>) -> Option<String> {
    let mode = u32::from(bytes.u16(28)?);
    Some(format!(
        "{{stx_mask={}, stx_attributes={}, stx_mode={}, stx_size={}, ...}}",
        STATX.flags(bytes.u32(0)?.into()),
        STATX_ATTRIBUTES.flags(bytes.u64(8)?),
        file_mode(mode),
        bytes.u64(40)?
    ))
}

fn statfs(bytes: Bytes<'_>) -> Option<String> {
    let kind = bytes.u64(0)?;
    let kind = FILE_SYSTEM
        .name(kind)
        .map_or_else(|| hex(kind), ToOwned::to_owned);
    Some(format!(
        "{{f_type={kind}, f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, f_files={}, f_ffree={}, \
         f_fsid={{val=[{}, {}]}}, f_namelen={}, f_frsize={}, f_flags={}}}",
        bytes.u64(8)?,
        bytes.u64(16)?,
        bytes.u64(24)?,
        bytes.u64(32)?,
        bytes.u64(40)?,
        bytes.u64(48)?,
        hex(bytes.u32(56)?.into()),
        hex(bytes.u32(60)?.into()),
        bytes.u64(64)?,
        bytes.u64(72)?,
        STATFS_FLAGS.flags(bytes.u64(80)?)
    ))
}

/// A file's time to set, which may be a word instead.
fn file_time(bytes: Bytes<'_>, at: usize) -> Option<String> {
    match bytes.i64(at + 8)? {
        libc::UTIME_NOW => Some("UTIME_NOW".to_owned()),
        libc::UTIME_OMIT => Some("UTIME_OMIT".to_owned()),
        _ => timespec(bytes, at),
    }
}

fn interval(bytes: Bytes<'_>, one: fn(Bytes<'_>, usize) -> Option<String>) -> Option<String> {
    Some(format!(
        "{{it_interval={}, it_value={}}}",
        one(bytes, 0)?,
        one(bytes, 16)?
    ))
}

fn limits(call: &Occurrence<'_>, bytes: Bytes<'_>) -> Option<String> {
    let infinity = match call.row()?.name {
        "prlimit64" => "RLIM64_INFINITY",
        _ => "RLIM_INFINITY",
    };
    let one = |value: u64| match value {
        u64::MAX => infinity.to_owned(),
        value if value > 1024 && value % 1024 == 0 => format!("{}*1024", value / 1024),
        value => value.to_string(),
    };
    Some(format!(
        "{{rlim_cur={}, rlim_max={}}}",
        one(bytes.u64(0)?),
        one(bytes.u64(8)?)
    ))
}

/// How a child ended or stopped.
pub(super) fn wait_status(status: u32) -> String {
    let signal = status & 0x7f;
    let number = status >> 8 & 0xff;
    if status == 0xffff {
        return "{WIFCONTINUED(s)}".to_owned();
    }
    match (signal, status & 0xff) {
        (_, 0x7f) => {
            let event = match status >> 16 {
                0 => String::new(),
                event => format!(" | {:#x}", event << 8),
            };
            format!(
                "{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}{event}",
                signal_name(number)
            )
        }
        (0, _) => format!("{{WIFEXITED(s) && WEXITSTATUS(s) == {number}}}"),
        _ => {
            let core = if status & 0x80 != 0 {
                " && WCOREDUMP(s)"
            } else {
                ""
            };
            format!(
                "{{WIFSIGNALED(s) && WTERMSIG(s) == {}{core}}}",
                signal_name(signal)
            )
        }
    }
}

fn epoll_event(bytes: Bytes<'_>) -> Option<String> {
    Some(format!(
        "{{events={}, data={{u32={}, u64={}}}}}",
        EPOLL.flags(bytes.u32(0)?.into()),
        bytes.u32(4)?,
        bytes.u64(4)?
    ))
}

/// A text in one of the fields of `struct utsname`.
fn field(bytes: Bytes<'_>, at: usize) -> Option<String> {
    let text = bytes.text(at, 65)?;
    Some(quoted(text, text.len() as u64, 65))
}

fn system(bytes: Bytes<'_>) -> Option<String> {
    let number = |at| bytes.u64(at);
    Some(format!(
        "{{uptime={}, loads=[{}, {}, {}], totalram={}, freeram={}, sharedram={}, bufferram={}, totalswap={}, \
         freeswap={}, procs={}, totalhigh={}, freehigh={}, mem_unit={}}}",
        number(0)?,
        number(8)?,
        number(16)?,
        number(24)?,
        number(32)?,
        number(40)?,
        number(48)?,
        number(56)?,
        number(64)?,
        number(72)?,
        bytes.u16(80)?,
        number(88)?,
        number(96)?,
        bytes.u32(104)?
    ))
}

fn open_how(bytes: Bytes<'_>) -> Option<String> {
    let (flags, mode) = (bytes.u64(0)?, bytes.u64(8)?);
    let mode = match mode {
        0 if flags & libc::O_CREAT as u64 == 0 => String::new(),
        mode => format!(", mode={}", octal(mode as u32)),
    };
    Some(format!(
        "{{flags={}{mode}, resolve={}}}",
        open_flags(flags as u32),
        RESOLVE.flags(bytes.u64(16)?)
    ))
}

fn lock(call: &Occurrence<'_>, bytes: Bytes<'_>) -> Option<String> {
    let owner = match call.arguments[1] as i32 {
        libc::F_GETLK | libc::F_OFD_GETLK => format!(", l_pid={}", bytes.i32(24)?),
        _ => String::new(),
    };
    Some(format!(
        "{{l_type={}, l_whence={}, l_start={}, l_len={}{owner}}}",
        LOCK_TYPE.choice(bytes.u16(0)?.into()),
        WHENCE.choice(bytes.u16(2)?.into()),
        bytes.i64(8)?,
        bytes.i64(16)?
    ))
}

/// Flags of a terminal by name, without its control characters.
fn terminal(bytes: Bytes<'_>) -> Option<String> {
    let [input, output, control, local] = [0, 4, 8, 12].map(|at| bytes.u32(at));
    let (output, control) = (output?, control?);
    let delay = |name: &str, shift: u32, mask: u32| format!("{name}{}", output >> shift & mask);
    let mut flags = vec![
        delay("NL", 8, 1),
        delay("CR", 9, 3),
        match output >> 11 & 3 {
            3 => "XTABS".to_owned(),
            tabs => format!("TAB{tabs}"),
        },
        delay("BS", 13, 1),
        delay("VT", 14, 1),
        delay("FF", 15, 1),
    ];
    let (names, _) = OUTPUT_FLAGS.split(u64::from(output));
    flags.extend(names.into_iter().map(str::to_owned));
    let mut speed = SPEED.choice((control & libc::CBAUD).into());
    speed += "|";
    speed += &CHARACTER_SIZE.choice((control & libc::CSIZE).into());
    let (names, _) = CONTROL_FLAGS.split(u64::from(control));
    for name in names {
        speed += "|";
        speed += name;
    }
    Some(format!(
        "{{c_iflag={}, c_oflag={}, c_cflag={speed}, c_lflag={}, ...}}",
        INPUT_FLAGS.flags(input?.into()),
        flags.join("|"),
        LOCAL_FLAGS.flags(local?.into())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ended_stopped_or_went_on() {
        assert_eq!(wait_status(0x300), "{WIFEXITED(s) && WEXITSTATUS(s) == 3}");
        assert_eq!(wait_status(9), "{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}");
        assert_eq!(
            wait_status(0x8b),
            "{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}"
        );
        assert_eq!(
            wait_status(0x137f),
            "{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}"
        );
        assert_eq!(wait_status(0xffff), "{WIFCONTINUED(s)}");
    }
}
