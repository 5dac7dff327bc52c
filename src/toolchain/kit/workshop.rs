//! Where parts are made: a scratch folder, and zig's tools run in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::{Turns, capture, turn};
use crate::report::{Code, Error, Result};
use crate::toolchain::Zig;

/// A scratch folder with the tools of one zig. Nothing of the user's environment reaches them.
pub(super) struct Workshop<'a> {
    pub zig: &'a Zig,
    scratch: tempfile::TempDir,
    turns: Option<&'a Turns>,
}

impl<'a> Workshop<'a> {
    /// A workshop of `zig` whose scratch folder lies in `store` and vanishes with it.
    pub fn new(zig: &'a Zig, store: &Path, turns: Option<&'a Turns>) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix(".scratch-")
            .tempdir_in(store)
            .map_err(|error| Error::io("make a folder in", store, &error))?;
        Ok(Self { zig, scratch, turns })
    }

    /// The path of `name` in the scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes `text` into the scratch folder and gives the path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
        Ok(path)
    }

    /// Runs zig with `args`; `what` says what for when it fails.
    pub fn run(&self, what: &str, args: &[String]) -> Result<()> {
        let cache = self.path("cache");
        let env: BTreeMap<OsString, OsString> = [
            ("ZIG_GLOBAL_CACHE_DIR", cache.as_path()),
            ("ZIG_LOCAL_CACHE_DIR", cache.as_path()),
            ("HOME", self.scratch.path()),
            ("TMPDIR", self.scratch.path()),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        let _turn = self.turns.and_then(|turns| turn(turns.folder()));
        capture(&self.zig.program, args, &env).map(drop).map_err(|error| {
            let mut outer = Error::new(Code::RuntimeKit, format!("{what} cannot be made"))
                .cause(format!("zig {}: {}", self.zig.version, error.headline()))
                .hint("build with plain zig instead: `--cc zig-cc`");
            for line in error.lines() {
                outer = outer.line(line);
            }
            outer
        })
    }

    /// Runs several, as many at once as there are cores, the first first. Ends at the first failure.
    pub fn run_all(&self, what: &str, jobs: &[Vec<String>]) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = self.run(what, job) {
                            next.store(jobs.len(), Ordering::Relaxed);
                            // Only a panic of another worker poisons the lock, and that ends the scope.
                            *failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Packs `objects` into the archive `out`, in the order of their names, without times and owners.
    pub fn archive(&self, out: &Path, objects: &[PathBuf]) -> Result<()> {
        let mut objects = objects.to_vec();
        objects.sort();
        let mut args = vec!["ar".to_owned(), "rcsD".to_owned(), out.display().to_string()];
        args.extend(objects.iter().map(|object| object.display().to_string()));
        self.run(&format!("`{}`", out.display()), &args)
    }
}
