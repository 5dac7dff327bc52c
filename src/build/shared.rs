//! Wheels that another machine built for the same request, from a shared cache.
//!
//! What a store answers is held against everything that is known beforehand: the request, the sdist,
//! the target. Only then, and only with a reason to believe it ([`Trust`]), it is stored as our own.

use std::collections::BTreeMap;

use super::output::Built;
use super::{Builder, Job};
use crate::cache::KeyParts;
use crate::cache::remote::{Record, Remote, Trust};
use crate::elf::{self, Symbols};
use crate::metadata::{normalize, parse_version};
use crate::report::{Code, Error, Result};
use crate::target::{CompatibleTags, Platform};
use crate::toolchain::kit;
use crate::wheel::judge::{Contents, Expectation, judge};
use crate::wheel::{Provenance, RawWheel, SBOM_NAME, Sbom, WheelFileName, check_complete};

impl Builder<'_> {
    /// The wheel of `job` from the first shared cache that has a believable one, stored locally.
    ///
    /// # Errors
    /// Only of this machine: [`Code::Interrupted`], and what the local cache says.
    pub(super) fn shared(&self, job: &Job<'_>) -> Result<Option<Built>> {
        if self.options.no_cache || self.options.upgrade {
            return Ok(None);
        }
        for remote in self.cache.remotes().usable() {
            self.interrupt.check()?;
            match self.taken(job, remote) {
                Ok(Some(built)) => {
                    self.report.detail(format!("{}: taken from the cache {}", job.subject, remote.address()));
                    self.store(&job.request, &built)?;
                    return Ok(Some(built));
                }
                Ok(None) => {}
                Err(error) if error.code() == Code::Interrupted => return Err(error),
                Err(error) => {
                    self.interrupt.check()?;
                    remote.leave(&error, self.report);
                }
            }
        }
        Ok(None)
    }

    /// Keeps a finished build in the local cache.
    pub(super) fn store(&self, request: &KeyParts, built: &Built) -> Result<()> {
        // Blobs first: an entry must never name what is not there.
        self.cache.put(&built.wheel)?;
        self.cache.put(&built.provenance)?;
        let key = self.cache.put_result(&built.entry)?;
        self.cache.put_request(request, key)
    }

    /// Gives a finished build to the shared caches that may be written.
    pub(super) fn offer(&self, request: &KeyParts, built: &Built) {
        let record = record(request, built);
        self.cache.remotes().offer(&record, &built.wheel, &built.provenance, self.report);
    }

    /// Gives one that the local cache had to those that do not have it: they were not there when it was
    /// built, or lost it.
    pub(super) fn offer_missing(&self, request: &KeyParts, built: &Built) {
        let record = record(request, built);
        self.cache.remotes().offer_missing(&record, &built.wheel, &built.provenance, self.report);
    }

    fn taken(&self, job: &Job<'_>, remote: &Remote) -> Result<Option<Built>> {
        let Some((record, trust)) = self.cache.remotes().find(remote, &job.request, self.report)? else {
            return Ok(None);
        };
        let file = fitting(job, &record)?;
        if !self.same_rust(&record.entry.parts, job.target) {
            return Ok(None);
        }
        let mut entry = record.entry;
        let (Some(provenance), Some(wheel)) = (
            remote.content(entry.provenance, record.provenance_size)?,
            remote.content(entry.wheel, entry.size)?,
        ) else {
            return Ok(None);
        };
        if trust != Trust::Signed {
            let raw = RawWheel::from_bytes(file, wheel.clone())?;
            agreeing(job, &entry.parts, &entry.file, &entry.wheel.to_string(), &provenance, &raw)?;
            // Nobody vouches for the words.
            entry.tag = raw.file_name().tags().platforms().first().cloned().unwrap_or_default();
            entry.notes = match trust {
                Trust::Store => self.judged_anew(job, &raw)?,
                _ => Vec::new(),
            };
            (entry.name, entry.version) =
                (raw.metadata().name().to_owned(), raw.metadata().version().to_owned());
        }
        Ok(Some(Built { entry, cached: true, wheel, provenance }))
    }

    /// The judgement of a wheel that is finished; gives its notes.
    fn judged_anew(&self, job: &Job<'_>, raw: &RawWheel) -> Result<Vec<String>> {
        let contents = Contents::from(raw);
        let native = contents.members.iter().any(|(_, bytes)| elf::is_elf(bytes));
        let libc = match native {
            true => {
                let stubs =
                    kit::ensure_stubs(&self.zig()?, job.target, &self.cache.folder("kits")?, self.report)?;
                Some(kit::libc_symbols(&stubs, job.target)?)
            }
            false => None,
        };
        let python_api = native.then(|| elf::python_api(job.python.c_api_library(), &[])).transpose()?;
        let expectation = Expectation {
            sdist: job.sdist.pkg_info(),
            libc: libc.as_ref().map(|table| table as &dyn Symbols),
            python_api: python_api.as_ref().map(|table| table as &dyn Symbols),
            allow_pure: self.options.allow_pure,
            ..Expectation::new(*job.target, job.python.version)
        };
        let verdict = judge(&contents, &expectation)?;
        if verdict.tag_set()? != *raw.file_name().tags() || !verdict.edits.is_empty() {
            return Err(Error::new(
                Code::CacheEntry,
                format!("`{}` is not as we would write it", raw.file_name()),
            )
            .cause(format!("its files prove `{}`", verdict.tag_set()?)));
        }
        Ok(verdict.notes)
    }
}

/// A finished build as it is shared.
fn record(request: &KeyParts, built: &Built) -> Record {
    Record {
        request: request.clone(),
        entry: built.entry.clone(),
        provenance_size: built.provenance.len() as u64,
    }
}

/// The wheel's name, if it can be what was asked for.
fn fitting(job: &Job<'_>, record: &Record) -> Result<WheelFileName> {
    let other = |why: String| Error::new(Code::CacheEntry, "the entry is of another wheel").cause(why);
    let file: WheelFileName =
        record.entry.file.parse().map_err(|error: Error| other(error.headline().to_owned()))?;
    if file.to_string() != record.entry.file {
        return Err(other(format!("`{}` is no name we would give", record.entry.file.escape_default())));
    }
    if let (Some(name), Some(version)) = (job.sdist.name(), job.sdist.version()) {
        let same = file.name() == normalize(name)
            && parse_version(version).is_ok_and(|version| version == *file.version());
        if !same {
            return Err(other(format!("`{file}` is not of {name} {version}")));
        }
    }
    let fits = CompatibleTags::new(job.python.version, &Platform::from(*job.target));
    if fits.best(&file.tags().expand()).is_none() {
        return Err(other(format!("`{file}` does not fit Python {} on {}", job.python.version, job.target)));
    }
    Ok(file)
}

/// Wheel, provenance and key parts tell one story.
fn agreeing(
    job: &Job<'_>,
    parts: &KeyParts,
    file: &str,
    sha256: &str,
    provenance: &[u8],
    raw: &RawWheel,
) -> Result<()> {
    let wrong = |why: &str| {
        Error::new(Code::CacheEntry, format!("wheel and provenance of `{file}` do not fit the request"))
            .cause(why.to_owned())
    };
    let text = std::str::from_utf8(provenance).map_err(|_| wrong("the provenance is no text"))?;
    let provenance = Provenance::from_json(text)?;
    if provenance.subject() != (file, sha256) {
        return Err(wrong("the provenance is of another wheel"));
    }
    let record = provenance.record()?;
    let asked: BTreeMap<&str, &str> = job.request.iter().filter(|(name, _)| *name != "sdist").collect();
    let told: BTreeMap<&str, &str> =
        record.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if record.sdist.sha256 != job.sdist.sha256()
        || record.target != job.target.to_string()
        || record.python.identity != job.python.identity
        || asked != told
    {
        return Err(wrong("the provenance is of another request"));
    }
    let named = |prefix: &str| -> BTreeMap<String, String> {
        parts
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.to_owned())))
            .collect()
    };
    let requirements =
        record.requirements.iter().map(|one| (one.name.clone(), format!("{} {}", one.version, one.sha256)));
    let sources = record.sources.iter().map(|one| (one.file.clone(), one.sha256.clone()));
    if named("requirement.") != requirements.collect() || named("source.") != sources.collect() {
        return Err(wrong("the provenance tells of other requirements than the key"));
    }
    let sbom = raw.dist_info(SBOM_NAME).ok_or_else(|| wrong("the wheel has no SBOM"))?;
    let sbom = std::str::from_utf8(&sbom.data).map_err(|_| wrong("the SBOM is no text"))?;
    check_complete(&record, &Sbom::from_json(sbom)?, &provenance)
        .map_err(|error| wrong("SBOM and provenance differ").cause(error.causes().join("; ")))
}
