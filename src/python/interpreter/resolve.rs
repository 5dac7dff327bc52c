//! From what stands on PATH to the program that really runs: links, pyenv's shims, virtual environments.
//!
//! A shim or an environment is only a name for another interpreter, and the name may mean another
//! one tomorrow; facts are remembered for the real program alone.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What decides which version a pyenv shim runs (as pyenv documents it).
#[derive(Clone, Debug, Default)]
pub struct Pyenv {
    /// `PYENV_ROOT`, else `~/.pyenv`.
    pub root: Option<PathBuf>,
    /// `PYENV_VERSION`.
    pub version: Option<String>,
    /// Where the search for `.python-version` begins: `PYENV_DIR`, else the working folder.
    pub folder: Option<PathBuf>,
}

/// What a name on PATH leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// The real program.
    Program(PathBuf),
    /// A script that is no shim we know: only running it says what it runs.
    Script(PathBuf),
    /// No interpreter: a broken link, a lost environment, a shim for which pyenv has no version chosen.
    Nothing,
}

/// What is behind `program`, without starting anything.
pub(super) fn resolve(program: &Path, pyenv: &Pyenv) -> Resolved {
    follow(program, pyenv).unwrap_or(Resolved::Nothing)
}

fn follow(program: &Path, pyenv: &Pyenv) -> Option<Resolved> {
    let mut program = program.to_owned();
    // A shim leads to an environment, an environment to its base: a few steps, never a circle.
    for _ in 0..8 {
        let real = std::fs::canonicalize(&program).ok()?;
        program = if is_script(&real) {
            if !is_shim(&real, pyenv) {
                return Some(Resolved::Script(real));
            }
            behind_shim(&real, pyenv)?
        } else if let Some(home) = environment_home(&real) {
            base_of(&home, &real)?
        } else {
            return Some(Resolved::Program(real));
        };
    }
    None
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    std::fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// `home` of the pyvenv.cfg that governs `program` (PEP 405: beside it or one folder up).
fn environment_home(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let text = [Some(folder), folder.parent()]
        .into_iter()
        .flatten()
        .find_map(|folder| std::fs::read_to_string(folder.join("pyvenv.cfg")).ok())?;
    let home = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim().eq_ignore_ascii_case("home")).then(|| value.trim())
    })?;
    Some(PathBuf::from(home))
}

/// The program in an environment's `home` folder that it was made of.
fn base_of(home: &Path, program: &Path) -> Option<PathBuf> {
    let own = program.file_name()?;
    [own, OsStr::new("python3"), OsStr::new("python")]
        .into_iter()
        .map(|name| home.join(name))
        .find(|base| base.is_file() && base != program)
}

fn is_shim(script: &Path, pyenv: &Pyenv) -> bool {
    let shims = pyenv.root.as_deref().and_then(|root| std::fs::canonicalize(root.join("shims")).ok());
    shims.is_some_and(|shims| script.parent() == Some(&shims))
}

/// The program that the pyenv shim `shim` would run.
fn behind_shim(shim: &Path, pyenv: &Pyenv) -> Option<PathBuf> {
    let root = pyenv.root.as_deref()?;
    let name = shim.file_name()?;
    let versions = pyenv.version.clone().or_else(|| version_file(pyenv.folder.as_deref(), root))?;
    versions
        .split([':', '\n', ' '])
        .map(|version| version.trim().trim_start_matches("python-"))
        .filter(|version| !version.is_empty() && !version.starts_with('#'))
        .find_map(|version| installed(root, version, name))
}

fn version_file(folder: Option<&Path>, root: &Path) -> Option<String> {
    let local = folder.into_iter().flat_map(Path::ancestors).map(|folder| folder.join(".python-version"));
    local.chain([root.join("version")]).find_map(|file| std::fs::read_to_string(file).ok())
}

/// pyenv takes `3.11` for its newest 3.11.x.
fn installed(root: &Path, version: &str, name: &OsStr) -> Option<PathBuf> {
    let versions = root.join("versions");
    let exact = versions.join(version).join("bin").join(name);
    if exact.is_file() {
        return Some(exact);
    }
    let prefix = format!("{version}.");
    newest_first(&versions, |found| found.starts_with(&prefix))
        .into_iter()
        .map(|folder| folder.join("bin").join(name))
        .find(|program| program.is_file())
}

/// The folders in `parent` whose name `wanted` accepts, by the numbers in their names, newest first.
pub(super) fn newest_first(parent: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()).map(|entry| entry.file_name());
    let mut found: Vec<OsString> = names.filter(|name| name.to_str().is_some_and(&wanted)).collect();
    // Names of equal numbers in a fixed order, so that every run chooses the same one.
    found.sort_by_key(|name| std::cmp::Reverse((numbers(&name.to_string_lossy()), name.clone())));
    found.into_iter().map(|name| parent.join(name)).collect()
}

fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn put(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn an_environment_by_link_and_by_copy_leads_to_its_base() {
        let (_keep, root) = tree();
        let base = root.join("base/bin/python3.11");
        put(&base, "ELF");
        symlink("python3.11", root.join("base/bin/python3")).unwrap();
        fs::create_dir_all(root.join("linked/bin")).unwrap();
        symlink(&base, root.join("linked/bin/python")).unwrap();
        put(
            &root.join("copied/pyvenv.cfg"),
            &format!("home = {}\nversion = 3.11.7\n", root.join("base/bin").display()),
        );
        put(&root.join("copied/bin/python"), "ELF");
        for name in ["linked/bin/python", "copied/bin/python", "base/bin/python3"] {
            assert_eq!(
                resolve(&root.join(name), &Pyenv::default()),
                Resolved::Program(base.clone()),
                "{name}"
            );
        }
        assert_eq!(resolve(&root.join("absent"), &Pyenv::default()), Resolved::Nothing);
    }

    #[test]
    fn an_environment_that_is_its_own_base_ends() {
        let (_keep, root) = tree();
        put(&root.join("bin/python3"), "ELF");
        put(&root.join("pyvenv.cfg"), &format!("home = {}\n", root.join("bin").display()));
        assert_eq!(resolve(&root.join("bin/python3"), &Pyenv::default()), Resolved::Nothing);
    }

    #[test]
    fn a_pyenv_shim_is_what_pyenv_would_run() {
        let (_keep, root) = tree();
        let pyenv = root.join("pyenv");
        put(&pyenv.join("shims/python3"), "#!/usr/bin/env bash\n");
        for version in ["3.9.18", "3.11.7", "3.11.10"] {
            put(&pyenv.join(format!("versions/{version}/bin/python3")), "ELF");
        }
        put(&pyenv.join("version"), "system\n3.9.18\n");
        put(&root.join("project/.python-version"), "3.11\n");
        let runs = |version: Option<&str>, folder: &str| {
            let state = Pyenv {
                root: Some(pyenv.clone()),
                version: version.map(str::to_owned),
                folder: Some(root.join(folder)),
            };
            let Resolved::Program(found) = resolve(&pyenv.join("shims/python3"), &state) else { return None };
            Some(found.strip_prefix(pyenv.join("versions")).unwrap().to_string_lossy().into_owned())
        };
        assert_eq!(runs(None, "elsewhere").as_deref(), Some("3.9.18/bin/python3"));
        assert_eq!(runs(None, "project/deep").as_deref(), Some("3.11.10/bin/python3"));
        assert_eq!(runs(Some("3.11.7:3.9.18"), "project").as_deref(), Some("3.11.7/bin/python3"));
        assert_eq!(runs(Some("3.12"), "project"), None);
    }

    #[test]
    fn an_unknown_script_is_not_resolved() {
        let (_keep, root) = tree();
        put(&root.join("python3"), "#!/bin/sh\nexec python3 \"$@\"\n");
        assert_eq!(resolve(&root.join("python3"), &Pyenv::default()), Resolved::Script(root.join("python3")));
    }

    #[test]
    fn newer_versions_come_first() {
        let (_keep, root) = tree();
        for name in ["3.11.2", "3.11.10", "3.9.1", "readme"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let order: Vec<_> = newest_first(&root, |name| name.starts_with('3'));
        assert_eq!(order, [root.join("3.11.10"), root.join("3.11.2"), root.join("3.9.1")]);
    }
}
