//! What is judged: a wheel's files and statements, without a zip around them.

use crate::metadata::Metadata;
use crate::target::Tag;
use crate::wheel::RawWheel;

/// A raw wheel as the judge sees it.
#[derive(Clone, Debug)]
pub struct Contents<'a> {
    /// Every file: its name in the wheel and its bytes.
    pub members: Vec<(&'a str, &'a [u8])>,
    /// METADATA.
    pub metadata: &'a Metadata,
    /// Root-Is-Purelib of WHEEL.
    pub purelib: bool,
    /// The tags WHEEL claims, expanded.
    pub tags: &'a [Tag],
}

impl<'a> From<&'a RawWheel> for Contents<'a> {
    fn from(wheel: &'a RawWheel) -> Self {
        Self {
            members: wheel.members().iter().map(|member| (member.name.as_str(), &member.data[..])).collect(),
            metadata: wheel.metadata(),
            purelib: wheel.wheel().purelib,
            tags: &wheel.wheel().tags,
        }
    }
}

/// Where `member` lies below the folder that imports search, or None when it is installed elsewhere
/// (scripts, headers, data; PEP 427).
pub(in crate::wheel) fn import_path(member: &str) -> Option<&str> {
    let (top, rest) = member.split_once('/').unwrap_or((member, ""));
    if !top.ends_with(".data") {
        return Some(member);
    }
    rest.strip_prefix("platlib/").or_else(|| rest.strip_prefix("purelib/"))
}

/// The folder of `path`, without the final slash; empty at the top.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of `path`.
pub(super) fn file_name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_paths() {
        assert_eq!(import_path("pkg/_x.so"), Some("pkg/_x.so"));
        assert_eq!(import_path("a-1.data/platlib/pkg/_x.so"), Some("pkg/_x.so"));
        assert_eq!(import_path("a-1.data/purelib/_x.so"), Some("_x.so"));
        assert_eq!(import_path("a-1.data/scripts/ninja"), None);
        assert_eq!(import_path("a-1.data"), None);
        assert_eq!((folder_of("a/b/c"), file_name_of("a/b/c")), ("a/b", "c"));
        assert_eq!((folder_of("c"), file_name_of("c")), ("", "c"));
    }
}
