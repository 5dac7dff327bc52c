//! Trees of the target in which shared libraries lie.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::super::judge::mismatch;
use super::owned;
use crate::elf::{self, ElfFile, Kind};
use crate::report::{Error, Result};
use crate::target::Target;

/// Links that one path may lead over.
const MOST_LINKS: usize = 40;

/// Folders that look like `/` of the target. Links are followed as they lead there, never out.
#[derive(Clone, Debug, Default)]
pub struct Libraries {
    roots: Vec<PathBuf>,
    multiarch: String,
}

/// A library that was found.
pub(super) struct Found {
    pub root: PathBuf,
    /// The file itself, below the root.
    pub path: PathBuf,
    pub data: Vec<u8>,
    pub needed: Vec<String>,
    /// Where it searches itself, as paths below the root.
    pub searches: Vec<String>,
}

impl Libraries {
    /// The libraries of `roots`, in this order; `multiarch` is Debian's name of the target.
    pub fn new(roots: Vec<PathBuf>, multiarch: String) -> Self {
        Self { roots, multiarch }
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The library called `name` for `target`, in `first` or where its system keeps libraries.
    /// Files for other machines are passed over, as the loader does.
    ///
    /// # Errors
    /// `Io`; `BrokenElf` when the file is damaged.
    pub(super) fn find(&self, name: &str, first: &[String], target: &Target) -> Result<Option<Found>> {
        if name.contains('/') {
            return Ok(None);
        }
        for root in &self.roots {
            for folder in first.iter().cloned().chain(self.folders()) {
                let Some(path) = resolve(root, &Path::new(&folder).join(name)) else { continue };
                let full = root.join(&path);
                if !full.is_file() {
                    continue;
                }
                let data = fs::read(&full).map_err(|error| Error::io("read", &full, &error))?;
                // A linker script, which is for links only.
                if !elf::is_elf(&data) {
                    continue;
                }
                let broken = |error: Error| error.wrap(format!("`{}` cannot be read", full.display()));
                let file = ElfFile::parse(&data).map_err(broken)?;
                if file.kind != Kind::Shared || !file.dynamic || mismatch(&file, target).is_some() {
                    continue;
                }
                let origin = path.parent().unwrap_or(Path::new("")).display().to_string();
                let searches = file.search_path().iter();
                let searches = searches
                    .map(|entry| {
                        entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", &format!("/{origin}"))
                    })
                    .filter_map(|entry| entry.strip_prefix('/').map(str::to_owned))
                    .collect();
                let needed = owned(&file.needed);
                return Ok(Some(Found { root: root.clone(), path, needed, searches, data }));
            }
        }
        Ok(None)
    }

    fn folders(&self) -> impl Iterator<Item = String> + '_ {
        let multiarch = ["usr/local/lib", "usr/lib", "lib"].map(|top| format!("{top}/{}", self.multiarch));
        let plain = ["usr/local/lib64", "usr/local/lib", "usr/lib64", "usr/lib", "lib64", "lib"];
        multiarch.into_iter().chain(plain.map(str::to_owned))
    }
}

/// The place below `root` that `path` leads to when `root` is `/`, links followed; `None` for links in
/// a circle. What is not there is no error: the last part need not exist.
fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut left: Vec<String> = parts(path)?;
    left.reverse();
    let mut place = PathBuf::new();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            // Above the root is the root.
            place.pop();
            continue;
        }
        let next = place.join(&part);
        let Ok(link) = fs::read_link(root.join(&next)) else {
            place = next;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return None;
        }
        if link.is_absolute() {
            place = PathBuf::new();
        }
        left.extend(parts(&link)?.into_iter().rev());
    }
    Some(place)
}

fn parts(path: &Path) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?.to_owned()),
            Component::ParentDir => parts.push("..".to_owned()),
            _ => {}
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_below_the_root() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        fs::create_dir_all(root.join("usr/lib/x")).unwrap();
        fs::write(root.join("usr/lib/x/liba.so.1.2"), "").unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        symlink("liba.so.1.2", root.join("usr/lib/x/liba.so.1")).unwrap();
        symlink("/usr/lib/x/liba.so.1", root.join("usr/lib/libb.so")).unwrap();
        symlink("../../../../../usr/lib/libb.so", root.join("usr/lib/libc.so")).unwrap();
        symlink("circle", root.join("usr/lib/circle")).unwrap();
        for path in ["lib/x/liba.so.1", "usr/lib/libb.so", "lib/libc.so"] {
            assert_eq!(resolve(&root, Path::new(path)), Some("usr/lib/x/liba.so.1.2".into()), "{path}");
        }
        assert_eq!(resolve(&root, Path::new("lib/circle")), None);
    }
}
