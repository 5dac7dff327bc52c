//! What every lock becomes: packages with their files, conditions and dependencies.

use std::collections::BTreeMap;
use std::fmt;

use super::{Marker, Range};
use crate::wheel::WheelFileName;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A package index: the one the lock names, else the user's.
    Index(Option<String>),
    /// A folder or page of files (`--find-links`).
    FlatIndex(String),
    /// The address of one archive.
    Archive(String),
    /// A file below the lock's folder.
    File(String),
    /// A repository with the revision that was locked.
    Git { url: String, revision: Option<String> },
    /// A source folder.
    Directory(String),
    /// A source folder that is installed as a link to itself.
    Editable(String),
    /// A project that is not installed at all: only its dependencies count.
    Virtual(String),
}

impl Source {
    /// As a person would say it: `a package index`.
    pub fn describe(&self) -> String {
        match self {
            Self::Index(None) => "the package index".to_owned(),
            Self::Index(Some(index)) => format!("the package index `{index}`"),
            Self::FlatIndex(place) => format!("the files of `{place}`"),
            Self::Archive(url) => format!("the address `{url}`"),
            Self::File(path) => format!("the file `{path}`"),
            Self::Git { url, .. } => format!("the repository `{url}`"),
            Self::Directory(path) | Self::Editable(path) | Self::Virtual(path) => {
                format!("the folder `{path}`")
            }
        }
    }

    /// A project's own folder rather than something to fetch.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Directory(_) | Self::Editable(_) | Self::Virtual(_))
    }
}

/// What a file is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Wheel(WheelFileName),
    /// An archive of sources.
    Sdist,
    /// An egg, an installer or something else that no wheel can be made of.
    Other,
    /// It ends like a wheel, and its name is none; with the reason.
    Unreadable(String),
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Without folders, escapes decoded.
    pub name: String,
    pub kind: Kind,
    /// (algorithm, lower-case hex), as the lock writes them.
    pub hashes: Vec<(String, String)>,
    pub url: Option<String>,
    /// Relative to the lock's folder, or absolute.
    pub path: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was published (RFC 3339), where the lock or the index says.
    pub upload_time: Option<String>,
    /// Which Pythons it is for, where the index says.
    pub requires_python: Option<String>,
    /// Withdrawn by its authors (PEP 592), with the reason; only an index knows.
    pub yanked: Option<String>,
    /// Whether the lock lists it. A file that only the index has is *not locked*.
    pub locked: bool,
}

impl File {
    /// A file that the lock lists under `name`.
    pub fn named(name: &str) -> Self {
        Self {
            kind: kind(name),
            name: name.to_owned(),
            hashes: Vec::new(),
            url: None,
            path: None,
            size: None,
            upload_time: None,
            requires_python: None,
            yanked: None,
            locked: true,
        }
    }

    /// The sha256, if that is among the hashes.
    pub fn sha256(&self) -> Option<&str> {
        self.hashes.iter().find(|(algorithm, _)| algorithm == "sha256").map(|(_, value)| value.as_str())
    }

    pub fn wheel(&self) -> Option<&WheelFileName> {
        match &self.kind {
            Kind::Wheel(name) => Some(name),
            _ => None,
        }
    }
}

/// Endings of archives that a wheel can be built of.
const SDISTS: [&str; 8] =
    [".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lzma", ".tbz2"];

fn kind(name: &str) -> Kind {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".whl") {
        return match name.parse::<WheelFileName>() {
            Ok(wheel) => Kind::Wheel(wheel),
            Err(error) => Kind::Unreadable(error.causes().last().cloned().unwrap_or_default()),
        };
    }
    match SDISTS.iter().any(|ending| lower.ends_with(ending)) {
        true => Kind::Sdist,
        false => Kind::Other,
    }
}

/// The file that the address or path `place` leads to: its last part, without query and fragment,
/// escapes decoded. An address keeps no fragment; a sha256 in it is returned too.
pub(super) fn file_of_url(url: &str) -> Option<(String, String, Option<String>)> {
    let (address, fragment) = url.split_once('#').unwrap_or((url, ""));
    let path = address.split('?').next().unwrap_or(address);
    let name = percent_decode(path.trim_end_matches('/').rsplit('/').next()?);
    let safe = !name.is_empty() && !name.contains(['/', '\\']) && !name.chars().any(char::is_control);
    let sha256 =
        fragment.split('&').find_map(|part| part.strip_prefix("sha256=")).map(str::to_ascii_lowercase);
    safe.then(|| (name, address.to_owned(), sha256))
}

/// `%2B` and its like decoded; what is no escape stays.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a project or package offers beside its plain self.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Its own dependencies.
    Main,
    Extra(String),
    Group(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("the project's dependencies"),
            Self::Extra(name) => write!(f, "extra `{name}`"),
            Self::Group(name) => write!(f, "group `{name}`"),
        }
    }
}

/// A dependency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    /// Normalised.
    pub name: String,
    /// The one version that is meant, where the lock says.
    pub version: Option<String>,
    /// The source that is meant, where the lock says.
    pub source: Option<Source>,
    /// The versions that would do.
    pub range: Option<Range>,
    /// Extras of the dependency, normalised.
    pub extras: Vec<String>,
    pub marker: Marker,
}

/// When a lock that says so itself wants a package: asked for with one of the parts, and marker true.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// `None`: whatever is asked for.
    pub part: Option<Part>,
    pub marker: Marker,
}

/// One version of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Normalised (PEP 503).
    pub name: String,
    /// `None` for a project whose version is dynamic.
    pub version: Option<String>,
    pub source: Source,
    pub files: Vec<File>,
    /// Hashes of files whose names the lock does not say (requirements files).
    pub bare_hashes: Vec<(String, String)>,
    /// When it is wanted; empty where only the dependencies of others say.
    pub conditions: Vec<Condition>,
    /// Environments it was locked for (forks); empty means all of them.
    pub forks: Vec<Marker>,
    pub requires_python: Option<Range>,
    pub dependencies: BTreeMap<Part, Vec<Edge>>,
    /// The line of the lock it begins on; 0 for the project itself.
    pub line: usize,
}

impl Package {
    pub(super) fn new(name: &str, version: Option<&str>, source: Source, line: usize) -> Self {
        Self {
            name: crate::metadata::normalize(name),
            version: version.map(str::to_owned),
            source,
            files: Vec::new(),
            bare_hashes: Vec::new(),
            conditions: Vec::new(),
            forks: Vec::new(),
            requires_python: None,
            dependencies: BTreeMap::new(),
            line,
        }
    }

    /// `numpy 1.26.4`
    pub fn describe(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// Its sdist, `.tar.gz` where there are several.
    pub fn sdist(&self) -> Option<&File> {
        let rank = |file: &&File| {
            let lower = file.name.to_ascii_lowercase();
            SDISTS.iter().position(|ending| lower.ends_with(ending))
        };
        self.files.iter().filter(|file| file.kind == Kind::Sdist).min_by_key(rank)
    }

    /// Dependencies of one part; none where it has no such part.
    pub fn edges(&self, part: &Part) -> &[Edge] {
        self.dependencies.get(part).map_or(&[], Vec::as_slice)
    }

    pub(super) fn depend(&mut self, part: Part, edge: Edge) {
        self.dependencies.entry(part).or_default().push(edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_of_addresses_decoded_and_without_fragment() {
        let (name, url, sha256) = file_of_url(
            "https://files.example.invalid/w/torch-2.1%2Bcpu-cp311-cp311-linux_x86_64.whl?x=1#sha256=AB&y",
        )
        .unwrap();
        assert_eq!(name, "torch-2.1+cpu-cp311-cp311-linux_x86_64.whl");
        assert!(!url.contains('#'));
        assert_eq!(sha256.as_deref(), Some("ab"));
        assert_eq!(file_of_url("../w/a-1.zip").unwrap().0, "a-1.zip");
        assert_eq!(file_of_url("a%2").unwrap().0, "a%2");
        for bad in ["", "https://h.invalid/a%2Fb", "x%0Ay", "#a"] {
            assert_eq!(file_of_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn kinds() {
        assert!(matches!(kind("a-1-py3-none-any.whl"), Kind::Wheel(_)));
        assert!(matches!(kind("a-1-any.whl"), Kind::Unreadable(_)));
        assert_eq!(kind("A-1.TAR.GZ"), Kind::Sdist);
        assert_eq!(kind("a-1-py2.7.egg"), Kind::Other);
    }
}
