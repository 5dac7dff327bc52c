//! The one place where this module opens a zip, through the hardened reader.

use super::member::Member;
use crate::archive::{DosTime, ZipMethod, ZipReader};
use crate::report::Result;

/// A member with what the archive says about how it is kept.
pub(super) struct Entry {
    pub member: Member,
    /// The permissions; 0644 where the writer was no unix.
    pub mode: u32,
    pub method: ZipMethod,
    pub time: DosTime,
}

/// Every file of the archive, in its order; folder entries are left out.
pub(super) fn members(archive: &ZipReader) -> Result<Vec<Entry>> {
    let files = archive.entries().iter().filter(|entry| !entry.folder);
    files
        .map(|entry| {
            let data = archive.read_entry(entry)?;
            Ok(Entry {
                member: Member { name: entry.name.clone(), data, executable: entry.executable },
                mode: entry.mode.unwrap_or(0o644) & 0o7777,
                method: entry.method,
                time: entry.time,
            })
        })
        .collect()
}
