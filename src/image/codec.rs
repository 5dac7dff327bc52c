//! How layers are packed: gzip members or zstd frames of fixed stretches of the tar stream.
//!
//! Each stretch is packed by itself, so that all cores take part and the bytes do not depend on how
//! many there are. Readers of either format go on from one member to the next.

use flate2::{Compress, Compression as Level, FlushCompress};

use crate::report::{Error, Result};

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Every tool reads it.
    Gzip,
    /// gzip with a member for each file and a table of contents ([`super::estargz`]).
    Estargz,
    /// Smaller and faster; umoci 0.4 and others refuse it.
    Zstd,
    None,
}

/// The level of gzip: 9 takes more than twice the time for 2 % fewer bytes.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// Head of a gzip member [RFC 1952]: deflate, no flags, no time, system unknown.
pub const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

impl Compression {
    /// `gzip`, `zstd`, `none`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Estargz => "estargz",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }

    /// The media type of a layer packed like this (OCI image spec, "Image Layer Filesystem Changeset").
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Gzip | Self::Estargz => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::None => "application/vnd.oci.image.layer.v1.tar",
        }
    }

    /// How many bytes of the tar stream are packed together.
    pub const fn stretch(self) -> usize {
        match self {
            Self::Gzip | Self::Estargz | Self::None => 1 << 20,
            // Frames know nothing of each other, which costs zstd more than gzip.
            Self::Zstd => 4 << 20,
        }
    }

    /// Appends `raw` to `out` as one member. An empty stretch is packed, too.
    ///
    /// # Errors
    /// None but a bug of the library.
    pub fn pack(self, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::None => out.extend_from_slice(raw),
            Self::Zstd => zstd_frame(raw, out)?,
            Self::Gzip | Self::Estargz => gzip(raw, out)?,
        }
        Ok(())
    }
}

fn gzip(raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&GZIP_HEAD);
    // Deflate that has to stop for want of room forgets what it was about to do, and its bytes would depend
    // on how much room there happened to be. So there is more than it can ever need.
    out.reserve(raw.len() + raw.len() / 8 + 1024);
    let mut codec = Compress::new(Level::new(GZIP_LEVEL), false);
    let status = codec
        .compress_vec(raw, out, FlushCompress::Finish)
        .map_err(|error| Error::bug(format!("deflate: {error}")))?;
    if status != flate2::Status::StreamEnd {
        return Err(Error::bug("deflate wants more room than there is data"));
    }
    let mut crc = flate2::Crc::new();
    crc.update(raw);
    out.extend_from_slice(&gzip_tail(crc.sum(), raw.len() as u64));
    Ok(())
}

fn zstd_frame(raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    // The library writes from a vector's start on, and touches only what it needs of its room.
    let mut own = Vec::new();
    let frame = if out.is_empty() { &mut *out } else { &mut own };
    frame.reserve(zstd::zstd_safe::compress_bound(raw.len()));
    zstd::bulk::Compressor::new(ZSTD_LEVEL)
        .and_then(|mut codec| codec.compress_to_buffer(raw, frame))
        .map_err(|error| Error::bug(format!("zstd: {error}")))?;
    out.append(&mut own);
    Ok(())
}

/// The tail of a gzip member: CRC-32 and size, modulo 2³².
pub fn gzip_tail(crc32: u32, size: u64) -> [u8; 8] {
    let mut tail = [0; 8];
    tail[..4].copy_from_slice(&crc32.to_le_bytes());
    // RFC 1952: the size modulo 2³².
    tail[4..].copy_from_slice(&(size as u32).to_le_bytes());
    tail
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn bytes_do_not_depend_on_the_room_there_is() {
        // Words, so that there are matches to be found or lost.
        let raw: Vec<u8> = (0..400_000_u32)
            .flat_map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761) >> 20).into_bytes())
            .take(1 << 20)
            .collect();
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packed = |room: usize, before: &[u8]| {
                let mut out = Vec::with_capacity(room);
                out.extend_from_slice(before);
                compression.pack(&raw, &mut out).unwrap();
                out[before.len()..].to_vec()
            };
            let expected = packed(0, b"");
            for room in [1 << 10, 100_000, 300_001, 1 << 20, 4 << 20] {
                assert!(packed(room, b"") == expected, "{compression:?} {room}");
                assert!(packed(room, b"before") == expected, "{compression:?} {room}");
            }
        }
    }

    #[test]
    fn members_one_after_the_other_read_as_one_stream() {
        let stretches: Vec<Vec<u8>> = vec![
            b"hello ".to_vec(),
            Vec::new(),
            (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        ];
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let mut packed = Vec::new();
            stretches.iter().for_each(|raw| compression.pack(raw, &mut packed).unwrap());
            let mut raw = Vec::new();
            match compression {
                Compression::Gzip | Compression::Estargz => {
                    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut raw).unwrap();
                }
                Compression::Zstd => raw = zstd::decode_all(&packed[..]).unwrap(),
                Compression::None => raw = packed,
            }
            assert!(raw == stretches.concat(), "{compression:?}");
        }
    }
}
