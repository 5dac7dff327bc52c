//! The one place where this module opens a zip.

use std::io::{Cursor, Read};

use super::member::Member;
use crate::report::{Code, Result, ResultExt};

/// A member with what the archive says about how it is kept.
pub(super) struct Entry {
    pub member: Member,
    pub mode: u32,
    pub stored: bool,
    pub time: String,
}

/// Every file of the archive, in its order; folder entries are left out.
pub(super) fn members(bytes: &[u8]) -> Result<Vec<Entry>> {
    let broken = || "the wheel is not a readable zip".to_owned();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).or_code(Code::BrokenArchive, broken)?;
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).or_code(Code::BrokenArchive, broken)?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().or_code(Code::BrokenArchive, broken)?.into_owned();
        let mode = file.unix_mode().unwrap_or(0o644);
        let stored = file.compression() == zip::CompressionMethod::Stored;
        let time = file.last_modified().map(|time| time.to_string()).unwrap_or_default();
        let mut data = Vec::new();
        file.read_to_end(&mut data).or_code(Code::BrokenArchive, || format!("`{name}` cannot be read"))?;
        let member = Member { name, data, executable: mode & 0o100 != 0 };
        entries.push(Entry { member, mode: mode & 0o7777, stored, time });
    }
    Ok(entries)
}
