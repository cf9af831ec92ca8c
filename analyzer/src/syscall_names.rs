//! How a system call is called in tables and reports.

use trapline_trace_format::event::Abi;

/// The name of system call `number` in the table `abi`, with the table behind an `@` when it is not x86-64's (`read@i386`);
/// `#NUMBER` if there is none.
#[must_use]
pub fn syscall_name(abi: Abi, number: i32) -> String {
    let name = trapline_calls::name(abi, number)
        .map_or_else(|| format!("#{number}"), |name| name.to_owned());
    match abi {
        Abi::X86_64 => name,
        Abi::I386 | Abi::X32 => format!("{name}@{}", abi.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_linux_and_numbers_without_one_are_shown() {
        let name = |number| syscall_name(Abi::X86_64, number);
        assert_eq!(name(0), "read");
        assert_eq!(name(24), "sched_yield");
        assert_eq!(name(231), "exit_group");
        assert_eq!(name(100_000), "#100000");
        assert_eq!(name(-1), "#-1");
    }

    #[test]
    fn calls_of_another_table_say_so() {
        assert_eq!(syscall_name(Abi::I386, 3), "read@i386");
        assert_eq!(syscall_name(Abi::X32, 0x4000_0000), "read@x32");
    }
}
