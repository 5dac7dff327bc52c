//! Whether a folder of thousands of files is still as it was made, at the price of looking at their
//! sizes and times.
//!
//! Reading every file of a kit or an environment again costs more than most builds. A *seal* beside
//! the folder says what its names, sizes and times were when it was last known to be whole. Where it
//! does not fit any more, the owner compares the contents; where it fits, nothing was cut, changed or
//! removed by accident. It is no defence against somebody who wants to deceive.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Digest;

/// True when `folder` looks as it did when it was sealed.
pub fn is_sealed(folder: &Path) -> bool {
    let (Some(seal), Some(now)) = (place(folder), looks(folder)) else { return false };
    fs::read_to_string(seal).is_ok_and(|sealed| sealed.trim_end() == now.to_string())
}

/// Notes how `folder` looks now, where its contents were just made or compared. In a cache that
/// cannot be written nothing is noted, and the contents are compared each time.
pub fn seal(folder: &Path) {
    if let (Some(seal), Some(now)) = (place(folder), looks(folder))
        && let Some(above) = seal.parent()
        && let Ok(mut file) = tempfile::NamedTempFile::new_in(above)
        && std::io::Write::write_all(&mut file, format!("{now}\n").as_bytes()).is_ok()
    {
        let _ = file.persist(seal);
    }
}

/// The seal of `folder`, beside it.
fn place(folder: &Path) -> Option<PathBuf> {
    let name = folder.file_name()?.to_string_lossy();
    Some(folder.with_file_name(format!(".{name}.seal")))
}

/// Names, kinds, sizes, modes and times; None when something cannot be looked at.
fn looks(folder: &Path) -> Option<Digest> {
    let mut lines = Vec::new();
    look(folder, &mut lines)?;
    Some(Digest::of(lines))
}

/// Adds the entries of `folder`, by name, to `lines`. Not by a walk with whole paths: an entry is asked
/// for its facts within the open folder, which is what makes thousands of them cheap.
fn look(folder: &Path, lines: &mut Vec<u8>) -> Option<()> {
    let entries: Vec<_> = fs::read_dir(folder).ok()?.collect::<Result<_, _>>().ok()?;
    let mut named: Vec<_> = entries.iter().map(|entry| (entry.file_name(), entry)).collect();
    named.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    for (name, entry) in named {
        lines.extend_from_slice(name.as_bytes());
        lines.push(0);
        if entry.file_type().ok()?.is_dir() {
            lines.push(b'd');
            look(&entry.path(), lines)?;
            lines.push(b'u');
        } else {
            let metadata = entry.metadata().ok()?;
            let size = metadata.size().cast_signed();
            let facts: [i64; 4] = [metadata.mode().into(), size, metadata.mtime(), metadata.mtime_nsec()];
            lines.extend(facts.iter().flat_map(|fact| fact.to_le_bytes()));
        }
        lines.push(0);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_a_changed_a_lost_and_an_added_file_break_the_seal() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("kit");
        type Damage = (&'static str, fn(&Path));
        let damages: [Damage; 5] = [
            ("cut", |folder| fs::write(folder.join("lib/a"), "").unwrap()),
            ("changed", |folder| fs::write(folder.join("lib/a"), "CONTENT").unwrap()),
            ("lost", |folder| fs::remove_file(folder.join("lib/a")).unwrap()),
            ("added", |folder| fs::write(folder.join("lib/b"), "").unwrap()),
            ("gone", |folder| fs::remove_dir_all(folder).unwrap()),
        ];
        for (name, damage) in damages {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(folder.join("lib")).unwrap();
            fs::write(folder.join("lib/a"), "content").unwrap();
            let old = std::time::SystemTime::UNIX_EPOCH;
            fs::File::options().write(true).open(folder.join("lib/a")).unwrap().set_modified(old).unwrap();
            assert!(!is_sealed(&folder), "a seal of the last one fits: {name}");
            seal(&folder);
            assert!(is_sealed(&folder));
            damage(&folder);
            assert!(!is_sealed(&folder), "{name} was not noticed");
            let _ = fs::remove_file(above.path().join(".kit.seal"));
        }
    }
}
