//! A program: its source, its build, and the folder that it runs in.
//!
//! Key type: [`Program`]. Sources are in `fixtures/programs`; what was built from them is kept under cargo's directory for
//! tests. Neighbours: `tool.rs` builds, `run.rs` runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tool::{Tool, installed};
use crate::support::stderr;

pub(super) const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/programs");

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) tool: Tool,
    /// The source's name without its extension.
    name: String,
    arguments: Vec<String>,
}

impl Program {
    /// `line` is the name of a source and the program's arguments.
    pub(crate) fn new(tool: Tool, line: &str) -> Self {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().expect("a name");
        Self {
            tool,
            name,
            arguments: words.collect(),
        }
    }

    pub(crate) fn title(&self) -> String {
        format!(
            "{} {} ({:?})",
            self.name,
            self.arguments.join(" "),
            self.tool
        )
    }

    /// Puts the program and what it needs into a folder. The command line that runs it there, from the root of the folder.
    pub(super) fn install(&self, root: &Path) -> Result<Vec<String>, String> {
        let bin = root.join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        if !matches!(self.tool, Tool::Busybox | Tool::Bash) {
            let file_name = self.name.clone();
            copy(&self.build()?, &bin.join(&file_name));
            let line = [format!("/bin/{file_name}")]
                .into_iter()
                .chain(self.arguments.iter().cloned());
            return Ok(line.collect());
        }
        let busybox = installed("busybox").ok_or("busybox went away")?;
        copy(&busybox, &bin.join("busybox"));
        let applets = Command::new(&busybox)
            .arg("--list")
            .output()
            .expect("busybox runs")
            .stdout;
        for applet in String::from_utf8_lossy(&applets)
            .lines()
            .filter(|applet| *applet != "busybox")
        {
            symlink("busybox", bin.join(applet)).expect("a link");
        }
        if self.tool == Tool::Bash {
            let bash = installed("bash-static").ok_or("bash went away")?;
            copy(&bash, &bin.join("bash"));
        }
        let shell = if self.tool == Tool::Bash {
            "bin/bash"
        } else {
            "bin/sh"
        };
        fs::copy(self.source(), root.join("script")).expect("a copy of the script");
        let under_test = format!("SHELL_UNDER_TEST={shell}");
        let line = [
            "/bin/busybox",
            "env",
            "-i",
            "PATH=bin",
            "TZ=UTC0",
            &under_test,
            shell,
            "script",
        ];
        Ok(line.map(str::to_owned).to_vec())
    }

    pub(super) fn source(&self) -> PathBuf {
        let name = &self.name;
        Path::new(SOURCES).join(match self.tool {
            Tool::Glibc | Tool::Musl => format!("c/{name}.c"),
            Tool::Linux | Tool::Bits32 => format!("linux/{name}.c"),
            Tool::Rust => format!("rust/{name}.rs"),
            Tool::Busybox | Tool::Bash => format!("scripts/{name}.sh"),
        })
    }

    /// The program and its arguments, as they are run outside of any folder of its own.
    pub(crate) fn built(&self) -> Result<(PathBuf, &[String]), String> {
        Ok((self.build()?, &self.arguments))
    }

    /// Builds the program unless that has been done since its source was changed.
    fn build(&self) -> Result<PathBuf, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("programs")
            .join(format!("{:?}", self.tool));
        fs::create_dir_all(&folder).expect("a folder");
        let program = folder.join(&self.name);
        let changed = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        let shared = [
            Path::new(SOURCES).join("c/check.h"),
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/programs/tool.rs"),
        ];
        let newest = shared
            .iter()
            .chain([&self.source()])
            .filter_map(|path| changed(path))
            .max();
        if changed(&program).is_some_and(|built| Some(built) > newest) {
            return Ok(program);
        }
        // Other tests may build the same program at the same time.
        let fresh_folder = tempfile::tempdir_in(&folder).expect("a folder");
        let fresh = fresh_folder.path().join("program");
        let mut compiler = self.tool.compiler();
        compiler.current_dir(Path::new(SOURCES).join("c"));
        compiler.arg(self.source()).arg("-o").arg(&fresh);
        let output = compiler.output().expect("the compiler runs");
        if !output.status.success() {
            return Err(format!(
                "{}: does not build:\n{}",
                self.title(),
                stderr(&output)
            ));
        }
        fs::rename(&fresh, &program).expect("the program's final name");
        Ok(program)
    }
}

/// Copies a program. By a process of its own: a file that this one has open for writing would be open in children of other
/// tests as well for a moment, and could not be executed (ETXTBSY).
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{} is not copied",
        from.display()
    );
}
