//! The bytes of one file on their way into a layer: read once, compared, and described.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest as _, Sha256};

use super::codec::{Compression, GZIP_HEAD, gzip_tail};
use super::estargz::Chunk;
use super::facts::{self, FileFacts};
use super::pack::{FileOf, Product, Products};
use super::tree::Content;
use crate::archive::ZipEntry;
use crate::report::{Code, Error, Result};
use crate::wheel::WheelArchive;

/// Packed bytes read at once, and raw ones given on at once.
const PACKED_CHUNK: usize = 128 << 10;
const RAW_CHUNK: usize = 256 << 10;

/// Appends the whole file to `out`.
pub(super) fn append(file: FileOf<'_>, out: &mut Vec<u8>) -> Result<()> {
    match file.content {
        Content::Bytes(bytes) => out.extend_from_slice(bytes),
        Content::File { path, size } => {
            let start = out.len();
            let opened = File::open(path).map_err(|error| Error::io("read", path, &error))?;
            // One byte more than it should have.
            opened.take(size + 1).read_to_end(out).map_err(|error| Error::io("read", path, &error))?;
            if (out.len() - start) as u64 != *size {
                return Err(changed(path));
            }
        }
        Content::Member { wheel, index, sha256 } => {
            let entry = &wheel.entries()[*index];
            let data = wheel.zip().read_entry(entry).map_err(within(wheel))?;
            if sha256.is_some_and(|sha256| sha256 != <[u8; 32]>::from(Sha256::digest(&data))) {
                return Err(wheel.not_recorded(entry));
            }
            out.extend_from_slice(&data);
        }
    }
    Ok(())
}

/// Appends `count` bytes from `from` on of a file of this machine; with the first of them come the facts.
pub(super) fn append_range(
    file: FileOf<'_>,
    from: u64,
    count: u64,
    out: &mut Vec<u8>,
) -> Result<Option<FileFacts>> {
    let Content::File { path, size } = file.content else {
        return Err(Error::bug("a range of what is no file"));
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => changed(path),
        _ => Error::io("read", path, &error),
    };
    let opened = File::open(path).map_err(failed)?;
    if opened.metadata().map_err(failed)?.len() != *size {
        return Err(changed(path));
    }
    let start = out.len();
    // A stretch, far below the largest usize.
    out.resize(start + count as usize, 0);
    opened.read_exact_at(&mut out[start..], from).map_err(failed)?;
    if from > 0 {
        return Ok(None);
    }
    FileFacts::of_file(file.path, file.executable, &opened, *size).map(Some).map_err(failed)
}

/// The error that a file is not what it was when it was listed.
pub(super) fn changed(path: &Path) -> Error {
    Error::new(Code::Io, format!("`{}` changed while it was read", path.display()))
}

fn within(wheel: &WheelArchive) -> impl Fn(Error) -> Error + '_ {
    |error| error.cause(format!("in `{}`", wheel.path().display()))
}

/// A member of a wheel as one gzip member with the wheel's own deflate data.
///
/// It is inflated anyway, for the diff id; only if the deflate stream ends exactly with the packed
/// bytes, and size, CRC-32 and RECORD's hash are right, is the result whole.
pub(super) fn splice(file: FileOf<'_>, products: &Products<'_>) -> Result<()> {
    let (wheel, entry, sha256) = member_of(file)?;
    let damaged = |why: &str| {
        Error::new(Code::BrokenArchive, format!("entry `{}` is damaged", entry.name))
            .cause(why.to_owned())
            .cause(format!("in `{}`", wheel.path().display()))
    };
    let mut packed = wheel.zip().packed(entry);
    let mut left = entry.packed;
    // One byte more than there should be shows what is too long.
    let room = |inflate: &Decompress| {
        let rest = usize::try_from(entry.size.saturating_sub(inflate.total_out())).unwrap_or(usize::MAX);
        products.buffers.take(rest.saturating_add(1).min(RAW_CHUNK))
    };
    let mut seen = Seen::new(file, sha256);
    let mut crc = flate2::Crc::new();
    let mut inflate = Decompress::new(false);
    let mut ended = false;
    products.give(Product { packed: Some(GZIP_HEAD.to_vec()), ..Product::default() })?;
    loop {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).clamp(1, PACKED_CHUNK);
        let mut input = products.buffers.take(wanted);
        input.resize(wanted, 0);
        let count = packed.read(&mut input).map_err(|error| Error::io("read", wheel.path(), &error))?;
        input.truncate(count);
        if count == 0 {
            break;
        }
        left -= count as u64;
        let mut at = 0;
        while at < count {
            if ended {
                return Err(damaged("there is data after its end"));
            }
            let mut raw = room(&inflate);
            let before = inflate.total_in();
            let status = inflate
                .decompress_vec(&input[at..], &mut raw, FlushDecompress::None)
                .map_err(|error| damaged(&error.to_string()))?;
            // Not more than the chunk has.
            at += (inflate.total_in() - before) as usize;
            if inflate.total_out() > entry.size {
                return Err(damaged("it is longer than its header says"));
            }
            ended = status == Status::StreamEnd;
            crc.update(&raw);
            seen.take(&raw)?;
            products.give(Product { raw, packed: Some(Vec::new()), ..Product::default() })?;
        }
        // What was taken in may still come out.
        while !ended {
            let mut raw = room(&inflate);
            let status = inflate
                .decompress_vec(&[], &mut raw, FlushDecompress::None)
                .or_else(|error| if raw.is_empty() { Ok(Status::BufError) } else { Err(error) })
                .map_err(|error| damaged(&error.to_string()))?;
            ended = status == Status::StreamEnd;
            if raw.is_empty() {
                products.buffers.give(raw);
                break;
            }
            crc.update(&raw);
            seen.take(&raw)?;
            products.give(Product { raw, packed: Some(Vec::new()), ..Product::default() })?;
        }
        products.give(Product { packed: Some(input), ..Product::default() })?;
    }
    if !ended || inflate.total_out() != entry.size {
        return Err(damaged("it is shorter than its header says"));
    }
    if crc.sum() != entry.crc32 {
        return Err(damaged("its checksum is wrong"));
    }
    let (facts, sha256) = seen.finish(wheel, entry)?;
    let tail = gzip_tail(entry.crc32, entry.size).to_vec();
    let chunk = Chunk { path: file.path.to_owned(), at: 0, from: 0, size: entry.size, sha256 };
    products.give(Product {
        packed: Some(tail),
        facts: vec![(file.path.to_owned(), facts)],
        chunks: vec![chunk],
        ..Product::default()
    })
}

/// A member of a wheel compressed by us, stretch by stretch.
pub(super) fn stream(file: FileOf<'_>, compression: Compression, products: &Products<'_>) -> Result<()> {
    let (wheel, entry, sha256) = member_of(file)?;
    let mut seen = Seen::new(file, sha256);
    let mut data = wheel.zip().stream(entry);
    let mut at = 0;
    loop {
        let mut raw = products.buffers.take(compression.stretch());
        let read = data.by_ref().take(compression.stretch() as u64).read_to_end(&mut raw);
        read.map_err(|error| {
            Error::new(Code::BrokenArchive, format!("entry `{}` is damaged", entry.name))
                .cause(error.to_string())
                .cause(format!("in `{}`", wheel.path().display()))
        })?;
        if raw.is_empty() {
            break;
        }
        let chunks = match compression {
            Compression::Estargz => vec![Chunk::of(file.path, at, seen.size, &raw)],
            _ => Vec::new(),
        };
        seen.take(&raw)?;
        let packed = match compression {
            Compression::None => None,
            _ => {
                let mut packed = products.buffers.take(raw.len());
                compression.pack(&raw, &mut packed)?;
                Some(packed)
            }
        };
        at += packed.as_ref().map_or(0, |packed| packed.len() as u64);
        products.give(Product { raw, packed, chunks, ..Product::default() })?;
    }
    let (facts, _) = seen.finish(wheel, entry)?;
    products.give(Product {
        packed: Some(Vec::new()),
        facts: vec![(file.path.to_owned(), facts)],
        ..Product::default()
    })
}

fn member_of<'t>(file: FileOf<'t>) -> Result<(&'t WheelArchive, &'t ZipEntry, Option<[u8; 32]>)> {
    match file.content {
        Content::Member { wheel, index, sha256 } => Ok((wheel, &wheel.entries()[*index], *sha256)),
        _ => Err(Error::bug("a member of what is no wheel")),
    }
}

/// What is noted of a member while it passes by.
struct Seen<'t> {
    file: FileOf<'t>,
    expected: Option<[u8; 32]>,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
    kept: Kept,
}

/// The contents of a member that the facts need more of than its start.
enum Kept {
    Undecided,
    Nothing,
    Memory(Vec<u8>),
    /// Too long for memory.
    Scratch(File),
}

/// Enough for a first line.
const HEAD: usize = 512;

impl<'t> Seen<'t> {
    fn new(file: FileOf<'t>, expected: Option<[u8; 32]>) -> Self {
        Self { file, expected, hash: Sha256::new(), size: 0, head: Vec::new(), kept: Kept::Undecided }
    }

    fn take(&mut self, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.hash.update(data);
        self.size += data.len() as u64;
        let mut data = data;
        if matches!(self.kept, Kept::Undecided) {
            self.head.extend_from_slice(data);
            if self.head.len() < HEAD && self.size < self.file.content.size() {
                return Ok(());
            }
            let wanted = facts::wants_whole(self.file.path, &self.head);
            self.kept = match (wanted, self.file.content.size() <= facts::WHOLE) {
                (false, _) => Kept::Nothing,
                // Below `WHOLE`.
                (true, true) => Kept::Memory(Vec::with_capacity(self.file.content.size() as usize)),
                (true, false) => Kept::Scratch(
                    tempfile::tempfile()
                        .map_err(|error| Error::io("make a file in", &std::env::temp_dir(), &error))?,
                ),
            };
            let head = std::mem::take(&mut self.head);
            self.keep(&head)?;
            self.head = head;
            self.head.truncate(HEAD);
            data = &[];
        }
        self.keep(data)
    }

    fn keep(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.kept {
            Kept::Memory(bytes) => bytes.extend_from_slice(data),
            Kept::Scratch(file) => {
                file.write_all(data).map_err(|error| Error::io("write to", &std::env::temp_dir(), &error))?
            }
            Kept::Nothing | Kept::Undecided => {}
        }
        Ok(())
    }

    /// Compares the hash, and gives the facts and the hash.
    fn finish(self, wheel: &WheelArchive, entry: &ZipEntry) -> Result<(FileFacts, [u8; 32])> {
        let sha256 = self.hash.finalize().into();
        if self.expected.is_some_and(|expected| expected != sha256) {
            return Err(wheel.not_recorded(entry));
        }
        let FileOf { path, executable, .. } = self.file;
        let facts = match self.kept {
            Kept::Memory(bytes) => FileFacts::of_bytes(path, executable, &bytes),
            Kept::Scratch(file) => FileFacts::of_file(path, executable, &file, self.size)
                .map_err(|error| Error::io("read", &std::env::temp_dir(), &error))?,
            Kept::Nothing | Kept::Undecided => FileFacts::of_head(executable, self.size, &self.head),
        };
        Ok((facts, sha256))
    }
}
