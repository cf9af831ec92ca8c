//! meta.json as a file: the [`Meta`] as JSON inside a frame that carries its checksum.
//!
//! The frame is matched byte for byte and the checksum is of the text between, so that any changed byte is noticed,
//! even one that would leave the same JSON. The frame is the same in all format versions.

use std::path::Path;

use serde::Deserialize;

use super::{META_FILE, atomic, read_file};
use crate::error::FormatError;
use crate::meta::{FORMAT_VERSION, Meta, OLDEST_VERSION};

/// No meta.json is longer; bounds what reading a hostile one can cost.
const MAX_BYTES: u64 = 16 << 20;

const BEFORE_CHECKSUM: &str = "{\n\"crc32\": \"";
const BEFORE_META: &str = "\",\n\"meta\": ";
const AFTER_META: &str = "\n}\n";

/// What must be known before the rest can be understood.
#[derive(Deserialize)]
struct VersionOnly {
    format_version: u32,
}

/// Replaces the meta.json of the trace folder.
pub(super) fn write(folder: &Path, meta: &Meta) -> Result<(), FormatError> {
    let path = folder.join(META_FILE);
    let unwritable = |reason: String| FormatError::UnwritableMeta {
        path: path.clone(),
        reason,
    };
    let text = serde_json::to_string_pretty(meta).map_err(|error| unwritable(error.to_string()))?;
    // A number that is not finite becomes `null`, which nobody could read again.
    serde_json::from_str::<Meta>(&text).map_err(|error| unwritable(error.to_string()))?;
    let checksum = crc32fast::hash(text.as_bytes());
    let framed = format!("{BEFORE_CHECKSUM}{checksum:08x}{BEFORE_META}{text}{AFTER_META}");
    if framed.len() as u64 > MAX_BYTES {
        return Err(unwritable(format!("longer than {MAX_BYTES} bytes")));
    }
    atomic::replace(&path, framed.as_bytes())
}

/// Reads the meta.json of the trace folder; nothing when there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Meta>, FormatError> {
    let path = folder.join(META_FILE);
    if !path.try_exists().map_err(FormatError::io("open", &path))? {
        return Ok(None);
    }
    let damaged = |reason: &str| FormatError::DamagedMeta {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    let bytes = read_file(&path, MAX_BYTES)?.ok_or_else(|| damaged("too long"))?;
    let framed = std::str::from_utf8(&bytes).map_err(|_| damaged("not UTF-8"))?;
    let (checksum, text) =
        unframe(framed).ok_or_else(|| damaged("not written by trapline, or cut off"))?;
    if checksum != format!("{:08x}", crc32fast::hash(text.as_bytes())) {
        return Err(damaged("checksum mismatch"));
    }
    let version = serde_json::from_str::<VersionOnly>(text)
        .map_err(|error| damaged(&error.to_string()))?
        .format_version;
    if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(FormatError::UnknownVersion { path, version });
    }
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| damaged(&error.to_string()))
}

fn unframe(framed: &str) -> Option<(&str, &str)> {
    let (checksum, rest) = framed.strip_prefix(BEFORE_CHECKSUM)?.split_at_checked(8)?;
    Some((
        checksum,
        rest.strip_prefix(BEFORE_META)?.strip_suffix(AFTER_META)?,
    ))
}
