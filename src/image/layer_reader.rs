//! A layer of an image that others made, read once for its facts and its diff id.
//!
//! Nothing of it is ever unpacked to disk, so what its entries are called can do no harm here.

use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::facts::{FileFacts, LayerFacts, PathFacts, WHOLE, wants_whole};
use super::oci::broken;
use super::tree::WHITEOUT;
use crate::cache::Digest;
use crate::report::{Error, Result};

const OPAQUE: &str = ".wh..wh..opq";

/// Enough for a first line and an ELF magic.
const HEAD: usize = 512;

/// The diff id and the facts of the layer in the file at `path`.
///
/// # Errors
/// [`crate::report::Code::BrokenImage`] when it is no tar stream, packed by gzip or zstd or not.
pub fn read(path: &Path) -> Result<(Digest, LayerFacts)> {
    let failed = |error: io::Error| Error::io("read", path, &error);
    let file = BufReader::with_capacity(256 << 10, std::fs::File::open(path).map_err(failed)?);
    let stream = decoded(file).map_err(failed)?;
    read_stream(stream).map_err(|error| {
        broken("a layer cannot be read").cause(error.to_string()).cause(format!("in `{}`", path.display()))
    })
}

/// The tar stream in `packed`, by gzip or zstd or not, as its first bytes say.
pub(super) fn decoded<'r>(mut packed: impl io::BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match packed.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(packed)?),
        _ => Box::new(packed),
    })
}

fn read_stream(stream: impl Read) -> io::Result<(Digest, LayerFacts)> {
    let mut hashing = Hashing { inner: stream, hash: Sha256::new() };
    let mut facts = LayerFacts::default();
    let mut archive = tar::Archive::new(&mut hashing);
    for entry in archive.entries()? {
        let mut entry = entry?;
        crate::process::check_halted().map_err(io::Error::other)?;
        let raw = entry.path_bytes().into_owned();
        let Some(path) = normal(&raw) else { continue };
        let (folder, name) =
            path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
        if name == OPAQUE {
            if !folder.is_empty() {
                facts.paths.insert(folder.to_owned(), PathFacts::Opaque);
            }
            continue;
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            let gone = if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") };
            // A whiteout is about layers below, wherever it stands in its own. What this layer has in the
            // place of a folder is all there is.
            match facts.paths.get_mut(&gone) {
                Some(stands @ PathFacts::Folder) => *stands = PathFacts::Opaque,
                Some(_) => {}
                None => {
                    facts.paths.insert(gone, PathFacts::Removed);
                }
            }
            continue;
        }
        let kind = entry.header().entry_type();
        let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        let here = if kind.is_dir() {
            match facts.paths.get(&path) {
                Some(PathFacts::Opaque) => continue,
                Some(PathFacts::Removed) => PathFacts::Opaque,
                _ => PathFacts::Folder,
            }
        } else if kind.is_symlink() {
            PathFacts::Link(String::from_utf8_lossy(&link).into_owned())
        } else if kind.is_hard_link() {
            match normal(&link) {
                Some(target) => PathFacts::HardLink(target),
                None => PathFacts::Special,
            }
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let executable = entry.header().mode()? & 0o111 != 0;
            let size = entry.size();
            PathFacts::File(file_facts(&path, executable, size, &mut entry)?)
        } else {
            PathFacts::Special
        };
        facts.paths.insert(path, here);
    }
    io::copy(&mut hashing, &mut io::sink())?;
    Ok((Digest::from(<[u8; 32]>::from(hashing.hash.finalize())), facts))
}

fn file_facts(path: &str, executable: bool, size: u64, data: &mut impl Read) -> io::Result<FileFacts> {
    let mut head = Vec::new();
    data.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if !wants_whole(path, &head) {
        return Ok(FileFacts::of_head(executable, size, &head));
    }
    if size <= WHOLE {
        data.read_to_end(&mut head)?;
        return Ok(FileFacts::of_bytes(path, executable, &head));
    }
    let mut scratch = tempfile::tempfile()?;
    io::Write::write_all(&mut scratch, &head)?;
    io::copy(data, &mut scratch)?;
    FileFacts::of_file(path, executable, &scratch, size)
}

/// `./a//b/` as `a/b`; `None` for the root and for names that lead above it.
pub(super) fn normal(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar::{END, Kind, header, padding};

    #[test]
    fn whiteouts_links_and_files_are_told_apart() {
        let mut stream = Vec::new();
        let mut file = |path: &str, data: &[u8]| {
            stream.extend(header(path, Kind::File { size: data.len() as u64, executable: true }, 0));
            stream.extend_from_slice(data);
            stream.resize(stream.len() + padding(data.len() as u64), 0);
        };
        file("./a/run", b"#!/bin/sh\n");
        file("a/.wh.gone", b"");
        file("b/.wh..wh..opq", b"");
        stream.extend(header("l", Kind::Link { target: "a/run" }, 0));
        stream.extend_from_slice(&END);
        let (diff_id, facts) = read_stream(&stream[..]).unwrap();
        assert_eq!(diff_id, Digest::of(&stream));
        assert_eq!(facts.paths["a/gone"], PathFacts::Removed);
        assert_eq!(facts.paths["b"], PathFacts::Opaque);
        assert_eq!(facts.paths["l"], PathFacts::Link("a/run".into()));
        let PathFacts::File(run) = &facts.paths["a/run"] else { panic!() };
        assert_eq!(run.interpreter.as_deref(), Some("/bin/sh"));
    }
}
