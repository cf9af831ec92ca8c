//! Where a command's result goes: standard output, or a file that appears under its name only when it is whole.
//!
//! Key type: [`Output`].

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A result being written.
pub(crate) struct Output {
    sink: Sink,
    /// Whether the reader went away; libraries wrap that error so that it cannot be told from others.
    broken: bool,
}

enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    /// Opens the file, or standard output when there is none.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let sink = match path {
            None => Sink::Stdout(BufWriter::new(io::stdout().lock())),
            Some(path) => {
                let folder = match path.parent() {
                    Some(folder) if !folder.as_os_str().is_empty() => folder,
                    _ => Path::new("."),
                };
                let file = tempfile::Builder::new()
                    .prefix(".unfinished-")
                    // What the umask leaves, as for any other file.
                    .permissions(std::fs::Permissions::from_mode(0o666))
                    .tempfile_in(folder)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Sink::File(BufWriter::new(file), path.to_owned())
            }
        };
        Ok(Self {
            sink,
            broken: false,
        })
    }

    /// Whether people would see what is written.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.sink, Sink::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        let Sink::File(file, path) = self.sink else {
            return Ok(());
        };
        let cannot = || format!("cannot write {}", path.display());
        let file = file.into_inner().map_err(|error| error.into_error());
        let file = file.with_context(cannot)?;
        file.persist(&path)
            .map_err(|error| error.error)
            .with_context(cannot)?;
        Ok(())
    }

    /// Whether writing failed because nobody reads any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.broken |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match &mut self.sink {
            Sink::Stdout(out) => out.write(bytes),
            Sink::File(out, _) => out.write(bytes),
        };
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = match &mut self.sink {
            Sink::Stdout(out) => out.flush(),
            Sink::File(out, _) => out.flush(),
        };
        self.note(result)
    }
}
