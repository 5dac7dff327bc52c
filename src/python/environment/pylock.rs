//! uv's answer: a pylock.toml (PEP 751) with the wheels of each package that fit this machine.

use std::path::Path;

use serde::Deserialize;

use super::Requirement;
use crate::cache::Digest;
use crate::index::RemoteFile;
use crate::metadata::normalize;
use crate::python::installer::BuildTags;
use crate::report::{Code, Error, Result, ResultExt};
use crate::wheel::WheelFileName;

#[derive(Deserialize)]
struct Pylock {
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<Wheel>,
}

#[derive(Deserialize)]
struct Wheel {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

/// The best wheel of each package, by name. `hash` gives the sha256 of a remote file whose index
/// does not tell it; relative paths are below `folder`.
///
/// # Errors
/// [`Code::Resolution`] when a package has no wheel that fits; what `hash` says.
pub(super) fn read(
    text: &str,
    tags: &BuildTags,
    folder: &Path,
    hash: impl Fn(&str) -> Result<String>,
) -> Result<Vec<Requirement>> {
    let lock: Pylock =
        toml::from_str(text).or_code(Code::Bug, || "uv's lock is not as expected".to_owned())?;
    let mut requirements = Vec::new();
    for package in &lock.packages {
        requirements.push(choose(package, tags, folder, &hash)?);
    }
    requirements.sort();
    Ok(requirements)
}

fn choose(
    package: &Package,
    tags: &BuildTags,
    folder: &Path,
    hash: &dyn Fn(&str) -> Result<String>,
) -> Result<Requirement> {
    let version = package.version.clone().unwrap_or_default();
    let fitting = package.wheels.iter().filter_map(|wheel| {
        let file = wheel.file_name()?;
        let name: WheelFileName = file.parse().ok()?;
        Some((tags.rank(&name)?, std::cmp::Reverse(build_order(&name)), file, wheel))
    });
    let best = fitting.min_by(|a, b| (a.0, &a.1, &a.2).cmp(&(b.0, &b.1, &b.2)));
    let Some((_, _, file, wheel)) = best else {
        return Err(Error::new(
            Code::Resolution,
            format!("{} {version} has no wheel for the build interpreter", package.name),
        )
        .cause(format!("it takes {}", tags.describe())));
    };
    let sha256 = match (&wheel.hashes.sha256, &wheel.path, &wheel.url) {
        (Some(sha256), ..) => sha256.to_ascii_lowercase(),
        (None, Some(path), _) => Digest::of_file(&folder.join(path))?.to_string(),
        (None, None, Some(url)) => match url.parse::<url::Url>().ok().and_then(|url| url.to_file_path().ok())
        {
            Some(path) => Digest::of_file(&path)?.to_string(),
            None => hash(url)?,
        },
        (None, None, None) => return Err(Error::bug(format!("uv names no place of `{file}`"))),
    };
    Ok(Requirement { name: normalize(&package.name), version, file, sha256 })
}

impl Wheel {
    /// The name, else the last part of the address or path.
    fn file_name(&self) -> Option<String> {
        if let Some(name) = &self.name {
            return Some(name.clone());
        }
        if let Some(url) = &self.url {
            return RemoteFile::from_url(url, None).ok().map(|file| file.filename);
        }
        self.path.as_deref()?.rsplit('/').next().map(str::to_owned)
    }
}

/// Build tags order by their number, then by the rest; none comes before all (PEP 427).
fn build_order(name: &WheelFileName) -> Option<(u64, String)> {
    let build = name.build()?;
    let end = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
    Some((build[..end].parse().unwrap_or(u64::MAX), build[end..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Libc;

    #[test]
    fn the_best_wheel_is_chosen_and_missing_hashes_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c-1-py3-none-any.whl"), "content").unwrap();
        let tags = BuildTags::new("3.11".parse().unwrap(), "linux-x86_64", Some(Libc::Gnu { minor: 28 }));
        let text = r#"
            lock-version = "1.0"
            [[packages]]
            name = "A.b"
            version = "1+x"
            wheels = [
                { url = "https://h.test/a_b-1%2Bx-py3-none-any.whl", hashes = { sha256 = "AA" } },
                { url = "https://h.test/a_b-1%2Bx-1-cp311-cp311-manylinux_2_17_x86_64.whl", hashes = { sha256 = "bb" } },
                { url = "https://h.test/a_b-1%2Bx-10-cp311-cp311-manylinux_2_17_x86_64.whl", hashes = { sha256 = "cc" } },
                { url = "https://h.test/a_b-1%2Bx-cp311-cp311-manylinux_2_31_x86_64.whl", hashes = { sha256 = "dd" } },
            ]
            [[packages]]
            name = "c"
            version = "1"
            wheels = [{ path = "c-1-py3-none-any.whl" }]
            [[packages]]
            name = "d"
            version = "1"
            wheels = [{ url = "https://h.test/d-1-py3-none-any.whl" }]
        "#;
        let found = read(text, &tags, folder.path(), |url| Ok(format!("hash of {url}"))).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].sha256.as_str()), ("a-b", "cc"));
        assert_eq!(found[0].file, "a_b-1+x-10-cp311-cp311-manylinux_2_17_x86_64.whl");
        assert_eq!(found[1].sha256, Digest::of("content").to_string());
        assert_eq!(found[2].sha256, "hash of https://h.test/d-1-py3-none-any.whl");
    }

    #[test]
    fn a_package_without_a_fitting_wheel_is_an_error() {
        let tags = BuildTags::new("3.11".parse().unwrap(), "linux-x86_64", None);
        let text = "[[packages]]\nname = 'a'\nversion = '1'\n";
        let error = read(text, &tags, Path::new("/"), |_| Ok(String::new())).unwrap_err();
        assert_eq!(error.code(), Code::Resolution);
        assert!(read("", &tags, Path::new("/"), |_| Ok(String::new())).unwrap().is_empty());
    }
}
