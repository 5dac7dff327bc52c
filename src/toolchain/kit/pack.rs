//! A part as one file, for a shared cache: `tar` in zstd, the same bytes for the same part.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::contents::Contents;
use super::{KitPaths, Part};
use crate::archive::{self, Limits};
use crate::report::{Code, Error, Result};

/// Small enough to write in a second, and as fast to read as any.
const LEVEL: i32 = 6;

/// No part comes near: the headers of every target are 34 MB in 3,400 files.
const LIMITS: Limits = Limits {
    bytes: 256 << 20,
    entry_bytes: 64 << 20,
    entries: 20_000,
    path_bytes: 512,
    depth: 32,
    ratio: 200,
};

impl KitPaths {
    /// Writes the archive of `part`, which must be there, to `out`.
    ///
    /// # Errors
    /// `CacheEntry` when a file is not as it was made.
    pub fn pack(&self, part: Part, out: &Path) -> Result<()> {
        let folder = part.folder(self);
        Contents::check(&folder)?;
        let listed = Contents::read(&folder)?;
        let failed = |error: std::io::Error| Error::io("write", out, &error);
        let file = File::create(out).map_err(failed)?;
        let mut tar = tar::Builder::new(zstd::Encoder::new(file, LEVEL).map_err(failed)?);
        for name in std::iter::once(Contents::FILE).chain(listed.files()) {
            let path = folder.join(name);
            let content = std::fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            tar.append_data(&mut header, name, content.as_slice()).map_err(failed)?;
        }
        let mut file = tar.into_inner().and_then(zstd::Encoder::finish).map_err(failed)?;
        file.flush().and_then(|()| file.sync_all()).map_err(failed)
    }

    /// Puts `part` at its place from `archive`, unless it is there, and checks every file against
    /// the list inside. That the archive itself may be trusted is the caller's to know: its digest
    /// or its signature.
    ///
    /// # Errors
    /// `CacheEntry` when a file is not as listed; what hostile and broken archives are. Nothing is
    /// left at the part's place then.
    pub fn unpack(&self, part: Part, archive: &Path) -> Result<()> {
        part.place(self, |folder| {
            archive::unpack(archive, folder, &LIMITS)?;
            Contents::check(folder).map_err(|error| {
                let why = error.causes().first().cloned().unwrap_or_default();
                Error::new(
                    Code::CacheEntry,
                    format!("`{}` is no kit part `{}`", archive.display(), part.name()),
                )
                .cause(why)
            })
        })
    }

    /// Checks every file of `part` against the list made with it.
    ///
    /// # Errors
    /// `CacheEntry` with the first file that differs.
    pub fn check(&self, part: Part) -> Result<()> {
        Contents::check(&part.folder(self))
    }
}
