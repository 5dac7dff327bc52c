//! The layers of an image laid over each other, as one tar stream: what an engine would show of them.
//!
//! Which layer a path is of, and where it lies once links are followed, says [`Root`]; the bytes come from
//! the layers, each of which is compared with its digest on the way.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use sha2::{Digest as _, Sha256};

use super::facts::PathFacts;
use super::layer_reader::{decoded, normal};
use super::oci::broken;
use super::root::Root;
use super::store::Layer;
use super::tar::{END, Kind, header, padding};
use super::tree::WHITEOUT;
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// Writes what `layers`, lowest first, show together to `out`: folders first, then everything else.
///
/// # Errors
/// [`Code::BrokenImage`] when a layer is not what its digest says; [`Code::HostileArchive`] for what no folder
/// can hold: devices, names that are not UTF-8, links to files that are not there any more; [`Code::Io`].
pub(super) fn merge(layers: &[Layer], out: &mut dyn Write) -> Result<()> {
    let facts: Vec<_> = layers.iter().map(|layer| &*layer.facts).collect();
    let all = Root::of(facts.iter().copied());
    let failed = |error: io::Error| Error::io("write", std::path::Path::new("image"), &error);
    let mut missing: HashSet<&str> = HashSet::new();
    for (path, stands) in all.iter() {
        if *stands == PathFacts::Folder {
            out.write_all(&header(path, Kind::Folder, 0)).map_err(failed)?;
        } else {
            missing.insert(path);
        }
    }
    for (number, layer) in layers.iter().enumerate() {
        let mut merging = Merging {
            all: &all,
            here: Root::of(facts[..=number].iter().copied()),
            number,
            missing: &mut missing,
            out: &mut *out,
        };
        merging.layer(layer).map_err(|error| {
            error.wrap(format!("the layer `{}` cannot be unpacked", layer.title.escape_default()))
        })?;
    }
    if let Some(path) = missing.iter().min() {
        return Err(broken(format!("`/{path}` of the image is in none of its layers")));
    }
    out.write_all(&END).map_err(failed)
}

struct Merging<'m, 'p> {
    all: &'m Root,
    /// Up to this layer.
    here: Root,
    number: usize,
    /// Paths that are not written yet.
    missing: &'m mut HashSet<&'p str>,
    out: &'m mut dyn Write,
}

impl Merging<'_, '_> {
    fn layer(&mut self, layer: &Layer) -> Result<()> {
        let failed = |error: io::Error| Error::io("read", &layer.blob, &error);
        let file = File::open(&layer.blob).map_err(failed)?;
        let mut packed = Hashing { inner: file, hash: Sha256::new(), size: 0 };
        {
            let stream = decoded(BufReader::with_capacity(256 << 10, &mut packed)).map_err(failed)?;
            let mut archive = tar::Archive::new(stream);
            for entry in archive.entries().map_err(failed)? {
                self.entry(&mut entry.map_err(failed)?)?;
            }
            io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
        }
        io::copy(&mut packed, &mut io::sink()).map_err(failed)?;
        let sha256 = Digest::from(<[u8; 32]>::from(packed.hash.finalize()));
        if packed.size != layer.descriptor.size || sha256 != layer.descriptor.sha256()? {
            let what = format!("`{}` is not `{}`", layer.blob.display(), layer.descriptor.digest);
            return Err(broken(what));
        }
        Ok(())
    }

    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<()> {
        crate::process::check_halted()?;
        let raw = entry.path_bytes().into_owned();
        let Some(path) = normal(&raw) else { return Ok(()) };
        if path.rsplit('/').next().is_some_and(|name| name.starts_with(WHITEOUT)) {
            return Ok(());
        }
        let place = self.here.place(&path);
        if self.all.layer_of(&place) != Some(self.number) {
            return Ok(());
        }
        let hostile = |why: &str| {
            Error::new(Code::HostileArchive, format!("`/{}` cannot be in a folder", path.escape_default()))
                .cause(why.to_owned())
        };
        if std::str::from_utf8(&raw).is_err() {
            return Err(hostile("its name is not UTF-8"));
        }
        let kind = entry.header().entry_type();
        let mtime = entry.header().mtime().unwrap_or(0);
        let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        let is_first = self.missing.contains(place.as_str());
        let written = match self.all.get(&place) {
            Some(PathFacts::Special) => return Err(hostile("it is a device, a socket or a pipe")),
            Some(PathFacts::File(_)) if kind.is_hard_link() => {
                let target = normal(&link).map(|target| self.here.place(&target));
                let Some(target) = target.filter(|target| self.is_written(target)) else {
                    return Err(hostile("it is the same file as one that another layer replaces"));
                };
                self.write(&header(&place, Kind::HardLink { target: &target }, mtime))?;
                true
            }
            Some(PathFacts::File(facts)) if !kind.is_symlink() && !kind.is_dir() => {
                let (size, executable) = (facts.size, facts.executable);
                self.write(&header(&place, Kind::File { size, executable }, mtime))?;
                let count = io::copy(entry, &mut self.out)
                    .map_err(|error| broken(format!("`/{path}` cannot be read")).cause(error.to_string()))?;
                if count != size {
                    return Err(broken(format!("`/{path}` has {count} bytes, not {size}")));
                }
                self.write(&vec![0; padding(size)])?;
                true
            }
            Some(PathFacts::Link(target)) if kind.is_symlink() => {
                if std::str::from_utf8(&link).is_err() {
                    return Err(hostile("it leads to a name that is not UTF-8"));
                }
                self.write(&header(&place, Kind::Link { target }, mtime))?;
                true
            }
            // A folder, or what this layer has twice: the later entry is what stands there.
            _ => false,
        };
        if written && !is_first {
            return Err(hostile("the layer has it twice"));
        }
        self.missing.remove(place.as_str());
        Ok(())
    }

    fn is_written(&self, place: &str) -> bool {
        matches!(self.all.get(place), Some(PathFacts::File(_))) && !self.missing.contains(place)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Error::io("write", std::path::Path::new("image"), &error))
    }
}

/// What is read of it is hashed and counted.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
    size: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.size += count as u64;
        Ok(count)
    }
}
