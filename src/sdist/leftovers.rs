//! What in a checkout is no source: version control, caches, and what a build left behind.
//!
//! A folder given as input is built as its sdist would be. Left-behind objects would be taken for
//! up to date and end up in a wheel for another machine.

use std::path::Path;

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
    is_source(path, is_folder, is_sdist) && !(is_folder && marked())
}

fn is_source(path: &str, is_folder: bool, is_sdist: bool) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_folder {
        return !(TOOL_FOLDERS.contains(&name)
            || !is_sdist && !path.contains('/') && name.ends_with(".egg-info")
            || is_setuptools_output(path));
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

/// `build/lib*`, `build/temp.*`, `build/bdist.*`: a project may have a package called `build`.
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
