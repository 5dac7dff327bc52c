//! Core metadata: what PKG-INFO of an sdist and METADATA of a wheel say about a project.
//!
//! The file is written like the header of an e-mail, and installers read it with an e-mail parser.
//! We read it as they do, so that what we judge is what they will see: tolerant in everything (odd
//! bytes, folded lines, any line ending), strict in the two fields that name the artefact.
//! <https://packaging.python.org/en/latest/specifications/core-metadata/> is the specification.

mod name;
mod parse;
mod requirement;

pub use name::{is_valid_name, normalize};
pub use pep440_rs::Version;
pub use requirement::{marker, requirement};

use crate::report::{Code, Error, Result};

/// The highest major version of the specification that this module understands. Tools must refuse
/// a higher one, since its fields may mean something else.
const HIGHEST_MAJOR: u32 = 2;

/// Fields that name the artefact and therefore may stand only once.
const ONLY_ONCE: [&str; 3] = ["Metadata-Version", "Name", "Version"];

/// The core metadata of one project, with a name and a version that are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    fields: Vec<(String, String)>,
    body: String,
    defects: Vec<String>,
    version: Version,
}

impl Metadata {
    /// Reads PKG-INFO or METADATA: UTF-8, or Latin-1 where it is not UTF-8 (old releases).
    ///
    /// # Errors
    /// [`Code::BadMetadata`] when Name or Version is missing, stands twice, or breaks its rule
    /// (PEP 508 names, PEP 440 versions), and when the metadata version is beyond 2.x.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let parse::Parsed { fields, body, defects } = parse::parse(bytes);
        for field in ONLY_ONCE {
            if fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(field)).count() > 1 {
                return Err(bad(format!("the metadata names `{field}` twice")));
            }
        }
        let find = |field: &str| {
            fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(field)).map(|(_, value)| value.as_str())
        };
        if let Some(text) = find("Metadata-Version") {
            let (major, _) = version_pair(text)
                .ok_or_else(|| bad(format!("`{}` is no metadata version", text.escape_default())))?;
            if major > HIGHEST_MAJOR {
                return Err(bad(format!("metadata version `{text}` is newer than {HIGHEST_MAJOR}.x")));
            }
        }
        let name = find("Name").ok_or_else(|| bad("the metadata has no `Name`"))?;
        if !is_valid_name(name) {
            return Err(bad(format!("`{}` is no valid project name", name.escape_default()))
                .cause("letters, digits, `.`, `-` and `_`, with a letter or digit at both ends (PEP 508)"));
        }
        let text = find("Version").ok_or_else(|| bad("the metadata has no `Version`"))?;
        let version = parse_version(text)?;
        Ok(Self { fields, body, defects, version })
    }

    /// The project's name as written; [`normalize`] makes names comparable.
    pub fn name(&self) -> &str {
        self.get("Name").unwrap_or_default()
    }

    /// The version as written; [`Metadata::pep440`] is the comparable form.
    pub fn version(&self) -> &str {
        self.get("Version").unwrap_or_default()
    }

    /// The version as PEP 440 orders it.
    pub fn pep440(&self) -> &Version {
        &self.version
    }

    /// The version of the specification the file claims to follow, as `(major, minor)`.
    pub fn metadata_version(&self) -> Option<(u32, u32)> {
        self.get("Metadata-Version").and_then(version_pair)
    }

    /// The first value of `field` (any case), folded lines joined by newlines.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.get_all(field).into_iter().next()
    }

    /// Every value of `field` (any case) in the order of the file.
    pub fn get_all(&self, field: &str) -> Vec<&str> {
        self.fields().filter(|(key, _)| key.eq_ignore_ascii_case(field)).map(|(_, value)| value).collect()
    }

    /// Every field with its value in the order of the file, names as written.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether the sdist promises that its wheels carry the same value of `field` (PEP 643): from
    /// metadata version 2.2 on, for every field that `Dynamic` does not list. Name and version are
    /// promised always.
    pub fn is_static(&self, field: &str) -> bool {
        if field.eq_ignore_ascii_case("Name") || field.eq_ignore_ascii_case("Version") {
            return true;
        }
        self.metadata_version() >= Some((2, 2))
            && !self.get_all("Dynamic").iter().any(|dynamic| dynamic.eq_ignore_ascii_case(field))
    }

    /// The description: what follows the header, or else the `Description` field unfolded.
    pub fn description(&self) -> String {
        match self.get("Description") {
            Some(folded) if self.body.trim().is_empty() => parse::unfold_description(folded),
            _ => self.body.clone(),
        }
    }

    /// What an e-mail parser would stumble over, as sentences. A line without a colon ends the
    /// header there, so that fields below it do not count.
    pub fn defects(&self) -> &[String] {
        &self.defects
    }
}

/// `text` as a PEP 440 version.
///
/// # Errors
/// [`Code::BadMetadata`] when it is none.
pub fn parse_version(text: &str) -> Result<Version> {
    // A version becomes part of file and folder names: PEP 440 allows nothing that could hurt there.
    text.parse().map_err(|error| {
        bad(format!("`{}` is no valid version", text.escape_default()))
            .cause(format!("{error}"))
            .cause("versions follow PEP 440")
    })
}

/// Whether two spellings name the same version, as `1.0` and `1.0.0` do. Spellings that are no
/// PEP 440 versions equal only themselves.
pub fn version_eq(a: &str, b: &str) -> bool {
    match (a.parse::<Version>(), b.parse::<Version>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn version_pair(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn bad(headline: impl Into<String>) -> Error {
    Error::new(Code::BadMetadata, headline)
}

#[cfg(test)]
mod tests;
