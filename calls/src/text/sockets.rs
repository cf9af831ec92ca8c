//! Sockets: addresses, messages, options.

use std::net::{Ipv4Addr, Ipv6Addr};

use trapline_trace_format::event::Pointed;

use super::arguments::{address, buffers};
use super::escape::quoted;
use super::memory::Bytes;
use super::{Occurrence, Style};
use crate::fetch::Span;
use crate::kind::{Kind, Layout};
use crate::names::{FAMILY, MSG, SOL};

const UNIX: u16 = libc::AF_UNIX as u16;
const INET: u16 = libc::AF_INET as u16;
const INET6: u16 = libc::AF_INET6 as u16;
const NETLINK: u16 = libc::AF_NETLINK as u16;

/// A socket's address of which `length` bytes are told.
pub(super) fn socket(bytes: Bytes<'_>, length: u64) -> Option<String> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let bytes = Bytes(bytes.part(0, length)?);
    let family = bytes.u16(0)?;
    let name = FAMILY.choice(family.into());
    let port = |at| Some(u16::from_be(bytes.u16(at)?));
    let known = match family {
        UNIX => unix_path(bytes, length).map(|path| format!(", sun_path={path}")),
        INET => inet(bytes, &port),
        INET6 => inet6(bytes, &port),
        NETLINK => netlink(bytes),
        _ => None,
    };
    Some(match known {
        Some(known) => format!("{{sa_family={name}{known}}}"),
        None if family == UNIX => format!("{{sa_family={name}}}"),
        None => {
            let data = bytes.part(2, length)?;
            format!(
                "{{sa_family={name}, sa_data={}}}",
                quoted(data, data.len() as u64, 126)
            )
        }
    })
}

fn inet(bytes: Bytes<'_>, port: &dyn Fn(usize) -> Option<u16>) -> Option<String> {
    let host = Ipv4Addr::from(u32::from_be(bytes.u32(4)?));
    Some(format!(
        ", sin_port=htons({}), sin_addr=inet_addr(\"{host}\")",
        port(2)?
    ))
}

fn inet6(bytes: Bytes<'_>, port: &dyn Fn(usize) -> Option<u16>) -> Option<String> {
    let host: [u8; 16] = bytes.part(8, 16)?.try_into().ok()?;
    Some(format!(
        ", sin6_port=htons({}), sin6_flowinfo=htonl({}), inet_pton(AF_INET6, \"{}\", &sin6_addr), sin6_scope_id={}",
        port(2)?,
        u32::from_be(bytes.u32(4)?),
        Ipv6Addr::from(host),
        bytes.u32(24)?
    ))
}

fn netlink(bytes: Bytes<'_>) -> Option<String> {
    Some(
        format!(
            ", nl_pid={}, nl_groups={:08x}",
            bytes.i32(4)?,
            bytes.u32(8)?
        )
        .replace(
            // As C's %#08x.
            ", nl_groups=",
            ", nl_groups=0x",
        )
        .replace("0x00000000", "00000000"),
    )
}

/// The name of a local socket; an abstract one with an @ for its zero.
fn unix_path(bytes: Bytes<'_>, length: usize) -> Option<String> {
    let path = bytes.part(2, length.saturating_sub(2))?;
    match path.first()? {
        0 => {
            let name = &path[1..];
            Some(format!("@{}", quoted(name, name.len() as u64, 108)))
        }
        _ => {
            let name = bytes.text(2, 108)?;
            Some(quoted(name, name.len() as u64, 108))
        }
    }
}

/// `struct msghdr` with its buffers.
pub(super) fn message<'a>(
    call: &Occurrence<'_>,
    pointed: &dyn Fn(u32) -> Option<&'a Pointed>,
    style: Style,
) -> Option<String> {
    let bytes = Bytes(&pointed(0)?.bytes);
    if call.pointer_bytes() != 8 {
        return None;
    }
    let (name, name_length) = (bytes.u64(0)?, bytes.u32(8)?);
    let (array, count) = (bytes.u64(16)?, bytes.u64(24)?);
    let (control, control_length) = (bytes.u64(32)?, bytes.u64(40)?);
    let whose = match pointed(1) {
        Some(whose) => socket(Bytes(&whose.bytes), name_length.into()),
        None => None,
    };
    let kind = call.kind(1);
    let span = match kind {
        Some(Kind::InOut(Layout::Message(span)) | Kind::In(Layout::Message(span))) => span,
        _ => Span::None,
    };
    let data = match pointed(3) {
        Some(items) => buffers(
            call,
            &items.bytes,
            count,
            &|item| pointed(item + 4),
            span,
            style,
        ),
        None => None,
    };
    let room = call
        .given(1, 0)
        .and_then(|before| Bytes(&before.bytes).u32(8));
    let room = match room.filter(|room| *room != name_length) {
        Some(room) => format!("{room} => "),
        None => String::new(),
    };
    let mut text = format!(
        "{{msg_name={}, msg_namelen={room}{name_length}, msg_iov={}, msg_iovlen={count}",
        whose.unwrap_or_else(|| address(name)),
        data.unwrap_or_else(|| address(array)),
    );
    if control_length > 0 {
        let held = pointed(2).and_then(|held| control_data(Bytes(&held.bytes), style));
        text += &format!(", msg_control={}", held.unwrap_or_else(|| address(control)));
    }
    text += &format!(
        ", msg_controllen={control_length}, msg_flags={}}}",
        MSG.flags(bytes.u32(48)?.into())
    );
    Some(text)
}

/// Control messages: descriptors by their numbers, the rest as data.
fn control_data(bytes: Bytes<'_>, style: Style) -> Option<String> {
    const HEADER: usize = 16;
    let mut items = Vec::new();
    let mut at = 0_usize;
    while let Some(length) = bytes.u64(at) {
        let length = usize::try_from(length).ok()?;
        if length < HEADER {
            break;
        }
        let (level, kind) = (bytes.u32(at + 8)?, bytes.u32(at + 12)?);
        let data = bytes.part(at + HEADER, length - HEADER)?;
        let (kind, data) = match (level as i32, kind as i32) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let numbers = data.chunks_exact(4).map(Bytes).filter_map(|one| one.i32(0));
                let numbers: Vec<String> = numbers.map(|one| one.to_string()).collect();
                ("SCM_RIGHTS".to_owned(), format!("[{}]", numbers.join(", ")))
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                ("SCM_CREDENTIALS".to_owned(), credentials(Bytes(data))?)
            }
            _ => (
                format!("{kind:#x}"),
                quoted(data, data.len() as u64, style.string_bytes),
            ),
        };
        items.push(format!(
            "{{cmsg_len={length}, cmsg_level={}, cmsg_type={kind}, cmsg_data={data}}}",
            SOL.choice(level.into())
        ));
        at = at.checked_add(length.checked_next_multiple_of(8)?)?;
    }
    (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
}

fn credentials(bytes: Bytes<'_>) -> Option<String> {
    Some(format!(
        "{{pid={}, uid={}, gid={}}}",
        bytes.i32(0)?,
        bytes.u32(4)?,
        bytes.u32(8)?
    ))
}

/// The value of a socket option.
pub(super) fn option(call: &Occurrence<'_>, bytes: Bytes<'_>, length: u64, style: Style) -> String {
    let socket = call.arguments[1] as i32 == libc::SOL_SOCKET
        && call.row().is_some_and(|row| row.name.ends_with("sockopt"));
    let known = match (socket, call.arguments[2] as i32, length) {
        (true, libc::SO_PEERCRED, 12) => credentials(bytes),
        (true, libc::SO_LINGER, 8) => linger(bytes),
        (_, _, 4) => bytes.i32(0).map(|number| format!("[{number}]")),
        _ => None,
    };
    known.unwrap_or_else(|| quoted(bytes.0, length, style.string_bytes))
}

fn linger(bytes: Bytes<'_>) -> Option<String> {
    Some(format!(
        "{{l_onoff={}, l_linger={}}}",
        bytes.i32(0)?,
        bytes.i32(4)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_three_families() {
        let text = |bytes: &[u8]| socket(Bytes(bytes), bytes.len() as u64).expect("an address");
        let mut inet = [0_u8; 16];
        inet[..8].copy_from_slice(&[2, 0, 0, 80, 127, 0, 0, 1]);
        assert_eq!(
            text(&inet),
            "{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}"
        );
        let mut inet6 = [0_u8; 28];
        (inet6[0], inet6[3], inet6[23]) = (10, 9, 1);
        assert_eq!(
            text(&inet6),
            "{sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), \
             inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}"
        );
        assert_eq!(
            text(b"\x01\x00/a/b\0rest"),
            "{sa_family=AF_UNIX, sun_path=\"/a/b\"}"
        );
        assert_eq!(
            text(b"\x01\x00\0hidden"),
            "{sa_family=AF_UNIX, sun_path=@\"hidden\"}"
        );
        assert_eq!(text(b"\x01\x00"), "{sa_family=AF_UNIX}");
        assert_eq!(
            text(b"\x10\0\0\0\x07\0\0\0\0\0\0\0"),
            "{sa_family=AF_NETLINK, nl_pid=7, nl_groups=00000000}"
        );
        assert_eq!(socket(Bytes(b"\x02"), 1), None);
    }
}
