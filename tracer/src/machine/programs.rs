//! Which file of the machine a job's first argument names: a built-in guest, a file of the root directory, or without such
//! a directory a file of the host, which is then brought along.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Images;
use super::job::Job;
use super::tree::{Content, Entry, TooLarge, Tree};
use crate::error::TracerError;

/// Where the built-in guests are.
const GUESTS: &str = "guests";
/// Most bytes of one program of the host.
const PROGRAM_MAX: u64 = 256 << 20;

/// Puts every built-in guest into the tree. Says what it had to replace.
pub(super) fn add_guests(tree: &mut Tree, images: &Images) -> Result<Vec<String>, TracerError> {
    if tree
        .get(GUESTS)
        .is_some_and(|entry| entry.content != Content::Directory)
    {
        return Err(TracerError::Options(format!(
            "/{GUESTS} in the root directory is not a directory: the built-in guests go there; give it another name"
        )));
    }
    let mut notes = Vec::new();
    for (name, file) in images.guests {
        let path = format!("{GUESTS}/{name}");
        if tree.get(&path).is_some() {
            notes.push(format!(
                "/{path} is the built-in guest, not the root directory's"
            ));
        }
        tree.add_program(&path, file.to_vec())
            .map_err(|TooLarge| no_room())?;
    }
    Ok(notes)
}

/// Finds the jobs' programs.
pub(super) struct Programs<'a> {
    pub(super) images: &'a Images<'a>,
    /// Whether the tree is a root directory: then nothing is taken from the host.
    pub(super) is_rooted: bool,
}

impl Programs<'_> {
    /// The path in the machine of this job's program, which is in the tree afterwards.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn place(&self, job: &Job, tree: &mut Tree) -> Result<String, String> {
        let path = self.find(job, tree)?;
        if let Ok(Entry {
            content: Content::File(bytes),
            ..
        }) = tree.find(&path)
            && let Some(interpreter) = interpreter(bytes)
            && !tree.find(&interpreter).is_ok_and(is_file)
        {
            return Err(format!(
                "{path} is a script for {interpreter}, which the machine does not have; put both into a directory and name that with --root"
            ));
        }
        Ok(path)
    }

    fn find(&self, job: &Job, tree: &mut Tree) -> Result<String, String> {
        let name = job.arguments.first().map_or("", String::as_str);
        if !name.contains('/') {
            if self.images.guests.iter().any(|(guest, _)| *guest == name) {
                return Ok(format!("/{GUESTS}/{name}"));
            }
            return self.search(name, job, tree);
        }
        if !self.is_rooted {
            return bring_along(name, tree);
        }
        // The machine's programs start in its root directory.
        let path = format!("/{}", name.trim_start_matches('/'));
        match tree.find(&path) {
            Ok(entry) if is_file(entry) => Ok(path),
            Ok(_) => Err(format!("{name} is not a file")),
            Err(why) => Err(format!("{name} {why} in the root directory")),
        }
    }

    /// A name without a slash, looked for as a shell would.
    fn search(&self, name: &str, job: &Job, tree: &Tree) -> Result<String, String> {
        if !self.is_rooted {
            return Err(format!(
                "there is no guest called {name}; `trapline guests` lists them, and a path with a slash names a file"
            ));
        }
        let path = job
            .environment
            .iter()
            .find_map(|text| text.strip_prefix("PATH="));
        let mut places = path
            .unwrap_or_default()
            .split(':')
            .map(|directory| format!("{}/{name}", directory.trim_end_matches('/')));
        places
            .find(|place| tree.find(place).is_ok_and(is_file))
            .ok_or_else(|| {
                format!(
                    "there is no guest called {name}, nor such a file in the root directory's {}; `trapline guests` lists the guests",
                    path.unwrap_or("PATH, which is empty")
                )
            })
    }
}

/// The program that a script names in its first line.
fn interpreter(file: &[u8]) -> Option<String> {
    let line = file
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    line.split_whitespace().next().map(str::to_owned)
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.content, Content::File(_))
}

/// Puts a file of the host into the tree, at its own absolute path.
fn bring_along(name: &str, tree: &mut Tree) -> Result<String, String> {
    let cannot_read = |error| format!("cannot read {name}: {error}");
    let absolute = without_detours(Path::new(name)).map_err(cannot_read)?;
    let absolute = absolute
        .to_str()
        .ok_or_else(|| format!("the path of {name} is not UTF-8 text"))?;
    let path = absolute.trim_start_matches('/');
    if tree.get(path).is_some_and(is_file) {
        return Ok(absolute.to_owned());
    }
    let metadata = fs::metadata(absolute).map_err(cannot_read)?;
    if !metadata.is_file() {
        return Err(format!("{name} is not a file"));
    }
    if metadata.len() > PROGRAM_MAX {
        return Err(format!("{name} is larger than {} MiB", PROGRAM_MAX >> 20));
    }
    let bytes = fs::read(absolute).map_err(cannot_read)?;
    tree.add_program(path, bytes)
        .map_err(|TooLarge| no_room().to_string())?;
    Ok(absolute.to_owned())
}

/// The absolute path; one with `..` in it by way of the directory that it really means.
fn without_detours(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    if absolute
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return absolute.canonicalize();
    }
    Ok(absolute)
}

fn no_room() -> TracerError {
    TracerError::Options(
        "the programs are larger than a machine can be given; name fewer or smaller ones"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: Images = Images {
        kernel: b"",
        guests: &[("hello", b"hello's file")],
    };

    fn place(name: &str, is_rooted: bool, tree: &mut Tree) -> Result<String, String> {
        let mut job = Job::new(vec![name.to_owned()]);
        job.environment = vec!["PATH=/sbin:/bin/".to_owned()];
        let images = &IMAGES;
        add_guests(tree, images).expect("room");
        Programs { images, is_rooted }.place(&job, tree)
    }

    #[test]
    fn a_name_is_a_guest_and_a_path_is_a_file_of_the_host() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("program");
        fs::write(&file, "mine").expect("written");
        let file = file.to_str().expect("text");
        let mut tree = Tree::default();
        assert_eq!(
            place("hello", false, &mut tree),
            Ok("/guests/hello".to_owned())
        );
        assert_eq!(place(file, false, &mut tree), Ok(file.to_owned()));
        let name = folder.path().file_name().and_then(|name| name.to_str());
        let detour = format!(
            "{}/../{}/program",
            folder.path().display(),
            name.expect("text")
        );
        assert!(place(&detour, false, &mut tree).is_ok_and(|path| !path.contains("..")));
        assert_eq!(
            tree.find(file).expect("there").content,
            Content::File(b"mine".to_vec())
        );
        for (name, why) in [
            ("nonesuch", "trapline guests"),
            ("/nonesuch/x", "/nonesuch/x"),
            ("/dev/zero", "not a file"),
        ] {
            let error = place(name, false, &mut tree).expect_err(name);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn with_a_root_directory_nothing_comes_from_the_host() {
        let mut tree = Tree::default();
        tree.add_program("bin/sh", b"shell".to_vec()).expect("fits");
        for name in ["/bin/sh", "bin/sh", "sh"] {
            assert_eq!(
                place(name, true, &mut tree),
                Ok("/bin/sh".to_owned()),
                "{name}"
            );
        }
        for name in ["/proc/self/exe", "/bin", "nonesuch", "/bin/nonesuch"] {
            assert!(place(name, true, &mut tree).is_err(), "{name}");
        }
    }

    #[test]
    fn a_script_needs_its_interpreter_in_the_machine() {
        let mut tree = Tree::default();
        let script = b"#! /bin/sh -e\necho\n".to_vec();
        tree.add_program("run", script).expect("fits");
        let error = place("/run", true, &mut tree).expect_err("no shell");
        assert!(error.contains("script for /bin/sh,"), "{error}");
        tree.add_program("bin/sh", b"shell".to_vec()).expect("fits");
        assert_eq!(place("/run", true, &mut tree), Ok("/run".to_owned()));
    }

    #[test]
    fn a_file_of_a_guests_name_gives_way_and_is_told_of() {
        let mut tree = Tree::default();
        tree.add_program("guests/hello", b"other".to_vec())
            .expect("fits");
        let notes = add_guests(&mut tree, &IMAGES).expect("room");
        assert_eq!(notes.len(), 1);
        let mut in_the_way = Tree::default();
        in_the_way.add_program("guests", Vec::new()).expect("fits");
        assert!(add_guests(&mut in_the_way, &IMAGES).is_err());
    }
}
