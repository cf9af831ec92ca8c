//! The machine's first files before they are packed: a tree of directories, regular files and symbolic links by path.
//! Key type: [`Tree`]. Neighbours: `root.rs` fills it from a directory of the host, `programs.rs` from the jobs,
//! `initramfs.rs` packs it.
//!
//! Paths are relative to the machine's root, without a slash at either end. Symbolic links are text here as well as on the
//! host: only [`Tree::find`] follows them, and it never leaves the tree.

use std::collections::BTreeMap;

use trapline_abi::layout::INITRAMFS_MAX;

/// Files by path. A directory sorts before what is in it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
    bytes: u64,
}

/// One file.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    /// Permission bits.
    pub(super) mode: u32,
    /// Time of the last change, seconds since 1970.
    pub(super) modified: u32,
    pub(super) content: Content,
}

/// What a file is.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Directory,
    File(Vec<u8>),
    /// A symbolic link with this target.
    Link(Vec<u8>),
}

/// More bytes than a machine can be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TooLarge;

/// As Linux: more links on the way are taken for a loop.
const LINKS_MAX: usize = 40;

impl Tree {
    /// Adds a file, in place of one that was there. `Err` when the tree grows larger than a machine can be given.
    pub(super) fn add(&mut self, path: &str, entry: Entry) -> Result<(), TooLarge> {
        self.bytes += path.len() as u64 + entry.bytes();
        if self.bytes > INITRAMFS_MAX {
            return Err(TooLarge);
        }
        if let Some(before) = self.entries.insert(path.to_owned(), entry) {
            self.bytes -= path.len() as u64 + before.bytes();
        }
        Ok(())
    }

    /// Adds a program, with the directories above it where they are missing.
    pub(super) fn add_program(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), TooLarge> {
        for (at, _) in path.match_indices('/') {
            if !self.entries.contains_key(&path[..at]) {
                self.add(&path[..at], Entry::directory())?;
            }
        }
        self.add(path, Entry::program(bytes))
    }

    /// Bytes that a file may still have.
    pub(super) fn room(&self) -> u64 {
        INITRAMFS_MAX - self.bytes
    }

    /// Number of files of any kind.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all files and names.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file with exactly this path; links on the way are not followed.
    pub(super) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Takes the tree apart, each directory before what is in it.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Entry)> {
        self.entries.into_iter()
    }

    /// Finds a file by its absolute path as the machine's kernel would: symbolic links are followed, and `..` of the root
    /// is the root.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence that begins with the path.
    pub(super) fn find(&self, path: &str) -> Result<&Entry, String> {
        const ROOT: &Entry = &Entry {
            mode: 0o755,
            modified: 0,
            content: Content::Directory,
        };
        // What is still to walk, the next step last.
        let mut steps: Vec<String> = reversed_steps(path);
        let mut at: Vec<String> = Vec::new();
        let mut found = ROOT;
        let mut links = 0;
        while let Some(step) = steps.pop() {
            if found.content != Content::Directory {
                return Err(format!("cannot be: /{} is not a directory", at.join("/")));
            }
            match step.as_str() {
                "" | "." => continue,
                ".." => {
                    at.pop();
                    found = self.get(&at.join("/")).unwrap_or(ROOT);
                    continue;
                }
                _ => at.push(step),
            }
            found = self
                .get(&at.join("/"))
                .ok_or_else(|| format!("is missing: there is no /{}", at.join("/")))?;
            if let Content::Link(target) = &found.content {
                links += 1;
                if links > LINKS_MAX {
                    return Err("leads through too many symbolic links".to_owned());
                }
                let target = String::from_utf8_lossy(target);
                at.pop();
                if target.starts_with('/') {
                    at.clear();
                }
                found = self.get(&at.join("/")).unwrap_or(ROOT);
                steps.extend(reversed_steps(&target));
            }
        }
        Ok(found)
    }
}

fn reversed_steps(path: &str) -> Vec<String> {
    path.split('/').rev().map(str::to_owned).collect()
}

impl Entry {
    /// A program that everyone may execute.
    pub(super) fn program(bytes: Vec<u8>) -> Self {
        Self {
            mode: 0o755,
            modified: 0,
            content: Content::File(bytes),
        }
    }

    /// A directory that everyone may read.
    pub(super) fn directory() -> Self {
        Self {
            mode: 0o755,
            modified: 0,
            content: Content::Directory,
        }
    }

    fn bytes(&self) -> u64 {
        match &self.content {
            Content::Directory => 0,
            Content::File(bytes) | Content::Link(bytes) => bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        let link = |target: &str| Entry {
            mode: 0o777,
            modified: 0,
            content: Content::Link(target.as_bytes().to_vec()),
        };
        tree.add_program("usr/bin/busybox", b"program".to_vec())
            .expect("fits");
        for (path, target) in [
            ("bin", "usr/bin"),
            ("usr/bin/sh", "busybox"),
            ("usr/bin/absolute", "/bin/sh"),
            ("up", "../../../usr/bin/busybox"),
            ("loop", "loop"),
            ("gone", "/etc/shadow"),
        ] {
            tree.add(path, link(target)).expect("fits");
        }
        tree
    }

    #[test]
    fn links_lead_to_files_inside_the_tree_and_nowhere_else() {
        let tree = tree();
        for path in [
            "/usr/bin/busybox",
            "/bin/sh",
            "//bin/./absolute",
            "/up",
            "/bin/../bin/sh",
            "/../../bin/sh",
        ] {
            let found = tree.find(path).expect(path);
            assert_eq!(found.content, Content::File(b"program".to_vec()), "{path}");
        }
        for path in ["/nonesuch", "/bin/nonesuch", "/loop", "/gone", "/bin/sh/x"] {
            assert!(tree.find(path).is_err(), "{path}");
        }
        assert_eq!(
            tree.find("/").expect("the root").content,
            Content::Directory
        );
        assert_eq!(
            tree.find("/usr/..").expect("the root").content,
            Content::Directory
        );
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it() {
        let paths: Vec<_> = tree().into_entries().map(|(path, _)| path).collect();
        let place = |path: &str| paths.iter().position(|known| known == path).expect(path);
        assert!(place("usr") < place("usr/bin") && place("usr/bin") < place("usr/bin/busybox"));
    }

    #[test]
    fn a_file_in_place_of_another_counts_once() {
        let mut tree = Tree::default();
        tree.add_program("a", vec![0; 10]).expect("fits");
        tree.add_program("a", vec![0; 3]).expect("fits");
        assert_eq!(tree.bytes(), 4);
        assert_eq!(tree.room(), INITRAMFS_MAX - 4);
    }
}
