//! Members of a zip file, by name. What [`super::zip_structure`] let pass is read here, and each
//! member's data is held against its size and checksum.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use flate2::{Crc, bufread::DeflateDecoder};

use super::destination::Destination;
use super::refusal::{broken, shown, within};
use super::tar_reader::{Member, MemberKind};
use super::zip_source::Source;
use super::zip_structure::{self, ZipEntry, ZipMethod};
use super::{Limits, Unpacked, read_error};
use crate::report::{Code, Error, Result};

/// A zip file whose structure was checked as a whole.
pub struct ZipReader {
    source: Source,
    entries: Vec<ZipEntry>,
    by_name: HashMap<String, usize>,
    unpacked: Unpacked,
    folders: Vec<String>,
}

impl ZipReader {
    /// Opens the zip file at `path` and checks all of its structure.
    ///
    /// # Errors
    /// [`Code::HostileArchive`] or [`Code::BrokenArchive`]; [`Code::Io`] if it cannot be read.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
        Self::new(Source::File(file), limits).map_err(within(path))
    }

    /// The same for a zip file in memory.
    ///
    /// # Errors
    /// As [`ZipReader::open`].
    pub fn from_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Self> {
        Self::new(Source::Memory(bytes), limits)
    }

    fn new(source: Source, limits: &Limits) -> Result<Self> {
        let (entries, tree) = zip_structure::read(&source, limits)?;
        let unpacked = Unpacked::of(&tree);
        let folders = tree.folders().map(str::to_owned).collect();
        let by_name = entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        Ok(Self { source, entries, by_name, unpacked, folders })
    }

    /// Every member in the order of the central directory.
    pub fn entries(&self) -> &[ZipEntry] {
        &self.entries
    }

    /// The member called exactly `name`.
    pub fn entry(&self, name: &str) -> Option<&ZipEntry> {
        self.by_name.get(name).map(|&at| &self.entries[at])
    }

    /// The unpacked contents of the file `name`.
    ///
    /// # Errors
    /// [`Code::BrokenArchive`] if there is no such file or its data is damaged.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        match self.entry(name) {
            Some(entry) if !entry.folder => self.read_entry(entry),
            _ => Err(broken(format!("the archive has no file `{}`", shown(name)))),
        }
    }

    /// The unpacked contents of `entry`, one of [`ZipReader::entries`].
    ///
    /// # Errors
    /// [`Code::BrokenArchive`] if its data is damaged.
    pub fn read_entry(&self, entry: &ZipEntry) -> Result<Vec<u8>> {
        // What a header claims is no reason to take memory: it must come out of the data first.
        let likely = entry.size.min(entry.packed.saturating_mul(8)).min(64 << 20);
        let mut contents = Vec::with_capacity(usize::try_from(likely).unwrap_or(0));
        self.stream(entry).read_to_end(&mut contents).map_err(read_error).map_err(named(entry))?;
        Ok(contents)
    }

    /// The unpacked contents of `entry` as a stream. It ends without an error only if size and
    /// checksum were right.
    pub fn stream(&self, entry: &ZipEntry) -> impl Read + '_ {
        let packed = BufReader::with_capacity(32 * 1024, self.packed(entry));
        let data = match entry.method {
            ZipMethod::Stored => Data::Stored(packed),
            ZipMethod::Deflated => Data::Deflated(DeflateDecoder::new(packed)),
        };
        Checked { data, crc: Crc::new(), left: entry.size, crc32: entry.crc32, checked: false }
    }

    /// The data of `entry` as it lies in the file, [`ZipEntry::packed`] bytes. It was not compared
    /// with anything: read it by [`ZipReader::stream`] first.
    pub fn packed(&self, entry: &ZipEntry) -> impl Read + '_ {
        Packed { source: &self.source, at: entry.start, left: entry.packed }
    }

    /// Unpacks everything into the folder `into`, as [`super::unpack`] does.
    ///
    /// # Errors
    /// As [`super::unpack`].
    pub fn unpack(&self, into: &Path) -> Result<Unpacked> {
        let mut destination = Destination::open(into)?;
        self.each(&mut |member| {
            match member.kind {
                MemberKind::File { size, executable } => {
                    destination.file(member.path, executable, member.modified, size, member.data)?;
                    // The checksum is told with the end of the data.
                    io::copy(member.data, &mut io::sink()).map_err(read_error)?;
                }
                _ => destination.folder(member.path, Some(member.modified))?,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        destination.finish(self.folders.iter())?;
        Ok(self.unpacked.clone())
    }

    pub(super) fn each(&self, visit: &mut dyn FnMut(Member<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        for entry in &self.entries {
            let kind = if entry.folder {
                MemberKind::Folder
            } else {
                MemberKind::File { size: entry.size, executable: entry.executable }
            };
            let data = &mut self.stream(entry);
            let member = Member { path: &entry.name, kind, modified: entry.modified, data };
            if visit(member).map_err(named(entry))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Names the member that damaged data belongs to.
fn named(entry: &ZipEntry) -> impl FnOnce(Error) -> Error + '_ {
    move |error| match error.code() {
        Code::BrokenArchive => error.wrap(format!("entry `{}` is damaged", shown(&entry.name))),
        _ => error,
    }
}

struct Packed<'a> {
    source: &'a Source,
    at: u64,
    left: u64,
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.source.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

enum Data<R> {
    Stored(BufReader<R>),
    Deflated(DeflateDecoder<BufReader<R>>),
}

impl<R: Read> Data<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(reader) => reader.read(buffer),
            Self::Deflated(reader) => reader.read(buffer),
        }
    }

    /// Whether packed bytes are left over.
    fn has_more(&mut self) -> io::Result<bool> {
        let reader = match self {
            Self::Stored(reader) => reader,
            Self::Deflated(reader) => reader.get_mut(),
        };
        Ok(!io::BufRead::fill_buf(reader)?.is_empty())
    }
}

/// Gives exactly the bytes announced, then says whether they were the right ones.
struct Checked<R> {
    data: Data<R>,
    crc: Crc,
    left: u64,
    crc32: u32,
    checked: bool,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.checked {
            return Ok(0);
        }
        if self.left == 0 {
            self.finish()?;
            self.checked = true;
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.data.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(damaged("it is shorter than its header says"));
        }
        self.crc.update(&buffer[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R: Read> Checked<R> {
    fn finish(&mut self) -> io::Result<()> {
        if self.data.read(&mut [0])? != 0 {
            return Err(damaged("it is longer than its header says"));
        }
        if self.data.has_more()? {
            return Err(damaged("there is data after its end"));
        }
        if self.crc.sum() != self.crc32 {
            return Err(damaged("its checksum is wrong"));
        }
        Ok(())
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
