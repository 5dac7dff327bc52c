//! Python versions and the tags they give.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Target;
use crate::report::{Code, Error, Result};

/// The CPython minors (of 3) that wheels are built for.
const MINORS: std::ops::RangeInclusive<u32> = 9..=15;
/// The first minor with a free-threaded build (PEP 703).
const FIRST_FREE_THREADED: u32 = 13;

/// The first minor whose extension suffix tells musl from glibc.
const FIRST_MUSL_TRIPLET: u32 = 11;

/// A CPython feature version, `3.11` or `3.13t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonVersion {
    /// 11 in 3.11.
    pub minor: u32,
    /// The `t` of PEP 703.
    pub free_threaded: bool,
}

impl PythonVersion {
    /// Every version with tables, oldest first.
    pub fn all() -> impl Iterator<Item = PythonVersion> {
        MINORS.flat_map(|minor| {
            let gil = PythonVersion { minor, free_threaded: false };
            let free = PythonVersion { minor, free_threaded: true };
            std::iter::once(gil).chain((minor >= FIRST_FREE_THREADED).then_some(free))
        })
    }

    /// The interpreter tag, `cp311`.
    pub fn interpreter_tag(self) -> String {
        format!("cp3{}", self.minor)
    }

    /// The ABI tag of version-specific extensions, `cp311` or `cp313t`.
    pub fn abi_tag(self) -> String {
        format!("cp3{}{}", self.minor, self.abi_flags())
    }

    /// `sys.abiflags`: `t` for a free-threaded build.
    pub fn abi_flags(self) -> &'static str {
        if self.free_threaded { "t" } else { "" }
    }

    /// The suffix of version-specific extensions: `.cpython-311-aarch64-linux-gnu.so`.
    pub fn extension_suffix(self, target: &Target) -> String {
        format!(".{}.so", self.soabi(target))
    }

    /// SOABI: `cpython-311-aarch64-linux-gnu`.
    pub fn soabi(self, target: &Target) -> String {
        format!("cpython-3{}{}-{}", self.minor, self.abi_flags(), self.multiarch(target))
    }

    /// The multiarch triplet that this CPython goes by on `target`: `aarch64-linux-gnu`.
    ///
    /// Before 3.11 CPython took musl for glibc (bpo-43112), and its importer still looks for that name:
    /// published musllinux wheels for 3.9 and 3.10 hold `.cpython-39-x86_64-linux-gnu.so`.
    pub fn multiarch(self, target: &Target) -> String {
        let libc = if self.minor < FIRST_MUSL_TRIPLET { "gnu" } else { target.libc.name() };
        target.arch.multiarch.replace("{libc}", libc)
    }

    /// `python3.11`, `python3.13t`: the name of the program and of the library folder.
    pub fn program(self) -> String {
        format!("python{self}")
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}{}", self.minor, self.abi_flags())
    }
}

impl FromStr for PythonVersion {
    type Err = Error;

    /// Reads `3.11`, `3.13t`, `cp311`, `cp313t`, `python3.11`, `py311`, and a full version like `3.11.7`.
    fn from_str(text: &str) -> Result<Self> {
        let spelled = text.trim().to_ascii_lowercase();
        let known = || {
            let all: Vec<String> = Self::all().map(|version| version.to_string()).collect();
            let near = all
                .iter()
                .min_by_key(|name| strsim::damerau_levenshtein(&spelled, name))
                .map_or_else(String::new, |name| format!("did you mean `{name}`?"));
            Error::new(Code::UnknownPython, format!("unknown Python version `{text}`"))
                .cause(format!("known are {}", all.join(", ")))
                .hint(near)
        };
        let rest = ["cpython-", "cpython", "python", "cp", "py"]
            .iter()
            .find_map(|prefix| spelled.strip_prefix(prefix))
            .unwrap_or(&spelled);
        let (rest, free_threaded) = match rest.strip_suffix('t') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let minor = match rest.split('.').collect::<Vec<_>>()[..] {
            ["3", minor] => minor.parse().ok(),
            ["3", minor, patch] if patch.starts_with(|c: char| c.is_ascii_digit()) => minor.parse().ok(),
            [packed] => packed.strip_prefix('3').and_then(|minor| minor.parse().ok()),
            _ => None,
        }
        .ok_or_else(known)?;
        if !MINORS.contains(&minor) || (free_threaded && minor < FIRST_FREE_THREADED) {
            return Err(known());
        }
        Ok(Self { minor, free_threaded })
    }
}

impl serde::Serialize for PythonVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `--python` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// Any interpreter of this version.
    Version(PythonVersion),
    /// This program, whatever its version.
    Path(PathBuf),
}

impl FromStr for Interpreter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.contains('/') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        text.parse().map(Self::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, meant) in [
            ("3.9", "3.9"),
            ("3.11.7", "3.11"),
            ("cp311", "3.11"),
            ("cp313t", "3.13t"),
            ("3.13t", "3.13t"),
            ("python3.14", "3.14"),
            ("3.15", "3.15"),
        ] {
            assert_eq!(text.parse::<PythonVersion>().unwrap().to_string(), meant);
        }
        for text in ["3.8", "3.16", "3.12t", "2.7", "", "3", "3.x", "three"] {
            let error = text.parse::<PythonVersion>().unwrap_err();
            assert_eq!(error.code(), Code::UnknownPython, "{text}");
            assert_eq!(error.code().exit().number(), 2);
        }
    }

    #[test]
    fn suffixes_and_tags() {
        let target: Target = "aarch64-linux".parse().unwrap();
        let version: PythonVersion = "3.13t".parse().unwrap();
        assert_eq!(version.extension_suffix(&target), ".cpython-313t-aarch64-linux-gnu.so");
        assert_eq!(version.abi_tag(), "cp313t");
        let target: Target = "armv7-linux-musl".parse().unwrap();
        for (version, soabi) in [
            ("3.9", "cpython-39-arm-linux-gnueabihf"),
            ("3.10", "cpython-310-arm-linux-gnueabihf"),
            ("3.11", "cpython-311-arm-linux-musleabihf"),
        ] {
            assert_eq!(version.parse::<PythonVersion>().unwrap().soabi(&target), soabi);
        }
    }
}
