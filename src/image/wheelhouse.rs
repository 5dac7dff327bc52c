//! Wheels out of a wheelhouse, as a lock selects them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::select::given_wheel;
use crate::cache::Cache;
use crate::lock::{Lock, Selection};
use crate::metadata::{Version, normalize};
use crate::python::installer::GivenWheel;
use crate::report::{Code, Error, Report, Result};
use crate::target::{Platform, PythonVersion, Target};
use crate::wheel::WheelFileName;

/// The lock that a wheelhouse has of its own files.
const OWN_LOCK: &str = "pylock.toml";

/// A folder of wheels: its own, or those in `files` below it.
pub struct Wheelhouse {
    folder: PathBuf,
    wheels: Vec<(WheelFileName, PathBuf)>,
    /// sha256 by file name, as its own lock says.
    known: Option<BTreeMap<String, String>>,
}

impl Wheelhouse {
    /// Lists the wheels of `folder`.
    ///
    /// # Errors
    /// [`Code::InputNotFound`], [`Code::BadLock`].
    pub fn open(folder: &Path) -> Result<Self> {
        let mut wheels = Vec::new();
        for place in [folder.join("files"), folder.to_owned()] {
            let Ok(entries) = std::fs::read_dir(&place) else { continue };
            for entry in entries.flatten() {
                let file = entry.file_name();
                if let Some(name) = file.to_str().filter(|name| name.ends_with(".whl"))
                    && let Ok(parsed) = name.parse::<WheelFileName>()
                {
                    wheels.push((parsed, entry.path()));
                }
            }
        }
        if wheels.is_empty() {
            return Err(Error::new(Code::InputNotFound, format!("no wheels in `{}`", folder.display()))
                .hint("make a wheelhouse: `wheelbuild prefill LOCK --target T --python X.Y -o DIR`"));
        }
        wheels.sort_by(|(_, one), (_, other)| one.cmp(other));
        let own = folder.join(OWN_LOCK);
        let known = match own.is_file() {
            false => None,
            true => {
                let lock = Lock::read(&own, None)?;
                let files = lock.packages.iter().flat_map(|package| &package.files);
                Some(
                    files
                        .filter_map(|file| Some((file.name.clone(), file.sha256()?.to_owned())))
                        .collect::<BTreeMap<_, _>>(),
                )
            }
        };
        Ok(Self { folder: folder.to_owned(), wheels, known })
    }

    /// Every wheel of the packages that `lock` wants for `python` on `target`; the image takes the one
    /// that fits best.
    ///
    /// # Errors
    /// Those of [`Lock::select`]; [`Code::WheelDoesNotFit`] when a package has no wheel of its version;
    /// [`Code::HashMismatch`] when one is not the file that the wheelhouse's own lock names.
    pub fn select(
        &self,
        lock: &Lock,
        selection: &Selection,
        target: &Target,
        python: PythonVersion,
        cache: &Cache,
        report: &Report,
    ) -> Result<Vec<GivenWheel>> {
        if self.known.is_none() {
            report.warn(format!("`{}` has no {OWN_LOCK} to compare its files with", self.folder.display()));
        }
        let environment = lock.environment(Platform::Linux(*target), python, None)?;
        let mut given = Vec::new();
        for selected in lock.select(selection, &environment)? {
            let package = selected.package;
            let version: Option<Version> =
                package.version.as_deref().and_then(|version| version.parse().ok());
            let mine = self.wheels.iter().filter(|(name, _)| {
                normalize(&name.name()) == package.name
                    && version.as_ref().is_none_or(|version| name.version() == version)
            });
            let before = given.len();
            for (_, path) in mine {
                let wheel = given_wheel(path, cache)?;
                self.compare(&wheel)?;
                given.push(wheel);
            }
            if given.len() == before {
                let wanted = match &package.version {
                    Some(version) => format!("{} {version}", package.name),
                    None => package.name.clone(),
                };
                return Err(Error::new(
                    Code::WheelDoesNotFit,
                    format!("the wheelhouse has no wheel of {wanted}"),
                )
                .cause(format!("`{}` was looked through", self.folder.display()))
                .hint(format!(
                    "wheelbuild prefill {} --target {target} --python {python} -o {}",
                    lock.path.display(),
                    self.folder.display()
                )));
            }
        }
        Ok(given)
    }

    fn compare(&self, wheel: &GivenWheel) -> Result<()> {
        let Some(known) = &self.known else { return Ok(()) };
        let file = &wheel.requirement.file;
        match known.get(file) {
            Some(sha256) if *sha256 == wheel.requirement.sha256 => Ok(()),
            Some(sha256) => Err(Error::new(
                Code::HashMismatch,
                format!("`{file}` is not the file that the wheelhouse's {OWN_LOCK} names"),
            )
            .cause(format!("expected sha256 {sha256}, found {}", wheel.requirement.sha256))),
            None => {
                Err(Error::new(Code::HashMismatch, format!("`{file}` is not in the wheelhouse's {OWN_LOCK}")))
            }
        }
    }
}
