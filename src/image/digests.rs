//! The digests of files that were read before: known by path, size and dates.
//!
//! A file counts as unchanged when its device, inode, size, mode and both of its dates to the
//! nanosecond are. One that was written in the last seconds is not remembered, since it could change
//! again without a new date.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Digest};
use crate::report::{Error, Result};

/// Dates of file systems are not finer than this everywhere, in seconds.
const TOO_FRESH: i64 = 3;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    stamp: String,
    sha256: Digest,
}

/// Everything that changes with a file, for people as unreadable as a number.
pub fn stamp(facts: &std::fs::Metadata) -> String {
    format!(
        "{}:{}:{}:{:o}:{}.{}:{}.{}",
        facts.dev(),
        facts.ino(),
        facts.size(),
        facts.mode(),
        facts.mtime(),
        facts.mtime_nsec(),
        facts.ctime(),
        facts.ctime_nsec()
    )
}

/// Whether a file of these dates could change again unseen.
pub fn is_fresh(facts: &std::fs::Metadata) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    facts.mtime().max(facts.ctime()) + TOO_FRESH > now
}

/// The sha256 of the file at `path`, which is read only if it changed since it was read last.
///
/// # Errors
/// When it cannot be read.
pub fn of_file(path: &Path, cache: &Cache) -> Result<Digest> {
    let real = std::fs::canonicalize(path).map_err(|error| Error::io("read", path, &error))?;
    let facts = std::fs::metadata(&real).map_err(|error| Error::io("read", path, &error))?;
    let stamp = stamp(&facts);
    let name = Digest::of(real.as_os_str().as_encoded_bytes());
    let place = cache.folder("digests")?.join(name.to_string());
    let known = std::fs::read(&place).ok().and_then(|text| serde_json::from_slice::<Known>(&text).ok());
    if let Some(known) = known.filter(|known| known.stamp == stamp) {
        return Ok(known.sha256);
    }
    let sha256 = Digest::of_file(&real)?;
    if !is_fresh(&facts) {
        let text = serde_json::to_vec(&Known { stamp, sha256 })
            .map_err(|error| Error::bug(format!("digest of a file: {error}")))?;
        cache.write(&place, &text)?;
    }
    Ok(sha256)
}

/// The digests of the files of one folder, kept together.
pub struct KnownFiles {
    place: std::path::PathBuf,
    /// By stamp.
    before: HashMap<String, Digest>,
    now: BTreeMap<String, Digest>,
}

impl KnownFiles {
    /// What is known of the files of `folder`.
    ///
    /// # Errors
    /// When the folder or the cache cannot be read.
    pub fn of(folder: &Path, cache: &Cache) -> Result<Self> {
        let real = std::fs::canonicalize(folder).map_err(|error| Error::io("read", folder, &error))?;
        let name = Digest::of(real.as_os_str().as_encoded_bytes());
        let place = cache.folder("digests")?.join(format!("folder-{name}"));
        let text = std::fs::read_to_string(&place).unwrap_or_default();
        let rows = text.lines().filter_map(|line| line.split_once(' '));
        let before =
            rows.filter_map(|(stamp, digest)| Some((stamp.to_owned(), digest.parse().ok()?))).collect();
        Ok(Self { place, before, now: BTreeMap::new() })
    }

    /// The sha256 of the file at `path`, which is read only if it changed since it was read last.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&mut self, path: &Path) -> Result<Digest> {
        let facts = std::fs::symlink_metadata(path).map_err(|error| Error::io("read", path, &error))?;
        let stamp = stamp(&facts);
        if let Some(digest) = self.before.get(&stamp).copied() {
            self.now.insert(stamp, digest);
            return Ok(digest);
        }
        let digest = Digest::of_file(path)?;
        if !is_fresh(&facts) {
            self.now.insert(stamp, digest);
        }
        Ok(digest)
    }

    /// Keeps what is known now.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn keep(self, cache: &Cache) -> Result<()> {
        if self.now.len() == self.before.len() && self.now.keys().all(|stamp| self.before.contains_key(stamp))
        {
            return Ok(());
        }
        let rows = self.now.iter().map(|(stamp, digest)| format!("{stamp} {digest}\n"));
        cache.write(&self.place, rows.collect::<String>().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let path = folder.path().join("a");
        let old = SystemTime::now() - std::time::Duration::from_secs(3600);
        for text in ["one", "two"] {
            std::fs::write(&path, text).unwrap();
            // The date of the last change of the inode is still that of today.
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
            for _ in 0..2 {
                assert_eq!(of_file(&path, &cache).unwrap(), Digest::of(text));
            }
        }
    }
}
