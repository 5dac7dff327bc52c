//! Where interpreters are looked for.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::resolve::{Pyenv, newest_first};
use crate::target::PythonVersion;

/// The places to look in. Tests make their own; the program takes the environment's.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// pyenv's installation and which of its versions is chosen.
    pub pyenv: Pyenv,
    /// uv's folders of installed Pythons.
    pub uv: Vec<PathBuf>,
    /// Where facts about interpreters are remembered (a folder of the cache).
    pub memory: Option<PathBuf>,
}

impl Search {
    /// The places that the environment variables of this process name: `PATH`, `PYENV_ROOT`,
    /// `PYENV_VERSION`, `PYENV_DIR`, `UV_PYTHON_INSTALL_DIR`, `XDG_DATA_HOME`, `HOME`.
    pub fn from_environment(memory: Option<PathBuf>) -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let folder = |name: &str| variable(name).map(PathBuf::from);
        let home = folder("HOME");
        let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let data = folder("XDG_DATA_HOME").or_else(|| under_home(".local/share"));
        Self {
            path: variable("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
            pyenv: Pyenv {
                root: folder("PYENV_ROOT").or_else(|| under_home(".pyenv")),
                version: env::var("PYENV_VERSION").ok().filter(|version| !version.is_empty()),
                folder: folder("PYENV_DIR").or_else(|| env::current_dir().ok()),
            },
            uv: folder("UV_PYTHON_INSTALL_DIR")
                .or_else(|| data.map(|data| data.join("uv/python")))
                .into_iter()
                .collect(),
            memory,
        }
    }

    /// Every `python3`, then every `python`, on PATH.
    pub(super) fn default_programs(&self) -> impl Iterator<Item = PathBuf> {
        ["python3", "python"]
            .into_iter()
            .flat_map(|name| self.path.iter().map(move |folder| folder.join(name)))
            .filter(|program| program.is_file())
    }

    /// Every program that may be `version`, best guess first.
    pub(super) fn programs(&self, version: PythonVersion) -> Vec<PathBuf> {
        let named = version.program();
        let names = [named.as_str(), "python3", "python"];
        let on_path = self.path.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        let flags = version.abi_flags();
        // pyenv: `3.13.0`, `3.13.0t`; uv: `cpython-3.13.0-linux-x86_64-gnu`, `cpython-3.13.0+freethreaded-…`.
        let number = format!("3.{}.", version.minor);
        let pyenv = self.pyenv.root.iter().flat_map(|root| {
            newest_first(&root.join("versions"), |name| {
                name.starts_with(&number) && name.ends_with('t') != flags.is_empty()
            })
        });
        let uv = self.uv.iter().flat_map(|folder| {
            newest_first(folder, |name| {
                name.strip_prefix("cpython-").is_some_and(|name| name.starts_with(&number))
                    && name.contains("+freethreaded") != flags.is_empty()
            })
        });
        let installed = pyenv.chain(uv).map(|folder| folder.join("bin").join(&named));
        on_path.chain(installed).filter(|program| program.is_file()).collect()
    }
}
