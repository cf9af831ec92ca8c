//! Signals: their names, sets of them, what they carry, what is done about them.

use trapline_trace_format::event::Abi;

use super::arguments::address;
use super::memory::Bytes;
use super::structures::ticks;
use crate::names::{
    AUDIT_ARCH, BUS_CODE, CHILD_CODE, FLOATING_CODE, ILLEGAL_CODE, Names, POLL_CODE, SECCOMP_CODE,
    SEGMENT_CODE, SIGACTION, SIGNAL_CODE, SIGNAL_STACK, SIGNALS, TRAP_CODE,
};

/// The first real-time signal as the kernel counts.
const FIRST_REALTIME: u32 = 32;
const LAST: u32 = 64;

/// `SIGINT`, `SIGRT_1`; a number when there is none of that number.
pub(crate) fn signal_name(signal: u32) -> String {
    match SIGNALS.name(signal.into()) {
        Some(name) => name.to_owned(),
        None if (FIRST_REALTIME..=LAST).contains(&signal) => {
            format!("SIGRT_{}", signal - FIRST_REALTIME)
        }
        None => (signal as i32).to_string(),
    }
}

/// `[INT CHLD]`; what is missing where that is shorter.
pub(super) fn set(signals: u64) -> String {
    let inverted = signals.count_ones() >= LAST * 2 / 3;
    let shown = if inverted { !signals } else { signals };
    let names: Vec<String> = (0..LAST)
        .filter(|bit| shown >> bit & 1 != 0)
        .map(|bit| signal_name(bit + 1).trim_start_matches("SIG").to_owned())
        .collect();
    let sign = if inverted { "~" } else { "" };
    format!("{sign}[{}]", names.join(" "))
}

/// The kernel's `struct sigaction`: handler, flags, restorer, mask.
pub(super) fn action(bytes: Bytes<'_>) -> Option<String> {
    let (handler, flags) = (bytes.u64(0)?, bytes.u64(8)?);
    let handler = match handler {
        0 => "SIG_DFL".to_owned(),
        1 => "SIG_IGN".to_owned(),
        _ => address(handler),
    };
    let restorer = if flags & 0x0400_0000 != 0 {
        format!(", sa_restorer={}", address(bytes.u64(16)?))
    } else {
        String::new()
    };
    Some(format!(
        "{{sa_handler={handler}, sa_mask={}, sa_flags={}{restorer}}}",
        set(bytes.u64(24)?),
        SIGACTION.flags(flags)
    ))
}

/// `stack_t`.
pub(super) fn stack(bytes: Bytes<'_>) -> Option<String> {
    Some(format!(
        "{{ss_sp={}, ss_flags={}, ss_size={}}}",
        address(bytes.u64(0)?),
        SIGNAL_STACK.flags(bytes.u32(8)?.into()),
        bytes.u64(16)?
    ))
}

/// `siginfo_t`.
pub(crate) fn information(bytes: &[u8]) -> Option<String> {
    let bytes = Bytes(bytes);
    let signal = bytes.u32(0)?;
    let code = bytes.i32(8)?;
    if signal == 0 {
        return Some("{}".to_owned());
    }
    let mut text = format!(
        "{{si_signo={}, si_code={}",
        signal_name(signal),
        code_name(signal, code)
    );
    let error = bytes.i32(4)?;
    if error != 0 {
        let name = super::results::error_name(error.unsigned_abs());
        text += &format!(", si_errno={}", name.unwrap_or_else(|| error.to_string()));
    }
    text += &origin(bytes, signal, code)?;
    Some(text + "}")
}

fn code_name(signal: u32, code: i32) -> String {
    let names: Option<&Names> = match signal as i32 {
        libc::SIGCHLD => Some(&CHILD_CODE),
        libc::SIGSEGV => Some(&SEGMENT_CODE),
        libc::SIGBUS => Some(&BUS_CODE),
        libc::SIGILL => Some(&ILLEGAL_CODE),
        libc::SIGFPE => Some(&FLOATING_CODE),
        libc::SIGTRAP => Some(&TRAP_CODE),
        libc::SIGIO => Some(&POLL_CODE),
        libc::SIGSYS => Some(&SECCOMP_CODE),
        _ => None,
    };
    let number = u64::from(code as u32);
    let own = names
        .filter(|_| code > 0)
        .and_then(|names| names.name(number));
    match own.or_else(|| SIGNAL_CODE.name(number)) {
        Some(name) => name.to_owned(),
        None => format!("{number:#x}"),
    }
}

/// Where the signal comes from.
fn origin(bytes: Bytes<'_>, signal: u32, code: i32) -> Option<String> {
    const TIMER: i32 = -2;
    const QUEUE: i32 = -1;
    const KERNEL: i32 = 0x80;
    let sender = || {
        Some(format!(
            ", si_pid={}, si_uid={}",
            bytes.i32(16)?,
            bytes.u32(20)?
        ))
    };
    Some(match (signal as i32, code) {
        (_, KERNEL) => String::new(),
        (libc::SIGCHLD, 1..) => {
            let status = bytes.i32(24)?;
            let status = match code {
                libc::CLD_EXITED => status.to_string(),
                _ => signal_name(status as u32),
            };
            format!(
                "{}, si_status={status}, si_utime={}, si_stime={}",
                sender()?,
                ticks(bytes.i64(32)?),
                ticks(bytes.i64(40)?)
            )
        }
        (libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGTRAP, 1..) => {
            format!(", si_addr={}", address(bytes.u64(16)?))
        }
        (libc::SIGIO, 1..) => format!(", si_band={}, si_fd={}", bytes.i64(16)?, bytes.i32(24)?),
        (libc::SIGSYS, 1..) => {
            let (number, arch) = (bytes.i32(24)?, bytes.u32(28)?);
            format!(
                ", si_call_addr={}, si_syscall={}, si_arch={}",
                address(bytes.u64(16)?),
                call_name(arch, number),
                AUDIT_ARCH.choice(arch.into())
            )
        }
        (_, TIMER) => format!(
            ", si_timerid={:#x}, si_overrun={}, si_value={}",
            bytes.u32(16)?,
            bytes.i32(20)?,
            value(bytes, 24)?
        ),
        (_, QUEUE) => format!("{}, si_value={}", sender()?, value(bytes, 24)?),
        _ => sender()?,
    })
}

/// `__NR_getuid`, of the table of that architecture.
fn call_name(arch: u32, number: i32) -> String {
    const I386: u32 = 0x4000_0003;
    let abi = match arch {
        I386 => Abi::I386,
        _ if number & crate::X32_BIT != 0 => Abi::X32,
        _ => Abi::X86_64,
    };
    match crate::name(abi, number) {
        Some(name) => format!("__NR_{name}"),
        None => format!("{number:#x}"),
    }
}

fn value(bytes: Bytes<'_>, at: usize) -> Option<String> {
    Some(format!(
        "{{int={}, ptr={}}}",
        bytes.i32(at)?,
        address(bytes.u64(at)?)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_signals_name_what_is_in_or_what_is_not() {
        assert_eq!(set(0), "[]");
        assert_eq!(set(1 << 16 | 1 << 35), "[CHLD RT_4]");
        assert_eq!(set(!(0b11 << 31)), "~[RTMIN RT_1]");
        assert_eq!(set(u64::MAX), "~[]");
    }

    #[test]
    fn a_signal_says_who_sent_it() {
        let mut bytes = [0_u8; 128];
        bytes[0] = 10;
        bytes[16..20].copy_from_slice(&77_u32.to_le_bytes());
        let text = information(&bytes);
        let wanted = "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=77, si_uid=0}";
        assert_eq!(text.as_deref(), Some(wanted));
        bytes[0] = 17;
        bytes[8] = 1;
        bytes[24] = 3;
        let text = information(&bytes).expect("a text");
        assert!(text.contains("si_code=CLD_EXITED") && text.contains("si_status=3"));
        assert_eq!(information(&bytes[..10]), None);
    }
}
