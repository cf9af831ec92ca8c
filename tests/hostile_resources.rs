//! Promises about greed: a guest that takes all it can get of something is refused in the end with the right errno, and everyone
//! else has enough.

mod support;

use support::hostile::{Contained, contain, contain_for};

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

/// Memory is given when it is touched; then there is no call that could fail.
#[test]
fn memory_runs_out_for_the_one_who_wants_it_all() {
    for job in ["bomb memory", "bomb heap"] {
        assert_eq!(contain(&[job]).killed("bomb"), [SIGKILL], "{job}");
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
