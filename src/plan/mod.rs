//! Lock × targets × Pythons → what would be taken, built or is impossible, before any work.
//!
//! [`make`] decides; it fetches nothing but pages of the index, and those only when it is told to ask
//! ([`Policy::refresh`]) or when a lock names no files at all.

mod choice;
mod decision;
mod host;
mod listing;
mod sdist;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use decision::{Decision, Risk, ToBuild, Verdict};
pub use host::{HOST, host};

use crate::index::Index;
use crate::lock::{Environment, File, Lock, Part, Selected, Selection, Source};
use crate::metadata::{Version, normalize};
use crate::report::{Report, Result};
use crate::target::{Platform, PythonVersion, Target};
use choice::{Fit, choose};
use listing::Listing;

/// Stands for every package in [`Policy::no_binary`] and [`Policy::no_build`].
pub const ALL: &str = ":all:";

/// One target with one Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As it was asked for.
    pub target: String,
    pub platform: Platform,
    pub python: PythonVersion,
    /// The patch release, where one was named.
    pub patch: Option<u32>,
}

/// What may be taken and built.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Normalised names, or [`ALL`]: their wheels are not taken.
    pub no_binary: BTreeSet<String>,
    /// The same: they are not built.
    pub no_build: BTreeSet<String>,
    /// Files published after this moment (RFC 3339) do not count.
    pub exclude_newer: Option<String>,
    /// Ask the index for every file of each pinned version.
    pub refresh: bool,
}

impl Policy {
    /// Names as they are typed: any spelling, several with commas between, [`ALL`].
    pub fn names(typed: &[String]) -> BTreeSet<String> {
        let names = typed.iter().flat_map(|text| text.split(',')).map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(|name| if name == ALL { ALL.to_owned() } else { normalize(name) })
            .collect()
    }
}

/// A wheel that was built earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltWheel {
    pub file: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// What the cache knows of builds: an answer costs no build and no network.
pub trait BuiltWheels {
    /// The wheel that was built of the sdist with this digest, of a release by name and version, if it
    /// is there.
    fn find(
        &self,
        sdist_sha256: &str,
        release: (&str, &str),
        target: &Target,
        python: PythonVersion,
    ) -> Option<BuiltWheel>;
}

/// For plans without a cache.
pub struct NothingBuilt;

impl BuiltWheels for NothingBuilt {
    fn find(&self, _: &str, _: (&str, &str), _: &Target, _: PythonVersion) -> Option<BuiltWheel> {
        None
    }
}

/// Where a plan may look.
pub struct Places<'a> {
    /// `None`: nothing is asked.
    pub index: Option<&'a Index>,
    pub built: &'a dyn BuiltWheels,
    /// Folders where sdists may lie already.
    pub downloads: Vec<PathBuf>,
    pub report: &'a Report,
}

/// Decisions for every package, target and Python, in the order asked for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub decisions: Vec<Decision>,
    /// What was strange, as sentences.
    pub notes: Vec<String>,
}

/// Plans `lock` for everything `wanted`.
///
/// # Errors
/// [`crate::report::Code::OutsideLock`] before anything else; those of [`Lock::select`]; those of
/// the index where it must be asked.
pub fn make(
    lock: &Lock,
    selection: &Selection,
    wanted: &[Wanted],
    policy: &Policy,
    places: &Places<'_>,
) -> Result<Plan> {
    let mut cells = Vec::new();
    for wanted in wanted {
        let environment = lock.environment(wanted.platform, wanted.python, wanted.patch)?;
        let selected = lock.select(selection, &environment)?;
        cells.push((wanted, environment, selected));
    }
    let needed: BTreeMap<usize, ()> =
        cells.iter().flat_map(|(_, _, selected)| selected.iter().map(|s| (s.position, ()))).collect();
    let mut policy = policy.clone();
    policy.no_binary.extend(lock.no_binary.iter().cloned());
    policy.no_build.extend(lock.no_build.iter().cloned());
    let listing = Listing::ask(lock, needed.into_keys().collect(), &policy, places)?;
    let mut plan = Plan { decisions: Vec::new(), notes: lock.notes.clone() };
    plan.notes.extend(listing.notes.iter().cloned());
    for (wanted, environment, selected) in &cells {
        let planner = Planner { lock, policy: &policy, places, listing: &listing, wanted, environment };
        let by_position: BTreeMap<usize, &Selected<'_>> =
            selected.iter().map(|selected| (selected.position, selected)).collect();
        let mut decisions: Vec<Decision> = (0..lock.packages.len())
            .filter(|position| !lock.roots.contains(position))
            .map(|position| match by_position.get(&position) {
                Some(selected) => planner.decide(selected),
                None => planner.inactive(position, selection),
            })
            .collect();
        decisions.sort_by_cached_key(|decision| {
            let version = decision.version.as_deref().and_then(|text| text.parse::<Version>().ok());
            (decision.name.clone(), version)
        });
        plan.decisions.extend(decisions);
    }
    Ok(plan)
}

impl Plan {
    /// How many decisions have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.decisions.iter().filter(|decision| decision.verdict == verdict).count()
    }
}

struct Planner<'a> {
    lock: &'a Lock,
    policy: &'a Policy,
    places: &'a Places<'a>,
    listing: &'a Listing,
    wanted: &'a Wanted,
    environment: &'a Environment,
}

impl Planner<'_> {
    fn blank(&self, position: usize, verdict: Verdict, reason: String) -> Decision {
        let package = &self.lock.packages[position];
        Decision {
            position,
            name: package.name.clone(),
            version: package.version.clone(),
            target: self.wanted.target.clone(),
            platform: self.wanted.platform,
            python: self.wanted.python,
            verdict,
            file: None,
            reason,
            hints: Vec::new(),
            build: None,
            path: Vec::new(),
            requires: Vec::new(),
        }
    }

    fn inactive(&self, position: usize, selection: &Selection) -> Decision {
        let reason = self.lock.why_inactive(position, selection, self.environment);
        self.blank(position, Verdict::Inactive, reason)
    }

    fn decide(&self, selected: &Selected<'_>) -> Decision {
        let mut decision = self.decide_package(selected.position);
        decision.path.clone_from(&selected.path);
        decision.requires = selected.requires.iter().cloned().collect();
        decision
    }

    fn decide_package(&self, position: usize) -> Decision {
        let package = &self.lock.packages[position];
        if let Some(range) = &package.requires_python
            && !range.contains(self.environment.full_version())
        {
            let reason = format!("{} requires Python {range}", package.describe());
            return self.blank(position, Verdict::Impossible, reason);
        }
        match &package.source {
            Source::Virtual(_) => {
                return self.blank(
                    position,
                    Verdict::Inactive,
                    "it is a project that is not installed".into(),
                );
            }
            Source::Git { .. } => {
                let reason = format!("it comes from {}, which is not fetched", package.source.describe());
                let mut decision = self.blank(position, Verdict::Impossible, reason);
                decision
                    .hints
                    .push("lock a release of it, or build a checkout: `wheelbuild build DIR`".into());
                return decision;
            }
            Source::Directory(path) | Source::Editable(path) => return self.folder(position, path),
            _ => {}
        }
        let files = self.listing.files(self.lock, position);
        let no_binary = self.forbids(&self.policy.no_binary, &package.name);
        let choice = choose(&files, self.environment, self.policy.exclude_newer.as_deref());
        if let (Some(wheel), false) = (&choice.best, no_binary) {
            return self.wheel(position, wheel);
        }
        if self.listing.unknown(position) {
            let reason = "the lock names no files, and the index was not asked".to_owned();
            let mut decision = self.blank(position, Verdict::Check, reason);
            decision.hints.push("run without `--offline`, so that the index can be asked".to_owned());
            return decision;
        }
        let sdist = choice.sdist.as_ref();
        let no_build = self.forbids(&self.policy.no_build, &package.name);
        if let (Some(sdist), false) = (sdist, no_build) {
            return self.sdist(position, sdist, &files, no_binary);
        }
        if let (Some(bare), false) = (&choice.bare_linux, no_binary) {
            let reason = format!(
                "`{}` says it is for Linux, but not for which C library; only a look into it decides",
                bare.name
            );
            let mut decision = self.blank(position, Verdict::Check, reason);
            decision.file = Some(bare.clone());
            decision
                .hints
                .push(format!("judge it: `wheelbuild check {} --target {}`", bare.name, self.wanted.target));
            return decision;
        }
        self.impossible(position, &files, no_binary, no_build && sdist.is_some())
    }

    fn forbids(&self, set: &BTreeSet<String>, name: &str) -> bool {
        set.contains(ALL) || set.contains(name)
    }

    fn wheel(&self, position: usize, fit: &Fit) -> Decision {
        let file = &fit.file;
        let mut reason = match fit.fitting {
            1 => format!("published, `{}` fits", fit.tag),
            several => format!("published, `{}` is the best of {several} that fit", fit.tag),
        };
        if !file.locked {
            reason.push_str("; not in the lock, only on the index");
        }
        let mut decision = self.blank(position, Verdict::Wheel, reason);
        if let Some(why) = &file.yanked {
            let because = if why.is_empty() { String::new() } else { format!(": {why}") };
            decision.reason.push_str(&format!("; withdrawn by its authors{because}"));
        }
        decision.file = Some(file.clone());
        decision
    }

    fn folder(&self, position: usize, path: &str) -> Decision {
        let folder = self.lock.path.parent().unwrap_or(Path::new("")).join(path);
        let is_project = folder.join("pyproject.toml").is_file() || folder.join("setup.py").is_file();
        if !is_project {
            let reason = format!("there is no project in the folder `{}`", folder.display());
            return self.blank(position, Verdict::Impossible, reason);
        }
        let mut decision = self.blank(
            position,
            Verdict::Build,
            format!("to be built from the folder `{}`", folder.display()),
        );
        decision.build = Some(sdist::of_folder(&folder));
        self.or_not_for_macos(decision, &[])
    }

    fn sdist(&self, position: usize, sdist: &File, files: &[File], no_binary: bool) -> Decision {
        let package = &self.lock.packages[position];
        if let (Some(target), Some(sha256), Some(version)) =
            (self.wanted.platform.target(), sdist.sha256(), &package.version)
            && let release = (&*package.name, &**version)
            && let Some(built) = self.places.built.find(sha256, release, &target, self.wanted.python)
        {
            let reason = format!("built here earlier from `{}`", sdist.name);
            let mut decision = self.blank(position, Verdict::Cached, reason);
            let mut file = File::named(&built.file);
            file.hashes.push(("sha256".to_owned(), built.sha256));
            file.size = Some(built.size);
            decision.file = Some(file);
            return decision;
        }
        let to_build = sdist::of_archive(sdist, files, &self.places.downloads);
        let why = match no_binary {
            true => "its wheels are not wanted",
            false if files.iter().any(|file| file.wheel().is_some()) => "no wheel of it fits",
            false if self.listing.is_complete(position) => "it has no wheels",
            false => "the lock lists no wheel of it",
        };
        let mut decision =
            self.blank(position, Verdict::Build, format!("to be built: {why}; {}", to_build.describe()));
        decision.file = Some(sdist.clone());
        decision.build = Some(to_build);
        self.or_not_for_macos(decision, files)
    }

    /// Nothing is built for macOS; but what is pure Python serves there too.
    fn or_not_for_macos(&self, mut decision: Decision, files: &[File]) -> Decision {
        if matches!(self.wanted.platform, Platform::Linux(_)) {
            return decision;
        }
        let risk = decision.build.as_ref().map_or(Risk::Unknown, |build| build.risk);
        if risk == Risk::Pure {
            decision.reason.push_str("; built for any Linux target it serves here too");
            return decision;
        }
        decision.verdict = Verdict::Impossible;
        decision.build = None;
        decision.file = None;
        decision.reason = match files.iter().any(|file| file.wheel().is_some()) {
            true => "no wheel of it fits, and nothing is built for macOS".to_owned(),
            false => "it has no wheel, and nothing is built for macOS".to_owned(),
        };
        decision
    }

    fn impossible(&self, position: usize, files: &[File], no_binary: bool, no_build: bool) -> Decision {
        let package = &self.lock.packages[position];
        let wheels = files.iter().filter(|file| file.wheel().is_some()).count();
        let listed = self.listing.is_complete(position);
        let mut reasons = Vec::new();
        let nearest = choice::nearest(files, self.environment);
        let known = if listed { "published" } else { "listed in the lock" };
        reasons.push(match (wheels, no_binary) {
            (_, true) => "its wheels are not wanted".to_owned(),
            (0, _) => format!("no wheel of it is {known}"),
            (1, _) => format!("the one wheel that is {known} does not fit{nearest}"),
            (_, _) => format!("none of the {wheels} wheels that are {known} fits{nearest}"),
        });
        reasons.push(match no_build {
            true => "building it is forbidden".to_owned(),
            false => format!("no sdist is {known}"),
        });
        let mut decision = self.blank(position, Verdict::Impossible, reasons.join(", and "));
        if no_binary {
            decision.hints.push(format!("take its wheel: leave out `--no-binary {}`", package.name));
        }
        if no_build {
            decision.hints.push(format!("let it be built: leave out `--no-build {}`", package.name));
        }
        if !listed && matches!(package.source, Source::Index(_)) {
            decision
                .hints
                .push("the lock may not list every published file: ask with `--refresh-files`".into());
        }
        decision
    }
}

/// The parts a person may ask for, for messages.
pub fn parts(lock: &Lock) -> Vec<Part> {
    let extras = lock.extras.iter().cloned().map(Part::Extra);
    extras.chain(lock.groups.iter().cloned().map(Part::Group)).collect()
}
