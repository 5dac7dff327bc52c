//! The WHEEL file in `.dist-info`: what the archive itself is (PEP 427).

use super::file_name::TagSet;
use crate::report::{Code, Error, Result};
use crate::target::Tag;

/// The version of the format we read (any minor) and write.
const FORMAT: &str = "1.0";

/// What we call ourselves in WHEEL.
pub(crate) const GENERATOR: &str = concat!("wheelbuild ", env!("CARGO_PKG_VERSION"));

/// The facts of a WHEEL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFile {
    /// Whether the archive's root goes to purelib rather than to platlib.
    pub purelib: bool,
    /// Every tag, expanded and sorted.
    pub tags: Vec<Tag>,
    /// The build tag.
    pub build: Option<String>,
    /// The program that made the wheel.
    pub generator: Option<String>,
}

impl WheelFile {
    /// Reads WHEEL.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when it is no text, of a later major version, or lacks a field that
    /// installers need.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = |why: String| Error::new(Code::BadWheel, why);
        let text = std::str::from_utf8(bytes).map_err(|_| bad("WHEEL is not UTF-8".to_owned()))?;
        let mut version = None;
        let mut purelib = None;
        let mut file = Self { purelib: false, tags: Vec::new(), build: None, generator: None };
        for line in text.lines().take_while(|line| !line.trim().is_empty()) {
            let Some((key, value)) = line.split_once(':') else {
                return Err(bad(format!("WHEEL holds the line `{}`", line.escape_default())));
            };
            let value = value.trim();
            match key.to_ascii_lowercase().as_str() {
                "wheel-version" => version = Some(value.to_owned()),
                "root-is-purelib" => {
                    purelib = Some(match value.to_ascii_lowercase().as_str() {
                        "true" => true,
                        "false" => false,
                        _ => {
                            let value = value.escape_default();
                            return Err(bad(format!("WHEEL says Root-Is-Purelib: `{value}`")));
                        }
                    });
                }
                // Some backends write compressed tags here; they mean the same.
                "tag" => file.tags.extend(value.parse::<TagSet>()?.expand()),
                "build" => file.build = Some(value.to_owned()).filter(|build| !build.is_empty()),
                "generator" => file.generator = Some(value.to_owned()),
                _ => {}
            }
        }
        let version = version.ok_or_else(|| bad("WHEEL has no Wheel-Version".to_owned()))?;
        if version.split('.').next() != Some("1") {
            let version = version.escape_default();
            return Err(bad(format!("the wheel format `{version}` is not {FORMAT}")));
        }
        file.purelib = purelib.ok_or_else(|| bad("WHEEL has no Root-Is-Purelib".to_owned()))?;
        file.tags.sort_unstable();
        file.tags.dedup();
        Ok(file)
    }

    /// WHEEL as we write it.
    pub(super) fn canonical(purelib: bool, tags: &TagSet, build: Option<&str>) -> Vec<u8> {
        let purelib = if purelib { "true" } else { "false" };
        let mut text =
            format!("Wheel-Version: {FORMAT}\nGenerator: {GENERATOR}\nRoot-Is-Purelib: {purelib}\n");
        for tag in tags.expand() {
            text.push_str(&format!("Tag: {tag}\n"));
        }
        if let Some(build) = build {
            text.push_str(&format!("Build: {build}\n"));
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tags: TagSet = "py2.py3-none-any".parse().unwrap();
        let text = WheelFile::canonical(true, &tags, Some("1a"));
        let file = WheelFile::parse(&text).unwrap();
        assert_eq!(file.tags, tags.expand());
        assert!(file.purelib);
        assert_eq!(file.build.as_deref(), Some("1a"));
        assert_eq!(file.generator.as_deref(), Some(GENERATOR));
    }

    #[test]
    fn backends_spell_freely() {
        let text =
            b"wheel-version: 1.9\r\nROOT-IS-PURELIB: False\r\nTag: cp39.cp38-abi3-any\r\nX: y\r\n\r\nbody";
        let file = WheelFile::parse(text).unwrap();
        assert_eq!((file.purelib, file.tags.len()), (false, 2));
    }

    #[test]
    fn what_installers_refuse_is_refused() {
        for text in [
            &b""[..],
            b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n",
            b"Root-Is-Purelib: true\n",
            b"Wheel-Version: 1.0\n",
            b"Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\n",
            b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: any\n",
            b"nonsense\n",
            b"\xff",
        ] {
            assert_eq!(WheelFile::parse(text).unwrap_err().code(), Code::BadWheel);
        }
    }
}
