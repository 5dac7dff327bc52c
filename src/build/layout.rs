//! Where everything of one build lies: on the build machine, and as the hooks see it.
//!
//! In namespaces every folder is mounted at a fixed place below `/build`, so that paths that a
//! backend writes into its output are the same everywhere. Elsewhere both are the same path, and
//! the compiler drivers map the real ones to the fixed ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Isolation, Mount};
use crate::report::{Error, Result};

/// The root of the fixed places.
const ROOT: &str = "/build";

/// One folder or file of the build.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// On the build machine.
    pub host: PathBuf,
    /// As the hooks see it.
    pub inside: PathBuf,
    /// The name below `/build`, whatever the isolation.
    pub fixed: PathBuf,
    pub writable: bool,
}

/// The places of one build. The scratch folder is removed with it, unless it was kept.
#[derive(Debug)]
pub(super) struct Layout {
    scratch: Option<tempfile::TempDir>,
    root: PathBuf,
    moved: bool,
    pub source: Place,
    pub out: Place,
    pub log: Place,
    pub bin: Place,
    pub support: Place,
    pub view: Place,
    pub home: Place,
    pub tmp: Place,
}

impl Layout {
    /// Makes the folders in `scratch`.
    pub fn new(scratch: tempfile::TempDir, isolation: Isolation) -> Result<Self> {
        let root = scratch.path().to_owned();
        let moved = isolation.moves_paths();
        let place = |name: &str, writable: bool| -> Result<Place> {
            let host = root.join(name);
            // In namespaces these are the sandbox's own, and the view is kept elsewhere.
            if !(moved && ["target", "home", "tmp"].contains(&name)) {
                fs::create_dir(&host).map_err(|e| Error::io("make", &host, &e))?;
            }
            Ok(Place {
                fixed: Path::new(ROOT).join(name),
                inside: inside(&host, name, moved),
                host,
                writable,
            })
        };
        Ok(Self {
            source: place("src", true)?,
            out: place("out", true)?,
            log: place("log", true)?,
            bin: place("bin", false)?,
            support: place("support", true)?,
            view: place("target", false)?,
            home: place("home", true)?,
            tmp: place("tmp", true)?,
            scratch: Some(scratch),
            root,
            moved,
        })
    }

    /// A folder or file that exists already, seen at `/build/NAME`.
    pub fn existing(&self, host: &Path, name: &str) -> Place {
        Place {
            host: host.to_owned(),
            inside: inside(host, name, self.moved),
            fixed: Path::new(ROOT).join(name),
            writable: false,
        }
    }

    /// The mounts of this layout's own folders, but for the view, which may stand elsewhere.
    pub fn mounts(&self) -> Vec<Mount> {
        // In namespaces home and tmp are the sandbox's own.
        let mut places = vec![&self.source, &self.out, &self.log, &self.bin, &self.support];
        if !self.moved {
            places.extend([&self.home, &self.tmp]);
        }
        places.into_iter().map(Place::mount).collect()
    }

    /// Where the hooks find their home and temporary folders.
    pub fn home(&self) -> PathBuf {
        if self.moved { PathBuf::from(crate::process::BUILD_HOME) } else { self.home.inside.clone() }
    }

    pub fn tmp(&self) -> PathBuf {
        if self.moved { PathBuf::from("/tmp") } else { self.tmp.inside.clone() }
    }

    /// The full log of the hooks, on the build machine.
    pub fn hook_log(&self) -> PathBuf {
        self.root.join("build.log")
    }

    /// The folder that all of it lies in, on the build machine.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps the folder and says where it is.
    pub fn keep(&mut self) -> PathBuf {
        if let Some(scratch) = self.scratch.take() {
            return scratch.keep();
        }
        self.root.clone()
    }
}

fn inside(host: &Path, name: &str, moved: bool) -> PathBuf {
    if moved { Path::new(ROOT).join(name) } else { host.to_owned() }
}

impl Place {
    pub fn mount(&self) -> Mount {
        let mount = Mount::at(&self.host, &self.inside);
        if self.writable { mount.writable() } else { mount }
    }

    /// The same for a path below this place.
    pub fn join(&self, name: impl AsRef<Path>) -> Place {
        let name = name.as_ref();
        Place {
            host: self.host.join(name),
            inside: self.inside.join(name),
            fixed: self.fixed.join(name),
            writable: self.writable,
        }
    }
}
