//! The machine's first files as a cpio archive (newc), which the kernel unpacks at boot. Owners are root, as every program of
//! the machine is; hard links are copies.

use std::io::{self, Cursor, Write};

use cpio::newc;

use super::tree::{Content, Tree};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Packs the tree.
pub(super) fn pack(tree: Tree) -> io::Result<Vec<u8>> {
    let mut archive = Cursor::new(Vec::with_capacity(tree.bytes() as usize));
    for (number, (path, entry)) in (1..).zip(tree.into_entries()) {
        let (kind, bytes) = match entry.content {
            Content::Directory => (DIRECTORY, Vec::new()),
            Content::File(bytes) => (REGULAR, bytes),
            Content::Link(target) => (LINK, target),
        };
        // The tree holds less than 1 GiB.
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut packed = newc::Builder::new(&path)
            .ino(number)
            .mode(kind | entry.mode)
            .mtime(entry.modified)
            .write(&mut archive, length);
        packed.write_all(&bytes)?;
        packed.finish()?;
    }
    newc::trailer(&mut archive)?;
    Ok(archive.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tree::Entry;

    #[test]
    fn an_archive_gives_back_what_was_packed() {
        let mut tree = Tree::default();
        tree.add_program("bin/tool", b"tool".to_vec())
            .expect("fits");
        let link = Entry {
            mode: 0o777,
            modified: 7,
            content: Content::Link(b"bin/tool".to_vec()),
        };
        tree.add("link", link).expect("fits");
        let mut archive = Cursor::new(pack(tree).expect("packed"));
        let mut found = Vec::new();
        loop {
            let reader = newc::Reader::new(&mut archive).expect("an entry");
            if reader.entry().is_trailer() {
                break;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut bytes = Vec::new();
            reader.to_writer(&mut bytes).expect("read");
            found.push((name, mode, bytes));
        }
        let expected = [
            ("bin", 0o040_755, &b""[..]),
            ("bin/tool", 0o100_755, b"tool"),
            ("link", 0o120_777, b"bin/tool"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, mode, bytes)| (name.to_owned(), mode, bytes.to_vec()))
        );
    }
}
