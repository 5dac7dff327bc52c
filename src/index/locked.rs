//! Files as locks name them: by address and hash, or by name and hash alone.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha384, Sha512};

use super::download::Fetched;
use super::{Index, RemoteFile};
use crate::report::{Code, Error, Result};

/// What a lock says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// The project it belongs to.
    pub project: String,
    pub filename: String,
    /// (algorithm, lower-case hex). One that can be checked must be among them.
    pub hashes: Vec<(String, String)>,
    /// Where the lock found it. The user's own index is asked when it is not there, or cannot be reached.
    pub url: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
}

/// A hash that is checked here.
enum Known<'f> {
    Sha256(&'f str),
    Sha384(&'f str),
    Sha512(&'f str),
}

impl LockedFile {
    fn known(&self) -> Result<Known<'_>> {
        let find = |name: &str| {
            self.hashes.iter().find(|(algorithm, _)| algorithm == name).map(|(_, value)| value.as_str())
        };
        let known = find("sha256").map(Known::Sha256);
        let known = known.or_else(|| find("sha512").map(Known::Sha512));
        known.or_else(|| find("sha384").map(Known::Sha384)).ok_or_else(|| {
            let names: Vec<&str> = self.hashes.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
            let has = if names.is_empty() { "none".to_owned() } else { format!("only {}", names.join(", ")) };
            Error::new(Code::NoUsableHash, format!("`{}` has no hash that can be checked", self.filename))
                .cause(format!("the lock has {has}; sha256, sha384 and sha512 are checked"))
        })
    }

    fn sha256(&self) -> Option<String> {
        match self.known() {
            Ok(Known::Sha256(sha256)) => Some(sha256.to_owned()),
            _ => None,
        }
    }

    /// Whether `fetched` is what was locked; a sha256 was checked while it streamed in.
    fn check(&self, fetched: Fetched) -> Result<Fetched> {
        let (algorithm, wanted, found) = match self.known()? {
            Known::Sha256(wanted) => ("sha256", wanted, fetched.sha256.clone()),
            Known::Sha384(wanted) => ("sha384", wanted, digest::<Sha384>(&fetched.path)?),
            Known::Sha512(wanted) => ("sha512", wanted, digest::<Sha512>(&fetched.path)?),
        };
        if found.eq_ignore_ascii_case(wanted) {
            return Ok(fetched);
        }
        let _ = std::fs::remove_file(&fetched.path);
        Err(Error::new(Code::HashMismatch, format!("`{}` is not the file that was locked", self.filename))
            .cause(format!("expected {algorithm} {wanted}, found {found}")))
    }
}

fn digest<D: Digest>(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Error::io("read", path, &error);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

impl Index {
    /// Fetches `file` into the folder `into`, from the address the lock names, else from the user's
    /// index by name and content. It stands there whole and checked, or not at all.
    ///
    /// # Errors
    /// [`Code::NoUsableHash`], [`Code::HashMismatch`], [`Code::NotOnIndex`] when it is in neither
    /// place, [`Code::Network`], [`Code::Offline`], storage codes, [`Code::Interrupted`].
    pub fn fetch_locked(&self, file: &LockedFile, into: &Path) -> Result<Fetched> {
        file.known()?;
        let first = match self.fetch_from_address(file, into) {
            Some(Ok(fetched)) => return file.check(fetched),
            Some(Err(error)) if !may_be_elsewhere(&error) => return Err(error),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let second = self.find_locked(file).and_then(|remote| self.fetch(&remote, into));
        match (second, first) {
            (Ok(fetched), _) => file.check(fetched),
            (Err(second), Some(first)) if may_be_elsewhere(&second) => {
                Err(second.cause(format!("and where the lock found it: {}", first.headline())))
            }
            (Err(second), _) => Err(second),
        }
    }

    /// `None` when the lock names no address, or one whose host did not answer before.
    fn fetch_from_address(&self, file: &LockedFile, into: &Path) -> Option<Result<Fetched>> {
        let mut remote = RemoteFile::from_url(file.url.as_deref()?, file.sha256()).ok()?;
        remote.filename.clone_from(&file.filename);
        remote.size = remote.size.or(file.size);
        let host = remote.url.host_str().unwrap_or_default().to_owned();
        let unreachable = || self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        if unreachable().contains(&host) {
            return None;
        }
        let fetched = self.fetch(&remote, into);
        if fetched.as_ref().is_err_and(|error| error.code() == Code::Network) {
            unreachable().insert(host);
        }
        Some(fetched)
    }

    fn find_locked(&self, file: &LockedFile) -> Result<RemoteFile> {
        if let Some(sha256) = file.sha256() {
            return self.file(&file.project, &file.filename, &sha256);
        }
        let named = self.files(&file.project)?.into_iter().find(|remote| remote.filename == file.filename);
        named.ok_or_else(|| Error::new(Code::NotOnIndex, format!("`{}` is not on the index", file.filename)))
    }

    /// Fetches all `files`, up to `at_once` at the same time. `each` is told of every one when it is
    /// there or has failed, in no order. The answers come in the order of `files`; after an interrupt
    /// the rest is [`Code::Interrupted`].
    pub fn fetch_all_locked(
        &self,
        files: &[LockedFile],
        into: &Path,
        at_once: usize,
        each: &(dyn Fn(usize, &Result<Fetched>) + Sync),
    ) -> Vec<Result<Fetched>> {
        let next = AtomicUsize::new(0);
        let answers: Mutex<Vec<Option<Result<Fetched>>>> = Mutex::new(files.iter().map(|_| None).collect());
        std::thread::scope(|scope| {
            for _ in 0..at_once.clamp(1, files.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(at) else { return };
                        let stopped = self.interrupt.get().map_or(Ok(()), |interrupt| interrupt.check());
                        let answer = stopped.and_then(|()| self.fetch_locked(file, into));
                        each(at, &answer);
                        answers.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(answer);
                    }
                });
            }
        });
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let missing = || Err(Error::bug("a file was neither fetched nor refused"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }
}

/// Whether a failure leaves hope that another place has the file.
fn may_be_elsewhere(error: &Error) -> bool {
    matches!(error.code(), Code::Network | Code::NotOnIndex | Code::Offline)
}
