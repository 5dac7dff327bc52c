//! From `NAME==VERSION` to a file: once per cache, since a release never changes.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Digest};
use crate::file;
use crate::index::Index;
use crate::report::{Code, Error, Result};

/// What an index said once of `NAME==VERSION`.
#[derive(Deserialize, Serialize)]
struct Known {
    file: String,
    sha256: String,
}

/// The sdist of `name` `version`: from the cache's downloads, else fetched from the user's index.
pub(super) fn sdist(cache: &Cache, index: &Index, name: &str, version: &str) -> Result<PathBuf> {
    let folder = cache.folder("downloads")?;
    let note = folder.join(format!("{}.json", Digest::of(format!("{name}=={version}"))));
    if let Some(path) = known(&folder, &note) {
        return Ok(path);
    }
    let file = index.sdist(name, version).map_err(|error| match error.code() {
        Code::Offline => error.hint(format!("fetch it beforehand, or give the file of {name} {version}")),
        _ => error,
    })?;
    let fetched = index.fetch(&file, &folder)?;
    let text = serde_json::to_vec(&Known { file: file.filename, sha256: fetched.sha256 })
        .map_err(|e| Error::bug(format!("download note: {e}")))?;
    file::write(&note, &text)?;
    Ok(fetched.path)
}

/// The file of an earlier fetch, if it still is what was fetched.
fn known(folder: &std::path::Path, note: &std::path::Path) -> Option<PathBuf> {
    let known: Known = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let path = folder.join(&known.file);
    let same = !known.file.contains('/') && Digest::of_file(&path).ok()?.to_string() == known.sha256;
    same.then_some(path)
}
