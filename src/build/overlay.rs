//! Headers and static archives of build requirements, as the target has them.
//!
//! A build runs with requirements installed for the build machine, and compiles against what they
//! ship: numpy's headers, its `libnpymath.a`. Where these differ from machine to machine the target's
//! wheel of the same version lends its own: laid over the installed ones, Python files and extension
//! modules left alone. This is done when a link has met an archive of the build machine, and, for a
//! target of another word size or byte order, when a compiler was led into the package; the hooks then
//! run again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::requirements::Requirements;
use super::{Builder, Job, Source};
use crate::cache::Requirement;
use crate::python::environment::LockedSource;
use crate::python::installer::{BuildTags, Layout};
use crate::report::{Code, Error, Result};
use crate::target::{Endian, Target};
use crate::toolchain::driver::Call;
use crate::wheel::{RawWheel, WheelFileName};

/// Endings of what a compiler or linker reads.
const ENDINGS: [&str; 10] = ["h", "hh", "hpp", "hxx", "inc", "inl", "ipp", "a", "o", "pc"];
/// How the lock tells such a wheel from a downloaded source.
pub(super) const SCHEME: &str = "pkg:pypi/";

/// What one requirement's wheel for the target lends.
#[derive(Clone, Debug)]
pub(super) struct Overlay {
    pub locked: LockedSource,
    /// Path below the environment, and content.
    pub files: Vec<(String, Vec<u8>)>,
}

/// True when headers made for the build machine would be wrong for `target`.
fn differs(target: &Target) -> bool {
    let big = cfg!(target_endian = "big");
    u32::from(target.arch.bits) != usize::BITS || (target.arch.endian == Endian::Big) != big
}

/// The packages of the environment whose headers or archives these calls used where they may be wrong
/// for `target`: folders of site-packages.
pub(super) fn wanted(calls: &[Call], target: &Target) -> BTreeSet<String> {
    const MARK: &str = "/site-packages/";
    let package = |text: &str| {
        let (_, rest) = text.split_once(MARK)?;
        rest.split(['/', ':', '(', '\'']).next().filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let refused = calls.iter().filter(|call| !call.succeeded()).flat_map(|call| {
        call.stderr
            .iter()
            .filter(|line| line.contains(" is incompatible with "))
            .filter_map(|line| package(line))
    });
    let compiled = calls
        .iter()
        .filter(|call| differs(target) && call.target != "build")
        .flat_map(|call| call.argv.iter().filter_map(|word| package(word)));
    refused.chain(compiled).collect()
}

impl Builder<'_> {
    /// Lays the target's files of the `wanted` packages over those of the build machine. True when
    /// something changed.
    pub(super) fn add_overlays(
        &self,
        job: &Job<'_>,
        requirements: &mut Requirements,
        env: &Path,
        wanted: &BTreeSet<String>,
    ) -> Result<bool> {
        let site = env.join(Layout::Environment(job.python.version).site_packages());
        let mut found = Vec::new();
        let installed: Vec<Requirement> = requirements.installed().cloned().collect();
        for requirement in installed {
            // A wheel for any machine has the same files for all.
            if requirement.file.ends_with("-none-any.whl")
                || requirements.overlays_looked_for.contains(&requirement.name)
                || !ships_any(&site, &requirement, wanted)?
            {
                continue;
            }
            requirements.overlays_looked_for.insert(requirement.name.clone());
            match self.report.phase(&job.subject, "fetch", || self.overlay(job, &requirement, &site))? {
                Some(overlay) if overlay.files.is_empty() => {}
                Some(overlay) => found.push(overlay),
                None => self.report.warn(format!(
                    "{}: there is no wheel of {} {} for {}; its headers are those of the build machine",
                    job.subject, requirement.name, requirement.version, job.target
                )),
            }
        }
        let any = !found.is_empty();
        requirements.overlays.extend(found);
        Ok(any)
    }

    /// The overlays that a lock names.
    pub(super) fn locked_overlays(&self, job: &Job<'_>, locked: &[LockedSource]) -> Result<Vec<Overlay>> {
        let mut overlays = Vec::new();
        for locked in locked.iter().filter(|locked| is_of(locked, job)) {
            let file = self.index.file(&locked.name, &locked.file, &locked.sha256)?;
            let wheel = self.index.fetch(&file, &self.cache.folder("downloads")?)?;
            overlays.push(Overlay { locked: locked.clone(), files: files_of(&wheel.path, job, None)? });
        }
        Ok(overlays)
    }

    fn overlay(&self, job: &Job<'_>, requirement: &Requirement, site: &Path) -> Result<Option<Overlay>> {
        let Some((path, sha256)) = self.target_wheel(job, requirement)? else { return Ok(None) };
        let locked = LockedSource {
            name: requirement.name.clone(),
            url: format!("{SCHEME}{}@{}", requirement.name, requirement.version),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256,
        };
        let files = files_of(&path, job, Some(site))?;
        if !files.is_empty() {
            self.report.detail(format!(
                "{}: {} files of {} are those of `{}`",
                job.subject,
                files.len(),
                requirement.name,
                locked.file
            ));
        }
        Ok(Some(Overlay { locked, files }))
    }

    /// The wheel of `requirement` for the target: of the index, else built, where other headers would
    /// be wrong.
    fn target_wheel(&self, job: &Job<'_>, requirement: &Requirement) -> Result<Option<(PathBuf, String)>> {
        let tags = BuildTags::new(job.python.version, &job.target.python_platform(), Some(job.target.libc));
        let version = crate::metadata::parse_version(&requirement.version)?;
        let best = self
            .index
            .files(&requirement.name)?
            .into_iter()
            .filter_map(|file| {
                let name: WheelFileName = file.filename.parse().ok()?;
                Some((tags.rank(&name).filter(|_| *name.version() == version)?, file))
            })
            .min_by_key(|(rank, _)| *rank);
        if let Some((_, file)) = best {
            let fetched = self.index.fetch(&file, &self.cache.folder("downloads")?)?;
            return Ok(Some((fetched.path, fetched.sha256)));
        }
        if u32::from(job.target.arch.bits) == usize::BITS {
            return Ok(None);
        }
        let this = format!("{} {}", requirement.name, requirement.version);
        self.report.info(format!(
            "{}: building the requirement {this} for {}: the index has no wheel to take headers from",
            job.subject, job.target
        ));
        let mut options = self.options.for_requirement();
        options.python = Some(crate::target::Interpreter::Path(job.python.executable.clone()));
        let inner = self.for_requirement(&options, &this);
        let source = Source::Index { name: requirement.name.clone(), version: requirement.version.clone() };
        let built = inner
            .build(&source, job.target)
            .map_err(|error| error.wrap(format!("the headers of {this} for {} cannot be had", job.target)))?;
        let sha256 = built.entry.wheel.to_string();
        let folder = self.cache.folder("requirements")?.join(&sha256);
        Ok(Some((built.write(&folder)?, sha256)))
    }
}

/// Whether `locked` is a wheel, not a source, and for this build's target.
fn is_of(locked: &LockedSource, job: &Job<'_>) -> bool {
    let tags = BuildTags::new(job.python.version, &job.target.python_platform(), Some(job.target.libc));
    locked.url.starts_with(SCHEME)
        && locked.file.parse::<WheelFileName>().is_ok_and(|name| tags.rank(&name).is_some())
}

fn is_compiled_against(name: &str) -> bool {
    Path::new(name).extension().and_then(|ending| ending.to_str()).is_some_and(|e| ENDINGS.contains(&e))
}

/// Whether the installed `requirement` has files to compile or link with in one of the `folders`.
fn ships_any(site: &Path, requirement: &Requirement, folders: &BTreeSet<String>) -> Result<bool> {
    if folders.is_empty() {
        return Ok(false);
    }
    let Ok(name) = requirement.file.parse::<WheelFileName>() else { return Ok(false) };
    let record = site.join(format!("{}.dist-info/RECORD", name.stem()));
    let text = std::fs::read_to_string(&record).map_err(|e| Error::io("read", &record, &e))?;
    Ok(text.lines().any(|line| {
        let path = line.split(',').next().unwrap_or_default();
        is_compiled_against(path) && path.split('/').next().is_some_and(|top| folders.contains(top))
    }))
}

/// The files of `wheel` to compile or link with; with `site`, those alone that differ from what is
/// installed there.
fn files_of(wheel: &Path, job: &Job<'_>, site: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>> {
    let packages = Layout::Environment(job.python.version).site_packages();
    let raw = RawWheel::read(wheel)?;
    let mut files = Vec::new();
    for member in raw.members() {
        // What lies in `.data` goes elsewhere than its name says; no package keeps headers for C there.
        if !is_compiled_against(&member.name) || member.name.contains(".data/") {
            continue;
        }
        if site.is_some_and(|site| std::fs::read(site.join(&member.name)).is_ok_and(|b| b == *member.data)) {
            continue;
        }
        files.push((format!("{packages}/{}", member.name), member.data.to_vec()));
    }
    if files.iter().any(|(name, _)| name.split('/').any(|part| part == "..")) {
        return Err(Error::new(Code::BadWheel, format!("`{}` names files outside itself", wheel.display())));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_wrong_is_wanted() {
        let compile = Call {
            target: "armv7l-linux-gnu.2.28".into(),
            argv: vec!["-I/build/env/lib/python3.11/site-packages/numpy/_core/include".into()],
            ..Call::default()
        };
        let link = Call {
            code: 1,
            stderr: vec![
                "ld.lld: error: /e/site-packages/lib/x.a(x.o) is incompatible with aarch64linux".into(),
            ],
            ..Call::default()
        };
        let calls = [compile, link];
        let of = |target: &str| wanted(&calls, &target.parse().unwrap()).into_iter().collect::<Vec<_>>();
        assert_eq!(of("aarch64-linux"), ["lib"]);
        assert_eq!(of("armv7l-linux"), ["lib", "numpy"]);
        assert_eq!(of("s390x-linux"), ["lib", "numpy"]);
    }
}
