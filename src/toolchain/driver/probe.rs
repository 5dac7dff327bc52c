//! Is this compile a question or part of the result?
//!
//! Configure scripts and build systems compile small files to learn what works. Such a compile may
//! fail without harm, and must fail when the target cannot do what it asks for. What a probe looks
//! like is data (`[probe]` in `toolchains/flags.toml`).

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::rules::ProbeMarks;

/// How sure it is that a call is a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Part of the result.
    #[default]
    No,
    /// A small source written during the build: a home-made check, or a small generated file.
    Likely,
    /// By its place or name.
    Sure,
}

/// What decides besides names.
pub struct Surroundings<'a> {
    pub marks: &'a ProbeMarks,
    /// The unpacked sdist; a source there is no probe because of its place alone.
    pub source_tree: Option<&'a Path>,
    /// When the build began: the age of `driver.toml`.
    pub began: Option<SystemTime>,
}

impl Surroundings<'_> {
    /// Judges one source, given as an absolute, normalised path (or `-`), with the folder of the output.
    pub fn judge(&self, source: &Path, output: Option<&Path>) -> Probe {
        if source.as_os_str() == "-" || source.starts_with("/dev") || source.ends_with("-") {
            return Probe::Sure;
        }
        if self.marked(source) || output.is_some_and(|output| self.marked(output)) {
            return Probe::Sure;
        }
        let inside = self.source_tree.is_some_and(|tree| source.starts_with(tree));
        if !inside && source.starts_with(std::env::temp_dir()) && self.is_young(source) != Some(false) {
            return Probe::Sure;
        }
        match self.is_young(source) {
            Some(true) => Probe::Likely,
            Some(false) => Probe::No,
            // Nothing to compile: whoever asks for it does not expect a result.
            None => Probe::Likely,
        }
    }

    /// Judges a link by one of its objects: only names and places tell, for every object is young.
    pub fn judge_object(&self, object: &Path, output: Option<&Path>) -> Probe {
        let marked = self.marked(object) || output.is_some_and(|output| self.marked(output));
        if marked { Probe::Sure } else { Probe::No }
    }

    fn marked(&self, path: &Path) -> bool {
        let below_tree = self.source_tree.and_then(|tree| path.strip_prefix(tree).ok()).unwrap_or(path);
        let mut parts = below_tree.components().rev().map(|part| part.as_os_str().to_string_lossy());
        let name = parts.next().unwrap_or_default();
        self.marks.names.iter().any(|pattern| wildcard(pattern, &name))
            || parts.any(|part| self.marks.folders.iter().any(|pattern| wildcard(pattern, &part)))
    }

    /// Small and written since the build began; `None` when there is no such file.
    fn is_young(&self, source: &Path) -> Option<bool> {
        let metadata = std::fs::metadata(source).ok()?;
        let since = self.began.zip(metadata.modified().ok()).is_some_and(|(began, made)| made > began);
        Some(since && metadata.len() < self.marks.young_bytes)
    }
}

/// A file name pattern in which each `*` stands for any text.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            text.char_indices().any(|(at, _)| wildcard(rest, &text[at..])) || wildcard(rest, "")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::table;
    use super::*;

    fn judge(source: &str, output: Option<&str>) -> Probe {
        let surroundings = Surroundings {
            marks: &table().probe,
            source_tree: Some(Path::new("/build/src")),
            began: Some(SystemTime::now()),
        };
        surroundings.judge(Path::new(source), output.map(Path::new))
    }

    #[test]
    fn build_systems_probe_in_known_places() {
        for (source, output) in [
            ("/build/src/conftest.c", None),
            ("/build/src/_configtest.c", None),
            ("/build/src/.mesonpy-x1/meson-private/tmpab/testfile.c", None),
            ("/build/src/build/CMakeFiles/CMakeScratch/TryCompile-Xy/src.c", None),
            ("/build/src/build/CMakeFiles/3.31/CompilerIdC/CMakeCCompilerId.c", None),
            ("-", None),
            ("/dev/null", None),
            ("/build/src/x.c", Some("/build/src/meson-private/x.o")),
        ] {
            assert_eq!(judge(source, output), Probe::Sure, "{source}");
        }
    }

    #[test]
    fn a_small_file_written_since_is_likely_one_and_an_older_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("speedups.c");
        std::fs::write(&source, "int x;").unwrap();
        let made = std::fs::metadata(&source).unwrap().modified().unwrap();
        let at = |began| {
            let marks = table().probe.clone();
            Surroundings { marks: &marks, source_tree: Some(folder.path()), began: Some(began) }
                .judge(&source, None)
        };
        assert_eq!(at(made - std::time::Duration::from_secs(9)), Probe::Likely);
        assert_eq!(at(made + std::time::Duration::from_secs(9)), Probe::No);
        std::fs::write(&source, " ".repeat(5000)).unwrap();
        assert_eq!(at(made - std::time::Duration::from_secs(9)), Probe::No);
    }
}
