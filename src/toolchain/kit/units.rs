//! Which sources of zig's `lib` make a library, and in which units they are compiled
//! (`toolchains/kit/units.toml`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use walkdir::WalkDir;

use crate::report::{Code, Error, Result};

/// One library's row. The keys are described in the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Library {
    folder: String,
    skip: Vec<String>,
    alone: Vec<String>,
    pub flags: Vec<String>,
    pub includes: Vec<String>,
    units: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Libraries {
    pub libcxx: Library,
    pub libcxxabi: Library,
    pub libunwind: Library,
}

static TABLE: LazyLock<Libraries> = LazyLock::new(|| {
    let text = include_str!("../../../toolchains/kit/units.toml");
    // A table that does not parse fails the test below, so a released binary cannot get here.
    toml::from_str(text).expect("toolchains/kit/units.toml is checked by a test")
});

/// The three libraries.
pub(super) fn libraries() -> &'static Libraries {
    &TABLE
}

/// Sources that are compiled as one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// A file name without extension, unlike any other unit's of the library.
    pub name: String,
    /// Relative to zig's `lib`, in order.
    pub sources: Vec<String>,
}

impl Library {
    /// True for the library whose sources lie in `folder`.
    pub fn folder_is(&self, folder: &str) -> bool {
        self.folder == folder
    }

    /// The units of this library for the sources that the zig at `lib` has.
    ///
    /// # Errors
    /// `RuntimeKit` when it lacks the library, or a source the table names.
    pub fn units(&self, lib: &Path) -> Result<Vec<Unit>> {
        let folder = lib.join(&self.folder);
        let mut sources = Vec::new();
        for entry in WalkDir::new(&folder).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                Error::new(Code::RuntimeKit, format!("this zig has no `{}`", self.folder))
                    .cause(error.to_string())
            })?;
            let path = entry.path();
            if entry.file_type().is_file()
                && path
                    .extension()
                    .is_some_and(|extension| ["cpp", "c", "S"].iter().any(|known| extension == *known))
            {
                // walkdir gives paths below the folder it was given.
                sources.push(path.strip_prefix(&folder).unwrap_or(path).to_string_lossy().into_owned());
            }
        }
        let mut units = self.divide(sources)?;
        // The longest first, so that no core waits for one that started last.
        units.sort_by_cached_key(|unit| {
            let size = |source: &String| std::fs::metadata(lib.join(source)).map_or(0, |file| file.len());
            std::cmp::Reverse(unit.sources.iter().map(size).sum::<u64>())
        });
        Ok(units)
    }

    fn divide(&self, sources: Vec<String>) -> Result<Vec<Unit>> {
        if let Some(lost) = self.units.values().flatten().find(|listed| !sources.contains(listed)) {
            return Err(Error::new(Code::RuntimeKit, format!("this zig has no `{}/{lost}`", self.folder))
                .hint("use the pinned zig, or build with plain zig: `--cc zig-cc`"));
        }
        let mut units: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for source in sources {
            if self.skip.iter().any(|skipped| source.starts_with(skipped.as_str())) {
                continue;
            }
            let unit = if self.alone.iter().any(|alone| alone == "*" || *alone == source) {
                source.replace(['/', '.'], "_")
            } else {
                self.units
                    .iter()
                    .find(|(_, listed)| listed.contains(&source))
                    .map_or("core", |(name, _)| name.as_str())
                    .to_owned()
            };
            units.entry(unit).or_default().push(format!("{}/{source}", self.folder));
        }
        Ok(units.into_iter().map(|(name, sources)| Unit { name, sources }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(sources: &[&str]) -> Vec<Unit> {
        let library = &libraries().libcxx;
        let mut all: Vec<String> = library.units.values().flatten().cloned().collect();
        all.extend(sources.iter().map(|source| (*source).to_owned()));
        library.divide(all).unwrap()
    }

    #[test]
    fn every_row_reads_and_names_no_source_twice() {
        let Libraries { libcxx, libcxxabi, libunwind } = libraries();
        for library in [libcxx, libcxxabi, libunwind] {
            let mut seen = std::collections::HashSet::new();
            for source in library.units.values().flatten().chain(&library.alone) {
                assert!(seen.insert(source), "{source} twice");
            }
            assert!(!library.folder.is_empty() && !library.includes.is_empty() && !library.flags.is_empty());
        }
    }

    #[test]
    fn an_unknown_source_is_compiled_and_a_skipped_one_is_not() {
        let units = divide(&["brand_new.cpp", "iostream.cpp", "support/win32/x.cpp"]);
        let unit = |name: &str| units.iter().find(|unit| unit.name == name);
        assert_eq!(unit("core").unwrap().sources, ["libcxx/src/brand_new.cpp"]);
        assert_eq!(unit("iostream_cpp").unwrap().sources, ["libcxx/src/iostream.cpp"]);
        assert!(!units.iter().flat_map(|unit| &unit.sources).any(|source| source.contains("win32")));
    }

    #[test]
    fn a_listed_source_that_is_gone_is_an_error() {
        let error = libraries().libcxx.divide(vec!["string.cpp".to_owned()]).unwrap_err();
        assert_eq!(error.code(), Code::RuntimeKit);
    }
}
