//! Folders that are made once and then only read: tools, environments.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Cache;
use crate::process::wait_for_lock;
use crate::report::{Error, Report, Result};

impl Cache {
    /// The folder `<cache>/<kind>/<name>`; where it is absent `make` fills a scratch folder that
    /// takes its place when complete.
    ///
    /// One process makes it while others wait. A process that is killed leaves scratch only, and a
    /// folder that stands is whole.
    ///
    /// # Errors
    /// What `make` says; [`crate::report::Code::Io`].
    pub fn made_once(
        &self,
        kind: &str,
        name: &str,
        report: &Report,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let place = self.root().join(kind).join(name);
        if place.is_dir() {
            return Ok(place);
        }
        let lock_path = self.folder(kind)?.join(format!(".{name}.lock"));
        let lock = File::create(&lock_path).map_err(|error| Error::io("make", &lock_path, &error))?;
        if lock.try_lock().is_err() {
            report.detail(format!("waiting for another process that makes `{}`", place.display()));
            wait_for_lock(&lock).map_err(|error| Error::io("lock", &lock_path, &error))?;
        }
        if place.is_dir() {
            return Ok(place);
        }
        let scratch = self.scratch(&format!("{kind}-"))?;
        let inner = scratch.path().join("made");
        fs::create_dir(&inner).map_err(|error| Error::io("make", &inner, &error))?;
        make(&inner)?;
        fs::rename(&inner, &place).map_err(|error| Error::io("make", &place, &error))?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::report::Code;

    #[test]
    fn many_at_once_make_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let made = AtomicUsize::new(0);
        let make = || {
            cache.made_once("tools", "one", &Report::silent(), |place| {
                made.fetch_add(1, Ordering::SeqCst);
                fs::write(place.join("a"), "whole").map_err(|error| Error::io("write", place, &error))
            })
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(fs::read(make().unwrap().join("a")).unwrap(), b"whole"));
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failure_leaves_nothing_and_may_be_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let error = cache
            .made_once("envs", "e", &Report::silent(), |place| {
                fs::write(place.join("half"), "").unwrap();
                Err(Error::new(Code::Resolution, "no"))
            })
            .unwrap_err();
        assert_eq!(error.code(), Code::Resolution);
        assert!(!cache.root().join("envs/e").exists());
        assert_eq!(fs::read_dir(cache.root().join("tmp")).unwrap().count(), 0);
        cache.made_once("envs", "e", &Report::silent(), |_| Ok(())).unwrap();
    }
}
