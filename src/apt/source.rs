//! Source packages (dpkg-source's formats `3.0 (quilt)` and `3.0 (native)`).

use std::fs;
use std::path::{Path, PathBuf};

use super::{Packages, Pinned, patch};
use crate::archive::{Limits, unpack};
use crate::report::{Code, Error, Result};

impl Packages<'_> {
    /// Unpacks a source package, the files of which are `pins`, into the folder `into` and applies the
    /// distribution's patches; gives the folder with the sources.
    ///
    /// # Errors
    /// As [`Packages::file`] and [`unpack`]; [`Code::BrokenArchive`] when a patch does not apply or the
    /// package is of another format.
    pub fn source(&self, pins: &[&Pinned], into: &Path) -> Result<PathBuf> {
        let named = |mark: &str| pins.iter().find(|pin| pin.file_name().contains(mark));
        let broken = |what: &str| Error::new(Code::BrokenArchive, what.to_owned());
        let archive = named(".orig.tar.")
            .or_else(|| named(".tar.").filter(|pin| !pin.file_name().contains(".debian.tar.")))
            .ok_or_else(|| broken("the source package has no archive of sources"))?;
        let sources = into.join("sources");
        let unpacked = unpack(&self.file(archive)?, &sources, &Limits::default())?;
        let [top] = unpacked.top_level.as_slice() else {
            return Err(broken("the archive of sources does not have one folder at its top"));
        };
        let root = sources.join(top);
        if let Some(debian) = named(".debian.tar.") {
            let folder = into.join("distribution");
            unpack(&self.file(debian)?, &folder, &Limits::default())?;
            let patches = folder.join("debian/patches");
            let series = fs::read_to_string(patches.join("series")).unwrap_or_default();
            for line in series.lines() {
                let Some(name) = line.split('#').next().and_then(|line| line.split_whitespace().next())
                else {
                    continue;
                };
                let path = patches.join(name);
                let text = fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
                patch::apply(&root, name, &text)?;
            }
        }
        Ok(root)
    }
}
