//! Pinned files in the cache: as they came, and unpacked.

use std::path::{Path, PathBuf};

use super::archives::Place;
use super::{Archives, Pinned};
use crate::archive::{Limits, unpack_deb};
use crate::cache::{Cache, Digest};
use crate::file::NewFile;
use crate::index::{Index, RemoteFile};
use crate::report::{Code, Error, Report, Result};

/// The folder of the cache for files as they came.
const FILES: &str = "debian";
/// The folder of the cache for unpacked trees.
const TREES: &str = "debian-trees";

/// Gives pinned files of Debian archives.
#[derive(Clone, Copy, Debug)]
pub struct Packages<'a> {
    pub cache: &'a Cache,
    /// Whose client, proxies and certificates are used.
    pub index: &'a Index,
    pub archives: &'a Archives,
    pub report: &'a Report,
}

impl Packages<'_> {
    /// The file of `pin`: from the cache, else from the first archive that has it. Its content is
    /// what was pinned, or there is an error; never another version.
    ///
    /// # Errors
    /// [`Code::LeftArchive`] when no archive has it, with its name, its sha256 and where to put it;
    /// [`Code::Offline`]; [`Code::Network`] when an archive could not be asked.
    pub fn file(&self, pin: &Pinned) -> Result<PathBuf> {
        let folder = self.cache.folder(FILES)?;
        let place = folder.join(pin.file_name());
        if Digest::of_file(&place).is_ok_and(|found| found == pin.sha256) {
            return Ok(place);
        }
        let mut asked = Vec::new();
        let mut unreachable = None;
        for archive in self.archives.places() {
            for path in pin.paths() {
                match self.from(archive, &path, pin, &folder) {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) => {}
                    Err(error) if error.code() == Code::HashMismatch => {
                        self.report.warn(format!("{}: {error}", archive.describe()));
                    }
                    Err(error) if matches!(error.code(), Code::Network | Code::Offline) => {
                        unreachable.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            asked.push(archive.describe());
        }
        let headline = match unreachable.as_ref().map(Error::code) {
            Some(Code::Offline) => format!("{} is not on this machine", pin.describe()),
            Some(_) => format!("{} cannot be fetched", pin.describe()),
            None => format!("no Debian archive has {}", pin.describe()),
        };
        let error = match unreachable {
            Some(error) => error.wrap(headline),
            None if asked.is_empty() => {
                Error::new(Code::LeftArchive, headline).cause("no archive is configured on this machine")
            }
            None => Error::new(Code::LeftArchive, headline).cause(format!("asked: {}", asked.join(", "))),
        };
        Err(error
            .cause(format!("wanted: `{}`, sha256 {}", pin.file_name(), pin.sha256))
            .hint(format!("put that file into `{}`", folder.display()))
            .hint("or name an archive or a folder that has it: `--debian-archive URL|DIR`"))
    }

    fn from(&self, archive: &Place, path: &str, pin: &Pinned, folder: &Path) -> Result<Option<PathBuf>> {
        let root = match archive {
            Place::Folder(root) => root,
            Place::Remote(root) => {
                // `+` and `~` stand in Debian's names and are sent as they are.
                let url = root
                    .join(path)
                    .map_err(|error| Error::bug(format!("`{path}` below `{root}`: {error}")))?;
                let mut file = RemoteFile::from_url(url.as_str(), Some(pin.sha256.to_string()))?;
                file.size = Some(pin.size);
                return match self.index.fetch_pinned(&file, folder) {
                    Ok(fetched) => Ok(Some(fetched.path)),
                    Err(error) if error.code() == Code::NotOnIndex => Ok(None),
                    Err(error) => Err(error),
                };
            }
        };
        let candidates = [root.join(path), root.join(pin.file_name())];
        let same = |file: &&PathBuf| Digest::of_file(file).is_ok_and(|found| found == pin.sha256);
        let Some(found) = candidates.iter().find(same) else { return Ok(None) };
        let place = folder.join(pin.file_name());
        let copy = NewFile::at(&place)?;
        std::fs::copy(found, copy.path()).map_err(|error| Error::io("read", found, &error))?;
        copy.finish()?;
        Ok(Some(place))
    }

    /// One folder with the files of every package of `pins`, as if it were `/`: made once, then only
    /// read. No script of a package is run and nothing is configured.
    ///
    /// # Errors
    /// As [`Packages::file`] and [`unpack_deb`]; [`Code::Io`] when two packages hold the same file.
    pub fn tree(&self, pins: &[&Pinned]) -> Result<PathBuf> {
        let mut digests: Vec<String> = pins.iter().map(|pin| pin.sha256.to_string()).collect();
        digests.sort();
        digests.dedup();
        let name = Digest::of(digests.join("\n")).to_string();
        self.cache.made_once(TREES, &name[..32], self.report, |place| {
            for pin in pins {
                unpack_deb(&self.file(pin)?, place, &Limits::default())?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::test_server::{Response, Server};
    use crate::index::{Options, Variables};

    fn pin(content: &[u8]) -> Pinned {
        Pinned {
            package: "libx++-dev".into(),
            version: "1.0~1".into(),
            architecture: "arm64".into(),
            path: "pool/updates/main/libx/libx++-dev_1.0~1_arm64.deb".into(),
            size: content.len() as u64,
            sha256: Digest::of(content),
        }
    }

    fn index(folder: &Path, offline: bool) -> Index {
        let variables: Variables =
            [("WHEELBUILD_INDEX_URL", "https://none.test/simple/")].into_iter().collect();
        let options = Options { variables, folder: folder.to_owned(), python: "none".into(), offline };
        Index::new(options, Report::silent())
    }

    #[test]
    fn the_archive_that_has_the_content_serves() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::open(&scratch.path().join("cache")).unwrap();
        let index = index(scratch.path(), false);
        let other = Server::start(|_, _| Response::new(200, "another"));
        let right = Server::start(|request, _| match request.path.as_str() {
            "/debian/pool/main/libx/libx++-dev_1.0~1_arm64.deb" => Response::new(200, "content"),
            _ => Response::new(404, ""),
        });
        let archives = Archives::new(&[other.url("/debian"), right.url("/debian/")], &[]).unwrap();
        let packages =
            Packages { cache: &cache, index: &index, archives: &archives, report: &Report::silent() };
        let path = packages.file(&pin(b"content")).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"content");

        let error = packages.file(&pin(b"content of a version that is gone")).unwrap_err();
        assert_eq!(error.code(), Code::LeftArchive, "{error}");
        assert!(error.causes()[1].contains(&Digest::of("content of a version that is gone").to_string()));
        assert!(error.hints()[0].contains("cache/debian"), "{error:?}");
    }

    #[test]
    fn a_folder_serves_offline_and_damage_is_seen() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::open(&scratch.path().join("cache")).unwrap();
        let index = index(scratch.path(), true);
        let heap = scratch.path().join("heap");
        std::fs::create_dir(&heap).unwrap();
        let archives =
            Archives::new(&[heap.display().to_string(), "https://none.test/debian".to_owned()], &[]).unwrap();
        let packages =
            Packages { cache: &cache, index: &index, archives: &archives, report: &Report::silent() };
        let pin = pin(b"content");
        std::fs::write(heap.join(pin.file_name()), "damaged").unwrap();
        assert_eq!(packages.file(&pin).unwrap_err().code(), Code::Offline);
        std::fs::write(heap.join(pin.file_name()), "content").unwrap();
        let path = packages.file(&pin).unwrap();
        std::fs::remove_dir_all(&heap).unwrap();
        assert_eq!(packages.file(&pin).unwrap(), path);
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(packages.file(&pin).unwrap_err().code(), Code::Offline);
    }
}
