//! Names of the system calls of the Linux x86-64 ABI.

/// The name of system call `number`, or `#NUMBER` if there is none.
#[must_use]
pub fn syscall_name(number: i32) -> String {
    let known = usize::try_from(number)
        .ok()
        .and_then(syscalls::x86_64::Sysno::new);
    known.map_or_else(|| format!("#{number}"), |call| call.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_linux_and_numbers_without_one_are_shown() {
        assert_eq!(syscall_name(0), "read");
        assert_eq!(syscall_name(24), "sched_yield");
        assert_eq!(syscall_name(231), "exit_group");
        assert_eq!(syscall_name(100_000), "#100000");
        assert_eq!(syscall_name(-1), "#-1");
    }
}
