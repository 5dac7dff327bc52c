//! A folder of the user's read as if it were an archive: the same names, links and limits are
//! refused, so that a folder and the archive of it are treated alike.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::destination::{Destination, Modified};
use super::name::{Name, Spelling};
use super::refusal::{hostile, within};
use super::tar_reader::{Member, MemberKind};
use super::tree::{Kind, Layout, Tree};
use super::unpack::{Entry, EntryKind};
use super::{Limits, Unpacked};
use crate::report::{Error, Result};

/// Says of a path relative to the folder, `/` between components, and whether it is a folder, if it
/// is to be read. What lies in a folder that is not, is not asked for.
pub type Keep<'k> = dyn Fn(&str, bool) -> bool + 'k;

/// Stands for the folder's own name where that does not matter: a link must not leave the folder.
const ANY_TOP: &str = "source/";

/// A sha256 over the files and links of `folder` that `keep` accepts: their paths in byte order,
/// their executable bit and their contents. Dates, owners and empty folders have no part in it.
///
/// # Errors
/// As [`super::unpack`] for the same tree in an archive.
pub fn digest_folder(folder: &Path, limits: &Limits, keep: &Keep<'_>) -> Result<[u8; 32]> {
    let mut hasher = TreeHasher::default();
    each(folder, ANY_TOP, limits, keep, &mut |member| hasher.add(member))?;
    Ok(hasher.finish())
}

/// Copies the files and links of `folder` that `keep` accepts to the new folder `top` in `into`.
/// Gives [`digest_folder`] of what was copied.
///
/// Modes are normalised as [`super::unpack`] does, and everything gets one date: a checkout has
/// whatever dates it was made at, and none of them may decide what make does.
///
/// # Errors
/// As [`super::unpack`] for the same tree in an archive.
pub fn copy_folder(
    folder: &Path,
    into: &Path,
    top: &str,
    limits: &Limits,
    keep: &Keep<'_>,
) -> Result<(Unpacked, [u8; 32])> {
    let mut hasher = TreeHasher::default();
    let mut destination = Destination::open(into)?;
    destination.folder(top, None)?;
    let prefix = format!("{top}/");
    let tree = each(folder, &prefix, limits, keep, &mut |member| {
        let Member { path, kind, modified, data } = member;
        let below = path.strip_prefix(&prefix).unwrap_or(path);
        match kind {
            MemberKind::File { size, executable } => {
                hasher.start(if executable { b'x' } else { b'f' }, below, size);
                let mut hashing = Hashing { data, hasher: &mut hasher.0 };
                destination.file(path, executable, modified, size, &mut hashing)
            }
            MemberKind::SymbolicLink { target } => {
                hasher.link(below, target);
                destination.link(path, target, modified);
                Ok(())
            }
            MemberKind::Folder | MemberKind::SameAs { .. } => Ok(()),
        }
    })?;
    destination.finish(tree.folders())?;
    Ok((Unpacked::of(&tree), hasher.finish()))
}

/// Every folder, file and link of `folder` that `keep` accepts, in byte order of their paths by
/// component; what is in the files is not read.
///
/// With `is_root` the folder is the root of a Linux system, where absolute links start; else they lead
/// out of it.
///
/// # Errors
/// [`Code::HostileArchive`](crate::report::Code::HostileArchive) for links that lead out of the folder,
/// names that no archive may have, devices, and what goes over the limits.
pub fn list_folder(folder: &Path, is_root: bool, limits: &Limits, keep: &Keep<'_>) -> Result<Vec<Entry>> {
    let layout = if is_root { Layout::Root } else { Layout::Folder };
    let mut entries = Vec::new();
    walk(folder, "", layout, limits, keep, &mut |member| {
        let kind = match member.kind {
            MemberKind::Folder => EntryKind::Folder,
            MemberKind::File { size, executable } => EntryKind::File { size, executable },
            MemberKind::SymbolicLink { target } => EntryKind::Link { target: target.to_owned() },
            MemberKind::SameAs { .. } => return Ok(()),
        };
        entries.push(Entry { path: member.path.to_owned(), kind });
        Ok(())
    })
    .map_err(within(folder))?;
    Ok(entries)
}

/// Shows every file and link of `folder` to `visit`, in byte order of their paths by component.
fn each<'l>(
    folder: &Path,
    prefix: &str,
    limits: &'l Limits,
    keep: &Keep<'_>,
    visit: &mut dyn FnMut(Member<'_>) -> Result<()>,
) -> Result<Tree<'l>> {
    walk(folder, prefix, Layout::Project, limits, keep, visit).map_err(within(folder))
}

fn walk<'l>(
    folder: &Path,
    prefix: &str,
    layout: Layout,
    limits: &'l Limits,
    keep: &Keep<'_>,
    visit: &mut dyn FnMut(Member<'_>) -> Result<()>,
) -> Result<Tree<'l>> {
    let failed = |path: &Path, error: io::Error| Error::io("read", path, &error);
    let relative = |path: &Path| -> Result<String> {
        let below = path.strip_prefix(folder).unwrap_or(path).as_os_str().as_bytes();
        let name = Name::read(below, Spelling::Exact, limits)?;
        Ok(name.map(|name| name.path).unwrap_or_default())
    };
    let mut tree = Tree::new(layout, limits);
    // The folder itself may be given by a link; nothing below is followed.
    let mut walker =
        WalkDir::new(folder).min_depth(1).follow_root_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walker.next() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            failed(&path, error.into())
        })?;
        let kind = entry.file_type();
        let below = relative(entry.path())?;
        if !keep(&below, kind.is_dir()) {
            if kind.is_dir() {
                walker.skip_current_dir();
            }
            continue;
        }
        let path = format!("{prefix}{below}");
        let modified = Modified::EARLIEST;
        if kind.is_dir() && layout != Layout::Project {
            tree.add(&path, Kind::Folder)?;
            visit(Member { path: &path, kind: MemberKind::Folder, modified, data: &mut io::empty() })?;
        } else if kind.is_dir() {
            // Only a folder that something lies in exists, as in a version control system.
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).map_err(|error| failed(entry.path(), error))?;
            let Some(target) = target.to_str() else {
                return Err(hostile(&path, "is a link to a name that is not UTF-8"));
            };
            tree.add(&path, Kind::Link { target: target.to_owned() })?;
            let kind = MemberKind::SymbolicLink { target };
            visit(Member { path: &path, kind, modified, data: &mut io::empty() })?;
        } else if kind.is_file() && layout != Layout::Project {
            // It is only listed.
            let facts = entry.metadata().map_err(|error| failed(entry.path(), error.into()))?;
            let (size, executable) = (facts.len(), facts.permissions().mode() & 0o100 != 0);
            tree.add(&path, Kind::File { size })?;
            let kind = MemberKind::File { size, executable };
            visit(Member { path: &path, kind, modified, data: &mut io::empty() })?;
        } else if kind.is_file() {
            let mut file = File::open(entry.path()).map_err(|error| failed(entry.path(), error))?;
            let facts = file.metadata().map_err(|error| failed(entry.path(), error))?;
            let (size, executable) = (facts.len(), facts.permissions().mode() & 0o100 != 0);
            tree.add(&path, Kind::File { size })?;
            visit(Member {
                path: &path,
                kind: MemberKind::File { size, executable },
                modified,
                data: &mut file,
            })?;
        } else {
            return Err(hostile(&path, "is neither file, folder nor link"));
        }
    }
    tree.check_links()?;
    Ok(tree)
}

/// The sha256 of a tree. Each entry is one byte of kind, then path and contents with their lengths
/// before them, so that no two trees are the same bytes.
#[derive(Default)]
struct TreeHasher(Sha256);

impl TreeHasher {
    fn start(&mut self, kind: u8, path: &str, size: u64) {
        self.0.update([kind]);
        self.0.update((path.len() as u64).to_le_bytes());
        self.0.update(path);
        self.0.update(size.to_le_bytes());
    }

    fn link(&mut self, path: &str, target: &str) {
        self.start(b'l', path, target.len() as u64);
        self.0.update(target);
    }

    fn add(&mut self, member: Member<'_>) -> Result<()> {
        let path = member.path.strip_prefix(ANY_TOP).unwrap_or(member.path);
        match member.kind {
            MemberKind::File { size, executable } => {
                self.start(if executable { b'x' } else { b'f' }, path, size);
                let mut hashing = Hashing { data: &mut member.data.take(size), hasher: &mut self.0 };
                io::copy(&mut hashing, &mut io::sink()).map_err(super::read_error)?;
            }
            MemberKind::SymbolicLink { target } => self.link(path, target),
            MemberKind::Folder | MemberKind::SameAs { .. } => {}
        }
        Ok(())
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

struct Hashing<'a> {
    data: &'a mut dyn Read,
    hasher: &'a mut Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
