//! A shared cache in a folder, for example of a network file system.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::store::{Kind, Store};
use crate::cache::Digest;
use crate::file;
use crate::report::{Code, Error, Result};

/// The folder, laid out as the HTTP cache is served. A file system may hang: see
/// [`Limited`](super::limited::Limited).
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The cache in `root`. Nothing is looked at.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Does `work` on a file.
    fn on<T>(&self, kind: Kind, name: Digest, work: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T> {
        let path = self.root.join(kind.path(name));
        work(&path).map_err(|error| {
            Error::new(Code::RemoteCache, format!("cannot use `{}`", path.display())).cause(error.to_string())
        })
    }
}

impl Store for Folder {
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>> {
        self.on(kind, name, |path| {
            // Anything but a file, a pipe for example, may never end.
            match fs::metadata(path) {
                Ok(about) if about.is_file() && about.len() <= most => {}
                Ok(_) => return Err(std::io::Error::other("it is no file of the size it should have")),
                Err(error) if absent(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            let mut bytes = Vec::new();
            match File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)) {
                Ok(_) if bytes.len() as u64 > most => Err(std::io::Error::other("it grows while it is read")),
                Ok(_) => Ok(Some(bytes)),
                Err(error) if absent(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn has(&self, kind: Kind, name: Digest) -> Result<bool> {
        self.on(kind, name, |path| match fs::metadata(path) {
            Ok(about) => Ok(about.is_file()),
            Err(error) if absent(&error) => Ok(false),
            Err(error) => Err(error),
        })
    }

    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()> {
        self.on(kind, name, |path| {
            file::write(path, bytes).map_err(|error| std::io::Error::other(error.causes().join(", ")))
        })
    }
}

fn absent(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(place: &Path) -> Folder {
        Folder::new(place.to_owned())
    }

    #[test]
    fn bytes_come_back_under_their_name_and_kind() {
        let place = tempfile::tempdir().unwrap();
        let store = folder(&place.path().join("made/when/needed"));
        let name = Digest::of("a");
        assert_eq!(store.get(Kind::Content, name, 9).unwrap(), None);
        assert!(!store.has(Kind::Content, name).unwrap());
        store.put(Kind::Content, name, b"one").unwrap();
        store.put(Kind::Content, name, b"two").unwrap();
        assert_eq!(store.get(Kind::Content, name, 3).unwrap().as_deref(), Some(&b"two"[..]));
        assert!(store.has(Kind::Content, name).unwrap() && !store.has(Kind::Action, name).unwrap());
        let left: Vec<_> = fs::read_dir(place.path().join("made/when/needed/cas")).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn more_than_was_asked_for_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let store = folder(place.path());
        store.put(Kind::Action, Digest::of("a"), b"four").unwrap();
        let error = store.get(Kind::Action, Digest::of("a"), 3).unwrap_err();
        assert_eq!(error.code(), Code::RemoteCache);
    }

    #[test]
    fn a_pipe_and_a_folder_are_no_answer() {
        let place = tempfile::tempdir().unwrap();
        let store = folder(place.path());
        let (pipe, inner) = (Digest::of("pipe"), Digest::of("folder"));
        fs::create_dir(place.path().join("cas")).unwrap();
        fs::create_dir(place.path().join(Kind::Content.path(inner))).unwrap();
        let made =
            std::process::Command::new("mkfifo").arg(place.path().join(Kind::Content.path(pipe))).status();
        assert!(made.unwrap().success());
        for name in [pipe, inner] {
            assert_eq!(store.get(Kind::Content, name, 9).unwrap_err().code(), Code::RemoteCache);
            assert!(!store.has(Kind::Content, name).unwrap());
        }
    }
}
