//! Makes the `bin/` folder of a build.

use std::path::{Path, PathBuf};

use super::config::DriverConfig;
use super::{BUILD_CONFIG_FILE, CONFIG_FILE, PRIVATE_SYMBOLS, Tool, system};
use crate::report::{Error, Result};

/// Writes `driver.toml` and one link for each tool into `bin`, which is made if it is not there.
///
/// `program` is where the links lead: wheelbuild's executable as the build will see it. It need not
/// exist yet, so that links made outside a mount namespace are good inside it.
///
/// To be called after the sdist is unpacked: a small source that is newer than `driver.toml` is taken
/// for a probe that the build has written.
///
/// # Errors
/// `Code::Io` or `Code::DiskFull` when the folder cannot be written; those of [`DriverConfig::resolve`].
pub fn install(bin: &Path, program: &Path, config: &DriverConfig) -> Result<()> {
    let (target, build) = config.resolve()?;
    let triple = config.target.gnu_triple();
    std::fs::create_dir_all(bin).map_err(|error| Error::io("make", bin, &error))?;
    if let Some(log) = &config.log {
        // In a namespace the folder appears later; there it is the mount's business.
        let _ = std::fs::create_dir_all(log);
    }
    target.write(&bin.join(CONFIG_FILE))?;
    build.write(&bin.join(BUILD_CONFIG_FILE))?;
    let file = bin.join(PRIVATE_SYMBOLS);
    std::fs::write(&file, include_bytes!("../../../toolchains/kit/private.map"))
        .map_err(|error| Error::io("write", &file, &error))?;
    let mut names: Vec<String> = Vec::new();
    let configs = super::pkg_config::PROGRAMS.iter().map(|(name, _)| (*name, Tool::LibraryConfig));
    for (name, tool) in Tool::NAMES.iter().copied().chain(configs) {
        names.push(name.to_owned());
        if !tool.is_for_build_machine() {
            names.push(format!("{triple}-{name}"));
        }
    }
    let present = system::PROGRAMS.iter().filter(|(name, only)| !only || system::is_present(name));
    names.extend(present.map(|(name, _)| (*name).to_owned()));
    for python in ["python", "python3"].into_iter().chain(config.python.as_deref()) {
        names.push(format!("{python}-config"));
        names.push(format!("{triple}-{python}-config"));
    }
    names.sort();
    names.dedup();
    link(bin, &names, program)
}

/// Makes one symbolic link to `program` under all of `names`: making dozens of files costs a build of
/// a small package more than anything else that is done here.
fn link(bin: &Path, names: &[String], program: &Path) -> Result<()> {
    let mut first: Option<PathBuf> = None;
    for name in names {
        let path = bin.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("replace", &path, &error));
            }
            _ => {}
        }
        // A file system without a second name for a file takes a second file.
        if first.as_ref().is_some_and(|first| std::fs::hard_link(first, &path).is_ok()) {
            continue;
        }
        std::os::unix::fs::symlink(program, &path).map_err(|error| Error::io("make", &path, &error))?;
        first = Some(path);
    }
    Ok(())
}
