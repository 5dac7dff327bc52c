//! Files that are there whole or not at all, however a process ends.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::report::{Code, Error, Result};

/// What names of files that are still being written begin with. Readers of folders pass over them.
pub const UNFINISHED: &str = ".wheelbuild-";

/// A file that is being written, to appear at its place with [`finish`](Self::finish). Dropped before
/// that it leaves nothing. Mode 0644, for whoever else reads the folder.
#[derive(Debug)]
pub struct NewFile {
    file: tempfile::NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Begins the file for `place`, whose folder is made if it is not there.
    ///
    /// # Errors
    /// [`Code::Usage`] when something else than a file is there, which is never replaced: a folder, a device;
    /// `Code::Io` or `Code::DiskFull`.
    pub fn at(place: &Path) -> Result<Self> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::within(folder.unwrap_or(Path::new(".")), place)
    }

    /// The same with the unfinished file in `scratch`, a folder of the same file system.
    ///
    /// # Errors
    /// `Code::Io` or `Code::DiskFull`.
    pub fn within(scratch: &Path, place: &Path) -> Result<Self> {
        // Where a link leads does not matter: the link itself would be replaced.
        if fs::symlink_metadata(place).is_ok_and(|facts| !facts.is_file() && !facts.is_symlink()) {
            return Err(Error::new(Code::Usage, format!("`{}` is no file", place.display()))
                .hint("name a new file, or one that may be replaced"));
        }
        Self::begin(scratch, place).map_err(|error| Error::io("write", place, &error))
    }

    fn begin(scratch: &Path, place: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        for folder in place.parent().into_iter().chain([scratch]) {
            fs::create_dir_all(folder)?;
        }
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(scratch)?;
        Ok(Self { file, place: place.to_owned() })
    }

    /// The unfinished file itself.
    pub fn as_file_mut(&mut self) -> &mut fs::File {
        self.file.as_file_mut()
    }

    /// Where the unfinished file lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts the file at its place, instead of what is there, once it is on disk.
    ///
    /// # Errors
    /// `Code::Io` or `Code::DiskFull`.
    pub fn finish(self) -> Result<()> {
        let Self { file, place } = self;
        let done = file.as_file().sync_all().and_then(|()| Ok(file.persist(&place).map(drop)?));
        done.map_err(|error| Error::io("write", &place, &error))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes `bytes` to `place`: a reader sees what was there before, or all of them.
///
/// # Errors
/// `Code::Io` or `Code::DiskFull`.
pub fn write(place: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NewFile::at(place)?;
    file.write_all(bytes).map_err(|error| Error::io("write", place, &error))?;
    file.finish()
}

/// The same, but that a file with these bytes already stays, with its time.
///
/// # Errors
/// `Code::Io` or `Code::DiskFull`.
pub fn update(place: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(place).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    write(place, bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let room = tempfile::tempdir().unwrap();
        let place = room.path().join("a/b");
        let mut file = NewFile::at(&place).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!place.exists());
        drop(file);
        assert_eq!(fs::read_dir(room.path().join("a")).unwrap().count(), 0);
        write(&place, b"whole").unwrap();
        let facts = fs::metadata(&place).unwrap();
        assert_eq!((fs::read(&place).unwrap(), facts.mode() & 0o777), (b"whole".to_vec(), 0o644));
        update(&place, b"whole").unwrap();
        assert_eq!(fs::metadata(&place).unwrap().ino(), facts.ino());
        update(&place, b"other").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"other");
    }

    #[test]
    fn a_place_that_cannot_be_is_named() {
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join("file"), "").unwrap();
        let error = write(&room.path().join("file/below"), b"").unwrap_err();
        assert!(error.to_string().contains("file/below"), "{error}");
    }
}
