//! The catalogue of libraries, `toolchains/native.toml`, and the pins of `toolchains/debian.tsv`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::apt::{Pinned, read_table};
use crate::report::{Code, Error, Result};
use crate::toolchain::driver::Archives;

/// One library.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Library {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    /// SPDX expression.
    pub licence: String,
    /// pkg-config modules.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Headers, as an `#include` spells them.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Names after `-l`.
    pub links: Vec<String>,
    /// Names of other libraries.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Libraries of the C library.
    #[serde(default)]
    pub system: Vec<String>,
    /// Configuration programs.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Its archives need the C++ runtime.
    #[serde(default)]
    pub cxx: bool,
    /// Whether a build that looks for it gets it, or only one that names it.
    #[serde(default = "yes")]
    pub on_demand: bool,
    #[serde(rename = "static")]
    pub archives: Option<Static>,
    pub source: Option<Source>,
    pub graft: Option<Graft>,
}

/// Shared libraries of the distribution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graft {
    /// The development package, the library's, then those of everything it loads that no platform tag
    /// promises.
    pub packages: Vec<String>,
}

/// Archives of the distribution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Static {
    pub packages: Vec<String>,
    /// The newest glibc 2.x whose functions they call.
    #[serde(default = "oldest")]
    pub glibc: u32,
}

/// How it is built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The distribution's source package.
    pub package: String,
    /// Tools from the package index: `cmake`, `ninja`, `meson`.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Lines for `sh -e`.
    pub script: String,
}

fn yes() -> bool {
    true
}

fn oldest() -> u32 {
    17
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Architecture → suite; read by `scripts/pin-native`.
    #[allow(dead_code, reason = "the script's part of the table")]
    suites: BTreeMap<String, String>,
    library: Vec<Library>,
}

static TABLE: LazyLock<Vec<Library>> = LazyLock::new(|| {
    let text = include_str!("../../toolchains/native.toml");
    // A test reads the whole table, so it parses.
    toml::from_str::<Table>(text).expect("toolchains/native.toml is well-formed").library
});

static PINS: LazyLock<Vec<Pinned>> = LazyLock::new(|| {
    let text = include_str!("../../toolchains/debian.tsv");
    // A test reads the whole table, so it parses.
    read_table(text).expect("toolchains/debian.tsv is well-formed")
});

/// Folders of headers that many libraries share.
const SHARED_FOLDERS: &[&str] = &["sys", "linux", "arpa", "net", "netinet"];

impl Library {
    /// Every library, in the table's order.
    pub fn all() -> &'static [Library] {
        &TABLE
    }

    /// The library that people call `name`.
    ///
    /// # Errors
    /// [`Code::Usage`] with the nearest name.
    pub fn named(name: &str) -> Result<&'static Library> {
        Self::find(name).ok_or_else(|| {
            let names = Self::all().iter().flat_map(|library| library.names());
            let near =
                names.min_by_key(|known| strsim::damerau_levenshtein(known, &name.to_ascii_lowercase()));
            let error = Error::new(Code::Usage, format!("no native library is called `{name}`"));
            error
                .hint(format!("did you mean `{}`?", near.unwrap_or_default()))
                .hint("give the target's copy of another library with `--sysroot DIR`")
        })
    }

    /// The same, for names that may well be unknown.
    pub fn find(name: &str) -> Option<&'static Library> {
        let lower = name.to_ascii_lowercase();
        Self::all().iter().find(|library| library.names().any(|known| known == lower))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str()].into_iter().chain(self.aliases.iter().map(String::as_str))
    }

    /// The library that a header belongs to: by its whole name, else by its folder.
    pub fn of_header(header: &str) -> Option<&'static Library> {
        let whole = Self::all().iter().find(|library| library.headers.iter().any(|known| known == header));
        let folder = header.split_once('/').map(|(folder, _)| folder);
        let folder = folder.filter(|folder| !SHARED_FOLDERS.contains(folder));
        let of_folder = |library: &&Library| {
            let folders = library.headers.iter().filter_map(|known| known.split_once('/'));
            folder.is_some_and(|wanted| folders.into_iter().any(|(folder, _)| folder == wanted))
        };
        whole.or_else(|| Self::all().iter().find(of_folder))
    }

    /// The library that a link names.
    pub fn of_link(name: &str) -> Option<&'static Library> {
        Self::all().iter().find(|library| library.links.iter().any(|known| known == name))
    }

    /// The library of a pkg-config module.
    pub fn of_module(name: &str) -> Option<&'static Library> {
        Self::all().iter().find(|library| library.modules.iter().any(|known| known == name))
    }

    /// The library of a configuration program.
    pub fn of_program(name: &str) -> Option<&'static Library> {
        Self::all().iter().find(|library| library.programs.iter().any(|known| known == name))
    }
}

/// `names` and what they need, each once, a library before what it needs. All names are of the table.
pub fn closure<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'static Library> {
    fn visit(name: &str, order: &mut Vec<&'static Library>) {
        let Some(library) = Library::find(name) else { return };
        if order.iter().any(|known| known.name == library.name) {
            return;
        }
        library.needs.iter().for_each(|need| visit(need, order));
        order.push(library);
    }
    let mut order = Vec::new();
    names.into_iter().for_each(|name| visit(name, &mut order));
    order.reverse();
    order
}

/// What the drivers must know of the archives of `libraries`.
pub fn driver_archives(libraries: &[&Library]) -> Archives {
    let mut archives = Archives::default();
    for library in libraries {
        let all = closure([library.name.as_str()]);
        let needs: Vec<String> =
            all.iter().flat_map(|library| library.links.iter().chain(&library.system)).cloned().collect();
        for link in &library.links {
            let others = needs.iter().filter(|other| *other != link).cloned().collect();
            archives.needs.insert(link.clone(), others);
            archives.files.push(format!("lib{link}.a"));
            if all.iter().any(|library| library.cxx) {
                archives.cxx.push(link.clone());
            }
        }
    }
    archives
}

/// The pins of a package for an architecture (`source` for sources); empty where there are none.
pub fn pinned(package: &str, architecture: &str) -> Vec<&'static Pinned> {
    PINS.iter().filter(|pin| pin.package == package && pin.architecture == architecture).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::choice::OWN_PACKAGES;
    use super::*;

    #[test]
    fn every_row_is_whole() {
        let mut seen = HashSet::new();
        for library in Library::all() {
            let name = &library.name;
            assert!(library.names().all(|name| seen.insert(name.to_owned())), "{name} stands twice");
            assert!(!library.licence.is_empty() && !library.links.is_empty(), "{name}");
            let ways = [library.archives.is_some(), library.source.is_some(), library.graft.is_some()];
            assert!(ways.contains(&true), "{name} can be had in no way");
            assert!(
                library.needs.iter().all(|need| Library::find(need).is_some_and(|other| other.name == *need)),
                "{name}"
            );
            let archives = library.archives.iter().flat_map(|row| &row.packages);
            let shared = library.graft.iter().flat_map(|row| row.packages.iter().take(OWN_PACKAGES));
            for package in archives.chain(shared) {
                for architecture in ["amd64", "arm64", "armhf", "i386", "ppc64el", "s390x"] {
                    assert_eq!(pinned(package, architecture).len(), 1, "{package} {architecture}");
                }
            }
            for package in library.graft.iter().flat_map(|row| &row.packages) {
                assert_eq!(pinned(package, "arm64").len(), 1, "{package}");
            }
            if let Some(source) = &library.source {
                let files: Vec<&str> =
                    pinned(&source.package, "source").iter().map(|pin| pin.file_name()).collect();
                assert!(files.iter().any(|file| file.contains(".orig.tar.")), "{name}: {files:?}");
                assert!(!source.script.trim().is_empty());
            }
        }
        let programs: HashSet<&str> = crate::toolchain::driver::config_programs().collect();
        for library in Library::all() {
            assert!(
                library.programs.iter().all(|program| programs.contains(program.as_str())),
                "{}",
                library.name
            );
        }
    }

    #[test]
    fn questions_find_their_library() {
        let name =
            |library: Option<&Library>| library.map(|library| library.name.clone()).unwrap_or_default();
        assert_eq!(name(Library::of_header("ffi.h")), "libffi");
        assert_eq!(name(Library::of_header("openssl/x509v3.h")), "openssl");
        assert_eq!(name(Library::of_header("libxml/HTMLparser.h")), "libxml2");
        assert_eq!(name(Library::of_header("sys/sdt.h")), "");
        assert_eq!(name(Library::of_link("yaml")), "libyaml");
        assert_eq!(name(Library::of_module("libtiff-4")), "libtiff");
        assert_eq!(name(Library::of_program("pg_config")), "libpq");
        assert_eq!(Library::named("libyamll").unwrap_err().hints()[0], "did you mean `libyaml`?");
    }

    #[test]
    fn a_library_comes_before_what_it_needs() {
        let names: Vec<&str> = closure(["libxslt"]).iter().map(|library| library.name.as_str()).collect();
        assert_eq!(names, ["libxslt", "libxml2", "zlib"]);
        let archives = driver_archives(&closure(["libpq"]));
        assert_eq!(archives.needs["pq"], ["pgcommon", "pgport", "ssl", "crypto"]);
        assert!(archives.files.contains(&"libcrypto.a".to_owned()) && archives.cxx.is_empty());
        assert!(driver_archives(&closure(["geos"])).cxx.contains(&"geos_c".to_owned()));
    }
}
