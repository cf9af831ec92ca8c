//! What a call returned.

use super::arguments::{address, octal, open_flags};
use super::memory::Bytes;
use super::structures::{descriptors, timespec, timeval};
use super::{Occurrence, Style, is_error};
use crate::kind::{Kind, Layout, Returns};
use crate::names::{DUMPABLE, FD_FLAGS, LOCK_TYPE, PERSONALITY, POLL, SEALS};

/// The text behind the equals sign.
pub(super) fn outcome(call: &Occurrence<'_>, style: Style) -> String {
    let Some(result) = call.result else {
        return "?".to_owned();
    };
    if is_error(result) {
        return failure(-result as u32);
    }
    let Some(row) = call.row() else {
        return result.to_string();
    };
    match row.returns {
        Returns::Number | Returns::Never => result.to_string(),
        Returns::Address => super::arguments::hex(result as u64),
        Returns::Octal => octal(result as u32),
        Returns::Poll(place) => poll(call, place.into(), result, style),
        Returns::Select => select(call, result),
        Returns::Fcntl => fcntl(call.arguments[1] as i32, result),
        Returns::Prctl => match (call.arguments[0] as i32, DUMPABLE.name(result as u64)) {
            (libc::PR_GET_DUMPABLE, Some(name)) => format!("{result} ({name})"),
            _ => result.to_string(),
        },
        Returns::Named(names) => match names.name(result as u64) {
            Some(name) => format!("{result} ({name})"),
            None => result.to_string(),
        },
        Returns::FlagsOf(names) if result != 0 => {
            format!("{result:#x} ({})", names.flags(result as u64))
        }
        Returns::FlagsOf(_) => "0".to_owned(),
        Returns::Personality => personality(result as u64),
    }
}

/// The name of an error.
pub(super) fn error_name(error: u32) -> Option<String> {
    let error = syscalls::Errno::new(i32::try_from(error).ok()?);
    error.name().map(str::to_owned)
}

/// An error by name and text; what only the kernel sees, by what will become of it.
fn failure(error: u32) -> String {
    let restart = match error {
        512 => Some("ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        513 => Some("ERESTARTNOINTR (To be restarted)"),
        514 => Some("ERESTARTNOHAND (To be restarted if no handler)"),
        516 => Some("ERESTART_RESTARTBLOCK (Interrupted by signal)"),
        _ => None,
    };
    if let Some(text) = restart {
        return format!("? {text}");
    }
    // The C library's text, with " (os error N)" behind it.
    let text = std::io::Error::from_raw_os_error(error as i32).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    match error_name(error) {
        Some(name) => format!("-1 {name} ({text})"),
        None => format!("-1 (errno {error})"),
    }
}

/// The descriptors that are ready.
fn poll(call: &Occurrence<'_>, place: usize, result: i64, style: Style) -> String {
    if result == 0 {
        return "0 (Timeout)".to_owned();
    }
    let mut ready = Vec::new();
    let array = call.got(place, 0).map_or(&[][..], |array| &array.bytes);
    for one in array.chunks_exact(8).map(Bytes) {
        if let (Some(fd), Some(events @ 1..)) = (one.i32(0), one.u16(6)) {
            if ready.len() == style.string_bytes {
                ready.push("...".to_owned());
                break;
            }
            ready.push(format!(
                "{{fd={fd}, revents={}}}",
                POLL.flags(events.into())
            ));
        }
    }
    if ready.is_empty() {
        return result.to_string();
    }
    let left = match call.kind(2) {
        Some(Kind::InOut(Layout::Timespec)) => left(call, 2).unwrap_or_default(),
        _ => String::new(),
    };
    format!("{result} ([{}]{left})", ready.join(", "))
}

/// What is left of a timeout.
fn left(call: &Occurrence<'_>, place: usize) -> Option<String> {
    let bytes = Bytes(&call.got(place, 0)?.bytes);
    let text = match call.kind(place)? {
        Kind::InOut(Layout::Timeval) => timeval(bytes, 0)?,
        _ => timespec(bytes, 0)?,
    };
    Some(format!(", left {text}"))
}

fn select(call: &Occurrence<'_>, result: i64) -> String {
    if result == 0 {
        return "0 (Timeout)".to_owned();
    }
    let mut parts = Vec::new();
    for (place, name) in [(1, "in"), (2, "out"), (3, "except")] {
        let set = call
            .got(place, 0)
            .map(|set| descriptors(call, &set.bytes, 0));
        if let Some(set) = set.filter(|set| set != "[]") {
            parts.push(format!("{name} {set}"));
        }
    }
    let left = left(call, 4).unwrap_or_default();
    format!("{result} ({}{left})", parts.join(", "))
}

fn fcntl(command: i32, result: i64) -> String {
    let flags = result as u32;
    let named = |text: String| format!("{flags:#x} (flags {text})");
    match command {
        libc::F_GETFD if flags != 0 => named(FD_FLAGS.flags(flags.into())),
        libc::F_GETFL => named(open_flags(flags)),
        libc::F_GET_SEALS if flags != 0 => {
            format!("{flags:#x} (seals {})", SEALS.flags(flags.into()))
        }
        libc::F_GETLEASE => match LOCK_TYPE.name(flags.into()) {
            Some(name) => format!("{flags:#x} ({name})"),
            None => result.to_string(),
        },
        _ => result.to_string(),
    }
}

fn personality(result: u64) -> String {
    const PERSONA: u64 = 0xff;
    let persona = match result & PERSONA {
        0 => "PER_LINUX".to_owned(),
        8 => "PER_LINUX32".to_owned(),
        other => format!("{other:#x} /* PER_??? */"),
    };
    match result & !PERSONA {
        0 => format!("{} ({persona})", super::arguments::hex(result)),
        flags => format!(
            "{} ({persona}|{})",
            address(result),
            PERSONALITY.flags(flags)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_name_and_text() {
        assert_eq!(failure(2), "-1 ENOENT (No such file or directory)");
        assert_eq!(failure(11), "-1 EAGAIN (Resource temporarily unavailable)");
        assert_eq!(failure(4000), "-1 (errno 4000)");
        assert_eq!(
            failure(512),
            "? ERESTARTSYS (To be restarted if SA_RESTART is set)"
        );
    }

    #[test]
    fn every_error_of_the_kernel_has_a_name() {
        for error in (1..=133).filter(|error| !matches!(error, 41 | 58)) {
            assert!(error_name(error).is_some(), "{error}");
        }
    }
}
