//! Which format a lock has: its content says, never its name.

use std::path::Path;

use super::document::{Table, Text};
use super::project::Pyproject;
use super::{Lock, pdm, poetry, pylock, requirements, uv};
use crate::report::{Code, Error, Result};

/// Reads a lock of any format.
pub(super) fn parse(path: &Path, bytes: &[u8], project: Option<&Pyproject>) -> Result<Lock> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(unknown(path, "it is not UTF-8 text"));
    };
    if text.trim().is_empty() {
        return Err(unknown(path, "it is empty"));
    }
    let text = Text { file: path, text };
    if !looks_like_toml(text.text) {
        if text.text.trim_start().starts_with(['{', '<']) {
            let error = unknown(path, "it is neither TOML nor a list of requirements");
            let pipenv = text.text.contains("\"_meta\"");
            return Err(match pipenv {
                true => error.hint("for a Pipfile.lock: `pipenv requirements --hash > requirements.txt`"),
                false => error,
            });
        }
        return requirements::read(text);
    }
    let document = text.parse()?;
    let root = Table::root(text, &document);
    let metadata = root.get("metadata").and_then(|node| node.as_table());
    let metadata_has = |key: &str| metadata.is_some_and(|metadata| metadata.has(key));
    if root.has("lock-version") {
        pylock::read(root, text)
    } else if metadata_has("lock_version") {
        pdm::read(root, text, project)
    } else if metadata_has("lock-version") {
        poetry::read(root, text, project)
    } else if root.has("version")
        && (root.has("requires-python") || root.has("resolution-markers") || has_uv_sources(root))
    {
        uv::read(root, text, project)
    } else if root.has("project") || root.has("build-system") || root.has("tool") {
        Err(unknown(path, "it is a project file, not a lock")
            .hint("name the lock beside it, for example `uv.lock`, `pdm.lock` or `poetry.lock`"))
    } else if metadata_has("content-hash") || metadata_has("content_hash") {
        Err(unknown(path, "it was written by a poetry or pdm that is too old")
            .hint("lock again with poetry 1.1 or later, or pdm 2.8 or later"))
    } else {
        Err(unknown(path, "it is TOML, but no lock that we know"))
    }
}

fn has_uv_sources(root: Table<'_>) -> bool {
    let packages = root.get("package").and_then(|node| node.as_list()).unwrap_or_default();
    packages.iter().any(|node| {
        let table = node.as_table();
        table.is_some_and(|table| table.get("source").is_some_and(|source| source.as_table().is_some()))
    })
}

/// Whether some line can only be TOML: a table's head, or a key with a value. Requirements files
/// have neither: an option begins with a dash, and a requirement with `=` in it has two of them.
fn looks_like_toml(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| {
        if let Some(head) = line.strip_prefix('[') {
            return head.contains(']');
        }
        let key_end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(0);
        let value = line[key_end..].trim_start();
        key_end > 0
            && !line.starts_with('-')
            && value.strip_prefix('=').is_some_and(|rest| !rest.starts_with('='))
    })
}

fn unknown(path: &Path, why: &str) -> Error {
    Error::new(Code::UnknownLock, format!("`{}` is no lock file", path.display()))
        .cause(why)
        .cause("read are pdm.lock, poetry.lock, uv.lock, pylock.toml and hashed requirements.txt")
}
