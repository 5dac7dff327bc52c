//! One file of a wheelhouse, and what a page says of it.

use std::path::Path;

use crate::archive::{Limits, ZipReader};
use crate::cache::Digest;
use crate::index::sdist_version;
use crate::metadata::{Metadata, Version, normalize};
use crate::report::{Code, Error, Result};
use crate::wheel::WheelFileName;

/// A wheel or an sdist.
#[derive(Debug)]
pub(super) struct Entry {
    /// The file's name.
    pub name: String,
    /// The folder it lies in, below the wheelhouse; empty for the wheelhouse itself.
    pub below: String,
    /// Normalised.
    pub project: String,
    pub version: Version,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    pub requires_python: Option<String>,
    /// A wheel's METADATA.
    pub metadata: Option<MetadataBytes>,
}

/// METADATA as it lies in the wheel, with its digest.
#[derive(Debug)]
pub(super) struct MetadataBytes {
    pub bytes: Vec<u8>,
    pub sha256: String,
}

impl Entry {
    /// Reads the file at `path`; `None` when it is neither wheel nor sdist by its name.
    pub fn read(path: &Path, below: &str) -> Result<Option<Self>> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.ends_with(".whl") {
            true => Self::wheel(path, name, below).map(Some),
            false => Self::sdist(path, name, below),
        }
    }

    fn wheel(path: &Path, name: &str, below: &str) -> Result<Self> {
        let wheel: WheelFileName = name.parse()?;
        let archive = ZipReader::open(path, &Limits::default())?;
        let mut found = archive.entries().iter().filter(|entry| {
            let top = entry.name.strip_suffix(".dist-info/METADATA");
            top.is_some_and(|top| !top.contains('/'))
        });
        let bad = |why: &str| {
            Error::new(Code::BadWheel, format!("`{}` is not a valid wheel", path.display()))
                .cause(why.to_owned())
        };
        let (Some(entry), None) = (found.next(), found.next()) else {
            return Err(bad("it has not exactly one METADATA"));
        };
        let bytes = archive.read_entry(entry)?;
        let metadata =
            Metadata::parse(&bytes).map_err(|error| error.cause(format!("`{}`", path.display())))?;
        if normalize(metadata.name()) != wheel.name() || metadata.pep440() != wheel.version() {
            return Err(bad(&format!("its METADATA is of {} {}", metadata.name(), metadata.version())));
        }
        Ok(Self {
            name: name.to_owned(),
            below: below.to_owned(),
            project: wheel.name(),
            version: wheel.version().clone(),
            sha256: Digest::of_file(path)?.to_string(),
            size: size(path)?,
            requires_python: metadata.get("Requires-Python").map(str::to_owned),
            metadata: Some(MetadataBytes { sha256: Digest::of(&bytes).to_string(), bytes }),
        })
    }

    /// The last dash of the name divides project and version (PEP 625).
    fn sdist(path: &Path, name: &str, below: &str) -> Result<Option<Self>> {
        let Some((project, _)) = name.rsplit_once('-') else { return Ok(None) };
        let Some(version) = sdist_version(name, project) else { return Ok(None) };
        Ok(Some(Self {
            name: name.to_owned(),
            below: below.to_owned(),
            project: normalize(project),
            version,
            sha256: Digest::of_file(path)?.to_string(),
            size: size(path)?,
            requires_python: None,
            metadata: None,
        }))
    }

    /// The link from a project's page, escaped.
    pub fn link(&self) -> String {
        let folder = if self.below.is_empty() { String::new() } else { format!("{}/", self.below) };
        format!("../../{folder}{}", escape(&self.name))
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(path.metadata().map_err(|error| Error::io("read", path, &error))?.len())
}

/// Every byte but the unreserved ones of RFC 3986 as `%XX`: installers decode a link, and `+` in one
/// means a blank to some servers.
fn escape(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
