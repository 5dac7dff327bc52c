//! An interpreter's C headers, and what in it can change a wheel.
//!
//! `INCLUDEPY` says where the headers were installed when the interpreter was built. A tree that
//! was unpacked or moved elsewhere still says so, and Debian keeps `pyconfig.h` apart from the
//! other headers, so both are looked for.

use std::path::{Path, PathBuf};

use super::Facts;
use crate::python::view;
use crate::report::{Error, Result};

/// The C headers of an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The folder of `Python.h`.
    pub folder: PathBuf,
    /// The `pyconfig.h` with the values in it (Debian's other one only chooses among machines).
    pub config: PathBuf,
}

impl Headers {
    /// CPython's own headers less `pyconfig.h`: their names relative to the folder, and where they lie.
    ///
    /// Headers that packages installed beside them (`include/python3.11/greenlet/`) are not CPython's.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        let own = |name: &str| name == "cpython" || name == "internal";
        let walk = walkdir::WalkDir::new(&self.folder).follow_links(true).sort_by_file_name();
        let entries = walk.into_iter().filter_entry(|entry| {
            entry.depth() != 1 || entry.file_type().is_file() || own(&entry.file_name().to_string_lossy())
        });
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("read", &self.folder, &error.into()))?;
            let inside = entry.path().strip_prefix(&self.folder).unwrap_or(entry.path()).to_string_lossy();
            if entry.file_type().is_file() && inside.ends_with(".h") && inside != "pyconfig.h" {
                files.push((inside.into_owned(), entry.path().to_owned()));
            }
        }
        Ok(files)
    }
}

/// The headers that belong to the interpreter of `facts`.
pub(super) fn locate(facts: &Facts) -> Option<Headers> {
    let name = format!("python3.{}{}", facts.minor, if facts.free_threaded { "t" } else { "" });
    let own = facts.base_prefix.join("include").join(&name);
    let said = facts.include.iter().flat_map(|path| [moved(path, facts), Some(path.clone())]);
    let folder = [Some(own)].into_iter().chain(said).flatten().find(|folder| is_of(folder, facts))?;
    let config = [
        facts.base_prefix.join("include").join(&facts.multiarch).join(&name).join("pyconfig.h"),
        folder.parent()?.join(&facts.multiarch).join(&name).join("pyconfig.h"),
        folder.join("pyconfig.h"),
        facts.config_header.clone(),
    ];
    let config = config.into_iter().find(|file| holds_values(file))?;
    Some(Headers { folder, config })
}

/// Whether `folder` holds the headers of exactly this release. `/usr/include`, which a moved tree
/// still names, may hold those of the system's own interpreter.
fn is_of(folder: &Path, facts: &Facts) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join("patchlevel.h")) else {
        return false;
    };
    let version =
        text.lines().find_map(|line| line.trim().strip_prefix("#define PY_VERSION")?.split('"').nth(1));
    // `3.13.1+` is a checkout after that release.
    version.is_some_and(|version| version.trim_end_matches('+') == facts.full_version)
        && folder.join("Python.h").is_file()
}

/// `path` of the configured prefix, under the prefix the interpreter really has.
fn moved(path: &Path, facts: &Facts) -> Option<PathBuf> {
    let rest = path.strip_prefix(&facts.configured_prefix).ok()?;
    (!facts.configured_prefix.is_empty()).then(|| facts.base_prefix.join(rest))
}

fn holds_values(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains("SIZEOF_LONG"))
}

/// The digest of everything in an interpreter that can change a wheel, the same on every build machine.
pub(super) fn identify(facts: &Facts) -> Result<String> {
    use std::fmt::Write;
    // One line per thing, so that nothing can pass for two.
    let mut lines = format!("{} {} {}\n", facts.implementation, facts.full_version, facts.free_threaded);
    let mut add = |name: &str, digest: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name} {digest}");
    };
    if !facts.sysconfig_data.as_os_str().is_empty() {
        add("configuration", view::neutral_digest(&facts.sysconfig_data)?);
    }
    if let Some(headers) = locate(facts) {
        for (name, path) in headers.files()? {
            add(&format!("include/{name}"), digest_of(&path)?);
        }
    }
    // Compiled modules of the standard library are not in it: they are of the build machine.
    for folder in ["", "sysconfig", "distutils", "distutils/command"] {
        for path in sources(&facts.stdlib.join(folder))? {
            let name = path.strip_prefix(&facts.stdlib).unwrap_or(&path);
            add(&format!("stdlib/{}", name.display()), digest_of(&path)?);
        }
    }
    Ok(crate::python::digest(lines.as_bytes()))
}

fn digest_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    Ok(crate::python::digest(&bytes))
}

/// The Python sources in `folder` (none if it is absent) less the sysconfig data, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).map_err(|error| Error::io("read", folder, &error))? {
            let entry = entry.map_err(|error| Error::io("read", folder, &error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".py") && !name.starts_with("_sysconfigdata_") && entry.path().is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
