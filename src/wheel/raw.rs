//! A wheel as a backend left it, read and checked against its own statements.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::file_name::WheelFileName;
use super::member::Member;
use super::wheel_file::WheelFile;
use super::{record_file, unzip};
use crate::archive::{Limits, ZipReader};
use crate::metadata::{Metadata, normalize};
use crate::report::{Code, Error, Result};

/// Files of `.dist-info` that RECORD does not hash: itself, and signatures of it (PEP 427).
pub(super) const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// A wheel whose parts agree: file name, folder names, METADATA, WHEEL, and RECORD with every file.
#[derive(Clone, Debug)]
pub struct RawWheel {
    file_name: WheelFileName,
    members: Vec<Member>,
    stem: String,
    metadata: Metadata,
    wheel: WheelFile,
    notes: Vec<String>,
}

impl RawWheel {
    /// Reads the wheel at `path`.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when it contradicts itself, [`Code::BadMetadata`], and what the hardened
    /// reader of archives refuses.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Self::from_archive(name.parse()?, &ZipReader::open(path, &Limits::default())?)
    }

    /// Reads the wheel in `bytes` that is called `file_name`. Errors as [`RawWheel::read`].
    pub fn from_bytes(file_name: WheelFileName, bytes: Vec<u8>) -> Result<Self> {
        Self::from_archive(file_name, &ZipReader::from_bytes(bytes, &Limits::default())?)
    }

    fn from_archive(file_name: WheelFileName, archive: &ZipReader) -> Result<Self> {
        let members = unzip::members(archive)?.into_iter().map(|entry| entry.member).collect();
        Self::from_members(file_name, members)
    }

    /// The wheel that these members are. Errors as [`RawWheel::read`].
    pub fn from_members(file_name: WheelFileName, members: Vec<Member>) -> Result<Self> {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let stem = stem_of_dist_info(&names, &file_name)?;
        let find = |name: &str| {
            let full = format!("{stem}.dist-info/{name}");
            members
                .iter()
                .find(|member| member.name == full)
                .ok_or_else(|| Error::new(Code::BadWheel, format!("the wheel has no `{full}`")))
        };
        let mut notes = Vec::new();
        let metadata = Metadata::parse(&find("METADATA")?.data)?;
        check_metadata(&metadata, &file_name)?;
        let wheel = WheelFile::parse(&find("WHEEL")?.data)?;
        if wheel.tags != file_name.tags().expand() {
            let tags: Vec<String> = wheel.tags.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "WHEEL names the tags {}, the file name {}",
                tags.join(" "),
                file_name.tags()
            ));
        }
        check_record(&find("RECORD")?.data, &members, &stem, &mut notes)?;
        Ok(Self { stem, metadata, wheel, notes, file_name, members })
    }

    /// What the file name says.
    pub fn file_name(&self) -> &WheelFileName {
        &self.file_name
    }

    /// Every file, RECORD and its kin included, in the order of the archive.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members, to be edited: for grafting libraries and correcting search paths. RECORD is
    /// written anew later, so it need not follow.
    pub fn members_mut(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }

    /// The file of `.dist-info` called `name`, such as `entry_points.txt`.
    pub fn dist_info(&self, name: &str) -> Option<&Member> {
        let full = format!("{}.dist-info/{name}", self.stem);
        self.members.iter().find(|member| member.name == full)
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

    /// Small faults that were tolerated, as sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn into_parts(self) -> (WheelFileName, Vec<Member>, String, WheelFile, Vec<String>) {
        (self.file_name, self.members, self.stem, self.wheel, self.notes)
    }
}

/// METADATA has to be of the project and version of the file name.
pub(super) fn check_metadata(metadata: &Metadata, file_name: &WheelFileName) -> Result<()> {
    if normalize(metadata.name()) == file_name.name() && metadata.pep440() == file_name.version() {
        return Ok(());
    }
    Err(Error::new(Code::BadWheel, "METADATA and the file name do not agree").cause(format!(
        "METADATA names {} {}, the file name {} {}",
        metadata.name(),
        metadata.version(),
        file_name.name(),
        file_name.version()
    )))
}

/// Finds the one `.dist-info` folder among the members called `names`, which has to be of the
/// project and version of the file name.
pub(super) fn stem_of_dist_info(names: &[&str], file_name: &WheelFileName) -> Result<String> {
    let bad = |why: String| Error::new(Code::BadWheel, why);
    let top = |name: &str, suffix: &str| {
        let (top, _) = name.split_once('/')?;
        top.strip_suffix(suffix).map(str::to_owned)
    };
    let stems: HashSet<String> = names.iter().filter_map(|name| top(name, ".dist-info")).collect();
    let mut stems: Vec<String> = stems.into_iter().collect();
    stems.sort_unstable();
    let [stem] = &stems[..] else {
        return Err(match stems.len() {
            0 => bad("the wheel has no .dist-info folder".to_owned()),
            _ => bad(format!("the wheel has several .dist-info folders: {}", stems.join(", "))),
        });
    };
    let same = stem.rsplit_once('-').is_some_and(|(name, version)| {
        let version = version.parse().or_else(|_| version.replace('_', "-").parse());
        normalize(name) == file_name.name() && version.as_ref() == Ok(file_name.version())
    });
    if !same {
        return Err(bad(format!("`{stem}.dist-info` is not of {}", file_name.stem())));
    }
    for name in names {
        if let Some(data) = top(name, ".data")
            && data != *stem
        {
            return Err(bad(format!("`{data}.data` is not of {stem}")));
        }
    }
    Ok(stem.clone())
}

/// Checks every statement of RECORD. A file it does not list is worth a note; a file that is not
/// what it says, or not there, makes the wheel unusable.
fn check_record(record: &[u8], members: &[Member], stem: &str, notes: &mut Vec<String>) -> Result<()> {
    let bad = |why: String| Error::new(Code::BadWheel, why);
    let by_name: HashMap<&str, &Member> =
        members.iter().map(|member| (member.name.as_str(), member)).collect();
    let unrecorded: Vec<String> = UNRECORDED.iter().map(|name| format!("{stem}.dist-info/{name}")).collect();
    let mut listed = HashSet::new();
    for row in record_file::parse(record)? {
        let Some(member) = by_name.get(row.path.as_str()) else {
            return Err(bad(format!(
                "RECORD lists `{}`, which is not in the wheel",
                row.path.escape_default()
            )));
        };
        if !listed.insert(member.name.as_str()) {
            notes.push(format!("RECORD lists `{}` twice", member.name));
        }
        if row.hash.is_empty() {
            if !unrecorded.contains(&row.path) {
                notes.push(format!("RECORD has no hash of `{}`", member.name));
            }
        } else if !record_file::matches(&row.hash, &member.data)? {
            return Err(bad(format!("`{}` is not the file that RECORD names", member.name))
                .cause(format!("RECORD says {}", row.hash.escape_default())));
        }
        if !row.size.is_empty() && row.size.parse() != Ok(member.data.len()) {
            return Err(bad(format!(
                "`{}` has {} bytes, RECORD says {}",
                member.name,
                member.data.len(),
                row.size.escape_default()
            )));
        }
    }
    for member in members {
        if !listed.contains(member.name.as_str()) && !unrecorded.contains(&member.name) {
            notes.push(format!("RECORD does not list `{}`", member.name));
        }
    }
    Ok(())
}
