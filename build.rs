//! Builds the mini-kernel and its guests (the nested workspace under fixtures/) and tells `src/images.rs` where they are.
//!
//! They are no_std programs with link rules of their own, so they cannot be members of this workspace. They get a target
//! directory of their own, too: cargo holds a lock on the one that it is building in.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FIXTURES: &str = "fixtures";
const KERNEL: &str = "trapline-kernel";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in [
        "abi",
        "files",
        "freestanding",
        "guests",
        "kernel",
        "memory",
        "sched",
        "stub",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={FIXTURES}/{watched}");
    }
    let programs = build(&root.join(FIXTURES), &out.join("fixtures-target"))?;
    let guests = guest_names(&root.join(FIXTURES).join("guests/src/bin"))?;
    fs::write(out.join("images.rs"), source(&programs, &guests)?)?;
    Ok(())
}

/// Builds the nested workspace. Gives the folder with the programs.
fn build(fixtures: &Path, target: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(fixtures.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    // What the outer build sets for itself (its target, its flags, its wrapper) is not meant for these programs.
    for (name, _) in env::vars_os() {
        let is_of_the_outer_build = name.to_str().is_some_and(|name| {
            (name.starts_with("CARGO_")
                && name != "CARGO_HOME"
                && !name.starts_with("CARGO_HTTP")
                && !name.starts_with("CARGO_NET"))
                || name.starts_with("RUSTFLAGS")
                || name == "RUSTC_WORKSPACE_WRAPPER"
                || name == "CLIPPY_ARGS"
        });
        if is_of_the_outer_build {
            cargo.env_remove(name);
        }
    }
    // Messages of panics name source files. Without where they lie, equal sources make equal programs wherever they are
    // built, and a trace that holds them says nothing of the machine.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".cargo"))
    });
    // The crates' sources lie in a folder named after the registry.
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let crates = registries
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| (folder.path(), "crates"));
    let flags = crates
        .chain([(fixtures.to_owned(), FIXTURES)])
        .map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display()));
    cargo.env(
        "CARGO_ENCODED_RUSTFLAGS",
        flags.collect::<Vec<_>>().join("\x1f"),
    );
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!(
            "building {} failed:\n{}",
            fixtures.display(),
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(target.join("release"))
}

/// One guest per file in the guests' bin folder.
fn guest_names(folder: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.push(
                path.file_stem()
                    .ok_or("a guest without a name")?
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// Rust source that embeds the programs; each guest with the first line of its documentation.
fn source(programs: &Path, guests: &[String]) -> Result<String, Box<dyn std::error::Error>> {
    let mut source = format!(
        "pub(crate) const KERNEL: &[u8] = include_bytes!({:?});\n",
        programs.join(KERNEL)
    );
    source.push_str("pub(crate) const GUESTS: &[(&str, &[u8])] = &[\n");
    for name in guests {
        writeln!(
            source,
            "    ({name:?}, include_bytes!({:?})),",
            programs.join(name)
        )?;
    }
    source.push_str("];\npub(crate) const GUEST_HELP: &[(&str, &str)] = &[\n");
    for name in guests {
        let text = fs::read_to_string(
            Path::new(FIXTURES)
                .join("guests/src/bin")
                .join(format!("{name}.rs")),
        )?;
        let lines = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(str::trim);
        writeln!(
            source,
            "    ({name:?}, {:?}),",
            lines.collect::<Vec<_>>().join(" ")
        )?;
    }
    source.push_str("];\n");
    Ok(source)
}
