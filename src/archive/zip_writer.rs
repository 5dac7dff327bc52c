//! A zip whose bytes depend on nothing but its members.
//!
//! General zip libraries leave too much to circumstance (extra fields, descriptors, time stamps,
//! the version fields, which of two ways a member is stored), and the bytes of a wheel are the
//! product here. So the format (APPNOTE.TXT 6.3.10, sections in brackets) is written out: local
//! headers with sizes, no data descriptors [4.3.9], no extra fields [4.5], no comments, one time
//! stamp, unix modes 0644 and 0755, one pinned deflate at one level.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::Limits;
use super::name::{Name, Spelling, collision_key};
use super::refusal::hostile;
use crate::report::{Code, Error, Result};

/// The deflate level of every member. Changing it changes every wheel's bytes.
const LEVEL: u32 = 6;
/// Below this many bytes a second thread costs more than it saves.
const PARALLEL_FROM: usize = 256 << 10;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Version 2.0 of the format [4.4.3]: deflate.
const VERSION: u16 = 20;
/// Version 4.5: ZIP64.
const VERSION_64: u16 = 45;
/// The host system in the upper byte of "version made by" [4.4.2]; makes readers honour the modes.
const UNIX: u16 = 3 << 8;
/// Bit 11 of the flags [4.4.4]: the name is UTF-8.
const UTF8: u16 = 1 << 11;

/// One file of the archive.
#[derive(Clone, Copy, Debug)]
pub struct ZipMember<'a> {
    /// Path with `/`, relative.
    pub name: &'a str,
    pub data: &'a [u8],
    /// Mode 0755 instead of 0644.
    pub executable: bool,
}

/// What the whole archive shares.
#[derive(Clone, Copy, Debug)]
pub struct ZipOptions {
    /// The time stamp of every member.
    pub time: DosTime,
    /// How many threads compress; no influence on the bytes.
    pub jobs: usize,
}

impl Default for ZipOptions {
    fn default() -> Self {
        Self { time: DosTime::FIRST, jobs: 1 }
    }
}

/// A time stamp as zip keeps it [4.4.6]: two seconds fine, from 1980 to 2107, of no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DosTime {
    date: u16,
    time: u16,
}

impl DosTime {
    /// 1980-01-01 00:00, the earliest there is.
    pub const FIRST: Self = Self { date: 1 << 5 | 1, time: 0 };
    const LAST: Self = Self { date: 127 << 9 | 12 << 5 | 31, time: 23 << 11 | 59 << 5 | 29 };

    /// The two fields as a header holds them.
    pub(super) const fn from_fields(date: u16, time: u16) -> Self {
        Self { date, time }
    }

    /// The UTC time `seconds` after 1970 (SOURCE_DATE_EPOCH), rounded down to two seconds and
    /// moved into the years zip can hold.
    pub fn from_epoch(seconds: u64) -> Self {
        let (year, month, day) = civil_date(seconds / 86_400);
        if year < 1980 {
            return Self::FIRST;
        }
        if year > 2107 {
            return Self::LAST;
        }
        let second = seconds % 86_400;
        // Every part fits its bits: the year was bounded above, the rest by the calendar.
        Self {
            date: ((year - 1980) << 9 | month << 5 | day) as u16,
            time: ((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)) as u16,
        }
    }
}

/// `1980-01-01 00:00:00`, whatever the fields hold.
impl fmt::Display for DosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, time } = self;
        write!(f, "{}-{:02}-{:02} ", 1980 + (date >> 9), (date >> 5) & 15, date & 31)?;
        write!(f, "{:02}:{:02}:{:02}", time >> 11, (time >> 5) & 63, (time & 31) * 2)
    }
}

/// Year, month and day of the day `days` after 1970-01-01, in the Gregorian calendar.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 146,097 days are 400 years; the rest is few enough to count.
    let mut year = 1970 + days / 146_097 * 400;
    let mut day = days % 146_097;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

/// Writes `members` in the given order to `out` and says how many bytes it wrote.
///
/// Members are deflated, or stored where deflate does not make them smaller. Fails when a name is
/// unsafe or stands twice, when the archive would pass 4 GiB, or when `out` fails.
pub fn write_zip(members: &[ZipMember<'_>], options: &ZipOptions, out: &mut impl Write) -> Result<u64> {
    check_names(members)?;
    let total: usize = members.iter().map(|member| member.data.len()).sum();
    let jobs = options.jobs.clamp(1, members.len().max(1));
    let mut writer = Writer { out, offset: 0, central: Vec::new(), time: options.time };
    if jobs == 1 || total < PARALLEL_FROM {
        for member in members {
            writer.member(member, &Packed::of(member)?)?;
        }
    } else {
        write_parallel(members, jobs, &mut writer)?;
    }
    writer.finish(members.len())
}

/// Compresses on `jobs` threads and writes in order as soon as the next member is ready.
fn write_parallel<W: Write>(
    members: &[ZipMember<'_>],
    jobs: usize,
    writer: &mut Writer<'_, W>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, next, stopped) = (sender.clone(), &next, &stopped);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(member) = members.get(index) else { break };
                    // The receiver is gone only when writing failed.
                    if sender.send((index, Packed::of(member))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let result = members.iter().enumerate().try_for_each(|(index, member)| {
            while !waiting.contains_key(&index) {
                let (ready, packed) =
                    receiver.recv().map_err(|_| Error::bug("a thread that compresses ended early"))?;
                waiting.insert(ready, packed);
            }
            match waiting.remove(&index) {
                Some(packed) => writer.member(member, &packed?),
                None => Err(Error::bug("a compressed member was lost")),
            }
        });
        stopped.store(true, Ordering::Relaxed);
        result
    })
}

/// Names that our own reader would refuse are never written.
fn check_names(members: &[ZipMember<'_>]) -> Result<()> {
    let limits = Limits::default();
    let mut seen = HashSet::with_capacity(members.len());
    for ZipMember { name, .. } in members {
        if Name::read(name.as_bytes(), Spelling::Exact, &limits)?.is_none_or(|read| read.folder) {
            return Err(hostile(name, "cannot be the name of a member"));
        }
        if !seen.insert(collision_key(name)) {
            return Err(hostile(name, "is called like another member"));
        }
    }
    Ok(())
}

/// A member's data as the archive holds it.
struct Packed {
    /// The deflate stream; none when the data is stored as it is.
    deflated: Option<Vec<u8>>,
    crc: u32,
}

impl Packed {
    fn of(member: &ZipMember<'_>) -> Result<Self> {
        if u32::try_from(member.data.len()).is_err() {
            return Err(too_large(&format!("`{}` is", member.name)));
        }
        let mut crc = Crc::new();
        crc.update(member.data);
        Ok(Self { deflated: deflate(member.data)?, crc: crc.sum() })
    }
}

/// The raw deflate stream of `data` if it is smaller than `data`.
fn deflate(data: &[u8]) -> Result<Option<Vec<u8>>> {
    if data.is_empty() {
        return Ok(None);
    }
    // A fresh state for each member: nothing of one member can reach another's bytes. The buffer
    // ends where the result would be of no use, so a stream that does not end in it is dropped.
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    let mut packed = Vec::with_capacity(data.len() - 1);
    let status = compress
        .compress_vec(data, &mut packed, FlushCompress::Finish)
        .map_err(|error| Error::bug(format!("deflate failed: {error}")))?;
    Ok((status == Status::StreamEnd && packed.len() < data.len()).then_some(packed))
}

fn too_large(what: &str) -> Error {
    Error::new(Code::BadWheel, format!("{what} larger than 4 GiB, the most that the canonical format holds"))
        .hint("split the package's data off, or fetch it at run time")
}

struct Writer<'w, W: Write> {
    out: &'w mut W,
    offset: u64,
    central: Vec<u8>,
    time: DosTime,
}

impl<W: Write> Writer<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| {
            let code = match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
                _ => Code::Io,
            };
            Error::new(code, "cannot write the archive").cause(error.to_string())
        })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn member(&mut self, member: &ZipMember<'_>, packed: &Packed) -> Result<()> {
        let start = u32::try_from(self.offset).map_err(|_| too_large("the archive is"))?;
        let data = packed.deflated.as_deref().unwrap_or(member.data);
        // The part that local and central header share [4.3.7, 4.3.12]: flags to extra length.
        let mut shared = Vec::with_capacity(24);
        let fields: [u16; 4] = [
            if member.name.is_ascii() { 0 } else { UTF8 },
            if packed.deflated.is_some() { 8 } else { 0 },
            self.time.time,
            self.time.date,
        ];
        fields.iter().for_each(|field| shared.extend(field.to_le_bytes()));
        // `Packed::of` refused longer data, `check_names` longer names.
        for size in [packed.crc, data.len() as u32, member.data.len() as u32] {
            shared.extend(size.to_le_bytes());
        }
        shared.extend((member.name.len() as u16).to_le_bytes());
        shared.extend(0u16.to_le_bytes());

        let mut local = Vec::with_capacity(30 + member.name.len());
        local.extend(LOCAL.to_le_bytes());
        local.extend(VERSION.to_le_bytes());
        local.extend(&shared);
        local.extend(member.name.as_bytes());
        self.put(&local)?;
        self.put(data)?;

        let mode: u32 = if member.executable { 0o100_755 } else { 0o100_644 };
        let central = &mut self.central;
        central.extend(CENTRAL.to_le_bytes());
        central.extend((UNIX | VERSION).to_le_bytes());
        central.extend(VERSION.to_le_bytes());
        central.extend(&shared);
        // No comment, first disk, no internal attributes.
        central.extend([0; 6]);
        central.extend((mode << 16).to_le_bytes());
        central.extend(start.to_le_bytes());
        central.extend(member.name.as_bytes());
        Ok(())
    }

    fn finish(mut self, count: usize) -> Result<u64> {
        let start = u32::try_from(self.offset).map_err(|_| too_large("the archive is"))?;
        let central = std::mem::take(&mut self.central);
        let size = u32::try_from(central.len()).map_err(|_| too_large("the archive is"))?;
        self.put(&central)?;
        let mut end = Vec::new();
        // 65,535 in the short record means "see the long one" [4.4.1.4].
        let short_count = u16::try_from(count).ok().filter(|count| *count < u16::MAX).unwrap_or(u16::MAX);
        if short_count == u16::MAX {
            let position = self.offset;
            end.extend(END_64.to_le_bytes());
            end.extend(44u64.to_le_bytes());
            end.extend((UNIX | VERSION_64).to_le_bytes());
            end.extend(VERSION_64.to_le_bytes());
            end.extend([0; 8]);
            for number in [count as u64, count as u64, u64::from(size), u64::from(start)] {
                end.extend(number.to_le_bytes());
            }
            end.extend(LOCATOR_64.to_le_bytes());
            end.extend(0u32.to_le_bytes());
            end.extend(position.to_le_bytes());
            end.extend(1u32.to_le_bytes());
        }
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        end.extend(short_count.to_le_bytes());
        end.extend(short_count.to_le_bytes());
        end.extend(size.to_le_bytes());
        end.extend(start.to_le_bytes());
        end.extend([0; 2]);
        self.put(&end)?;
        Ok(self.offset)
    }
}

#[cfg(test)]
#[path = "zip_writer_tests.rs"]
mod tests;
