//! Build environments: the Python packages that a build runs with, on the build machine.
//!
//! [`resolve`] turns requirements into exact wheels, by uv and the user's index, within what the
//! companion lock ([`BuildLock`]) says. [`install`] makes the environment of such a set, and
//! [`install_given`] that of wheels given as files. An environment is named by its content, made once, read-only, and
//! used by many builds at once, wherever it is mounted.

mod build_lock;
mod make;
mod pylock;
mod requirement;
mod resolve;
mod tree;
mod uv;

use std::path::{Path, PathBuf};

pub use build_lock::{BuildLock, Locked, LockedBuild, LockedSource};
pub use make::{Recipe, SEEN_AT, install, install_given};
pub use requirement::unsatisfied;
pub use resolve::{NeedsBuild, Query, Resolved, resolve};
pub use uv::Uv;

use crate::cache::Cache;
pub use crate::cache::Requirement;
use crate::report::{Code, Error, Result};
use crate::target::PythonVersion;

/// An environment that is ready to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Where it stands. Builds may see it elsewhere.
    pub root: PathBuf,
    /// Names its content.
    pub key: String,
    /// What is installed, by name.
    pub requirements: Vec<Requirement>,
    version: PythonVersion,
}

impl Environment {
    /// The interpreter: a link to the base interpreter, which finds the environment through it.
    pub fn python(&self) -> PathBuf {
        self.root.join("bin/python")
    }

    /// The folder of programs.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The folder of importable files, below [`Environment::root`].
    pub fn site_packages(&self) -> PathBuf {
        self.root.join(crate::python::installer::Layout::Environment(self.version).site_packages())
    }

    /// Whether every file is what it was when the environment was made. Reads all of it.
    ///
    /// # Errors
    /// [`Code::CacheEntry`] when it is not.
    pub fn verify(&self) -> Result<()> {
        let record = make::Record::read(&self.root)?;
        match tree::digest(&self.root)? == record.tree {
            true => Ok(()),
            false => Err(damaged(&self.root)),
        }
    }

    /// The same, but every file is read only where the folder's looks have changed.
    ///
    /// # Errors
    /// As [`Environment::verify`].
    pub fn look_over(&self) -> Result<()> {
        if crate::cache::is_sealed(&self.root) {
            return Ok(());
        }
        self.verify()?;
        crate::cache::seal(&self.root);
        Ok(())
    }

    /// Removes the environment from `cache`, to be made anew.
    ///
    /// # Errors
    /// [`Code::Io`].
    pub fn discard(self, cache: &Cache) -> Result<()> {
        // Renamed first: who looks for it at this moment finds all of it or nothing.
        let scratch = cache.scratch("discarded-")?;
        let gone = scratch.path().join("environment");
        std::fs::rename(&self.root, gone).map_err(|error| Error::io("remove", &self.root, &error))
    }
}

fn damaged(root: &Path) -> Error {
    Error::new(Code::CacheEntry, format!("the build environment `{}` is damaged", root.display()))
        .hint("remove that folder; it is made anew")
}

#[cfg(test)]
mod tests;
