//! Which version of a project an sdist's file name names.

use crate::metadata::{Version, normalize};

/// Endings of sdists that we read, preferred first.
const ENDINGS: [&str; 8] =
    [".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lzma", ".tbz2"];

/// How much an sdist of this name is preferred over others of its version, lower is better; `None`
/// when the name is not an sdist's.
pub(super) fn sdist_rank(filename: &str) -> Option<usize> {
    ENDINGS.iter().position(|ending| filename.to_ascii_lowercase().ends_with(ending))
}

/// The version in the name of an sdist of `project` (PEP 625; old names with any spelling of the
/// project and dashes in it too).
pub fn sdist_version(filename: &str, project: &str) -> Option<Version> {
    let ending = ENDINGS[sdist_rank(filename)?];
    let stem = &filename[..filename.len() - ending.len()];
    let project = normalize(project);
    stem.match_indices('-')
        .filter(|(at, _)| normalize(&stem[..*at]) == project)
        .find_map(|(at, _)| stem[at + 1..].parse().ok())
}

/// The version in the name of a wheel of `project` (PEP 427).
pub(super) fn wheel_version(filename: &str, project: &str) -> Option<Version> {
    let mut parts = filename.strip_suffix(".whl")?.split('-');
    let name = parts.next()?;
    let version = parts.next()?;
    (normalize(name) == normalize(project)).then(|| version.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_age() {
        for (filename, project, version) in [
            ("grpclib-0.4.9.tar.gz", "grpclib", Some("0.4.9")),
            ("zope.interface-5.0.zip", "zope-interface", Some("5.0")),
            ("zope_interface-5.0.tar.bz2", "Zope.Interface", Some("5.0")),
            ("foo-bar-1.0-2.tar.gz", "foo-bar", Some("1.0.post2")),
            ("foo-bar-1.0.tar.gz", "foo", None),
            ("Foo-1.0RC1.TAR.GZ", "foo", Some("1.0rc1")),
            ("foo-1.0.exe", "foo", None),
            ("foo-1.0-py3-none-any.whl", "foo", None),
            ("foo.tar.gz", "foo", None),
        ] {
            let found = sdist_version(filename, project).map(|version| version.to_string());
            assert_eq!(found.as_deref(), version, "{filename}");
        }
        assert_eq!(wheel_version("foo_bar-1.0-py3-none-any.whl", "foo.bar").unwrap().to_string(), "1.0");
        assert_eq!(wheel_version("foo-1.0-py3-none-any.whl", "fo"), None);
    }
}
