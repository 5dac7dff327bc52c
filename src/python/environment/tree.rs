//! A folder's whole content as one digest, and taken out of everybody's reach.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use walkdir::WalkDir;

use super::make::RECORD;
use crate::cache::Digest;
use crate::report::{Error, Result};

/// The digest over names, kinds, executable bits and contents of everything below `root`, but for
/// the record that holds this digest.
pub(super) fn digest(root: &Path) -> Result<Digest> {
    let mut lines = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            Error::io("read", &path, &error.into_io_error().unwrap_or_else(|| std::io::Error::other("loop")))
        })?;
        // Below the root by construction.
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if path == Path::new(RECORD) {
            continue;
        }
        lines.extend_from_slice(path.as_os_str().as_bytes());
        lines.push(0);
        let kind = entry.file_type();
        if kind.is_symlink() {
            let to = fs::read_link(entry.path()).map_err(|error| Error::io("read", entry.path(), &error))?;
            lines.push(b'l');
            lines.extend_from_slice(to.as_os_str().as_bytes());
        } else if kind.is_file() {
            let mode = entry.metadata().map(|metadata| metadata.permissions().mode()).unwrap_or_default();
            lines.push(if mode & 0o100 == 0 { b'f' } else { b'x' });
            lines.extend_from_slice(Digest::of_file(entry.path())?.to_string().as_bytes());
        } else {
            lines.push(b'd');
        }
        lines.push(0);
    }
    Ok(Digest::of(lines))
}

/// Takes away the right to write from everything below `root`; links are left alone, since they
/// lead outside. `root` itself stays writable, because it is still to be renamed.
pub(super) fn make_read_only(root: &Path) -> Result<()> {
    for entry in WalkDir::new(root).min_depth(1).contents_first(true).into_iter().flatten() {
        if entry.file_type().is_symlink() {
            continue;
        }
        let failed = |error: std::io::Error| Error::io("make read-only", entry.path(), &error);
        let mode = fs::metadata(entry.path()).map_err(failed)?.permissions().mode();
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode & 0o555 | 0o444))
            .map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), "x").unwrap();
        std::os::unix::fs::symlink("b", root.join("a/l")).unwrap();
        let mut seen = vec![digest(root).unwrap()];
        let mut next = |act: &dyn Fn()| {
            act();
            let now = digest(root).unwrap();
            assert!(!seen.contains(&now));
            seen.push(now);
        };
        next(&|| fs::write(root.join("a/b"), "y").unwrap());
        next(&|| fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o755)).unwrap());
        next(&|| fs::rename(root.join("a/b"), root.join("a/c")).unwrap());
        next(&|| fs::create_dir(root.join("e")).unwrap());
        next(&|| {
            fs::remove_file(root.join("a/l")).unwrap();
            std::os::unix::fs::symlink("c", root.join("a/l")).unwrap();
        });
        fs::write(root.join(RECORD), "is not part of it").unwrap();
        assert_eq!(digest(root).unwrap(), *seen.last().unwrap());
    }

    #[test]
    fn nothing_stays_writable() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        fs::write(folder.path().join("d/f"), "").unwrap();
        make_read_only(folder.path()).unwrap();
        for name in ["d", "d/f"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o222, 0, "{name}");
        }
        fs::set_permissions(folder.path().join("d"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}
