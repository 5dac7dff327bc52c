//! Blobs and entries on disk.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::remote::{Record, Remotes};
use super::{Digest, Key, KeyParts};
use crate::file::NewFile;
use crate::report::{Error, Result};

/// One requirement of a recorded build environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    pub name: String,
    pub version: String,
    /// File name of the wheel that was installed.
    pub file: String,
    pub sha256: String,
}

/// What a request led to the last time it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestEntry {
    pub parts: KeyParts,
    /// Key of the [`ResultEntry`].
    pub result: Key,
}

/// What a build made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultEntry {
    pub parts: KeyParts,
    pub name: String,
    pub version: String,
    pub tag: String,
    /// File name of the wheel.
    pub file: String,
    pub wheel: Digest,
    /// Bytes.
    pub size: u64,
    pub provenance: Digest,
    /// Notes of the judgement, shown again on a hit.
    pub notes: Vec<String>,
}

/// A cache folder, and the shared caches behind it.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    remotes: Arc<Remotes>,
}

impl Cache {
    /// The cache at `root`, which is made if absent.
    pub fn open(root: &Path) -> Result<Self> {
        for folder in ["blobs", "requests", "results", "tmp"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|e| {
                Error::io("make the cache folder", &path, &e)
                    .hint("name a folder you may write with `--cache-dir DIR`")
            })?;
        }
        let root = fs::canonicalize(root).map_err(|e| Error::io("open", root, &e))?;
        Ok(Self { root, remotes: Arc::default() })
    }

    /// The same cache with others behind it.
    #[must_use]
    pub fn with_remotes(mut self, remotes: Remotes) -> Self {
        self.remotes = Arc::new(remotes);
        self
    }

    /// The shared caches.
    pub fn remotes(&self) -> &Remotes {
        &self.remotes
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of the cache that another module owns, made if absent.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(|e| Error::io("make", &path, &e))?;
        Ok(path)
    }

    /// A new scratch folder that vanishes with the returned value.
    pub fn scratch(&self, prefix: &str) -> Result<tempfile::TempDir> {
        let tmp = self.root.join("tmp");
        tempfile::Builder::new().prefix(prefix).tempdir_in(&tmp).map_err(|e| Error::io("write", &tmp, &e))
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join("blobs").join(&name[..2]).join(name)
    }

    /// Stores `bytes` and says their digest.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(digest);
        if !path.exists() {
            self.write(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Whether there is something under `digest`; only [`Cache::get`] says whether it is whole.
    pub fn has(&self, digest: Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// The content of `digest`, verified; None when absent. A damaged blob is removed first.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let path = self.blob_path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        if Digest::of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove the damaged", &path, &error))
            }
            _ => Ok(None),
        }
    }

    /// The entry of a request key, if there is a readable one.
    pub fn request(&self, key: Key) -> Option<RequestEntry> {
        self.entry("requests", key).filter(|entry: &RequestEntry| entry.parts.key() == key)
    }

    /// Records what `parts` led to.
    pub fn put_request(&self, parts: &KeyParts, result: Key) -> Result<()> {
        self.put_entry("requests", parts.key(), &RequestEntry { parts: parts.clone(), result })
    }

    /// The entry of a result key, if there is a readable one.
    pub fn result(&self, key: Key) -> Option<ResultEntry> {
        self.entry("results", key).filter(|entry: &ResultEntry| entry.parts.key() == key)
    }

    /// Records a finished build under the key of its parts.
    pub fn put_result(&self, entry: &ResultEntry) -> Result<Key> {
        let key = entry.parts.key();
        self.put_entry("results", key, entry)?;
        Ok(key)
    }

    /// Every readable result entry, newest first.
    pub fn results(&self) -> Result<Vec<ResultEntry>> {
        let folder = self.root.join("results");
        let mut found = Vec::new();
        for file in fs::read_dir(&folder).map_err(|e| Error::io("read", &folder, &e))?.flatten() {
            let time = file.metadata().and_then(|meta| meta.modified()).ok();
            if let Some(entry) =
                fs::read(file.path()).ok().and_then(|text| serde_json::from_slice(&text).ok())
            {
                found.push((time, entry));
            }
        }
        found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Every request whose result is there, as it is shared.
    pub fn records(&self) -> Result<Vec<Record>> {
        let folder = self.root.join("requests");
        let mut found = Vec::new();
        for file in fs::read_dir(&folder).map_err(|e| Error::io("read", &folder, &e))?.flatten() {
            let Some(request) = fs::read(file.path())
                .ok()
                .and_then(|text| serde_json::from_slice::<RequestEntry>(&text).ok())
            else {
                continue;
            };
            let Some(entry) = self.result(request.result) else { continue };
            let sizes = [entry.wheel, entry.provenance].map(|blob| fs::metadata(self.blob_path(blob)));
            // Blobs may have been pruned.
            if let [Ok(_), Ok(provenance)] = sizes {
                found.push(Record { request: request.parts, entry, provenance_size: provenance.len() });
            }
        }
        found.sort_by_key(|record| record.request.key());
        Ok(found)
    }

    // An entry that cannot be read counts as absent: the build runs and writes it anew.
    fn entry<T: DeserializeOwned>(&self, kind: &str, key: Key) -> Option<T> {
        let text = fs::read(self.root.join(kind).join(format!("{key}.json"))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn put_entry(&self, kind: &str, key: Key, entry: &impl Serialize) -> Result<()> {
        let text = serde_json::to_vec_pretty(entry).map_err(|e| Error::bug(format!("cache entry: {e}")))?;
        self.write(&self.root.join(kind).join(format!("{key}.json")), &text)
    }

    /// Writes `bytes` to `path`, a place in the cache, so that a reader sees all of them or nothing.
    ///
    /// # Errors
    /// [`crate::report::Code::Io`].
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = NewFile::within(&self.root.join("tmp"), path)?;
        file.write_all(bytes).map_err(|error| Error::io("write", path, &error))?;
        file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    #[test]
    fn a_blob_comes_back_verified() {
        let (_folder, cache) = cache();
        let digest = cache.put(b"hello").unwrap();
        assert_eq!(cache.get(digest).unwrap().as_deref(), Some(&b"hello"[..]));
        assert_eq!(cache.get(Digest::of("other")).unwrap(), None);
    }

    #[test]
    fn a_damaged_blob_counts_as_absent_and_is_removed() {
        let (_folder, cache) = cache();
        let digest = cache.put(b"hello").unwrap();
        fs::write(cache.blob_path(digest), b"jello").unwrap();
        assert_eq!(cache.get(digest).unwrap(), None);
        assert!(!cache.blob_path(digest).exists());
    }

    #[test]
    fn a_damaged_entry_counts_as_absent() {
        let (_folder, cache) = cache();
        let parts = KeyParts::new().with("sdist", "x");
        cache.put_request(&parts, Digest::of("result")).unwrap();
        assert_eq!(cache.request(parts.key()).unwrap().result, Digest::of("result"));
        // An entry under a name that is not its key is not believed either.
        let other = KeyParts::new().with("sdist", "y").key();
        let name = |key: Key| cache.root().join("requests").join(format!("{key}.json"));
        fs::copy(name(parts.key()), name(other)).unwrap();
        assert!(cache.request(other).is_none());
        fs::write(name(parts.key()), "{").unwrap();
        assert!(cache.request(parts.key()).is_none());
    }

    #[test]
    fn many_writers_of_one_blob_agree() {
        let (_folder, cache) = cache();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..20u8 {
                        let digest = cache.put(&[n; 5000]).unwrap();
                        assert_eq!(cache.get(digest).unwrap().unwrap(), [n; 5000]);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(cache.root().join("tmp")).unwrap().count(), 0);
    }
}
