//! Promises to ordinary users about programs on Linux: everything works for them, and a set-user-ID program is what the host's
//! kernel makes of it under a tracer.

#[path = "support/linux/mod.rs"]
mod linux;
#[path = "support/programs/mod.rs"]
mod programs;
mod support;

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use trapline_trace_format::event::{Abi, Role};

use linux::{GETPPID, Traced, User, as_bare_for, program, run};
use support::{Scratch, not_here};

/// Those of the hard programs that are hardest without rights.
const PROGRAMS: [&str; 8] = [
    "thread_exec",
    "vfork_spawn",
    "group_stop",
    "killed_anywhere",
    "int80",
    "own_filter",
    "thousand_threads",
    "dies 15",
];

#[test]
fn an_ordinary_user_traces_hard_programs() {
    for line in PROGRAMS.into_iter().filter(|_| User::Nobody.is_there()) {
        for options in [&[][..], &["-e", "getppid"]] {
            if as_bare_for(User::Nobody, line, options).is_none() {
                return;
            }
        }
    }
}

/// A copy of the program that belongs to a user and runs as that user.
fn install(scratch: &Scratch, program: &OsString, owner: u32) -> PathBuf {
    let path = scratch.path("installed");
    fs::copy(program, &path).expect("a copy");
    std::os::unix::fs::chown(&path, Some(owner), None).expect("given away");
    fs::set_permissions(&path, Permissions::from_mode(0o4755)).expect("permissions");
    fs::set_permissions(scratch.path(""), Permissions::from_mode(0o755)).expect("permissions");
    path
}

/// Records the program that executes the set-user-ID program. None where files cannot be given away.
fn record_set_user_id(user: User, owner: u32, options: &[&str]) -> Option<(linux::Run, Traced)> {
    if !fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        not_here("only root can give a program away");
        return None;
    }
    let mut line = program("set_user_id")?;
    let scratch = Scratch::new();
    let installed = install(&scratch, &line[0], owner);
    line.push(installed.into_os_string());
    let bare = run(user, &line);
    if !bare.stdout.ends_with(&format!("effective {owner}\n")) {
        not_here("the temporary folder is mounted nosuid");
        return None;
    }
    let traced = Traced::record(user, &line, options);
    traced.assert_whole();
    assert_eq!(traced.executed().len(), 2);
    assert_eq!(traced.count(Abi::X86_64, GETPPID), 1);
    assert_eq!(traced.created(Role::Process), 1);
    Some((bare, traced))
}

#[test]
fn a_set_user_id_program_runs_as_its_owner_for_a_recorder_with_rights() {
    for options in [&[][..], &["-e", "getppid"]] {
        let Some((bare, traced)) = record_set_user_id(User::Same, 65534, options) else {
            return;
        };
        assert_eq!(bare.stdout, "real 0, effective 65534\n");
        assert_eq!((traced.run.status, traced.run.stdout), (5, bare.stdout));
    }
}

/// The kernel ignores the bit when the tracer could not trace the owner's programs (execve(2)), as under strace.
#[test]
fn a_set_user_id_program_runs_without_the_owners_rights_for_a_recorder_without() {
    for options in [&[][..], &["-e", "getppid"]] {
        let Some((bare, traced)) = record_set_user_id(User::Nobody, 0, options) else {
            return;
        };
        assert_eq!(bare.stdout, "real 65534, effective 0\n");
        let expected = (5, "real 65534, effective 65534\n");
        assert_eq!((traced.run.status, traced.run.stdout.as_str()), expected);
    }
}
