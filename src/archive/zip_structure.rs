//! The structure of a zip file, read so that it can mean only one thing.
//!
//! A zip file describes each member twice and is found from its end, which leaves room for files
//! that two readers see differently (APPNOTE.TXT 6.3.10, sections in brackets). Libraries settle
//! such doubts silently, each in its own way; here every doubt is a refusal.

use super::Limits;
use super::compression::is_bomb;
use super::destination::Modified;
use super::name::{Name, Spelling};
use super::refusal::{broken, hostile, hostile_archive};
use super::tree::{Kind, Layout, Tree};
use super::zip_end::find_directory;
use super::zip_source::{Fields, Source};
use super::zip_writer::DosTime;
use crate::report::Result;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";

const LOCAL_SIZE: u64 = 30;
const CENTRAL_SIZE: usize = 46;

/// Flags [4.4.4]: encrypted (0, 6, 13), patch data (5).
const REFUSED_FLAGS: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
/// Sizes and checksum follow the data.
const DEFERRED: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// The extra field that holds sizes over 4 GiB [4.5.3].
const EXTRA_ZIP64: u16 = 1;
/// The extra field that holds another name [4.6.9].
const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// How a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipMethod {
    Stored,
    Deflated,
}

/// One member of a zip file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipEntry {
    /// Path with `/` between components; no slash at the end, also of a folder's.
    pub name: String,
    pub folder: bool,
    /// In bytes, unpacked.
    pub size: u64,
    /// In bytes, as it lies in the file.
    pub packed: u64,
    pub crc32: u32,
    pub method: ZipMethod,
    /// One of the three executable bits is set.
    pub executable: bool,
    /// Unix mode as stored, `None` if the writer was no unix.
    pub mode: Option<u32>,
    /// Where the packed data starts, in bytes from the start of the file.
    pub start: u64,
    /// The time stamp as stored.
    pub time: DosTime,
    pub(super) modified: Modified,
}

/// Every member, in the order of the central directory, and the tree they make.
pub(super) fn read<'l>(source: &Source, limits: &'l Limits) -> Result<(Vec<ZipEntry>, Tree<'l>)> {
    let length = source.len()?;
    let directory = find_directory(source, length)?;
    if directory.count > limits.entries {
        return Err(hostile_archive(format!("the zip archive has {} members, too many", directory.count)));
    }
    // A central header is at least 46 bytes; names and extra fields are bounded by 64 KiB each.
    let size = usize::try_from(directory.size).map_err(|_| broken("the zip directory is too large"))?;
    if directory.size > 256 << 20 {
        return Err(hostile_archive("the directory of the zip archive is larger than 256 MiB"));
    }
    let bytes = source.exactly(directory.start, size)?;
    let mut rest = Fields(&bytes);
    let mut tree = Tree::new(Layout::Project, limits);
    let mut entries = Vec::new();
    let mut spans = Vec::new();
    for _ in 0..directory.count {
        let central = Central::read(&mut rest)?;
        let (entry, end) = check_member(source, &central, directory.start, limits)?;
        let kind = if entry.folder { Kind::Folder } else { Kind::File { size: entry.size } };
        if !tree.add(&entry.name, kind)? {
            return Err(hostile(&entry.name, "stands twice in the archive"));
        }
        if is_bomb(entry.size, entry.packed, limits.ratio) {
            return Err(hostile(
                &entry.name,
                format_args!("unfolds to more than {} times its size", limits.ratio),
            ));
        }
        spans.push((central.offset, end, entries.len()));
        entries.push(entry);
    }
    if !rest.0.is_empty() {
        return Err(hostile_archive(
            "the directory of the zip archive has room for members it does not count",
        ));
    }
    if is_bomb(tree.bytes(), length, limits.ratio) {
        return Err(hostile_archive(format!(
            "the archive unfolds to more than {} times its size",
            limits.ratio
        )));
    }
    check_spans(&mut spans, &entries, directory.start)?;
    Ok((entries, tree))
}

/// Members may have gaps between them, but share no byte, and start with the file.
fn check_spans(spans: &mut [(u64, u64, usize)], entries: &[ZipEntry], directory: u64) -> Result<()> {
    spans.sort_unstable();
    if spans.first().map_or(directory, |&(start, ..)| start) != 0 {
        return Err(hostile_archive("there is data before the first member of the zip archive"));
    }
    for pair in spans.windows(2) {
        let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
        if start < end {
            let first = super::refusal::shown(&entries[first].name);
            return Err(hostile(&entries[second].name, format_args!("overlaps `{first}`")));
        }
    }
    Ok(())
}

/// A header of the central directory [4.3.12], with ZIP64 sizes in place.
struct Central<'a> {
    made_by: u16,
    flags: u16,
    method: u16,
    date: (u16, u16),
    crc32: u32,
    packed: u64,
    size: u64,
    name: &'a [u8],
    attributes: u32,
    offset: u64,
}

impl<'a> Central<'a> {
    fn read(rest: &mut Fields<'a>) -> Result<Self> {
        if rest.0.len() < CENTRAL_SIZE || !rest.0.starts_with(CENTRAL) {
            return Err(broken("the directory of the zip archive is damaged"));
        }
        rest.take(4)?;
        let (made_by, _needed, flags, method) = (rest.u16()?, rest.u16()?, rest.u16()?, rest.u16()?);
        let date = (rest.u16()?, rest.u16()?);
        let (crc32, packed, size) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let (name, extra, comment) = (rest.u16()?, rest.u16()?, rest.u16()?);
        let (disk, _internal, attributes, offset) = (rest.u16()?, rest.u16()?, rest.u32()?, rest.u32()?);
        let name = rest.take(name.into())?;
        let extra = rest.take(extra.into())?;
        rest.take(comment.into())?;
        if disk != 0 {
            return Err(broken("the zip archive is split over several files"));
        }
        let mut wide = [size.into(), packed.into(), offset.into()];
        widen(name, extra, &mut wide)?;
        let [size, packed, offset] = wide;
        Ok(Self { made_by, flags, method, date, crc32, packed, size, name, attributes, offset })
    }
}

/// Reads extra fields: puts the ZIP64 values in place of those that say 0xFFFFFFFF, and refuses
/// another name.
fn widen(name: &[u8], extra: &[u8], wide: &mut [u64]) -> Result<()> {
    let shown = String::from_utf8_lossy(name);
    let mut rest = Fields(extra);
    let mut seen = false;
    // Fewer than four bytes are padding.
    while rest.0.len() >= 4 {
        let (id, length) = (rest.u16()?, rest.u16()?);
        let mut data =
            Fields(rest.take(length.into()).map_err(|_| hostile(&shown, "has a malformed extra field"))?);
        if id == EXTRA_UNICODE_PATH && data.0.get(5..) != Some(name) {
            return Err(hostile(&shown, "has another name in an extra field"));
        }
        if id != EXTRA_ZIP64 {
            continue;
        }
        if std::mem::replace(&mut seen, true) {
            return Err(hostile(&shown, "has two ZIP64 fields"));
        }
        for value in wide.iter_mut().filter(|value| **value == u64::from(u32::MAX)) {
            *value = data.u64().map_err(|_| hostile(&shown, "has a ZIP64 field that is too short"))?;
        }
    }
    Ok(())
}

/// Checks one member's local header against its central one; the member and where its bytes end.
fn check_member(
    source: &Source,
    central: &Central<'_>,
    directory: u64,
    limits: &Limits,
) -> Result<(ZipEntry, u64)> {
    let shown = String::from_utf8_lossy(central.name).into_owned();
    let refuse = |why: &str| hostile(&shown, why);
    if central.flags & REFUSED_FLAGS != 0 {
        return Err(refuse("is encrypted or a patch"));
    }
    let method = match central.method {
        0 => ZipMethod::Stored,
        8 => ZipMethod::Deflated,
        other => return Err(refuse(&format!("is packed by method {other}, not stored or deflated"))),
    };
    if !central.name.is_ascii() && central.flags & UTF8 == 0 {
        return Err(refuse("has a name that is not ASCII and not marked as UTF-8"));
    }
    let Some(name) = Name::read(central.name, Spelling::Exact, limits)? else {
        return Err(refuse("has no name"));
    };
    let mode = match central.made_by >> 8 {
        3 => Some(central.attributes >> 16),
        _ => None,
    };
    match mode.unwrap_or_default() & 0o170_000 {
        0 => {}
        0o100_000 if !name.folder => {}
        0o040_000 if name.folder => {}
        0o120_000 => return Err(refuse("is a link")),
        _ => return Err(refuse("is neither file nor folder, or its mode and name disagree")),
    }
    if name.folder && central.size != 0 {
        return Err(refuse("is a folder with contents"));
    }
    if method == ZipMethod::Stored && central.size != central.packed {
        return Err(refuse("is stored with two sizes"));
    }
    let start = check_local(source, central, directory)?;
    let end = start.checked_add(central.packed).filter(|&end| end <= directory);
    let mut end = end.ok_or_else(|| refuse("reaches into the directory of the zip archive"))?;
    if central.flags & DEFERRED != 0 {
        end += descriptor(source, central, end, directory)?
            .ok_or_else(|| refuse("has a data descriptor that contradicts the directory"))?;
    }
    let entry = ZipEntry {
        name: name.path,
        folder: name.folder,
        size: central.size,
        packed: central.packed,
        crc32: central.crc32,
        method,
        executable: mode.is_some_and(|mode| mode & 0o111 != 0),
        mode,
        start,
        time: DosTime::from_fields(central.date.1, central.date.0),
        modified: dos_time(central.date),
    };
    Ok((entry, end))
}

/// Compares the local header [4.3.7]; where the member's data starts.
fn check_local(source: &Source, central: &Central<'_>, directory: u64) -> Result<u64> {
    let shown = String::from_utf8_lossy(central.name).into_owned();
    let refuse = |what: &str| hostile(&shown, format_args!("has a local header with {what}"));
    if central.offset.checked_add(LOCAL_SIZE).is_none_or(|end| end > directory) {
        return Err(refuse("a place outside the archive"));
    }
    let header = source.exactly(central.offset, LOCAL_SIZE as usize)?;
    let mut fields = Fields(&header);
    if fields.take(4)? != LOCAL {
        return Err(refuse("a wrong signature"));
    }
    let (_needed, flags, method, _date) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u32()?);
    let (crc32, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_length, extra_length) = (fields.u16()?, fields.u16()?);
    // Bits 1 and 2 tell the effort of the compressor, and some writers set them in one place only.
    if (flags ^ central.flags) & !0b110 != 0 {
        return Err(refuse("other flags"));
    }
    if method != central.method {
        return Err(refuse("another method"));
    }
    let variable = usize::from(name_length) + usize::from(extra_length);
    let variable = source.exactly(central.offset + LOCAL_SIZE, variable)?;
    let (name, extra) = variable.split_at(name_length.into());
    if name != central.name {
        return Err(refuse("another name"));
    }
    let mut wide = [size.into(), packed.into()];
    widen(name, extra, &mut wide)?;
    let deferred = flags & DEFERRED != 0;
    let agrees = |local: u64, central: u64| local == central || deferred && local == 0;
    // A writer that defers the sizes of a large member leaves 0xFFFFFFFF and a ZIP64 field of zeros.
    if !(agrees(wide[0], central.size)
        && agrees(wide[1], central.packed)
        && agrees(crc32.into(), central.crc32.into()))
    {
        return Err(refuse("another size or checksum"));
    }
    Ok(central.offset + LOCAL_SIZE + u64::from(name_length) + u64::from(extra_length))
}

/// The length of the data descriptor [4.3.9] at `at`, with or without signature, with sizes of four
/// or eight bytes; `None` if none of the four says what the directory says.
fn descriptor(source: &Source, central: &Central<'_>, at: u64, directory: u64) -> Result<Option<u64>> {
    let room = (directory - at).min(24) as usize;
    let bytes = source.exactly(at, room)?;
    let crc32 = central.crc32.to_le_bytes();
    let long = [&crc32[..], &central.packed.to_le_bytes(), &central.size.to_le_bytes()].concat();
    let mut forms = vec![[&DESCRIPTOR[..], &long].concat(), long];
    if let (Ok(packed), Ok(size)) = (u32::try_from(central.packed), u32::try_from(central.size)) {
        let short = [&crc32[..], &packed.to_le_bytes(), &size.to_le_bytes()].concat();
        forms.push([&DESCRIPTOR[..], &short].concat());
        forms.push(short);
    }
    Ok(forms.iter().find(|form| bytes.starts_with(form)).map(|form| form.len() as u64))
}

/// A DOS date and time [4.4.6], taken as UTC.
fn dos_time((time, date): (u16, u16)) -> Modified {
    let (year, month, day) = (1980 + i64::from(date >> 9), i64::from(date >> 5 & 15), i64::from(date & 31));
    let (hour, minute, second) = (i64::from(time >> 11), i64::from(time >> 5 & 63), i64::from(time & 31) * 2);
    // Days since 1970-01-01, counted in years that begin in March so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Modified::new(days * 86_400 + hour * 3600 + minute * 60 + second, 0)
}
