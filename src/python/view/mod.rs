//! What the build hooks see of the target's Python.
//!
//! A view is a folder laid out as a CPython's prefix:
//!
//! ```text
//! ROOT/lib/python3.11/_sysconfigdata__linux_aarch64-linux-gnu.py
//! ROOT/lib/python3.11/build-details.json       (PEP 739)
//! ROOT/lib/pkgconfig/python-3.11.pc, python3.pc, and -embed
//! ROOT/include/python3.11/Python.h, pyconfig.h, …
//! ROOT/lie.py                                  (what `lie.py` of this module shows)
//! ```
//!
//! One layout serves sysconfig, distutils, meson, CMake's FindPython and PyO3. No Python of the
//! target is needed: the data are the build interpreter's, of the same version, with the
//! differences of `toolchains/sysconfig.toml`. A real tree can be taken instead. The content
//! depends on the interpreter's configuration, the target and the paths it will be seen at, on
//! nothing else, so that two machines write the same bytes.

mod config_header;
mod describe;
mod lie;
mod literal;
mod table;
mod tree;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use lie::{HOOK_VARIABLES, SITE_FILES, VIEW_VARIABLE};
#[cfg(test)]
use literal::Value;
use literal::Variables;

use super::installer;
use super::interpreter::BuildPython;
use crate::cache::{Cache, KeyParts};
use crate::report::{Code, Error, Report, Result};
use crate::target::{PythonVersion, Target};

/// Where the hooks will see things; both absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewPaths {
    /// The view itself, for example `/build/target`.
    pub root: PathBuf,
    /// The folder of the compiler drivers (`cc`, `c++`, `ar`, `ranlib`), for example `/build/bin`.
    pub bin: PathBuf,
}

/// A view that was written. Its paths are the ones the hooks see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub version: PythonVersion,
    pub target: Target,
    /// Whether the headers of CPython are in it. Without, `Python.h` says how to get them.
    pub has_headers: bool,
    root: PathBuf,
}

impl View {
    fn of(python: &BuildPython, target: &Target, inside: &ViewPaths, has_headers: bool) -> Self {
        Self { version: python.version, target: *target, has_headers, root: inside.root.clone() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the sysconfig data: PyO3's `PYO3_CROSS_LIB_DIR`.
    pub fn lib_dir(&self) -> PathBuf {
        self.root.join("lib").join(self.version.program())
    }

    /// The folder of `Python.h` and `pyconfig.h`.
    pub fn include_dir(&self) -> PathBuf {
        self.root.join("include").join(self.version.program())
    }

    /// The folder of the pkg-config files.
    pub fn pkg_config_dir(&self) -> PathBuf {
        self.root.join("lib/pkgconfig")
    }

    /// PEP 739's file.
    pub fn build_details(&self) -> PathBuf {
        self.lib_dir().join("build-details.json")
    }

    /// The variables that switch the view on, for the hooks alone.
    ///
    /// `SETUPTOOLS_EXT_SUFFIX` is not among them: setup scripts exist that break when it is set.
    pub fn hook_environment(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            (VIEW_VARIABLE.to_owned(), self.root.display().to_string()),
            ("_PYTHON_HOST_PLATFORM".to_owned(), self.target.python_platform()),
            ("_PYTHON_SYSCONFIGDATA_NAME".to_owned(), lie::data_module(self.version, &self.target)),
        ];
        // CPython 3.14 reads the data from a folder that is not on sys.path.
        if self.version.minor >= 14 {
            variables.push(("_PYTHON_SYSCONFIGDATA_PATH".to_owned(), self.lib_dir().display().to_string()));
        }
        variables
    }
}

/// Writes the view of `target` for hooks run by `python` into the folder `into` (made if absent).
///
/// `tree` is a real Python of the target to take data and headers from (`--target-python`).
///
/// # Errors
/// [`Code::TargetPython`] for a tree of another version or target; [`Code::InterpreterNotFound`] if
/// the build interpreter's own data cannot be read; file errors.
pub fn write_view(
    python: &BuildPython,
    target: &Target,
    inside: &ViewPaths,
    tree: Option<&Path>,
    into: &Path,
) -> Result<View> {
    let (view, files) = compose(python, target, inside, tree)?;
    write(&files, into)?;
    Ok(view)
}

/// The view of `target` for hooks run by `python`, kept in `cache` for every build that sees it at
/// the same paths, and the folder it stands in: hundreds of headers are not written for each build.
/// Hooks must not be able to write to it.
///
/// # Errors
/// As [`write_view`].
pub fn keep_view(
    cache: &Cache,
    report: &Report,
    python: &BuildPython,
    target: &Target,
    inside: &ViewPaths,
) -> Result<(View, PathBuf)> {
    let key = KeyParts::new()
        .with("recipe", env!("WHEELBUILD_RECIPE"))
        .with("interpreter", &python.identity)
        .with("configuration", super::digest(&read(&python.sysconfig_data)?))
        .with("target", target)
        .with("root", inside.root.display())
        .with("bin", inside.bin.display())
        .key();
    let folder = cache.made_once("views", &key.to_string(), report, |into| {
        write(&compose(python, target, inside, None)?.1, into)?;
        // Every setup.py reads the sysconfig data.
        let modules = into.join("lib").join(python.version.program());
        installer::compile(&python.executable, &modules, into, &inside.root.to_string_lossy(), report)
    })?;
    Ok((View::of(python, target, inside, python.headers.is_some()), folder))
}

fn write(files: &BTreeMap<String, Vec<u8>>, into: &Path) -> Result<()> {
    for (name, content) in files {
        let path = into.join(name);
        let folder = path.parent().unwrap_or(into);
        std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        std::fs::write(&path, content).map_err(|error| Error::io("write", &path, &error))?;
    }
    Ok(())
}

/// The view as [`write_view`] would write it, and its files by their path in it.
///
/// # Errors
/// As [`write_view`], less the writing.
pub fn compose(
    python: &BuildPython,
    target: &Target,
    inside: &ViewPaths,
    tree: Option<&Path>,
) -> Result<(View, BTreeMap<String, Vec<u8>>)> {
    let version = python.version;
    let mut files = BTreeMap::new();
    let (variables, headers, config);
    match tree {
        Some(folder) => {
            let tree = tree::Tree::read(folder, version, target)?;
            variables = variables::adapt(&tree.variables, version, target, inside);
            config = [("Py_ENABLE_SHARED", None)].into();
            headers = Some(tree.headers);
        }
        None => {
            variables = variables::synthesise(&read_data(&python.sysconfig_data)?, version, target, inside);
            config = header_settings(version, target);
            headers = python.headers.clone();
        }
    }
    let include = format!("include/{}", version.program());
    match &headers {
        Some(headers) => {
            for (name, path) in headers.files()? {
                files.insert(format!("{include}/{name}"), read(&path)?);
            }
            let text = String::from_utf8_lossy(&read(&headers.config)?).into_owned();
            files.insert(format!("{include}/pyconfig.h"), config_header::edit(&text, &config).into_bytes());
        }
        None => {
            files.insert(format!("{include}/Python.h"), no_headers(python).into_bytes());
        }
    }
    let lib = format!("lib/{}", version.program());
    let module = lie::data_module(version, target);
    files.insert(format!("{lib}/{module}.py"), literal::render(&variables).into_bytes());
    let details = describe::build_details(version, &python.full_version, target, inside);
    files.insert(format!("{lib}/build-details.json"), details.into_bytes());
    for (name, text) in describe::pkg_config(version, inside) {
        files.insert(format!("lib/pkgconfig/{name}"), text.into_bytes());
    }
    files.insert(lie::SHOWN.to_owned(), lie::shown(version, target, inside).into_bytes());
    Ok((View::of(python, target, inside, headers.is_some()), files))
}

/// The digest of what a view takes from the interpreter with this sysconfig data, for any target.
pub(super) fn neutral_digest(sysconfig_data: &Path) -> Result<String> {
    let neutral = variables::neutral(&read_data(sysconfig_data)?);
    Ok(super::digest(literal::render(&neutral).as_bytes()))
}

fn read_data(path: &Path) -> Result<Variables> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    literal::parse(&text).map_err(|why| {
        let headline = format!("the interpreter's sysconfig data `{}` cannot be read", path.display());
        Error::new(Code::InterpreterNotFound, headline).cause(why)
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read", path, &error))
}

/// The table's values in the form of pyconfig.h.
fn header_settings(version: PythonVersion, target: &Target) -> BTreeMap<&'static str, Option<String>> {
    let mut settings: BTreeMap<_, _> = table::settings(target)
        .into_iter()
        .map(|(name, setting)| (name, setting.number().map(|number| number.to_string())))
        .collect();
    settings.insert("SOABI_PLATFORM", Some(format!("\"{}\"", version.multiarch(target))));
    settings
}

/// What stands for `Python.h` when the build interpreter has no headers: pure packages build, others say why not.
fn no_headers(python: &BuildPython) -> String {
    format!(
        "#error \"the build interpreter has no C headers: install them (Debian: libpython{}-dev) or choose another with --python\"\n",
        python.version
    )
}

#[cfg(test)]
mod tests;
