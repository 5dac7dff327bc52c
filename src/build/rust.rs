//! Rust in one build: the toolchain, the crates, and what the hooks see of both.

use std::fs;
use std::path::Path;

use super::layout::{Layout, Place};
use super::{Builder, Job};
use crate::backend::RustView;
use crate::cache::{Digest, KeyParts};
use crate::process::Mount;
use crate::report::{Error, Result};
use crate::sdist::SourceTree;
use crate::target::Target;
use crate::toolchain::driver::IN_TURN_PROGRAM;
use crate::toolchain::rust::{
    self, CargoProject, Crates, CratesQuery, Provided, RustToolchain, Search, WrapperPaths, compiled_crates,
};
use crate::wheel::Crate;

/// What stands for the folder of crates in everything that is compiled.
const CRATES: &str = "/cargo";

/// The names of the key's parts.
const PART: &str = "rust";
const PART_VERSION: &str = "rust-version";
const PART_CRATES: &str = "crates";

/// Rust as one source tree needs it.
pub(super) enum Rust {
    /// The tree holds no cargo project.
    Unused,
    Ready(Box<ReadyRust>),
    /// It holds one, which the build may not call, and there is no Rust for it.
    Missing(Error),
}

/// A toolchain and the crates of the project.
pub(super) struct ReadyRust {
    toolchain: RustToolchain,
    crates: Crates,
    /// As the hooks see them.
    place: Place,
    crates_place: Option<Place>,
    /// The newest `rust-version` of the project.
    wanted: Option<String>,
    digest: Digest,
}

impl Builder<'_> {
    /// Finds the toolchain and fetches the crates, where the tree holds a cargo project.
    pub(super) fn rust(&self, job: &Job<'_>, layout: &Layout, tree: &SourceTree) -> Result<Rust> {
        let project =
            CargoProject::read(&tree.root, &tree.build_system.backend, &tree.build_system.requires)?;
        if project.workspaces.is_empty() {
            return Ok(Rust::Unused);
        }
        let wanted = project.rust_version().map(str::to_owned);
        let toolchain = match self.rust_toolchain(job.target, wanted.as_deref()) {
            Ok(toolchain) => toolchain,
            Err(error) if project.certain => {
                return Err(error.wrap(format!("{} is written in Rust", job.subject)));
            }
            Err(error) => {
                self.report.detail(format!("{}: built without Rust: {error}", job.subject));
                return Ok(Rust::Missing(error));
            }
        };
        let query = CratesQuery {
            toolchain: &toolchain,
            root: &tree.root,
            project: &project,
            subject: &job.subject,
            sdist: job.sdist.sha256(),
            offline: self.options.offline,
        };
        let crates = match rust::fetch(self.cache, self.report, &query) {
            Ok(crates) => crates,
            Err(error) if project.certain => return Err(error),
            Err(error) => {
                self.report.detail(format!("{}: built without Rust: {error}", job.subject));
                return Ok(Rust::Missing(error));
            }
        };
        Ok(Rust::Ready(Box::new(ReadyRust {
            place: place_of(layout, &toolchain),
            crates_place: crates.folder.as_ref().map(|folder| layout.existing(folder, "crates")),
            digest: toolchain.digest(&job.target.rust_triple()),
            toolchain,
            crates,
            wanted,
        })))
    }

    /// The toolchain that the user named, one of this machine, or the pinned one.
    fn rust_toolchain(&self, target: &Target, wanted: Option<&str>) -> Result<RustToolchain> {
        let error = match self.rust_of_machine(target, wanted) {
            Err(error) if self.options.rust.is_none() => error,
            found => return found,
        };
        let Some(provided) = Provided::of(target, wanted) else { return Err(error) };
        provided.get(&self.packages(), self.cache, self.report).map_err(|failure| {
            let error = error.cause(format!(
                "the pinned Rust {} cannot be had: {}",
                provided.release,
                failure.headline()
            ));
            failure.causes().iter().fold(error, |error, cause| error.cause(cause.as_str()))
        })
    }

    fn rust_of_machine(&self, target: &Target, wanted: Option<&str>) -> Result<RustToolchain> {
        match &self.options.rust {
            Some(path) => rust::named(path, &target.rust_triple(), wanted),
            None => rust::choose(&Search::of_process(), &target.rust_triple(), wanted),
        }
    }

    /// Whether a wheel built with these `parts` would be built with the same Rust today. True for one
    /// that needed none.
    pub(super) fn same_rust(&self, parts: &KeyParts, target: &Target) -> bool {
        let Some(then) = parts.get(PART) else { return true };
        let wanted = parts.get(PART_VERSION);
        let now = match self.rust_of_machine(target, wanted) {
            Ok(now) => Some(identity(&now.release, now.digest(&target.rust_triple()))),
            Err(_) if self.options.rust.is_some() => None,
            // Nothing is fetched only to compare it.
            Err(_) => Provided::of(target, wanted).map(|now| identity(&now.release, now.digest())),
        };
        now.is_some_and(|now| now == then)
    }
}

/// A toolchain of the system is seen where it is, any other at a fixed place.
fn place_of(layout: &Layout, toolchain: &RustToolchain) -> Place {
    let mut place = layout.existing(&toolchain.root, "rust");
    if toolchain.root.starts_with("/usr") {
        place.inside = toolchain.root.clone();
    }
    place
}

fn identity(release: &str, digest: Digest) -> String {
    format!("{release} {digest}")
}

impl Rust {
    fn ready(&self) -> Option<&ReadyRust> {
        match self {
            Self::Ready(ready) => Some(ready),
            Self::Unused | Self::Missing(_) => None,
        }
    }

    /// What the hooks must see.
    pub fn mounts(&self) -> Vec<Mount> {
        let Some(ready) = self.ready() else { return Vec::new() };
        let mut mounts = Vec::new();
        if ready.place.inside != ready.place.host || !ready.place.host.starts_with("/usr") {
            mounts.push(ready.place.mount());
        }
        mounts.extend(ready.crates_place.as_ref().map(Place::mount));
        mounts
    }

    /// Path prefixes of the crates, for every compiler.
    pub fn prefix_maps(&self) -> Vec<(String, String)> {
        let crates = self.ready().and_then(|ready| ready.crates_place.as_ref());
        crates.map(|place| (place.inside.display().to_string(), CRATES.to_owned())).into_iter().collect()
    }

    /// Writes `rustc` and `cargo` into the folder of drivers. `maps` are the prefix maps of the C
    /// compilers.
    pub fn write_programs(&self, layout: &Layout, maps: &[(String, String)]) -> Result<()> {
        let Some(ready) = self.ready() else { return Ok(()) };
        // rustc takes the last of two that fit, and a folder of the source lies in another.
        let mut maps = maps.to_vec();
        maps.sort_by_key(|(from, _)| from.len());
        let paths = WrapperPaths {
            root: ready.place.inside.clone(),
            log: layout.log.inside.clone(),
            prefix_maps: maps,
            in_turn: Some(layout.bin.inside.join(IN_TURN_PROGRAM)),
        };
        rust::write_wrappers(&ready.toolchain, &paths, &layout.bin.host)
    }

    /// What a run of the hooks starts with: cargo's home, and locks that the sdist lacks.
    pub fn prepare_run(&self, layout: &Layout, tree: &SourceTree) -> Result<Option<RustView>> {
        let Some(ready) = self.ready() else { return Ok(None) };
        let home = layout.support.join("cargo");
        let failed = |error: std::io::Error| Error::io("write", &home.host, &error);
        fs::create_dir_all(&home.host).map_err(failed)?;
        let crates = ready.crates_place.as_ref().map_or(Path::new(CRATES), |place| &place.inside);
        fs::write(home.host.join("config.toml"), ready.crates.cargo_config(crates)).map_err(failed)?;
        ready.crates.write_locks(&tree.root)?;
        Ok(Some(RustView { host: ready.toolchain.host.clone(), cargo_home: home.inside }))
    }

    /// The parts of the result key that Rust decides.
    pub fn key_parts(&self, parts: KeyParts) -> KeyParts {
        let Some(ready) = self.ready() else { return parts };
        let mut parts = parts.with(PART, identity(&ready.toolchain.release, ready.digest));
        if let Some(wanted) = &ready.wanted {
            parts = parts.with(PART_VERSION, wanted);
        }
        // A lock in the sdist is part of its digest; one that was made is not.
        if !ready.crates.made_locks.is_empty() {
            let text: Vec<&str> = ready.crates.made_locks.iter().map(|(_, text)| text.as_str()).collect();
            parts = parts.with(PART_CRATES, Digest::of(text.join("\n")));
        }
        parts
    }

    /// The release of the compiler and its digest, where crates were compiled.
    pub fn compiler(&self, layout: &Layout) -> Option<(String, Digest)> {
        let ready = self.ready()?;
        let used = !compiled_crates(&layout.log.host).is_empty();
        used.then(|| (ready.toolchain.release.clone(), ready.digest))
    }

    /// The crates that were compiled for the target, as the locks name them.
    pub fn crates(&self, layout: &Layout) -> Vec<Crate> {
        let Some(ready) = self.ready() else { return Vec::new() };
        let compiled = compiled_crates(&layout.log.host);
        let found = compiled.iter().filter_map(|compiled| {
            let locked = ready
                .crates
                .locked
                .iter()
                .find(|locked| locked.name == compiled.name && locked.version == compiled.version)?;
            Some(Crate {
                name: locked.name.clone(),
                version: locked.version.clone(),
                licence: spdx(&compiled.licence),
                sha256: locked.checksum.clone(),
                source: locked.is_git().then(|| locked.source.clone()),
            })
        });
        found.collect()
    }

    /// `error` of the hooks, or that Rust was missing, if the hooks looked for it.
    pub fn explain(&self, error: Error, job: &Job<'_>, layout: &Layout) -> Error {
        let Self::Missing(missing) = self else { return error };
        let log = fs::read(layout.hook_log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).to_lowercase();
        if !["cargo", "rustc"].iter().any(|program| log.contains(program)) {
            return error;
        }
        let told = Error::new(missing.code(), format!("building {} failed", job.subject))
            .cause("the build calls Rust")
            .cause(missing.headline());
        let told = missing.causes().iter().fold(told, |told, cause| told.cause(cause.as_str()));
        let told = missing.lines().iter().fold(told, |told, line| told.line(line.as_str()));
        missing.hints().iter().fold(told, |told, hint| told.hint(hint.as_str())).log(layout.hook_log())
    }
}

/// A manifest's licence as an SPDX expression: older ones write a slash for OR. None when it is none.
fn spdx(text: &str) -> Option<String> {
    let text = text.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.+ ()".contains(c);
    (!text.is_empty() && text.chars().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::spdx;

    #[test]
    fn old_licences_become_expressions() {
        assert_eq!(spdx("MIT/Apache-2.0").as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(
            spdx("(MIT OR Apache-2.0) AND Unicode-3.0").as_deref(),
            Some("(MIT OR Apache-2.0) AND Unicode-3.0")
        );
        assert_eq!(spdx(""), None);
        assert_eq!(spdx("see \"LICENSE\""), None);
    }
}
