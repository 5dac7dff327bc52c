//! Source distributions: what one is called, what it hashes to, and the tree it unpacks to.
//!
//! [`Sdist`] is the input before anything of it was written anywhere: enough for a key. Unpacking
//! gives a [`SourceTree`], which knows how the project wants to be built (PEP 517, PEP 518).
//! No code of the project is run here.

mod leftovers;
pub mod patch;
mod pyproject;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::archive::{self, Limits};
use crate::metadata::Metadata;
use crate::report::{Code, Error, Result, ResultExt};

pub use pyproject::{BuildSystem, Project, Pyproject};

/// PKG-INFO with a whole README in it is far smaller.
const LARGEST_PKG_INFO: u64 = 16 << 20;

/// Where a folder given as input is copied to, whatever its own name is: the name must not decide
/// the bytes of the wheel.
const FOLDER: &str = "source";

/// A source distribution as it was given: a file under any name, or an unpacked folder.
#[derive(Debug)]
pub struct Sdist {
    path: PathBuf,
    is_folder: bool,
    sha256: String,
    pkg_info: Option<Metadata>,
}

impl Sdist {
    /// Reads enough of `path` to identify it: its digest, and PKG-INFO if it has one. The rest of
    /// an archive is checked when it is unpacked.
    ///
    /// The digest of a file is its sha256. That of a folder covers paths, executable bits and
    /// contents of what [`SourceTree`] would hold, so it does not change with dates, owners, version
    /// control, caches or what an earlier build left behind (`leftovers.rs` has the list).
    ///
    /// # Errors
    /// [`Code::InputNotFound`], [`Code::NotAnSdist`], [`Code::BrokenArchive`],
    /// [`Code::HostileArchive`], [`Code::BadMetadata`].
    pub fn open(path: &Path) -> Result<Self> {
        let facts = std::fs::metadata(path)
            .or_code(Code::InputNotFound, || format!("cannot read `{}`", path.display()))?;
        let limits = Limits::default();
        if facts.is_dir() {
            check_project(path, path)?;
            let pkg_info = read_pkg_info(path)?;
            let keep = |below: &str, is_folder| leftovers::keep(path, below, is_folder, pkg_info.is_some());
            let sha256 = hex(&archive::digest_folder(path, &limits, &keep)?);
            return Ok(Self { path: path.to_owned(), is_folder: true, sha256, pkg_info });
        }
        if !facts.is_file() {
            return Err(not_an_sdist(path, "it is neither a file nor a folder"));
        }
        let sha256 = sha256_of(path)?;
        let wanted = &mut |name: &str| {
            name.split_once('/').is_some_and(|(top, rest)| !top.is_empty() && rest == "PKG-INFO")
        };
        let found = archive::read_first(path, &limits, LARGEST_PKG_INFO, wanted)?;
        let pkg_info = match found {
            Some((_, bytes)) => Some(parse_pkg_info(&bytes, path)?),
            None => None,
        };
        Ok(Self { path: path.to_owned(), is_folder: false, sha256, pkg_info })
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the input is a folder.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// 64 hex digits: of the file, or of the folder's contents as [`Sdist::open`] says.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The project's name as PKG-INFO writes it. `None`: only the project's own metadata knows.
    pub fn name(&self) -> Option<&str> {
        self.pkg_info.as_ref().map(Metadata::name)
    }

    /// The version as PKG-INFO writes it.
    pub fn version(&self) -> Option<&str> {
        self.pkg_info.as_ref().map(Metadata::version)
    }

    /// PKG-INFO.
    pub fn pkg_info(&self) -> Option<&Metadata> {
        self.pkg_info.as_ref()
    }

    /// Unpacks the archive, or copies the folder, into the folder `into`, which should be empty.
    /// Nothing is ever built in the folder that was given.
    ///
    /// # Errors
    /// As [`archive::unpack`]; [`Code::NotAnSdist`] unless there is exactly one top-level folder
    /// with a pyproject.toml or setup.py; [`Code::BadPyproject`]; [`Code::BadMetadata`];
    /// [`Code::HashMismatch`] if the input is no longer what [`Sdist::open`] read.
    pub fn unpack(&self, into: &Path) -> Result<SourceTree> {
        let limits = Limits::default();
        let (top, sha256) = if self.is_folder {
            let unpacked_before = self.pkg_info.is_some();
            let keep =
                |below: &str, is_folder| leftovers::keep(&self.path, below, is_folder, unpacked_before);
            let (_, digest) = archive::copy_folder(&self.path, into, FOLDER, &limits, &keep)?;
            (FOLDER.to_owned(), hex(&digest))
        } else {
            let unpacked = archive::unpack(&self.path, into, &limits)?;
            let top = one_folder(&self.path, into, unpacked.top_level)?;
            leftovers::remove_output(&into.join(&top))?;
            (top, sha256_of(&self.path)?)
        };
        if sha256 != self.sha256 {
            return Err(Error::new(
                Code::HashMismatch,
                format!("`{}` changed while it was read", self.path.display()),
            )
            .cause(format!("sha256 was {}, now it is {sha256}", self.sha256)));
        }
        SourceTree::read(into.join(top), &self.path)
    }
}

/// An unpacked project, ready to be built.
#[derive(Debug)]
pub struct SourceTree {
    /// The folder with pyproject.toml or setup.py.
    pub root: PathBuf,
    /// From PKG-INFO, else from `[project]`.
    pub name: Option<String>,
    /// From PKG-INFO, else from `[project]` unless it is dynamic.
    pub version: Option<String>,
    pub build_system: BuildSystem,
    /// What it needs that no package index has: identifiers of PEP 725.
    pub external: Vec<String>,
    pub pkg_info: Option<Metadata>,
}

impl SourceTree {
    fn read(root: PathBuf, input: &Path) -> Result<Self> {
        check_project(&root, input)?;
        let pkg_info = read_pkg_info(&root)?;
        let pyproject = Pyproject::of(&root)?;
        let (name, version) = match &pkg_info {
            Some(metadata) => (Some(metadata.name().to_owned()), Some(metadata.version().to_owned())),
            // PKG-INFO is what the backend made of [project]: only without it the table itself counts.
            None => match pyproject.project()? {
                Some(project) => (Some(project.name), project.version),
                None => (None, None),
            },
        };
        let build_system = pyproject.build_system()?;
        check_backend_path(&root, &build_system)?;
        let external = pyproject.external();
        Ok(Self { root, name, version, build_system, external, pkg_info })
    }
}

/// Each folder of backend-path must exist within the tree, also when links are followed (PEP 517).
fn check_backend_path(root: &Path, build_system: &BuildSystem) -> Result<()> {
    let bad = |entry: &str, why: &str| {
        Error::new(
            Code::BadPyproject,
            format!("`backend-path` holds `{}`, which {why}", entry.escape_debug()),
        )
    };
    let real_root = root.canonicalize().map_err(|error| Error::io("read", root, &error))?;
    for entry in &build_system.backend_path {
        let inside = Path::new(entry).components().all(|component| {
            matches!(component, Component::Normal(_) | Component::CurDir | Component::ParentDir)
        });
        if !inside {
            return Err(bad(entry, "is not relative to the source tree"));
        }
        match root.join(entry).canonicalize() {
            Ok(real) if !real.starts_with(&real_root) => {
                return Err(bad(entry, "leads out of the source tree"));
            }
            Ok(real) if real.is_dir() => {}
            _ => return Err(bad(entry, "is no folder of the source tree")),
        }
    }
    Ok(())
}

/// The one top-level folder of an sdist (PEP 625).
fn one_folder(input: &Path, into: &Path, top_level: Vec<String>) -> Result<String> {
    let wheel = top_level.iter().any(|name| name.ends_with(".dist-info"));
    let error = match &top_level[..] {
        [only] if into.join(only).symlink_metadata().is_ok_and(|facts| facts.is_dir()) => {
            return Ok(only.clone());
        }
        [] => not_an_sdist(input, "it is empty"),
        [only] => not_an_sdist(input, format!("it holds one file, `{only}`, and no folder")),
        several => {
            let shown: Vec<String> = several.iter().take(5).map(|name| format!("`{name}`")).collect();
            let more = if several.len() > 5 { ", …" } else { "" };
            let what = format!("{} top-level entries instead of one folder: ", several.len());
            not_an_sdist(input, format!("it has {what}{}{more}", shown.join(", ")))
        }
    };
    Err(if wheel { error.cause("a `.dist-info` folder makes it look like a wheel") } else { error })
}

fn check_project(root: &Path, input: &Path) -> Result<()> {
    let is_file = |name: &str| root.join(name).is_file();
    if is_file("pyproject.toml") || is_file("setup.py") {
        return Ok(());
    }
    Err(not_an_sdist(input, "there is neither pyproject.toml nor setup.py in it"))
}

fn read_pkg_info(root: &Path) -> Result<Option<Metadata>> {
    let path = root.join("PKG-INFO");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_PKG_INFO + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", &path, &error))?;
    if bytes.len() as u64 > LARGEST_PKG_INFO {
        return Err(Error::new(
            Code::BadMetadata,
            format!("PKG-INFO is larger than {LARGEST_PKG_INFO} bytes"),
        ));
    }
    parse_pkg_info(&bytes, &path).map(Some)
}

fn parse_pkg_info(bytes: &[u8], path: &Path) -> Result<Metadata> {
    Metadata::parse(bytes).map_err(|error| error.cause(format!("PKG-INFO of `{}`", path.display())))
}

fn not_an_sdist(input: &Path, why: impl Into<String>) -> Error {
    Error::new(Code::NotAnSdist, format!("`{}` is no source distribution", input.display())).cause(why)
}

fn sha256_of(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Error::io("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
