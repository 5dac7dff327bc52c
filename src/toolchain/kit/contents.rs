//! The list of a part's files with their digests: written when the part is made, checked when it
//! arrives from elsewhere and when someone asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// Relative path to digest, for every file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Digest>);

impl Contents {
    /// The file in a part's folder that holds the list. One `sha256  path` a line, as `sha256sum` writes it.
    pub const FILE: &str = "contents.sha256";

    /// What `folder` holds, the list itself left out.
    ///
    /// # Errors
    /// `CacheEntry` for anything that is neither file nor folder: a kit holds no links.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for entry in WalkDir::new(folder) {
            let entry = entry.map_err(|error| {
                Error::new(Code::Io, format!("cannot read `{}`", folder.display())).cause(error.to_string())
            })?;
            if entry.file_type().is_dir() {
                continue;
            }
            let path = entry.path();
            if !entry.file_type().is_file() {
                return Err(Error::new(Code::CacheEntry, format!("`{}` is no plain file", path.display())));
            }
            // walkdir gives paths below the folder it was given.
            let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
            if relative != Self::FILE {
                files.insert(relative, Digest::of_file(path)?);
            }
        }
        Ok(Self(files))
    }

    /// Reads the list in `folder`.
    ///
    /// # Errors
    /// `CacheEntry` when there is none or a line is no entry.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let bad = |why: String| {
            Error::new(Code::CacheEntry, format!("`{}` is no part of a kit", folder.display())).cause(why)
        };
        let text = fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
        let mut files = BTreeMap::new();
        for line in text.lines() {
            let (digest, file) = line.split_once("  ").ok_or_else(|| bad(format!("`{line}` is no entry")))?;
            files.insert(file.to_owned(), digest.parse()?);
        }
        Ok(Self(files))
    }

    /// Writes the list into `folder` and waits until it is on disk.
    pub fn write(&self, folder: &Path) -> Result<()> {
        use std::io::Write as _;
        let path = folder.join(Self::FILE);
        let mut text = String::new();
        for (file, digest) in &self.0 {
            writeln!(text, "{digest}  {file}").map_err(|error| Error::bug(error.to_string()))?;
        }
        let mut out = fs::File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        out.write_all(text.as_bytes())
            .and_then(|()| out.sync_all())
            .map_err(|error| Error::io("write", &path, &error))
    }

    /// Compares the list in `folder` with its files.
    ///
    /// # Errors
    /// `CacheEntry`, with the first file that is missing, added or changed.
    pub fn check(folder: &Path) -> Result<()> {
        let (listed, found) = (Self::read(folder)?, Self::of(folder)?);
        if listed == found {
            return Ok(());
        }
        let odd = listed
            .0
            .iter()
            .find(|(file, digest)| found.0.get(*file) != Some(*digest))
            .map(|(file, _)| file)
            .or_else(|| found.0.keys().find(|file| !listed.0.contains_key(*file)));
        Err(Error::new(Code::CacheEntry, format!("`{}` was changed", folder.display()))
            .cause(format!("`{}` is not as it was made", odd.map_or("?", String::as_str)))
            .hint(format!("remove it to have it made again: `rm -r {}`", folder.display())))
    }

    /// The files in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        fs::write(folder.path().join("lib/a.o"), "a").unwrap();
        fs::write(folder.path().join("b with  spaces.h"), "b").unwrap();
        Contents::of(folder.path()).unwrap().write(folder.path()).unwrap();
        folder
    }

    #[test]
    fn a_part_as_it_was_made_is_accepted_wherever_it_lies() {
        let folder = part();
        Contents::check(folder.path()).unwrap();
        let moved = folder.path().with_extension("moved");
        fs::rename(folder.path(), &moved).unwrap();
        let checked = Contents::check(&moved);
        fs::remove_dir_all(&moved).unwrap();
        checked.unwrap();
    }

    #[test]
    fn a_changed_a_lost_an_added_and_a_linked_file_are_found_by_name() {
        type Damage = fn(&Path) -> std::io::Result<()>;
        let damages: [(&str, Damage); 4] = [
            ("lib/a.o", |folder| fs::write(folder.join("lib/a.o"), "A")),
            ("lib/a.o", |folder| fs::remove_file(folder.join("lib/a.o"))),
            ("lib/new.o", |folder| fs::write(folder.join("lib/new.o"), "")),
            ("lib/link.o", |folder| std::os::unix::fs::symlink("a.o", folder.join("lib/link.o"))),
        ];
        for (name, damage) in damages {
            let folder = part();
            damage(folder.path()).unwrap();
            let error = Contents::check(folder.path()).unwrap_err();
            assert_eq!(error.code(), Code::CacheEntry);
            let told = format!("{} {}", error.headline(), error.causes().join(" "));
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn a_folder_without_a_readable_list_is_no_part() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Contents::check(folder.path()).unwrap_err().code(), Code::CacheEntry);
        for text in ["short  a", "no separator", &format!("{}  a", "g".repeat(64))] {
            fs::write(folder.path().join(Contents::FILE), text).unwrap();
            assert_eq!(Contents::check(folder.path()).unwrap_err().code(), Code::CacheEntry, "{text}");
        }
    }
}
