//! Walks a tar stream entry by entry and refuses what would do harm.
//!
//! The tar crate parses the blocks; what a block *means* (long names, extended headers, links,
//! sizes) is decided here, since two readers that disagree about it see two different archives.

use std::io::{self, Read};
use std::ops::ControlFlow;

use super::compression::{Bounded, only_zeros};
use super::destination::Modified;
use super::name::{Name, Spelling};
use super::pax::Pax;
use super::refusal::{broken, hostile, hostile_archive};
use super::tree::{Kind, Layout, Tree};
use super::{Limits, read_error};
use crate::report::Result;

/// Long names and extended headers hold a name or two, never more than this many bytes.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// One entry as it passes by.
pub(super) struct Member<'a> {
    pub path: &'a str,
    pub kind: MemberKind<'a>,
    pub modified: Modified,
    /// The contents of a file; to be read before the next entry, or not at all.
    pub data: &'a mut dyn Read,
}

pub(super) enum MemberKind<'a> {
    Folder,
    File {
        size: u64,
        executable: bool,
    },
    SymbolicLink {
        target: &'a str,
    },
    /// The same contents as a file that came before.
    SameAs {
        file: &'a str,
    },
}

/// Shows every entry to `visit` until it breaks off, and gives the tree of what was seen.
///
/// Links are followed only after the last entry, in the tree, so `visit` must create none before
/// this returns.
///
/// # Errors
/// Hostile or broken as the code says; what `visit` returns.
pub(super) fn walk<'l>(
    reader: impl Read,
    compressed: u64,
    layout: Layout,
    limits: &'l Limits,
    visit: &mut dyn FnMut(Member<'_>) -> Result<ControlFlow<()>>,
) -> Result<Tree<'l>> {
    let mut archive = tar::Archive::new(Bounded::new(reader, compressed, limits));
    let mut tree = Tree::new(layout, limits);
    let mut pending = Pending::default();
    for entry in archive.entries().map_err(read_error)?.raw(true) {
        let mut entry = entry.map_err(read_error)?;
        if pending.take(&mut entry)? {
            continue;
        }
        let about = std::mem::take(&mut pending);
        if visit_one(&mut entry, about, &mut tree, visit)?.is_break() {
            return Ok(tree);
        }
    }
    if pending.is_some() {
        return Err(broken("the archive ends after a header that describes a further entry"));
    }
    let mut rest = archive.into_inner();
    if rest.ended() {
        return Err(broken("the archive is cut short: its end mark is missing"));
    }
    only_zeros(&mut rest).map_err(read_error)?;
    tree.check_links()?;
    Ok(tree)
}

/// What headers before an entry say about it.
#[derive(Default)]
struct Pending {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

impl Pending {
    fn is_some(&self) -> bool {
        self.path.is_some() || self.link.is_some() || self.pax.is_some()
    }

    /// Whether `entry` was such a header.
    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool> {
        let kind = entry.header().entry_type();
        let fresh = if kind.is_gnu_longname() {
            self.path.replace(long_name(entry)?).is_none()
        } else if kind.is_gnu_longlink() {
            self.link.replace(long_name(entry)?).is_none()
        } else if kind.is_pax_local_extensions() {
            self.pax.replace(Pax::read(&extension(entry)?)?).is_none()
        } else if kind.is_pax_global_extensions() {
            Pax::read_global(&extension(entry)?)?;
            true
        } else {
            return Ok(false);
        };
        if !fresh {
            return Err(hostile_archive("two headers of the archive describe one entry"));
        }
        Ok(true)
    }
}

/// The data of a header that describes the next entry.
fn extension(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>> {
    let size = entry.size();
    if size > LONGEST_EXTENSION {
        return Err(hostile_archive(format!("a header of the archive is {size} bytes long")));
    }
    let mut data = Vec::new();
    entry.read_to_end(&mut data).map_err(read_error)?;
    if data.len() as u64 != size {
        return Err(broken("the archive is cut short"));
    }
    Ok(data)
}

/// GNU's long names end with one NUL.
fn long_name(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>> {
    let mut data = extension(entry)?;
    if data.last() == Some(&0) {
        data.pop();
    }
    Ok(data)
}

fn visit_one(
    entry: &mut tar::Entry<'_, impl Read>,
    about: Pending,
    tree: &mut Tree<'_>,
    visit: &mut dyn FnMut(Member<'_>) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    let pax = about.pax.unwrap_or_default();
    let header = entry.header();
    let raw = one_of(about.path, pax.path)?.unwrap_or_else(|| header.path_bytes().into_owned());
    let name = Name::read(&raw, Spelling::Lenient, tree.limits())?;
    let shown = String::from_utf8_lossy(&raw);
    let size = entry.size();
    if pax.size.is_some_and(|told| told != size) {
        // Allowed for files over 8 GiB only; else a second opinion on where the next entry starts.
        return Err(hostile(&shown, "has two sizes"));
    }
    let header_time = i64::try_from(header.mtime().map_err(read_error)?).unwrap_or(i64::MAX);
    let (seconds, nanoseconds) = pax.modified.unwrap_or((header_time, 0));
    let modified = Modified::new(seconds, nanoseconds);
    let executable = header.mode().map_err(read_error)? & 0o111 != 0;
    let link = one_of(about.link, pax.link)?
        .unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());

    let kind = header.entry_type();
    // Before POSIX a folder was a file whose name ends in a slash.
    let old_folder = kind.as_byte() == 0 && size == 0 && name.as_ref().is_none_or(|name| name.folder);
    if kind.is_dir() || old_folder {
        if size != 0 {
            return Err(hostile(&shown, "is a folder with contents"));
        }
        let Some(name) = name else { return Ok(ControlFlow::Continue(())) };
        tree.add(&name.path, Kind::Folder)?;
        return visit(Member {
            path: &name.path,
            kind: MemberKind::Folder,
            modified,
            data: &mut io::empty(),
        });
    }
    let Some(name) = name else {
        return Err(hostile(&shown, "has the name of the archive's own folder"));
    };
    let path = name.path.as_str();
    if name.folder {
        return Err(hostile(&shown, "is called a folder and is none"));
    }
    if (kind.is_symlink() || kind.is_hard_link()) && size != 0 {
        return Err(hostile(&shown, "is a link with contents"));
    }
    if kind.is_symlink() {
        let Ok(target) = String::from_utf8(link) else {
            return Err(hostile(&shown, "is a link to a name that is not UTF-8"));
        };
        tree.add(path, Kind::Link { target: target.clone() })?;
        let kind = MemberKind::SymbolicLink { target: &target };
        return visit(Member { path, kind, modified, data: &mut io::empty() });
    }
    if kind.is_hard_link() {
        let file =
            Name::read(&link, Spelling::Lenient, tree.limits())?.map(|name| name.path).unwrap_or_default();
        let Some(Kind::File { size }) = tree.get(&file) else {
            return Err(hostile(path, "is a hard link to what is no file before it in the archive"));
        };
        let size = *size;
        tree.add(path, Kind::File { size })?;
        let kind = MemberKind::SameAs { file: &file };
        return visit(Member { path, kind, modified, data: &mut io::empty() });
    }
    if kind.is_file() {
        tree.add(path, Kind::File { size })?;
        return visit(Member { path, kind: MemberKind::File { size, executable }, modified, data: entry });
    }
    Err(hostile(path, format_args!("is {}", unwanted(kind))))
}

/// The one value that GNU's or POSIX's header gives.
fn one_of(gnu: Option<Vec<u8>>, pax: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    match (gnu, pax) {
        (Some(gnu), Some(pax)) if gnu != pax => {
            Err(hostile(&String::from_utf8_lossy(&pax), "has two names in two kinds of header"))
        }
        (gnu, pax) => Ok(pax.or(gnu)),
    }
}

fn unwanted(kind: tar::EntryType) -> &'static str {
    if kind.is_character_special() || kind.is_block_special() {
        "a device"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_gnu_sparse() {
        "a sparse file"
    } else {
        "of a kind that is neither file, folder nor link"
    }
}
