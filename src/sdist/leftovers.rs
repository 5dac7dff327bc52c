//! What in a checkout is no source: version control, caches, and what a build left behind.
//!
//! A folder given as input is built as its sdist would be. Left-behind objects would be taken for
//! up to date and end up in a wheel for another machine.

use std::path::Path;

use crate::report::{Error, Result};

/// Folders that tools keep for themselves, wherever they lie.
const TOOL_FOLDERS: [&str; 12] = [
    ".bzr",
    ".git",
    ".hg",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "node_modules",
];

/// Files that mark the folder they lie in as a cache (Cargo's `target`, for one) or a virtual
/// environment.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", "pyvenv.cfg"];

/// Files that builds and packers write into `dist`.
const ARTEFACTS: [&str; 7] = [".whl", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".json"];

/// Whether `path` (relative to the project `root`, `/` between components) is source.
///
/// `is_sdist`: the folder is an unpacked sdist, known by its PKG-INFO, and brings its egg-info.
pub(super) fn keep(root: &Path, path: &str, is_folder: bool, is_sdist: bool) -> bool {
    let marked = || MARKS.iter().any(|mark| root.join(path).join(mark).is_file());
    let built = || is_setuptools_output(path) && !has_package_build(root);
    is_source(path, is_folder, is_sdist) && !(is_folder && (marked() || built()))
}

/// Removes from the unpacked sdist `root` what setuptools left in it when it was packed. It would be
/// packed into the wheel as it is: modules that are no more, and objects that look up to date.
///
/// # Errors
/// [`Code::Io`].
pub(super) fn remove_output(root: &Path) -> Result<()> {
    let is_link = root.join("build").is_symlink();
    if is_link || has_package_build(root) {
        return Ok(());
    }
    for entry in std::fs::read_dir(root.join("build")).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && is_setuptools_output(&format!("build/{}", entry.file_name().to_string_lossy())) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).map_err(|error| Error::io("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// Whether the project has a package called `build`, so that folders in it are its own.
fn has_package_build(root: &Path) -> bool {
    root.join("build/__init__.py").exists()
}

fn is_source(path: &str, is_folder: bool, is_sdist: bool) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_folder {
        let is_left = !is_sdist && !path.contains('/') && name.ends_with(".egg-info");
        return !is_left && !TOOL_FOLDERS.contains(&name);
    }
    let in_dist = path.strip_prefix("dist/").is_some_and(|rest| !rest.contains('/'));
    !(
        // In a worktree or submodule `.git` is a file.
        name == ".git"
            || name.ends_with(".pyc")
            || is_extension_module(name)
            || in_dist && ARTEFACTS.iter().any(|suffix| name.ends_with(suffix))
    )
}

/// `build/lib*`, `build/temp.*`, `build/bdist.*`.
fn is_setuptools_output(path: &str) -> bool {
    path.strip_prefix("build/").is_some_and(|rest| {
        rest == "lib" || ["lib.", "temp.", "bdist.", "scripts-"].iter().any(|start| rest.starts_with(start))
    })
}

/// A compiled module with the ABI in its name is what `build_ext --inplace` left, never source.
fn is_extension_module(name: &str) -> bool {
    name.ends_with(".so")
        && (name.contains(".cpython-3") || name.contains(".abi3.") || name.contains(".pypy3"))
}
