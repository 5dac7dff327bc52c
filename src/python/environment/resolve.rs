//! Requirements → exact wheels, within what is locked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pep508_rs::VersionOrUrl;

use super::build_lock::Locked;
use super::requirement;
use super::uv::{Said, Uv, links, text};
use super::{Requirement, pylock};
use crate::index::RemoteFile;
use crate::metadata::{Version, normalize};
use crate::python::installer::BuildTags;
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Result};
use crate::wheel::WheelFileName;

/// What is to be resolved.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub python: &'a BuildPython,
    /// PEP 508 requirements, as pyproject.toml or a hook says them.
    pub requires: &'a [String],
    /// What is locked for this build; `None` with `--upgrade`.
    pub locked: Option<&'a Locked>,
    /// Wheels that we built of requirements that have none ([`NeedsBuild`]).
    pub extra_wheels: &'a [PathBuf],
    /// Versions after this date do not exist (`--exclude-newer`, RFC 3339).
    pub exclude_newer: Option<&'a str>,
}

/// What resolving came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Every requirement and what they require, by name.
    Pinned(Vec<Requirement>),
    /// These have no wheel for the build machine: build them and ask again with
    /// [`Query::extra_wheels`].
    NeedsBuild(Vec<NeedsBuild>),
}

/// A requirement that is published as source only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsBuild {
    pub name: String,
    pub version: String,
    pub sdist: RemoteFile,
}

/// Resolves for the build interpreter, from wheels only: no code of a package is run.
///
/// # Errors
/// [`Code::Resolution`] with uv's lines, [`Code::BuildLock`] when the lock does not allow it,
/// [`Code::BadPyproject`] for what is no requirement, [`Code::Network`], [`Code::Offline`].
pub fn resolve(uv: &Uv<'_>, query: &Query<'_>) -> Result<Resolved> {
    for text in query.requires {
        requirement::parse(text)?;
    }
    if query.requires.is_empty() {
        return Ok(Resolved::Pinned(Vec::new()));
    }
    let scratch = uv.scratch()?;
    let said = compile(uv, query, scratch.path())?;
    if !said.success {
        return match without_wheels(&said) {
            names if names.is_empty() => Err(failure(&said, query)),
            names => sources(uv, query, &names, &said),
        };
    }
    let hash = |url: &str| {
        let file = RemoteFile::from_url(url, None)?;
        Ok(uv.index.fetch(&file, scratch.path())?.sha256)
    };
    let tags = BuildTags::of(query.python);
    let pinned = pylock::read(&said.stdout, &tags, scratch.path(), hash)?;
    if let Some(locked) = query.locked {
        locked.enforce(&pinned)?;
    }
    Ok(Resolved::Pinned(pinned))
}

fn compile(uv: &Uv<'_>, query: &Query<'_>, scratch: &std::path::Path) -> Result<Said> {
    let mut arguments: Vec<String> = [
        "pip",
        "compile",
        "--quiet",
        "--format",
        "pylock.toml",
        "--no-header",
        "--only-binary",
        ":all:",
        "--python",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(text(&query.python.executable));
    if let Some(date) = query.exclude_newer {
        arguments.extend(["--exclude-newer".to_owned(), date.to_owned()]);
    }
    if let Some(folder) = links(query.extra_wheels, scratch)? {
        arguments.extend(["--find-links".to_owned(), text(&folder)]);
    }
    if let Some(locked) = query.locked {
        let file = scratch.join("constraints.txt");
        let lines: String =
            locked.requirements.iter().map(|r| format!("{}=={}\n", r.name, r.version)).collect();
        std::fs::write(&file, lines).map_err(|error| Error::io("write", &file, &error))?;
        arguments.extend(["--constraints".to_owned(), text(&file)]);
    }
    arguments.push("-".to_owned());
    uv.run(&arguments, &query.requires.join("\n"), scratch)
}

fn failure(said: &Said, query: &Query<'_>) -> Error {
    let error = said.failure("the build requirements do not resolve");
    match query.locked {
        Some(_) if error.code() == Code::Resolution => error
            .lines()
            .iter()
            .fold(Error::new(Code::BuildLock, "the locked build requirements do not resolve"), |all, line| {
                all.line(line.clone())
            })
            .hint("lock them anew: `--upgrade`"),
        _ => error,
    }
}

/// The names in uv's hint that a package has no wheel:
/// ``Wheels are required for `NAME` because building from source is disabled``.
fn without_wheels(said: &Said) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in said.stderr.lines() {
        if let Some((_, rest)) = line.split_once("Wheels are required for `")
            && let Some((name, rest)) = rest.split_once('`')
            && rest.contains("building from source is disabled")
        {
            // A version may follow the name.
            names.extend(name.split(['=', ' ']).next().map(normalize));
        }
    }
    names
}

fn sources(uv: &Uv<'_>, query: &Query<'_>, names: &BTreeSet<String>, said: &Said) -> Result<Resolved> {
    let mut needed = Vec::new();
    for name in names {
        let built = query.extra_wheels.iter().any(|wheel| {
            let file = wheel.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            file.parse::<WheelFileName>().is_ok_and(|wheel| wheel.name() == *name)
        });
        // A wheel of it is there already, and it is not the one that is needed.
        if built {
            return Err(failure(said, query));
        }
        let mut candidates = uv.index.sdists(name)?;
        candidates.retain(|(version, file)| suits(version, file, name, query));
        // Versions that are not final only where there are no others (PEP 440).
        let best =
            candidates.into_iter().max_by_key(|(version, _)| (!version.any_prerelease(), version.clone()));
        let Some((version, sdist)) = best else { return Err(failure(said, query)) };
        needed.push(NeedsBuild { name: name.clone(), version: version.to_string(), sdist });
    }
    Ok(Resolved::NeedsBuild(needed))
}

/// Whether an sdist may be built for `name`: not withdrawn, for this Python, and within what is
/// locked or required of it directly. What others require of it shows when it is resolved again.
fn suits(version: &Version, file: &RemoteFile, name: &str, query: &Query<'_>) -> bool {
    let python: Option<Version> = query.python.full_version.parse().ok();
    let for_python = match (&file.requires_python, &python) {
        (Some(required), Some(python)) => required
            .parse::<pep440_rs::VersionSpecifiers>()
            .map_or(true, |specifiers| specifiers.contains(python)),
        _ => true,
    };
    let locked = query.locked.and_then(|locked| locked.requirements.iter().find(|r| r.name == name));
    let as_locked = locked.is_none_or(|locked| locked.version.parse().as_ref() == Ok(version));
    let as_required =
        query.requires.iter().filter_map(|text| requirement::parse(text).ok()).all(|required| match required
            .version_or_url
        {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) if normalize(required.name.as_ref()) == name => {
                specifiers.contains(version)
            }
            _ => true,
        });
    file.yanked.is_none() && for_python && as_locked && as_required
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uvs_hint_names_what_must_be_built() {
        let said = |stderr: &str| Said { success: false, stdout: String::new(), stderr: stderr.to_owned() };
        let stderr = "error: No solution found\n  cause: Because all versions of crcmod have no usable wheels\n\n\
            hint: Wheels are required for `Crc.Mod` because building from source is disabled for all packages\n\
            hint: Wheels are required for `b` because building from source is disabled for `b`\n";
        assert_eq!(without_wheels(&said(stderr)), ["b".to_owned(), "crc-mod".to_owned()].into());
        assert!(without_wheels(&said("hint: Wheels are required for `b` because of the weather")).is_empty());
    }
}
