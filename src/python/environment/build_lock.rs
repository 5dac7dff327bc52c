//! The companion lock: which wheels each sdist was built with.
//!
//! ```toml
//! version = 1
//!
//! [[build]]
//! project = "grpclib 0.4.9"
//! sdist = "…sha256…"
//! python = "3.11"
//! host = "linux-x86_64-gnu"
//!
//! [[build.requirement]]
//! name = "setuptools"
//! version = "84.2.1"
//! file = "setuptools-84.2.1-py3-none-any.whl"
//! sha256 = "…"
//!
//! [[build.source]]
//! name = "qhull"
//! url = "https://example.org/qhull-2020.tgz"
//! file = "qhull-2020.tgz"
//! sha256 = "…"
//! ```

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Requirement;
use crate::cache::Digest;
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Result};
use crate::target::{Libc, PythonVersion};

const VERSION: u32 = 1;
const HEAD: &str = "# The build requirements and downloads of each sdist, exactly. Written by wheelbuild and enforced until `--upgrade`.\n";

/// The build requirements of any number of builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildLock {
    builds: Vec<LockedBuild>,
}

/// The build requirements of one sdist, for one Python on one kind of build machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedBuild {
    /// `name version`, for people.
    pub project: String,
    /// The sha256 of the sdist.
    pub sdist: String,
    /// `3.11`
    pub python: String,
    /// What decides between wheels of one version: see [`LockedBuild::host_of`].
    pub host: String,
    /// By name.
    #[serde(rename = "requirement", default)]
    pub requirements: Vec<Requirement>,
    /// What the build would download, by name.
    #[serde(rename = "source", default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<LockedSource>,
}

/// A file that a build would download itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// The subproject or dependency that it is.
    pub name: String,
    /// Without credentials.
    pub url: String,
    pub file: String,
    pub sha256: String,
}

/// What a lock says about one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    pub requirements: Vec<Requirement>,
    pub sources: Vec<LockedSource>,
    /// Whether it was locked on this kind of machine. If not, versions bind but files do not: they
    /// may be for another processor.
    pub same_host: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(rename = "build", default)]
    builds: Vec<LockedBuild>,
}

impl LockedBuild {
    /// The entry for building `sdist` with `python` and exactly `requirements`.
    pub fn new(
        project: &str,
        sdist: Digest,
        python: &BuildPython,
        mut requirements: Vec<Requirement>,
        mut sources: Vec<LockedSource>,
    ) -> Self {
        requirements.sort();
        sources.sort();
        Self {
            project: project.to_owned(),
            sdist: sdist.to_string(),
            python: python.version.to_string(),
            host: Self::host_of(python),
            requirements,
            sources,
        }
    }

    /// The kind of machine that `python` runs on: `linux-x86_64-gnu`, `macosx-11.0-arm64`.
    pub fn host_of(python: &BuildPython) -> String {
        match python.libc {
            Some(Libc::Gnu { .. }) => format!("{}-gnu", python.platform),
            Some(Libc::Musl) => format!("{}-musl", python.platform),
            None => python.platform.clone(),
        }
    }

    fn is_of(&self, sdist: Digest, python: PythonVersion) -> bool {
        self.sdist == sdist.to_string() && self.python == python.to_string()
    }
}

impl BuildLock {
    /// Reads a lock; an absent file is an empty lock.
    ///
    /// # Errors
    /// [`Code::BuildLock`] when it is none, or of a later version; [`Code::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                Self::parse(&text).map_err(|error| error.wrap(format!("cannot use `{}`", path.display())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io("read", path, &error)),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let document: Document = toml::from_str(text).map_err(|error| {
            Error::new(Code::BuildLock, "it is no build lock").cause(error.message().to_owned())
        })?;
        if document.version != VERSION {
            let headline = format!("it is of version {}, this wheelbuild knows {VERSION}", document.version);
            return Err(Error::new(Code::BuildLock, headline));
        }
        Ok(Self { builds: document.builds })
    }

    /// What is locked for building `sdist` with `python`.
    pub fn find(&self, sdist: Digest, python: &BuildPython) -> Option<Locked> {
        let host = LockedBuild::host_of(python);
        let mut of_build = self.builds.iter().filter(|build| build.is_of(sdist, python.version));
        let same = of_build.clone().find(|build| build.host == host);
        let found = same.or_else(|| of_build.next())?;
        Some(Locked {
            requirements: found.requirements.clone(),
            sources: found.sources.clone(),
            same_host: same.is_some(),
        })
    }

    /// Puts an entry in, in place of the one for the same build.
    pub fn set(&mut self, build: LockedBuild) {
        let same = |other: &LockedBuild| {
            (&other.sdist, &other.python, &other.host) == (&build.sdist, &build.python, &build.host)
        };
        self.builds.retain(|other| !same(other));
        self.builds.push(build);
        self.builds.sort();
    }

    /// The lock as text: the same for the same entries.
    ///
    /// # Errors
    /// [`Code::Bug`] only.
    pub fn to_text(&self) -> Result<String> {
        let document = Document { version: VERSION, builds: self.builds.clone() };
        let text = toml::to_string_pretty(&document)
            .map_err(|error| Error::bug(format!("a build lock does not serialise: {error}")))?;
        Ok(format!("{HEAD}{text}"))
    }

    /// Reads the lock at `path`, lets `change` change it and writes it whole. Several processes may
    /// do so at once.
    ///
    /// # Errors
    /// As [`BuildLock::read`]; [`Code::Io`].
    pub fn update(path: &Path, change: impl FnOnce(&mut Self)) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error: &std::io::Error| Error::io("write", path, error);
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        // The folder itself is locked, so that no other file appears beside the lock.
        let guard = File::open(folder).map_err(|error| failed(&error))?;
        crate::process::wait_for_lock(&guard).map_err(|error| failed(&error))?;
        let before = Self::read(path)?;
        let mut lock = before.clone();
        change(&mut lock);
        if lock == before && path.exists() {
            return Ok(());
        }
        crate::file::write(path, lock.to_text()?.as_bytes())
    }
}

impl Locked {
    /// Checks that `resolved` is what was locked.
    ///
    /// # Errors
    /// [`Code::BuildLock`] with a cause for each requirement that differs.
    pub fn enforce(&self, resolved: &[Requirement]) -> Result<()> {
        let mut differences = Vec::new();
        for now in resolved {
            match self.requirements.iter().find(|locked| locked.name == now.name) {
                None => differences.push(format!("`{}` is not locked", now.name)),
                Some(locked) if locked.version != now.version => differences.push(format!(
                    "`{}` is locked to {}, now it would be {}",
                    now.name, locked.version, now.version
                )),
                Some(locked) if self.same_host && locked.sha256 != now.sha256 => differences.push(format!(
                    "`{}` {} is locked to the file with sha256 {}, now it has {}",
                    now.name, now.version, locked.sha256, now.sha256
                )),
                Some(_) => {}
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        let error = Error::new(Code::BuildLock, "the build requirements are not the locked ones");
        let error = differences.into_iter().fold(error, |error, difference| error.cause(difference));
        Err(error.hint("lock them anew: `--upgrade`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(name: &str, version: &str) -> Requirement {
        Requirement {
            name: name.to_owned(),
            version: version.to_owned(),
            file: format!("{name}-{version}-py3-none-any.whl"),
            sha256: Digest::of(format!("{name}{version}")).to_string(),
        }
    }

    fn build(sdist: &str, host: &str, requirements: Vec<Requirement>) -> LockedBuild {
        LockedBuild {
            project: "x 1".to_owned(),
            sdist: Digest::of(sdist).to_string(),
            python: "3.11".to_owned(),
            host: host.to_owned(),
            requirements,
            sources: vec![LockedSource {
                name: "qhull".to_owned(),
                url: "https://example.org/q.tgz".to_owned(),
                file: "q.tgz".to_owned(),
                sha256: Digest::of("q").to_string(),
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_and_does_not_depend_on_the_order() {
        let (a, b) = (build("a", "h", vec![requirement("s", "1")]), build("b", "h", vec![]));
        let (mut one, mut two) = (BuildLock::default(), BuildLock::default());
        one.set(a.clone());
        one.set(b.clone());
        two.set(b);
        two.set(build("a", "h", vec![]));
        two.set(a);
        let text = one.to_text().unwrap();
        assert_eq!(text, two.to_text().unwrap());
        assert_eq!(BuildLock::parse(&text).unwrap(), one);
        assert!(text.contains("[[build.requirement]]") && text.contains("[[build.source]]"), "{text}");
    }

    #[test]
    fn other_files_are_refused() {
        for text in ["version = 2", "version = 1\nmore = 1", "x", "[[build]]"] {
            assert_eq!(BuildLock::parse(text).unwrap_err().code(), Code::BuildLock, "{text}");
        }
    }

    #[test]
    fn updates_from_many_threads_all_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wheelbuild.lock");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    BuildLock::update(path, |lock| lock.set(build(&number.to_string(), "h", vec![])))
                        .unwrap();
                });
            }
        });
        assert_eq!(BuildLock::read(&path).unwrap().builds.len(), 8);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(BuildLock::read(&folder.path().join("absent")).unwrap(), BuildLock::default());
    }

    #[test]
    fn what_differs_is_named() {
        let locked = Locked {
            requirements: vec![requirement("a", "1"), requirement("b", "1")],
            sources: vec![],
            same_host: true,
        };
        locked.enforce(&[requirement("a", "1")]).unwrap();
        let other_file = Requirement { sha256: "00".to_owned(), ..requirement("a", "1") };
        let resolved = [other_file.clone(), requirement("b", "2"), requirement("c", "1")];
        let error = locked.enforce(&resolved).unwrap_err();
        assert_eq!((error.code(), error.causes().len()), (Code::BuildLock, 3));
        assert!(error.hints()[0].contains("--upgrade"));
        // Another machine has other files of the same versions.
        Locked { same_host: false, ..locked }.enforce(&[other_file]).unwrap();
    }
}
