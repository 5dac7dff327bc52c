//! Package index access: what an index offers of a project, and files fetched from it whole or not
//! at all.
//!
//! Which index is asked, with which certificates, proxies and credentials, is the user's own pip or
//! uv configuration ([`Access`]). It is read when first needed, since asking pip costs an
//! interpreter start. No code of a package is ever run: pip itself cannot fetch an sdist without
//! running its backend, so files are fetched by our own client, and their sha256 is checked while
//! they stream in.

mod client;
mod config;
mod credentials;
mod download;
mod filename;
mod html;
mod locked;
mod page;
mod partial_file;
mod route;
mod variables;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use config::{Access, INDEX_URL, Source, Strategy};
pub use credentials::Credentials;
pub use download::Fetched;
pub use filename::sdist_version;
pub use locked::LockedFile;
pub use page::{MetadataFile, Page, RemoteFile};
pub use route::{Routes, is_loopback};
pub use variables::Variables;

use crate::metadata::{Version, normalize};
use crate::process::Interrupt;
use crate::report::{Code, Error, Report, Result};
use client::{Client, Trust};

/// How many versions an error lists.
const VERSIONS_SHOWN: usize = 5;

/// What an [`Index`] needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub variables: Variables,
    /// The folder the user stands in: uv looks there and above for the project's configuration.
    pub folder: PathBuf,
    /// The interpreter whose pip is asked when neither variables nor uv name an index.
    pub python: PathBuf,
    /// Nothing is fetched; local folders and `file:` indexes still serve.
    pub offline: bool,
}

impl Options {
    /// This process's variables and folder, and the `python3` of PATH.
    pub fn of_process(offline: bool) -> Self {
        Self {
            variables: Variables::of_process(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            python: PathBuf::from("python3"),
            offline,
        }
    }
}

/// The number of a source, and a normalised project name.
type PageKey = (usize, String);

/// The user's package indexes.
#[derive(Debug)]
pub struct Index {
    options: Options,
    report: Report,
    client: OnceLock<Client>,
    interrupt: OnceLock<Interrupt>,
    /// Hosts of locks that could not be reached: they are asked once.
    unreachable: Mutex<HashSet<String>>,
    finding_out: Mutex<()>,
    pages: Mutex<HashMap<PageKey, Option<Arc<Page>>>>,
}

impl Index {
    /// An index that reads no configuration until something is asked of it.
    pub fn new(options: Options, report: Report) -> Self {
        Self {
            options,
            report,
            client: OnceLock::new(),
            interrupt: OnceLock::new(),
            unreachable: Mutex::new(HashSet::new()),
            finding_out: Mutex::new(()),
            pages: Mutex::new(HashMap::new()),
        }
    }

    /// The index as this process's environment and folder define it.
    pub fn of_process(offline: bool, report: Report) -> Self {
        Self::new(Options::of_process(offline), report)
    }

    /// Makes every fetch end soon after `interrupt` is set. What was fetched until then is continued
    /// by a later run.
    #[must_use]
    pub fn stopped_by(self, interrupt: &Interrupt) -> Self {
        // A second one would be a mistake of ours, and the first is as good.
        let _ = self.interrupt.set(interrupt.clone());
        self
    }

    /// Whether fetching is forbidden.
    pub fn is_offline(&self) -> bool {
        self.options.offline
    }

    /// The variables this index was given, for children that speak to the same index.
    pub fn variables(&self) -> &Variables {
        &self.options.variables
    }

    /// The configuration, found out on the first call.
    ///
    /// # Errors
    /// [`Code::IndexConfig`], see [`Access::discover`].
    pub fn access(&self) -> Result<&Access> {
        Ok(self.client()?.access())
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // One at a time: every caller would start the same interpreter.
        let _one = self.finding_out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let Options { variables, folder, python, .. } = &self.options;
        let access = Access::discover(variables, folder, python)?;
        self.report.detail(format!("package index: {}", access.describe()));
        Ok(self.client.get_or_init(|| Client::new(access, variables.clone(), self.report.clone())))
    }

    /// Every file the indexes offer of `project`, in the order of the indexes. A first-index strategy
    /// ends with the first index that has the project.
    ///
    /// # Errors
    /// [`Code::NotOnIndex`] when none has it, [`Code::Network`], [`Code::Offline`],
    /// [`Code::IndexConfig`].
    pub fn files(&self, project: &str) -> Result<Vec<RemoteFile>> {
        let mut files = Vec::new();
        let found = self.look(project, |page| {
            files.extend(page.files.iter().cloned());
            None::<()>
        })?;
        match found.known || !files.is_empty() {
            true => Ok(files),
            false => Err(self.not_on_index(project, project, &found)),
        }
    }

    /// Every sdist of `project` with its version, in the order of the indexes.
    ///
    /// # Errors
    /// As [`Index::files`].
    pub fn sdists(&self, project: &str) -> Result<Vec<(Version, RemoteFile)>> {
        let versioned = |file: RemoteFile| Some((filename::sdist_version(&file.filename, project)?, file));
        Ok(self.files(project)?.into_iter().filter_map(versioned).collect())
    }

    /// The sdist of one version; `.tar.gz` where there are several. One that was withdrawn (PEP 592)
    /// is given with a warning, since it was asked for exactly.
    ///
    /// # Errors
    /// [`Code::NotOnIndex`] with the versions there are, and as [`Index::files`].
    pub fn sdist(&self, project: &str, version: &str) -> Result<RemoteFile> {
        let subject = format!("{project}=={version}");
        let wanted = crate::metadata::parse_version(version)?;
        let mut seen = Seen::default();
        let found = self.look(project, |page| {
            seen.note(page, project, &wanted);
            let of_version = page
                .files
                .iter()
                .filter(|file| filename::sdist_version(&file.filename, project).as_ref() == Some(&wanted));
            of_version
                .min_by_key(|file| (file.yanked.is_some(), filename::sdist_rank(&file.filename)))
                .cloned()
        })?;
        let Some(file) = found.value else {
            let error = self.not_on_index(&subject, project, &found);
            return Err(if error.code() == Code::NotOnIndex { seen.explain(error) } else { error });
        };
        if let Some(reason) = &file.yanked {
            let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            self.report.warn(format!("`{subject}` was withdrawn by its authors{because}"));
        }
        Ok(file)
    }

    /// The file of this name and content, from whichever index has it: pins and locks name files so.
    ///
    /// # Errors
    /// [`Code::NotOnIndex`], [`Code::HashMismatch`] when the index has another file of this name,
    /// and as [`Index::files`].
    pub fn file(&self, project: &str, filename: &str, sha256: &str) -> Result<RemoteFile> {
        let mut other = None;
        let found = self.look_everywhere(project, |page| {
            let named = page.files.iter().filter(|file| file.filename == filename);
            for file in named {
                match &file.sha256 {
                    Some(theirs) if !theirs.eq_ignore_ascii_case(sha256) => other = Some(theirs.clone()),
                    _ => return Some(RemoteFile { sha256: Some(sha256.to_owned()), ..file.clone() }),
                }
            }
            None
        })?;
        if let Some(file) = found.value {
            return Ok(file);
        }
        match other {
            Some(theirs) => Err(Error::new(
                Code::HashMismatch,
                format!("the index has another `{filename}` than the one that is pinned"),
            )
            .cause(format!("pinned sha256 {sha256}, the index says {theirs}"))),
            None => Err(self.not_on_index(filename, project, &found)),
        }
    }

    /// Fetches `file` into the folder `into` under its own name. It stands there whole and checked,
    /// or not at all.
    ///
    /// # Errors
    /// [`Code::HashMismatch`], [`Code::Network`], [`Code::Offline`], [`Code::Io`].
    pub fn fetch(&self, file: &RemoteFile, into: &Path) -> Result<Fetched> {
        if let Some(found) = download::already_there(file, into) {
            return Ok(found);
        }
        if self.options.offline && file.url.scheme() != "file" {
            return Err(offline(&file.filename));
        }
        self.fetch_trusting(file, into, Trust::Server)
    }

    /// As [`Index::fetch`], for a file whose sha256 does not come from where the file comes from: a
    /// pin. Archives that are plain http by custom serve as well then.
    ///
    /// # Errors
    /// As [`Index::fetch`]; [`Code::Bug`] when the file has no sha256.
    pub fn fetch_pinned(&self, file: &RemoteFile, into: &Path) -> Result<Fetched> {
        if file.sha256.is_none() {
            return Err(Error::bug(format!("`{}` is pinned by nothing", file.filename)));
        }
        if let Some(found) = download::already_there(file, into) {
            return Ok(found);
        }
        if self.options.offline && file.url.scheme() != "file" {
            return Err(offline(&file.filename));
        }
        self.fetch_trusting(file, into, Trust::Content)
    }

    fn fetch_trusting(&self, file: &RemoteFile, into: &Path, trust: Trust) -> Result<Fetched> {
        download::fetch(self.client()?, file, into, trust, &self.report, self.interrupt.get())
    }

    /// Shows `visit` the page of each source until it gives a value or the strategy says stop.
    fn look<T>(&self, project: &str, visit: impl FnMut(&Page) -> Option<T>) -> Result<Found<T>> {
        let strategy = self.access()?.strategy;
        self.look_by(project, strategy, visit)
    }

    /// The same over every source: where the content is known, no index can slip in another.
    fn look_everywhere<T>(&self, project: &str, visit: impl FnMut(&Page) -> Option<T>) -> Result<Found<T>> {
        self.look_by(project, Strategy::AnyIndex, visit)
    }

    fn look_by<T>(
        &self,
        project: &str,
        strategy: Strategy,
        mut visit: impl FnMut(&Page) -> Option<T>,
    ) -> Result<Found<T>> {
        let project = normalize(project);
        let mut found = Found { value: None, known: false, skipped: false };
        for (number, source) in self.access()?.sources.iter().enumerate() {
            if self.options.offline && source.url().scheme() != "file" {
                found.skipped = true;
                continue;
            }
            let Some(page) = self.page(number, source, &project)? else { continue };
            if matches!(source, Source::Simple(_)) {
                found.known = true;
            }
            found.value = visit(&page);
            let decides = strategy == Strategy::FirstIndex && matches!(source, Source::Simple(_));
            if found.value.is_some() || decides {
                break;
            }
        }
        Ok(found)
    }

    /// The page of a normalised project name at one source; `None` when it has no such project.
    fn page(&self, number: usize, source: &Source, project: &str) -> Result<Option<Arc<Page>>> {
        let key = (number, project.to_owned());
        let kept = self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(page) = kept {
            return Ok(page);
        }
        let page = match source {
            Source::Simple(base) => {
                let below =
                    |error: url::ParseError| Error::bug(format!("`{project}` below `{base}`: {error}"));
                self.client()?.page(&base.join(&format!("{project}/")).map_err(below)?)?
            }
            Source::Links(url) => self.client()?.page(url)?.map(|mut page| {
                let of_project = |file: &RemoteFile| {
                    filename::sdist_version(&file.filename, project)
                        .or_else(|| filename::wheel_version(&file.filename, project))
                        .is_some()
                };
                page.files.retain(of_project);
                page
            }),
        };
        let page = page.map(Arc::new);
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(key, page.clone());
        Ok(page)
    }

    fn not_on_index<T>(&self, subject: &str, project: &str, found: &Found<T>) -> Error {
        if found.skipped {
            return offline(subject);
        }
        let asked: Vec<String> = match self.access() {
            Ok(access) => access.sources.iter().map(|source| client::shown(source.url())).collect(),
            Err(_) => Vec::new(),
        };
        let error = Error::new(Code::NotOnIndex, format!("`{subject}` is not on the index"))
            .cause(format!("asked: {}", asked.join(", ")));
        match found.known {
            true => error,
            false => error.hint(format!("check the spelling of `{project}`")),
        }
    }
}

/// What looking through the sources came to.
struct Found<T> {
    value: Option<T>,
    /// Some simple repository has the project.
    known: bool,
    /// Some source was not asked because of `--offline`.
    skipped: bool,
}

fn offline(subject: &str) -> Error {
    Error::new(
        Code::Offline,
        format!("`{subject}` is not on this machine, and `--offline` forbids fetching it"),
    )
    .hint("run once without `--offline`")
}

/// What was seen of a project while a version was not found.
#[derive(Default)]
struct Seen {
    versions: Vec<Version>,
    wheel_of_version: bool,
}

impl Seen {
    fn note(&mut self, page: &Page, project: &str, wanted: &Version) {
        for file in &page.files {
            self.versions.extend(filename::sdist_version(&file.filename, project));
            self.wheel_of_version |=
                filename::wheel_version(&file.filename, project).as_ref() == Some(wanted);
        }
    }

    fn explain(mut self, error: Error) -> Error {
        self.versions.sort();
        self.versions.dedup();
        let error = match self.wheel_of_version {
            true => error.cause("this version has wheels only, no sdist"),
            false => error,
        };
        let newest: Vec<String> =
            self.versions.iter().rev().take(VERSIONS_SHOWN).map(|version| format!("`{version}`")).collect();
        match newest.is_empty() {
            true => error,
            false => error.hint(format!("the newest versions with an sdist are {}", newest.join(", "))),
        }
    }
}

#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
