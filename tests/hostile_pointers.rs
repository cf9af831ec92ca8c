//! Promises about pointers and ranges: whatever address a guest gives to a system call, the kernel refuses it or does what was asked,
//! and is never hurt.

mod support;

use support::hostile::{Contained, contain, job};

/// System calls and their arguments, as the guest `pointers` reads them: iN and oN are pointers to N bytes that the kernel reads
/// and writes, s a path, v a vector of one buffer; ? null is allowed, ~ part of the work may be done.
const CALLS: [(&str, &str); 117] = [
    ("read", "0,10,o64~,64"),
    ("write", "1,11,i64~,64"),
    ("open", "2,s,0,0"),
    ("stat", "4,s,o144"),
    ("fstat", "5,12,o144"),
    ("lstat", "6,s,o144"),
    ("poll", "7,o16,2,0"),
    ("rt_sigaction", "13,10,i32?,o32?,8"),
    ("rt_sigprocmask", "14,0,i8?,o8?,8"),
    ("ioctl", "16,10,0x541b,o4"),
    ("pread64", "17,13,o64~,64,0"),
    ("pwrite64", "18,13,i64~,64,0"),
    ("readv", "19,13,i16,1"),
    ("readv", "19,10,v~,1"),
    ("writev", "20,11,i16,1"),
    ("writev", "20,11,v~,1"),
    ("access", "21,s,0"),
    ("pipe", "22,o8"),
    ("select", "23,1,o8?,o8?,o8?,i16?"),
    ("nanosleep", "35,i16,0"),
    ("getitimer", "36,0,o32"),
    ("setitimer", "38,0,i32?,0"),
    ("setitimer", "38,0,0,o32?"),
    ("sendfile", "40,13,13,i8?,16"),
    ("sendto", "44,15,i64~,64,0,0,0"),
    ("recvfrom", "45,15,o64~,64,0x40,0,0"),
    ("sendmsg", "46,15,i56,0"),
    ("recvmsg", "47,15,i56,0x40"),
    ("socketpair", "53,1,1,0,o8"),
    ("getsockopt", "55,15,1,3,0,o4"),
    ("execve", "59,s,0,0"),
    ("uname", "63,o390"),
    ("fcntl", "72,13,5,o32"),
    ("fcntl", "72,13,6,i32"),
    ("truncate", "76,s,0"),
    ("getdents", "78,12,o512,512"),
    ("getcwd", "79,o64,64"),
    ("chdir", "80,s"),
    ("rename", "82,s,s"),
    ("mkdir", "83,s,0"),
    ("rmdir", "84,s"),
    ("creat", "85,s,0"),
    ("link", "86,s,s"),
    ("unlink", "87,s"),
    ("symlink", "88,s,s"),
    ("readlink", "89,s,0,64"),
    ("chmod", "90,s,493"),
    ("chown", "92,s,0,0"),
    ("lchown", "94,s,0,0"),
    ("gettimeofday", "96,o16?,o8?"),
    ("getrlimit", "97,7,o16"),
    ("getrusage", "98,0,o144"),
    ("sysinfo", "99,o112"),
    ("times", "100,o32?"),
    ("getresuid", "118,o4,o4,o4"),
    ("getresgid", "120,o4,o4,o4"),
    ("rt_sigpending", "127,o8,8"),
    ("rt_sigtimedwait", "128,i8,0,i16?,8"),
    ("rt_sigqueueinfo", "129,1,10,i128"),
    ("rt_sigsuspend", "130,i8,8"),
    ("sigaltstack", "131,i24?,0"),
    ("sigaltstack", "131,0,o24?"),
    ("utime", "132,s,i16?"),
    ("mknod", "133,s,0x8180,0"),
    ("statfs", "137,s,o120"),
    ("fstatfs", "138,12,o120"),
    ("sched_getparam", "143,0,o4?"),
    ("prctl", "157,15,s"),
    ("prctl", "157,16,o16"),
    ("arch_prctl", "158,0x1003,o8"),
    ("setrlimit", "160,7,i16"),
    ("time", "201,o8?"),
    ("futex", "202,i4,0,1,i16?"),
    ("sched_setaffinity", "203,0,1,i1"),
    ("sched_getaffinity", "204,0,128,o128"),
    ("getdents64", "217,12,o512,512"),
    ("clock_gettime", "228,1,o16"),
    ("clock_getres", "229,1,o16?"),
    ("clock_nanosleep", "230,1,0,i16,0"),
    ("epoll_wait", "232,17,o12,1,0"),
    ("epoll_ctl", "233,17,1,10,i12"),
    ("utimes", "235,s,i32?"),
    ("openat", "257,-100,s,0,0"),
    ("mkdirat", "258,-100,s,0"),
    ("mknodat", "259,-100,s,0x8180,0"),
    ("fchownat", "260,-100,s,0,0,0"),
    ("futimesat", "261,-100,s,i32?"),
    ("newfstatat", "262,-100,s,o144,0"),
    ("unlinkat", "263,-100,s,0"),
    ("renameat", "264,-100,s,-100,s"),
    ("linkat", "265,-100,s,-100,s,0"),
    ("symlinkat", "266,s,-100,s"),
    ("readlinkat", "267,-100,s,0,64"),
    ("fchmodat", "268,-100,s,493"),
    ("faccessat", "269,-100,s,0"),
    ("pselect6", "270,1,o8?,o8?,o8?,i16?,0"),
    ("ppoll", "271,o16,2,i16?,i8?,8"),
    ("get_robust_list", "274,0,o8,o8"),
    ("utimensat", "280,-100,s,i32?,0"),
    ("epoll_pwait", "281,17,o12,1,0,i8?,8"),
    ("pipe2", "293,o8,0"),
    ("preadv", "295,13,i16,1,0,0"),
    ("preadv", "295,13,v~,1,0,0"),
    ("pwritev", "296,13,v~,1,0,0"),
    ("prlimit64", "302,0,7,0,o16?"),
    ("prlimit64", "302,0,7,i16?,0"),
    ("getcpu", "309,o4?,o4?"),
    ("renameat2", "316,-100,s,-100,s,0"),
    ("getrandom", "318,o16~,16,0"),
    ("memfd_create", "319,s,0"),
    ("execveat", "322,-100,s,0,0,0"),
    ("copy_file_range", "326,13,i8?,13,i8?,16,0"),
    ("statx", "332,-100,s,0,0x7ff,o256"),
    ("clone3", "435,i88,88"),
    ("faccessat2", "439,-100,s,0,0"),
    ("epoll_pwait2", "441,17,o12,1,i16?,i8?,8"),
    ("fchmodat2", "452,-100,s,493,0"),
];

#[test]
fn every_pointer_argument_of_every_call_is_refused_when_it_is_bad() {
    let contained = contain(&[&job("pointers", CALLS.iter().map(|(_, call)| *call))]);
    let (summary, wrong) = {
        let mut lines = contained.lines();
        (lines.pop().unwrap_or_default(), lines)
    };
    let wrong: Vec<_> = wrong
        .into_iter()
        .filter(|line| !is_refused_otherwise(line))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let tries = summary
        .strip_prefix("pointers: ")
        .and_then(|rest| rest.split(' ').next());
    let tries: usize = tries
        .and_then(|tries| tries.parse().ok())
        .expect("a summary");
    assert!(tries > 15 * CALLS.len(), "{summary}");
}

/// A word that a futex waits on must be aligned; Linux looks at that first.
fn is_refused_otherwise(line: &str) -> bool {
    ["half unmapped", "last"]
        .iter()
        .any(|way| *line == format!("call 202,i4,0,1,i16?: argument 1 {way} gave -22"))
}

/// Ranges that are not a program's to have, or only touch such.
const RANGES: [(&str, &str, &str); 13] = [
    ("the entry page", "0x6ffffff00000", "4096"),
    ("the entry stack", "0x6ffffff10000", "4096"),
    (
        "between the program's memory and the kernel",
        "0x6fff80000000",
        "4096",
    ),
    ("the kernel", "0x700000000000", "4096"),
    ("the whole kernel", "0x700000000000", "0x800000"),
    ("the kernel's last page", "0x7000007ff000", "4096"),
    ("the boot parameters", "0x710000000000", "4096"),
    (
        "the last page that a program may have and one more",
        "0x6ffefffff000",
        "8192",
    ),
    ("a terabyte from there", "0x6ffefffff000", "0x10000000000"),
    (
        "all addresses but the first",
        "0x10000",
        "0xfffffffffffef000",
    ),
    ("the end of all addresses", "0xfffffffffffff000", "4096"),
    ("the host's stack", "0x7fffffffe000", "4096"),
    ("no address", "0x800000000000", "4096"),
];

#[test]
fn no_range_that_touches_the_kernel_can_be_mapped_moved_or_changed() {
    let calls: Vec<String> = RANGES
        .iter()
        .flat_map(|(_, start, length)| over(start, length))
        .collect();
    let contained = contain(&[&job("calls", calls.iter().map(String::as_str))]);
    assert_eq!(contained.lines().len(), calls.len(), "{}", contained.stdout);
    let wrong: Vec<_> = results(&contained)
        .filter(|(_, result)| !(-4095..0).contains(result))
        .collect();
    assert!(wrong.is_empty(), "not refused: {wrong:#?}");
}

/// Every call that changes memory, over a range.
fn over(start: &str, length: &str) -> Vec<String> {
    vec![
        format!("9,{start},{length},7,0x32,-1"),
        format!("9,{start},{length},7,0x100022,-1"),
        format!("11,{start},{length}"),
        format!("10,{start},{length},7"),
        format!("28,{start},{length},4"),
        format!("25,{start},{length},8192,1"),
        format!("25,own+0,4096,{length},3,{start}"),
    ]
}

#[test]
fn neither_the_heap_nor_a_wish_gets_near_the_kernel() {
    const USER_TOP: i64 = 0x6fff_0000_0000;
    let calls: Vec<String> = RANGES
        .iter()
        .flat_map(|(_, start, _)| [format!("12,{start}"), format!("9,{start},4096,7,0x22,-1")])
        .collect();
    let contained = contain(&[&job("calls", calls.iter().map(String::as_str))]);
    for (call, result) in results(&contained) {
        let is_in_user_memory = (0x1_0000..=USER_TOP - 4096).contains(&result);
        assert!(is_in_user_memory, "{call} gave {result:#x}");
    }
}

#[test]
fn an_address_that_the_kernel_keeps_for_later_is_not_trusted_later() {
    let ways = [
        // Where to store a zero when the thread ends.
        "218,0x700000000000",
        "218,0x6ffffff10000",
        "218,-1",
        // Futexes that the thread holds: in the kernel, nowhere, at null, in a list that never ends.
        "273,0x700000000000,24",
        "273,-8,24",
        "273,own+0,24",
        "158,0x1002,own+64 158,0x1003,own+0 158,0x1003,own+64 273,own+0,24",
    ];
    let jobs = ways.map(|calls| format!("calls {calls}"));
    let contained = contain(&jobs.each_ref().map(String::as_str));
    let wrong: Vec<_> = results(&contained)
        .filter(|(call, result)| *result < 0 && !call.contains("-8"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(contained.killed("calls"), [0; 0], "each ended by itself");
}

#[test]
fn memory_that_goes_while_a_call_waits_is_noticed() {
    // Read-only, no rights, unmapped; read, poll and wait4 each.
    let contained = contain(&["rug 1 0 8"]);
    let expected = ["1", "0", "8"]
        .iter()
        .flat_map(|rights| [(*rights, "exit 14"); 3]);
    contained.assert_ended(expected);
}

#[test]
fn random_system_calls_hurt_nobody_else() {
    let contained = contain(&["babble 1 300", "babble 2 300"]);
    let finished = contained
        .lines()
        .iter()
        .filter(|line| **line == "babble: done")
        .count();
    assert_eq!(finished, 2, "{}", contained.stdout);
}

/// What the guest `calls` said: the call, and its result.
fn results(contained: &Contained) -> impl Iterator<Item = (&str, i64)> {
    contained.lines().into_iter().map(|line| {
        let (call, result) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("no result: {line}"));
        (
            call,
            result
                .parse()
                .unwrap_or_else(|_| panic!("no number: {line}")),
        )
    })
}
