//! Patches as Debian source packages carry them: unified diffs, applied without any fuzz.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::report::{Code, Error, Result};

/// Applies the patch `text` to the tree `root`, one folder of its paths stripped (`patch -p1 -F0`): a hunk
/// may have moved, its lines must be there exactly. What changes files of a component that is not in the
/// tree, as documentation and demonstrations may be, is passed over (dpkg-source(1): `.orig-COMPONENT.tar`
/// is unpacked as the folder COMPONENT).
///
/// # Errors
/// [`Code::BrokenArchive`] when it does not apply or leads out of `root`.
pub fn apply(root: &Path, name: &str, text: &[u8]) -> Result<()> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut at = 0;
    while at < lines.len() {
        if !(lines[at].starts_with(b"--- ")
            && lines.get(at + 1).is_some_and(|line| line.starts_with(b"+++ ")))
        {
            at += 1;
            continue;
        }
        let (old, new) = (path_of(lines[at]), path_of(lines[at + 1]));
        at += 2;
        let mut hunks = Vec::new();
        while let Some((hunk, next)) = Hunk::read(&lines, at) {
            hunks.push(hunk);
            at = next;
        }
        let refused = |cause: &str| {
            let file =
                new.as_ref().or(old.as_ref()).map(|path| path.display().to_string()).unwrap_or_default();
            Error::new(Code::BrokenArchive, format!("the patch `{name}` does not apply to `{file}`"))
                .cause(cause.to_owned())
        };
        if let Some(old) = &old
            && hunks.iter().any(|hunk| !hunk.old.is_empty())
            && old.components().count() > 1
            && old.components().next().is_some_and(|component| !root.join(component).exists())
        {
            continue;
        }
        let old_file = old.as_ref().filter(|path| root.join(path).is_file());
        let Some(target) = old_file.or(new.as_ref()).or(old.as_ref()) else {
            return Err(refused("it names no file below the tree"));
        };
        let file = root.join(target);
        let leads_out = fs::symlink_metadata(&file).is_ok_and(|facts| !facts.is_file())
            || file
                .parent()
                .and_then(|folder| fs::canonicalize(folder).ok())
                .is_some_and(|folder| !fs::canonicalize(root).is_ok_and(|root| folder.starts_with(root)));
        if leads_out {
            return Err(refused("it leads out of the tree"));
        }
        let before = fs::read(&file).unwrap_or_default();
        let after = patched(&before, &hunks).ok_or_else(|| refused("the lines it changes are not there"))?;
        if new.is_none() && after.is_empty() {
            fs::remove_file(&file).map_err(|error| Error::io("remove", &file, &error))?;
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        }
        fs::write(&file, after).map_err(|error| Error::io("write", &file, &error))?;
    }
    Ok(())
}

/// The path of a `---` or `+++` line, its first folder stripped; `None` for `/dev/null` and for paths that
/// would lead elsewhere.
fn path_of(line: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(&line[4..]).ok()?;
    let path = text.split('\t').next()?.trim_end();
    let path = match path.split_once(" 20") {
        // A date may follow after a blank.
        Some((path, _)) if path.contains('/') => path,
        _ => path,
    };
    if path == "/dev/null" {
        return None;
    }
    let path: PathBuf = Path::new(path).components().skip(1).collect();
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && path.as_os_str() != "").then_some(path)
}

/// A change: lines that must be there, and lines that take their place.
struct Hunk<'a> {
    /// Number of the first old line, from 0.
    start: usize,
    old: Vec<&'a [u8]>,
    new: Vec<&'a [u8]>,
}

impl<'a> Hunk<'a> {
    /// The hunk whose `@@` line is number `at`, and the number of the line behind it.
    fn read(lines: &[&'a [u8]], mut at: usize) -> Option<(Self, usize)> {
        let head = std::str::from_utf8(lines.get(at)?).ok()?;
        let ranges = head.strip_prefix("@@ -")?.split(" @@").next()?;
        let (old_range, new_range) = ranges.split_once(" +")?;
        let numbers = |range: &str| -> Option<(usize, usize)> {
            let (start, count) = range.split_once(',').unwrap_or((range, "1"));
            Some((start.parse().ok()?, count.trim().parse().ok()?))
        };
        let ((start, old_count), (_, new_count)) = (numbers(old_range)?, numbers(new_range)?);
        let mut hunk = Self {
            start: start.saturating_sub(usize::from(old_count > 0)),
            old: Vec::new(),
            new: Vec::new(),
        };
        at += 1;
        while hunk.old.len() < old_count || hunk.new.len() < new_count {
            let line = *lines.get(at)?;
            match line.first()? {
                b' ' => {
                    hunk.old.push(&line[1..]);
                    hunk.new.push(&line[1..]);
                }
                // An empty line whose blank an editor took away.
                b'\n' | b'\r' => {
                    hunk.old.push(line);
                    hunk.new.push(line);
                }
                b'-' => hunk.old.push(&line[1..]),
                b'+' => hunk.new.push(&line[1..]),
                b'\\' => hunk.cut_newline(lines, at),
                _ => return None,
            }
            at += 1;
        }
        if lines.get(at).is_some_and(|line| line.starts_with(b"\\")) {
            hunk.cut_newline(lines, at);
            at += 1;
        }
        Some((hunk, at))
    }

    /// `\ No newline at end of file`, about the line before.
    fn cut_newline(&mut self, lines: &[&'a [u8]], at: usize) {
        let kind = at.checked_sub(1).and_then(|before| lines.get(before)).and_then(|line| line.first());
        let cut = |side: &mut Vec<&'a [u8]>| {
            if let Some(last) = side.last_mut() {
                *last = last.strip_suffix(b"\n").unwrap_or(last);
            }
        };
        if kind != Some(&b'+') {
            cut(&mut self.old);
        }
        if kind != Some(&b'-') {
            cut(&mut self.new);
        }
    }
}

fn patched(before: &[u8], hunks: &[Hunk<'_>]) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let mut out: Vec<u8> = Vec::new();
    let (mut done, mut moved) = (0_usize, 0_isize);
    for hunk in hunks {
        let fits = |at: usize| {
            at >= done && lines.get(at..at + hunk.old.len()).is_some_and(|there| there == hunk.old)
        };
        let wanted = hunk.start.saturating_add_signed(moved);
        let farthest = lines.len() + 1;
        let at = (0..=farthest)
            .flat_map(|distance| [wanted.checked_add(distance), wanted.checked_sub(distance)])
            .flatten()
            .find(|at| fits(*at))?;
        moved = isize::try_from(at).ok()? - isize::try_from(hunk.start).ok()?;
        lines[done..at].iter().for_each(|line| out.extend_from_slice(line));
        hunk.new.iter().for_each(|line| out.extend_from_slice(line));
        done = at + hunk.old.len();
    }
    lines[done..].iter().for_each(|line| out.extend_from_slice(line));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn changes_new_files_and_removals() {
        let tree = tree(&[("a/x.c", "0\n1\n2\n3\n4\n5\n"), ("gone", "only\n"), ("end", "last")]);
        let patch = "Description: why\n--- p/a/x.c\t2020-01-01\n+++ p/a/x.c\n@@ -1,3 +1,3 @@ f()\n 1\n-2\n+two\n 3\n\
            --- /dev/null\n+++ p/new/file\n@@ -0,0 +1,2 @@\n+one\n+two\n--- p/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-only\n\
            --- p/end\n+++ p/end\n@@ -1 +1 @@\n-last\n\\ No newline at end of file\n+last\n";
        apply(tree.path(), "a.patch", patch.as_bytes()).unwrap();
        let read = |name: &str| fs::read_to_string(tree.path().join(name)).unwrap();
        assert_eq!(read("a/x.c"), "0\n1\ntwo\n3\n4\n5\n");
        assert_eq!((read("new/file"), read("end")), ("one\ntwo\n".into(), "last\n".into()));
        assert!(!tree.path().join("gone").exists());
    }

    #[test]
    fn a_component_that_is_not_there_is_passed_over() {
        let tree = tree(&[("x", "1\n")]);
        let patch = "--- p/docs/a.css\n+++ p/docs/a.css\n@@ -1 +1 @@\n-1\n+2\n\
            --- p/made/b\n+++ p/made/b\n@@ -0,0 +1 @@\n+new\n--- p/x\n+++ p/x\n@@ -1 +1 @@\n-1\n+2\n";
        apply(tree.path(), "parts.patch", patch.as_bytes()).unwrap();
        let read = |name: &str| fs::read_to_string(tree.path().join(name)).unwrap();
        assert_eq!((read("x"), read("made/b")), ("2\n".into(), "new\n".into()));
        assert!(!tree.path().join("docs").exists());
        let missing = "--- p/y\n+++ p/y\n@@ -1 +1 @@\n-1\n+2\n";
        assert!(apply(tree.path(), "missing.patch", missing.as_bytes()).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let tree = tree(&[("x", "1\n2\n")]);
        for patch in [
            "--- p/x\n+++ p/x\n@@ -1,2 +1,2 @@\n 1\n-3\n+4\n",
            "--- p/../../etc/x\n+++ p/../../etc/x\n@@ -0,0 +1 @@\n+4\n",
        ] {
            let error = apply(tree.path(), "bad", patch.as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::BrokenArchive, "{patch}");
        }
        assert_eq!(fs::read_to_string(tree.path().join("x")).unwrap(), "1\n2\n");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(--- a/x\n\\+\\+\\+ a/x\n)?(@@ -[0-9],[0-9] \\+[0-9],[0-9] @@\n)?([ +-][a-c]?\n|\\\\\n){0,8}") {
            let tree = tree(&[("x", "a\nb\nc\n")]);
            let _ = apply(tree.path(), "random", text.as_bytes());
        }
    }
}
