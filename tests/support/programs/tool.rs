//! Who builds or runs a program: compilers and shells of the host.
//!
//! Key type: [`Tool`]. Neighbour: `program.rs` uses them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who makes a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The C compiler with the GNU C library.
    Glibc,
    /// The C compiler with musl.
    Musl,
    /// The C compiler with the GNU C library; programs that need Linux itself.
    Linux,
    /// The C compiler alone: 32-bit programs without a C library.
    Bits32,
    /// The Rust compiler, standard library linked statically.
    Rust,
    /// busybox's shell runs a script.
    Busybox,
    /// bash runs a script, busybox has the commands.
    Bash,
}

impl Tool {
    /// What to install when it is missing.
    pub(super) fn wants(self) -> &'static str {
        match self {
            Self::Glibc | Self::Linux => {
                "cc with static libraries is not installed (Debian: gcc, libc6-dev)"
            }
            Self::Bits32 => "cc does not make 32-bit programs (Debian: gcc)",
            Self::Musl => "musl-gcc is not installed (Debian: musl-tools)",
            Self::Rust => "rustc is not installed",
            Self::Busybox => "a static busybox is not installed (Debian: busybox-static)",
            Self::Bash => {
                "a static bash or busybox is not installed (Debian: bash-static, busybox-static)"
            }
        }
    }

    /// The compiler with its options, but the files.
    pub(super) fn compiler(self) -> Command {
        let (name, options): (_, &[&str]) = match self {
            Self::Glibc | Self::Linux => ("cc", &["-static", "-pthread", "-O2", "-w"]),
            Self::Bits32 => (
                "cc",
                &[
                    "-m32",
                    "-static",
                    "-nostdlib",
                    "-ffreestanding",
                    "-fno-stack-protector",
                    "-fno-pie",
                    "-no-pie",
                    "-O1",
                    "-w",
                ],
            ),
            Self::Musl => ("musl-gcc", &["-static", "-O2", "-w"]),
            _ => (
                "rustc",
                &[
                    "--edition=2024",
                    "-Ctarget-feature=+crt-static",
                    "-Copt-level=2",
                    "-Cstrip=symbols",
                ],
            ),
        };
        let mut command = Command::new(name);
        command.args(options);
        command
    }

    /// Whether programs can be built with it here.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Busybox => installed("busybox").is_some(),
            Self::Bash => installed("bash-static").is_some() && installed("busybox").is_some(),
            Self::Rust => self.compiler().arg("--version").output().is_ok(),
            Self::Glibc | Self::Musl | Self::Linux | Self::Bits32 => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let source = folder.path().join("nothing.c");
                fs::write(&source, "int main(void) {}\n").expect("a source");
                let output = self
                    .compiler()
                    .arg(&source)
                    .arg("-o")
                    .arg(folder.path().join("nothing"))
                    .output();
                output.is_ok_and(|output| output.status.success())
            }
        }
    }
}

/// A static program of the host with this name.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .chain(["/bin".into(), "/usr/bin".into()])
        .map(|folder| folder.join(name))
        .find(|path| is_static(path))
}

/// Whether a file is a 64-bit ELF program without an interpreter (PT_INTERP, elf(5)).
fn is_static(path: &Path) -> bool {
    let mut start = vec![0; 4096];
    let length = File::open(path)
        .and_then(|mut file| file.read(&mut start))
        .unwrap_or(0);
    let word = |offset: usize, size: usize| -> u64 {
        let bytes = start[..length].get(offset..offset + size).unwrap_or(&[]);
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let (table, size, count) = (word(32, 8), word(54, 2), word(56, 2));
    let kinds = (0..count)
        .map(|index| usize::try_from(table + index * size).map_or(0, |offset| word(offset, 4)));
    start.starts_with(b"\x7fELF\x02") && kinds.into_iter().all(|kind| kind != 3)
}
