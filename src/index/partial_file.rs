//! Where a download grows. One whose content is known beforehand has a name of its own, so that a
//! later run can go on where an earlier one was stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::report::{Error, Result};

/// A file under way, hidden beside its place.
pub(super) enum PartialFile {
    /// Vanishes when dropped.
    Nameless(NamedTempFile),
    /// Stays, unless there is nothing in it. Locked while it is written.
    Named { file: File, path: PathBuf },
}

impl PartialFile {
    /// The part of the content `sha256` in `folder`, if one was left; else an empty one.
    ///
    /// While another process fetches the same, this one fetches for itself.
    pub fn open(folder: &Path, sha256: Option<&str>) -> Result<Self> {
        let failed = |error: io::Error| Error::io("write into", folder, &error);
        if let Some(sha256) = sha256 {
            let path = folder.join(format!(".fetching-{}", sha256.to_ascii_lowercase()));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
            let file = options.open(&path).map_err(failed)?;
            // Between opening and locking another process may have put it in its place.
            if file.try_lock().is_ok() && is_still(&file, &path) {
                return Ok(Self::Named { file, path });
            }
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fetching-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        Ok(Self::Nameless(builder.tempfile_in(folder).map_err(failed)?))
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::Nameless(file) => file.as_file_mut(),
            Self::Named { file, .. } => file,
        }
    }

    /// Gives `sink` what is there already, and says how much it was; what is written comes after it.
    pub fn read(&mut self, sink: &mut impl Write) -> Result<u64> {
        let file = self.file();
        let count = file.rewind().and_then(|()| io::copy(&mut Read::by_ref(file), sink));
        count.map_err(|error| Error::io("read what was fetched before", Path::new("."), &error))
    }

    /// Empties it.
    pub fn restart(&mut self) -> io::Result<()> {
        let file = self.file();
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0)).map(|_| ())
    }

    /// Throws away what is in it, also for later runs.
    pub fn forget(&mut self) {
        // What cannot be emptied is found to be wrong by its hash.
        let _ = self.restart();
    }

    /// Puts it in its place, safe on the disk.
    pub fn persist(mut self, place: &Path) -> io::Result<()> {
        self.file().sync_all()?;
        match &self {
            Self::Named { path, .. } => fs::rename(path, place),
            Self::Nameless(file) => fs::rename(file.path(), place),
        }
    }
}

impl Write for PartialFile {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.file().write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Self::Named { file, path } = self
            && file.metadata().is_ok_and(|facts| facts.len() == 0)
            && is_still(file, path)
        {
            // An empty file that stays costs nothing.
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}
