//! The report on disk: `index.html` and each picture as SVG and PNG, each file by atomic rename.
//!
//! Key type: [`ReportPaths`]. Someone who looks at the directory sees the old file or the new one, never half of one.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use trapline_analyzer::summary::{PlotData, Summary};

use super::document;
use crate::error::ReportError;
use crate::plots::{Plot, Theme, Width};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPaths {
    /// The page.
    pub page: PathBuf,
    /// The pictures, SVG and PNG in turn.
    pub pictures: Vec<PathBuf>,
}

/// Writes the page and the pictures of the traces into `dir`, which is made where it is missing.
///
/// # Errors
/// [`ReportError::Write`] names what could not be written and where.
pub fn write_report(
    dir: &Path,
    traces: &[(Summary, PlotData)],
) -> Result<ReportPaths, ReportError> {
    fs::create_dir_all(dir).map_err(ReportError::write("create the directory", dir))?;
    let mut taken = HashSet::new();
    let mut pictures = Vec::new();
    for (summary, data) in traces {
        let name = free_name(&summary.name, &mut taken);
        for plot in Plot::of(summary) {
            let picture = plot.draw(summary, data, Width::Wide).with_margin();
            let path = dir.join(format!("{name}-{}", plot.file_word()));
            let (svg, png) = (path.with_added("svg"), path.with_added("png"));
            write_atomically(&svg, picture.svg(Theme::Light)?.as_bytes())?;
            write_atomically(&png, &picture.png(Theme::Light)?)?;
            pictures.extend([svg, png]);
        }
    }
    let page = dir.join("index.html");
    write_atomically(&page, document(traces)?.as_bytes())?;
    Ok(ReportPaths { page, pictures })
}

/// `path.ext`, where `path` may have dots of its own.
trait WithAdded {
    fn with_added(&self, extension: &str) -> PathBuf;
}

impl WithAdded for PathBuf {
    fn with_added(&self, extension: &str) -> PathBuf {
        let mut name = self.clone().into_os_string();
        name.push(".");
        name.push(extension);
        name.into()
    }
}

/// A file name for a trace that is safe everywhere and that no other trace of this report has.
fn free_name(name: &str, taken: &mut HashSet<String>) -> String {
    let name = name.trim_end_matches(".trap");
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '_'
        }
    };
    let mut plain: String = name.chars().map(safe).take(60).collect();
    if plain.starts_with('.') || plain.is_empty() {
        plain.insert_str(0, "trace");
    }
    let mut free = plain.clone();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        free = format!("{plain}-{number}");
        number += 1;
    }
    free
}

fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let failed = || ReportError::write("write", path);
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".report-")
        .permissions(readable())
        .tempfile_in(dir)
        .map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    persist(file, path)
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), ReportError> {
    file.persist(path)
        .map(|_| ())
        .map_err(|error| ReportError::write("write", path)(error.error))
}

/// Readable by all as the umask allows: a report is made to be shown, and temporary files are private by default.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_cannot_choose_where_its_pictures_go() {
        let mut taken = HashSet::new();
        assert_eq!(
            free_name("../../etc/passwd", &mut taken),
            "trace.._.._etc_passwd"
        );
        assert_eq!(free_name("a b<c>.trap", &mut taken), "a_b_c_");
        assert_eq!(free_name("", &mut taken), "trace");
    }

    #[test]
    fn traces_of_one_name_get_files_of_their_own() {
        let mut taken = HashSet::new();
        assert_eq!(free_name("run.trap", &mut taken), "run");
        assert_eq!(free_name("run.trap", &mut taken), "run-2");
        assert_eq!(free_name("run", &mut taken), "run-3");
    }
}
