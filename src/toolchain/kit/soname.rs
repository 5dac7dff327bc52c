//! Takes the name from a shared library, so that a link records the file's name instead.
//!
//! zig's musl stub calls itself `libc.so`. musl's loader would find it under any name that begins
//! with `libc.`, but wheels for musl say `libc.musl-x86_64.so.1`, as Alpine does, and tools that judge
//! wheels know no other.

use object::read::elf::{Dyn as _, FileHeader, SectionHeader as _};
use object::{Endianness, FileKind, elf};

use crate::report::{Code, Error, Result};

/// A tag of the operating system's range that no loader and no linker reads (DT_LOOS).
const IGNORED: u32 = 0x6000_000d;

/// The shared library `data` without its DT_SONAME entry, of the same length.
///
/// # Errors
/// `RuntimeKit` when it has no such entry or is no shared library.
pub(super) fn without_soname(data: &[u8]) -> Result<Vec<u8>> {
    let at = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => find::<elf::FileHeader32<Endianness>>(data),
        Ok(FileKind::Elf64) => find::<elf::FileHeader64<Endianness>>(data),
        _ => None,
    };
    let Some((offset, tag)) = at else {
        return Err(Error::new(Code::RuntimeKit, "zig's `libc.so` has no name to take away"));
    };
    let mut changed = data.to_vec();
    changed[offset..offset + tag.len()].copy_from_slice(&tag);
    Ok(changed)
}

/// Where the tag of the DT_SONAME entry lies, and the bytes to put there.
fn find<E: FileHeader<Endian = Endianness>>(data: &[u8]) -> Option<(usize, Vec<u8>)> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (entries, _) = sections.dynamic(endian, data).ok()??;
    let section = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_DYNAMIC)?;
    let start: u64 = section.sh_offset(endian).into();
    let position = entries.iter().position(|entry| entry.d_tag(endian) == elf::DT_SONAME)?;
    let size = std::mem::size_of::<E::Dyn>();
    let offset = usize::try_from(start).ok()? + position * size;
    let tag = match (size, endian) {
        (8, Endianness::Little) => IGNORED.to_le_bytes().to_vec(),
        (8, Endianness::Big) => IGNORED.to_be_bytes().to_vec(),
        (_, Endianness::Little) => u64::from(IGNORED).to_le_bytes().to_vec(),
        (_, Endianness::Big) => u64::from(IGNORED).to_be_bytes().to_vec(),
    };
    (offset + tag.len() <= data.len()).then_some((offset, tag))
}
