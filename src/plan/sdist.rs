//! What can be known of a build without running or fetching anything.

use std::path::{Path, PathBuf};

use super::decision::{Risk, ToBuild};
use crate::archive::{self, Limits};
use crate::cache::Digest;
use crate::lock::File;
use crate::sdist::Pyproject;

/// Larger than any pyproject.toml.
const LARGEST: u64 = 4 << 20;

/// Endings of sources that are compiled, with the language's name.
const LANGUAGES: [(&str, &str); 13] = [
    (".c", "C"),
    (".cc", "C++"),
    (".cpp", "C++"),
    (".cxx", "C++"),
    (".pyx", "Cython"),
    (".rs", "Rust"),
    (".f", "Fortran"),
    (".f90", "Fortran"),
    (".go", "Go"),
    (".cu", "CUDA"),
    (".asm", "assembler"),
    (".s", "assembler"),
    (".swift", "Swift"),
];

/// Folders whose sources are rarely part of what is installed.
const ASIDE: [&str; 7] = ["test", "tests", "doc", "docs", "example", "examples", "benchmarks"];

/// Of the sdist `file`: read where it lies in one of `folders` already; else what the wheels of the
/// same version among `files` tell: pure ones come from pure sdists.
pub(super) fn of_archive(file: &File, files: &[File], folders: &[PathBuf]) -> ToBuild {
    let here = folders.iter().map(|folder| folder.join(&file.name)).find(|path| {
        let same = file
            .sha256()
            .is_some_and(|sha256| Digest::of_file(path).is_ok_and(|digest| digest.to_string() == sha256));
        !file.name.contains('/') && path.is_file() && same
    });
    if let Some(read) = here.and_then(|path| read(&path)) {
        return read;
    }
    let pure: Vec<bool> =
        files.iter().filter_map(File::wheel).map(|wheel| wheel.tags().is_any_platform()).collect();
    let risk = match pure.contains(&false) {
        true => Risk::Native,
        false if pure.is_empty() => Risk::Unknown,
        false => Risk::Pure,
    };
    ToBuild { backend: None, risk, languages: Vec::new() }
}

/// Of an sdist that is here; `None` when it cannot be read: then the build will say why.
fn read(path: &Path) -> Option<ToBuild> {
    let limits = Limits::default();
    let entries = archive::list(path, &limits).ok()?;
    let wanted = &mut |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == "pyproject.toml");
    let pyproject = archive::read_first(path, &limits, LARGEST, wanted).ok()?;
    let bytes = pyproject.map(|(_, bytes)| bytes).unwrap_or_default();
    let below = entries.iter().filter_map(|entry| entry.path.split_once('/')).map(|(_, rest)| rest);
    Some(facts(bytes, below))
}

/// Of a project's folder.
pub(super) fn of_folder(folder: &Path) -> ToBuild {
    let bytes = std::fs::read(folder.join("pyproject.toml")).unwrap_or_default();
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let names: Vec<String> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| !hidden(entry))
        .flatten()
        .filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_string_lossy().into_owned()))
        .collect();
    facts(bytes, names.iter().map(String::as_str))
}

fn facts<'n>(pyproject: Vec<u8>, names: impl Iterator<Item = &'n str>) -> ToBuild {
    let build_system = Pyproject::parse(pyproject).and_then(|pyproject| pyproject.build_system()).ok();
    let mut languages: Vec<String> = Vec::new();
    for name in names {
        if name.split('/').any(|part| ASIDE.contains(&part)) {
            continue;
        }
        let lower = name.to_ascii_lowercase();
        let found = LANGUAGES.iter().find(|(ending, _)| lower.ends_with(ending));
        if let Some((_, language)) = found
            && !languages.iter().any(|known| known == language)
        {
            languages.push((*language).to_owned());
        }
    }
    languages.sort();
    ToBuild {
        backend: build_system.map(|build_system| build_system.backend),
        risk: if languages.is_empty() { Risk::Pure } else { Risk::Native },
        languages,
    }
}
