//! Bytecode compiled when an environment is made: importing a backend with it costs a quarter.

use std::path::Path;

use crate::process::run_program;
use crate::report::{Code, Error, Report, Result};

/// Compiles every module below `folder` by the interpreter `python`.
///
/// `root` is where the environment stands now and `seen_at` where builds will see it: tracebacks
/// name that path. The bytecode is of the kind that is never compared with its source (PEP 552), so
/// that it is used wherever and whenever the environment is mounted. A module that does not compile
/// (templates, Python 2) is left as it is.
///
/// # Errors
/// [`Code::InterpreterNotFound`] when the interpreter does not start.
pub fn compile(python: &Path, folder: &Path, root: &Path, seen_at: &str, report: &Report) -> Result<()> {
    let root = root.to_string_lossy();
    let folder = folder.to_string_lossy();
    // Isolated and without site: nothing of the user's, and nothing of the environment, runs.
    let mut arguments = vec!["-I", "-S", "-m", "compileall", "-q", "-f", "-j", "0"];
    arguments.extend(["--invalidation-mode", "unchecked-hash", "-s", &root, "-p", seen_at, &folder]);
    let command = duct::cmd(python, &arguments)
        .full_env([("LC_ALL", "C.UTF-8"), ("PYTHONHASHSEED", "0")])
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    let output = run_program(command).map_err(|error| {
        Error::new(Code::InterpreterNotFound, format!("cannot start `{}`", python.display()))
            .cause(error.to_string())
    })?;
    if !output.status.success() {
        report.debug(format!("some modules do not compile:\n{}", String::from_utf8_lossy(&output.stdout)));
    }
    Ok(())
}
