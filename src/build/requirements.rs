//! The build requirements of one sdist: locked, resolved, installed.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::overlay::Overlay;
use super::sources::Source;
use super::{Builder, Job};
use crate::cache::{Digest, Requirement};
use crate::process::wait_for_lock;
use crate::python::environment::{
    self, BuildLock, Locked, LockedBuild, LockedSource, Query, Recipe, Resolved, Uv, unsatisfied,
};
use crate::python::installer::GivenWheel;
use crate::python::view;
use crate::report::{Code, Error, Result};
use crate::sdist::SourceTree;
use crate::toolchain::diagnosis;

/// How deep requirements that must be built may require others that must be built.
const DEEPEST: usize = 8;

/// What a build runs with.
pub(super) struct Requirements {
    /// What pyproject.toml and the user ask for.
    stated: Vec<String>,
    /// What the backend asked for besides; None before it was asked.
    pub asked: Option<Vec<String>>,
    /// Everything to install, exactly.
    pinned: Vec<Requirement>,
    /// Wheels that were built here, or given.
    wheels: Vec<PathBuf>,
    /// True when `pinned` comes from a finished build, so that it holds what the backend asks for.
    pub complete: bool,
    /// Files that the build would download.
    pub sources: Vec<Source>,
    /// Files of requirements as the target has them.
    pub overlays: Vec<Overlay>,
    pub overlays_looked_for: BTreeSet<String>,
    /// What the lock names besides; another target may need it.
    locked: Vec<LockedSource>,
    given: bool,
}

impl Requirements {
    /// What a lock gave is not looked for again.
    fn note_overlays(&mut self) {
        self.overlays_looked_for = self.overlays.iter().map(|overlay| overlay.locked.name.clone()).collect();
    }

    /// Everything fetched besides the requirements themselves.
    pub fn fetched(&self) -> impl Iterator<Item = &LockedSource> {
        let sources = self.sources.iter().map(|source| &source.locked);
        sources.chain(self.overlays.iter().map(|overlay| &overlay.locked))
    }

    /// What is installed, by name.
    pub fn installed(&self) -> impl Iterator<Item = &Requirement> {
        self.pinned.iter()
    }
}

impl Builder<'_> {
    /// The requirements to start with: given, locked by an earlier build, or resolved.
    pub(super) fn requirements(&self, job: &Job<'_>, tree: &SourceTree) -> Result<Requirements> {
        let mut stated = tree.build_system.requires.clone();
        stated.extend(self.options.build_requires.iter().cloned());
        let mut requirements = Requirements {
            stated,
            asked: None,
            pinned: Vec::new(),
            wheels: Vec::new(),
            complete: false,
            sources: Vec::new(),
            overlays: Vec::new(),
            overlays_looked_for: BTreeSet::new(),
            locked: Vec::new(),
            given: self.options.given_only || !self.options.build_deps.is_empty(),
        };
        if requirements.given {
            let wheels: Vec<GivenWheel> =
                self.options.build_deps.iter().map(|path| GivenWheel::open(path)).collect::<Result<_>>()?;
            requirements.pinned = wheels.into_iter().map(|wheel| wheel.requirement).collect();
            requirements.wheels = self.options.build_deps.clone();
            return Ok(requirements);
        }
        if let Some(known) = &self.enforced {
            requirements.pinned = known.requirements.clone();
            requirements.sources = self.locked_sources(job, &known.sources)?;
            requirements.overlays = self.locked_overlays(job, &known.sources)?;
            requirements.note_overlays();
            requirements.complete = true;
            return self.with_built_wheels(requirements);
        }
        if let Some(locked) = self.locked(job)? {
            requirements.sources = self.locked_sources(job, &locked.sources)?;
            requirements.overlays = self.locked_overlays(job, &locked.sources)?;
            requirements.note_overlays();
            requirements.locked.clone_from(&locked.sources);
            if locked.same_host {
                requirements.pinned = locked.requirements;
                requirements.complete = true;
                return self.with_built_wheels(requirements);
            }
            self.resolve(job, &mut requirements, Some(&locked))?;
            return Ok(requirements);
        }
        self.resolve(job, &mut requirements, None)?;
        Ok(requirements)
    }

    /// Adds what the backend asked for, and resolves again when it is not there already.
    pub(super) fn add_requirements(
        &self,
        job: &Job<'_>,
        requirements: &mut Requirements,
        asked: Vec<String>,
    ) -> Result<()> {
        let missing = unsatisfied(&asked, job.python, &requirements.pinned)?;
        requirements.asked = Some(asked);
        if missing.is_empty() {
            return Ok(());
        }
        if requirements.given {
            let error = Error::new(
                Code::MissingBuildRequirement,
                format!("the backend of {} asks for more than the given wheels", job.subject),
            );
            let error =
                missing.iter().fold(error, |error, requirement| error.cause(format!("`{requirement}`")));
            return Err(error.hint("give a wheel of each by `--build-dep WHEEL`"));
        }
        if requirements.complete {
            return Err(not_locked(job, &missing));
        }
        self.resolve(job, requirements, None)
    }

    /// Adds what brings the programs that the output of a build says are not there. False when it names
    /// none that the index has, or the set of requirements is fixed.
    pub(super) fn add_programs(
        &self,
        job: &Job<'_>,
        requirements: &mut Requirements,
        log: &str,
    ) -> Result<bool> {
        if requirements.given || requirements.complete {
            return Ok(false);
        }
        let wanted: Vec<String> = diagnosis::programs::wanted(log).into_iter().map(str::to_owned).collect();
        let missing = unsatisfied(&wanted, job.python, &requirements.pinned)?;
        if missing.is_empty() {
            return Ok(false);
        }
        let stated = requirements.stated.len();
        requirements.stated.extend(missing.iter().cloned());
        match self.resolve(job, requirements, None) {
            Ok(()) => {
                let names = missing.join("`, `");
                self.report.warn(format!(
                    "{}: the build calls programs that it does not require; added `{names}`",
                    job.subject
                ));
                Ok(true)
            }
            // The build's own failure says more, and how to add them.
            Err(error) if matches!(error.code(), Code::Offline | Code::Network | Code::Resolution) => {
                requirements.stated.truncate(stated);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// After a build with a complete set: what the backend asked for must have been in it.
    pub(super) fn check_complete(&self, job: &Job<'_>, requirements: &Requirements) -> Result<()> {
        let asked = requirements.asked.as_deref().unwrap_or_default();
        let missing = unsatisfied(asked, job.python, &requirements.pinned)?;
        if missing.is_empty() { Ok(()) } else { Err(not_locked(job, &missing)) }
    }

    /// The environment of the requirements, made if it is not there.
    pub(super) fn environment(&self, job: &Job<'_>, requirements: &Requirements) -> Result<PathBuf> {
        let overlay: Vec<(&str, &[u8])> = requirements
            .overlays
            .iter()
            .flat_map(|overlay| &overlay.files)
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let recipe = Recipe { python: job.python, site_files: &view::SITE_FILES, overlay: &overlay };
        let environment = if requirements.given {
            let wheels: Vec<GivenWheel> =
                requirements.wheels.iter().map(|path| GivenWheel::open(path)).collect::<Result<_>>()?;
            environment::install_given(self.cache, self.report, &recipe, &wheels)?
        } else {
            let program = self.uv()?;
            environment::install(
                &self.uv_with(&program),
                &recipe,
                &requirements.pinned,
                &requirements.wheels,
            )?
        };
        // Without a read-only mount an earlier build may have written into it.
        let whole = if job.isolation.moves_paths() { environment.look_over() } else { environment.verify() };
        match whole {
            Ok(()) => Ok(environment.root),
            Err(error) => {
                self.report.warn(format!("{}: made anew", error.headline()));
                environment.discard(self.cache)?;
                self.environment(job, requirements)
            }
        }
    }

    /// Keeps what a finished build ran with: in the cache, and in the user's lock file.
    pub(super) fn store_lock(&self, job: &Job<'_>, requirements: &Requirements) -> Result<()> {
        if requirements.given || self.enforced.is_some() {
            return Ok(());
        }
        let sdist: Digest = job.sdist.sha256().parse()?;
        let mut sources: Vec<LockedSource> = requirements.fetched().cloned().collect();
        for other in &requirements.locked {
            if !sources.iter().any(|source| source.file == other.file) {
                sources.push(other.clone());
            }
        }
        let entry = LockedBuild::new(&job.subject, sdist, job.python, requirements.pinned.clone(), sources);
        let own = self.lock_path(job)?;
        if BuildLock::read(&own).is_err() {
            // A damaged record of our own is made anew, as `locked` says.
            std::fs::remove_file(&own).map_err(|error| Error::io("remove", &own, &error))?;
        }
        BuildLock::update(&own, |lock| lock.set(entry.clone()))?;
        match &self.options.build_lock {
            Some(path) => BuildLock::update(path, |lock| lock.set(entry)),
            None => Ok(()),
        }
    }

    /// What the user's lock says, else what an earlier build of the same sdist recorded.
    fn locked(&self, job: &Job<'_>) -> Result<Option<Locked>> {
        if self.options.upgrade {
            return Ok(None);
        }
        let sdist: Digest = job.sdist.sha256().parse()?;
        if let Some(path) = &self.options.build_lock
            && let Some(locked) = BuildLock::read(path)?.find(sdist, job.python)
        {
            return Ok(Some(locked));
        }
        // A damaged record of our own is made anew.
        let own = BuildLock::read(&self.lock_path(job)?).unwrap_or_default();
        Ok(own.find(sdist, job.python))
    }

    /// One small file for each sdist and set of extra requirements, so that a look costs little.
    fn lock_path(&self, job: &Job<'_>) -> Result<PathBuf> {
        let extra = Digest::of(self.options.build_requires.join("\n")).to_string();
        Ok(self.cache.folder("locks")?.join(format!("{}-{}.toml", job.sdist.sha256(), &extra[..16])))
    }

    fn resolve(&self, job: &Job<'_>, requirements: &mut Requirements, locked: Option<&Locked>) -> Result<()> {
        let mut requires = requirements.stated.clone();
        requires.extend(requirements.asked.iter().flatten().cloned());
        let program = self.uv()?;
        let uv = self.uv_with(&program);
        for _ in 0..DEEPEST {
            let query = Query {
                python: job.python,
                requires: &requires,
                locked,
                extra_wheels: &requirements.wheels,
                exclude_newer: None,
            };
            match self.report.phase(&job.subject, "resolve", || environment::resolve(&uv, &query))? {
                Resolved::Pinned(pinned) => {
                    requirements.pinned = pinned;
                    return Ok(());
                }
                Resolved::NeedsBuild(all) => {
                    for needed in all {
                        let wheel = self.build_requirement(job, &needed.name, &needed.version)?;
                        requirements.wheels.push(wheel);
                    }
                }
            }
        }
        Err(Error::new(
            Code::Resolution,
            format!("the build requirements of {} never come to an end", job.subject),
        ))
    }

    /// Adds the files of those of a recorded set that were built here: no index has them.
    fn with_built_wheels(&self, mut requirements: Requirements) -> Result<Requirements> {
        let folder = self.cache.folder("requirements")?;
        for pinned in requirements.pinned.clone() {
            let kept = folder.join(&pinned.sha256).join(&pinned.file);
            if kept.is_file() {
                requirements.wheels.push(kept);
            }
        }
        Ok(requirements)
    }

    /// Builds a requirement that is published as source only, for the build machine, by this same
    /// pipeline, and keeps its wheel in the cache.
    fn build_requirement(&self, job: &Job<'_>, name: &str, version: &str) -> Result<PathBuf> {
        let this = format!("{name} {version}");
        if self.ancestors.contains(&this) || self.ancestors.len() >= DEEPEST {
            return Err(Error::new(
                Code::Resolution,
                format!("the build requirement {this} needs itself to be built"),
            )
            .cause(self.ancestors.join(" → "))
            .hint(format!("give a wheel of it by `--build-dep`, or one of your index: {name}")));
        }
        let target = job.python.build_target().ok_or_else(|| {
            Error::new(
                Code::Resolution,
                format!(
                    "the build requirement {this} has no wheel for this machine and cannot be built for it"
                ),
            )
        })?;
        self.report.info(format!("{}: building the requirement {this}, which has no wheel", job.subject));
        let mut options = self.options.for_requirement();
        options.allow_pure = true;
        options.python = Some(crate::target::Interpreter::Path(job.python.executable.clone()));
        let inner = self.for_requirement(&options, &this);
        let _alone = self.alone_with(job, &this)?;
        let source = super::Source::Index { name: name.to_owned(), version: version.to_owned() };
        let built = inner.build(&source, &target).map_err(|error| {
            error.wrap(format!("the build requirement {this} of {} cannot be built", job.subject))
        })?;
        let folder = self.cache.folder("requirements")?.join(built.entry.wheel.to_string());
        built.write(&folder)
    }

    /// Waits until no other build makes the requirement `this`, so that its wheel is then in the cache.
    /// A build of a requirement waits for none, as the other may wait for what it makes itself.
    fn alone_with(&self, job: &Job<'_>, this: &str) -> Result<Option<File>> {
        if !self.ancestors.is_empty() {
            return Ok(None);
        }
        let name = Digest::of(format!("{this}\n{}", job.python.executable.display())).to_string();
        let path = self.cache.folder("requirements")?.join(format!(".{}.lock", &name[..32]));
        let lock = File::create(&path).map_err(|error| Error::io("make", &path, &error))?;
        if lock.try_lock().is_err() {
            self.report.detail(format!("{}: another build makes {this}", job.subject));
            wait_for_lock(&lock).map_err(|error| Error::io("lock", &path, &error))?;
        }
        Ok(Some(lock))
    }

    fn uv_with<'b>(&'b self, program: &'b Path) -> Uv<'b> {
        Uv { program, index: self.index, cache: self.cache, report: self.report }
    }
}

fn not_locked(job: &Job<'_>, missing: &[String]) -> Error {
    let error = Error::new(
        Code::BuildLock,
        format!("the backend of {} asks for more than its lock holds", job.subject),
    );
    missing
        .iter()
        .fold(error, |error, requirement| error.cause(format!("`{requirement}`")))
        .hint("lock them anew: `--upgrade`")
}
