//! Compatibility tags (PEP 425) and the platform tags of Linux (PEP 600, PEP 656).

use std::fmt;
use std::str::FromStr;

use super::{Libc, MUSL, Target};
use crate::report::{Code, Error, Result};

/// The platform part of a wheel's tags: what the binaries in it need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformTag {
    /// No binary in it.
    Any,
    /// A manylinux or musllinux floor.
    Linux(Target),
}

impl PlatformTag {
    /// Every spelling of this tag, preferred first: `manylinux_2_17_aarch64`, `manylinux2014_aarch64`.
    pub fn spellings(&self) -> Vec<String> {
        let Self::Linux(target) = self else {
            return vec!["any".to_owned()];
        };
        let machine = &target.arch.machine;
        match target.libc {
            Libc::Musl => vec![format!("musllinux_{}_{}_{machine}", MUSL.0, MUSL.1)],
            Libc::Gnu { minor } => {
                let mut names = vec![format!("manylinux_2_{minor}_{machine}")];
                if let (17, Some(legacy)) = (minor, &target.arch.legacy_tag) {
                    names.push(format!("{legacy}_{machine}"));
                }
                names
            }
        }
    }
}

/// As in a wheel's file name, spellings joined by dots (PEP 425 compressed tag set).
impl fmt::Display for PlatformTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spellings().join("."))
    }
}

impl Target {
    /// The platform tag of a wheel that needs exactly this target's floor.
    pub fn platform_tag(self) -> PlatformTag {
        PlatformTag::Linux(self)
    }
}

/// One expanded tag, `cp311-abi3-manylinux_2_17_aarch64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    pub python: String,
    pub abi: String,
    pub platform: String,
}

impl Tag {
    /// Every tag of a compressed set such as `py2.py3-none-any`, sorted as written.
    pub fn expand(compressed: &str) -> Result<Vec<Tag>> {
        let bad = || Error::new(Code::BadWheel, format!("`{compressed}` is not a wheel tag"));
        let fields: Vec<&str> = compressed.split('-').collect();
        let [pythons, abis, platforms] = fields[..] else {
            return Err(bad());
        };
        let mut tags = Vec::new();
        for python in pythons.split('.') {
            for abi in abis.split('.') {
                for platform in platforms.split('.') {
                    if python.is_empty() || abi.is_empty() || platform.is_empty() {
                        return Err(bad());
                    }
                    tags.push(Tag { python: python.into(), abi: abi.into(), platform: platform.into() });
                }
            }
        }
        Ok(tags)
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut tags = Self::expand(text)?;
        match tags.len() {
            1 => Ok(tags.remove(0)),
            _ => Err(Error::new(Code::BadWheel, format!("`{text}` is more than one tag"))),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}
