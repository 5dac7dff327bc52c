//! The crates of a project, fetched before the build and read-only in it.
//!
//! cargo fetches them (`cargo vendor`) with the user's own registry configuration, into a folder of
//! the cache named by the locks. The build sees that folder as a directory source (The Cargo Book,
//! "Source Replacement") and has no network. Nothing of the project runs here: `cargo vendor` reads
//! manifests only, and it is started outside of the tree, so that a `.cargo/config.toml` of the
//! project, which may name programs to run, is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::RustToolchain;
use super::lock::{CargoLock, LockedCrate};
use super::project::{CargoProject, Workspace};
use crate::cache::{Cache, Digest};
use crate::process::{Output, capture_in};
use crate::report::{Code, Error, Report, Result, ResultExt};

/// Folders of the cache: finished sets of crates, and cargo's own home.
const FOLDER: &str = "crates";
const HOME: &str = "cargo";
/// What a finished set holds: the crates, the replacement of sources, and the locks it is of.
const VENDOR: &str = "vendor";
const CONFIG: &str = "config.toml";
const LOCKS: &str = "locks";

/// Variables that reach cargo when it fetches, by their start: those of its registries and of the
/// way to them. None of them reaches the build.
const PASSED: [&str; 9] = [
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_UNSTABLE_",
    "SSL_CERT_",
    "SSH_",
    "GIT_",
    "NETRC",
    "XDG_CONFIG_HOME",
];
const PASSED_WHOLE: [&str; 10] = [
    "PATH",
    "HOME",
    "USER",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "NO_PROXY",
    "no_proxy",
];

/// What to fetch.
#[derive(Debug)]
pub struct CratesQuery<'a> {
    pub toolchain: &'a RustToolchain,
    /// The unpacked source tree; locks that are missing or out of date are written into it.
    pub root: &'a Path,
    pub project: &'a CargoProject,
    /// `bcrypt 5.0.0`, for people.
    pub subject: &'a str,
    /// SHA-256 of the sdist: a lock that it lacks is kept by this.
    pub sdist: &'a str,
    pub offline: bool,
}

/// The crates of a project.
#[derive(Clone, Debug, Default)]
pub struct Crates {
    /// The folder with a folder for each crate; None when there is none to fetch.
    pub folder: Option<PathBuf>,
    /// The replacement of cargo's sources, without the folder.
    config: toml::Table,
    /// Locks that the sdist lacks or has out of date: path in the tree, and text.
    pub made_locks: Vec<(PathBuf, String)>,
    /// Everything locked.
    pub locked: BTreeSet<LockedCrate>,
}

impl Crates {
    /// cargo's configuration for a build that sees the crates at `place`.
    pub fn cargo_config(&self, place: &Path) -> String {
        let mut config = self.config.clone();
        if let Some(sources) = config.get_mut("source").and_then(toml::Value::as_table_mut) {
            for source in sources.iter_mut().filter_map(|(_, source)| source.as_table_mut()) {
                if source.contains_key("directory") {
                    source.insert("directory".to_owned(), place.display().to_string().into());
                }
            }
        }
        config.to_string()
    }

    /// Writes the locks that were made into the tree at `root`.
    pub fn write_locks(&self, root: &Path) -> Result<()> {
        for (path, text) in &self.made_locks {
            let path = root.join(path);
            fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
        }
        Ok(())
    }
}

/// The crates of `query`, from the cache or fetched.
///
/// # Errors
/// [`Code::Offline`] when they are not in the cache and fetching is forbidden, [`Code::CrateFetch`]
/// when cargo cannot fetch them, [`Code::CargoLock`] when a lock cannot be read or made,
/// [`Code::HashMismatch`] when what came is not what the lock names.
pub fn fetch(cache: &Cache, report: &Report, query: &CratesQuery<'_>) -> Result<Crates> {
    let workspaces: Vec<&Workspace> =
        query.project.workspaces.iter().filter(|workspace| !workspace.vendored).collect();
    if workspaces.is_empty() {
        return Ok(Crates::default());
    }
    let mut identity = format!("1\n{}\n", query.toolchain.release);
    let mut needed = false;
    for workspace in &workspaces {
        let text = read_lock(query.root, workspace)?;
        identity.push_str(&format!("{}\n", workspace.folder.display()));
        match &text {
            Some(text) => {
                identity.push_str(text);
                needed |= !CargoLock::parse(text, &lock_name(workspace))?.crates.is_empty();
            }
            None => {
                identity.push_str(query.sdist);
                needed = true;
            }
        }
    }
    // A lock that holds only the project's own packages needs nothing, not even the network.
    if !needed {
        return Ok(Crates::default());
    }
    let name = Digest::of(identity).to_string();
    let made = cache.made_once(FOLDER, &name[..32], report, |place| {
        if query.offline {
            return Err(offline(query, &workspaces));
        }
        report.phase(query.subject, "crates", || vendor(cache, report, query, &workspaces, place))
    })?;
    read(&made, query.root, &workspaces)
}

fn offline(query: &CratesQuery<'_>, workspaces: &[&Workspace]) -> Error {
    let locks: Vec<String> = workspaces.iter().map(|workspace| lock_name(workspace)).collect();
    Error::new(
        Code::Offline,
        format!("the crates of {} are not here, and `--offline` forbids fetching them", query.subject),
    )
    .cause(format!("they are those of {}", locks.join(", ")))
    .hint("build it once without `--offline`")
}

fn lock_name(workspace: &Workspace) -> String {
    workspace.folder.join("Cargo.lock").display().to_string()
}

fn read_lock(root: &Path, workspace: &Workspace) -> Result<Option<String>> {
    let path = root.join(&workspace.folder).join("Cargo.lock");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(Code::CargoLock, format!("`{}` cannot be read", lock_name(workspace)))
            .cause(error.to_string())),
    }
}

/// Fills `place` with a finished set.
fn vendor(
    cache: &Cache,
    report: &Report,
    query: &CratesQuery<'_>,
    workspaces: &[&Workspace],
    place: &Path,
) -> Result<()> {
    let home = cache.folder(HOME)?;
    // cargo locks its home itself, but the clean-up below must not meet another run of ours.
    let guard = File::create(home.join(".wheelbuild.lock"))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Error::io("lock", &home, &error))?;
    let own = cargo_home(&home)?;
    let run = |arguments: &[OsString]| {
        let (program, mut words) = query.toolchain.command(&query.toolchain.cargo);
        words.extend_from_slice(arguments);
        // The root folder has no configuration of a project in it or above it.
        capture_in(Path::new("/"), &program, words, &environment(&home, query.toolchain)?)
    };
    let folder = place.join(VENDOR);
    let complete = workspaces.iter().all(|workspace| workspace.locked);
    // Most sdists are right: only when cargo says no is each workspace looked at by itself.
    let first = complete.then(|| get(query, &own, workspaces, &folder, &run));
    let (said, wanted) = match first {
        Some(Ok(said)) => (said, workspaces.to_vec()),
        _ => {
            let wanted = settle_all(report, query, workspaces, &run)?;
            let _ = fs::remove_dir_all(&folder);
            (get(query, &own, &wanted, &folder, &run)?, wanted)
        }
    };
    let locked = locked_crates(query, &wanted)?;
    let config: toml::Table = said.parse().or_code(Code::CrateFetch, || {
        format!("cargo's answer for the crates of {} cannot be read", query.subject)
    })?;
    fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
    verify(query, &folder, &locked)?;
    let write = |name: String, text: &str| {
        let path = place.join(name);
        fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))
    };
    write(CONFIG.to_owned(), &config.to_string())?;
    let locks = place.join(LOCKS);
    fs::create_dir(&locks).map_err(|error| Error::io("make", &locks, &error))?;
    for (position, workspace) in workspaces.iter().enumerate() {
        if let Some(text) = read_lock(query.root, workspace)? {
            write(format!("{LOCKS}/{position}"), &text)?;
        }
    }
    drop(guard);
    Ok(())
}

/// Everything that the locks of `workspaces` name.
fn locked_crates(query: &CratesQuery<'_>, workspaces: &[&Workspace]) -> Result<BTreeSet<LockedCrate>> {
    let mut locked = BTreeSet::new();
    for workspace in workspaces {
        if let Some(text) = read_lock(query.root, workspace)? {
            locked.extend(CargoLock::parse(&text, &lock_name(workspace))?.crates);
        }
    }
    Ok(locked)
}

/// Has cargo put the crates into `folder`; gives the configuration that it prints for them.
fn get(
    query: &CratesQuery<'_>,
    home: &Path,
    workspaces: &[&Workspace],
    folder: &Path,
    run: &impl Fn(&[OsString]) -> Result<Output>,
) -> Result<String> {
    // What lies unpacked is made anew from files that were compared with their checksums.
    let _ = fs::remove_dir_all(home.join("registry/src"));
    drop_damaged(home, &locked_crates(query, workspaces)?);
    let mut arguments: Vec<OsString> =
        ["vendor", "--locked", "--versioned-dirs", "--respect-source-config", "--manifest-path"]
            .map(OsString::from)
            .to_vec();
    for (position, workspace) in workspaces.iter().enumerate() {
        if position > 0 {
            arguments.push("--sync".into());
        }
        arguments.push(query.root.join(&workspace.folder).join("Cargo.toml").into());
    }
    arguments.push(folder.into());
    Ok(run(&arguments).map_err(|error| failed(query, error))?.text())
}

/// The workspaces with a lock that fits, where it had to be made with a warning. An example or a
/// fixture that nobody builds is left out rather than let it stop the build.
fn settle_all<'a>(
    report: &Report,
    query: &CratesQuery<'_>,
    workspaces: &[&'a Workspace],
    run: &impl Fn(&[OsString]) -> Result<Output>,
) -> Result<Vec<&'a Workspace>> {
    let mut wanted = Vec::new();
    for workspace in workspaces {
        let name = lock_name(workspace);
        match settle(query, workspace, run) {
            Ok(None) => wanted.push(*workspace),
            Ok(Some(how)) => {
                report.warn(format!(
                    "{}: `{name}` {how}: one is made now and kept in the cache",
                    query.subject
                ));
                wanted.push(*workspace);
            }
            Err(error) if !workspace.named => report.detail(format!("`{name}` is left out: {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok(wanted)
}

/// Makes sure that the workspace has a lock that fits its manifests. Says what was wrong with it
/// when one had to be made.
fn settle(
    query: &CratesQuery<'_>,
    workspace: &Workspace,
    run: &impl Fn(&[OsString]) -> Result<Output>,
) -> Result<Option<&'static str>> {
    let manifest = query.root.join(&workspace.folder).join("Cargo.toml");
    let metadata = |locked: bool| {
        let mut arguments: Vec<OsString> = ["metadata", "--format-version", "1"].map(OsString::from).to_vec();
        arguments.extend(locked.then(|| "--locked".into()));
        arguments.extend(["--manifest-path".into(), manifest.clone().into()]);
        run(&arguments)
    };
    let missing = read_lock(query.root, workspace)?.is_none();
    if !missing {
        match metadata(true) {
            Ok(_) => return Ok(None),
            Err(error) if error.lines().iter().any(|line| line.contains("--locked")) => {}
            Err(error) => return Err(failed(query, error)),
        }
    }
    metadata(false).map_err(|error| failed(query, error))?;
    Ok(Some(if missing { "is not in the sdist" } else { "does not fit the manifests" }))
}

/// cargo's home in the cache, with the user's configuration and credentials as links.
fn cargo_home(home: &Path) -> Result<PathBuf> {
    let users = std::env::var_os("CARGO_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    for name in ["config.toml", "config", "credentials.toml", "credentials"] {
        let link = home.join(name);
        let _ = fs::remove_file(&link);
        if let Some(source) = users.as_ref().map(|users| users.join(name)).filter(|path| path.is_file()) {
            std::os::unix::fs::symlink(&source, &link).map_err(|error| Error::io("link", &link, &error))?;
        }
    }
    Ok(home.to_owned())
}

/// The environment of cargo while it fetches.
fn environment(home: &Path, toolchain: &RustToolchain) -> Result<BTreeMap<OsString, OsString>> {
    let mut all: BTreeMap<OsString, OsString> = std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            PASSED_WHOLE.contains(&&*name) || PASSED.iter().any(|start| name.starts_with(start))
        })
        .collect();
    all.insert("CARGO_HOME".into(), home.into());
    all.insert("CARGO_TERM_COLOR".into(), "never".into());
    all.insert("LC_ALL".into(), "C.UTF-8".into());
    // Of versions that fit, one that this compiler can compile.
    all.insert("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS".into(), "fallback".into());
    if toolchain.loader.is_none() {
        all.insert("RUSTC".into(), toolchain.rustc.clone().into());
        return Ok(all);
    }
    // cargo asks the compiler for its version: through a script, as programs of that root need.
    let script = home.join("rustc");
    let paths = super::WrapperPaths {
        root: toolchain.root.clone(),
        log: home.join("log"),
        prefix_maps: Vec::new(),
        in_turn: None,
    };
    super::write_wrappers(toolchain, &paths, home)?;
    all.insert("RUSTC".into(), script.into());
    Ok(all)
}

/// Removes files of cargo's own cache that are not what `locked` names: cargo compares a file with
/// its checksum only when it fetches it.
fn drop_damaged(home: &Path, locked: &BTreeSet<LockedCrate>) {
    let registries = fs::read_dir(home.join("registry/cache")).into_iter().flatten().flatten();
    for registry in registries {
        for LockedCrate { name, version, checksum, .. } in locked {
            let file = registry.path().join(format!("{name}-{version}.crate"));
            let Some(checksum) = checksum.as_ref().filter(|_| file.is_file()) else { continue };
            if Digest::of_file(&file).is_ok_and(|digest| digest.to_string() != *checksum) {
                let _ = fs::remove_file(&file);
            }
        }
    }
}

#[derive(Deserialize)]
struct Checksums {
    package: Option<String>,
}

/// Compares what cargo put into `folder` with the locks.
fn verify(query: &CratesQuery<'_>, folder: &Path, locked: &BTreeSet<LockedCrate>) -> Result<()> {
    for LockedCrate { name, version, checksum, .. } in locked {
        let path = folder.join(format!("{name}-{version}")).join(".cargo-checksum.json");
        let text = fs::read(&path).map_err(|error| {
            Error::new(Code::CrateFetch, format!("cargo did not fetch the crate {name} {version}"))
                .cause(error.to_string())
        })?;
        let found: Checksums = serde_json::from_slice(&text)
            .or_code(Code::CrateFetch, || format!("`{}` cannot be read", path.display()))?;
        // A checkout of git has no checksum but its commit.
        if let Some(checksum) = checksum
            && found.package.as_ref() != Some(checksum)
        {
            return Err(Error::new(
                Code::HashMismatch,
                format!("the crate {name} {version} of {} is not the one its lock names", query.subject),
            )
            .cause(format!("expected sha256 {checksum}, found {}", found.package.unwrap_or_default())));
        }
    }
    Ok(())
}

/// Reads a finished set.
fn read(made: &Path, root: &Path, workspaces: &[&Workspace]) -> Result<Crates> {
    let damaged = |cause: String| {
        Error::new(Code::CacheEntry, format!("`{}` is damaged", made.display()))
            .cause(cause)
            .hint("remove that folder; its crates are fetched anew")
    };
    let config = fs::read_to_string(made.join(CONFIG)).map_err(|error| damaged(error.to_string()))?;
    let mut crates = Crates {
        folder: Some(made.join(VENDOR)),
        config: config.parse().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?,
        ..Crates::default()
    };
    for (position, workspace) in workspaces.iter().enumerate() {
        let Ok(text) = fs::read_to_string(made.join(LOCKS).join(position.to_string())) else { continue };
        let name = lock_name(workspace);
        crates.locked.extend(CargoLock::parse(&text, &name)?.crates);
        let path = workspace.folder.join("Cargo.lock");
        // Compared with the sdist's own, which the first fetch may have replaced in the tree.
        if !workspace.locked || fs::read_to_string(root.join(&path)).ok().as_ref() != Some(&text) {
            crates.made_locks.push((path, text));
        }
    }
    Ok(crates)
}

/// cargo's failure as ours: what it could not get, or what it does not like.
fn failed(query: &CratesQuery<'_>, error: Error) -> Error {
    let lines = error.lines().join("\n");
    let network = [
        "failed to download",
        "failed to fetch",
        "download of",
        "spurious network error",
        "Could not resolve",
        "failed to query replaced source",
        "Unable to update",
        "failed to get `",
        "timed out",
        "SSL",
    ];
    let new = "lock file version";
    let (code, headline) = if network.iter().any(|mark| lines.contains(mark)) {
        (Code::CrateFetch, format!("the crates of {} cannot be fetched", query.subject))
    } else if lines.contains(new) || lines.contains("edition") || lines.contains("requires rustc") {
        (Code::RustVersion, format!("cargo {} is too old for {}", query.toolchain.release, query.subject))
    } else {
        (Code::CargoLock, format!("cargo cannot read the project of {}", query.subject))
    };
    let result = Error::new(code, headline);
    let result = error.causes().iter().fold(result, |result, cause| result.cause(cause.as_str()));
    let result = error.lines().iter().fold(result, |result, line| result.line(line.as_str()));
    match code {
        Code::CrateFetch => result
            .hint("cargo's own configuration decides which registry is asked: `~/.cargo/config.toml`, `HTTPS_PROXY`"),
        Code::RustVersion => result.hint("name a newer toolchain with `--rust DIR`"),
        _ => result,
    }
}
