//! Where images are written to and read from, as it is typed.

use std::path::PathBuf;

use super::registry::Reference;
use crate::report::{Code, Error, Result};

/// `-o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `oci:DIR[:TAG]`
    Oci { folder: PathBuf, tag: String },
    /// `docker:FILE[:NAME:TAG]`
    Docker { file: PathBuf, name: Option<String> },
    /// `registry:REF`
    Registry(Reference),
    /// `dir:PATH`
    Folder(PathBuf),
    /// `site-packages:PATH`
    Packages(PathBuf),
    /// `zip:FILE`
    Zip(PathBuf),
}

/// `--base`, and the image that `check` and `inspect` look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Scratch,
    Layout { folder: PathBuf, tag: Option<String> },
    Docker { file: PathBuf, name: Option<String> },
    Registry(Reference),
}

impl Output {
    /// Reads an output.
    ///
    /// # Errors
    /// [`Code::ImageReference`].
    pub fn parse(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        if rest.is_empty() {
            return Err(unknown(text));
        }
        match kind {
            "oci" => {
                let (folder, tag) = tagged(rest);
                Ok(Self::Oci { folder, tag: tag.unwrap_or_else(|| "latest".to_owned()) })
            }
            "docker" => {
                let (file, name) = named(rest);
                Ok(Self::Docker { file, name })
            }
            "registry" => Reference::parse(rest).map(Self::Registry),
            "dir" => Ok(Self::Folder(PathBuf::from(rest))),
            "site-packages" => Ok(Self::Packages(PathBuf::from(rest))),
            "zip" => Ok(Self::Zip(PathBuf::from(rest))),
            _ => Err(unknown(text)),
        }
    }
}

impl Input {
    /// Reads an input. Without a kind, what is there decides: a layout, a docker archive, else a
    /// registry is meant.
    ///
    /// # Errors
    /// [`Code::ImageReference`].
    pub fn parse(text: &str) -> Result<Self> {
        if text == "scratch" {
            return Ok(Self::Scratch);
        }
        if let Some((kind, rest)) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()) {
            match kind {
                "oci" => {
                    let (folder, tag) = tagged(rest);
                    return Ok(Self::Layout { folder, tag });
                }
                "docker" => {
                    let (file, name) = named(rest);
                    return Ok(Self::Docker { file, name });
                }
                "registry" => return Reference::parse(rest).map(Self::Registry),
                _ => {}
            }
        }
        let (folder, tag) = tagged(text);
        if super::layout::OciLayout::is_one(&folder) {
            return Ok(Self::Layout { folder, tag });
        }
        let (file, name) = named(text);
        if file.is_file() {
            return Ok(Self::Docker { file, name });
        }
        if text.starts_with(['/', '.']) {
            return Err(Error::new(Code::InputNotFound, format!("there is no image at `{text}`"))
                .cause("it is neither an OCI layout nor a docker archive"));
        }
        Reference::parse(text).map(Self::Registry)
    }
}

/// `DIR[:TAG]`; a folder of that very name wins.
fn tagged(text: &str) -> (PathBuf, Option<String>) {
    if std::path::Path::new(text).is_dir() {
        return (PathBuf::from(text), None);
    }
    if let Some((folder, digest)) = text.split_once("@sha256:") {
        let folder = folder.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(folder, |(f, _)| f);
        return (PathBuf::from(folder), Some(format!("sha256:{digest}")));
    }
    match text.rsplit_once(':') {
        Some((folder, tag)) if !folder.is_empty() && !tag.contains('/') && !tag.is_empty() => {
            (PathBuf::from(folder), Some(tag.to_owned()))
        }
        _ => (PathBuf::from(text), None),
    }
}

/// `FILE[:NAME:TAG]`
fn named(text: &str) -> (PathBuf, Option<String>) {
    match text.split_once(':') {
        Some((file, name)) if !name.is_empty() => {
            let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
            let name = if has_tag { name.to_owned() } else { format!("{name}:latest") };
            (PathBuf::from(file), Some(name))
        }
        _ => (PathBuf::from(text), None),
    }
}

fn unknown(text: &str) -> Error {
    Error::new(Code::ImageReference, format!("`{text}` is no place for an image"))
        .hint("write `-o oci:DIR`, `-o docker:FILE:NAME:TAG` or `-o registry:HOST/REPOSITORY:TAG`")
        .hint("files alone: `-o dir:PATH`, the packages of them `-o site-packages:PATH`, for a function service `-o zip:FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs() {
        let parse = |text: &str| Output::parse(text).unwrap();
        let oci = |folder: &str, tag: &str| Output::Oci { folder: folder.into(), tag: tag.into() };
        assert_eq!(parse("oci:out"), oci("out", "latest"));
        assert_eq!(parse("oci:/a/b:1.0"), oci("/a/b", "1.0"));
        let docker = |file: &str, name: Option<&str>| Output::Docker {
            file: file.into(),
            name: name.map(str::to_owned),
        };
        assert_eq!(parse("docker:a.tar"), docker("a.tar", None));
        assert_eq!(parse("docker:a.tar:app:1"), docker("a.tar", Some("app:1")));
        assert_eq!(parse("docker:a.tar:app"), docker("a.tar", Some("app:latest")));
        assert_eq!(parse("docker:a.tar:h:5000/app:1"), docker("a.tar", Some("h:5000/app:1")));
        for bad in ["out", "oci:", "tar:x", ""] {
            assert_eq!(Output::parse(bad).unwrap_err().code(), Code::ImageReference, "{bad}");
        }
    }

    #[test]
    fn inputs() {
        assert_eq!(Input::parse("scratch").unwrap(), Input::Scratch);
        assert!(matches!(Input::parse("debian:12").unwrap(), Input::Registry(_)));
        assert!(matches!(Input::parse("localhost:5000/a").unwrap(), Input::Registry(_)));
        assert_eq!(Input::parse("./nothing").unwrap_err().code(), Code::InputNotFound);
        let digest = format!("oci:a@sha256:{}", "0".repeat(64));
        let wanted = Input::Layout { folder: "a".into(), tag: Some(format!("sha256:{}", "0".repeat(64))) };
        assert_eq!(Input::parse(&digest).unwrap(), wanted);
    }
}
