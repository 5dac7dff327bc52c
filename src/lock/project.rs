//! pyproject.toml beside a lock: what the project itself depends on, for locks that do not say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::document::{Node, Table, Text};
use super::model::{Edge, Package, Part, Source};
use super::{Range, poetry, requirement};
use crate::metadata::normalize;
use crate::report::{Code, Error, Result};

/// Groups may include each other so deep, and no deeper (PEP 735 forbids circles).
const DEEPEST: usize = 32;

/// Which tables count beside `[project]` and `[dependency-groups]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `[tool.pdm]`
    Standard,
    /// `[tool.poetry]`
    Poetry,
}

/// The file, unread until a lock needs it.
#[derive(Clone, Debug)]
pub struct Pyproject {
    path: PathBuf,
    text: String,
}

/// What it says.
pub(super) struct Read {
    pub package: Package,
    pub extras: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub requires_python: Option<Range>,
}

impl Pyproject {
    /// The file at `project` (itself, or in that folder), else beside the lock, if there is one.
    pub(super) fn find(lock: &Path, project: Option<&Path>) -> Result<Option<Self>> {
        let path = match project {
            Some(path) if path.is_dir() => path.join("pyproject.toml"),
            Some(path) => path.to_owned(),
            None => lock.parent().unwrap_or(Path::new("")).join("pyproject.toml"),
        };
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(Self { text: String::from_utf8_lossy(&bytes).into_owned(), path })),
            Err(error) if project.is_some() => {
                let headline = format!("cannot read the project `{}`", path.display());
                Err(Error::new(Code::InputNotFound, headline).cause(error.to_string()))
            }
            Err(_) => Ok(None),
        }
    }

    /// The file at `path` with this text.
    pub fn of_text(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Its folder relative to `folder`, as uv.lock names members: `.`, `packages/a`.
    pub(super) fn folder_below(&self, folder: &Path) -> Option<String> {
        let real = |path: &Path| {
            std::fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok()
        };
        let below = real(self.path.parent()?)?.strip_prefix(real(folder)?).ok()?.to_owned();
        let text = below.to_string_lossy().into_owned();
        Some(if text.is_empty() { ".".to_owned() } else { text })
    }

    /// The project as a package that nothing is fetched for.
    pub(super) fn read(&self, dialect: Dialect) -> Result<Read> {
        let text = Text { file: &self.path, text: &self.text };
        let document = text.parse()?;
        let root = Table::root(text, &document);
        let tool = root.table("tool")?;
        let poetry = tool.map(|tool| tool.table("poetry")).transpose()?.flatten();
        let project = root.table("project")?;
        let named = |table: Option<Table<'_>>| -> Result<Option<String>> {
            Ok(table.map(|table| table.string("name")).transpose()?.flatten().map(str::to_owned))
        };
        let name = match named(project)? {
            Some(name) => name,
            None => named(poetry)?.unwrap_or_else(|| "project".to_owned()),
        };
        let mut read = Read {
            package: Package::new(&name, None, Source::Virtual(".".to_owned()), 0),
            extras: BTreeSet::new(),
            groups: BTreeSet::new(),
            requires_python: None,
        };
        if let Some(project) = project {
            read.standard(project)?;
        }
        if let Some(groups) = root.table("dependency-groups")? {
            for (name, _) in groups.entries() {
                read.part(Part::Group(normalize(name)));
                read.group(groups, name, &normalize(name), 0)?;
            }
        }
        match dialect {
            Dialect::Poetry => {
                if let Some(poetry) = poetry {
                    let standard = project.is_some_and(|project| project.has("dependencies"));
                    read.poetry(poetry, standard)?;
                }
            }
            Dialect::Standard => {
                let pdm = tool.map(|tool| tool.table("pdm")).transpose()?.flatten();
                let groups = pdm.map(|pdm| pdm.table("dev-dependencies")).transpose()?.flatten();
                for (name, list) in groups.into_iter().flat_map(Table::entries) {
                    read.part(Part::Group(normalize(name)));
                    for node in list.list(name)? {
                        // `-e file:///…#egg=name` is the one form that is no requirement.
                        let text = node.string(name)?;
                        if !text.trim_start().starts_with("-e") {
                            read.depend(Part::Group(normalize(name)), text, &node)?;
                        }
                    }
                }
            }
        }
        Ok(read)
    }
}

impl Read {
    fn part(&mut self, part: Part) {
        match &part {
            Part::Extra(name) => self.extras.insert(name.clone()),
            Part::Group(name) => self.groups.insert(name.clone()),
            Part::Main => false,
        };
        self.package.dependencies.entry(part).or_default();
    }

    fn depend(&mut self, part: Part, text: &str, node: &Node<'_>) -> Result<()> {
        let edge = requirement::edge(text)
            .map_err(|why| node.bad(format!("`{}` is no requirement: {why}", text.escape_debug())))?;
        self.package.depend(part, edge);
        Ok(())
    }

    /// `[project]` (PEP 621).
    fn standard(&mut self, project: Table<'_>) -> Result<()> {
        if let Some(range) = project.string("requires-python")? {
            self.requires_python = Some(Range::pep440(range).map_err(|why| project.bad(why))?);
        }
        for node in project.list("dependencies")? {
            self.depend(Part::Main, node.string("dependencies")?, &node)?;
        }
        for (extra, list) in project.table("optional-dependencies")?.into_iter().flat_map(Table::entries) {
            let part = Part::Extra(normalize(extra));
            self.part(part.clone());
            for node in list.list(extra)? {
                self.depend(part.clone(), node.string(extra)?, &node)?;
            }
        }
        Ok(())
    }

    /// One of `[dependency-groups]` with what it includes (PEP 735).
    fn group(&mut self, groups: Table<'_>, name: &str, into: &str, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(groups.bad(format!("the group `{}` includes itself", name.escape_debug())));
        }
        let found = groups.entries().find(|(key, _)| normalize(key) == normalize(name));
        let Some((_, list)) = found else {
            return Err(groups.bad(format!("there is no group `{}`", name.escape_debug())));
        };
        for node in list.list(name)? {
            match node.as_table() {
                Some(table) => self.group(groups, table.required("include-group")?, into, depth + 1)?,
                None => self.depend(Part::Group(into.to_owned()), node.string(name)?, &node)?,
            }
        }
        Ok(())
    }

    /// `[tool.poetry]`. With dependencies of PEP 621 it only says more about the same ones.
    fn poetry(&mut self, poetry: Table<'_>, standard: bool) -> Result<()> {
        let mut optional: Vec<Edge> = Vec::new();
        if !standard {
            for (name, node) in poetry.table("dependencies")?.into_iter().flat_map(Table::entries) {
                if name == "python" {
                    continue;
                }
                for (edge, is_optional) in poetry::constraints(name, node)? {
                    match is_optional {
                        true => optional.push(edge),
                        false => self.package.depend(Part::Main, edge),
                    }
                }
            }
            for (extra, list) in poetry.table("extras")?.into_iter().flat_map(Table::entries) {
                let part = Part::Extra(normalize(extra));
                self.part(part.clone());
                for node in list.list(extra)? {
                    let wanted = normalize(node.string(extra)?);
                    for edge in optional.iter().filter(|edge| edge.name == wanted) {
                        self.package.depend(part.clone(), edge.clone());
                    }
                }
            }
        }
        let old = poetry.table("dev-dependencies")?.map(|table| ("dev", table));
        let mut groups: Vec<(&str, Table<'_>)> = old.into_iter().collect();
        for (name, node) in poetry.table("group")?.into_iter().flat_map(Table::entries) {
            groups.extend(node.table(name)?.table("dependencies")?.map(|table| (name, table)));
        }
        for (name, table) in groups {
            let part = Part::Group(normalize(name));
            self.part(part.clone());
            for (name, node) in table.entries() {
                for (edge, _) in poetry::constraints(name, node)? {
                    self.package.depend(part.clone(), edge);
                }
            }
        }
        Ok(())
    }
}
