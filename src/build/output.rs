//! A finished build, and writing it where the user wants it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::ResultEntry;
use crate::file;
use crate::report::{Error, Result};
use crate::wheel::Provenance;

/// A wheel that is proven, in memory.
#[derive(Debug)]
pub struct Built {
    pub entry: ResultEntry,
    /// True when nothing was built for it.
    pub cached: bool,
    pub(super) wheel: Vec<u8>,
    pub(super) provenance: Vec<u8>,
}

impl Built {
    /// The wheel's bytes.
    pub fn wheel(&self) -> &[u8] {
        &self.wheel
    }

    /// The provenance document's bytes (in-toto statement, JSON).
    pub fn provenance(&self) -> &[u8] {
        &self.provenance
    }

    /// Whether [`write`](Self::write) could write into `folder`, as far as that can be said beforehand
    /// and without making it: a build takes long, and nothing comes of it where its wheel cannot go.
    ///
    /// # Errors
    /// `Code::Io`.
    pub fn check_folder(folder: &Path) -> Result<()> {
        use rustix::fs::{Access, access};
        let folder = std::path::absolute(folder).map_err(|e| Error::io("find", folder, &e))?;
        let nearest = folder.ancestors().find(|path| fs::symlink_metadata(path).is_ok());
        let nearest = nearest.unwrap_or(Path::new("/"));
        let failed = |e: &std::io::Error| {
            Error::io("write into the output folder", nearest, e).hint("name another with `-o DIR`")
        };
        if !fs::metadata(nearest).map_err(|e| failed(&e))?.is_dir() {
            return Err(failed(&std::io::ErrorKind::NotADirectory.into()));
        }
        access(nearest, Access::WRITE_OK | Access::EXEC_OK).map_err(|e| failed(&e.into()))
    }

    /// Writes the wheel and its provenance into `folder`, which is made if absent, and gives the
    /// path of the wheel. Each appears whole or not at all, the wheel last.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).map_err(|e| {
            Error::io("make the output folder", folder, &e).hint("name another with `-o DIR`")
        })?;
        let path = folder.join(&self.entry.file);
        let provenance = folder.join(Provenance::file_name(&self.entry.file));
        file::update(&provenance, &self.provenance)?;
        file::update(&path, &self.wheel).inspect_err(|_| {
            // It speaks of no wheel then.
            if !path.exists() {
                let _ = fs::remove_file(&provenance);
            }
        })?;
        Ok(path)
    }
}
