//! Names and numbers of the calls in the three tables of an x86-64 kernel.
//!
//! The crate `syscalls` has x86-64 and i386. x32 is x86-64's table with bit 30 set; calls whose structures differ have
//! numbers of
//! their own there, 512 to 547 (arch/x86/entry/syscalls/syscall_64.tbl).

use trapline_trace_format::event::Abi;

/// Set in every number of the x32 table.
pub const X32_BIT: i32 = 0x4000_0000;

/// x32's own numbers, from 512 on.
const X32_OWN: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];
const X32_OWN_FIRST: i32 = 512;

/// The name of a call, as the kernel's table has it.
#[must_use]
pub fn name(abi: Abi, number: i32) -> Option<&'static str> {
    match abi {
        Abi::X86_64 => usize::try_from(number)
            .ok()
            .and_then(syscalls::x86_64::Sysno::new)
            .map(|call| call.name()),
        Abi::I386 => usize::try_from(number)
            .ok()
            .and_then(syscalls::x86::Sysno::new)
            // `break` is a word of Rust's, and the crate says it so.
            .map(|call| call.name().trim_start_matches("r#")),
        Abi::X32 => x32_name(number),
    }
}

/// All numbers of a table that have a name, smallest first.
pub fn numbers(abi: Abi) -> impl Iterator<Item = i32> {
    let (first, last) = match abi {
        Abi::X86_64 | Abi::I386 => (0, 1023),
        Abi::X32 => (X32_BIT, X32_BIT | 1023),
    };
    (first..=last).filter(move |&number| name(abi, number).is_some())
}

fn x32_name(number: i32) -> Option<&'static str> {
    if number & X32_BIT == 0 {
        return None;
    }
    let number = number & !X32_BIT;
    if let Ok(own) = usize::try_from(number - X32_OWN_FIRST) {
        return X32_OWN.get(own).copied();
    }
    let name = name(Abi::X86_64, number)?;
    (!X32_OWN.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_names_its_own_numbers() {
        assert_eq!(name(Abi::X86_64, 0), Some("read"));
        assert_eq!(name(Abi::I386, 3), Some("read"));
        assert_eq!(name(Abi::X32, X32_BIT), Some("read"));
        assert_eq!(name(Abi::X86_64, 59), Some("execve"));
        assert_eq!(name(Abi::X32, X32_BIT | 520), Some("execve"));
        assert_eq!(name(Abi::X32, X32_BIT | 547), Some("pwritev2"));
    }

    #[test]
    fn a_number_of_no_call_has_no_name() {
        for (abi, number) in [
            (Abi::X86_64, -1),
            (Abi::X86_64, 100_000),
            (Abi::I386, i32::MIN),
            (Abi::X32, 0),
            (Abi::X32, X32_BIT | 59),
            (Abi::X32, X32_BIT | 548),
        ] {
            assert_eq!(name(abi, number), None, "{abi:?} {number}");
        }
    }

    #[test]
    fn every_x32_call_is_one_of_x86_64() {
        let all: Vec<_> = numbers(Abi::X86_64)
            .filter_map(|number| name(Abi::X86_64, number))
            .collect();
        for own in X32_OWN {
            assert!(all.contains(&own), "{own}");
        }
    }
}
