//! Builds of one run, and wheels that earlier ones left in the cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::work::{Cell, Origin, Recipe};
use crate::build::{Builder, Built, Options, Source};
use crate::cache::{Cache, Digest};
use crate::index::{Index, LockedFile};
use crate::lock::File;
use crate::metadata::{normalize, parse_version};
use crate::process::{Interrupt, Turns};
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Report, Result};
use crate::target::{CompatibleTags, PythonVersion};
use crate::wheel::WheelFileName;

/// The options that a package is built with for a Python: its name, the Python.
pub type OptionsOf<'a> = dyn Fn(&str, PythonVersion) -> Result<Options> + Sync + 'a;

/// What builds, and with what.
pub struct Maker<'a> {
    cache: &'a Cache,
    index: &'a Index,
    interrupt: &'a Interrupt,
    report: &'a Report,
    options: &'a OptionsOf<'a>,
    pythons: Mutex<BTreeMap<PythonVersion, BuildPython>>,
    /// What the compilers of all builds wait for.
    turns: &'a Turns,
}

/// What one build may use.
pub(super) struct Share<'a> {
    /// Most compilers that it starts at once; they take turns with those of other builds.
    pub jobs: usize,
    /// Bytes; none: what the options say.
    pub memory: Option<u64>,
    pub report: &'a Report,
    /// Most memory of the hooks, bytes.
    pub used: &'a AtomicU64,
}

impl<'a> Maker<'a> {
    pub fn new(
        cache: &'a Cache,
        index: &'a Index,
        interrupt: &'a Interrupt,
        report: &'a Report,
        options: &'a OptionsOf<'a>,
        turns: &'a Turns,
    ) -> Self {
        Self { cache, index, interrupt, report, options, pythons: Mutex::new(BTreeMap::new()), turns }
    }

    pub(super) fn cache(&self) -> &Cache {
        self.cache
    }

    pub(super) fn interrupt(&self) -> &Interrupt {
        self.interrupt
    }

    /// The wheel of `recipe` for `cell`, if an earlier build left it. Nothing is fetched.
    ///
    /// # Errors
    /// When there is no such Python, and what the options say.
    pub(super) fn finished(&self, recipe: &Recipe, cell: &Cell) -> Result<Option<Built>> {
        let Origin::Sdist { file, .. } = &recipe.origin else { return Ok(None) };
        let (Some(sha256), Some(version)) = (file.sha256(), &recipe.version) else { return Ok(None) };
        let options = (self.options)(&recipe.name, cell.python)?;
        let builder = Builder::new(self.cache, self.index, &options, self.report, self.interrupt);
        let python = self.python(&builder, cell.python)?;
        let Some(target) = cell.platform.target().or_else(|| python.build_target()) else { return Ok(None) };
        let built = builder.finished(sha256, (&recipe.name, version), &python, &target)?;
        Ok(built.filter(|built| check(built, recipe, cell).is_ok()))
    }

    /// Builds `recipe` of the file or folder `source` for `cell`.
    ///
    /// # Errors
    /// Those of [`Builder::build`]; [`Code::MetadataMismatch`] for another release than the lock's.
    pub(super) fn build(
        &self,
        recipe: &Recipe,
        cell: &Cell,
        source: &Path,
        share: &Share<'_>,
    ) -> Result<Built> {
        let mut options = (self.options)(&recipe.name, cell.python)?;
        options.jobs = share.jobs;
        if let Some(memory) = share.memory {
            options.limits.memory = options.limits.memory.min(memory);
        }
        let builder = Builder::new(self.cache, self.index, &options, share.report, self.interrupt)
            .measure(share.used)
            .in_turns(self.turns);
        let python = self.python(&builder, cell.python)?;
        let target = cell.platform.target().or_else(|| python.build_target()).ok_or_else(|| {
            Error::new(Code::UnsupportedTarget, format!("nothing can be built for {}", cell.platform))
        })?;
        if let Origin::Sdist { file, .. } = &recipe.origin
            && let Some(sha256) = file.sha256()
            && Digest::of_file(source)?.to_string() != sha256
        {
            return Err(Error::new(
                Code::HashMismatch,
                format!("`{}` changed since it was fetched", file.name),
            ));
        }
        let built = builder.build(&Source::Path(source.to_owned()), &target)?;
        check(&built, recipe, cell)?;
        Ok(built)
    }

    /// The sdist of `recipe`, checked, or its folder.
    ///
    /// # Errors
    /// Those of [`Index::fetch_locked`].
    pub(super) fn source(&self, recipe: &Recipe) -> Result<PathBuf> {
        match &recipe.origin {
            Origin::Folder(folder) => Ok(folder.clone()),
            Origin::Sdist { file, folder } => Ok(self.fetch(&recipe.name, file, folder)?.0),
        }
    }

    /// The file of a lock, with its sha256: from beside the lock, else from the cache's downloads or the
    /// index.
    ///
    /// # Errors
    /// Those of [`Index::fetch_locked`]; [`Code::InputNotFound`] for a path that leads nowhere.
    pub(super) fn fetch(&self, project: &str, file: &File, folder: &Path) -> Result<(PathBuf, String)> {
        self.interrupt.check()?;
        if let Some(path) = &file.path {
            let path = folder.join(path.strip_prefix("file://").unwrap_or(path));
            if !path.is_file() {
                return Err(Error::new(
                    Code::InputNotFound,
                    format!("there is no file `{}`", path.display()),
                )
                .cause(format!("the lock names it as `{}` of {project}", file.name)));
            }
            let found = Digest::of_file(&path)?.to_string();
            return match file.sha256() {
                Some(sha256) if sha256 != found => Err(Error::new(
                    Code::HashMismatch,
                    format!("`{}` is not the file that was locked", path.display()),
                )
                .cause(format!("expected sha256 {sha256}, found {found}"))),
                _ => Ok((path, found)),
            };
        }
        let locked = LockedFile {
            project: project.to_owned(),
            filename: file.name.clone(),
            hashes: file.hashes.clone(),
            url: file.url.clone(),
            size: file.size,
        };
        let fetched = self.index.fetch_locked(&locked, &self.cache.folder("downloads")?)?;
        Ok((fetched.path, fetched.sha256))
    }

    fn python(&self, builder: &Builder<'_>, version: PythonVersion) -> Result<BuildPython> {
        let mut pythons = self.pythons.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(python) = pythons.get(&version) {
            return Ok(python.clone());
        }
        let python = builder.python()?;
        pythons.insert(version, python.clone());
        Ok(python)
    }
}

/// Whether a wheel is of the locked release and serves where it is needed.
fn check(built: &Built, recipe: &Recipe, cell: &Cell) -> Result<()> {
    let entry = &built.entry;
    let same_version = match &recipe.version {
        None => true,
        Some(version) => parse_version(version)? == parse_version(&entry.version)?,
    };
    if normalize(&entry.name) != recipe.name || !same_version {
        return Err(Error::new(
            Code::MetadataMismatch,
            format!("what was built of {} says it is another", recipe.describe()),
        )
        .cause(format!("its METADATA names {} {}", entry.name, entry.version)));
    }
    let name: WheelFileName = entry.file.parse()?;
    let tags = CompatibleTags::new(cell.python, &cell.platform);
    if tags.best(&name.tags().expand()).is_some() {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedTarget, format!("`{}` does not serve {cell}", entry.file))
        .cause("what is compiled can be built for Linux only"))
}

impl Share<'_> {
    pub fn used(&self) -> Option<u64> {
        Some(self.used.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }
}
