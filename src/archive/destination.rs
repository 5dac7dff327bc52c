//! The only code that writes what an archive holds.
//!
//! Every path is walked folder by folder from an open handle of the destination, never following
//! a symbolic link, and every file is created new. So whatever the [`super::tree::Tree`] let pass,
//! nothing can be written outside, over, or through anything that exists.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};

use super::refusal::broken;
use crate::report::{Error, Result};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// When something was last changed: seconds since 1970 UTC and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Modified {
    seconds: i64,
    nanoseconds: u32,
}

impl Modified {
    /// The second day of 1980 UTC. Zip cannot say 1979, which this is nowhere on earth, and Python's
    /// zipfile refuses it, so that a backend would fail on a file dated 1970.
    pub const EARLIEST: Self = Self { seconds: 315_619_200, nanoseconds: 0 };
    /// The end of 2099 UTC.
    const LATEST: Self = Self { seconds: 4_102_444_799, nanoseconds: 0 };

    /// The time, moved into the years that every format can say. The order of two times is never
    /// reversed: make compares the dates of generated files.
    pub fn new(seconds: i64, nanoseconds: u32) -> Self {
        Self { seconds, nanoseconds: nanoseconds.min(999_999_999) }.clamp(Self::EARLIEST, Self::LATEST)
    }

    fn timestamps(self) -> Timestamps {
        let time = Timespec { tv_sec: self.seconds, tv_nsec: self.nanoseconds.into() };
        Timestamps { last_access: time, last_modification: time }
    }
}

/// A folder that an archive is unpacked into.
pub(super) struct Destination {
    path: PathBuf,
    root: OwnedFd,
    /// Handles of the folders down to the last one used.
    open: Vec<(String, OwnedFd)>,
    folders: BTreeMap<String, Modified>,
    links: Vec<(String, String, Modified)>,
}

impl Destination {
    /// Opens `path`, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|error| Error::io("make the folder", path, &error))?;
        let root = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Error::io("open the folder", path, &error.into()))?;
        Ok(Self {
            path: path.to_owned(),
            root,
            open: Vec::new(),
            folders: BTreeMap::new(),
            links: Vec::new(),
        })
    }

    /// Makes the folder `path` and its parents, mode 0755.
    pub fn folder(&mut self, path: &str, modified: Option<Modified>) -> Result<()> {
        self.enter(path)?;
        if let Some(modified) = modified {
            self.folders.insert(path.to_owned(), modified);
        }
        Ok(())
    }

    /// Makes the file `path` of exactly `size` bytes of `data`, mode 0755 or 0644.
    pub fn file(
        &mut self,
        path: &str,
        executable: bool,
        modified: Modified,
        size: u64,
        data: &mut dyn Read,
    ) -> Result<()> {
        let (parent, name) = split(path);
        let folder = self.enter(parent)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let created = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(created.map_err(|error| self.failed("create", path, error.into()))?);
        let written = copy_exactly(data, &mut file, size).map_err(|failure| match failure {
            Copy::Write(error) => self.failed("write", path, error),
            Copy::Read(error) => super::read_error(error),
            Copy::Short => broken(format!("entry `{}` is cut short", super::refusal::shown(path))),
        });
        written?;
        let mode = if executable { 0o755 } else { 0o644 };
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))
            .and_then(|()| rustix::fs::futimens(&file, &modified.timestamps()))
            .map_err(|error| self.failed("set the mode of", path, error.into()))
    }

    /// Makes the file `path` a copy of the file `original`, which this archive made before.
    pub fn copy(&mut self, path: &str, original: &str, modified: Modified) -> Result<()> {
        let (parent, name) = split(original);
        let folder = self.enter(parent)?;
        let opened = rustix::fs::openat(
            folder,
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let mut file = File::from(opened.map_err(|error| self.failed("open", original, error.into()))?);
        let facts = file.metadata().map_err(|error| self.failed("read", original, error))?;
        let executable = std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o100 != 0;
        self.file(path, executable, modified, facts.len(), &mut file)
    }

    /// Notes a symbolic link, which [`Destination::finish`] makes.
    pub fn link(&mut self, path: &str, target: &str, modified: Modified) {
        self.links.push((path.to_owned(), target.to_owned(), modified));
    }

    /// Makes the links, which the tree must have checked, and dates the folders.
    pub fn finish(mut self, folders: impl Iterator<Item = impl AsRef<str>>) -> Result<()> {
        for (path, target, modified) in std::mem::take(&mut self.links) {
            let (parent, name) = split(&path);
            let folder = self.enter(parent)?;
            rustix::fs::symlinkat(&target, folder, name)
                .and_then(|()| {
                    rustix::fs::utimensat(folder, name, &modified.timestamps(), AtFlags::SYMLINK_NOFOLLOW)
                })
                .map_err(|error| self.failed("make the link", &path, error.into()))?;
        }
        for folder in folders {
            let path = folder.as_ref();
            // A folder that has no entry of its own gets a fixed date too, so that two runs give one tree.
            let modified = self.folders.get(path).copied().unwrap_or(Modified::EARLIEST);
            let handle = self.enter(path)?;
            rustix::fs::futimens(handle, &modified.timestamps())
                .map_err(|error| self.failed("date", path, error.into()))?;
        }
        Ok(())
    }

    /// A handle of the folder `path`, made where it is missing.
    fn enter(&mut self, path: &str) -> Result<BorrowedFd<'_>> {
        let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
        let shared =
            self.open.iter().zip(&components).take_while(|((name, _), wanted)| name == *wanted).count();
        self.open.truncate(shared);
        for component in &components[shared..] {
            let parent = self.open.last().map_or(self.root.as_fd(), |(_, handle)| handle.as_fd());
            let handle =
                enter_one(parent, component).map_err(|error| self.failed("make the folder", path, error))?;
            self.open.push(((*component).to_owned(), handle));
        }
        Ok(self.open.last().map_or(self.root.as_fd(), |(_, handle)| handle.as_fd()))
    }

    fn failed(&self, action: &str, path: &str, error: io::Error) -> Error {
        Error::io(action, &self.path.join(path), &error)
    }
}

fn enter_one(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        // Files are 0600 and folders 0700 until they are complete, whatever the umask.
        Ok(()) => {
            let handle = rustix::fs::openat(parent, name, FOLDER, Mode::empty())?;
            rustix::fs::fchmod(&handle, Mode::from_raw_mode(0o755))?;
            Ok(handle)
        }
        Err(rustix::io::Errno::EXIST) => Ok(rustix::fs::openat(parent, name, FOLDER, Mode::empty())?),
        Err(error) => Err(error.into()),
    }
}

enum Copy {
    Read(io::Error),
    Write(io::Error),
    Short,
}

fn copy_exactly(from: &mut dyn Read, to: &mut File, size: u64) -> std::result::Result<(), Copy> {
    let mut left = size;
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = match from.read(&mut buffer[..most]) {
            Ok(0) => return Err(Copy::Short),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copy::Read(error)),
        };
        to.write_all(&buffer[..count]).map_err(Copy::Write)?;
        left -= count as u64;
    }
    Ok(())
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
