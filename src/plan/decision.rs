//! What a plan says of one package for one target and Python.

use std::fmt;

use crate::lock::File;
use crate::target::{Platform, PythonVersion};

/// What would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A published wheel is taken.
    Wheel,
    /// A wheel that was built earlier is taken.
    Cached,
    /// The sdist is built.
    Build,
    /// Only a look into a file, or at the index, decides.
    Check,
    /// Neither a wheel nor a build.
    Impossible,
    /// Not needed there.
    Inactive,
}

impl Verdict {
    pub const ALL: [Self; 6] =
        [Self::Wheel, Self::Cached, Self::Build, Self::Check, Self::Impossible, Self::Inactive];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Cached => "cached",
            Self::Build => "build",
            Self::Check => "check",
            Self::Impossible => "impossible",
            Self::Inactive => "inactive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How likely a build is to depend on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Nothing is compiled.
    Pure,
    /// Something is compiled for the target.
    Native,
    /// Nothing is known.
    Unknown,
}

impl Risk {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Native => "native",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a build before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToBuild {
    /// `module:object` of the PEP 517 backend, where the sdist is here to be read.
    pub backend: Option<String>,
    pub risk: Risk,
    /// Languages that are compiled, where the sdist is here to be read: `C`, `Rust`.
    pub languages: Vec<String>,
}

impl ToBuild {
    /// For people: `setuptools.build_meta, compiles C`.
    pub fn describe(&self) -> String {
        let backend = self.backend.as_deref().unwrap_or("backend unknown until it is fetched");
        let risk = match (self.risk, self.languages.is_empty()) {
            (Risk::Pure, _) => "pure Python".to_owned(),
            (Risk::Native, false) => format!("compiles {}", self.languages.join(", ")),
            (Risk::Native, true) => "compiled".to_owned(),
            (Risk::Unknown, _) => return backend.to_owned(),
        };
        format!("{backend}, {risk}")
    }
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its place in [`crate::lock::Lock::packages`].
    pub position: usize,
    pub name: String,
    pub version: Option<String>,
    /// As it was asked for.
    pub target: String,
    pub platform: Platform,
    pub python: PythonVersion,
    pub verdict: Verdict,
    /// The wheel to take, the sdist to build, or the file to check.
    pub file: Option<File>,
    pub reason: String,
    /// What would help.
    pub hints: Vec<String>,
    pub build: Option<ToBuild>,
    /// From what the project depends on itself, to this package.
    pub path: Vec<String>,
    /// Names of the packages it depends on itself, where the lock says.
    pub requires: Vec<String>,
}
