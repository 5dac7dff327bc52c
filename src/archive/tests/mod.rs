//! Hostile archives, made byte by byte: one test a refusal, and each checks that nothing was
//! written outside the folder that was asked for.

mod deb;
mod random;
mod tar;
mod zip;
mod zip_bytes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Limits, Unpacked, unpack};
use crate::report::{Code, Error, Result};

/// A folder to unpack into with a neighbour that must not change.
pub(super) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("neighbour")).expect("its folder is new");
        std::fs::write(folder.path().join("neighbour/file"), "untouched").expect("its folder is there");
        Self { folder }
    }

    /// The folder above the destination, where nothing may appear.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub fn inside(&self) -> PathBuf {
        self.folder.path().join("into")
    }

    /// Writes `bytes` to a file with a meaningless name, runs `action` on it and checks that the
    /// neighbourhood is as it was.
    pub fn run<T>(&self, bytes: &[u8], action: impl FnOnce(&Path, &Path) -> Result<T>) -> Result<T> {
        let archive = self.folder.path().join("archive");
        std::fs::write(&archive, bytes).expect("the sandbox can be written");
        let before = contents(self.outside(), "into");
        let result = action(&archive, &self.inside());
        assert_eq!(contents(self.outside(), "into"), before, "something was written outside");
        result
    }

    pub fn unpack(&self, bytes: &[u8]) -> Result<Unpacked> {
        self.run(bytes, |archive, into| unpack(archive, into, &Limits::default()))
    }
}

/// What `bytes` are refused with.
#[track_caller]
pub(super) fn refused(bytes: &[u8]) -> Error {
    refused_within(bytes, &Limits::default())
}

#[track_caller]
pub(super) fn refused_within(bytes: &[u8], limits: &Limits) -> Error {
    let sandbox = Sandbox::new();
    match sandbox.run(bytes, |archive, into| unpack(archive, into, limits)) {
        Ok(unpacked) => panic!("must be refused, but: {unpacked:?}"),
        Err(error) => error,
    }
}

/// Asserts that `bytes` are refused as hostile with an error that says all of `words`.
#[track_caller]
pub(super) fn assert_hostile(bytes: &[u8], words: &[&str]) {
    assert_refused(&refused(bytes), Code::HostileArchive, words);
}

/// Asserts that `bytes` are refused as broken with an error that says all of `words`.
#[track_caller]
pub(super) fn assert_broken(bytes: &[u8], words: &[&str]) {
    assert_refused(&refused(bytes), Code::BrokenArchive, words);
}

#[track_caller]
pub(super) fn assert_refused(error: &Error, code: Code, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
}

/// Every path below `folder` with what stands there, without what is called `but`.
pub(super) fn contents(folder: &Path, but: &str) -> BTreeMap<PathBuf, String> {
    walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .filter_entry(|entry| entry.depth() != 1 || entry.file_name() != but)
        .map(|entry| {
            let entry = entry.expect("the sandbox can be read");
            let kind = entry.file_type();
            let what = if kind.is_symlink() {
                format!("-> {}", std::fs::read_link(entry.path()).expect("it is a link").display())
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).expect("it is a file");
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                "folder".to_owned()
            };
            (entry.path().strip_prefix(folder).expect("it is below").to_owned(), what)
        })
        .collect()
}
