//! Everything that went into one build: the single source of SBOM and provenance.
//!
//! Both documents are made from this value and can be checked against it, so neither can name less
//! than the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::{Error, Result, redact};

/// The inputs of one build. Holds no clock, no random number and no path of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    pub sdist: Artefact,
    /// The target as asked for, canonical: `aarch64-linux-gnu.2.28`.
    pub target: String,
    pub python: PythonRecord,
    /// What was in the build environment, sorted by name.
    pub requirements: Vec<Artefact>,
    /// What the build would have downloaded, sorted by name.
    pub sources: Vec<SourceFile>,
    /// The programs that had a hand in the bytes, sorted by name.
    pub tools: Vec<Tool>,
    /// What was linked into the binaries or grafted, sorted by name.
    pub libraries: Vec<Library>,
    /// The Rust crates that were compiled into the binaries, sorted by name and version.
    #[serde(default)]
    pub crates: Vec<Crate>,
    /// Options of wheelbuild that can change the bytes.
    pub options: BTreeMap<String, String>,
    /// PEP 517 config settings; a key may be given more than once.
    pub config_settings: BTreeMap<String, Vec<String>>,
    /// How strongly the build was isolated: `namespaces`, `landlock`, `none`.
    pub isolation: String,
    pub source_date_epoch: Option<u64>,
    /// Digest of the tables and of the stages that decide bytes.
    pub recipe_digest: String,
}

/// A file of the package index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artefact {
    pub name: String,
    pub version: String,
    /// File name without folder.
    pub file: String,
    pub sha256: String,
}

/// A file that a build system downloads: a meson wrap's archive, a CMake dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// The subproject or dependency that it is.
    pub name: String,
    /// Where it is declared to lie, without credentials.
    pub url: String,
    /// File name without folder.
    pub file: String,
    pub sha256: String,
}

/// The interpreter that ran the hooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonRecord {
    /// `3.11`, `3.13t`.
    pub version: String,
    /// `3.11.7`.
    pub full: String,
    /// A digest of what makes this build of it different from others.
    pub identity: String,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub sha256: String,
}

/// A library, static or grafted, or a part of the runtime kit.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    pub name: String,
    pub version: String,
    /// SPDX expression.
    pub licence: String,
    pub sha256: String,
    /// Where a grafted one comes from, as a package URL: `pkg:deb/debian/libpq5@15.18-0?arch=arm64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What a grafted one is called in the wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Library {
    /// The package URL of where it comes from; a general one where that is not known.
    pub(super) fn purl(&self) -> String {
        self.origin.clone().unwrap_or_else(|| generic_purl(&self.name, &self.version))
    }
}

/// The package URL of a Debian binary package (type `deb`).
pub fn debian_purl(package: &str, version: &str, architecture: &str) -> String {
    format!("pkg:deb/debian/{}@{}?arch={}", percent(package), percent(version), percent(architecture))
}

/// A Rust crate that the project's Cargo.lock names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// SPDX expression, if its manifest has one.
    pub licence: Option<String>,
    /// Of the registry's file; None for a checkout.
    pub sha256: Option<String>,
    /// Of a checkout: `git+URL#COMMIT`.
    pub source: Option<String>,
}

impl BuildRecord {
    /// The record in the one order there is, with credentials taken out of what users gave.
    ///
    /// # Errors
    /// A bug of ours when a digest is none, a name is empty, a file name holds a folder, or a thing
    /// stands twice.
    pub fn checked(mut self) -> Result<Self> {
        self.requirements.sort_unstable();
        self.sources.sort_unstable();
        self.tools.sort_unstable();
        self.libraries.sort_unstable();
        self.crates.sort_unstable();
        let hide = |text: &mut String| *text = redact(text).into_owned();
        self.crates.iter_mut().filter_map(|item| item.source.as_mut()).for_each(hide);
        self.options.values_mut().for_each(hide);
        self.config_settings.values_mut().flatten().for_each(hide);

        let bug = |what: String| Err(Error::bug(format!("the build record is wrong: {what}")));
        let files = self.requirements.iter().chain([&self.sdist]).map(|artefact| &artefact.file);
        for file in files.chain(self.sources.iter().map(|source| &source.file)) {
            if file.is_empty() || file.contains(['/', '\\']) {
                return bug(format!("`{file}` is no file name"));
            }
        }
        for (name, version, sha256) in self.named() {
            if name.is_empty() || version.is_empty() || !is_sha256(sha256) {
                return bug(format!("`{name}` `{version}` with the digest `{sha256}`"));
            }
        }
        for Crate { name, version, sha256, source, .. } in &self.crates {
            let known = sha256.as_ref().map_or(source.is_some(), |sha256| is_sha256(sha256));
            if name.is_empty() || version.is_empty() || !known {
                return bug(format!("the crate `{name}` `{version}`"));
            }
        }
        // Several versions of a crate in one binary are the rule.
        if let Some(pair) = self.crates.windows(2).find(|pair| pair[0] == pair[1]) {
            return bug(format!("the crate `{}` stands twice", pair[0].name));
        }
        let doubles = |names: Vec<&String>| {
            names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone())
        };
        let lists = [
            self.requirements.iter().map(|item| &item.name).collect(),
            self.sources.iter().map(|item| &item.file).collect(),
            self.tools.iter().map(|item| &item.name).collect(),
            self.libraries.iter().map(|item| &item.name).collect(),
        ];
        if let Some(name) = lists.into_iter().find_map(doubles) {
            return bug(format!("`{name}` stands twice"));
        }
        Ok(self)
    }

    /// Name, version and digest of everything that has all three.
    fn named(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let artefacts = self.requirements.iter().chain([&self.sdist]);
        artefacts
            .map(|item| (item.name.as_str(), item.version.as_str(), item.sha256.as_str()))
            .chain(
                self.sources.iter().map(|item| (item.name.as_str(), item.url.as_str(), item.sha256.as_str())),
            )
            .chain(
                self.tools
                    .iter()
                    .map(|item| (item.name.as_str(), item.version.as_str(), item.sha256.as_str())),
            )
            .chain(
                self.libraries
                    .iter()
                    .map(|item| (item.name.as_str(), item.version.as_str(), item.sha256.as_str())),
            )
    }
}

/// Whether `text` is 64 lower-case hexadecimal digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The package URL of a crate (type `cargo`); that of a checkout says where it comes from.
pub(super) fn cargo_purl(name: &str, version: &str, source: Option<&str>) -> String {
    let mut purl = format!("pkg:cargo/{}@{}", percent(name), percent(version));
    if let Some(source) = source {
        purl.push_str("?vcs_url=");
        purl.push_str(&percent(source));
    }
    purl
}

/// The package URL of a project on the index; `qualifiers` such as `file_name=…`
/// (<https://github.com/package-url/purl-spec>, type `pypi`).
pub(super) fn pypi_purl(name: &str, version: &str, file: Option<&str>) -> String {
    let mut purl = format!("pkg:pypi/{}@{}", crate::metadata::normalize(name), percent(version));
    if let Some(file) = file {
        purl.push_str("?file_name=");
        purl.push_str(&percent(file));
    }
    purl
}

/// The package URL of something that comes from no index.
pub(super) fn generic_purl(name: &str, version: &str) -> String {
    format!("pkg:generic/{}@{}", percent(name), percent(version))
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::Code;

    /// A record with one of everything, in no order.
    pub(crate) fn sample() -> BuildRecord {
        let artefact = |name: &str, version: &str, file: &str, digit: char| Artefact {
            name: name.into(),
            version: version.into(),
            file: file.into(),
            sha256: digit.to_string().repeat(64),
        };
        let tool = |name: &str, version: &str, digit: char| Tool {
            name: name.into(),
            version: version.into(),
            sha256: digit.to_string().repeat(64),
        };
        BuildRecord {
            sdist: artefact("Demo.Pkg", "1.0+x", "demo_pkg-1.0+x.tar.gz", '1'),
            target: "aarch64-linux-gnu.2.28".into(),
            python: PythonRecord { version: "3.11".into(), full: "3.11.7".into(), identity: "a".repeat(64) },
            requirements: vec![
                artefact("setuptools", "82.0.1", "setuptools-82.0.1-py3-none-any.whl", '2'),
                artefact("Cython", "3.2.1", "cython-3.2.1-cp311-cp311-manylinux_2_17_x86_64.whl", '3'),
            ],
            sources: vec![SourceFile {
                name: "qhull".into(),
                url: "https://example.org/qhull-2020.tgz".into(),
                file: "qhull-2020.tgz".into(),
                sha256: "8".repeat(64),
            }],
            tools: vec![tool("zig", "0.17.1", '4'), tool("wheelbuild", "0.1.0", '5')],
            libraries: vec![Library {
                name: "compiler-rt".into(),
                version: "22.1.8".into(),
                licence: "Apache-2.0 WITH LLVM-exception".into(),
                sha256: "6".repeat(64),
                origin: None,
                file: None,
            }],
            crates: vec![
                Crate {
                    name: "pyo3".into(),
                    version: "0.28.0".into(),
                    licence: Some("MIT OR Apache-2.0".into()),
                    sha256: Some("ab".repeat(32)),
                    source: None,
                },
                Crate {
                    name: "checkout".into(),
                    version: "1.0.0".into(),
                    licence: None,
                    sha256: None,
                    source: Some("git+https://example.invalid/a#0123".into()),
                },
            ],
            options: BTreeMap::from([("cc".into(), "zig".into())]),
            config_settings: BTreeMap::from([("setup-args".into(), vec!["-Da=1".into(), "-Db=2".into()])]),
            isolation: "namespaces".into(),
            source_date_epoch: None,
            recipe_digest: "7".repeat(64),
        }
        .checked()
        .unwrap()
    }

    #[test]
    fn order_and_credentials_do_not_matter() {
        let mut record = sample();
        record.requirements.reverse();
        record.tools.reverse();
        assert_eq!(record.checked().unwrap(), sample());
        let mut record = sample();
        record.config_settings.insert("index".into(), vec!["https://me:secret@host/".into()]);
        let record = record.checked().unwrap();
        assert_eq!(record.config_settings["index"], ["https://***@host/"]);
    }

    #[test]
    fn wrong_records_are_our_bug() {
        let changes: [fn(&mut BuildRecord); 5] = [
            |record| record.sdist.file = "/home/me/a.tar.gz".into(),
            |record| record.tools[0].sha256 = "abc".into(),
            |record| record.libraries[0].name.clear(),
            |record| record.requirements.push(record.requirements[0].clone()),
            |record| record.requirements[0].version.clear(),
        ];
        for change in changes {
            let mut record = sample();
            change(&mut record);
            assert_eq!(record.checked().unwrap_err().code(), Code::Bug);
        }
    }

    #[test]
    fn package_urls() {
        assert_eq!(pypi_purl("Demo.Pkg", "1.0+x", None), "pkg:pypi/demo-pkg@1.0%2Bx");
        assert_eq!(pypi_purl("a_b", "1", Some("a b.whl")), "pkg:pypi/a-b@1?file_name=a%20b.whl");
        assert_eq!(generic_purl("libc++", "1"), "pkg:generic/libc%2B%2B@1");
    }
}
