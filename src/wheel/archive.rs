//! A wheel read member by member, for wheels of any size: only `.dist-info` is ever whole in memory.
//!
//! What [`super::RawWheel`] checks at once is checked here as far as it can be without unpacking:
//! names, METADATA, WHEEL, and that RECORD lists what is there, with the right sizes. The hashes are
//! handed out, to be compared by whoever streams a member.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::file_name::WheelFileName;
use super::raw::{UNRECORDED, check_metadata, stem_of_dist_info};
use super::record_file;
use super::wheel_file::WheelFile;
use crate::archive::{Limits, ZipEntry, ZipReader};
use crate::metadata::Metadata;
use crate::report::{Code, Error, Result};

/// An open wheel.
pub struct WheelArchive {
    path: PathBuf,
    file_name: WheelFileName,
    zip: ZipReader,
    stem: String,
    metadata: Metadata,
    wheel: WheelFile,
    hashes: HashMap<String, String>,
}

impl WheelArchive {
    /// Opens the wheel at `path`.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when it contradicts itself, [`Code::BadMetadata`], and what the hardened
    /// reader of archives refuses.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_here(path).map_err(|error| error.cause(format!("in `{}`", path.display())))
    }

    fn open_here(path: &Path) -> Result<Self> {
        let bad = |why: String| Error::new(Code::BadWheel, why);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let file_name: WheelFileName = name.parse()?;
        let zip = ZipReader::open(path, &Limits::default())?;
        let names: Vec<&str> =
            zip.entries().iter().filter(|entry| !entry.folder).map(|entry| entry.name.as_str()).collect();
        let stem = stem_of_dist_info(&names, &file_name)?;
        let read = |name: &str| {
            let full = format!("{stem}.dist-info/{name}");
            match zip.entry(&full) {
                Some(entry) if !entry.folder => zip.read_entry(entry),
                _ => Err(bad(format!("the wheel has no `{full}`"))),
            }
        };
        let metadata = Metadata::parse(&read("METADATA")?)?;
        check_metadata(&metadata, &file_name)?;
        let wheel = WheelFile::parse(&read("WHEEL")?)?;
        let mut hashes = HashMap::new();
        for row in record_file::parse(&read("RECORD")?)? {
            let Some(entry) = zip.entry(&row.path).filter(|entry| !entry.folder) else {
                let path = row.path.escape_default();
                return Err(bad(format!("RECORD lists `{path}`, which is not in the wheel")));
            };
            if !row.size.is_empty() && row.size.parse() != Ok(entry.size) {
                let (path, size) = (row.path.escape_default(), row.size.escape_default());
                return Err(bad(format!("`{path}` has {} bytes, RECORD says {size}", entry.size)));
            }
            if !row.hash.is_empty() {
                hashes.insert(row.path, row.hash);
            }
        }
        Ok(Self { path: path.to_owned(), file_name, stem, metadata, wheel, hashes, zip })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file name says.
    pub fn file_name(&self) -> &WheelFileName {
        &self.file_name
    }

    /// Name and version as the folders `….dist-info` and `….data` are called in this wheel.
    pub fn stem(&self) -> &str {
        &self.stem
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn wheel(&self) -> &WheelFile {
        &self.wheel
    }

    /// Every member, folders included, in the order of the archive.
    pub fn entries(&self) -> &[ZipEntry] {
        self.zip.entries()
    }

    /// The archive itself, to read members of [`WheelArchive::entries`] from.
    pub fn zip(&self) -> &ZipReader {
        &self.zip
    }

    /// The contents of `.dist-info/NAME`; `None` when the wheel has no such file.
    ///
    /// # Errors
    /// As [`WheelArchive::read`].
    pub fn dist_info(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let full = format!("{}.dist-info/{name}", self.stem);
        match self.zip.entry(&full) {
            Some(entry) if !entry.folder => self.read(entry).map(Some),
            _ => Ok(None),
        }
    }

    /// The contents of a member, compared with RECORD.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when it is not what RECORD names, [`Code::BrokenArchive`] when it is damaged.
    pub fn read(&self, entry: &ZipEntry) -> Result<Vec<u8>> {
        let data = self.zip.read_entry(entry)?;
        if let Some(hash) = self.hashes.get(&entry.name)
            && !record_file::matches(hash, &data)?
        {
            return Err(self.not_recorded(entry));
        }
        Ok(data)
    }

    /// The sha256 that RECORD names for a member; none for one it does not list, or without a hash. A
    /// hash of another kind is compared here, and the sha256 given instead.
    ///
    /// # Errors
    /// As [`WheelArchive::read`].
    pub fn recorded(&self, entry: &ZipEntry) -> Result<Option<[u8; 32]>> {
        let unrecorded =
            UNRECORDED.iter().any(|name| entry.name == format!("{}.dist-info/{name}", self.stem));
        let Some(hash) = self.hashes.get(&entry.name).filter(|_| !unrecorded) else {
            return Ok(None);
        };
        let sha256 = hash.strip_prefix("sha256=").and_then(|value| {
            URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).ok().and_then(|hash| hash.try_into().ok())
        });
        match sha256 {
            Some(sha256) => Ok(Some(sha256)),
            None => Ok(Some(Sha256::digest(self.read(entry)?).into())),
        }
    }

    /// The sha256 of a member, whatever RECORD says, without having it in memory.
    ///
    /// # Errors
    /// [`Code::BrokenArchive`] when it is damaged.
    pub fn sha256(&self, entry: &ZipEntry) -> Result<[u8; 32]> {
        let mut hash = HashWriter(Sha256::new());
        std::io::copy(&mut self.zip.stream(entry), &mut hash).map_err(|error| {
            Error::new(Code::BrokenArchive, format!("entry `{}` is damaged", entry.name))
                .cause(error.to_string())
                .cause(format!("in `{}`", self.path.display()))
        })?;
        Ok(hash.0.finalize().into())
    }

    /// The error that a member is not what RECORD names.
    pub fn not_recorded(&self, entry: &ZipEntry) -> Error {
        Error::new(Code::BadWheel, format!("`{}` is not the file that RECORD names", entry.name))
            .cause(format!("in `{}`", self.path.display()))
    }
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
