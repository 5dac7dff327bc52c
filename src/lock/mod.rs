//! Locks: five formats, one model (docs/locks.md).
//!
//! [`Lock::read`] recognises pdm.lock, poetry.lock, uv.lock, pylock.toml and hashed requirements by
//! their content. [`Lock::environment`] says whether a target is within what was locked, and
//! [`Lock::select`] which packages are wanted there. Nothing of a project is ever run.

mod document;
mod environment;
mod marker;
mod model;
mod pdm;
mod poetry;
mod project;
mod pylock;
mod range;
mod recognise;
mod requirement;
mod requirements;
mod select;
#[cfg(test)]
mod tests;
mod uv;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use marker::{Asked, Marker};
pub use model::{Condition, Edge, File, Kind, Package, Part, Source};
pub use range::Range;
pub use select::{Selected, Selection};

use crate::report::{Code, Error, Result};
use crate::target::{Platform, PythonVersion};

/// Larger than any lock there is.
const LARGEST: u64 = 64 << 20;

/// Whose lock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Pdm,
    Poetry,
    Uv,
    Pylock,
    Requirements,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pdm => "pdm.lock",
            Self::Poetry => "poetry.lock",
            Self::Uv => "uv.lock",
            Self::Pylock => "pylock.toml",
            Self::Requirements => "requirements",
        })
    }
}

/// An environment that a lock was made for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Locked {
    marker: Marker,
    requires_python: Option<Range>,
    /// pdm's name of a platform.
    platform: Option<String>,
}

/// Extras or groups that exclude each other, as (project, part).
pub(crate) type Conflict = Vec<(String, Part)>;

/// A lock as it was read.
#[derive(Clone, Debug)]
pub struct Lock {
    pub path: PathBuf,
    pub format: Format,
    pub packages: Vec<Package>,
    pub requires_python: Option<Range>,
    /// The extras and groups there are to choose from.
    pub extras: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    /// Groups that count unless others are asked for exclusively (PEP 751).
    pub default_groups: BTreeSet<String>,
    /// Whether packages are found by walking from `roots`, or say themselves when they are wanted.
    pub walks: bool,
    /// Positions in `packages` of the projects the lock was made for.
    pub roots: Vec<usize>,
    /// Files that must not be taken as wheels, or not be built, by the lock's own words; `:all:`
    /// stands for every package.
    pub no_binary: BTreeSet<String>,
    pub no_build: BTreeSet<String>,
    /// What was strange but could be left out, as sentences.
    pub notes: Vec<String>,
    /// Where the lock was made for certain environments only: those. Empty: all.
    pub(crate) locked_for: Vec<Locked>,
    pub(crate) conflicts: Vec<Conflict>,
}

impl Lock {
    fn new(path: &Path, format: Format) -> Self {
        Self {
            path: path.to_owned(),
            format,
            packages: Vec::new(),
            requires_python: None,
            extras: BTreeSet::new(),
            groups: BTreeSet::new(),
            default_groups: BTreeSet::new(),
            walks: false,
            roots: Vec::new(),
            no_binary: BTreeSet::new(),
            no_build: BTreeSet::new(),
            notes: Vec::new(),
            locked_for: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// Reads the lock at `path`. pyproject.toml is looked for at `project` (file or folder), else
    /// beside the lock; only locks that do not name their roots need it.
    ///
    /// # Errors
    /// [`Code::InputNotFound`], [`Code::UnknownLock`] for what is no lock we know, [`Code::BadLock`]
    /// with file, line and package, [`Code::LockProject`] when pyproject.toml is needed and absent.
    pub fn read(path: &Path, project: Option<&Path>) -> Result<Self> {
        let facts = std::fs::metadata(path).map_err(|error| {
            Error::new(Code::InputNotFound, format!("cannot read `{}`", path.display()))
                .cause(error.to_string())
        })?;
        if facts.is_dir() {
            return Err(Error::new(Code::InputNotFound, format!("`{}` is a folder", path.display()))
                .hint("name the lock itself, for example `uv.lock`"));
        }
        if facts.len() > LARGEST {
            let headline = format!("`{}` is larger than {LARGEST} bytes", path.display());
            return Err(Error::new(Code::UnknownLock, headline));
        }
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
        let project = project::Pyproject::find(path, project)?;
        Self::parse(path, &bytes, project.as_ref())
    }

    /// The same for the contents of a lock; `path` is where it lies.
    ///
    /// # Errors
    /// As [`Lock::read`].
    pub fn parse(path: &Path, bytes: &[u8], project: Option<&project::Pyproject>) -> Result<Self> {
        let mut lock = recognise::parse(path, bytes, project)?;
        lock.note_files();
        Ok(lock)
    }

    /// The environment of `python` on `platform`, if it is within what was locked. `patch` is the
    /// patch release, where one is named.
    ///
    /// # Errors
    /// [`Code::OutsideLock`].
    pub fn environment(
        &self,
        platform: Platform,
        python: PythonVersion,
        patch: Option<u32>,
    ) -> Result<Environment> {
        let outside = |what: String| {
            Error::new(Code::OutsideLock, format!("{what} is outside of `{}`", self.path.display()))
        };
        let mut environment = Environment::new(platform, python, patch)?;
        if let Some(range) = &self.requires_python {
            // Without a patch release the newest one counts that was locked for.
            let newest_first = patch.map_or_else(|| (0..=99).rev().collect(), |patch| vec![patch]);
            let inside = newest_first.into_iter().find_map(|patch| {
                let environment = Environment::new(platform, python, Some(patch)).ok()?;
                range.contains(environment.full_version()).then_some(environment)
            });
            let Some(inside) = inside else {
                return Err(outside(format!("Python {python}"))
                    .cause(format!("it was made for Python {range}"))
                    .hint("lock again with a wider `requires-python`, or choose another `--python`"));
            };
            environment = inside;
        }
        let nothing = Asked::default();
        let fits = |locked: &Locked| {
            locked.marker.holds(&environment, &nothing)
                && locked
                    .requires_python
                    .as_ref()
                    .is_none_or(|range| range.contains(environment.full_version()))
                && locked.platform.as_ref().is_none_or(|name| pdm::platform_covers(name, &platform))
        };
        if !self.locked_for.is_empty() && !self.locked_for.iter().any(fits) {
            let error = outside(format!("{platform} with Python {python}"));
            let error = self
                .locked_for
                .iter()
                .fold(error, |error, locked| error.cause(format!("it was made for {}", locked.describe())));
            return Err(error.hint("lock again for this target, or choose another `--target` or `--python`"));
        }
        Ok(environment)
    }

    /// Names that are strange: reported, and the files never taken.
    fn note_files(&mut self) {
        let mut notes = Vec::new();
        for package in &mut self.packages {
            let name = package.name.clone();
            let version = package.version.clone();
            package.files.retain(|file| {
                let problem = match &file.kind {
                    Kind::Unreadable(why) => format!("is no wheel name ({why})"),
                    Kind::Wheel(wheel) if wheel.name() != name => "is of another project".to_owned(),
                    Kind::Wheel(wheel)
                        if version.as_deref().is_some_and(|version| !same_version(wheel, version)) =>
                    {
                        "is of another version".to_owned()
                    }
                    _ => return true,
                };
                let place = format!("line {}, package `{name}`", package.line);
                notes.push(format!("{place}: `{}` {problem}; it is left out", file.name.escape_debug()));
                false
            });
        }
        self.notes.extend(notes);
    }
}

fn same_version(wheel: &crate::wheel::WheelFileName, version: &str) -> bool {
    version.parse::<crate::metadata::Version>().is_ok_and(|version| *wheel.version() == version)
}

impl Locked {
    fn of_marker(marker: Marker) -> Self {
        Self { marker, requires_python: None, platform: None }
    }

    fn describe(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.platform.as_ref().map(|name| format!("the platform `{name}`")));
        parts.extend(self.requires_python.as_ref().map(|range| format!("Python {range}")));
        if !self.marker.text().is_empty() {
            parts.push(format!("`{}`", self.marker.text()));
        }
        if parts.is_empty() { "every environment".to_owned() } else { parts.join(" and ") }
    }
}
