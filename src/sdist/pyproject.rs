//! pyproject.toml as a builder reads it: `[build-system]` (PEP 517, PEP 518) and the names of
//! `[project]` (PEP 621). Everything else belongs to the backend and other tools.

use std::fmt::Display;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::metadata::{is_valid_name, parse_version, requirement};
use crate::report::{Code, Error, Result};

/// Larger than any there is.
const LARGEST: u64 = 4 << 20;

/// What setup.py stood for before pyproject.toml: this backend also puts the project's folder on
/// `sys.path`, as running setup.py does (PEP 517, "default").
const LEGACY_BACKEND: &str = "setuptools.build_meta:__legacy__";

/// The first setuptools whose legacy backend works as PEP 517 asks.
const LEGACY_REQUIRES: &str = "setuptools>=40.8.0";

/// How a project is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSystem {
    /// PEP 508 requirements, as written.
    pub requires: Vec<String>,
    /// `module:object` of the PEP 517 backend.
    pub backend: String,
    /// Folders within the source tree that the backend is imported from, relative to it.
    pub backend_path: Vec<String>,
}

impl Default for BuildSystem {
    /// What is meant where a project does not say.
    fn default() -> Self {
        Self {
            requires: vec![LEGACY_REQUIRES.to_owned()],
            backend: LEGACY_BACKEND.to_owned(),
            backend_path: Vec::new(),
        }
    }
}

/// What `[project]` says about the artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub name: String,
    /// `None` if it is dynamic.
    pub version: Option<String>,
    pub dynamic: Vec<String>,
}

/// The text of a pyproject.toml that is known to parse, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Pyproject {
    text: String,
}

impl Pyproject {
    /// Reads pyproject.toml in the folder `root`; a missing one says nothing.
    ///
    /// # Errors
    /// [`Code::BadPyproject`] with line and column when it is not TOML.
    pub fn of(root: &Path) -> Result<Self> {
        let path = root.join("pyproject.toml");
        let facts = match std::fs::metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        if facts.len() > LARGEST {
            return Err(Error::new(
                Code::BadPyproject,
                format!("pyproject.toml is larger than {LARGEST} bytes"),
            ));
        }
        let bytes = std::fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
        Self::parse(bytes)
    }

    /// The same for the contents of the file.
    ///
    /// # Errors
    /// As [`Pyproject::of`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            bad(&before, at, "pyproject.toml is not UTF-8")
        })?;
        let pyproject = Self { text };
        pyproject.document()?;
        Ok(pyproject)
    }

    fn document(&self) -> Result<DeTable<'_>> {
        match DeTable::parse(&self.text) {
            Ok(document) => Ok(document.into_inner()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err(bad(&self.text, at, "pyproject.toml is not valid TOML").cause(error.message().to_owned()))
            }
        }
    }

    /// `[build-system]`, with the defaults of PEP 517 and PEP 518.
    ///
    /// # Errors
    /// [`Code::BadPyproject`] with line and column when the table breaks these PEPs: no `requires`,
    /// a requirement that is none, an unknown key, a value of another type, a backend that is no
    /// Python name. Where `backend-path` leads is for the caller to check.
    pub fn build_system(&self) -> Result<BuildSystem> {
        let document = self.document()?;
        let mut build_system = BuildSystem::default();
        let Some((_, value)) = find(&document, "build-system") else {
            return Ok(build_system);
        };
        let table = self.table(value, "build-system")?;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "requires" => build_system.requires = self.requirements(value)?,
                "build-backend" => build_system.backend = self.backend(value)?,
                "backend-path" => {
                    let folders = self.strings(value, "backend-path")?;
                    build_system.backend_path =
                        folders.into_iter().map(|folder| folder.get_ref().to_string()).collect();
                }
                other => {
                    let known = ["requires", "build-backend", "backend-path"];
                    let error = self
                        .bad(key, format!("`[build-system]` has the unknown key `{}`", other.escape_debug()));
                    return Err(match nearest(other, &known) {
                        Some(near) => error.cause(format!("did the authors mean `{near}`?")),
                        None => error,
                    });
                }
            }
        }
        if find(table, "requires").is_none() {
            return Err(self.bad(value, "`[build-system]` has no `requires`").cause("PEP 518 demands it"));
        }
        Ok(build_system)
    }

    /// Name and version of `[project]`, `None` without that table.
    ///
    /// # Errors
    /// [`Code::BadPyproject`] with line and column when the table breaks PEP 621.
    pub fn project(&self) -> Result<Option<Project>> {
        let document = self.document()?;
        let Some((_, value)) = find(&document, "project") else { return Ok(None) };
        let table = self.table(value, "project")?;
        let dynamic: Vec<String> = match find(table, "dynamic") {
            Some((_, list)) => {
                self.strings(list, "dynamic")?.into_iter().map(|field| field.get_ref().to_string()).collect()
            }
            None => Vec::new(),
        };
        let is_dynamic = |field: &str| dynamic.iter().any(|name| name == field);
        let Some((_, name_value)) = find(table, "name") else {
            return Err(self
                .bad(value, "`[project]` has no `name`")
                .cause("PEP 621 demands it, never dynamic"));
        };
        let name = self.string(name_value, "name")?;
        if !is_valid_name(name) {
            return Err(self.bad(name_value, format!("`{}` is no valid project name", name.escape_debug())));
        }
        let version = match find(table, "version") {
            Some((key, _)) if is_dynamic("version") => {
                return Err(self.bad(key, "`version` of `[project]` is both given and dynamic"));
            }
            Some((_, version)) => {
                let text = self.string(version, "version")?;
                let parsed = parse_version(text);
                parsed.map_err(|error| self.bad(version, error.headline().to_owned()))?;
                Some(text.to_owned())
            }
            None if is_dynamic("version") => None,
            None => return Err(self.bad(value, "`[project]` has neither `version` nor lists it as dynamic")),
        };
        Ok(Some(Project { name: name.to_owned(), version, dynamic }))
    }

    /// The identifiers of `[external]`'s `host-requires` and `build-requires` (PEP 725, a draft): what the
    /// project needs that no package index has. Since it is a draft, a table of another shape says nothing.
    pub fn external(&self) -> Vec<String> {
        let Ok(document) = self.document() else { return Vec::new() };
        let table = find(&document, "external").and_then(|(_, value)| self.table(value, "external").ok());
        let lists = ["host-requires", "build-requires"].into_iter().filter_map(|key| find(table?, key));
        lists
            .filter_map(|(_, list)| self.strings(list, "external").ok())
            .flatten()
            .map(|item| item.get_ref().to_string())
            .collect()
    }

    fn requirements(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>> {
        let mut requires = Vec::new();
        for item in self.strings(value, "requires")? {
            let text: &str = item.get_ref();
            requirement(text).map_err(|why| {
                self.bad(&item, format!("`{}` is no valid requirement", text.escape_debug()))
                    .cause(why)
                    .cause("requirements follow PEP 508")
            })?;
            requires.push(text.to_owned());
        }
        Ok(requires)
    }

    fn backend(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let text = self.string(value, "build-backend")?;
        let (module, object) =
            text.split_once(':').map_or((text, None), |(module, object)| (module, Some(object)));
        if !is_dotted_name(module) || !object.is_none_or(is_dotted_name) {
            return Err(self
                .bad(value, format!("`{}` is no build backend", text.escape_debug()))
                .cause("PEP 517 writes it `module.submodule` or `module:object`"));
        }
        Ok(text.to_owned())
    }

    fn table<'v, 'i>(&self, value: &'v Spanned<DeValue<'i>>, what: &str) -> Result<&'v DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.bad(value, format!("`{what}` is no table"))),
        }
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'_>>, what: &str) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.bad(value, format!("`{what}` is no string"))),
        }
    }

    fn strings<'v>(&self, value: &'v Spanned<DeValue<'_>>, what: &str) -> Result<Vec<Spanned<&'v str>>> {
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.bad(value, format!("`{what}` is no list of strings")));
        };
        list.iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(Spanned::new(item.span(), text.as_ref())),
                _ => Err(self.bad(item, format!("`{what}` holds something that is no string"))),
            })
            .collect()
    }

    fn bad<T>(&self, at: &Spanned<T>, headline: impl Into<String>) -> Error {
        bad(&self.text, at.span().start, headline)
    }
}

fn find<'t, 'i>(
    table: &'t DeTable<'i>,
    key: &str,
) -> Option<(&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    table.iter().find(|(name, _)| name.get_ref() == key)
}

/// An error about byte `at` of `text`, with line, column and the line itself.
fn bad(text: &str, at: usize, headline: impl Into<String>) -> Error {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[start..].chars().count() + 1;
    let shown: String = text[start..].lines().next().unwrap_or_default().chars().take(200).collect();
    let error = Error::new(Code::BadPyproject, headline).cause(place(line, column));
    if shown.trim().is_empty() { error } else { error.line(shown) }
}

fn place(line: impl Display, column: impl Display) -> String {
    format!("pyproject.toml, line {line}, column {column}")
}

fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
            && chars.all(|c| c == '_' || c.is_alphanumeric())
    })
}

fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|name| (strsim::damerau_levenshtein(word, name), *name));
    scored.min().filter(|(distance, _)| *distance <= 3).map(|(_, name)| name)
}
