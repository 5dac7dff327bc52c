//! A zip file written by hand, each field of which a test can falsify.

/// One member. What is `None` is written as it should be.
#[derive(Clone)]
pub(super) struct Raw {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
    pub size: u32,
    pub crc32: u32,
    pub method: u16,
    pub flags: u16,
    pub attributes: u32,
    pub made_by: u16,
    pub extra: Vec<u8>,
    pub descriptor: Vec<u8>,
    pub local: Local,
    pub offset: Option<u32>,
    pub disk: u16,
    /// Bytes before the local header that belong to nothing.
    pub gap: usize,
    /// Not written again: the central header points to a member that is there.
    pub central_only: bool,
}

/// What the local header says differently.
#[derive(Clone, Default)]
pub(super) struct Local {
    pub name: Option<Vec<u8>>,
    pub flags: Option<u16>,
    pub method: Option<u16>,
    pub crc32: Option<u32>,
    pub packed: Option<u32>,
    pub size: Option<u32>,
    pub extra: Vec<u8>,
}

pub(super) const REGULAR: u32 = 0o100_644 << 16;
pub(super) const LINK: u32 = 0o120_777 << 16;

pub(super) fn crc32(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A correct stored member.
pub(super) fn stored(name: &str, data: &[u8]) -> Raw {
    Raw {
        name: name.as_bytes().to_vec(),
        data: data.to_vec(),
        size: data.len() as u32,
        crc32: crc32(data),
        method: 0,
        flags: if name.is_ascii() { 0 } else { 1 << 11 },
        attributes: if name.ends_with('/') { 0o040_755 << 16 } else { REGULAR },
        made_by: 3 << 8 | 20,
        extra: Vec::new(),
        descriptor: Vec::new(),
        local: Local::default(),
        offset: None,
        disk: 0,
        gap: 0,
        central_only: false,
    }
}

/// A correct deflated member.
pub(super) fn deflated(name: &str, data: &[u8]) -> Raw {
    Raw { data: deflate(data), size: data.len() as u32, crc32: crc32(data), method: 8, ..stored(name, data) }
}

/// The end record and what is around it.
#[derive(Default)]
pub(super) struct End {
    pub comment: Vec<u8>,
    pub count: Option<u16>,
    pub start: Option<u32>,
    pub size: Option<u32>,
    /// Bytes between the directory and the end record.
    pub before: Vec<u8>,
    pub zip64: bool,
    /// Falsifies the start of the directory in the ZIP64 record by so much.
    pub skew: u64,
}

pub(super) fn zip(members: &[Raw]) -> Vec<u8> {
    zip_with(members, &End::default())
}

pub(super) fn zip_with(members: &[Raw], end: &End) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for member in members {
        out.resize(out.len() + member.gap, 0);
        let offset = member.offset.unwrap_or(out.len() as u32);
        if !member.central_only {
            write_local(&mut out, member);
        }
        write_central(&mut central, member, offset);
    }
    let start = out.len();
    out.extend_from_slice(&central);
    out.extend_from_slice(&end.before);
    let count = end.count.unwrap_or(members.len() as u16);
    let (mut short_start, mut short_size, mut short_count) =
        (end.start.unwrap_or(start as u32), end.size.unwrap_or(central.len() as u32), count);
    if end.zip64 {
        let at = out.len() as u64;
        out.extend_from_slice(b"PK\x06\x06");
        out.extend_from_slice(&44u64.to_le_bytes());
        out.extend_from_slice(&[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&(members.len() as u64).to_le_bytes());
        out.extend_from_slice(&(members.len() as u64).to_le_bytes());
        out.extend_from_slice(&(central.len() as u64).to_le_bytes());
        out.extend_from_slice(&(start as u64 + end.skew).to_le_bytes());
        out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
        (short_start, short_size, short_count) =
            (end.start.unwrap_or(u32::MAX), end.size.unwrap_or(u32::MAX), end.count.unwrap_or(u16::MAX));
    }
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&short_count.to_le_bytes());
    out.extend_from_slice(&short_count.to_le_bytes());
    out.extend_from_slice(&short_size.to_le_bytes());
    out.extend_from_slice(&short_start.to_le_bytes());
    out.extend_from_slice(&(end.comment.len() as u16).to_le_bytes());
    out.extend_from_slice(&end.comment);
    out
}

fn write_local(out: &mut Vec<u8>, member: &Raw) {
    let local = &member.local;
    let name = local.name.as_ref().unwrap_or(&member.name);
    out.extend_from_slice(b"PK\x03\x04\x14\0");
    out.extend_from_slice(&local.flags.unwrap_or(member.flags).to_le_bytes());
    out.extend_from_slice(&local.method.unwrap_or(member.method).to_le_bytes());
    out.extend_from_slice(&[0, 0, 0x21, 0]);
    out.extend_from_slice(&local.crc32.unwrap_or(member.crc32).to_le_bytes());
    out.extend_from_slice(&local.packed.unwrap_or(member.data.len() as u32).to_le_bytes());
    out.extend_from_slice(&local.size.unwrap_or(member.size).to_le_bytes());
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    out.extend_from_slice(&(local.extra.len() as u16).to_le_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(&local.extra);
    out.extend_from_slice(&member.data);
    out.extend_from_slice(&member.descriptor);
}

fn write_central(out: &mut Vec<u8>, member: &Raw, offset: u32) {
    out.extend_from_slice(b"PK\x01\x02");
    out.extend_from_slice(&member.made_by.to_le_bytes());
    out.extend_from_slice(&20u16.to_le_bytes());
    out.extend_from_slice(&member.flags.to_le_bytes());
    out.extend_from_slice(&member.method.to_le_bytes());
    out.extend_from_slice(&[0, 0, 0x21, 0]);
    out.extend_from_slice(&member.crc32.to_le_bytes());
    out.extend_from_slice(&(member.data.len() as u32).to_le_bytes());
    out.extend_from_slice(&member.size.to_le_bytes());
    out.extend_from_slice(&(member.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&(member.extra.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&member.disk.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&member.attributes.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&member.name);
    out.extend_from_slice(&member.extra);
}
