//! The end of a zip file, from which everything else is found (APPNOTE.TXT 6.3.10, sections in
//! brackets). There must be one end only, at the end, right behind the directory it tells of.

use super::refusal::{broken, hostile_archive};
use super::zip_source::{Fields, Source};
use crate::report::Result;

const END: &[u8; 4] = b"PK\x05\x06";
const END_64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR_64: &[u8; 4] = b"PK\x06\x07";
const END_SIZE: usize = 22;
const END_64_SIZE: usize = 56;
const LOCATOR_SIZE: usize = 20;

/// Where the central directory lies, in bytes, and how many members it counts.
pub(super) struct Directory {
    pub start: u64,
    pub size: u64,
    pub count: u64,
}

/// Finds the end record [4.3.16], which must be the end of the file, and the directory before it.
pub(super) fn find_directory(source: &Source, length: u64) -> Result<Directory> {
    let window = length.min((END_SIZE + usize::from(u16::MAX) + LOCATOR_SIZE) as u64);
    let tail_start = length - window;
    // `window` is below 66 KiB.
    let tail = source.exactly(tail_start, window as usize)?;
    // Each with the place where its comment ends.
    let ends: Vec<(usize, usize)> = (0..(tail.len() + 1).saturating_sub(END_SIZE))
        .filter(|&at| tail[at..].starts_with(END))
        .map(|at| (at, at + END_SIZE + usize::from(u16::from_le_bytes([tail[at + 20], tail[at + 21]]))))
        .collect();
    let candidates: Vec<usize> =
        ends.iter().filter(|(_, end)| *end == tail.len()).map(|(at, _)| *at).collect();
    let at = match candidates[..] {
        [at] => at,
        [] if ends.iter().any(|(_, end)| *end < tail.len()) => {
            return Err(hostile_archive("there is data after the end of the zip archive"));
        }
        [] => return Err(broken("the zip archive is cut short: its end record is missing")),
        _ => return Err(hostile_archive("the zip archive has two end records")),
    };
    let mut end = Fields(&tail[at + 4..at + END_SIZE]);
    let (disk, start_disk) = (end.u16()?, end.u16()?);
    let (here, total) = (end.u16()?, end.u16()?);
    let (size, start) = (end.u32()?, end.u32()?);
    let locator = at.checked_sub(LOCATOR_SIZE).filter(|&at| tail[at..].starts_with(LOCATOR_64));
    let (directory, end_of_directory) = match locator {
        None => {
            if (disk, start_disk) != (0, 0) || here != total {
                return Err(broken("the zip archive is split over several files"));
            }
            let directory = Directory { start: start.into(), size: size.into(), count: total.into() };
            (directory, tail_start + at as u64)
        }
        Some(locator) => {
            let place = tail_start + locator as u64;
            let (directory, at) = read_end_64(source, &tail[locator..], place)?;
            let agrees = |short: u64, most: u64, long: u64| short == most || short == long;
            if !(agrees(size.into(), u32::MAX.into(), directory.size)
                && agrees(start.into(), u32::MAX.into(), directory.start)
                && agrees(total.into(), u16::MAX.into(), directory.count))
            {
                return Err(hostile_archive(
                    "the two end records of the zip archive (ZIP64) contradict each other",
                ));
            }
            (directory, at)
        }
    };
    if directory.start.checked_add(directory.size) != Some(end_of_directory) {
        return Err(hostile_archive(
            "the directory of the zip archive does not end where its end record says: data was put before or into it",
        ));
    }
    Ok(directory)
}

/// The ZIP64 end record [4.3.14], which must lie right before its locator at `place`.
fn read_end_64(source: &Source, locator: &[u8], place: u64) -> Result<(Directory, u64)> {
    let mut fields = Fields(&locator[4..LOCATOR_SIZE]);
    let (disk, at, disks) = (fields.u32()?, fields.u64()?, fields.u32()?);
    if disk != 0 || disks > 1 {
        return Err(broken("the zip archive is split over several files"));
    }
    if at.checked_add(END_64_SIZE as u64) != Some(place) {
        return Err(hostile_archive("the ZIP64 end record is not where its locator says"));
    }
    let record = source.exactly(at, END_64_SIZE)?;
    let mut fields = Fields(&record);
    let signature = fields.take(4)?;
    let size = fields.u64()?;
    if signature != END_64 || size != END_64_SIZE as u64 - 12 {
        return Err(hostile_archive("the ZIP64 end record is malformed"));
    }
    fields.take(4)?;
    let (disk, start_disk, here, count) = (fields.u32()?, fields.u32()?, fields.u64()?, fields.u64()?);
    if (disk, start_disk) != (0, 0) || here != count {
        return Err(broken("the zip archive is split over several files"));
    }
    let (size, start) = (fields.u64()?, fields.u64()?);
    Ok((Directory { start, size, count }, at))
}
