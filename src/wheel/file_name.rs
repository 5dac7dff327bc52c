//! Names of wheel files and the sets of tags in them (PEP 427, PEP 425).
//!
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>, "Escaping
//! and Unicode", is the rule for what we write: the name normalized with `_` for `-`, the version
//! normalized. What we read may be older and freer.

use std::fmt;
use std::str::FromStr;

use crate::metadata::{Version, is_valid_name, normalize};
use crate::report::{Code, Error, Result};
use crate::target::{PlatformTag, Tag};

/// A compressed tag set: every combination of its three parts is a tag of the wheel.
///
/// No part is empty, and none holds a thing twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSet {
    pythons: Vec<String>,
    abis: Vec<String>,
    platforms: Vec<String>,
}

impl TagSet {
    /// The tags of every interpreter in `pythons` and every ABI in `abis`, both sorted, on
    /// `platform` with all its spellings.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when a list is empty or an entry is no tag.
    pub fn new<S: AsRef<str>>(pythons: &[S], abis: &[S], platform: &PlatformTag) -> Result<Self> {
        let join = |tags: &[S]| {
            let mut tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
            tags.sort_unstable();
            tags.join(".")
        };
        format!("{}-{}-{platform}", join(pythons), join(abis)).parse()
    }

    /// `cp311`, or `py2` and `py3`.
    pub fn pythons(&self) -> &[String] {
        &self.pythons
    }

    /// `cp311`, `abi3` or `none`.
    pub fn abis(&self) -> &[String] {
        &self.abis
    }

    /// `any`, or platforms such as `manylinux_2_28_aarch64`.
    pub fn platforms(&self) -> &[String] {
        &self.platforms
    }

    /// True when the wheel claims to run on every platform.
    pub fn is_any_platform(&self) -> bool {
        self.platforms == ["any"]
    }

    /// Every single tag, sorted.
    pub fn expand(&self) -> Vec<Tag> {
        let mut tags = Vec::new();
        for python in &self.pythons {
            for abi in &self.abis {
                for platform in &self.platforms {
                    tags.push(Tag { python: python.clone(), abi: abi.clone(), platform: platform.clone() });
                }
            }
        }
        tags.sort_unstable();
        tags
    }
}

impl FromStr for TagSet {
    type Err = Error;

    /// Reads `py2.py3-none-any`, any case.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::new(Code::BadWheel, format!("`{text}` is not a wheel tag"));
        let part = |part: &str| -> Result<Vec<String>> {
            let mut tags: Vec<String> = Vec::new();
            for tag in part.split('.') {
                let tag = tag.to_ascii_lowercase();
                if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(bad());
                }
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
            Ok(tags)
        };
        let [pythons, abis, platforms] = text.split('-').collect::<Vec<_>>()[..] else {
            return Err(bad());
        };
        Ok(Self { pythons: part(pythons)?, abis: part(abis)?, platforms: part(platforms)? })
    }
}

impl fmt::Display for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.pythons.join("."), self.abis.join("."), self.platforms.join("."))
    }
}

/// What a wheel's file name says. Displays as the canonical file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFileName {
    name: String,
    version: Version,
    build: Option<String>,
    tags: TagSet,
}

impl WheelFileName {
    /// The name of a wheel of project `name` (any spelling).
    ///
    /// # Errors
    /// [`Code::BadWheel`] when `name` is no project name or `build` does not begin with a digit.
    pub fn new(name: &str, version: Version, build: Option<&str>, tags: TagSet) -> Result<Self> {
        let bad = |why: &str| Error::new(Code::BadWheel, why.to_owned());
        if !is_valid_name(name) {
            return Err(bad(&format!("`{}` is no valid project name", name.escape_default())));
        }
        if let Some(build) = build {
            let valid = build.starts_with(|c: char| c.is_ascii_digit())
                && build.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
            if !valid {
                let build = build.escape_default();
                return Err(bad(&format!("`{build}` is no build tag: it has to begin with a digit")));
            }
        }
        Ok(Self { name: name.to_owned(), version, build: build.map(str::to_owned), tags })
    }

    /// The project's name, comparable (PEP 503): `zope-interface`.
    pub fn name(&self) -> String {
        normalize(&self.name)
    }

    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The build tag, `1` in `a-1.0-1-py3-none-any.whl`.
    pub fn build(&self) -> Option<&str> {
        self.build.as_deref()
    }

    pub fn tags(&self) -> &TagSet {
        &self.tags
    }

    /// Name and version as file and folder names hold them: `zope_interface-5.0`.
    pub fn stem(&self) -> String {
        format!("{}-{}", self.name().replace('-', "_"), self.version)
    }

    /// The same wheel under other tags.
    #[must_use]
    pub fn with_tags(&self, tags: TagSet) -> Self {
        Self { tags, ..self.clone() }
    }
}

impl FromStr for WheelFileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(Code::BadWheel, format!("`{}` is not the name of a wheel", text.escape_default()))
                .cause("a wheel is called name-version[-build]-python-abi-platform.whl (PEP 427)")
        };
        let stem = text.strip_suffix(".whl").ok_or_else(bad)?;
        let fields: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match fields[..] {
            [name, version, _, _, _] => (name, version, None, &fields[2..]),
            [name, version, build, _, _, _] => (name, version, Some(build), &fields[3..]),
            _ => return Err(bad()),
        };
        // `_` stands for the `-` of old spellings (`1.0-1`); other `_` PEP 440 reads itself.
        let version = version
            .parse()
            .or_else(|_| version.replace('_', "-").parse::<Version>())
            .map_err(|error| bad().cause(error.to_string()))?;
        let wrap = |error: Error| bad().cause(error.headline());
        Self::new(name, version, build, tags.join("-").parse().map_err(wrap)?).map_err(wrap)
    }
}

impl fmt::Display for WheelFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stem())?;
        if let Some(build) = &self.build {
            write!(f, "-{build}")?;
        }
        write!(f, "-{}.whl", self.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn names_are_read_and_written_canonically() {
        for (read, written) in [
            (
                "MarkupSafe-3.0.3-cp311-cp311-linux_x86_64.whl",
                "markupsafe-3.0.3-cp311-cp311-linux_x86_64.whl",
            ),
            ("zope.interface-5.0-py2.py3-none-any.whl", "zope_interface-5.0-py2.py3-none-any.whl"),
            ("a-1.0.0-1abc-py3-none-any.whl", "a-1.0.0-1abc-py3-none-any.whl"),
            ("a-1.0RC1+Ubuntu_1-py3-none-any.whl", "a-1.0rc1+ubuntu.1-py3-none-any.whl"),
            ("a-1.0_1-py3-none-any.whl", "a-1.0.post1-py3-none-any.whl"),
            ("a-2!1.0-py3-none-any.whl", "a-2!1.0-py3-none-any.whl"),
            ("A__b.c-1-CP311-abi3-Any.whl", "a_b_c-1-cp311-abi3-any.whl"),
        ] {
            let name: WheelFileName = read.parse().unwrap();
            assert_eq!(name.to_string(), written);
            assert_eq!(written.parse::<WheelFileName>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_wheel_name_is_refused() {
        for text in [
            "",
            "a.whl",
            "a-1.0-py3-none-any.zip",
            "a-1.0-py3-none.whl",
            "a-1.0-x1-py3-none-any.whl",
            "a-1.0-1-2-py3-none-any.whl",
            "a-one-py3-none-any.whl",
            "-1.0-py3-none-any.whl",
            "../a-1.0-py3-none-any.whl",
            "a-1.0-py3-none-.whl",
            "a-1.0-py3..py2-none-any.whl",
            "a-1.0-py3-none-any/b.whl",
        ] {
            assert_eq!(text.parse::<WheelFileName>().unwrap_err().code(), Code::BadWheel, "{text}");
        }
    }

    #[test]
    fn tag_sets_expand_sorted_and_name_the_platform_in_every_spelling() {
        let target: Target = "manylinux_2_17_aarch64".parse().unwrap();
        let tags = TagSet::new(&["cp311"], &["cp311"], &target.platform_tag()).unwrap();
        assert_eq!(tags.to_string(), "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64");
        let expanded: Vec<String> = tags.expand().iter().map(ToString::to_string).collect();
        assert_eq!(expanded, ["cp311-cp311-manylinux2014_aarch64", "cp311-cp311-manylinux_2_17_aarch64"]);
        let tags = TagSet::new(&["py3", "py2", "py3"], &["none"; 3], &PlatformTag::Any).unwrap();
        assert_eq!(tags.to_string(), "py2.py3-none-any");
        assert!(tags.is_any_platform());
        assert!(TagSet::new::<&str>(&[], &[], &PlatformTag::Any).is_err());
    }
}
