//! RPATH and RUNPATH: only what leads from the file into the wheel may stay.

use super::binaries::Binary;
use super::contents::folder_of;
use super::verdict::{Docket, Edit};
use crate::elf::SearchPath;

/// The edits that cut `binary`'s search paths down to `$ORIGIN` entries, with a note on each entry
/// that goes.
pub(super) fn edits(binary: &Binary<'_>, docket: &mut Docket) -> Vec<Edit> {
    let paths = [(SearchPath::Rpath, &binary.file.rpath), (SearchPath::Runpath, &binary.file.runpath)];
    let mut edits = Vec::new();
    for (path, entries) in paths {
        let Some(entries) = entries else { continue };
        let (keep, drop): (Vec<&str>, Vec<&str>) =
            entries.iter().partition(|entry| below_origin(entry).is_some());
        if drop.is_empty() {
            continue;
        }
        docket.note(format!("`{}` searched `{}`: removed", binary.member, drop.join(":")));
        let keep = keep.into_iter().map(str::to_owned).collect();
        edits.push(Edit { member: binary.member.to_owned(), path, keep });
    }
    edits
}

/// The folders, as paths below site-packages, in which the loader will look for what `binary` needs.
/// An entry that climbs out of site-packages gives none.
pub(super) fn folders(binary: &Binary<'_>) -> Vec<String> {
    let entries = binary.file.search_path().iter();
    entries.filter_map(|entry| join(folder_of(binary.path), below_origin(entry)?)).collect()
}

/// What follows `$ORIGIN` in `entry`, without slashes at its start.
fn below_origin(entry: &str) -> Option<&str> {
    let rest = entry.strip_prefix("$ORIGIN").or_else(|| entry.strip_prefix("${ORIGIN}"))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// `folder`/`path` without `.` and `..`; None when it leaves the top.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::{ElfFile, sample::Sample};

    #[test]
    fn only_entries_below_the_origin_stay() {
        let bytes = Sample::library("x86_64-linux")
            .runpath("/root/build:$ORIGIN/../x.libs:relative::${ORIGIN}:$ORIGINAL/y")
            .bytes();
        let file = ElfFile::parse(&bytes).unwrap();
        let binary = Binary { member: "pkg/_x.so", path: "pkg/_x.so", file };
        let mut docket = Docket::default();
        let edits = edits(&binary, &mut docket);
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0].keep, ["$ORIGIN/../x.libs", "${ORIGIN}"]);
        assert!(docket.notes[0].contains("/root/build:relative::$ORIGINAL/y"));
        assert_eq!(folders(&binary), ["x.libs", "pkg"]);
        let edited = edits[0].apply(&bytes).unwrap();
        let file = ElfFile::parse(&edited).unwrap();
        assert_eq!(file.search_path(), ["$ORIGIN/../x.libs", "${ORIGIN}"]);
    }

    #[test]
    fn a_clean_path_needs_no_edit() {
        let bytes = Sample::library("x86_64-linux").runpath("$ORIGIN/../../../lib").bytes();
        let file = ElfFile::parse(&bytes).unwrap();
        let binary = Binary { member: "pkg/_x.so", path: "pkg/_x.so", file };
        let mut docket = Docket::default();
        assert!(edits(&binary, &mut docket).is_empty() && docket.notes.is_empty());
        assert!(folders(&binary).is_empty());
    }
}
