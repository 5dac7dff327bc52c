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

    /// Removes what is at the part's place: at once, for others may look for it meanwhile.
    pub fn discard(&self, kit: &KitPaths) -> Result<()> {
        let folder = self.folder(kit);
        let above = folder.parent().ok_or_else(|| Error::bug("a part lies in no folder"))?;
        let scratch = tempfile::Builder::new()
            .prefix(".discarded-")
            .tempdir_in(above)
            .map_err(|error| Error::io("make a folder in", above, &error))?;
        match fs::rename(&folder, scratch.path().join("part")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &folder, &error))
            }
            // Another process was faster.
            _ => Ok(()),
        }
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
    crate::process::wait_for_lock(&file).map_err(|error| Error::io("lock", path, &error))?;
    Ok(file)
}

/// A temporary folder is its owner's alone; a part may be read by every user of the cache.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::io("open", folder, &error))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn target(spelling: &str) -> Target {
        spelling.parse().unwrap()
    }

    fn fill(folder: &Path) -> Result<()> {
        fs::write(folder.join("file"), "content").map_err(|error| Error::io("write", folder, &error))?;
        Contents::of(folder)?.write(folder)
    }

    #[test]
    fn parts_of_different_targets_have_different_names_and_floors_share_all_but_one() {
        let (old, new) = (target("aarch64-linux-gnu.2.17"), target("aarch64-linux-gnu.2.28"));
        let kit = KitPaths::new("/kit");
        assert_eq!(Part::Base(old).name(), Part::Base(new).name());
        assert_eq!(Part::Cxx(old).folder(&kit), Part::Cxx(new).folder(&kit));
        assert_ne!(Part::Sys(old).name(), Part::Sys(new).name());
        assert_ne!(Part::Base(old).name(), Part::Base(target("aarch64-linux-musl")).name());
        assert_eq!(oldest(&new), old);
        assert_eq!(Part::needed(&new, false).len() + 1, Part::needed(&new, true).len());
    }

    #[test]
    fn a_part_is_made_once_however_many_ask() {
        let root = tempfile::tempdir().unwrap();
        let (kit, made) = (KitPaths::new(root.path()), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    Part::Headers.place(&kit, |folder| {
                        made.fetch_add(1, Ordering::SeqCst);
                        fill(folder)
                    })
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
        assert!(Part::Headers.is_there(&kit));
    }

    #[test]
    fn a_failure_leaves_nothing_and_the_next_one_makes_it() {
        let root = tempfile::tempdir().unwrap();
        let kit = KitPaths::new(root.path());
        let part = Part::Sys(target("x86_64-linux-musl"));
        let error = part.place(&kit, |folder| {
            fs::write(folder.join("half"), "").unwrap();
            Err(Error::bug("stopped"))
        });
        assert!(error.is_err() && !part.is_there(&kit));
        assert_eq!(fs::read_dir(root.path().join("sys")).unwrap().count(), 0);
        // What a killed process of an older version may have left at the place itself.
        fs::create_dir_all(part.folder(&kit).join("rest")).unwrap();
        part.place(&kit, fill).unwrap();
        assert!(part.is_there(&kit) && !part.folder(&kit).join("rest").exists());
    }

    #[test]
    fn a_packed_part_comes_back_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) =
            (KitPaths::new(root.path().join("here")), KitPaths::new(root.path().join("there")));
        Part::Headers.place(&here, fill).unwrap();
        let archive = root.path().join("inc.tar.zst");
        here.pack(Part::Headers, &archive).unwrap();
        there.unpack(Part::Headers, &archive).unwrap();
        there.check(Part::Headers).unwrap();
        assert_eq!(fs::read(there.inc().join("file")).unwrap(), b"content");

        fs::write(here.inc().join("file"), "changed").unwrap();
        assert!(here.pack(Part::Headers, &archive).is_err(), "a changed part must not be shared");
        let bytes = fs::read(&archive).unwrap();
        for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&archive, &bytes[..end]).unwrap();
            let third = KitPaths::new(root.path().join("third"));
            assert!(third.unpack(Part::Headers, &archive).is_err());
            assert!(!Part::Headers.is_there(&third));
        }
    }
}
