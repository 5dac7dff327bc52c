//! Which format a stream is of, told by its first bytes, and the bytes inside it.
//!
//! Names are never asked: an sdist may be called anything. Each decoder checks the stream's own
//! checksums, goes on through concatenated members, and refuses anything after the last.

use std::io::{self, BufRead, Read};

use super::Limits;

/// Longest head that [`Format::recognise`] looks at: one tar block.
pub(super) const HEAD: usize = 512;

/// Memory an xz stream may ask for, in KiB: four times what `xz -9` needs.
const XZ_MEMORY_KIB: u32 = 256 * 1024;

/// Below this a high ratio harms nobody, and small files of zeros have one.
const RATIO_FROM: u64 = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    /// The container of a Debian package.
    Ar,
    Tar(Compression),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    /// The format of the stream that starts with `head`.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        Some(match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Self::Ar,
            [0x1f, 0x8b, ..] => Self::Tar(Compression::Gzip),
            [b'B', b'Z', b'h', ..] => Self::Tar(Compression::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Tar(Compression::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Tar(Compression::Zstd),
            _ if is_tar_header(head) => Self::Tar(Compression::None),
            _ => return None,
        })
    }
}

/// Old tar files have no magic number, but every header has a checksum.
fn is_tar_header(head: &[u8]) -> bool {
    if head.len() < HEAD || head.iter().all(|&byte| byte == 0) {
        return false;
    }
    let header = tar::Header::from_byte_slice(&head[..HEAD]);
    let sum: u32 = head[..148].iter().chain(&head[156..HEAD]).map(|&byte| u32::from(byte)).sum();
    header.cksum().is_ok_and(|written| written == sum + 8 * u32::from(b' '))
}

/// The bytes inside `reader`.
pub(super) fn decode<'a, R: BufRead + 'a>(
    reader: R,
    compression: Compression,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(Members::<R, flate2::bufread::GzDecoder<R>>::new(reader)),
        Compression::Bzip2 => Box::new(Members::<R, bzip2::bufread::BzDecoder<R>>::new(reader)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(reader, true, XZ_MEMORY_KIB)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(reader)?),
    })
}

/// One compressed member of a stream of several.
trait Member<R>: Read {
    /// What a further member starts with.
    const FIRST: u8;
    /// Whether the stream may be padded with zeros, as tape tools leave it.
    const PADDED: bool;
    fn start(reader: R) -> Self;
    fn finish(self) -> R;
}

impl<R: BufRead> Member<R> for flate2::bufread::GzDecoder<R> {
    const FIRST: u8 = 0x1f;
    const PADDED: bool = true;
    fn start(reader: R) -> Self {
        Self::new(reader)
    }
    fn finish(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member<R> for bzip2::bufread::BzDecoder<R> {
    const FIRST: u8 = b'B';
    const PADDED: bool = false;
    fn start(reader: R) -> Self {
        Self::new(reader)
    }
    fn finish(self) -> R {
        self.into_inner()
    }
}

/// Reads member after member. The libraries' own readers of several members either stop silently
/// at what is none or fail on padding.
struct Members<R, M> {
    current: Option<M>,
    reader: std::marker::PhantomData<R>,
}

impl<R: BufRead, M: Member<R>> Members<R, M> {
    fn new(reader: R) -> Self {
        Self { current: Some(M::start(reader)), reader: std::marker::PhantomData }
    }
}

impl<R: BufRead, M: Member<R>> Read for Members<R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let Some(member) = self.current.as_mut() else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(mut reader) = self.current.take().map(M::finish) else { return Ok(0) };
            match reader.fill_buf()?.first() {
                None => {}
                Some(&first) if first == M::FIRST => self.current = Some(M::start(reader)),
                Some(0) if M::PADDED => only_zeros(reader)?,
                Some(_) => return Err(trailing()),
            }
        }
        Ok(0)
    }
}

/// Reads to the end and fails on anything but zeros.
pub(super) fn only_zeros(mut reader: impl Read) -> io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(()),
            count if buffer[..count].iter().all(|&byte| byte == 0) => {}
            _ => return Err(trailing()),
        }
    }
}

fn trailing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "there is data after the end of the archive")
}

/// The error of a stream that unfolds to more than it may.
#[derive(Debug)]
pub(super) struct Bomb(String);

impl std::fmt::Display for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Bomb {}

/// Fails with [`Bomb`] as soon as more was read than the limits allow for so small an input.
pub(super) struct Bounded<R> {
    inner: R,
    count: u64,
    compressed: u64,
    ratio: u64,
    ceiling: u64,
    ended: bool,
}

impl<R: Read> Bounded<R> {
    /// `compressed` is the size of what `inner` unpacks, in bytes.
    pub fn new(inner: R, compressed: u64, limits: &Limits) -> Self {
        // A tar stream holds headers and padding besides the files.
        let ceiling = limits.bytes.saturating_add(limits.entries.saturating_mul(4096));
        Self { inner, count: 0, compressed, ratio: limits.ratio, ceiling, ended: false }
    }

    /// Whether the end of the input was reached.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        self.count = self.count.saturating_add(count as u64);
        if self.count > self.ceiling {
            let ceiling = self.ceiling;
            return Err(io::Error::other(Bomb(format!("the archive unfolds to more than {ceiling} bytes"))));
        }
        if is_bomb(self.count, self.compressed, self.ratio) {
            let ratio = self.ratio;
            return Err(io::Error::other(Bomb(format!(
                "the archive unfolds to more than {ratio} times its size"
            ))));
        }
        Ok(count)
    }
}

/// Whether `unfolded` bytes out of `compressed` ones are too many.
pub(super) fn is_bomb(unfolded: u64, compressed: u64, ratio: u64) -> bool {
    unfolded > RATIO_FROM && unfolded / ratio.max(1) > compressed
}
