//! Patches that a user applies to an unpacked sdist: unified diffs of text files.

use std::fs;
use std::path::{Component, Path, PathBuf};

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};

use crate::report::{Code, Error, Result};

/// Applies the unified diff `patch` (a file; names in it have one folder in front, as git writes
/// them) to the files below `root`. Every hunk must fit where it says; nothing is guessed.
///
/// # Errors
/// [`Code::Patch`] when it is none, names files outside `root`, or does not fit.
pub fn apply(patch: &Path, root: &Path) -> Result<()> {
    let bad = |why: String| {
        Error::new(Code::Patch, format!("the patch `{}` does not apply", patch.display())).cause(why)
    };
    let text = fs::read_to_string(patch).map_err(|error| Error::io("read", patch, &error))?;
    let mut any = false;
    for file in PatchSet::parse(&text, ParseOptions::unidiff()) {
        let file = file.map_err(|error| bad(error.to_string()))?;
        let change = file.patch().as_text().ok_or_else(|| bad("it changes a binary file".to_owned()))?;
        let inside = |name: &str| below(root, name).ok_or_else(|| bad(format!("it names the file `{name}`")));
        let operation = file.operation().strip_prefix(1);
        let (from, to) = match &operation {
            FileOperation::Create(name) => (None, Some(inside(name)?)),
            FileOperation::Delete(name) => (Some(inside(name)?), None),
            FileOperation::Modify { original, modified } => {
                if original != modified {
                    return Err(bad(format!("it renames `{original}` to `{modified}`")));
                }
                (Some(inside(original)?), Some(inside(modified)?))
            }
            FileOperation::Rename { .. } | FileOperation::Copy { .. } => {
                return Err(bad("it renames or copies a file".to_owned()));
            }
        };
        let before = match &from {
            Some(path) => {
                fs::read_to_string(path).map_err(|error| bad(format!("`{}`: {error}", shown(path, root))))?
            }
            None => String::new(),
        };
        let name = from.as_ref().or(to.as_ref()).map(|path| shown(path, root)).unwrap_or_default();
        let after = diffy::apply(&before, change).map_err(|error| bad(format!("`{name}`: {error}")))?;
        match (&from, &to) {
            (_, Some(path)) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
                }
                fs::write(path, after).map_err(|error| Error::io("write", path, &error))?;
            }
            (Some(path), None) => {
                fs::remove_file(path).map_err(|error| Error::io("remove", path, &error))?;
            }
            (None, None) => {}
        }
        any = true;
    }
    if any { Ok(()) } else { Err(bad("there is no change in it".to_owned())) }
}

/// `name` below `root`, if it stays there without a link on the way.
fn below(root: &Path, name: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for part in Path::new(name).components() {
        let Component::Normal(part) = part else { return None };
        path.push(part);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.file_type().is_symlink()) {
            return None;
        }
    }
    (path != root).then_some(path)
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_changed_made_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(root.join("gone"), "x\n").unwrap();
        let patch = folder.path().join("p.patch");
        let text = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\
                    --- /dev/null\n+++ b/new/b.txt\n@@ -0,0 +1 @@\n+b\n\
                    --- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
        fs::write(&patch, text).unwrap();
        apply(&patch, &root).unwrap();
        assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "one\n2\nthree\n");
        assert_eq!(fs::read_to_string(root.join("new/b.txt")).unwrap(), "b\n");
        assert!(!root.join("gone").exists());
        // A second time it does not fit.
        assert_eq!(apply(&patch, &root).unwrap_err().code(), Code::Patch);
    }

    #[test]
    fn nothing_outside_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir(&root).unwrap();
        std::os::unix::fs::symlink(folder.path(), root.join("link")).unwrap();
        for name in ["../out", "link/out", "/out"] {
            let patch = folder.path().join("p.patch");
            fs::write(&patch, format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+b\n")).unwrap();
            assert_eq!(apply(&patch, &root).unwrap_err().code(), Code::Patch, "{name}");
        }
        assert!(!folder.path().join("out").exists());
    }
}
