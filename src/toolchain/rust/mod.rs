//! Rust for a target: a compiler that runs here with the target's standard library, cargo, and the
//! crates of a project.

mod candidates;
mod crates;
pub mod diagnosis;
mod lock;
mod project;
mod provided;
mod wrapper;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use candidates::{Search, choose, named};
pub use crates::{Crates, CratesQuery, fetch};
pub use lock::{CargoLock, LockedCrate};
pub use project::{CargoProject, Workspace};
pub use provided::Provided;
pub use wrapper::{CompiledCrate, WrapperPaths, compiled_crates, write_wrappers};

use crate::cache::Digest;
use crate::process::capture;
use crate::report::{Code, Error, Result};

/// A Rust toolchain on this machine: rustc, cargo and the standard libraries below one folder.
#[derive(Clone, Debug)]
pub struct RustToolchain {
    /// The folder that holds all of it: a rustup toolchain, an unpacked distribution, or `/usr`.
    pub root: PathBuf,
    /// What `rustc --print sysroot` means: the folder with `lib/rustlib`.
    pub sysroot: PathBuf,
    /// The programs, below `root`.
    pub rustc: PathBuf,
    pub cargo: PathBuf,
    /// The program loader and the folder of libraries of a root that brings its own C library.
    pub loader: Option<Loader>,
    /// `1.97.1`.
    pub release: String,
    /// The triple of the machine that its programs run on.
    pub host: String,
    /// The commit it was made from, which stands in the paths of the standard library.
    pub commit: Option<String>,
    /// What `rustc -vV` says, whole.
    verbose: String,
    /// Stands for all of that where the toolchain is a pinned one.
    pinned: Option<Digest>,
}

/// How programs of an unpacked distribution are started on a machine with another C library.
#[derive(Clone, Debug)]
pub struct Loader {
    pub program: PathBuf,
    pub libraries: PathBuf,
}

impl RustToolchain {
    /// The toolchain below `root`, asked for its version.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] when no rustc and cargo lie there, or they do not run.
    pub fn at(root: &Path) -> Result<Self> {
        let missing = |what: &str| {
            Error::new(Code::InputNotFound, format!("`{}` is no Rust toolchain", root.display()))
                .cause(what.to_owned())
                .hint("name the folder that `rustc --print sysroot` prints: `--rust DIR`")
        };
        let root = fs::canonicalize(root).map_err(|error| missing(&error.to_string()))?;
        let sysroot = [root.clone(), root.join("usr")]
            .into_iter()
            .find(|folder| folder.join("bin/rustc").is_file() && folder.join("lib/rustlib").is_dir())
            .ok_or_else(|| missing("it has no `bin/rustc` with a `lib/rustlib`"))?;
        let (rustc, cargo) = (sysroot.join("bin/rustc"), sysroot.join("bin/cargo"));
        if !cargo.is_file() {
            return Err(missing("it has no `bin/cargo`"));
        }
        let loader = loader_in(&root);
        let mut toolchain = Self {
            root,
            sysroot,
            rustc,
            cargo,
            loader,
            release: String::new(),
            host: String::new(),
            commit: None,
            verbose: String::new(),
            pinned: None,
        };
        let (program, mut arguments) = toolchain.command(&toolchain.rustc);
        arguments.push("-vV".into());
        let said = capture(&program, arguments, &BTreeMap::new())?.text();
        let field = |name: &str| {
            said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
        };
        toolchain.release = field("release").ok_or_else(|| missing("`rustc -vV` names no release"))?;
        toolchain.host = field("host").ok_or_else(|| missing("`rustc -vV` names no host"))?;
        toolchain.commit = field("commit-hash").filter(|hash| hash != "unknown");
        toolchain.verbose = said;
        Ok(toolchain)
    }

    /// The program and first arguments that start `program` of this toolchain here.
    pub fn command(&self, program: &Path) -> (PathBuf, Vec<std::ffi::OsString>) {
        match &self.loader {
            None => (program.to_owned(), Vec::new()),
            Some(loader) => (
                loader.program.clone(),
                vec!["--library-path".into(), loader.libraries.clone().into(), program.into()],
            ),
        }
    }

    /// The folder of the standard library for `triple`, if it is there.
    pub fn library(&self, triple: &str) -> Option<PathBuf> {
        let folder = self.sysroot.join("lib/rustlib").join(triple).join("lib");
        self.library_files(triple).iter().any(|name| name.starts_with("libstd-")).then_some(folder)
    }

    /// The triples that it has a standard library for, sorted.
    pub fn targets(&self) -> Vec<String> {
        let mut found: Vec<String> = fs::read_dir(self.sysroot.join("lib/rustlib"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| self.library(name).is_some())
            .collect();
        found.sort();
        found
    }

    /// What tells its output for `triple` from another toolchain's: everything `rustc -vV` says but
    /// the build machine, and the file names of the standard library, which end in hashes of what
    /// they were compiled from.
    pub fn digest(&self, triple: &str) -> Digest {
        if let Some(pinned) = self.pinned {
            return pinned;
        }
        let said: Vec<&str> = self.verbose.lines().filter(|line| !line.starts_with("host: ")).collect();
        Digest::of(format!("{}\n{}", said.join("\n"), self.library_files(triple).join("\n")))
    }

    fn library_files(&self, triple: &str) -> Vec<String> {
        let folder = self.sysroot.join("lib/rustlib").join(triple).join("lib");
        let mut names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// The program loader of a root that is a whole distribution; the system's own root has none to name.
fn loader_in(root: &Path) -> Option<Loader> {
    if root == Path::new("/") || root == Path::new("/usr") {
        return None;
    }
    let libraries = fs::read_dir(root.join("usr/lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("libc.so.6").is_file());
    let mut libraries: Vec<PathBuf> = libraries.collect();
    libraries.sort();
    // Named by the C library's own package in this folder, whatever the machine.
    libraries.into_iter().find_map(|folder| {
        let mut programs: Vec<PathBuf> = fs::read_dir(&folder)
            .ok()?
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with("ld-linux") || name.starts_with("ld64.so")
            })
            .map(|entry| entry.path())
            .collect();
        programs.sort();
        Some(Loader { program: programs.into_iter().next()?, libraries: folder })
    })
}
