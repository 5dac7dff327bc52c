//! Folders and archives of the user's that become layers: the interpreter, the application.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::digests;
use super::member::changed;
use super::pattern;
use super::tree::{Content, LayerTree, Node};
use crate::archive::{self, EntryKind, Limits};
use crate::cache::{Cache, Digest};
use crate::report::{Code, Error, Report, Result};

/// `SRC[:DEST]`: something of this machine and where it goes in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub source: PathBuf,
    /// Absolute, as typed; none for the default.
    pub destination: Option<String>,
}

impl Placed {
    /// Reads `SRC[:DEST]`; DEST is absolute.
    ///
    /// # Errors
    /// [`Code::Usage`] when DEST leads out of the image.
    pub fn parse(text: &str) -> Result<Self> {
        let (source, destination) = match text.rsplit_once(':') {
            Some((source, destination)) if destination.starts_with('/') && !source.is_empty() => {
                (source, Some(destination.to_owned()))
            }
            _ => (text, None),
        };
        if destination.as_deref().is_some_and(|path| path.split('/').any(|part| part == "..")) {
            return Err(Error::new(Code::Usage, format!("`{text}` has `..` in its destination")));
        }
        Ok(Self { source: PathBuf::from(source), destination })
    }

    /// The destination without slashes at its ends.
    pub fn folder(&self, default: &str) -> String {
        let path = self.destination.as_deref().unwrap_or(default);
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        parts.join("/")
    }
}

/// What is never put into an image: version control, and bytecode that Python would not believe once
/// its source has another date.
const LEFT_OUT: [&str; 6] = [".git", ".hg", ".svn", ".bzr", "__pycache__", ".DS_Store"];

/// A folder whose entries are known and whose content has a digest.
pub struct SourceTree {
    root: PathBuf,
    entries: Vec<archive::Entry>,
    digest: Digest,
    /// How errors call it.
    name: String,
}

/// How a folder is read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// It becomes the root of the image, so that absolute links stay in it.
    pub is_root: bool,
    /// Patterns of paths that are left out, besides what always is.
    pub exclude: &'a [String],
}

impl SourceTree {
    /// Lists the folder or file at `path`; files are read only if they changed since they were last.
    ///
    /// # Errors
    /// [`Code::InputNotFound`]; [`Code::HostileArchive`] for links that lead out of the folder, devices
    /// and the like.
    pub fn open(path: &Path, reading: Reading<'_>, cache: &Cache) -> Result<Self> {
        if !path.exists() {
            return Err(Error::new(
                Code::InputNotFound,
                format!("there is no file or folder `{}`", path.display()),
            ));
        }
        let name = path.display().to_string();
        if path.is_file() {
            let facts = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
            let executable = std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o100 != 0;
            let file = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
                Error::new(Code::InputNotFound, format!("`{name}` has a name that is not UTF-8"))
            })?;
            let entries = vec![archive::Entry {
                path: file.to_owned(),
                kind: EntryKind::File { size: facts.len(), executable },
            }];
            let digest = Digest::of(format!("{file} {executable} {}", digests::of_file(path, cache)?));
            // The name that was typed may be a link's.
            let root = path.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self { root, entries, digest, name });
        }
        if !path.is_dir() {
            return Err(Error::new(Code::HostileArchive, format!("`{name}` is neither file nor folder")));
        }
        let keep = |path: &str, _is_folder: bool| {
            let last = path.rsplit('/').next().unwrap_or(path);
            !LEFT_OUT.contains(&last)
                && !last.ends_with(".pyc")
                && !reading.exclude.iter().any(|wanted| {
                    pattern::matches(wanted, path)
                        || (!wanted.contains('/') && pattern::matches(wanted, last))
                })
        };
        let entries = archive::list_folder(path, reading.is_root, &limits(), &keep)?;
        let digest = digest_of(path, &entries, cache)?;
        Ok(Self { root: path.to_owned(), entries, digest, name })
    }

    /// A digest of everything in it that becomes part of a layer.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Says that `again`, the same place read anew, holds the same.
    ///
    /// # Errors
    /// [`Code::Io`] when it changed.
    pub fn confirm(&self, again: &Self) -> Result<()> {
        if again.digest == self.digest { Ok(()) } else { Err(changed(Path::new(&self.name))) }
    }

    /// The names at the top.
    pub fn top_level(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.path.as_str()).filter(|path| !path.contains('/')).collect()
    }

    /// The folder `below` alone, as if it were the whole.
    #[must_use]
    pub fn only(mut self, below: &str) -> Self {
        let prefix = format!("{below}/");
        self.entries.retain_mut(|entry| match entry.path.strip_prefix(&prefix) {
            Some(rest) => {
                entry.path = rest.to_owned();
                true
            }
            None => false,
        });
        self.digest = Digest::of(format!("{} {below}", self.digest));
        self.root = self.root.join(below);
        self
    }

    /// Puts every entry below the folder `destination`.
    ///
    /// # Errors
    /// [`Code::PathConflict`].
    pub fn place(&self, destination: &str, tree: &mut LayerTree) -> Result<()> {
        let owner: Arc<str> = self.name.as_str().into();
        if !destination.is_empty() {
            tree.insert(destination, Node::Folder, &owner)?;
        }
        for entry in &self.entries {
            let path = match destination {
                "" => entry.path.clone(),
                _ => format!("{destination}/{}", entry.path),
            };
            let node = match &entry.kind {
                EntryKind::Folder => Node::Folder,
                EntryKind::Link { target } => Node::Link { target: target.clone() },
                EntryKind::File { size, executable } => Node::File {
                    content: Content::File { path: self.root.join(&entry.path), size: *size },
                    executable: *executable,
                },
            };
            tree.insert(&path, node, &owner)?;
        }
        Ok(())
    }
}

/// Systems are larger than sdists.
fn limits() -> Limits {
    Limits {
        bytes: 1 << 40,
        entry_bytes: 1 << 38,
        entries: 2_000_000,
        path_bytes: 4000,
        depth: 128,
        ratio: 250,
    }
}

/// The digest of a listed folder. Files are read only if they changed since they were last.
fn digest_of(folder: &Path, entries: &[archive::Entry], cache: &Cache) -> Result<Digest> {
    let mut known = digests::KnownFiles::of(folder, cache)?;
    let mut text = String::new();
    for entry in entries {
        let what = match &entry.kind {
            EntryKind::Folder => "folder".to_owned(),
            EntryKind::Link { target } => format!("link {target}"),
            EntryKind::File { size, executable } => {
                format!("file {size} {executable} {}", known.digest(&folder.join(&entry.path))?)
            }
        };
        text.push_str(&format!("{} {} {what}\n", entry.path.len(), entry.path));
    }
    known.keep(cache)?;
    Ok(Digest::of(text))
}

/// The interpreter's tree at `placed`, a folder or an archive, which is unpacked once.
///
/// # Errors
/// As [`SourceTree::open`] and the hardened reader of archives.
pub fn interpreter(
    placed: &Placed,
    exclude: &[String],
    cache: &Cache,
    report: &Report,
) -> Result<SourceTree> {
    let is_root = placed.folder("/").is_empty();
    let reading = Reading { is_root, exclude };
    if !placed.source.is_file() {
        return SourceTree::open(&placed.source, reading, cache);
    }
    let digest = digests::of_file(&placed.source, cache)?;
    let folder = cache.made_once("trees", &digest.to_string(), report, |folder| {
        archive::unpack_root(&placed.source, folder, &limits()).map(drop)
    })?;
    let mut tree = SourceTree::open(&folder, reading, cache)?;
    tree.name = placed.source.display().to_string();
    // The archives of python-build-standalone have one folder at the top, which a place in the image
    // replaces.
    let top: Vec<String> = tree.top_level().iter().map(|name| (*name).to_owned()).collect();
    match &top[..] {
        [only] if placed.destination.is_some() && !matches!(only.as_str(), "usr" | "opt" | "bin" | "lib") => {
            Ok(tree.only(only))
        }
        _ => Ok(tree),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_destinations() {
        let parse = |text: &str| Placed::parse(text).unwrap();
        assert_eq!(parse("src:/app/").folder("/app"), "app");
        assert_eq!(parse("src").folder("/app"), "app");
        assert_eq!(parse("tree:/").folder("/app"), "");
        assert_eq!(parse("a:b").source, Path::new("a:b"));
        assert_eq!(Placed::parse("a:/b/../c").unwrap_err().code(), Code::Usage);
    }

    #[test]
    fn a_folder_is_known_by_its_content_and_links_stay_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let app = folder.path().join("app");
        for path in ["a/__pycache__/x.pyc", "a/m.py", ".git/config", "b.log"] {
            std::fs::create_dir_all(app.join(path).parent().unwrap()).unwrap();
            std::fs::write(app.join(path), path).unwrap();
        }
        let exclude = ["*.log".to_owned()];
        let reading = Reading { is_root: false, exclude: &exclude };
        let open = || SourceTree::open(&app, reading, &cache);
        let first = open().unwrap();
        let paths: Vec<&str> = first.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a", "a/m.py"]);
        std::fs::write(app.join("b.log"), "other").unwrap();
        assert_eq!(open().unwrap().digest(), first.digest());
        std::fs::write(app.join("a/m.py"), "other!!").unwrap();
        assert_ne!(open().unwrap().digest(), first.digest());
        assert_eq!(first.confirm(&open().unwrap()).unwrap_err().code(), Code::Io);
        open().unwrap().confirm(&open().unwrap()).unwrap();
        for target in ["/etc/passwd", "../../x"] {
            std::os::unix::fs::symlink(target, app.join("link")).unwrap();
            assert_eq!(open().err().unwrap().code(), Code::HostileArchive, "{target}");
            std::fs::remove_file(app.join("link")).unwrap();
        }
        let root = Reading { is_root: true, exclude: &[] };
        std::os::unix::fs::symlink("/a/m.py", app.join("link")).unwrap();
        assert!(SourceTree::open(&app, root, &cache).is_ok());
    }
}
