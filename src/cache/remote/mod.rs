//! Shared caches: wheels that other machines built.
//!
//! A store keeps bytes by name ([`store::Store`]) and is believed nothing: an entry counts when its
//! signature verifies, when a lock names its wheel's digest, or when the user trusts the store and
//! the wheel stands a new judgement (`build` does that). A store that is down, slow, full or lying
//! costs one warning and is then left alone for the rest of the run.
//!
//! ```text
//! ac/<request key>   an ActionResult whose stdout_raw is a DSSE envelope around a Record
//! cas/<sha256>       the wheel, the provenance
//! ```

mod action;
mod address;
mod folder;
mod http;
mod keys;
mod limited;
mod record;
mod s3;
mod store;
mod transfer;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use address::{Address, Place};
pub use keys::{PublicKey, SigningKey};
pub use record::{Found, Record};
pub use store::{Kind, Store};
pub use transfer::Moved;

use super::{Digest, Key, KeyParts};
use crate::index::Variables;
use crate::report::{Code, Error, Report, Result};

/// More than any record needs: parts, notes, names.
const LARGEST_RECORD: u64 = 4 << 20;
/// More than any provenance needs.
const LARGEST_PROVENANCE: u64 = 64 << 20;
/// Wheels are held in memory.
const LARGEST_WHEEL: u64 = 2 << 30;
/// How long a store may take to answer, when nobody says.
const ANSWER: Duration = Duration::from_secs(15);

/// Opens the cache in the repository `HOST/NAME` of an OCI registry: a name, whether to do without TLS,
/// and where to tell of it.
pub type OpenRegistry = fn(&str, bool, &Report) -> Result<Box<dyn Store>>;

/// Which shared caches there are, and whom to believe.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `[rw:]PATH|URL`, in the order they are asked.
    pub caches: Vec<String>,
    /// Those of them, or more, that are believed without a signature.
    pub trusted: Vec<String>,
    pub keys: Vec<PublicKey>,
    pub signing_key: Option<Arc<SigningKey>>,
    /// Content that a lock names.
    pub known: BTreeSet<Digest>,
    /// How long a store may take to answer.
    pub answer: Option<Duration>,
    /// Speak without TLS to hosts other than this one.
    pub insecure: bool,
    /// Ask no store over the network.
    pub offline: bool,
    /// How registries are spoken to; without it there are none.
    pub registry: Option<OpenRegistry>,
}

/// The shared caches of a run.
#[derive(Debug, Default)]
pub struct Remotes {
    remotes: Vec<Remote>,
    keys: Vec<PublicKey>,
    signing_key: Option<Arc<SigningKey>>,
    known: BTreeSet<Digest>,
}

/// One shared cache.
#[derive(Debug)]
pub struct Remote {
    /// As it may be shown.
    address: String,
    store: Box<dyn Store>,
    writable: bool,
    trusted: bool,
    /// Something was wrong with it: it is neither asked nor written any more.
    left: AtomicBool,
    /// It took no bytes: it is not written any more.
    full: AtomicBool,
    /// It was said that it has entries that nobody vouches for.
    told: AtomicBool,
}

/// Why an entry is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A key that is known signed all of it.
    Signed,
    /// A lock names the wheel's digest.
    Known,
    /// The user trusts the store: the wheel has to be judged anew.
    Store,
}

impl Remotes {
    /// The caches of `settings`; paths are relative to `folder`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Code::Usage`] for a spelling that names none.
    pub fn new(settings: &Settings, folder: &Path, report: &Report) -> Result<Self> {
        let mut addresses: Vec<(Address, bool)> = Vec::new();
        for text in &settings.caches {
            addresses.push((Address::parse(text, folder)?, false));
        }
        for text in &settings.trusted {
            let trusted = Address::parse(text, folder)?;
            let mut found = false;
            for (address, trust) in &mut addresses {
                if address.place == trusted.place {
                    (*trust, found) = (true, true);
                }
            }
            if !found {
                addresses.push((trusted, true));
            }
        }
        let answer = settings.answer.unwrap_or(ANSWER);
        let mut remotes: Vec<Remote> = Vec::new();
        for (address, trusted) in addresses {
            let shown = address.shown();
            let store: Box<dyn Store> = match address.place {
                Place::Folder(path) => Box::new(limited::Limited::new(
                    Box::new(folder::Folder::new(path)) as Box<dyn Store>,
                    shown.clone(),
                    answer,
                )),
                _ if settings.offline => continue,
                Place::Http(url) => Box::new(http::Http::new(url, answer, settings.insecure)),
                Place::S3(url) => {
                    Box::new(s3::S3::new(&url, &Variables::of_process(), answer, settings.insecure)?)
                }
                Place::Registry(name) => {
                    let open = settings.registry.ok_or_else(|| Error::bug("no way to open a registry"))?;
                    let store = open(&name, settings.insecure, report)?;
                    Box::new(limited::Limited::new(store, shown.clone(), answer))
                }
            };
            remotes.push(Remote {
                address: shown,
                store,
                writable: address.writable,
                trusted,
                left: AtomicBool::new(false),
                full: AtomicBool::new(false),
                told: AtomicBool::new(false),
            });
        }
        let own = settings.signing_key.iter().map(|key| key.public());
        Ok(Self {
            remotes,
            keys: settings.keys.iter().copied().chain(own).collect(),
            signing_key: settings.signing_key.clone(),
            known: settings.known.clone(),
        })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.iter()
    }

    /// Those that may still be asked, in order.
    pub fn usable(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.iter().filter(|remote| !remote.left.load(Ordering::Relaxed))
    }

    /// What `remote` has for `request`, and why it is believed; None when it has nothing that is.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when it does not answer, [`Code::CacheEntry`] when it answers nonsense.
    pub fn find(
        &self,
        remote: &Remote,
        request: &KeyParts,
        report: &Report,
    ) -> Result<Option<(Record, Trust)>> {
        let key = request.key();
        let Some(message) = remote.store.get(Kind::Action, key, LARGEST_RECORD)? else { return Ok(None) };
        let found = Found::read(&message, key, &self.keys)?;
        let entry = &found.record.entry;
        let trust = if found.signer.is_some() {
            Trust::Signed
        } else if self.known.contains(&entry.wheel) {
            Trust::Known
        } else if remote.trusted {
            Trust::Store
        } else {
            remote.tell_untrusted(report);
            return Ok(None);
        };
        // A result is its request and more.
        if request.iter().any(|(name, value)| entry.parts.get(name) != Some(value)) {
            return Err(Error::new(
                Code::CacheEntry,
                format!("the entry {key} is of other parts than its request"),
            ));
        }
        if entry.size > LARGEST_WHEEL || found.record.provenance_size > LARGEST_PROVENANCE {
            return Err(Error::new(
                Code::CacheEntry,
                format!("the entry {key} names files that are too large"),
            ));
        }
        Ok(Some((found.record, trust)))
    }

    /// Gives a finished build to every cache that may be written. Nothing of it can fail: what goes
    /// wrong is a warning.
    pub fn offer(&self, record: &Record, wheel: &[u8], provenance: &[u8], report: &Report) {
        let writable = self.usable().filter(|remote| remote.takes());
        for remote in writable {
            if let Err(error) = self.put(remote, record, wheel, provenance) {
                remote.stop_writing(&error, report);
            }
        }
    }

    /// The same for one of earlier: caches that have an entry for its request get nothing.
    pub fn offer_missing(&self, record: &Record, wheel: &[u8], provenance: &[u8], report: &Report) {
        let writable = self.usable().filter(|remote| remote.takes());
        for remote in writable {
            let there = remote.store.has(Kind::Action, record.request.key());
            let given = there.and_then(|there| match there {
                true => Ok(()),
                false => self.put(remote, record, wheel, provenance),
            });
            if let Err(error) = given {
                remote.stop_writing(&error, report);
            }
        }
    }

    /// Gives a finished build to `remote`.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when it does not take it.
    fn put(&self, remote: &Remote, record: &Record, wheel: &[u8], provenance: &[u8]) -> Result<()> {
        let message = record.encode(self.signing_key.as_deref())?;
        // Content first: an entry must never name what is not there.
        for (digest, bytes) in [(record.entry.wheel, wheel), (record.entry.provenance, provenance)] {
            if !remote.store.has(Kind::Content, digest)? {
                remote.store.put(Kind::Content, digest, bytes)?;
            }
        }
        remote.store.put(Kind::Action, record.request.key(), &message)
    }
}

impl Remote {
    /// As it may be shown.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn is_writable(&self) -> bool {
        self.writable
    }

    fn takes(&self) -> bool {
        self.writable && !self.full.load(Ordering::Relaxed)
    }

    /// The content of `digest`, which has `size` bytes, checked; None when it is not there.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when it does not answer, [`Code::CacheEntry`] when it has other bytes.
    pub fn content(&self, digest: Digest, size: u64) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.store.get(Kind::Content, digest, size)? else { return Ok(None) };
        if bytes.len() as u64 != size || Digest::of(&bytes) != digest {
            return Err(Error::new(Code::CacheEntry, format!("the content of {digest} is another")));
        }
        Ok(Some(bytes))
    }

    /// Asks for something that is not there, to see whether it answers.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when it does not.
    pub fn ping(&self) -> Result<()> {
        self.store.has(Kind::Action, Key::of("wheelbuild: is anybody there?")).map(drop)
    }

    /// Says once what is wrong with it; it is not used any more.
    pub fn leave(&self, error: &Error, report: &Report) {
        if !self.left.swap(true, Ordering::Relaxed) {
            report.warn(format!("the cache {} is left alone: {}", self.address, why(error)));
        }
    }

    fn stop_writing(&self, error: &Error, report: &Report) {
        if !self.full.swap(true, Ordering::Relaxed) && !self.left.load(Ordering::Relaxed) {
            report.warn(format!("the cache {} is not written any more: {}", self.address, why(error)));
        }
    }

    fn tell_untrusted(&self, report: &Report) {
        if !self.told.swap(true, Ordering::Relaxed) {
            report.warn(format!(
                "the cache {} has entries that no known key signed, and no lock names: they are not used; \
                 `--cache-key KEY` names a key, `--trust-cache URL` believes the cache",
                self.address
            ));
        }
    }
}

/// The files that an entry of a store names, with their sizes; None when it is none.
pub fn named_files(entry: &[u8]) -> Option<Vec<(Digest, u64)>> {
    action::files(entry)
}

/// An error in one line.
fn why(error: &Error) -> String {
    let causes = error.causes().iter().fold(error.headline().to_owned(), |text, cause| text + ": " + cause);
    error.hints().iter().fold(causes, |text, hint| text + "; " + hint)
}
