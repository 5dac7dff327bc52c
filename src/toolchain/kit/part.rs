//! The parts of a kit: what there is, and how one comes to be at its place all at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::KitPaths;
use super::contents::Contents;
use crate::report::{Error, Result};
use crate::target::{Libc, Target};

/// One part of a kit, made and shared as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Headers, for every target.
    Headers,
    /// Compiler runtime, start and end objects and unwinder of a family.
    Base(Target),
    /// libc++ of a family.
    Cxx(Target),
    /// C library stubs and start objects of one floor.
    Sys(Target),
}

impl Part {
    /// What a build for `target` needs; `cxx` when it links C++.
    pub fn needed(target: &Target, cxx: bool) -> Vec<Part> {
        let mut parts = vec![Part::Headers, Part::Sys(*target), Part::Base(*target)];
        if cxx {
            parts.push(Part::Cxx(*target));
        }
        parts
    }

    /// The part's name in a shared cache and in messages: `inc`, `base-aarch64-linux-gnu`.
    pub fn name(&self) -> String {
        match self {
            Self::Headers => "inc".to_owned(),
            Self::Base(target) => format!("base-{}", target.family()),
            Self::Cxx(target) => format!("cxx-{}", target.family()),
            Self::Sys(target) => format!("sys-{target}"),
        }
    }

    /// Where the part lies in `kit`.
    pub fn folder(&self, kit: &KitPaths) -> PathBuf {
        match self {
            Self::Headers => kit.inc(),
            Self::Base(target) => kit.base(target),
            Self::Cxx(target) => kit.cxx(target),
            Self::Sys(target) => kit.sys(target),
        }
    }

    /// True when the part is at its place. It is put there whole, or not at all.
    pub fn is_there(&self, kit: &KitPaths) -> bool {
        self.folder(kit).join(Contents::FILE).is_file()
    }

    /// Puts the part at its place unless it is there: `make` fills an empty folder, with its list of
    /// contents, which is then renamed. Processes that want the same part wait for the first one.
    pub fn place(&self, kit: &KitPaths, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        if self.is_there(kit) {
            return Ok(());
        }
        let folder = self.folder(kit);
        let above = folder.parent().ok_or_else(|| Error::bug("a part lies in no folder"))?;
        for needed in [above, &kit.root.join(".locks")] {
            fs::create_dir_all(needed).map_err(|error| {
                Error::io("make", needed, &error).hint("name a folder you may write with `--cache-dir DIR`")
            })?;
        }
        let _lock = lock(&kit.root.join(".locks").join(self.name()))?;
        if self.is_there(kit) {
            return Ok(());
        }
        let scratch = tempfile::Builder::new()
            .prefix(".making-")
            .tempdir_in(above)
            .map_err(|error| Error::io("make a folder in", above, &error))?;
        make(scratch.path())?;
        if folder.exists() {
            // Without its list of contents it was never complete.
            fs::remove_dir_all(&folder).map_err(|error| Error::io("remove", &folder, &error))?;
        }
        open_to_all(scratch.path())?;
        fs::rename(scratch.path(), &folder).map_err(|error| Error::io("make", &folder, &error))?;
        let _ = scratch.keep();
        Ok(())
    }
}

/// The target with the lowest floor of `target`'s family: what the shared parts are built for.
pub(super) fn oldest(target: &Target) -> Target {
    match target.libc {
        Libc::Gnu { .. } => Target { arch: target.arch, libc: Libc::Gnu { minor: target.arch.glibc_floor } },
        Libc::Musl => *target,
    }
}

/// Waits for the lock at `path`; it is free again when the file is dropped or the process ends.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).map_err(|error| Error::io("make", path, &error))?;
    file.lock().map_err(|error| Error::io("lock", path, &error))?;
    Ok(file)
}

/// A temporary folder is its owner's alone; a part may be read by every user of the cache.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::io("open", folder, &error))
}
