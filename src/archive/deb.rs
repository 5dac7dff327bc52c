//! Debian packages: an ar container (deb(5)) of `debian-binary`, `control.tar.*` and `data.tar.*`.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::compression::{Format, HEAD};
use super::refusal::{broken, hostile, hostile_archive, within};
use super::tree::Layout;
use super::unpack::{Opened, Unpacked, unpack_tar};
use super::{Limits, read_error};
use crate::report::{Error, Result};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: u64 = 60;

/// A package has three members; a few more are allowed to later versions of the format.
const MOST_MEMBERS: usize = 16;

/// Unpacks the files of the Debian package `archive` into the folder `into`, as if that were `/`.
///
/// As [`super::unpack`], but links may lead anywhere below `into`, and absolute ones are rewritten
/// to lead there. Nothing is configured and no script of the package is read.
///
/// # Errors
/// As [`super::unpack`].
pub fn unpack_deb(archive: &Path, into: &Path, limits: &Limits) -> Result<Unpacked> {
    let failed = |error: std::io::Error| Error::io("read", archive, &error);
    let mut file = File::open(archive).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    unpack_file(&mut file, length, into, limits).map_err(within(archive))
}

fn unpack_file(file: &mut File, length: u64, into: &Path, limits: &Limits) -> Result<Unpacked> {
    let members = members(file, length)?;
    let mut version = Vec::new();
    match members.first() {
        Some(first) if first.name == "debian-binary" && first.size <= 64 => {
            seek(file, first.start)?;
            file.take(first.size).read_to_end(&mut version).map_err(read_error)?;
        }
        _ => return Err(broken("the file is no Debian package: its first member is not `debian-binary`")),
    }
    if !version.starts_with(b"2.") {
        return Err(broken("the Debian package is not of format 2"));
    }
    let mut data =
        members.iter().filter(|member| member.name == "data.tar" || member.name.starts_with("data.tar."));
    let (Some(data), None) = (data.next(), data.next()) else {
        return Err(hostile_archive("the Debian package does not have exactly one `data.tar` member"));
    };
    let mut head = Vec::new();
    seek(file, data.start)?;
    file.take(data.size.min(HEAD as u64)).read_to_end(&mut head).map_err(read_error)?;
    let format = Format::recognise(&head)
        .ok_or_else(|| broken(format!("the member `{}` is packed in no known way", data.name)))?;
    seek(file, data.start)?;
    let reader = BufReader::with_capacity(64 * 1024, file.take(data.size));
    unpack_tar(Opened { file: reader, size: data.size, format }, Layout::Root, limits, into)
}

fn seek(file: &mut File, to: u64) -> Result<()> {
    file.seek(SeekFrom::Start(to)).map(drop).map_err(read_error)
}

struct Member {
    name: String,
    start: u64,
    size: u64,
}

/// The members of the ar container, which must fill the file to its end.
fn members(file: &mut File, length: u64) -> Result<Vec<Member>> {
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).map_err(read_error)?;
    if &magic != MAGIC {
        return Err(broken("the file is no ar archive"));
    }
    let mut members: Vec<Member> = Vec::new();
    let mut at = MAGIC.len() as u64;
    while at < length {
        let mut header = [0; HEADER as usize];
        seek(file, at)?;
        file.read_exact(&mut header).map_err(read_error)?;
        let (name, size) =
            parse_header(&header).ok_or_else(|| broken("a header of the ar archive is malformed"))?;
        let start = at + HEADER;
        if size > length - start {
            return Err(broken(format!("the member `{}` is cut short", name.escape_debug())));
        }
        if members.iter().any(|member| member.name == name) {
            return Err(hostile(&name, "stands twice in the archive"));
        }
        if members.len() == MOST_MEMBERS {
            return Err(hostile_archive(format!("the ar archive has more than {MOST_MEMBERS} members")));
        }
        members.push(Member { name, start, size });
        // Members start at even offsets.
        at = start + size + size % 2;
    }
    Ok(members)
}

/// Name and size: 16 bytes of name (a slash may end it), ten of size, in ASCII padded by blanks.
fn parse_header(header: &[u8; HEADER as usize]) -> Option<(String, u64)> {
    let field = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok().map(str::trim_end);
    let name = field(0..16)?;
    let name = name.strip_suffix('/').unwrap_or(name);
    let size = field(48..58)?;
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    let number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    (plain && number && header[58..] == *b"`\n").then(|| Some((name.to_owned(), size.parse().ok()?)))?
}
