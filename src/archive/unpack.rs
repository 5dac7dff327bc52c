//! Whole archives of either kind: unpack, list, or read one file of.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::ControlFlow;
use std::path::Path;

use super::compression::{Format, HEAD, decode};
use super::destination::Destination;
use super::refusal::{broken, within};
use super::tar_reader::{Member, MemberKind, walk};
use super::tree::{Layout, Tree};
use super::{Limits, ZipReader, read_error};
use crate::report::{Error, Result};

/// What an archive left in the folder it was unpacked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Files, folders and links.
    pub entries: u64,
    /// Size of all files, in bytes.
    pub bytes: u64,
    /// Names at the top, sorted.
    pub top_level: Vec<String>,
}

impl Unpacked {
    pub(super) fn of(tree: &Tree<'_>) -> Self {
        Self { entries: tree.entries(), bytes: tree.bytes(), top_level: tree.top_level() }
    }
}

/// One entry of an archive, as [`list`] tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the archive's root, `/` between components, no slash at the end.
    pub path: String,
    pub kind: EntryKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Folder,
    /// `size` in bytes.
    File {
        size: u64,
        executable: bool,
    },
    /// A symbolic link.
    Link {
        target: String,
    },
}

/// Unpacks the tar or zip file `archive` into the folder `into`, which is made if missing and should
/// be empty: nothing that exists is overwritten.
///
/// Files get mode 0644, or 0755 if the archive has an executable bit, folders 0755, and all of them
/// the archive's dates (moved into 1980 to 2099). Symbolic links of a tar archive are kept if they
/// stay within their top-level folder; hard links become copies.
///
/// # Errors
/// [`Code::HostileArchive`](crate::report::Code::HostileArchive) or
/// [`Code::BrokenArchive`](crate::report::Code::BrokenArchive) with the entry named; what was
/// written until then stays in `into`. Storage codes when writing fails.
pub fn unpack(archive: &Path, into: &Path, limits: &Limits) -> Result<Unpacked> {
    let opened = open(archive)?;
    match opened.format {
        Format::Zip => ZipReader::open(archive, limits)?.unpack(into),
        Format::Ar => Err(broken("the file is an ar archive, neither tar nor zip")),
        Format::Tar(_) => unpack_tar(opened, Layout::Project, limits, into),
    }
    .map_err(within(archive))
}

/// The same for an archive of a root of a Linux system, or of a part of one: absolute links start at
/// `into`, names may differ by case, and anything may lie at the top.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_root(archive: &Path, into: &Path, limits: &Limits) -> Result<Unpacked> {
    let opened = open(archive)?;
    match opened.format {
        Format::Zip => ZipReader::open(archive, limits)?.unpack(into),
        Format::Ar => Err(broken("the file is an ar archive, neither tar nor zip")),
        Format::Tar(_) => unpack_tar(opened, Layout::Root, limits, into),
    }
    .map_err(within(archive))
}

/// Every entry of the tar or zip file `archive`, in its order, checked like [`unpack`] does.
///
/// # Errors
/// As [`unpack`].
pub fn list(archive: &Path, limits: &Limits) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut files = HashMap::new();
    each(archive, limits, &mut |member| {
        let kind = match member.kind {
            MemberKind::Folder => EntryKind::Folder,
            MemberKind::File { size, executable } => {
                files.insert(member.path.to_owned(), (size, executable));
                EntryKind::File { size, executable }
            }
            MemberKind::SymbolicLink { target } => EntryKind::Link { target: target.to_owned() },
            MemberKind::SameAs { file } => {
                let &(size, executable) =
                    files.get(file).ok_or_else(|| Error::bug("a hard link to a file that was not listed"))?;
                files.insert(member.path.to_owned(), (size, executable));
                EntryKind::File { size, executable }
            }
        };
        entries.push(Entry { path: member.path.to_owned(), kind });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(entries)
}

/// The first file of `archive` whose path `wanted` accepts, with its contents, of at most `most`
/// bytes.
///
/// Reading stops there: what comes later in the archive was not looked at, and a second file of
/// that name is found only by [`unpack`].
///
/// # Errors
/// As [`unpack`], for the entries up to that one.
pub fn read_first(
    archive: &Path,
    limits: &Limits,
    most: u64,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<(String, Vec<u8>)>> {
    let mut found = None;
    each(archive, limits, &mut |member| {
        let MemberKind::File { size, .. } = member.kind else { return Ok(ControlFlow::Continue(())) };
        if !wanted(member.path) {
            return Ok(ControlFlow::Continue(()));
        }
        if size > most {
            return Err(super::refusal::hostile(member.path, format_args!("is larger than {most} bytes")));
        }
        let mut contents = Vec::new();
        member.data.read_to_end(&mut contents).map_err(read_error)?;
        if contents.len() as u64 != size {
            return Err(broken(format!("entry `{}` is cut short", member.path)));
        }
        found = Some((member.path.to_owned(), contents));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

type Visit<'v> = dyn FnMut(Member<'_>) -> Result<ControlFlow<()>> + 'v;

fn each(archive: &Path, limits: &Limits, visit: &mut Visit<'_>) -> Result<()> {
    let opened = open(archive)?;
    match opened.format {
        Format::Zip => ZipReader::open(archive, limits)?.each(visit),
        Format::Ar => Err(broken("the file is an ar archive, neither tar nor zip")),
        Format::Tar(compression) => {
            let reader = decode(opened.file, compression).map_err(read_error)?;
            walk(reader, opened.size, Layout::Project, limits, visit).map(drop)
        }
    }
    .map_err(within(archive))
}

/// A tar file, or the tar file within a Debian package, at its first byte.
pub(super) struct Opened<R> {
    pub file: R,
    /// In bytes, packed.
    pub size: u64,
    pub format: Format,
}

fn open(archive: &Path) -> Result<Opened<BufReader<File>>> {
    let failed = |error: std::io::Error| Error::io("read", archive, &error);
    let mut file = File::open(archive).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(broken(format!("`{}` is no file", archive.display())));
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let format = Format::recognise(&head).ok_or_else(|| {
        broken(format!("`{}` is neither a tar nor a zip archive", archive.display()))
            .cause("tar may be plain or packed by gzip, bzip2, xz or zstd; the content decides, not the name")
    })?;
    Ok(Opened { file: BufReader::with_capacity(64 * 1024, file), size: facts.len(), format })
}

pub(super) fn unpack_tar(
    opened: Opened<impl std::io::BufRead>,
    layout: Layout,
    limits: &Limits,
    into: &Path,
) -> Result<Unpacked> {
    let Format::Tar(compression) = opened.format else {
        return Err(broken("the data is no tar archive"));
    };
    let reader = decode(opened.file, compression).map_err(read_error)?;
    let mut destination = Destination::open(into)?;
    let tree = walk(reader, opened.size, layout, limits, &mut |member| {
        write(&mut destination, member, layout)?;
        Ok(ControlFlow::Continue(()))
    })?;
    destination.finish(tree.folders())?;
    Ok(Unpacked::of(&tree))
}

fn write(destination: &mut Destination, member: Member<'_>, layout: Layout) -> Result<()> {
    let Member { path, kind, modified, data } = member;
    match kind {
        MemberKind::Folder => destination.folder(path, Some(modified)),
        MemberKind::File { size, executable } => destination.file(path, executable, modified, size, data),
        MemberKind::SameAs { file } => destination.copy(path, file, modified),
        MemberKind::SymbolicLink { target } => {
            let target = match target.strip_prefix('/') {
                // The package's root is the folder it is unpacked into.
                Some(below) if layout == Layout::Root => {
                    "../".repeat(path.matches('/').count()) + below.trim_start_matches('/')
                }
                _ => target.to_owned(),
            };
            destination.link(path, if target.is_empty() { "." } else { &target }, modified);
            Ok(())
        }
    }
}
