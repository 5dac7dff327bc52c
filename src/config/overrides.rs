//! What is known of single packages: `toolchains/packages/*.toml`, one file a package.
//!
//! Such knowledge is the last resort: each entry says why it is needed and for which versions, and
//! `--no-overrides` builds without any. What the user says wins over it.

use pep440_rs::{Version, VersionSpecifiers};
use serde::Deserialize;

use super::Package;
use crate::report::{Error, Result};

/// Every file of `toolchains/packages`, by its name without the ending. A test holds the folder to it.
const FILES: &[(&str, &str)] = &[];

/// One entry of a file: `[[override]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Why the package cannot be built without it.
    why: String,
    /// The versions that need it (PEP 440 specifiers).
    versions: String,
    /// What it sets, with the keys of a `[packages.NAME]` table.
    set: Package,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "override")]
    entries: Vec<Entry>,
}

/// What is known of one version of a package.
#[derive(Clone, Debug)]
pub struct Override {
    pub why: String,
    pub set: Package,
}

/// The entries for `version` of the package called `name` (normalised), in order.
///
/// # Errors
/// A bug of ours when a table is wrong, which a test excludes.
pub fn overrides(name: &str, version: &Version) -> Result<Vec<Override>> {
    let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else { return Ok(Vec::new()) };
    entries(name, text, version)
}

fn entries(name: &str, text: &str, version: &Version) -> Result<Vec<Override>> {
    let bug = |why: String| Error::bug(format!("toolchains/packages/{name}.toml: {why}"));
    let file: File = toml::from_str(text).map_err(|error| bug(error.to_string()))?;
    let mut found = Vec::new();
    for entry in file.entries {
        let versions: VersionSpecifiers =
            entry.versions.parse().map_err(|error| bug(format!("`{}`: {error}", entry.versions)))?;
        if entry.why.trim().is_empty() {
            return Err(bug("an entry does not say why".to_owned()));
        }
        if versions.contains(version) {
            found.push(Override { why: entry.why, set: entry.set });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::metadata::normalize;

    #[test]
    fn every_file_is_read_and_is_for_a_package() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("toolchains/packages");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
            .collect();
        there.sort();
        let known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, known);
        for (name, text) in FILES {
            assert_eq!(*name, normalize(name));
            entries(name, text, &"0".parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn an_entry_is_for_its_versions_alone() {
        let text = "[[override]]\nwhy = 'its check runs a program'\nversions = '<2'\nset.env.A = '1'\n";
        let at = |version: &str| entries("x", text, &version.parse().unwrap()).unwrap();
        assert_eq!(at("1.9")[0].set.env["A"], "1");
        assert!(at("2.0").is_empty());
        for wrong in [
            "[[override]]\nversions = '<2'\nset = {}",
            "[[override]]\nwhy = ' '\nversions = '<2'\nset = {}",
            "[[override]]\nwhy = 'a'\nversions = 'x'\nset = {}",
            "[[override]]\nwhy = 'a'\nversions = '<2'\nset.enf.A = '1'",
        ] {
            assert!(entries("x", wrong, &"1".parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
