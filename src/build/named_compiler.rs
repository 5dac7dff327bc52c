//! A C toolchain that a build system names: its programs, the flags that belong to each call, and the
//! folders it consists of.

use std::path::{Path, PathBuf};

use super::layout::{Layout, Place};
use crate::report::{Error, Result};
use crate::toolchain::driver::SystemCompiler;

/// What stands behind the drivers instead of what CC and CXX say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedCompiler {
    pub cc: PathBuf,
    pub cxx: PathBuf,
    /// The archiver, if not the one on PATH.
    pub ar: Option<PathBuf>,
    /// Words of every call, of every call of the C++ compiler, of every link.
    pub flags: Vec<String>,
    pub cxx_flags: Vec<String>,
    pub link_flags: Vec<String>,
    /// Folders that the programs need. Words that name something in them, relative to the working
    /// folder as build systems write paths, name it wherever the build sees it.
    pub folders: Vec<PathBuf>,
}

impl NamedCompiler {
    /// The toolchain as the build sees it, and the folders to show.
    ///
    /// # Errors
    /// [`Code::Usage`](crate::report::Code::Usage) when the compiler cannot be run;
    /// [`Code::Io`](crate::report::Code::Io) when a folder cannot be read.
    pub(super) fn placed(&self, layout: &Layout) -> Result<(SystemCompiler, Vec<Place>)> {
        let absolute = |program: &Path| {
            std::path::absolute(program)
                .map(|path| path.display().to_string())
                .map_err(|error| Error::io("find", program, &error))
        };
        let mut folders = Vec::new();
        for (number, folder) in self.folders.iter().enumerate() {
            for (part, real) in parts(folder)? {
                // Beside each other as they are, so that programs find what lies beside them.
                let name = Path::new(&format!("cc{number}")).join(part.strip_prefix(folder).unwrap_or(&part));
                let name = name.display().to_string();
                let place = layout.existing(&real, name.trim_end_matches('/'));
                folders.push((part, place));
            }
        }
        let word = |text: &str| seen(text, &folders);
        let words = |program: &Path, more: [&[String]; 2]| -> Result<Vec<String>> {
            let named = seen(&program.display().to_string(), &folders);
            let program = if Path::new(&named).is_absolute() { named } else { absolute(program)? };
            Ok(std::iter::once(program).chain(more.into_iter().flatten().map(|text| word(text))).collect())
        };
        let mut compiler = SystemCompiler::detect(vec![absolute(&self.cc)?], vec![absolute(&self.cxx)?])?;
        compiler.cc = words(&self.cc, [&self.flags, &[]])?;
        compiler.cxx = words(&self.cxx, [&self.flags, &self.cxx_flags])?;
        compiler.link = self.link_flags.iter().map(|text| word(text)).collect();
        if let Some(ar) = &self.ar {
            compiler.ar = words(ar, [&[], &[]])?;
            compiler.ranlib = [compiler.ar.clone(), vec!["s".to_owned()]].concat();
        }
        Ok((compiler, folders.into_iter().map(|(_, place)| place).collect()))
    }
}

/// `text` with the names of `folders` replaced by where the build sees them, the longest first.
fn seen(text: &str, folders: &[(PathBuf, Place)]) -> String {
    let mut ordered: Vec<&(PathBuf, Place)> = folders.iter().collect();
    ordered.sort_by_key(|(part, _)| std::cmp::Reverse(part.as_os_str().len()));
    for (part, place) in ordered {
        let part = part.display().to_string();
        for (at, _) in text.match_indices(&part) {
            let (before, behind) = (&text[..at], &text[at + part.len()..]);
            let whole = !before.ends_with('/') && (behind.is_empty() || behind.starts_with('/'));
            if whole {
                return format!("{before}{}{behind}", place.inside.display());
            }
        }
    }
    text.to_owned()
}

/// The parts of `folder`, and where each really lies: sandboxes of build systems are made of links, file
/// by file, and what a link leads to is not visible by itself. Mostly there is one part, `folder`.
fn parts(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    if let Some(real) = real_folder(folder)? {
        return Ok(vec![(folder.to_owned(), real)]);
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io("read", folder, &error))?;
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            found.extend(parts(&entry)?);
        } else {
            let real = std::fs::canonicalize(&entry).map_err(|error| Error::io("find", &entry, &error))?;
            found.push((entry, real));
        }
    }
    Ok(found)
}

/// The one folder that has all that `folder` has under the same names, if there is one.
fn real_folder(folder: &Path) -> Result<Option<PathBuf>> {
    let failed = |error: std::io::Error| Error::io("find", folder, &error);
    let mut real = None;
    for entry in walkdir::WalkDir::new(folder).follow_root_links(true) {
        let entry = entry.map_err(|error| failed(error.into()))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let target = std::fs::canonicalize(entry.path()).map_err(failed)?;
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let Some(above) =
            target.ancestors().nth(name.components().count()).filter(|_| target.ends_with(name))
        else {
            return Ok(None);
        };
        if real.get_or_insert_with(|| above.to_owned()) != above {
            return Ok(None);
        }
    }
    // A folder without files is itself.
    real.map_or_else(|| std::fs::canonicalize(folder).map_err(failed), Ok).map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_of_links_are_where_the_links_lead() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().canonicalize().unwrap().join(name);
        for file in ["sdk/lib/a", "sdk/lib/b", "other/cc"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        for (name, target) in [("one/lib/a", "sdk/lib/a"), ("one/lib/b", "sdk/lib/b")] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            symlink(at(target), at(name)).unwrap();
        }
        assert_eq!(parts(&at("one")).unwrap(), [(at("one"), at("sdk"))]);
        assert_eq!(parts(&at("sdk")).unwrap(), [(at("sdk"), at("sdk"))]);
        // Files of several places: each part by itself.
        std::fs::create_dir_all(at("one/bin")).unwrap();
        symlink(at("other/cc"), at("one/bin/cc")).unwrap();
        assert_eq!(
            parts(&at("one")).unwrap(),
            [(at("one/bin"), at("other")), (at("one/lib"), at("sdk/lib"))]
        );
    }

    #[test]
    fn words_name_what_the_build_sees() {
        let place = |inside: &str| Place {
            host: PathBuf::from("/real"),
            inside: PathBuf::from(inside),
            fixed: PathBuf::from(inside),
            writable: false,
        };
        let folders = [
            (PathBuf::from("external/sdk"), place("/build/cc0")),
            (PathBuf::from("external/sdk/more"), place("/build/cc1")),
        ];
        for (word, expected) in [
            ("external/sdk/bin/cc", "/build/cc0/bin/cc"),
            ("--sysroot=external/sdk", "--sysroot=/build/cc0"),
            ("-Lexternal/sdk/more/lib", "-L/build/cc1/lib"),
            ("external/sdk2/lib", "external/sdk2/lib"),
            ("/usr/external/sdk", "/usr/external/sdk"),
            ("-O2", "-O2"),
        ] {
            assert_eq!(seen(word, &folders), expected);
        }
    }
}
