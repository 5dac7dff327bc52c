//! The sources that a build would download itself: fetched here, by their declared hash, before the
//! hooks that need them run again.
//!
//! Which they are, the hooks tell ([`crate::backend::read_wanted`]); once known they stand in the
//! companion lock, so that the next build has them from the start. A source without a declared hash
//! is taken as it comes the first time, which is said, and held to that from then on.

use std::path::{Path, PathBuf};

use super::requirements::Requirements;
use super::{Builder, Job};
use crate::backend::{Supplied, Wanted, is_used};
use crate::cache::Digest;
use crate::index::RemoteFile;
use crate::python::environment::LockedSource;
use crate::report::{Code, Error, Result, redact};

/// The folder of the cache.
const FOLDER: &str = "sources";

/// A source that is on this machine.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub locked: LockedSource,
    /// Every address it is asked for by.
    urls: Vec<String>,
    path: PathBuf,
}

impl Source {
    pub fn supplied(&self) -> Supplied<'_> {
        Supplied { urls: &self.urls, file: &self.locked.file, path: &self.path }
    }

    fn is(&self, wanted: &Wanted) -> bool {
        self.locked.file == wanted.file
            && wanted.urls.iter().any(|url| self.urls.contains(url))
            && wanted.sha256.as_ref().is_none_or(|sha256| *sha256 == self.locked.sha256)
    }
}

impl Builder<'_> {
    /// Forgets the sources that the finished hooks did not use: the record names what went in.
    pub(super) fn drop_unused_sources(&self, requirements: &mut Requirements, support: &Path) {
        requirements.sources.retain(|source| is_used(support, &source.locked.file));
    }

    /// Gets what the hooks asked for and `requirements` does not have yet; true when there was any.
    pub(super) fn add_sources(
        &self,
        job: &Job<'_>,
        requirements: &mut Requirements,
        wanted: &[Wanted],
    ) -> Result<bool> {
        let mut any = false;
        for wanted in wanted {
            if requirements.sources.iter().any(|source| source.is(wanted)) {
                continue;
            }
            if let Some(repository) = &wanted.repository {
                return Err(repository_error(job, wanted, repository));
            }
            // The same address with another hash is another declaration: the later one counts.
            requirements.sources.retain(|source| source.locked.file != wanted.file);
            let source = self.report.phase(&job.subject, "fetch", || self.source(job, wanted))?;
            requirements.sources.push(source);
            any = true;
        }
        Ok(any)
    }

    /// The files of sources that a lock names.
    pub(super) fn locked_sources(&self, job: &Job<'_>, locked: &[LockedSource]) -> Result<Vec<Source>> {
        locked
            .iter()
            .filter(|locked| !locked.url.starts_with(super::overlay::SCHEME))
            .filter_map(|locked| {
                let wanted = Wanted {
                    name: locked.name.clone(),
                    urls: vec![locked.url.clone()],
                    sha256: Some(locked.sha256.clone()),
                    file: locked.file.clone(),
                    ..Wanted::default()
                };
                match self.source(job, &wanted) {
                    // It may be another target's; if it is not, the hooks ask for it.
                    Err(error)
                        if matches!(
                            error.code(),
                            Code::SourceUnavailable | Code::Offline | Code::HashMismatch
                        ) =>
                    {
                        None
                    }
                    found => Some(found),
                }
            })
            .collect()
    }

    fn source(&self, job: &Job<'_>, wanted: &Wanted) -> Result<Source> {
        let (path, sha256) = match self.given_source(wanted)? {
            Some(found) => found,
            None => self.kept_or_fetched(job, wanted)?,
        };
        if wanted.sha256.is_none() {
            let pinned = wanted.hash.as_ref().map_or_else(
                || "without any hash".to_owned(),
                |hash| format!("by {} only", hash.split('=').next().unwrap_or(hash)),
            );
            self.report.warn(format!(
                "{} declares `{}` {pinned}: what came has sha256 {sha256}, to which it is held from now on",
                job.subject, wanted.file
            ));
        }
        let locked = LockedSource {
            name: wanted.name.clone(),
            url: redact(wanted.urls.first().map_or("", String::as_str)).into_owned(),
            file: wanted.file.clone(),
            sha256,
        };
        Ok(Source { locked, urls: wanted.urls.clone(), path })
    }

    /// The file among those the user gave (`--sources`): by its content, or, where no hash is
    /// declared, by its name.
    fn given_source(&self, wanted: &Wanted) -> Result<Option<(PathBuf, String)>> {
        let found = self.options.source_files()?.into_iter().find(|(path, sha256)| {
            let named = path.file_name().is_some_and(|name| *name == *wanted.file);
            wanted.sha256.as_ref().map_or(named, |expected| expected == sha256)
        });
        let Some((path, sha256)) = found else { return Ok(None) };
        // Kept, so that `verify` and the next build need no more than the lock.
        let scratch = self.cache.scratch("source-")?;
        let (copy, kept) = (scratch.path().join(&sha256), self.cache.folder(FOLDER)?.join(&sha256));
        std::fs::copy(&path, &copy).map_err(|e| Error::io("copy", &path, &e))?;
        if Digest::of_file(&copy)?.to_string() != sha256 {
            return Err(Error::new(
                Code::HashMismatch,
                format!("`{}` changed while it was read", path.display()),
            ));
        }
        std::fs::rename(&copy, &kept).map_err(|e| Error::io("write", &kept, &e))?;
        Ok(Some((kept, sha256)))
    }

    fn kept_or_fetched(&self, job: &Job<'_>, wanted: &Wanted) -> Result<(PathBuf, String)> {
        let folder = self.cache.folder(FOLDER)?;
        if let Some(sha256) = &wanted.sha256 {
            let kept = folder.join(sha256);
            // What an earlier build put there is read whole: it is input again.
            if kept.is_file() && Digest::of_file(&kept)?.to_string() == *sha256 {
                return Ok((kept, sha256.clone()));
            }
        }
        let mut failures = Vec::new();
        for url in &wanted.urls {
            let scratch = self.cache.scratch("source-")?;
            let fetched = RemoteFile::named(url, &wanted.file, wanted.sha256.clone())
                .and_then(|file| self.index.fetch(&file, scratch.path()));
            match fetched {
                Ok(fetched) => {
                    let kept = folder.join(&fetched.sha256);
                    std::fs::rename(&fetched.path, &kept).map_err(|e| Error::io("write", &kept, &e))?;
                    return Ok((kept, fetched.sha256));
                }
                Err(error) => failures.push(error),
            }
        }
        Err(unavailable(job, wanted, failures))
    }
}

fn unavailable(job: &Job<'_>, wanted: &Wanted, failures: Vec<Error>) -> Error {
    let known = |code| failures.iter().any(|error| error.code() == code);
    let code = if known(Code::HashMismatch) {
        Code::HashMismatch
    } else if known(Code::Offline) {
        Code::Offline
    } else {
        Code::SourceUnavailable
    };
    let pin = wanted.sha256.as_ref().map_or_else(
        || "it is declared without a sha256".to_owned(),
        |sha256| format!("its sha256 is {sha256}"),
    );
    let headline = format!("{} needs the source `{}` of {}", job.subject, wanted.file, wanted.name);
    let mut error = Error::new(code, headline);
    for (url, failure) in wanted.urls.iter().zip(&failures) {
        error = error.cause(format!("`{}`: {}", redact(url), failure.headline()));
        error = failure.causes().iter().fold(error, |error, cause| error.cause(cause.as_str()));
    }
    error
        .cause(pin)
        .hint(format!("put the file `{}` into a folder and name that: `--sources DIR`", wanted.file))
}

fn repository_error(job: &Job<'_>, wanted: &Wanted, repository: &(String, String, String)) -> Error {
    let (kind, address, revision) = repository;
    let how = match wanted.by.as_str() {
        "cmake" => format!(
            "give its tree in the sdist and name it: `-C cmake.define.FETCHCONTENT_SOURCE_DIR_{}=PATH`",
            wanted.name.to_uppercase()
        ),
        _ => format!("add its tree to the sdist as `subprojects/{}`", wanted.name),
    };
    Error::new(Code::SourceUnpinned, format!("{} would clone {} with {kind}", job.subject, wanted.name))
        .cause(format!("from `{}`, revision `{revision}`", redact(address)))
        .cause("only files can be fetched before the build and held to a sha256")
        .hint(how)
}

/// Every file of `given`, files and folders, with its sha256, sorted by path.
pub(super) fn files_of(given: &[PathBuf]) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for path in given {
        if !path.exists() {
            return Err(Error::new(
                Code::InputNotFound,
                format!("there is no file or folder `{}`", path.display()),
            ));
        }
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|e| {
                Error::new(Code::Io, format!("cannot read `{}`", path.display())).cause(e.to_string())
            })?;
            if is_file(entry.path()) {
                files.push((entry.path().to_owned(), Digest::of_file(entry.path())?.to_string()));
            }
        }
    }
    Ok(files)
}

/// Links count as what they lead to: people link big files.
fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
}
