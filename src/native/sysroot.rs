//! One folder with headers, static archives and `.pc` files of several libraries.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::cache::{Cache, Digest};
use crate::report::{Error, Report, Result};

/// The folder of the cache.
const FOLDER: &str = "sysroots";
/// Part of every name; to be raised when a folder is laid out differently.
const LAYOUT: &str = "1";

/// A tree of one library: an unpacked package, or what a build from source installed.
#[derive(Clone, Debug)]
pub struct Piece {
    pub tree: PathBuf,
    /// What it was made from.
    pub key: String,
    pub kind: PieceKind,
}

/// What of a tree is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Static archives, and no CMake files, which name the shared libraries.
    Packaged,
    /// Built here: its CMake files name archives that are there.
    Built,
    /// Shared libraries, and no static archives, which a link would prefer.
    Shared,
}

/// The folder of `pieces` for a target whose Debian multiarch folder is called `multiarch`.
///
/// Below it are `usr/include` and `usr/lib`, with the multiarch folders leading back to them, so that
/// paths of either kind hold. Shared libraries (but where they are to be grafted), libtool files and
/// programs are left out: what cannot be linked cannot be linked by accident.
///
/// # Errors
/// [`crate::report::Code::Io`].
pub fn assemble(cache: &Cache, report: &Report, pieces: &[Piece], multiarch: &str) -> Result<PathBuf> {
    let mut keys: Vec<&str> = pieces.iter().map(|piece| piece.key.as_str()).collect();
    keys.sort_unstable();
    let name = Digest::of(format!("{LAYOUT}\n{multiarch}\n{}", keys.join("\n"))).to_string();
    cache.made_once(FOLDER, &name[..32], report, |place| {
        for folder in ["usr/include", "usr/lib/pkgconfig"] {
            let folder = place.join(folder);
            fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
        }
        for piece in pieces {
            lay(piece, place, multiarch)?;
        }
        for folder in ["usr/include", "usr/lib"] {
            let link = place.join(folder).join(multiarch);
            std::os::unix::fs::symlink(".", &link).map_err(|error| Error::io("make", &link, &error))?;
        }
        Ok(())
    })
}

fn lay(piece: &Piece, place: &Path, multiarch: &str) -> Result<()> {
    for entry in WalkDir::new(&piece.tree).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(&piece.tree).to_owned();
            Error::io("read", &path, &error.into())
        })?;
        let Ok(relative) = entry.path().strip_prefix(&piece.tree) else { continue };
        let Some(to) = destination(relative, multiarch, piece.kind) else { continue };
        // A link leads to a file of the same tree, or it is left out.
        let Ok(real) = fs::canonicalize(entry.path()) else { continue };
        if !real.is_file() || !fs::canonicalize(&piece.tree).is_ok_and(|tree| real.starts_with(tree)) {
            continue;
        }
        let to = place.join(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        }
        // `_pic` archives come last in a folder's order and take the place of the others.
        fs::copy(&real, &to).map_err(|error| Error::io("write", &to, &error))?;
    }
    Ok(())
}

/// Where a file of a tree goes; `None` when it is left out.
fn destination(relative: &Path, multiarch: &str, kind: PieceKind) -> Option<PathBuf> {
    let parts: Vec<&str> = relative.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let (top, rest) = match parts[..] {
        ["usr", "include", ref rest @ ..] => ("usr/include", rest),
        ["usr", "lib", ref rest @ ..] | ["lib", ref rest @ ..] => ("usr/lib", rest),
        ["usr", "share", "pkgconfig", ..] => ("usr/lib", &parts[2..]),
        _ => return None,
    };
    let rest = if rest.first() == Some(&multiarch) { &rest[1..] } else { rest };
    let (name, folders) = rest.split_last()?;
    if top == "usr/include" {
        return Some(Path::new(top).join(rest.iter().collect::<PathBuf>()));
    }
    let kept = match folders.first() {
        None if kind == PieceKind::Shared => is_shared(name),
        None => name.ends_with(".a") || name.ends_with(".o"),
        Some(&"pkgconfig") => name.ends_with(".pc"),
        Some(&"cmake") => kind == PieceKind::Built,
        _ => name.ends_with(".h") || name.ends_with(".a"),
    };
    // Archives of position-independent code that stand beside others of the same name.
    let name = name.strip_suffix("_pic.a").map_or_else(|| (*name).to_owned(), |stem| format!("{stem}.a"));
    kept.then(|| Path::new(top).join(folders.iter().collect::<PathBuf>()).join(name))
}

/// `libx.so`, `libx.so.1.2`.
fn is_shared(name: &str) -> bool {
    name.ends_with(".so") || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_static_link_needs_is_laid() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = scratch.path().join("tree");
        for (name, text) in [
            ("usr/include/a.h", "a"),
            ("usr/include/aarch64-linux-gnu/a/conf.h", "conf"),
            ("usr/lib/aarch64-linux-gnu/liba.a", "plain"),
            ("usr/lib/aarch64-linux-gnu/liba_pic.a", "pic"),
            ("usr/lib/aarch64-linux-gnu/liba.la", ""),
            ("usr/lib/aarch64-linux-gnu/cmake/a/a.cmake", ""),
            ("usr/lib/aarch64-linux-gnu/pkgconfig/a.pc", "pc"),
            ("usr/bin/a-config", ""),
        ] {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("liba.so.1", tree.join("usr/lib/aarch64-linux-gnu/liba.so")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tree.join("usr/include/passwd.h")).unwrap();
        std::os::unix::fs::symlink("a.h", tree.join("usr/include/b.h")).unwrap();
        let cache = Cache::open(&scratch.path().join("cache")).unwrap();
        let piece = |kind, key: &str| Piece { tree: tree.clone(), key: key.into(), kind };
        let root =
            assemble(&cache, &Report::silent(), &[piece(PieceKind::Packaged, "k")], "aarch64-linux-gnu")
                .unwrap();
        let mut files: Vec<String> = WalkDir::new(&root)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&root).unwrap().display().to_string())
            .collect();
        files.sort();
        assert_eq!(
            files,
            [
                "usr/include/a.h",
                "usr/include/a/conf.h",
                "usr/include/b.h",
                "usr/lib/liba.a",
                "usr/lib/pkgconfig/a.pc"
            ]
        );
        assert_eq!(fs::read_to_string(root.join("usr/lib/aarch64-linux-gnu/liba.a")).unwrap(), "pic");

        fs::write(tree.join("usr/lib/aarch64-linux-gnu/liba.so.1"), "shared").unwrap();
        let shared = [piece(PieceKind::Shared, "shared")];
        let root = assemble(&cache, &Report::silent(), &shared, "aarch64-linux-gnu").unwrap();
        assert_eq!(fs::read_to_string(root.join("usr/lib/liba.so")).unwrap(), "shared");
        assert!(!root.join("usr/lib/liba.a").exists() && root.join("usr/include/a.h").exists());
    }
}
