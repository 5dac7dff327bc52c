//! Running a PEP 517 backend so that it builds for the target.
//!
//! What a backend must see to believe in the target is the same for all of them where it can be:
//! one environment and one folder of files (`support`) serve setuptools, meson, CMake, configure
//! scripts and cargo, since any `setup.py` may call any of these. A file per backend family holds
//! what only that family reads.

mod answer;
mod cmake;
mod configure;
mod environment;
mod meson;
mod rust;
mod wanted;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::report::{Error, Result};
use crate::target::{PythonVersion, Target};

pub use answer::{Answer, Outcome, read_answer};
pub use cmake::{is_check, refused_programs};
pub use environment::hook_environment;
pub use rust::RustView;
pub use wanted::{Supplied, Wanted, is_used, read_wanted};

/// The program that runs the hooks, and what it imports when setuptools builds extensions.
const HOOK: [(&str, &str); 2] =
    [("hook.py", include_str!("hook.py")), ("extensions.py", include_str!("extensions.py"))];

/// Where the hooks find things. Every path is as the hooks see it, which inside a namespace is not
/// where the build machine has it.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The unpacked source tree.
    pub source: PathBuf,
    /// Where the wheel is put.
    pub out: PathBuf,
    /// The compiler drivers.
    pub bin: PathBuf,
    /// The files of this module.
    pub support: PathBuf,
    /// The target's view of Python: `lib/python3.11`, `include/python3.11`.
    pub view: PathBuf,
    /// The build environment, a virtual environment.
    pub env: PathBuf,
    pub home: PathBuf,
    pub tmp: PathBuf,
    /// Trees of target libraries.
    pub sysroots: Vec<PathBuf>,
}

/// What is built, as far as a backend is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub target: &'a Target,
    pub python: PythonVersion,
    /// `[build-system] build-backend`.
    pub backend: &'a str,
    /// Programs in the build environment's `bin` folder.
    pub programs: &'a [String],
    /// Rust, where the source needs it.
    pub rust: Option<&'a RustView>,
    /// Sources that the build would download.
    pub sources: &'a [Supplied<'a>],
    /// The unpacked sdist on the build machine.
    pub tree: &'a Path,
    /// Most compilers at once.
    pub jobs: usize,
    pub source_date_epoch: u64,
}

/// The support file that stands for `/proc/cpuinfo`.
pub const CPUINFO: &str = "cpuinfo";

/// PEP 517 config settings: a value, or several under one key.
pub type ConfigSettings = BTreeMap<String, Vec<String>>;

/// What `hook.py` reads.
#[derive(Serialize)]
struct Spec<'a> {
    backend: &'a str,
    backend_path: &'a [String],
    config_settings: BTreeMap<String, Value>,
    setup_args: Vec<String>,
    programs: [PathBuf; 2],
    requires: Option<&'a [String]>,
    complete: bool,
    jobs: usize,
    out: &'a Path,
    result: PathBuf,
}

/// Writes the support files into `folder` (the build machine's path of `paths.support`).
///
/// `requires` is what the backend asked for when the environment was made, None when it was never
/// asked; `complete` says that the environment holds it in any case.
#[allow(clippy::too_many_arguments, reason = "each is a fact of its own, told once")]
pub fn write_support(
    folder: &Path,
    paths: &Paths,
    subject: &Subject<'_>,
    backend_path: &[String],
    settings: &ConfigSettings,
    requires: Option<&[String]>,
    complete: bool,
) -> Result<()> {
    HOOK.iter().try_for_each(|(name, text)| write(folder, name, text))?;
    write(folder, "config.site", &configure::config_site(subject.target))?;
    write(folder, CPUINFO, &configure::cpuinfo(subject.target))?;
    write(folder, "toolchain.cmake", &cmake::toolchain_file(paths, subject.target))?;
    write(folder, "provider.cmake", cmake::PROVIDER)?;
    wanted::place(folder, paths, subject.tree, subject.sources)?;
    write(folder, "emulator", &cmake::emulator(paths))?;
    write(folder, "cross.ini", &meson::cross_file(paths, subject))?;
    write(folder, "native.ini", &meson::native_file(paths))?;
    make_executable(&folder.join("emulator"))?;
    let spec = Spec {
        backend: subject.backend,
        backend_path,
        config_settings: settings.iter().map(|(key, values)| (key.clone(), as_json(values))).collect(),
        setup_args: meson::setup_arguments(paths),
        programs: [paths.bin.clone(), paths.env.join("bin")],
        requires,
        complete,
        jobs: subject.jobs,
        out: &paths.out,
        result: paths.support.join("answer.json"),
    };
    let text = serde_json::to_string_pretty(&spec).map_err(|e| Error::bug(format!("hook spec: {e}")))?;
    write(folder, "spec.json", &text)
}

/// A single value is a string and several are a list, as frontends pass `-C` (pypa/build does so).
fn as_json(values: &[String]) -> Value {
    match values {
        [one] => Value::from(one.as_str()),
        _ => Value::from(values.to_vec()),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))
}

fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|e| Error::io("write", path, &e))
}

#[cfg(test)]
mod tests {
    #[test]
    fn extensions_are_built_at_the_same_time_where_that_changes_nothing() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/backend/extensions_tests.py");
        let output = std::process::Command::new("python3").args(["-B", file]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{said}");
        assert!(
            output.status.success() && said.contains("every test passed"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
