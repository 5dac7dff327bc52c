//! Cargo.lock as data (The Cargo Book, "Cargo.toml vs Cargo.lock"; the format's versions 1 to 4).

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::report::{Code, Error, Result};

/// The crates of a lock that come from elsewhere than the source tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoLock {
    /// Sorted by name and version.
    pub crates: BTreeSet<LockedCrate>,
}

/// One crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedCrate {
    pub name: String,
    pub version: String,
    /// `registry+https://…`, `sparse+https://…`, `git+https://…#commit`.
    pub source: String,
    /// SHA-256 of the registry's file; none for git.
    pub checksum: Option<String>,
}

impl LockedCrate {
    /// Whether it is a checkout and no file of a registry.
    pub fn is_git(&self) -> bool {
        self.source.starts_with("git+")
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    /// Checksums of lock format 1: `"checksum NAME VERSION (SOURCE)" = "sha256"`.
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl CargoLock {
    /// Reads the text of a lock. `place` is its path in the source tree, for messages.
    ///
    /// # Errors
    /// [`Code::CargoLock`] when it is no lock, or holds a name that is none.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let wrong = |why: String| Error::new(Code::CargoLock, format!("`{place}` is wrong")).cause(why);
        let file: File = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        let mut crates = BTreeSet::new();
        for package in file.package {
            let Some(source) = package.source else { continue };
            // Both become names of folders.
            for word in [&package.name, &package.version] {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
                if word.is_empty() || word.starts_with('.') || !word.chars().all(plain) {
                    return Err(wrong(format!("`{}` is no name or version", word.escape_default())));
                }
            }
            let old = format!("checksum {} {} ({source})", package.name, package.version);
            let checksum = package.checksum.or_else(|| file.metadata.get(&old).cloned());
            let is_sha256 = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            let checksum = checksum.filter(is_sha256).map(|text| text.to_ascii_lowercase());
            crates.insert(LockedCrate { name: package.name, version: package.version, source, checksum });
        }
        Ok(Self { crates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn crates_of_every_lock_format_with_their_checksums() {
        let registry = "registry+https://example.invalid/index";
        let new = format!(
            "version = 4\n[[package]]\nname='own'\nversion='0.1.0'\n\
             [[package]]\nname='b'\nversion='1.0.0+x'\nsource='{registry}'\nchecksum='{SUM}'\n\
             [[package]]\nname='a'\nversion='1.0.0'\nsource='git+https://example.invalid/a?rev=1#2'\n"
        );
        let lock = CargoLock::parse(&new, "Cargo.lock").unwrap();
        let names: Vec<_> = lock.crates.iter().map(|krate| krate.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(lock.crates.first().unwrap().is_git());
        assert_eq!(lock.crates.last().unwrap().checksum.as_deref(), Some(SUM));
        let old = format!(
            "[[package]]\nname='b'\nversion='1.0.0'\nsource='{registry}'\n\
             [metadata]\n'checksum b 1.0.0 ({registry})'='{SUM}'\n"
        );
        assert_eq!(
            CargoLock::parse(&old, "x").unwrap().crates.first().unwrap().checksum.as_deref(),
            Some(SUM)
        );
        assert!(CargoLock::parse("", "x").unwrap().crates.is_empty());
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        for (name, version) in [("../a", "1"), ("a", "1/2"), ("", "1"), (".", "1"), ("a", "..")] {
            let text = format!("[[package]]\nname='{name}'\nversion='{version}'\nsource='registry+x'\n");
            assert_eq!(CargoLock::parse(&text, "x").unwrap_err().code(), Code::CargoLock, "{name} {version}");
        }
        assert_eq!(CargoLock::parse("[[package]]\nname=1", "x").unwrap_err().code(), Code::CargoLock);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
            let _ = CargoLock::parse(&text, "x");
        }
    }
}
