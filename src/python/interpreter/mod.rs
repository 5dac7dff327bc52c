//! The build interpreter: found, resolved to the real program, and described.
//!
//! It must be a CPython of the target's version that runs on this machine. It is looked for on
//! PATH, then among the ones pyenv and uv installed; a shim or a virtual environment counts as the
//! interpreter behind it. One with C headers is preferred, since extensions need them.

mod facts;
mod headers;
mod resolve;
mod search;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use facts::Facts;
pub use headers::Headers;
pub use resolve::Pyenv;
use resolve::{Resolved, resolve};
pub use search::Search;

use crate::report::{Code, Error, Report, Result};
use crate::target::{Arch, Interpreter, Libc, PythonVersion, Target};

/// A CPython that runs on the build machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPython {
    /// The real program: no link, no shim, no virtual environment.
    pub executable: PathBuf,
    pub version: PythonVersion,
    /// `3.11.7`, `3.15.0rc1`.
    pub full_version: String,
    /// `sys.base_prefix`.
    pub prefix: PathBuf,
    /// The folder of the standard library.
    pub stdlib: PathBuf,
    /// The `_sysconfigdata_*.py` it was built with.
    pub sysconfig_data: PathBuf,
    /// Its C headers; none if they are not installed.
    pub headers: Option<Headers>,
    /// `sysconfig.get_platform()`: `linux-x86_64`.
    pub platform: String,
    /// `x86_64-linux-gnu`; empty where the interpreter has none.
    pub multiarch: String,
    /// The machine it is built for; none for one without a row in the table.
    pub arch: Option<&'static Arch>,
    /// The C library it runs with; none if it says none (macOS).
    pub libc: Option<Libc>,
    /// The libpython it loads, if its C API lives in one.
    pub shared_libpython: Option<PathBuf>,
    /// A digest (hex sha256) of everything in it that can change a wheel: version, standard library,
    /// headers, configuration. Equal for the same build of CPython on another machine.
    pub identity: String,
    /// Folders and files outside the system's own (/usr, /lib*, /bin, /sbin) that must be visible for it to run.
    pub mounts: Vec<PathBuf>,
}

impl BuildPython {
    /// The file whose dynamic symbols are CPython's C API: libpython, else the program itself.
    pub fn c_api_library(&self) -> &Path {
        self.shared_libpython.as_deref().unwrap_or(&self.executable)
    }

    /// The build machine as a target, where it is one: what build requirements are installed for.
    pub fn build_target(&self) -> Option<Target> {
        Some(Target { arch: self.arch?, libc: self.libc? })
    }

    /// The interpreter behind `program`, whatever its version.
    ///
    /// `search` gives pyenv's state and the folder where facts are remembered.
    ///
    /// # Errors
    /// [`Code::InterpreterNotFound`] if it is none, or none that wheels can be built with.
    pub fn inspect(program: &Path, search: &Search) -> Result<Self> {
        let memory = search.memory.as_deref();
        let real = match resolve(program, &search.pyenv) {
            Resolved::Program(real) => real,
            Resolved::Script(script) => {
                let said = facts::ask(&script)?.executable;
                match resolve(&said, &search.pyenv) {
                    Resolved::Program(real) => real,
                    _ => said,
                }
            }
            Resolved::Nothing => {
                let headline = format!("`{}` leads to no interpreter", program.display());
                return Err(Error::new(Code::InterpreterNotFound, headline));
            }
        };
        let (facts, identity) = facts::facts(&real, memory, headers::identify)?;
        Self::judge(real, facts, identity)
    }

    fn judge(executable: PathBuf, facts: Facts, identity: String) -> Result<Self> {
        let unusable = |why: String| {
            let headline = format!("`{}` cannot build wheels", executable.display());
            Error::new(Code::InterpreterNotFound, headline).cause(why)
        };
        if facts.implementation != "cpython" {
            return Err(unusable(format!("it is {}, not CPython", facts.implementation)));
        }
        let version = PythonVersion { minor: facts.minor, free_threaded: facts.free_threaded };
        if !PythonVersion::all().any(|known| known == version) {
            return Err(unusable(format!("there are no tables for Python {}", facts.full_version)));
        }
        if facts.debug {
            return Err(unusable(
                "it is a debug build, whose extensions no other interpreter loads".to_owned(),
            ));
        }
        if facts.sysconfig_data.as_os_str().is_empty() {
            return Err(unusable("it has no sysconfig data".to_owned()));
        }
        let libpython = facts.mapped.iter().find(|file| {
            file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("libpython3"))
        });
        Ok(Self {
            version,
            headers: headers::locate(&facts),
            arch: Arch::find(&facts.machine),
            libc: libc(&facts),
            shared_libpython: libpython.cloned(),
            mounts: mounts(&executable, &facts),
            executable,
            full_version: facts.full_version,
            prefix: facts.base_prefix,
            stdlib: facts.stdlib,
            sysconfig_data: facts.sysconfig_data,
            platform: facts.platform,
            multiarch: facts.multiarch,
            identity,
        })
    }
}

fn libc(facts: &Facts) -> Option<Libc> {
    if let Some(minor) = facts.libc.strip_prefix("glibc 2.") {
        return Some(Libc::Gnu { minor: minor.split('.').next()?.parse().ok()? });
    }
    let musl = |file: &PathBuf| {
        file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ld-musl-"))
    };
    facts.mapped.iter().any(musl).then_some(Libc::Musl)
}

/// The outermost folders that hold the interpreter, less what every sandbox shows anyway.
fn mounts(executable: &Path, facts: &Facts) -> Vec<PathBuf> {
    const SYSTEM: [&str; 8] = ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc"];
    let mut wanted: BTreeSet<PathBuf> =
        [&facts.base_prefix, &facts.base_exec_prefix, &facts.stdlib].into_iter().cloned().collect();
    wanted.insert(executable.to_owned());
    wanted.extend(facts.mapped.iter().filter(|file| file.exists()).cloned());
    // Real places beside the spelled ones: a link in the spelled path must lead somewhere.
    let real: Vec<PathBuf> = wanted.iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect();
    wanted.extend(real);
    let mut mounts: Vec<PathBuf> = Vec::new();
    // Sorted, so a folder comes before what lies in it.
    for path in wanted {
        let shown = SYSTEM.iter().any(|system| path.starts_with(system))
            || mounts.iter().any(|mount| path.starts_with(mount));
        if !shown && path != Path::new("/") {
            mounts.push(path);
        }
    }
    mounts
}

/// Finds the build interpreter for `wanted`; none asks for the version of `python3` on PATH.
///
/// # Errors
/// [`Code::InterpreterNotFound`], with what was looked at and how to get one.
pub fn find(wanted: Option<&Interpreter>, search: &Search, report: &Report) -> Result<BuildPython> {
    match wanted {
        Some(Interpreter::Path(path)) => {
            let program = if path.is_dir() { path.join("bin/python3") } else { path.clone() };
            if !program.exists() {
                return Err(Error::new(
                    Code::InterpreterNotFound,
                    format!("`{}` does not exist", path.display()),
                )
                .hint("name an interpreter: `--python /path/to/python3.12`, or a version: `--python 3.12`"));
            }
            BuildPython::inspect(&program, search)
        }
        Some(Interpreter::Version(version)) => of_version(*version, search, report),
        None => {
            let mut rejected = Vec::new();
            for program in search.default_programs() {
                match BuildPython::inspect(&program, search) {
                    Ok(python) if python.headers.is_some() => return Ok(python),
                    // Another interpreter of that version may have the headers this one lacks.
                    Ok(python) => return of_version(python.version, search, report),
                    Err(error) => rejected.push(error.to_string()),
                }
            }
            let error = Error::new(Code::InterpreterNotFound, "no usable `python3` on PATH")
                .hint("name a version or an interpreter: `--python 3.12`, `--python /path/to/python3.12`");
            Err(rejected.into_iter().fold(error, Error::cause))
        }
    }
}

fn of_version(version: PythonVersion, search: &Search, report: &Report) -> Result<BuildPython> {
    let (mut seen, mut rejected, mut headerless) = (BTreeSet::new(), Vec::new(), None);
    for program in search.programs(version) {
        let behind = match resolve(&program, &search.pyenv) {
            Resolved::Program(real) | Resolved::Script(real) => real,
            Resolved::Nothing => continue,
        };
        if !seen.insert(behind) {
            continue;
        }
        match BuildPython::inspect(&program, search) {
            Ok(python) if python.version != version => {
                rejected.push(format!("`{}` is Python {}", program.display(), python.full_version));
            }
            Ok(python) if python.headers.is_none() => {
                report.detail(format!(
                    "`{}` has no C headers; looking for another",
                    python.executable.display()
                ));
                headerless.get_or_insert(python);
            }
            Ok(python) => return Ok(python),
            Err(error) => rejected.push(error.to_string()),
        }
    }
    if let Some(python) = headerless {
        return Ok(python);
    }
    let error = Error::new(Code::InterpreterNotFound, format!("no Python {version} on this machine"))
        .hint(format!("let it be downloaded: `--allow-python-download`, or `uv python install {version}`"))
        .hint(format!("or name one: `--python /path/to/python{version}`"));
    Err(rejected.into_iter().fold(error, Error::cause))
}

/// Lets the given uv install `version` where [`Search`] finds it.
///
/// # Errors
/// [`Code::Network`] with uv's last words.
pub fn download(uv: &Path, version: PythonVersion, report: &Report) -> Result<()> {
    report.info(format!("downloading Python {version} with uv"));
    let command = duct::cmd!(uv, "python", "install", "--no-bin", version.to_string())
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    let output = crate::process::run_program(command).map_err(|error| Error::io("start", uv, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let error = Error::new(Code::Network, format!("uv could not install Python {version}"));
    Err(said
        .lines()
        .rev()
        .take(3)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(error, |error, line| error.line(line)))
}

#[cfg(test)]
mod tests;
