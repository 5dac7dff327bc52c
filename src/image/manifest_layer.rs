//! One layer from a list of what it shall hold: what build systems call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::python::Scheme;
use super::site;
use super::tree::{Content, LayerTree, Node};
use crate::report::{Code, Error, Result};
use crate::wheel::WheelArchive;

/// The list, as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerManifest {
    /// 1
    version: u32,
    /// Where wheels are installed; needed if there is one.
    #[serde(default)]
    scheme: Option<SchemeEntry>,
    /// What chose the entries: each has to have chosen one.
    #[serde(default)]
    patterns: Vec<String>,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeEntry {
    site_packages: String,
    scripts: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    headers: Option<String>,
    /// The interpreter in the image, for programs.
    interpreter: String,
}

/// Exactly one of `file`, `link`, `folder` and `wheel` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// In the image; not for wheels.
    #[serde(default)]
    path: Option<String>,
    /// A file of this machine. A link is followed.
    #[serde(default)]
    file: Option<PathBuf>,
    /// The target of a symbolic link.
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    folder: bool,
    /// A wheel of this machine, to be installed.
    #[serde(default)]
    wheel: Option<PathBuf>,
    /// `0755` or `0644`; of files whose own mode decides if it is not given.
    #[serde(default)]
    mode: Option<String>,
    /// The list's patterns that chose it, by their place in `patterns`.
    #[serde(default)]
    patterns: Vec<usize>,
}

impl LayerManifest {
    /// Reads the list in the file at `path`.
    ///
    /// # Errors
    /// [`Code::InputNotFound`], [`Code::Usage`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| {
            Error::new(Code::InputNotFound, format!("cannot read the list `{}`", path.display()))
                .cause(error.to_string())
        })?;
        let list: Self = serde_json::from_slice(&text).map_err(|error| {
            Error::new(Code::Usage, format!("`{}` is no list of a layer", path.display()))
                .cause(error.to_string())
        })?;
        if list.version != 1 {
            return Err(Error::new(Code::Usage, format!("the list is of version {}, not 1", list.version)));
        }
        Ok(list)
    }

    /// The tree that is listed.
    ///
    /// # Errors
    /// [`Code::Usage`] for entries that say nothing or two things and for patterns that chose nothing;
    /// [`Code::PathConflict`]; what is wrong with a wheel.
    pub fn tree(&self) -> Result<LayerTree> {
        self.expect_chosen()?;
        let mut tree = LayerTree::default();
        for (number, entry) in self.entries.iter().enumerate() {
            self.place(entry, number, &mut tree)
                .map_err(|error| error.cause(format!("entry {} of the list", number + 1)))?;
        }
        Ok(tree)
    }

    /// Whoever writes a pattern means something by it.
    fn expect_chosen(&self) -> Result<()> {
        for (number, pattern) in self.patterns.iter().enumerate() {
            if !self.entries.iter().any(|entry| entry.patterns.contains(&number)) {
                return Err(Error::new(Code::Usage, format!("nothing goes to a layer by `{pattern}`"))
                    .cause("no file's path is like that, or those that are went to layers named before")
                    .hint(
                        "patterns are for whole paths below the runfiles folder, such as \
                         `_main/app/models/a.bin` or `_main/pip/numpy/site-packages/numpy/version.py`, \
                         where `*` stands for anything; the interpreter's files stay with it",
                    ));
            }
        }
        Ok(())
    }

    fn place(&self, entry: &Entry, number: usize, tree: &mut LayerTree) -> Result<()> {
        let wrong = |why: &str| Error::new(Code::Usage, why.to_owned());
        let kinds = [entry.file.is_some(), entry.link.is_some(), entry.folder, entry.wheel.is_some()];
        if kinds.iter().filter(|given| **given).count() != 1 {
            return Err(wrong("an entry has exactly one of `file`, `link`, `folder` and `wheel`"));
        }
        if let Some(wheel) = &entry.wheel {
            let scheme = self.scheme.as_ref().ok_or_else(|| wrong("wheels need a `scheme`"))?;
            return site::place(&Arc::new(WheelArchive::open(wheel)?), &[], &scheme.ready()?, tree);
        }
        let path = clean(entry.path.as_deref().ok_or_else(|| wrong("an entry needs a `path`"))?)?;
        if path.is_empty() {
            return if entry.folder { Ok(()) } else { Err(wrong("only a folder may be the root")) };
        }
        let owner: Arc<str> = match &entry.file {
            Some(file) => file.display().to_string().into(),
            None => format!("entry {}", number + 1).into(),
        };
        let node = if let Some(target) = &entry.link {
            if target.is_empty() || target.contains('\0') {
                return Err(wrong("a link needs a target"));
            }
            Node::Link { target: target.clone() }
        } else if let Some(file) = &entry.file {
            let facts = std::fs::metadata(file).map_err(|error| {
                Error::new(Code::InputNotFound, format!("there is no file `{}`", file.display()))
                    .cause(error.to_string())
            })?;
            if !facts.is_file() {
                return Err(wrong(&format!("`{}` is no file", file.display())));
            }
            let own = std::os::unix::fs::PermissionsExt::mode(&facts.permissions());
            let executable = match entry.mode.as_deref() {
                None => own & 0o100 != 0,
                Some("0755" | "755") => true,
                Some("0644" | "644") => false,
                Some(other) => return Err(wrong(&format!("`{other}` is no mode: 0755 or 0644"))),
            };
            Node::File { content: Content::File { path: file.clone(), size: facts.len() }, executable }
        } else {
            Node::Folder
        };
        tree.insert(&path, node, &owner)
    }
}

impl SchemeEntry {
    fn ready(&self) -> Result<Scheme> {
        let headers = self.headers.clone().unwrap_or_else(|| format!("{}/include", self.data));
        Ok(Scheme {
            site_packages: clean(&self.site_packages)?,
            scripts: clean(&self.scripts)?,
            data: clean(&self.data)?,
            headers: clean(&headers)?,
            program: format!("/{}", clean(&self.interpreter)?),
        })
    }
}

/// A path in the image without slashes at its ends.
fn clean(path: &str) -> Result<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Error::new(Code::Usage, format!("`{path}` has `..` in it"))),
            _ => parts.push(part),
        }
    }
    if path.contains('\0') {
        return Err(Error::new(Code::Usage, "a path has a NUL in it"));
    }
    Ok(parts.join("/"))
}
