//! One sdist to one wheel.
//!
//! [`Builder::build`] is the whole pipeline, top to bottom; the files beside it are its steps.

mod clock;
mod compilers;
mod failure;
mod fetch;
mod graft;
mod hooks;
mod judgement;
mod key;
mod layout;
mod library;
mod named_compiler;
mod native;
mod options;
mod output;
mod overlay;
mod replay;
mod requirements;
mod rust;
mod schedule;
mod shared;
mod sources;
mod stable_abi;
mod system_compiler;
mod work;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use crate::apt::Packages;
use crate::cache::{Cache, Digest, KeyParts, Requirement, ResultEntry};
use crate::index::Index;
use crate::metadata::Metadata;
use crate::process::{self, Interrupt, Isolation, Turns};
use crate::python::environment::LockedSource;
use crate::python::interpreter::{self, BuildPython, Search};
use crate::report::{Code, Error, Report, Result};
use crate::sdist::{self, Sdist, SourceTree};
use crate::target::Target;
use crate::toolchain::Zig;
use crate::toolchain::tools::Tools;
use crate::wheel::{Artefact, BuildRecord, SourceFile};

pub use named_compiler::NamedCompiler;
pub use options::{CompilerChoice, EPOCH, Options, Source};
pub use output::Built;
pub use replay::replay;
pub use schedule::in_order;

use work::Work;

/// Builds wheels with one set of options.
pub struct Builder<'a> {
    cache: &'a Cache,
    options: &'a Options,
    report: &'a Report,
    interrupt: &'a Interrupt,
    index: &'a Index,
    /// Requirements that are being built for their dependents, outermost first; guards against circles.
    ancestors: Vec<String>,
    /// The requirements to build with, whatever any lock says: those of a build that is repeated.
    enforced: Option<Enforced>,
    /// Where the most memory that the hooks used is noted, bytes.
    used: Option<&'a AtomicU64>,
    /// What compilers of all builds of the run wait for.
    turns: Option<&'a Turns>,
}

/// What a repeated build runs with.
#[derive(Clone)]
struct Enforced {
    requirements: Vec<Requirement>,
    sources: Vec<LockedSource>,
}

/// What is known before anything is unpacked.
struct Job<'a> {
    sdist: &'a Sdist,
    python: &'a BuildPython,
    target: &'a Target,
    /// Everything of the request key.
    request: KeyParts,
    isolation: Isolation,
    /// `msgpack 1.2.4`, for people.
    subject: String,
}

impl<'a> Builder<'a> {
    pub fn new(
        cache: &'a Cache,
        index: &'a Index,
        options: &'a Options,
        report: &'a Report,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            cache,
            options,
            report,
            interrupt,
            index,
            ancestors: Vec::new(),
            enforced: None,
            used: None,
            turns: None,
        }
    }

    /// Notes in `used` the most memory that hooks use, bytes.
    #[must_use]
    pub fn measure(mut self, used: &'a AtomicU64) -> Self {
        self.used = Some(used);
        self
    }

    /// Has every compiler wait for one of `turns`, which other builds share.
    #[must_use]
    pub fn in_turns(mut self, turns: &'a Turns) -> Self {
        self.turns = Some(turns);
        self
    }

    /// A builder of a requirement, `NAME VERSION`, of what this one builds.
    fn for_requirement<'b>(&'b self, options: &'b Options, requirement: &str) -> Builder<'b> {
        let mut inner = self.with_options(options);
        inner.ancestors.push(requirement.to_owned());
        (inner.enforced, inner.used) = (None, None);
        inner
    }

    /// Makes every build run with exactly the requirements of `record`.
    #[must_use]
    pub fn enforce(mut self, record: &BuildRecord) -> Self {
        let requirement = |artefact: &Artefact| Requirement {
            name: artefact.name.clone(),
            version: artefact.version.clone(),
            file: artefact.file.clone(),
            sha256: artefact.sha256.clone(),
        };
        let source = |source: &SourceFile| LockedSource {
            name: source.name.clone(),
            url: source.url.clone(),
            file: source.file.clone(),
            sha256: source.sha256.clone(),
        };
        self.enforced = Some(Enforced {
            requirements: record.requirements.iter().map(requirement).collect(),
            sources: record.sources.iter().map(source).collect(),
        });
        self
    }

    /// Builds `source` for `target`, or takes it from the cache.
    ///
    /// # Errors
    /// Every code of the families 01 to 07; nothing is left behind but the cache, in it the log of
    /// hooks that failed, and the build folder when it was asked to be kept.
    pub fn build(&self, source: &Source, target: &Target) -> Result<Built> {
        self.interrupt.check()?;
        self.attempt(source, target).map_err(|error| self.or_interrupted(error))
    }

    fn attempt(&self, source: &Source, target: &Target) -> Result<Built> {
        let path = self.path_of(source)?;
        let sdist = Sdist::open(&path)?;
        check_identity(source, &sdist)?;
        let python = self.interpreter()?;
        let subject = match (sdist.name(), sdist.version()) {
            (Some(name), Some(version)) => format!("{name} {version}"),
            _ => source.describe(),
        };
        if let Some(metadata) = sdist.pkg_info() {
            check_python(metadata, &python, &subject)?;
        }
        if let (Some(name), Some(version)) = (sdist.name(), sdist.version()) {
            let options = self.options.with_overrides(name, version, self.report)?;
            return self.with_options(&options).finish(&sdist, &python, target, subject);
        }
        self.finish(&sdist, &python, target, subject)
    }

    /// The same builder with other options.
    fn with_options<'b>(&'b self, options: &'b Options) -> Builder<'b> {
        Builder {
            cache: self.cache,
            options,
            report: self.report,
            interrupt: self.interrupt,
            index: self.index,
            ancestors: self.ancestors.clone(),
            enforced: self.enforced.clone(),
            used: self.used,
            turns: self.turns,
        }
    }

    fn finish(&self, sdist: &Sdist, python: &BuildPython, target: &Target, subject: String) -> Result<Built> {
        let request = key::request(self.options, sdist.sha256(), python, target)?;
        if let Some(built) = self.cached(&request, target)? {
            return Ok(built);
        }
        let isolation = process::expect(self.options.isolation)?;
        let mut job = Job { sdist, python, target, request, isolation, subject };
        if let Some(built) = self.shared(&job)? {
            return Ok(built);
        }
        match self.run(&job) {
            Err(error) if error.code() == Code::Isolation => {
                job.isolation = process::choose(self.options.isolation)?;
                if job.isolation == isolation { Err(error) } else { self.run(&job) }
            }
            result => result,
        }
    }

    /// The finished wheel of an earlier build of a release, by name and version, whose sdist has this
    /// digest, if the cache has it. The bytes are not looked at.
    ///
    /// # Errors
    /// What finding the interpreter and reading the options' files may say.
    pub fn known(
        &self,
        sdist_sha256: &str,
        release: (&str, &str),
        python: &BuildPython,
        target: &Target,
    ) -> Result<Option<ResultEntry>> {
        let request = self.request(sdist_sha256, release, python, target)?;
        let entry = self.cache.request(request.key()).and_then(|found| self.cache.result(found.result));
        Ok(entry.filter(|entry| {
            self.same_rust(&entry.parts, target)
                && [entry.wheel, entry.provenance].iter().all(|blob| self.cache.has(*blob))
        }))
    }

    /// The wheel of [`Builder::known`], verified. Nothing is opened but the cache, and asked but shared
    /// ones that may be written, whether they have it.
    ///
    /// # Errors
    /// As [`Builder::known`].
    pub fn finished(
        &self,
        sdist_sha256: &str,
        release: (&str, &str),
        python: &BuildPython,
        target: &Target,
    ) -> Result<Option<Built>> {
        let request = self.request(sdist_sha256, release, python, target)?;
        self.cached(&request, target)
    }

    /// What a build of a release of the sdist with this digest would ask for.
    fn request(
        &self,
        sdist_sha256: &str,
        (name, version): (&str, &str),
        python: &BuildPython,
        target: &Target,
    ) -> Result<KeyParts> {
        let options = self.options.with_overrides(name, version, &Report::silent())?;
        key::request(&options, sdist_sha256, python, target)
    }

    /// The interpreter that builds run with.
    ///
    /// # Errors
    /// [`Code::InterpreterNotFound`].
    pub fn python(&self) -> Result<BuildPython> {
        self.interpreter()
    }

    fn run(&self, job: &Job<'_>) -> Result<Built> {
        if job.isolation != Isolation::Namespaces {
            self.report.warn(format!(
                "the hooks of {} run with isolation `{}`, less than namespaces; `wheelbuild doctor` says why",
                job.subject, job.isolation
            ));
        }
        let mut layout = layout::Layout::new(self.cache.scratch("build-")?, job.isolation)?;
        let result = self.run_in(job, &layout).map_err(|error| self.or_interrupted(error));
        if self.options.keep {
            let kept = layout.keep();
            self.report.info(format!("build folder kept: {}", kept.display()));
            return result.map_err(|error| error.kept(kept));
        }
        result.map_err(|error| match error.log_path() {
            // The folder goes, so the log moves to where it stays.
            Some(log) if log == layout.hook_log() => match self.keep_log(job, log) {
                Ok(kept) => error.log(kept),
                Err(_) => error.without_log(),
            },
            _ => error,
        })
    }

    /// The log of a failed build, in the cache: one for each request, the last one's.
    fn keep_log(&self, job: &Job<'_>, log: &Path) -> Result<PathBuf> {
        let name: String = (job.subject.chars())
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
            .take(80)
            .collect();
        let key = job.request.key().to_string();
        let kept = self.cache.folder("logs")?.join(format!("{name}-{}.log", &key[..12]));
        std::fs::copy(log, &kept).map_err(|error| Error::io("write", &kept, &error))?;
        Ok(kept)
    }

    /// What failed after Ctrl-C failed because of it: a terminal signals the programs we started too.
    fn or_interrupted(&self, error: Error) -> Error {
        self.interrupt.check_after_failure().err().unwrap_or(error)
    }

    fn run_in(&self, job: &Job<'_>, layout: &layout::Layout) -> Result<Built> {
        let mut work = Work::prepare(self, job, layout)?;
        let outcome = self.run_hooks(&mut work).map_err(|error| work.rust.explain(error, job, layout))?;
        self.interrupt.check()?;
        let built = self.report.phase(&job.subject, "judge", || self.judge_and_write(&work, outcome))?;
        work.native.remember(self, job)?;
        self.remember(job, &work.requirements, &built)?;
        Ok(built)
    }

    /// The source tree, with the user's patches.
    fn unpack(&self, job: &Job<'_>, layout: &layout::Layout) -> Result<SourceTree> {
        let tree = job.sdist.unpack(&layout.source.host)?;
        for patch in &self.options.patches {
            sdist::patch::apply(patch, &tree.root)?;
        }
        Ok(tree)
    }

    /// The finished wheel of an earlier build of the same request, verified.
    fn cached(&self, request: &KeyParts, target: &Target) -> Result<Option<Built>> {
        if self.options.no_cache || self.options.upgrade {
            return Ok(None);
        }
        let Some(found) = self.cache.request(request.key()) else { return Ok(None) };
        let Some(entry) = self.cache.result(found.result) else { return Ok(None) };
        // The request knows nothing of Rust: whether a source needs it is seen only unpacked.
        if !self.same_rust(&entry.parts, target) {
            return Ok(None);
        }
        let (Some(wheel), Some(provenance)) =
            (self.cache.get(entry.wheel)?, self.cache.get(entry.provenance)?)
        else {
            return Ok(None);
        };
        let built = Built { entry, cached: true, wheel, provenance };
        self.offer_missing(request, &built);
        Ok(Some(built))
    }

    fn remember(
        &self,
        job: &Job<'_>,
        requirements: &requirements::Requirements,
        built: &Built,
    ) -> Result<()> {
        self.store_lock(job, requirements)?;
        if self.options.no_cache {
            return Ok(());
        }
        self.store(&job.request, built)?;
        self.offer(&job.request, built);
        Ok(())
    }

    fn path_of(&self, source: &Source) -> Result<PathBuf> {
        match source {
            Source::Path(path) => Ok(path.clone()),
            Source::Index { name, version } => fetch::sdist(self.cache, self.index, name, version),
        }
    }

    fn interpreter(&self) -> Result<BuildPython> {
        let search = Search::from_environment(Some(self.cache.folder("interpreters")?));
        let wanted = self.options.python.as_ref();
        let found = interpreter::find(wanted, &search, self.report);
        match (found, wanted) {
            (Err(error), Some(crate::target::Interpreter::Version(version)))
                if error.code() == Code::InterpreterNotFound && self.options.allow_python_download =>
            {
                if self.options.offline {
                    return Err(error);
                }
                interpreter::download(&self.uv()?, *version, self.report)?;
                interpreter::find(wanted, &search, self.report)
            }
            (found, _) => found,
        }
    }

    fn tools(&self) -> Tools<'_> {
        Tools { cache: self.cache, index: self.index, report: self.report }
    }

    /// Pinned Debian packages.
    fn packages(&self) -> Packages<'_> {
        let archives = &self.options.archives;
        Packages { cache: self.cache, index: self.index, archives, report: self.report }
    }

    fn uv(&self) -> Result<PathBuf> {
        self.tools().uv(self.options.uv.as_deref())
    }

    fn zig(&self) -> Result<Zig> {
        self.tools().zig(self.options.zig.as_deref())
    }
}

impl Builder<'_> {
    /// The digest of the zig program, for the record.
    fn zig_digest(&self, zig: &Zig) -> Result<Digest> {
        match &self.options.zig {
            Some(_) => Digest::of_file(&zig.program),
            None => Ok(self.tools().get("zig")?.sha256),
        }
    }
}

/// A release that is not for this Python gives a clear answer instead of a compiler's. A specifier
/// that nobody can read was never enforced.
fn check_python(metadata: &Metadata, python: &BuildPython, subject: &str) -> Result<()> {
    let Some(required) = metadata.get("Requires-Python") else {
        return Ok(());
    };
    let (Ok(specifiers), Ok(version)) =
        (required.parse::<pep440_rs::VersionSpecifiers>(), python.full_version.parse::<pep440_rs::Version>())
    else {
        return Ok(());
    };
    if specifiers.contains(&version) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedTarget, format!("{subject} is not for Python {}", python.version))
        .cause(format!("it requires Python {required}, the build interpreter is {}", python.full_version))
        .hint("build for another Python with `--python X.Y`, or an earlier version of the package"))
}

/// What was fetched as NAME==VERSION must say so itself.
fn check_identity(source: &Source, sdist: &Sdist) -> Result<()> {
    let Source::Index { name, version } = source else { return Ok(()) };
    let (Some(found_name), Some(found_version)) = (sdist.name(), sdist.version()) else { return Ok(()) };
    let same_version =
        crate::metadata::parse_version(found_version)? == crate::metadata::parse_version(version)?;
    if crate::metadata::normalize(found_name) == *name && same_version {
        return Ok(());
    }
    Err(Error::new(Code::MetadataMismatch, format!("the sdist of {name} {version} says it is another"))
        .cause(format!("its PKG-INFO names {found_name} {found_version}")))
}
