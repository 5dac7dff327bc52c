//! Bytecode of a wheel's modules, compiled once for each wheel and Python.

use std::io::{Read, Write};
use std::path::Path;

use super::python::Scheme;
use super::site::Compiled;
use crate::cache::{Cache, KeyParts};
use crate::python::installer;
use crate::python::interpreter::BuildPython;
use crate::report::{Error, Report, Result};
use crate::wheel::WheelArchive;

/// The bytecode of every module of `wheel` for the interpreter `python`, as it would lie in the folder
/// of packages of `scheme`. Of the kind that is never compared with its source (PEP 552): the dates of
/// an image are not those of the build. A module that does not compile has none.
///
/// # Errors
/// [`crate::report::Code::Bytecode`]-like failures to start the interpreter; [`crate::report::Code::Io`].
pub fn compile(
    wheel: &WheelArchive,
    sha256: &str,
    python: &BuildPython,
    scheme: &Scheme,
    cache: &Cache,
    report: &Report,
) -> Result<Vec<Compiled>> {
    let key = KeyParts::new()
        .with("wheel", sha256)
        .with("python", &python.full_version)
        .with("folder", &scheme.site_packages)
        .key();
    let folder = cache.made_once("bytecode", &key.to_string(), report, |folder| {
        let data = format!("{}.data/", wheel.stem());
        for (index, entry) in wheel.entries().iter().enumerate() {
            let inside = match entry.name.strip_prefix(&data) {
                Some(rest) => rest.strip_prefix("purelib/").or_else(|| rest.strip_prefix("platlib/")),
                None => Some(entry.name.as_str()),
            };
            let Some(inside) = inside.filter(|name| name.ends_with(".py") && !entry.folder) else { continue };
            let path = folder.join(inside);
            let failed = |error: std::io::Error| Error::io("write", &path, &error);
            std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
            let source = wheel.read(&wheel.entries()[index])?;
            std::fs::File::create(&path).and_then(|mut file| file.write_all(&source)).map_err(failed)?;
        }
        let seen_at = format!("/{}", scheme.site_packages);
        installer::compile(&python.executable, folder, folder, &seen_at, report)?;
        for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
            if entry.file_type().is_file() && entry.path().extension().is_some_and(|ending| ending == "py") {
                std::fs::remove_file(entry.path())
                    .map_err(|error| Error::io("remove", entry.path(), &error))?;
            }
        }
        Ok(())
    })?;
    listed(&folder)
}

fn listed(folder: &Path) -> Result<Vec<Compiled>> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter() {
        let entry = entry.map_err(|error| Error::io("read", folder, &error.into()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
        let mut head = [0; 8];
        let mut file =
            std::fs::File::open(entry.path()).map_err(|error| Error::io("read", entry.path(), &error))?;
        file.read_exact(&mut head).map_err(|error| Error::io("read", entry.path(), &error))?;
        let size = file.metadata().map_err(|error| Error::io("read", entry.path(), &error))?.len();
        found.push(Compiled { path, content_of: entry.into_path(), size });
    }
    Ok(found)
}
