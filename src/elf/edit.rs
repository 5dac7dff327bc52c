//! Edits of the dynamic segment that keep the file's length and layout.

use object::Endianness;
use object::elf;
use object::pod::bytes_of_slice;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use super::facts::{ElfFile, SearchPath};
use super::read::broken;
use crate::report::{Code, Error, Result};

/// `data` with its RPATH or RUNPATH set to `entries`; with none, the dynamic entry is dropped.
///
/// The file keeps its length, and what the old path said is overwritten where no other name shares
/// the bytes, so that no build folder stays readable. The new path must not be longer than the old.
///
/// # Errors
/// `BrokenElf` when `data` is none; `BadWheel` when the file has no such path or the new one does not fit.
pub fn set_search_path(data: &[u8], which: SearchPath, entries: &[&str]) -> Result<Vec<u8>> {
    ElfFile::parse(data)?;
    match data.get(4) {
        Some(1) => edit::<elf::FileHeader32<Endianness>>(data, which, entries),
        _ => edit::<elf::FileHeader64<Endianness>>(data, which, entries),
    }
}

fn edit<E: FileHeader<Endian = Endianness>>(
    data: &[u8],
    which: SearchPath,
    entries: &[&str],
) -> Result<Vec<u8>> {
    let foreign = |error: object::read::Error| broken(error.to_string());
    let header = E::parse(data).map_err(foreign)?;
    let endian = header.endian().map_err(foreign)?;
    let segments = header.program_headers(endian, data).map_err(foreign)?;
    let wanted = match which {
        SearchPath::Rpath => elf::DT_RPATH,
        SearchPath::Runpath => elf::DT_RUNPATH,
    };
    let (segment, dynamic) = segments
        .iter()
        .find_map(|segment| Some((segment, segment.dynamic(endian, data).ok()??)))
        .ok_or_else(|| broken("no dynamic segment"))?;
    let length = dynamic
        .iter()
        .position(|entry| entry.tag(endian) == elf::DT_NULL)
        .ok_or_else(|| broken("its dynamic segment has no end"))?;
    let live = &dynamic[..length];
    let missing = || Error::new(Code::BadWheel, "the file has no such search path");
    let position = live.iter().position(|entry| entry.tag(endian) == wanted).ok_or_else(missing)?;

    // Where the strings lie in the file.
    let value = |tag| live.iter().find(|entry| entry.tag(endian) == tag).map(|entry| entry.val(endian));
    let address = value(elf::DT_STRTAB).ok_or_else(|| broken("no dynamic string table"))?;
    let strings = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .find_map(|segment| {
            let (offset, size) = segment.file_range(endian);
            let within = address.checked_sub(segment.p_vaddr(endian).into()).filter(|at| *at < size)?;
            usize::try_from(offset.checked_add(within)?).ok()
        })
        .ok_or_else(|| broken("its dynamic strings are in no segment"))?;
    let old_at = usize::try_from(live[position].val(endian))
        .ok()
        .and_then(|offset| strings.checked_add(offset))
        .ok_or_else(|| broken("its search path lies nowhere"))?;
    let old_length = data
        .get(old_at..)
        .and_then(|bytes| bytes.iter().position(|byte| *byte == 0))
        .ok_or_else(|| broken("its search path has no end"))?;

    let mut edited = data.to_vec();
    // Linkers merge a name into the tail of a longer one: bytes from here on may be another's.
    let own = own_bytes(data, which, old_at, old_length)?;
    let path = entries.join(":");
    let old = &data[old_at..old_at + old_length];
    let dynamic_at = usize::try_from(segment.file_range(endian).0)
        .map_err(|_| broken("its dynamic segment lies nowhere"))?;
    let entry_size = size_of::<E::Dyn>();
    if path.is_empty() {
        let entries_bytes = bytes_of_slice(&dynamic[position + 1..]);
        let from = dynamic_at + position * entry_size;
        edited[from..from + entries_bytes.len()].copy_from_slice(entries_bytes);
        // The last entry is now there twice; both are beyond the terminating null entry or are it.
        let last = dynamic_at + (dynamic.len() - 1) * entry_size;
        edited[last..last + entry_size].fill(0);
        edited[old_at..old_at + own].fill(0);
    } else if old.ends_with(path.as_bytes()) {
        let kept = old_length - path.len();
        let word = entry_size / 2;
        let value_at = dynamic_at + position * entry_size + word;
        let offset = (old_at - strings + kept) as u64;
        write_word(&mut edited[value_at..value_at + word], offset, header.is_little_endian());
        edited[old_at..old_at + own.min(kept)].fill(0);
    } else if path.len() < own {
        edited[old_at..old_at + own].fill(0);
        edited[old_at..old_at + path.len()].copy_from_slice(path.as_bytes());
    } else {
        return Err(Error::new(Code::BadWheel, "the new search path does not fit in the old one's place")
            .cause(format!("old: `{}`", String::from_utf8_lossy(old)))
            .cause(format!("new: `{path}`")));
    }
    Ok(edited)
}

/// How many bytes from file offset `at` belong to the path `which` alone, out of `length` and its final
/// null: up to the first name that begins within it, and none when one that began before reaches it.
fn own_bytes(data: &[u8], which: SearchPath, at: usize, length: usize) -> Result<usize> {
    let file = ElfFile::parse(data)?;
    let end = at + length + 1;
    let start_of = |text: &str| text.as_ptr() as usize - data.as_ptr() as usize;
    let needs = file.version_needs.iter().flat_map(|need| need.versions.iter().chain([&need.library]));
    let other_path = match which {
        SearchPath::Rpath => &file.runpath,
        SearchPath::Runpath => &file.rpath,
    };
    let shared = (file.needed.iter())
        .chain(&file.soname)
        .chain(&file.version_definitions)
        .chain(other_path.iter().flatten())
        .chain(needs)
        .chain(file.exports.iter().map(|export| &export.name))
        .chain(file.imports.iter().map(|import| &import.name))
        .map(|text| (start_of(text), start_of(text) + text.len()))
        .filter(|(start, last)| *start < end && at <= *last)
        .map(|(start, _)| start.max(at))
        .min();
    Ok(shared.unwrap_or(end) - at)
}

fn write_word(place: &mut [u8], value: u64, little: bool) {
    let width = place.len();
    if little {
        place.copy_from_slice(&value.to_le_bytes()[..width]);
    } else {
        place.copy_from_slice(&value.to_be_bytes()[8 - width..]);
    }
}
