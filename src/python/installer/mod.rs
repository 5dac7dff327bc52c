//! Installs wheels from files: no resolver, no network, nothing run but the bytecode compiler.
//!
//! For wheels given by `--build-dep` (as Bazel does) and for `wheelbuild install`. Wheels are read
//! hardened and checked against their RECORD ([`RawWheel`]); what they contain goes where PEP 427
//! says, launchers are written for their entry points, and two wheels that want one path are an
//! error, so that the order of wheels never decides anything.

mod bytecode;
pub mod entry_points;
pub mod launcher;
mod layout;
mod place;
mod tags;

use std::path::{Path, PathBuf};

pub use bytecode::compile;
pub use layout::{INSTALLER, Layout, REPLACED};
pub use place::{Row, record};
pub use tags::BuildTags;

use crate::cache::{Digest, Requirement};
use crate::metadata::normalize;
use crate::report::{Code, Error, Result};
use crate::wheel::{RawWheel, WheelFileName};

/// A wheel to install: a file that is known by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenWheel {
    pub path: PathBuf,
    /// Name, version, file name and sha256.
    pub requirement: Requirement,
}

impl GivenWheel {
    /// The wheel at `path`: its name is read and its content hashed, no more. A file that is called
    /// like no wheel, as those of build systems are, is asked for its name.
    ///
    /// # Errors
    /// [`Code::BuildDependency`] when it is no wheel, [`Code::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::new(
                Code::InputNotFound,
                format!("there is no wheel at `{}`", path.display()),
            ));
        }
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (name, file) = match file.parse::<WheelFileName>() {
            Ok(name) => (name, file.to_owned()),
            Err(error) => {
                let name = WheelFileName::inside(path)
                    .map_err(|inside| unusable(path, error.headline()).cause(inside.headline().to_owned()))?;
                let file = name.to_string();
                (name, file)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            requirement: Requirement {
                name: name.name(),
                version: name.version().to_string(),
                file,
                sha256: Digest::of_file(path)?.to_string(),
            },
        })
    }

    fn file_name(&self) -> Result<WheelFileName> {
        self.requirement.file.parse()
    }
}

/// Checks that every wheel fits the interpreter of `tags` and that no project comes twice.
///
/// # Errors
/// [`Code::BuildDependency`] that names the wheel and the tags that would fit.
pub fn check(wheels: &[GivenWheel], tags: &BuildTags) -> Result<()> {
    for (at, wheel) in wheels.iter().enumerate() {
        let name = wheel.file_name()?;
        if tags.rank(&name).is_none() {
            return Err(unusable(&wheel.path, &format!("its tags are {}", name.tags()))
                .cause(format!("the build interpreter takes {}", tags.describe()))
                .hint(
                    "build requirements run on the build machine: give the wheel for it, not the target's",
                ));
        }
        if let Some(other) =
            wheels[..at].iter().find(|other| other.requirement.name == wheel.requirement.name)
        {
            return Err(unusable(
                &wheel.path,
                &format!("`{}` is of the same project", other.requirement.file),
            ));
        }
    }
    Ok(())
}

/// Installs `wheels` below `root`, which is empty or absent, in the form of `layout`.
///
/// # Errors
/// [`Code::BuildDependency`] when a wheel is broken, contradicts its RECORD or file name, needs
/// another Python (`full_version`, if given), or wants a path that another has; [`Code::Io`].
pub fn install(wheels: &[GivenWheel], layout: Layout, full_version: Option<&str>, root: &Path) -> Result<()> {
    let mut places = place::Places::default();
    for wheel in wheels {
        let bytes = std::fs::read(&wheel.path).map_err(|error| Error::io("read", &wheel.path, &error))?;
        if Digest::of(&bytes).to_string() != wheel.requirement.sha256 {
            return Err(unusable(&wheel.path, "it changed while it was in use"));
        }
        let raw =
            RawWheel::from_bytes(wheel.file_name()?, bytes).map_err(|error| broken(&wheel.path, error))?;
        check_python(&raw, full_version).map_err(|error| broken(&wheel.path, error))?;
        let project = normalize(raw.metadata().name());
        let files = layout.files(&raw).map_err(|error| broken(&wheel.path, error))?;
        places.add(&project, files)?;
    }
    places.write(root)
}

fn check_python(wheel: &RawWheel, full_version: Option<&str>) -> Result<()> {
    let (Some(version), Some(required)) = (full_version, wheel.metadata().get("Requires-Python")) else {
        return Ok(());
    };
    let version: pep440_rs::Version = version
        .parse()
        .map_err(|error| Error::bug(format!("the interpreter's version `{version}`: {error}")))?;
    // Old wheels carry specifiers that nobody can read; those were never enforced.
    let Ok(specifiers) = required.parse::<pep440_rs::VersionSpecifiers>() else { return Ok(()) };
    match specifiers.contains(&version) {
        true => Ok(()),
        false => {
            Err(Error::new(Code::BuildDependency, format!("it needs Python {required}, this is {version}")))
        }
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Error::new(Code::BuildDependency, format!("cannot install `{file}`")).cause(why.to_owned())
}

/// A wheel's own fault, told as the build dependency's.
fn broken(path: &Path, error: Error) -> Error {
    match error.code() {
        Code::Io | Code::DiskFull | Code::Bug => error,
        _ => error
            .causes()
            .iter()
            .fold(unusable(path, error.headline()), |all, cause| all.cause(cause.clone())),
    }
}

#[cfg(test)]
pub(crate) mod tests;
