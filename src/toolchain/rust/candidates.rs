//! Finding a Rust toolchain: named by the user, or on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use super::RustToolchain;
use super::project::newer;
use crate::report::{Code, Error, Result};

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// PATH, split.
    pub path: Vec<PathBuf>,
    /// rustup's folder (`RUSTUP_HOME`, else `~/.rustup`).
    pub rustup: Option<PathBuf>,
    /// The toolchain that rustup was told to use (`RUSTUP_TOOLCHAIN`).
    pub preferred: Option<String>,
    /// Distributions that keep several releases have them here: `/usr/lib/rust-1.85`.
    pub system: Option<PathBuf>,
}

impl Search {
    /// The places of this process's environment.
    pub fn of_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        Self {
            path: variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            rustup: variable("RUSTUP_HOME")
                .map(PathBuf::from)
                .or_else(|| home.map(|home| home.join(".rustup"))),
            preferred: variable("RUSTUP_TOOLCHAIN").map(|name| name.to_string_lossy().into_owned()),
            system: Some(PathBuf::from("/usr/lib")),
        }
    }

    /// The roots of toolchains, the one that PATH leads to first, then rustup's others and the
    /// system's others, newest name first.
    fn roots(&self) -> Vec<PathBuf> {
        let mut roots = Vec::new();
        for folder in &self.path {
            let Some(program) = fs::canonicalize(folder.join("rustc")).ok().filter(|path| path.is_file())
            else {
                continue;
            };
            if program.file_name().is_some_and(|name| name == "rustup") {
                // A proxy that starts the toolchain rustup is told of.
                roots.extend(self.rustup_default());
            } else {
                roots.extend(program.parent().and_then(Path::parent).map(Path::to_owned));
            }
        }
        let below = |folder: &Path, prefix: &str| -> Vec<PathBuf> {
            let mut found: Vec<PathBuf> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path())
                .filter(|path| path.join("bin/rustc").is_file())
                .collect();
            found.sort_by(|a, b| b.cmp(a));
            found
        };
        roots.extend(self.rustup.iter().flat_map(|home| below(&home.join("toolchains"), "")));
        roots.extend(self.system.iter().flat_map(|folder| below(folder, "rust-")));
        let mut seen = std::collections::HashSet::new();
        roots.retain(|root| seen.insert(fs::canonicalize(root).unwrap_or_else(|_| root.clone())));
        roots
    }

    /// The toolchain that rustup starts outside of any project.
    fn rustup_default(&self) -> Option<PathBuf> {
        let home = self.rustup.as_ref()?;
        let toolchains = home.join("toolchains");
        let named = match &self.preferred {
            Some(name) => name.clone(),
            None => fs::read_to_string(home.join("settings.toml"))
                .ok()?
                .parse::<toml::Table>()
                .ok()?
                .get("default_toolchain")?
                .as_str()?
                .to_owned(),
        };
        // A short name such as `stable` stands for the one with this machine's triple.
        let exact = toolchains.join(&named);
        if exact.is_dir() {
            return Some(exact);
        }
        let prefix = format!("{named}-");
        let mut long: Vec<PathBuf> = fs::read_dir(toolchains)
            .ok()?
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path())
            .collect();
        long.sort();
        long.into_iter().next()
    }
}

/// The toolchain the user named: its folder, its `bin` folder, or its rustc.
///
/// # Errors
/// [`Code::InputNotFound`] when it is none; as [`choose`] when it does not fit.
pub fn named(path: &Path, triple: &str, rust_version: Option<&str>) -> Result<RustToolchain> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = if real.is_file() { real.parent().unwrap_or(&real) } else { real.as_path() };
    let root = if folder.ends_with("bin") { folder.parent().unwrap_or(folder) } else { folder };
    // `DISTRIBUTION/usr` brings the libraries of the whole.
    let whole = root
        .parent()
        .filter(|parent| {
            root.ends_with("usr") && *parent != Path::new("/") && super::loader_in(parent).is_some()
        })
        .unwrap_or(root);
    let toolchain = RustToolchain::at(whole)?;
    match misfit(&toolchain, triple, rust_version) {
        None => Ok(toolchain),
        Some(misfit) => Err(refuse(triple, rust_version, &[misfit])),
    }
}

/// The first toolchain of this machine that can compile for `triple` and is not older than
/// `rust_version`.
///
/// # Errors
/// [`Code::RustTarget`] or [`Code::RustVersion`], which says of each one found what it lacks, and
/// what to install.
pub fn choose(search: &Search, triple: &str, rust_version: Option<&str>) -> Result<RustToolchain> {
    let mut misfits = Vec::new();
    for root in search.roots() {
        // One that does not run (another machine's, a broken link) is none.
        let Ok(toolchain) = RustToolchain::at(&root) else { continue };
        match misfit(&toolchain, triple, rust_version) {
            None => return Ok(toolchain),
            Some(misfit) => misfits.push(misfit),
        }
    }
    Err(refuse(triple, rust_version, &misfits))
}

/// Why a toolchain cannot be used.
struct Misfit {
    cause: String,
    old: bool,
    rustup: Option<String>,
}

fn misfit(toolchain: &RustToolchain, triple: &str, rust_version: Option<&str>) -> Option<Misfit> {
    let RustToolchain { release, host, .. } = toolchain;
    let place = toolchain.sysroot.display();
    let parent = toolchain.root.parent();
    let rustup = parent
        .filter(|parent| parent.ends_with("toolchains"))
        .and(toolchain.root.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let misfit = |cause: String, old: bool| Some(Misfit { cause, old, rustup: rustup.clone() });
    if newer(rust_version, Some(release)) {
        let wanted = rust_version.unwrap_or_default();
        return misfit(format!("the project needs Rust {wanted}, rustc at `{place}` is {release}"), true);
    }
    for needed in [triple, host.as_str()] {
        if toolchain.library(needed).is_none() {
            let has = toolchain.targets().join(", ");
            let has = if has.is_empty() { "none".to_owned() } else { has };
            return misfit(
                format!(
                    "rustc {release} at `{place}` has no standard library for {needed}; it has those for {has}"
                ),
                false,
            );
        }
    }
    None
}

fn refuse(triple: &str, rust_version: Option<&str>, misfits: &[Misfit]) -> Error {
    let error = if !misfits.is_empty() && misfits.iter().all(|misfit| misfit.old) {
        let wanted = rust_version.unwrap_or_default();
        Error::new(Code::RustVersion, format!("no Rust on this machine is as new as {wanted}"))
            .hint(format!("rustup toolchain install {wanted} --target {triple}"))
    } else {
        let error = Error::new(Code::RustTarget, format!("no Rust on this machine compiles for {triple}"));
        let error = match misfits.iter().find_map(|misfit| misfit.rustup.as_ref().filter(|_| !misfit.old)) {
            Some(name) => error.hint(format!("rustup target add {triple} --toolchain {name}")),
            None => error.hint(format!("rustup toolchain install stable --target {triple}")),
        };
        error.hint(
            "or name a toolchain that has it: `--rust DIR`, `WHEELBUILD_RUST`, or `rust` in the configuration",
        )
    };
    if misfits.is_empty() {
        return error.cause("there is no rustc on PATH, and none of rustup's");
    }
    misfits.iter().fold(error, |error, misfit| error.cause(misfit.cause.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that answers like a toolchain.
    fn fake(place: &Path, release: &str, targets: &[&str]) {
        use std::os::unix::fs::PermissionsExt;
        fs::create_dir_all(place.join("bin")).unwrap();
        for target in targets {
            let folder = place.join("lib/rustlib").join(target).join("lib");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("libstd-0123.rlib"), "").unwrap();
        }
        for program in ["rustc", "cargo"] {
            let path = place.join("bin").join(program);
            let text =
                format!("#!/bin/sh\nprintf 'rustc {release}\\nhost: x86_64-test\\nrelease: {release}\\n'\n");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn rustup(folder: &Path) -> Search {
        let home = folder.join("rustup");
        fake(&home.join("toolchains/stable-x86_64-test"), "1.95.0", &["x86_64-test"]);
        fake(&home.join("toolchains/1.80.0-x86_64-test"), "1.80.0", &["x86_64-test", "aarch64-test"]);
        fs::write(home.join("settings.toml"), "default_toolchain = \"stable-x86_64-test\"").unwrap();
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/rustup"), "").unwrap();
        std::os::unix::fs::symlink("rustup", folder.join("bin/rustc")).unwrap();
        Search { path: vec![folder.join("bin")], rustup: Some(home), preferred: None, system: None }
    }

    #[test]
    fn the_default_is_taken_and_another_one_where_it_lacks_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let search = rustup(folder.path());
        assert_eq!(choose(&search, "x86_64-test", Some("1.83")).unwrap().release, "1.95.0");
        assert_eq!(choose(&search, "aarch64-test", None).unwrap().release, "1.80.0");
        let old = Search { preferred: Some("1.80.0".into()), ..search };
        assert_eq!(choose(&old, "x86_64-test", None).unwrap().release, "1.80.0");
    }

    #[test]
    fn what_to_install_is_said_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let search = rustup(folder.path());
        let error = choose(&search, "s390x-test", None).unwrap_err();
        assert_eq!(error.code(), Code::RustTarget);
        assert_eq!(error.hints()[0], "rustup target add s390x-test --toolchain stable-x86_64-test");
        assert!(error.causes()[0].contains("no standard library for s390x-test"), "{error}");
        let error = choose(&search, "aarch64-test", Some("1.85")).unwrap_err();
        assert_eq!(error.hints()[0], "rustup target add aarch64-test --toolchain stable-x86_64-test");
        let error = choose(&search, "x86_64-test", Some("1.96.1")).unwrap_err();
        assert_eq!(error.code(), Code::RustVersion);
        assert!(error.hints()[0].contains("install 1.96.1 --target x86_64-test"), "{error:?}");
        let error = choose(&Search::default(), "x86_64-test", None).unwrap_err();
        assert_eq!(error.code(), Code::RustTarget);
    }

    #[test]
    fn a_named_one_may_be_its_folder_its_bin_or_its_rustc() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "1.90.0", &["x86_64-test"]);
        for path in ["", "bin", "bin/rustc"] {
            let toolchain = named(&folder.path().join(path), "x86_64-test", None).unwrap();
            assert_eq!((toolchain.release.as_str(), toolchain.host.as_str()), ("1.90.0", "x86_64-test"));
        }
        assert_eq!(
            named(&folder.path().join("lib"), "x86_64-test", None).unwrap_err().code(),
            Code::InputNotFound
        );
        assert_eq!(named(folder.path(), "mips-test", None).unwrap_err().code(), Code::RustTarget);
    }
}
