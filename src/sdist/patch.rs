//! Patches that a user applies to an unpacked sdist: unified diffs of text files.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::report::{Code, Error, Result};

/// Applies the unified diff `patch` (a file; names in it have one folder in front, as git writes
/// them) to the files below `root`. Every hunk must fit exactly where it says; nothing is guessed.
///
/// # Errors
/// [`Code::Patch`] when it is none, names files outside `root`, or does not fit.
pub fn apply(patch: &Path, root: &Path) -> Result<()> {
    let bad = |why: String| {
        Error::new(Code::Patch, format!("the patch `{}` does not apply", patch.display())).cause(why)
    };
    let text = fs::read_to_string(patch).map_err(|error| Error::io("read", patch, &error))?;
    let changes = parse(&text).map_err(bad)?;
    if changes.is_empty() {
        return Err(bad("there is no change in it".to_owned()));
    }
    for change in changes {
        let inside = |name: &str| below(root, name).ok_or_else(|| bad(format!("it names the file `{name}`")));
        let from = change.from.map(inside).transpose()?;
        let to = change.to.map(inside).transpose()?;
        if let (Some(old), Some(new)) = (&from, &to)
            && old != new
        {
            return Err(bad("it renames a file".to_owned()));
        }
        let name = change.from.or(change.to).unwrap_or_default();
        let before = match &from {
            Some(path) => fs::read_to_string(path).map_err(|error| bad(format!("`{name}`: {error}")))?,
            None => String::new(),
        };
        let after = change.apply(&before).map_err(|why| bad(format!("`{name}`: {why}")))?;
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
            (None, None) => return Err(bad("a change is of no file".to_owned())),
        }
    }
    Ok(())
}

/// What happens to one file; names without the folder in front, `None` for `/dev/null`.
struct Change<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    hunks: Vec<Hunk>,
}

/// One hunk: where it begins (a line number from 0), the lines it takes and those it gives.
struct Hunk {
    at: usize,
    old: Vec<String>,
    new: Vec<String>,
}

impl Change<'_> {
    fn apply(&self, before: &str) -> Result<String, String> {
        let lines: Vec<&str> = before.split_inclusive('\n').collect();
        let (mut after, mut done) = (String::new(), 0);
        for (number, hunk) in self.hunks.iter().enumerate() {
            let end = hunk.at + hunk.old.len();
            let fits = hunk.at >= done && lines.get(hunk.at..end).is_some_and(|there| hunk.old == there);
            if !fits {
                return Err(format!("hunk {} does not fit", number + 1));
            }
            after.extend(lines[done..hunk.at].iter().copied());
            after.extend(hunk.new.iter().map(String::as_str));
            done = end;
        }
        after.extend(lines[done..].iter().copied());
        Ok(after)
    }
}

fn parse(text: &str) -> Result<Vec<Change<'_>>, String> {
    let mut changes: Vec<Change<'_>> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("GIT binary patch") || line.starts_with("rename ") || line.starts_with("copy ") {
            return Err("it renames, copies or changes a binary file".to_owned());
        }
        if let Some(from) = line.strip_prefix("--- ")
            && let Some(to) = lines.peek().and_then(|next| next.strip_prefix("+++ "))
        {
            changes.push(Change { from: name_in(from)?, to: name_in(to)?, hunks: Vec::new() });
            lines.next();
        } else if let Some(rest) = line.strip_prefix("@@ -") {
            let change = changes.last_mut().ok_or("a hunk stands before any file name")?;
            let ((start, old), (_, new)) = ranges(rest).ok_or_else(|| format!("`{line}` is no hunk"))?;
            // A hunk that takes no line stands behind the line it names.
            let at = if old == 0 { start } else { start.checked_sub(1).ok_or("a hunk begins at line 0")? };
            let mut hunk = Hunk { at, old: Vec::new(), new: Vec::new() };
            while hunk.old.len() < old || hunk.new.len() < new {
                let line = lines.next().ok_or("a hunk is cut short")?;
                // Editors strip the blank of an empty line.
                let (mark, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
                let whole = match lines.peek().is_some_and(|next| next.starts_with("\\ No newline")) {
                    true => {
                        lines.next();
                        rest.to_owned()
                    }
                    false => format!("{rest}\n"),
                };
                match mark {
                    " " => {
                        hunk.old.push(whole.clone());
                        hunk.new.push(whole);
                    }
                    "-" => hunk.old.push(whole),
                    "+" => hunk.new.push(whole),
                    _ => return Err(format!("`{line}` is no line of a hunk")),
                }
            }
            if hunk.old.len() != old || hunk.new.len() != new {
                return Err("a hunk has other lines than it says".to_owned());
            }
            change.hunks.push(hunk);
        }
    }
    Ok(changes)
}

/// `a/src/x.c` with a time behind a tab perhaps: `src/x.c`; None for no file.
fn name_in(text: &str) -> Result<Option<&str>, String> {
    let name = text.split('\t').next().unwrap_or(text).trim_end();
    if name == "/dev/null" {
        return Ok(None);
    }
    let (_, inside) = name.split_once('/').ok_or_else(|| format!("`{name}` has no folder in front"))?;
    Ok(Some(inside))
}

/// Start and length on both sides of `1,3 +1,4 @@ …`.
fn ranges(text: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, rest) = text.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(new)?))
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
