//! A zig installation: the program and the `lib` folder beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cache::Digest;
use crate::process::capture;
use crate::report::{Code, Error, Result};

/// A zig whose version was asked.
#[derive(Clone, Debug)]
pub struct Zig {
    /// The program.
    pub program: PathBuf,
    /// zig's `lib` folder: sources and headers of the C libraries and runtimes.
    pub lib: PathBuf,
    /// What `zig version` says.
    pub version: String,
    /// What tells this zig from others in keys: the version alone for a pinned one, which is the
    /// same compiler on every build machine; with the program's digest for any other.
    identity: String,
}

impl Zig {
    /// The zig that wheelbuild pins, unpacked and verified at `program`. `version` is the pin's.
    pub fn pinned(program: &Path, version: &str) -> Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            lib: lib_beside(program)?,
            version: version.to_owned(),
            identity: version.to_owned(),
        })
    }

    /// The zig that the user named (`--zig`, `WHEELBUILD_ZIG`).
    ///
    /// # Errors
    /// `InputNotFound` when it does not run or has no `lib` folder.
    pub fn named(program: &Path) -> Result<Self> {
        let program = std::fs::canonicalize(program).map_err(|error| {
            Error::new(Code::InputNotFound, format!("there is no zig at `{}`", program.display()))
                .cause(error.to_string())
                .hint("name the program itself: `--zig /path/to/zig`")
        })?;
        let said = capture(&program, ["version"], &BTreeMap::new())?;
        let version = said.text().trim().to_owned();
        let identity = format!("{version}+{}", Digest::of_file(&program)?);
        Ok(Self { lib: lib_beside(&program)?, program, version, identity })
    }

    /// What stands for this zig in keys.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

/// The `lib` folder of the zig at `program`: beside it as zig's own archives have it, or as
/// `../lib/zig` where a distribution put it.
fn lib_beside(program: &Path) -> Result<PathBuf> {
    let folder = program.parent().unwrap_or(Path::new("."));
    [folder.join("lib"), folder.join("../lib/zig")]
        .into_iter()
        .find(|lib| lib.join("compiler_rt.zig").is_file())
        .ok_or_else(|| {
            Error::new(Code::InputNotFound, format!("`{}` has no `lib` folder beside it", program.display()))
                .hint("name zig where it was unpacked, not a copy of the program alone: `--zig /path/to/zig`")
        })
}
