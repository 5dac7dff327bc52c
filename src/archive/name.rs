//! Names of entries: the one spelling we accept, and when two are the same file somewhere.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::Limits;
use super::refusal::hostile;
use crate::report::Result;

/// The longest component that Linux file systems take, in bytes.
const LONGEST_COMPONENT: usize = 255;

/// An entry's path: relative, `/` between components, no `.`, `..` or empty component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub path: String,
    /// The name ended in a slash.
    pub folder: bool,
}

/// How names may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `./a//b` is read as `a/b`, as tar does.
    Lenient,
    /// Only `a/b`: names of zip members are compared byte by byte (RECORD).
    Exact,
}

impl Name {
    /// Reads the name of an entry; `None` for the archive's own root (`./`).
    ///
    /// # Errors
    /// Hostile: absolute, `..`, backslashes, drive letters, control characters, not UTF-8, or longer
    /// or deeper than `limits`.
    pub fn read(raw: &[u8], spelling: Spelling, limits: &Limits) -> Result<Option<Self>> {
        let lossy = String::from_utf8_lossy(raw);
        let refuse = |why: &str| Err(hostile(&lossy, why));
        let Ok(text) = std::str::from_utf8(raw) else {
            return refuse("has a name that is not UTF-8");
        };
        if text.is_empty() {
            return refuse("has no name");
        }
        if text.len() > limits.path_bytes {
            return Err(hostile(text, format_args!("has a name longer than {} bytes", limits.path_bytes)));
        }
        if text.chars().any(char::is_control) {
            return refuse("has a control character in its name");
        }
        if text.contains('\\') {
            return refuse("has a backslash in its name");
        }
        if text.starts_with('/') {
            return refuse("has an absolute path");
        }
        if matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
            return refuse("has a drive letter in its name");
        }
        let folder = text.ends_with('/');
        let mut path = String::with_capacity(text.len());
        let mut depth = 0;
        for component in text.strip_suffix('/').unwrap_or(text).split('/') {
            match component {
                ".." => return refuse("leads out of the archive's folder by `..`"),
                "" | "." if spelling == Spelling::Exact => {
                    return refuse("has an empty or `.` component in its name");
                }
                "" | "." => continue,
                _ if component.len() > LONGEST_COMPONENT => {
                    return refuse("has a component longer than 255 bytes in its name");
                }
                _ => {}
            }
            if depth > 0 {
                path.push('/');
            }
            path.push_str(component);
            depth += 1;
        }
        if depth > limits.depth {
            return Err(hostile(text, format_args!("lies more than {} folders deep", limits.depth)));
        }
        Ok((depth > 0).then_some(Self { path, folder }))
    }
}

/// What a file system that ignores case and Unicode normalisation makes of `path`: two paths with
/// one key are one file there.
pub(super) fn collision_key(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    // Upper case first: `ß` and `SS`, `ſ` and `s` fold together only that way.
    let folded = nfc.normalize(path).to_uppercase().to_lowercase();
    match nfc.normalize(&folded) {
        Cow::Borrowed(_) => folded,
        Cow::Owned(key) => key,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Name, Spelling, collision_key};
    use crate::archive::Limits;
    use crate::report::Code;

    fn read(raw: &[u8], spelling: Spelling) -> Result<Option<(String, bool)>, String> {
        Name::read(raw, spelling, &Limits::default()).map(|name| name.map(|n| (n.path, n.folder))).map_err(
            |error| {
                assert_eq!(error.code(), Code::HostileArchive);
                error.headline().to_owned()
            },
        )
    }

    #[test]
    fn plain_names_are_kept() {
        assert_eq!(read(b"a/b.c", Spelling::Exact), Ok(Some(("a/b.c".into(), false))));
        assert_eq!(read(b"a/", Spelling::Exact), Ok(Some(("a".into(), true))));
        assert_eq!(read("a/é".as_bytes(), Spelling::Exact), Ok(Some(("a/é".into(), false))));
        assert_eq!(read(b"a/..b/c..", Spelling::Exact), Ok(Some(("a/..b/c..".into(), false))));
    }

    #[test]
    fn tar_spellings_are_normalised_and_zip_spellings_are_not() {
        assert_eq!(read(b"./a//./b", Spelling::Lenient), Ok(Some(("a/b".into(), false))));
        assert_eq!(read(b"./", Spelling::Lenient), Ok(None));
        for raw in [&b"./a"[..], b"a//b", b"a/./b", b"a/."] {
            assert!(read(raw, Spelling::Exact).unwrap_err().contains("component"));
        }
    }

    #[test]
    fn dangerous_names_are_refused() {
        for (raw, why) in [
            (&b""[..], "no name"),
            (b"/etc/passwd", "absolute"),
            (b"../a", "`..`"),
            (b"a/../../b", "`..`"),
            (b"a/..", "`..`"),
            (b"a/../", "`..`"),
            (b"a\\b", "backslash"),
            (b"..\\a", "backslash"),
            (b"C:/a", "drive"),
            (b"c:a", "drive"),
            (b"a\0b", "control"),
            (b"a\nb", "control"),
            (b"a\x7f", "control"),
            (b"\xc2\x85", "control"),
            (b"\xff", "UTF-8"),
        ] {
            for spelling in [Spelling::Lenient, Spelling::Exact] {
                let headline = read(raw, spelling).unwrap_err();
                assert!(headline.contains(why), "{headline}");
                assert!(!headline.contains(['\0', '\n']), "the message itself is printable");
            }
        }
    }

    #[test]
    fn long_and_deep_names_are_refused() {
        assert!(read(&[b'a'; 256], Spelling::Exact).unwrap_err().contains("255"));
        assert!(read("ab/".repeat(400).as_bytes(), Spelling::Exact).unwrap_err().contains("longer"));
        assert!(read("a/".repeat(65).as_bytes(), Spelling::Exact).unwrap_err().contains("deep"));
    }

    #[test]
    fn names_collide_by_case_and_by_normalisation() {
        assert_eq!(collision_key("A/Readme"), collision_key("a/README"));
        assert_eq!(collision_key("caf\u{e9}"), collision_key("cafe\u{301}"));
        assert_eq!(collision_key("STRASSE"), collision_key("straße"));
        assert_ne!(collision_key("a/b"), collision_key("a/c"));
    }

    proptest! {
        #[test]
        fn an_accepted_name_stays_inside(raw in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Some(name)) = Name::read(&raw, Spelling::Lenient, &Limits::default()) {
                prop_assert!(!name.path.starts_with('/'));
                prop_assert!(name.path.split('/').all(|c| !matches!(c, "" | "." | "..")));
            }
        }
    }
}
