//! How much the cache holds, and making it smaller.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use walkdir::WalkDir;

use super::Cache;
use crate::report::{Error, Result};

/// What one folder of the cache holds.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    pub folder: String,
    pub files: u64,
    /// Bytes.
    pub size: u64,
}

/// What pruning removed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Pruned {
    pub files: u64,
    /// Bytes.
    pub size: u64,
}

impl Cache {
    /// Files and bytes of each folder, largest first.
    pub fn usage(&self) -> Result<Vec<Usage>> {
        let root = self.root();
        let mut all = Vec::new();
        for entry in fs::read_dir(root).map_err(|e| Error::io("read", root, &e))?.flatten() {
            if entry.path().is_dir() {
                let (files, size) = measure(&entry.path());
                all.push(Usage { folder: entry.file_name().to_string_lossy().into_owned(), files, size });
            }
        }
        all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.folder.cmp(&b.folder)));
        Ok(all)
    }

    /// Removes what was last written more than `older_than` ago (everything when None).
    ///
    /// Entries go before the blobs they name, and what a running build holds open stays usable:
    /// removing a file does not take it from a process that has it. Scratch younger than a day is
    /// kept, since a build may be in it.
    pub fn prune(&self, older_than: Option<Duration>) -> Result<Pruned> {
        let now = SystemTime::now();
        let mut pruned = Pruned::default();
        let old = |path: &Path, age: Duration| {
            let modified = fs::symlink_metadata(path).and_then(|meta| meta.modified()).ok();
            modified.is_none_or(|time| now.duration_since(time).unwrap_or_default() >= age)
        };
        let age = older_than.unwrap_or_default();
        for folder in ["requests", "results", "blobs", "layers", "digests"] {
            for entry in WalkDir::new(self.root().join(folder)).into_iter().flatten() {
                if entry.file_type().is_file() && old(entry.path(), age) {
                    let size = entry.metadata().map_or(0, |meta| meta.len());
                    remove(entry.path())?;
                    pruned.files += 1;
                    pruned.size += size;
                }
            }
        }
        let day = Duration::from_secs(24 * 60 * 60);
        for (folder, age) in [
            ("tmp", age.max(day)),
            ("envs", age),
            ("kits", age),
            ("views", age),
            ("downloads", age),
            ("sources", age),
            ("uv", age),
            ("requirements", age),
            ("locks", age),
            ("logs", age),
            ("interpreters", age),
            ("tools", age),
            ("bytecode", age),
            ("trees", age),
        ] {
            let path = self.root().join(folder);
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                if old(&entry.path(), age) {
                    let (files, size) = measure(&entry.path());
                    self.remove_at_once(&entry.path())?;
                    pruned.files += files;
                    pruned.size += size;
                }
            }
        }
        Ok(pruned)
    }
}

impl Cache {
    /// Removes a folder that counts as whole while it stands: it is renamed away first, so that a
    /// process killed here leaves no half of it.
    fn remove_at_once(&self, path: &Path) -> Result<()> {
        if !path.is_dir() || path.starts_with(self.root().join("tmp")) {
            return remove(path);
        }
        let scratch = self.scratch("pruned-")?;
        let away = scratch.path().join("folder");
        // Renaming a folder changes its link to the parent, for which it has to be writable.
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
        match fs::rename(path, &away) {
            Ok(()) => remove(&away),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", path, &error)),
        }
    }
}

fn measure(path: &Path) -> (u64, u64) {
    WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .fold((0, 0), |(files, size), entry| {
            (files + 1, size + entry.metadata().map_or(0, |meta| meta.len()))
        })
}

/// Removes a file or a tree; read-only folders are made writable first, absent ones are fine.
fn remove(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
    let result = if meta.is_dir() {
        for entry in WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
            // Failure shows when the removal fails.
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755));
        }
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_everything_leaves_a_usable_empty_cache() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let digest = cache.put(&[1; 1000]).unwrap();
        let env = cache.folder("envs").unwrap().join("e/lib");
        fs::create_dir_all(&env).unwrap();
        fs::write(env.join("a.py"), "x").unwrap();
        let mut read_only = fs::metadata(&env).unwrap().permissions();
        read_only.set_readonly(true);
        fs::set_permissions(&env, read_only).unwrap();
        assert_eq!(cache.prune(Some(Duration::from_secs(3600))).unwrap().files, 0);
        let pruned = cache.prune(None).unwrap();
        assert_eq!((pruned.files, pruned.size), (2, 1001));
        assert_eq!(cache.get(digest).unwrap(), None);
        cache.put(b"again").unwrap();
    }
}
