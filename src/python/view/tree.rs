//! `--target-python DIR`: the view's data from a real Python of the target.
//!
//! The tree may be laid out as python-build-standalone's (`lib/python3.11`, also below `python/` or
//! `install/`) or as Debian's (`usr/lib/python3.11`, `pyconfig.h` in a folder of the multiarch
//! triplet). Nothing in it is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::literal::{self, Value, Variables};
use super::{config_header, table};
use crate::python::interpreter::Headers;
use crate::report::{Code, Error, Result};
use crate::target::{PythonVersion, Target};

/// A Python of the target, as found on disk.
#[derive(Debug)]
pub(super) struct Tree {
    pub variables: Variables,
    pub headers: Headers,
}

/// Where a tree may begin below the folder that was named.
const ROOTS: [&str; 5] = ["", "usr", "install", "python", "python/install"];

impl Tree {
    /// Reads the Python `version` of `target` in `folder`.
    ///
    /// # Errors
    /// [`Code::TargetPython`] if it holds none, or one that disagrees with what we know of the target.
    pub fn read(folder: &Path, version: PythonVersion, target: &Target) -> Result<Self> {
        let unusable = |why: String| {
            let headline =
                format!("`{}` holds no Python {version} for {}", folder.display(), target.family());
            Error::new(Code::TargetPython, headline).cause(why)
        };
        let found = prefixes(folder, version, target);
        let Some((_, data)) = found.first() else {
            let hint = "name the folder above `lib/` and `include/`: `--target-python DIR`";
            let why = "no `_sysconfigdata_*.py` of that version and machine in it".to_owned();
            return Err(unusable(why).hint(hint));
        };
        let text = std::fs::read_to_string(data).map_err(|error| Error::io("read", data, &error))?;
        let variables =
            literal::parse(&text).map_err(|why| unusable(format!("`{}`: {why}", data.display())))?;
        let suffix = version.extension_suffix(target);
        match variables.get("EXT_SUFFIX") {
            Some(Value::Str(found)) if *found == suffix => {}
            found => return Err(unusable(format!("its EXT_SUFFIX is {found:?}, not `{suffix}`"))),
        }
        let headers = found
            .iter()
            .find_map(|(prefix, _)| headers(prefix, version, target))
            .ok_or_else(|| unusable("no `Python.h` with a `pyconfig.h` in it".to_owned()))?;
        let config = std::fs::read_to_string(&headers.config)
            .map_err(|error| Error::io("read", &headers.config, &error))?;
        let differ = disagreements(&config_header::values(&config), target);
        if !differ.is_empty() {
            let error = unusable("its pyconfig.h is of another machine or C library".to_owned());
            return Err(differ.into_iter().fold(error, Error::line));
        }
        Ok(Self { variables, headers })
    }
}

/// The prefixes in `folder` that hold the sysconfig data, with the file. Debian's merged `/usr` makes two
/// of one, of which only the real one has `include/`.
fn prefixes(folder: &Path, version: PythonVersion, target: &Target) -> Vec<(PathBuf, PathBuf)> {
    let name = format!("{}.py", super::lie::data_module(version, target));
    let data = |prefix: &PathBuf| prefix.join("lib").join(version.program()).join(&name);
    let all = ROOTS.iter().map(|root| folder.join(root));
    all.map(|prefix| (prefix.clone(), data(&prefix))).filter(|(_, data)| data.is_file()).collect()
}

fn headers(root: &Path, version: PythonVersion, target: &Target) -> Option<Headers> {
    let include = root.join("include");
    let folder = include.join(version.program());
    let config = [include.join(version.multiarch(target)).join(version.program()), folder.clone()]
        .map(|folder| folder.join("pyconfig.h"))
        .into_iter()
        .find(|file| file.is_file())?;
    folder.join("Python.h").is_file().then_some(Headers { folder, config })
}

/// Where a real pyconfig.h contradicts the table in what decides the layout of data, `NAME: theirs, ours`.
pub(super) fn disagreements(real: &BTreeMap<String, Option<String>>, target: &Target) -> Vec<String> {
    let decides_layout = |name: &str| {
        ["SIZEOF_", "ALIGNOF_", "DOUBLE_IS_", "WORDS_", "FLOAT_WORDS_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let layout = table::settings(target).into_iter().filter(|(name, _)| decides_layout(name));
    layout
        .filter_map(|(name, ours)| {
            let theirs = real.get(name)?;
            let ours = ours.number().map(|number| number.to_string());
            let say = |value: &Option<String>| value.clone().unwrap_or_else(|| "undefined".to_owned());
            (*theirs != ours && !table::is_explained(name, target))
                .then(|| format!("{name}: {} there, {} on {}", say(theirs), say(&ours), target.family()))
        })
        .collect()
}
