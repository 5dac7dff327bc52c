//! Many results, or a whole wheelhouse, to a shared cache and back: several at once, only what is
//! missing, so that a run that was cut short is gone on with by the next.
//!
//! What was pushed is named by the digest of its *list*, so that whoever pulls by that digest gets
//! these bytes and no others, whatever the store does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::action::{self, OutputFile};
use super::record::Record;
use super::store::Kind;
use super::{LARGEST_PROVENANCE, LARGEST_WHEEL, Remote, Remotes};
use crate::cache::{Cache, Digest};
use crate::file;
use crate::process::check_halted;
use crate::report::{Code, Error, Report, Result};

/// Transfers at once.
const AT_ONCE: usize = 8;
/// More than the list of any wheelhouse.
const LARGEST_LIST: u64 = 256 << 20;

/// What was pushed together.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Of this format.
    version: u32,
    files: Vec<ListedFile>,
    records: Vec<Record>,
}

/// A file of a wheelhouse.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedFile {
    /// Below the wheelhouse, with `/`.
    path: String,
    sha256: Digest,
    size: u64,
}

/// What a transfer did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Moved {
    /// Files and results in all.
    pub all: usize,
    /// Those that were not there.
    pub moved: usize,
}

impl Remotes {
    /// Sends every result of `cache`, or with `wheelhouse` its files and the results that its wheels
    /// are of, to each cache that may be written. Gives the digest of the list.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when a cache does not take it; [`Code::Usage`] when none may be written.
    pub fn push(&self, cache: &Cache, wheelhouse: Option<&Path>, report: &Report) -> Result<(Digest, Moved)> {
        let writable: Vec<&Remote> = self.remotes.iter().filter(|remote| remote.writable).collect();
        if writable.is_empty() {
            return Err(Error::new(Code::Usage, "no shared cache may be written")
                .hint("name one, spelled `--cache rw:URL`"));
        }
        let files = wheelhouse.map_or_else(|| Ok(Vec::new()), files_of)?;
        let wheels: BTreeSet<Digest> = files.iter().map(|file| file.sha256).collect();
        let mut records = cache.records()?;
        if wheelhouse.is_some() {
            records.retain(|record| wheels.contains(&record.entry.wheel));
        }
        let list = List { version: 1, files, records };
        let bytes =
            serde_json::to_vec(&list).map_err(|error| Error::bug(format!("list of a push: {error}")))?;
        let digest = Digest::of(&bytes);
        let mut moved = Moved { all: list.files.len() + list.records.len(), moved: 0 };
        for remote in writable {
            let sent = AtomicUsize::new(0);
            each(&list.files, "push", report, |file| {
                if remote.store.has(Kind::Content, file.sha256)? {
                    return Ok(());
                }
                let path = wheelhouse.unwrap_or(Path::new("")).join(&file.path);
                let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
                if Digest::of(&bytes) != file.sha256 {
                    return Err(Error::new(Code::Io, format!("`{}` changed meanwhile", path.display())));
                }
                sent.fetch_add(1, Ordering::Relaxed);
                remote.store.put(Kind::Content, file.sha256, &bytes)
            })?;
            each(&list.records, "push", report, |record| {
                let key = record.request.key();
                let there = remote.store.get(Kind::Action, key, super::LARGEST_RECORD)?;
                if there.is_some_and(|bytes| self.is_same(&bytes, record)) {
                    return Ok(());
                }
                // Pruned meanwhile: nothing to give.
                let (Some(wheel), Some(provenance)) =
                    (cache.get(record.entry.wheel)?, cache.get(record.entry.provenance)?)
                else {
                    return Ok(());
                };
                sent.fetch_add(1, Ordering::Relaxed);
                self.put(remote, record, &wheel, &provenance)
            })?;
            if !remote.store.has(Kind::Content, digest)? {
                remote.store.put(Kind::Content, digest, &bytes)?;
            }
            // Stores that clean up keep what an entry names.
            if !remote.store.has(Kind::Action, digest)? {
                remote.store.put(Kind::Action, digest, &keeper(digest, bytes.len() as u64, &list.files))?;
            }
            moved.moved += sent.into_inner();
        }
        Ok((digest, moved))
    }

    /// Gets what was pushed as the list `digest` from the first cache that has it: results into
    /// `cache`, files into `folder`.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when no cache has all of it, [`Code::Usage`] for files without a folder.
    pub fn pull(
        &self,
        cache: &Cache,
        digest: Digest,
        folder: Option<&Path>,
        report: &Report,
    ) -> Result<Moved> {
        let mut last = Error::new(Code::RemoteCache, format!("no shared cache has the list {digest}"));
        for remote in &self.remotes {
            check_halted()?;
            match self.pull_from(remote, cache, digest, folder, report) {
                Ok(Some(moved)) => return Ok(moved),
                Ok(None) => {}
                Err(error)
                    if matches!(
                        error.code(),
                        Code::Interrupted | Code::Usage | Code::Io | Code::DiskFull
                    ) =>
                {
                    return Err(error);
                }
                Err(error) => {
                    report.warn(format!(
                        "the cache {} has not all of it: {}",
                        remote.address,
                        super::why(&error)
                    ));
                    last = error;
                }
            }
        }
        Err(last)
    }

    fn pull_from(
        &self,
        remote: &Remote,
        cache: &Cache,
        digest: Digest,
        folder: Option<&Path>,
        report: &Report,
    ) -> Result<Option<Moved>> {
        let Some(bytes) = remote.store.get(Kind::Content, digest, LARGEST_LIST)? else { return Ok(None) };
        let bad = |why: String| Error::new(Code::CacheEntry, format!("{digest} is no list")).cause(why);
        if Digest::of(&bytes) != digest {
            return Err(bad("its content is another".to_owned()));
        }
        let mut list: List = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        let too_large = list.files.iter().any(|file| file.size > LARGEST_WHEEL)
            || list.records.iter().any(|record| {
                record.entry.size > LARGEST_WHEEL || record.provenance_size > LARGEST_PROVENANCE
            });
        if list.version != 1 || too_large || !list.files.iter().all(|file| is_inside(&file.path)) {
            return Err(bad("it is of another format".to_owned()));
        }
        let moved = AtomicUsize::new(0);
        if !list.files.is_empty() {
            let folder = folder.ok_or_else(|| {
                Error::new(Code::Usage, format!("{digest} is a wheelhouse"))
                    .hint("say where it goes: `-o DIR`")
            })?;
            // An index never lists what is not there yet.
            list.files.sort_by_key(|file| (rank(&file.path), file.path.clone()));
            for files in list.files.chunk_by(|one, next| rank(&one.path) == rank(&next.path)) {
                each(files, "pull", report, |file| {
                    let path = folder.join(&file.path);
                    if fs::metadata(&path).is_ok_and(|about| about.len() == file.size)
                        && Digest::of_file(&path)? == file.sha256
                    {
                        return Ok(());
                    }
                    let bytes = remote.content(file.sha256, file.size)?.ok_or_else(|| gone(file.sha256))?;
                    moved.fetch_add(1, Ordering::Relaxed);
                    file::write(&path, &bytes)
                })?;
            }
        }
        each(&list.records, "pull", report, |record| {
            let (key, entry) = (record.request.key(), &record.entry);
            let same = |found: crate::cache::ResultEntry| found.wheel == entry.wheel;
            let known = cache.request(key).and_then(|found| cache.result(found.result)).is_some_and(same);
            if known && cache.get(entry.wheel)?.is_some() && cache.get(entry.provenance)?.is_some() {
                return Ok(());
            }
            for (digest, size) in [(entry.wheel, entry.size), (entry.provenance, record.provenance_size)] {
                cache.put(&remote.content(digest, size)?.ok_or_else(|| gone(digest))?)?;
            }
            moved.fetch_add(1, Ordering::Relaxed);
            let result = cache.put_result(entry)?;
            cache.put_request(&record.request, result)
        })?;
        Ok(Some(Moved { all: list.files.len() + list.records.len(), moved: moved.into_inner() }))
    }

    /// Whether an entry says what `record` says, under our signature if we sign.
    fn is_same(&self, message: &[u8], record: &Record) -> bool {
        let own: Vec<_> = self.signing_key.iter().map(|key| key.public()).collect();
        super::Found::read(message, record.request.key(), &own).is_ok_and(|found| {
            found.record.entry.wheel == record.entry.wheel
                && found.record.entry.provenance == record.entry.provenance
                && (own.is_empty() || found.signer.is_some())
        })
    }
}

/// An entry under the digest of a list that names the list and its files. Nobody reads it.
fn keeper(list: Digest, size: u64, files: &[ListedFile]) -> Vec<u8> {
    let named =
        files.iter().map(|file| OutputFile { name: &file.path, digest: file.sha256, size: file.size });
    let all: Vec<_> = [OutputFile { name: "list", digest: list, size }].into_iter().chain(named).collect();
    action::encode(&all, b"{}")
}

fn gone(digest: Digest) -> Error {
    Error::new(Code::RemoteCache, format!("the content of {digest} is not there any more"))
}

/// Does `work` for all of `items`, several at once; the first failure ends it.
fn each<T: Sync>(
    items: &[T],
    what: &str,
    report: &Report,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let (next, done, failure) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match check_halted().and_then(|()| work(item)) {
                        Ok(()) => {
                            let count = done.fetch_add(1, Ordering::Relaxed) as u64 + 1;
                            report.progress(what, count, Some(items.len() as u64));
                        }
                        Err(error) => {
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                            next.store(usize::MAX / 2, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Every file of a wheelhouse but hidden ones, which are under way.
fn files_of(folder: &Path) -> Result<Vec<ListedFile>> {
    if !folder.is_dir() {
        return Err(Error::new(
            Code::InputNotFound,
            format!("there is no wheelhouse `{}`", folder.display()),
        ));
    }
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| !hidden(entry)) {
        let entry = entry.map_err(|error| {
            Error::new(Code::Io, format!("cannot read `{}`", folder.display())).cause(error.to_string())
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let inside = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let path = inside.to_str().ok_or_else(|| {
            Error::new(Code::InputNotFound, format!("`{}` is no name for a list", inside.display()))
        })?;
        files.push(ListedFile {
            path: path.to_owned(),
            sha256: Digest::of_file(entry.path())?,
            size: entry.metadata().map_or(0, |about| about.len()),
        });
    }
    Ok(files)
}

/// Files first, then the pages of projects, then the page of all.
fn rank(path: &str) -> u8 {
    match path.strip_prefix("simple/") {
        None => 0,
        Some(page) if page.contains('/') => 1,
        Some(_) => 2,
    }
}

/// A path that stays where it is put.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
