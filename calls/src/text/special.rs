//! Calls whose text does not follow from their arguments one by one.

use super::arguments::{address, hex};
use super::memory::Bytes;
use super::structures::{clone_flags, sized};
use super::{Occurrence, Printed, Style};
use crate::kind::Call;
use crate::names::CLONE;
use trapline_trace_format::event::Abi;

/// The arguments, if the call is one of these.
pub(super) fn printed(call: &Occurrence<'_>, row: &Call, _style: Style) -> Option<Printed> {
    match row.name {
        "clone" if call.abi != Abi::I386 => Some(clone(call)),
        "clone3" => clone3(call),
        _ => None,
    }
}

/// clone(2) names its arguments and shows those that its flags ask for.
fn clone(call: &Occurrence<'_>) -> Printed {
    let [flags, stack, parent, child, tls, _] = call.arguments;
    let has = |flag: i32| flags & u64::from(flag as u32) != 0;
    let mut printed = Printed::known(format!(
        "child_stack={}, flags={}",
        address(stack),
        clone_flags(flags)
    ));
    let mut rest = String::new();
    if has(libc::CLONE_PARENT_SETTID) || has(libc::CLONE_PIDFD) {
        let number = call
            .got(2, 0)
            .and_then(|number| Bytes(&number.bytes).i32(0));
        let text = match number {
            Some(number) if call.succeeded() => format!("[{number}]"),
            _ => address(parent),
        };
        let name = if has(libc::CLONE_PIDFD) {
            "pidfd"
        } else {
            "parent_tid"
        };
        rest += &format!(", {name}={text}");
    }
    if has(libc::CLONE_SETTLS) {
        rest += &format!(", tls={}", address(tls));
    }
    if has(libc::CLONE_CHILD_SETTID) || has(libc::CLONE_CHILD_CLEARTID) {
        rest += &format!(", child_tidptr={}", address(child));
    }
    if has(libc::CLONE_PARENT_SETTID) || has(libc::CLONE_PIDFD) {
        printed.rest = rest;
    } else {
        printed.known += &rest;
    }
    printed
}

/// clone3(2) has them in a structure, and says what the kernel wrote.
fn clone3(call: &Occurrence<'_>) -> Option<Printed> {
    let bytes = Bytes(&call.given(0, 0)?.bytes);
    let field = |place: usize| bytes.u64(place * 8);
    let (flags, pidfd, child) = (field(0)?, field(1)?, field(2)?);
    let (parent, signal, stack) = (field(3)?, field(4)?, field(5)?);
    let (stack_size, tls) = (field(6)?, field(7)?);
    let has = |flag: i32| flags & u64::from(flag as u32) != 0;
    let mut text = format!("{{flags={}", CLONE.flags(flags));
    if has(libc::CLONE_PIDFD) {
        text += &format!(", pidfd={}", address(pidfd));
    }
    if has(libc::CLONE_CHILD_SETTID) || has(libc::CLONE_CHILD_CLEARTID) {
        text += &format!(", child_tid={}", address(child));
    }
    if has(libc::CLONE_PARENT_SETTID) {
        text += &format!(", parent_tid={}", address(parent));
    }
    let signal = match signal {
        0 => "0".to_owned(),
        _ => super::signals::signal_name(signal as u32),
    };
    text += &format!(
        ", exit_signal={signal}, stack={}, stack_size={}",
        address(stack),
        hex(stack_size)
    );
    if has(libc::CLONE_SETTLS) {
        text += &format!(", tls={}", address(tls));
    }
    text += "}";
    let size = sized(call.arguments[1]);
    let mut printed = Printed::known(text);
    match call.result {
        // The kernel writes the new thread's number where the caller said.
        Some(number) if number >= 0 && has(libc::CLONE_PARENT_SETTID) => {
            printed.rest = format!(" => {{parent_tid=[{number}]}}, {size}");
        }
        _ if has(libc::CLONE_PARENT_SETTID) => printed.rest = format!(", {size}"),
        _ => printed.known += &format!(", {size}"),
    }
    Some(printed)
}
