//! Starting a program: finding it, and saying in one line why it cannot be run.
//!
//! Neighbour: `ptrace/program/start.rs` makes the new process.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::error::TracerError;
use crate::ptrace::program::start::{Program, Refused};

/// The program of a command line, with this process's environment.
pub(super) fn program<'a>(
    command: &[OsString],
    filter: &'a [libc::sock_filter],
) -> Result<Program<'a>, TracerError> {
    let name = command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let path = find(name)?;
    let text = |bytes: &OsStr| {
        CString::new(bytes.as_bytes())
            .map_err(|_| refuse(name, "an argument has a zero byte in it"))
    };
    let variable = |(name, value): (OsString, OsString)| {
        let mut whole = name.into_vec();
        whole.push(b'=');
        whole.extend(value.into_vec());
        CString::new(whole).ok()
    };
    Ok(Program {
        path: text(path.as_os_str())?,
        arguments: command
            .iter()
            .map(|word| text(word))
            .collect::<Result<_, _>>()?,
        environment: env::vars_os().filter_map(variable).collect(),
        filter,
    })
}

/// A name without a slash is looked for in PATH, as a shell does.
fn find(name: &OsStr) -> Result<PathBuf, TracerError> {
    if name.is_empty() {
        return Err(refuse(name, "no program is named"));
    }
    if name.as_bytes().contains(&b'/') {
        return Ok(PathBuf::from(name));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut forbidden = false;
    for folder in env::split_paths(&path) {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &folder
        };
        let file = folder.join(name);
        if !file.is_file() {
            continue;
        }
        if access(&file, AccessFlags::X_OK).is_ok() {
            return Ok(file);
        }
        forbidden = true;
    }
    Err(refuse(
        name,
        if forbidden {
            "it may not be executed (chmod +x)"
        } else {
            "there is no such program in PATH; write ./NAME for one of the current directory (`trapline guests` lists the \
             mini-kernel's)"
        },
    ))
}

/// Why the host did not execute it.
pub(super) fn refused(command: &[OsString], refused: Option<Refused>) -> TracerError {
    let name = command.first().map_or(OsStr::new(""), OsString::as_os_str);
    match refused {
        None => refuse(name, "its process was killed before it began"),
        Some(Refused::Filter(errno)) => refuse(
            name,
            &format!("this host refuses a filter of system calls ({errno}); record without -e"),
        ),
        Some(Refused::Execution(errno)) => refuse(name, &execution(Path::new(name), errno)),
    }
}

fn execution(path: &Path, errno: Errno) -> String {
    match errno {
        Errno::ENOENT if path.exists() => {
            "its interpreter is missing (the loader of an ELF file, or what a script names after #!)"
                .to_owned()
        }
        Errno::ENOENT => "there is no such file".to_owned(),
        Errno::EACCES if path.is_dir() => "it is a directory".to_owned(),
        Errno::EACCES => "it may not be executed (chmod +x; or its file system is mounted noexec)".to_owned(),
        Errno::ENOEXEC => {
            "it is no program: neither an ELF file for this CPU nor a script that begins with #!".to_owned()
        }
        Errno::E2BIG => "its arguments and environment are too long".to_owned(),
        other => other.to_string(),
    }
}

fn refuse(name: &OsStr, why: &str) -> TracerError {
    TracerError::Program {
        name: name.to_string_lossy().into_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(name: &str) -> String {
        find(OsStr::new(name)).unwrap_err().to_string()
    }

    #[test]
    fn a_name_is_looked_for_in_path_and_a_path_is_taken_as_it_is() {
        assert!(find(OsStr::new("sh")).unwrap().ends_with("sh"));
        assert_eq!(
            find(OsStr::new("./nowhere")).unwrap(),
            Path::new("./nowhere")
        );
        assert!(why("no-such-program").contains("no such program in PATH"));
        assert!(why("").contains("no program is named"));
    }

    #[test]
    fn what_the_host_refuses_is_said_in_words() {
        let said = |path: &str, errno| execution(Path::new(path), errno);
        assert!(said("/", Errno::EACCES).contains("directory"));
        assert!(said("/nowhere", Errno::ENOENT).contains("no such file"));
        assert!(said("/dev/null", Errno::ENOENT).contains("interpreter"));
        assert!(said("/dev/null", Errno::ENOEXEC).contains("no program"));
    }
}
