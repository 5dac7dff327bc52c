//! Making an environment: skeleton, packages, bytecode, record, in a folder named by its content.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::uv::{Uv, links, text};
use super::{Environment, Requirement, damaged, tree};
use crate::cache::{Cache, Digest, KeyParts};
use crate::python::installer::{self, BuildTags, GivenWheel, Layout};
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Report, Result};

/// The folder of the cache that environments stand in.
const FOLDER: &str = "envs";
/// Changes with everything below that changes what an environment holds.
const RECIPE: u32 = 1;
/// The file that says what an environment is made of.
pub(super) const RECORD: &str = "wheelbuild-environment.json";

/// Where isolated builds see their environment.
pub const SEEN_AT: &str = "/build/env";

/// What an environment is made for, besides its packages.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    pub python: &'a BuildPython,
    /// Files of ours for its site-packages: (name, content). The `.pth` file that shows hooks the
    /// target is one.
    pub site_files: &'a [(&'a str, &'a str)],
    /// Files that take the place of what the packages put there: (path in the environment, content).
    pub overlay: &'a [(&'a str, &'a [u8])],
}

/// What is kept beside an environment's files.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    parts: KeyParts,
    requirements: Vec<Requirement>,
    pub tree: Digest,
}

impl Record {
    pub fn read(root: &Path) -> Result<Self> {
        let text = fs::read(root.join(RECORD)).map_err(|_| damaged(root))?;
        serde_json::from_slice(&text).map_err(|_| damaged(root))
    }
}

/// The environment of `requirements`, made by uv if it is not there yet. `extra_wheels` are those of
/// them that we built.
///
/// # Errors
/// [`Code::HashMismatch`] when the index has other files, [`Code::Network`], [`Code::Offline`],
/// [`Code::Resolution`] for what else uv says, [`Code::Io`].
pub fn install(
    uv: &Uv<'_>,
    recipe: &Recipe<'_>,
    requirements: &[Requirement],
    extra_wheels: &[PathBuf],
) -> Result<Environment> {
    make(uv.cache, uv.report, recipe, "uv", requirements, |root| {
        if requirements.is_empty() {
            return Ok(());
        }
        let scratch = uv.scratch()?;
        let file = scratch.path().join("requirements.txt");
        let lines: String = requirements
            .iter()
            .map(|r| format!("{}=={} --hash=sha256:{}\n", r.name, r.version, r.sha256))
            .collect();
        fs::write(&file, lines).map_err(|error| Error::io("write", &file, &error))?;
        let mut arguments: Vec<String> =
            ["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
                .map(str::to_owned)
                .to_vec();
        if let Some(folder) = links(extra_wheels, scratch.path())? {
            arguments.extend(["--find-links".to_owned(), text(&folder)]);
        }
        let python = text(&root.join("bin/python"));
        arguments.extend(["--python".to_owned(), python, "--requirements".to_owned(), text(&file)]);
        let said = uv.run(&arguments, "", scratch.path())?;
        // uv's lock against others of its kind; nobody else ever writes here.
        let _ = fs::remove_file(root.join(".lock"));
        if said.success { Ok(()) } else { Err(said.failure("the build requirements cannot be installed")) }
    })
}

/// The environment of `wheels` and nothing else, made by our own installer if it is not there yet:
/// no network, no resolver.
///
/// # Errors
/// [`Code::BuildDependency`] when a wheel cannot be installed for this interpreter; [`Code::Io`].
pub fn install_given(
    cache: &Cache,
    report: &Report,
    recipe: &Recipe<'_>,
    wheels: &[GivenWheel],
) -> Result<Environment> {
    installer::check(wheels, &BuildTags::of(recipe.python))?;
    let requirements: Vec<Requirement> = wheels.iter().map(|wheel| wheel.requirement.clone()).collect();
    make(cache, report, recipe, "wheelbuild", &requirements, |root| {
        let layout = Layout::Environment(recipe.python.version);
        installer::install(wheels, layout, Some(&recipe.python.full_version), root)
    })
}

fn make(
    cache: &Cache,
    report: &Report,
    recipe: &Recipe<'_>,
    by: &str,
    requirements: &[Requirement],
    put_packages: impl FnOnce(&Path) -> Result<()>,
) -> Result<Environment> {
    let mut requirements = requirements.to_vec();
    requirements.sort();
    let parts = key_parts(recipe, by, &requirements)?;
    let key = parts.key().to_string();
    let root = cache.made_once(FOLDER, &key, report, |root| {
        skeleton(root, recipe.python)?;
        put_packages(root)?;
        let version = recipe.python.version;
        let packages = root.join(Layout::Environment(version).site_packages());
        for (name, content) in recipe.site_files {
            let path = packages.join(name);
            // Taken by a package: it would be another's file.
            fs::File::create_new(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, content.as_bytes()))
                .map_err(|error| Error::io("write", &path, &error))?;
        }
        for (name, content) in recipe.overlay {
            let path = root.join(name);
            let failed = |error: std::io::Error| Error::io("write", &path, &error);
            // A new file: what stands there may be a link to another's.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            fs::create_dir_all(path.parent().unwrap_or(root)).map_err(failed)?;
            fs::write(&path, content).map_err(failed)?;
        }
        report.phase("build environment", "compile", || {
            installer::compile(&recipe.python.executable, &packages, root, SEEN_AT, report)
        })?;
        let record =
            Record { parts: parts.clone(), requirements: requirements.clone(), tree: tree::digest(root)? };
        let text = serde_json::to_vec_pretty(&record)
            .map_err(|error| Error::bug(format!("a record does not serialise: {error}")))?;
        let path = root.join(RECORD);
        fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
        tree::make_read_only(root)
    })?;
    Ok(Environment { root, key, requirements, version: recipe.python.version })
}

fn key_parts(recipe: &Recipe<'_>, by: &str, requirements: &[Requirement]) -> Result<KeyParts> {
    let mut parts = KeyParts::new()
        .with("recipe", RECIPE)
        .with("installer", by)
        .with("interpreter", &recipe.python.identity);
    for pair in requirements.windows(2) {
        if pair[0].name == pair[1].name {
            let headline = format!("`{}` is given twice", pair[0].name);
            return Err(Error::new(Code::BuildDependency, headline));
        }
    }
    for Requirement { name, version, sha256, .. } in requirements {
        parts = parts.with(&format!("requirement {name}"), format!("{version} {sha256}"));
    }
    for (name, content) in recipe.overlay {
        parts = parts.with(&format!("overlay {name}"), Digest::of(content));
    }
    for (name, content) in recipe.site_files {
        parts = parts.with(&format!("site file {name}"), Digest::of(content));
    }
    Ok(parts)
}

/// A virtual environment (PEP 405) without packages. Every link in it is relative but the one to the
/// base interpreter, which builds see where it is.
fn skeleton(root: &Path, python: &BuildPython) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Error::io("make", &path, &error)
    };
    let bin = root.join("bin");
    let packages = root.join(Layout::Environment(python.version).site_packages());
    for folder in [&bin, &packages] {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let program = python.version.program();
    let links = [
        ("bin/python", python.executable.as_path()),
        ("bin/python3", Path::new("python")),
        (&format!("bin/{program}"), Path::new("python")),
        // Where a distribution's Python says lib64.
        ("lib64", Path::new("lib")),
    ];
    for (name, to) in links {
        let path = root.join(name);
        symlink(to, &path).map_err(failed(&path))?;
    }
    let home = python.executable.parent().unwrap_or(Path::new("/")).display();
    let version = &python.full_version;
    let configuration = format!(
        "home = {home}\nimplementation = CPython\nversion_info = {version}\nversion = {version}\n\
         include-system-site-packages = false\nrelocatable = true\n"
    );
    let path = root.join("pyvenv.cfg");
    fs::write(&path, configuration).map_err(failed(&path))
}
