//! Static archives (`.a`): the ELF objects inside.

use object::read::archive::ArchiveFile;

use super::ElfFile;
use crate::report::{Code, Error, Result};

/// One ELF member of an archive.
#[derive(Debug)]
pub struct Object<'a> {
    pub name: String,
    pub file: ElfFile<'a>,
}

/// True when `data` starts as a static archive does, thin ones included.
pub fn is_archive(data: &[u8]) -> bool {
    data.starts_with(b"!<arch>\n") || data.starts_with(b"!<thin>\n")
}

/// The ELF objects of the archive `data`; members of other formats (bitcode, Rust metadata) are left out.
///
/// # Errors
/// `BrokenArchive` when the archive does not hold together or is a thin one, which names files that
/// lie elsewhere; `BrokenElf` for a broken member.
pub fn objects(data: &[u8]) -> Result<Vec<Object<'_>>> {
    let broken = |error: object::read::Error| {
        Error::new(Code::BrokenArchive, "not a sound static archive").cause(error.to_string())
    };
    let archive = ArchiveFile::parse(data).map_err(broken)?;
    if archive.is_thin() {
        return Err(Error::new(Code::BrokenArchive, "a thin archive holds no objects, only paths"));
    }
    let mut objects = Vec::new();
    for member in archive.members() {
        let member = member.map_err(broken)?;
        let bytes = member.data(data).map_err(broken)?;
        if super::is_elf(bytes) {
            let name = String::from_utf8_lossy(member.name()).into_owned();
            let file =
                ElfFile::parse(bytes).map_err(|error| error.wrap(format!("broken member `{name}`")))?;
            objects.push(Object { name, file });
        }
    }
    Ok(objects)
}
