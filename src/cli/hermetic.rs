//! `--hermetic`: the arguments are everything there is.
//!
//! A build system promises its actions an environment, and not every worker keeps the promise. So
//! the program starts itself again without the variables that could decide anything, and keeps
//! what it makes for itself in a folder that goes with it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::typed::Global;
use crate::report::{Error, Result};

/// Where scratch goes, and what `--cc system` and `--python X.Y` mean: asked for by name.
const KEPT: [&str; 4] = ["TMPDIR", "PATH", "CC", "CXX"];

/// Makes the run of `words` hermetic. Gives the folder that serves as the cache, unless one was named.
///
/// # Errors
/// [`Code::Io`](crate::report::Code::Io) when the program cannot be started again, or there is no
/// room for scratch.
pub fn enter(global: &mut Global, words: &[OsString]) -> Result<Option<TempDir>> {
    if std::env::vars_os().any(|(name, _)| !is_kept(&name)) {
        return Err(again(words));
    }
    global.offline = true;
    if global.cache_dir.is_some() {
        return Ok(None);
    }
    let scratch = tempfile::Builder::new()
        .prefix("wheelbuild-")
        .tempdir()
        .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), &error))?;
    global.cache_dir = Some(scratch.path().to_owned());
    Ok(Some(scratch))
}

fn is_kept(name: &OsStr) -> bool {
    KEPT.iter().any(|kept| name == *kept)
}

/// Replaces this process by one without the variables; comes back only when that fails.
fn again(words: &[OsString]) -> Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Error::io("find", Path::new("wheelbuild"), &error),
    };
    let kept = std::env::vars_os().filter(|(name, _)| is_kept(name));
    let error = Command::new(&program).args(words.iter().skip(1)).env_clear().envs(kept).exec();
    Error::io("start", &program, &error)
}
