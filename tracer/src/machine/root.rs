//! A directory of the host as the machine's first files (`--root`). Nothing outside it is ever read: symbolic links are
//! packed as the text that they are.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use trapline_abi::layout::INITRAMFS_MAX;
use walkdir::{DirEntry, WalkDir};

use super::tree::{Content, Entry, Tree};
use crate::error::TracerError;

/// Directories that the kernel makes and fills itself; what the host has there is not taken.
const OF_THE_KERNEL: [&str; 2] = ["dev", "proc"];
/// A directory that the kernel makes; what is in it is taken.
const MADE_BY_THE_KERNEL: &str = "tmp";
/// The name that ends an archive (cpio(5)).
const END_OF_ARCHIVE: &str = "TRAILER!!!";

/// Files that were left out.
#[derive(Debug, Default)]
struct LeftOut {
    number: usize,
    first: String,
}

/// Everything in the directory `root`. Also says, a line each, what could not be taken.
///
/// # Errors
/// One line for the first file that cannot be read, or when all is too much.
pub(super) fn read(root: &Path) -> Result<(Tree, Vec<String>), TracerError> {
    let no_root = |why: &dyn std::fmt::Display| {
        TracerError::Options(format!(
            "{} cannot be the root directory: {why}; name a directory that can be read",
            root.display()
        ))
    };
    let metadata = std::fs::metadata(root).map_err(|error| no_root(&error))?;
    if !metadata.is_dir() {
        return Err(no_root(&"it is not a directory"));
    }
    let mut tree = Tree::default();
    let (mut special, mut nameless) = (LeftOut::default(), LeftOut::default());
    let walk = WalkDir::new(root)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_taken);
    for entry in walk {
        let entry = entry.map_err(|error| unreadable(root, error))?;
        let Some(path) = name_in_archive(root, entry.path()) else {
            nameless.add(entry.path());
            continue;
        };
        if path == MADE_BY_THE_KERNEL {
            continue;
        }
        match packed(&entry, tree.room()).map_err(|error| cannot_read(entry.path(), &error))? {
            Some(packed) => tree.add(path, packed).map_err(|_| too_large(root))?,
            None => special.add(entry.path()),
        }
    }
    let notes = [
        special.note("devices, sockets and pipes cannot be packed"),
        nameless.note("its name is not UTF-8 text that an archive can hold"),
    ];
    Ok((tree, notes.into_iter().flatten().collect()))
}

fn is_taken(entry: &DirEntry) -> bool {
    let mut of_the_kernel = OF_THE_KERNEL.iter();
    entry.depth() != 1 || !of_the_kernel.any(|name| entry.file_name() == *name)
}

fn name_in_archive<'a>(root: &Path, path: &'a Path) -> Option<&'a str> {
    let path = path.strip_prefix(root).ok()?.to_str()?;
    (path != END_OF_ARCHIVE).then_some(path)
}

/// The file as it is packed; `None` for what cannot be.
fn packed(entry: &DirEntry, room: u64) -> io::Result<Option<Entry>> {
    let metadata = entry.metadata()?;
    let content = if metadata.is_dir() {
        Content::Directory
    } else if metadata.is_symlink() {
        let target = std::fs::read_link(entry.path())?;
        Content::Link(target.as_os_str().as_bytes().to_vec())
    } else if metadata.is_file() {
        Content::File(file_bytes(entry.path(), room)?)
    } else {
        return Ok(None);
    };
    Ok(Some(Entry {
        mode: metadata.mode() & 0o7777,
        modified: u32::try_from(metadata.mtime().max(0)).unwrap_or(u32::MAX),
        content,
    }))
}

/// At most `room` bytes and one of the file, which must be neither a link nor a pipe: it may have been swapped since it was
/// looked at.
fn file_bytes(path: &Path, room: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file: File = options.open(path)?;
    let mut bytes = Vec::new();
    file.take(room + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl LeftOut {
    fn add(&mut self, path: &Path) {
        if self.number == 0 {
            self.first = path.display().to_string();
        }
        self.number += 1;
    }

    fn note(&self, why: &str) -> Option<String> {
        match self.number {
            0 => None,
            1 => Some(format!("{} is left out: {why}", self.first)),
            number => Some(format!(
                "{} and {} more are left out: {why}",
                self.first,
                number - 1
            )),
        }
    }
}

fn unreadable(root: &Path, error: walkdir::Error) -> TracerError {
    let path = error.path().unwrap_or(root).to_owned();
    cannot_read(
        &path,
        &error
            .into_io_error()
            .unwrap_or_else(|| io::ErrorKind::Other.into()),
    )
}

fn cannot_read(path: &Path, error: &io::Error) -> TracerError {
    TracerError::Options(format!(
        "cannot read {}: {error}; make it readable, or take it out of the root directory",
        path.display()
    ))
}

fn too_large(root: &Path) -> TracerError {
    TracerError::Options(format!(
        "{} holds more than the {} MiB that a machine can be given; name a smaller root directory",
        root.display(),
        INITRAMFS_MAX >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_directory_is_taken_as_it_is_and_links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("bin")).expect("made");
        fs::create_dir_all(root.join("dev/pts")).expect("made");
        fs::create_dir_all(root.join("tmp")).expect("made");
        fs::write(folder.path().join("secret"), "host").expect("written");
        fs::write(root.join("bin/tool"), "tool").expect("written");
        fs::write(root.join("tmp/kept"), "kept").expect("written");
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o710)).expect("set");
        fs::hard_link(root.join("bin/tool"), root.join("bin/same")).expect("linked");
        symlink("../../secret", root.join("bin/out")).expect("linked");
        symlink("/", root.join("bin/host")).expect("linked");
        let _socket = UnixListener::bind(root.join("bin/socket")).expect("bound");

        let (tree, notes) = read(&root).expect("readable");
        let tool = tree.get("bin/tool").expect("there");
        assert_eq!(
            (tool.mode, &tool.content),
            (0o710, &Content::File(b"tool".to_vec()))
        );
        assert!(tool.modified > 1_000_000_000);
        assert_eq!(tree.get("bin/same").expect("there").content, tool.content);
        let link = |target: &str| Content::Link(target.as_bytes().to_vec());
        assert_eq!(
            tree.get("bin/out").expect("there").content,
            link("../../secret")
        );
        assert_eq!(tree.get("bin/host").expect("there").content, link("/"));
        let mut paths: Vec<_> = tree.into_entries().map(|(path, _)| path).collect();
        paths.sort();
        assert_eq!(
            paths,
            [
                "bin", "bin/host", "bin/out", "bin/same", "bin/tool", "tmp/kept"
            ]
        );
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("bin/socket"), "{notes:?}");
    }

    #[test]
    fn what_is_no_directory_is_named() {
        for path in ["/nonesuch/root", "/proc/self/status"] {
            let error = read(Path::new(path)).expect_err("no directory").to_string();
            assert!(error.contains(path) && !error.contains('\n'), "{error}");
        }
    }
}
