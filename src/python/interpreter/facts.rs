//! What an interpreter says about itself, asked once and remembered by path, size and time.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::{Code, Error, Result};

const PROBE: &str = include_str!("probe.py");

/// Raised when the probe or the meaning of a field changes: older remembered facts are asked anew.
const FORMAT: u32 = 1;

/// An interpreter that says nothing for so long is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answers of `probe.py`, unjudged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub implementation: String,
    pub minor: u32,
    pub full_version: String,
    pub free_threaded: bool,
    pub debug: bool,
    pub executable: PathBuf,
    pub base_prefix: PathBuf,
    pub base_exec_prefix: PathBuf,
    /// The prefix that the build was configured with, which a relocated tree no longer has.
    pub configured_prefix: String,
    pub stdlib: PathBuf,
    pub sysconfig_data: PathBuf,
    pub include: Vec<PathBuf>,
    pub config_header: PathBuf,
    pub platform: String,
    pub multiarch: String,
    pub machine: String,
    /// `glibc 2.36`, or empty.
    pub libc: String,
    /// Every file mapped into the process: its loader and libraries.
    pub mapped: BTreeSet<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    format: u32,
    path: PathBuf,
    size: u64,
    modified: (i64, i64),
    facts: Facts,
    identity: String,
}

/// The facts of the interpreter at `program` (a real path), and its identity, which `identify` makes of them.
///
/// With `memory`, a folder, they are kept there by path, size and time of the file, so that the
/// interpreter is started once. A memory that cannot be read or written is no failure.
pub(super) fn facts(
    program: &Path,
    memory: Option<&Path>,
    identify: impl Fn(&Facts) -> Result<String>,
) -> Result<(Facts, String)> {
    let about = std::fs::metadata(program).map_err(|error| Error::io("read", program, &error))?;
    let (size, modified) = (about.size(), (about.mtime(), about.mtime_nsec()));
    let file = memory.map(|folder| folder.join(file_name(program)));
    if let Some(file) = &file
        && let Ok(bytes) = std::fs::read(file)
        && let Ok(known) = serde_json::from_slice::<Remembered>(&bytes)
        && (known.format, known.path.as_path(), known.size, known.modified)
            == (FORMAT, program, size, modified)
    {
        return Ok((known.facts, known.identity));
    }
    let facts = ask(program)?;
    let identity = identify(&facts)?;
    // Headers that are missing now may be installed later without a change of the program.
    let complete = super::headers::locate(&facts).is_some();
    if let (Some(file), true) = (&file, complete) {
        let known = Remembered {
            format: FORMAT,
            path: program.to_owned(),
            size,
            modified,
            facts: facts.clone(),
            identity: identity.clone(),
        };
        // Only a memory: the next run asks again.
        let _ = remember(file, &known);
    }
    Ok((facts, identity))
}

fn file_name(program: &Path) -> String {
    format!("{}.json", crate::python::digest(program.as_os_str().as_encoded_bytes()))
}

fn remember(file: &Path, known: &Remembered) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&serde_json::to_vec(known)?)?;
    new.persist(file)?;
    Ok(())
}

/// Starts `program` and reads its answers.
pub(super) fn ask(program: &Path) -> Result<Facts> {
    let failed = |why: String| {
        Error::new(
            Code::InterpreterNotFound,
            format!("`{}` is no usable Python interpreter", program.display()),
        )
        .cause(why)
    };
    let mut command = duct::cmd!(program, "-I", "-S", "-B", "-c", PROBE)
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    // A view of another build must not answer for the interpreter.
    for name in crate::python::view::HOOK_VARIABLES {
        command = command.env_remove(name);
    }
    let ended = crate::process::run_program_within(command, PATIENCE);
    let Some(output) = ended.map_err(|error| failed(error.to_string()))? else {
        return Err(failed(format!("it did not answer within {} s", PATIENCE.as_secs())));
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().last().unwrap_or("it ended without a word").to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}
