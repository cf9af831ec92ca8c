//! Promises about greed: a guest that takes all it can get of something is refused in the end with the right errno, and everyone
//! else has enough.

mod support;

use support::hostile::{Contained, contain, contain_for, job};

const SIGKILL: u64 = 9;
const EAGAIN: i64 = -11;
const ENOMEM: i64 = -12;
const ENFILE: i64 = -23;
const EMFILE: i64 = -24;
const ENOSPC: i64 = -28;
const ENAMETOOLONG: i64 = -36;

/// What `bomb` or `hoard` said: how many it got, and the errno.
fn got(contained: &Contained) -> (u64, i64) {
    let lines = contained.lines();
    let line = lines.last().expect("a line");
    let words: Vec<&str> = line.split([' ', ',']).collect();
    let number = |index: usize| words.get(index).and_then(|word| word.parse::<i64>().ok());
    match (number(2), number(5)) {
        (Some(count), Some(error)) => (count as u64, error),
        _ => panic!("{lines:?}"),
    }
}

#[track_caller]
fn assert_refused(job: &str, errors: &[i64], at_least: u64) {
    let contained = contain(&[job]);
    let (count, error) = got(&contained);
    assert!(errors.contains(&error), "{job}: {}", contained.stdout);
    assert!(count >= at_least, "{job}: {}", contained.stdout);
}

#[test]
fn processes_run_out_for_the_one_who_wants_them_all() {
    assert_refused("bomb processes", &[EAGAIN], 20);
}

#[test]
fn threads_run_out_for_the_one_who_wants_them_all() {
    assert_refused("bomb threads", &[EAGAIN], 20);
}

#[test]
fn mappings_run_out_for_the_one_who_wants_them_all() {
    assert_refused("bomb maps", &[ENOMEM], 100);
}

/// Private memory is given when it is touched; then there is no call that could fail.
#[test]
fn memory_runs_out_for_the_one_who_wants_it_all() {
    assert_eq!(contain(&["bomb heap"]).killed("bomb"), [SIGKILL]);
    assert_eq!(contain(&["gorge 0x22"]).killed("gorge"), [SIGKILL]);
    // Shared between processes; a private view of a file; a shared one.
    for job in ["gorge 0x21", "gorge 2", "gorge 1"] {
        assert_refused(job, &[ENOMEM], 16);
    }
}

#[test]
fn random_bytes_come_in_portions_that_do_not_keep_the_cpu() {
    const MEMORY: &str = "0x200000000000,0xc800000";
    let contained = contain(&[&format!("calls 9,{MEMORY},3,0x32,-1 318,{MEMORY},0")]);
    let given = format!("318,{MEMORY},0: {}", 1 << 20);
    assert_eq!(contained.lines().last(), Some(&given.as_str()));
}

#[test]
fn no_file_can_grow_into_anothers_place() {
    // pwrite64, ftruncate, lseek and write, fallocate, mmap private and shared, mremap, pread64; a file has a terabyte at most.
    const EFBIG_EINVAL_ENOSPC_EOVERFLOW: [i64; 4] = [-27, -22, -28, -75];
    let refused = [
        "18,13,own+0,8,0xfffffffffc",
        "18,13,own+0,8,0x10000000000",
        "18,13,own+0,8,0x4000000000000000",
        "18,13,own+0,8,-8",
        "77,13,0x10000000001",
        "77,13,-1",
        "285,13,0,0,0x10000000001",
        "285,13,0,0x7fffffffffffffff,2",
        "9,0,4096,1,2,13,0x10000000000",
        "9,0,8192,1,2,13,0xfffffff000",
        "9,0,4096,3,1,13,0x10000000000",
        "9,0,4096,3,1,13,-4096",
    ];
    let in_order = "8,13,0x10000000000,0 1,13,own+0,8 9,0x200000000000,4096,3,0x11,13,0xfffffff000 \
                    25,0x200000000000,4096,8192,1 17,13,own+0,64,0xfffffffff0";
    let jobs = [job("calls", refused), format!("calls {in_order}")];
    let contained = contain(&jobs.each_ref().map(String::as_str));
    let results: Vec<(&str, i64)> = contained
        .lines()
        .into_iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(call, result)| (call, result.parse().expect("a number")))
        .collect();
    assert_eq!(results.len(), refused.len() + 5, "{}", contained.stdout);
    for (call, result) in results {
        let right = match call {
            "8,13,0x10000000000,0" => result == 1 << 40,
            "9,0x200000000000,4096,3,0x11,13,0xfffffff000" => result == 0x2000_0000_0000,
            "17,13,own+0,64,0xfffffffff0" => result == 0,
            _ => EFBIG_EINVAL_ENOSPC_EOVERFLOW.contains(&result),
        };
        assert!(right, "{call} gave {result}");
    }
}

#[test]
fn a_program_that_recurses_for_ever_comes_to_the_end_of_its_stack() {
    assert_eq!(contain(&["fault stack"]).killed("fault"), [11]);
}

#[test]
fn descriptors_run_out_for_the_one_who_wants_them_all() {
    for what in ["opens", "dups", "pipes", "sockets", "events"] {
        assert_refused(&format!("hoard {what}"), &[EMFILE, ENFILE], 20);
    }
}

#[test]
fn room_for_files_runs_out_for_the_one_who_wants_it_all() {
    assert_refused("hoard files", &[ENOSPC], 100);
    assert_refused("hoard links", &[ENOSPC], 100);
    assert_refused("hoard folders", &[ENOSPC, ENAMETOOLONG], 100);
    assert_refused("hoard bytes", &[ENOSPC], 16);
}

#[test]
fn a_bomb_of_forks_that_never_ends_leaves_the_others_their_share() {
    // 127 processes share the CPU with those that need 40 ms of it.
    contain_for(&["bomb forks"], "15s");
}

#[test]
fn a_program_that_never_calls_the_kernel_leaves_the_others_their_share() {
    contain_for(&["greedy", "greedy", "greedy"], "1s");
}
