//! Short runs of programs we trust: the resolver, an interpreter asked for its facts, the compiler.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::report::{Code, Error, Result, ResultExt};

/// Lines of the program's stderr that an error shows.
const LINES_SHOWN: usize = 8;

/// What a program printed.
#[derive(Clone, Debug)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// stdout as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs `program` with `args` and exactly the environment `env`, without input, and waits.
///
/// For trusted programs only: it is not isolated. Nothing secret may be in `args`, which every
/// user of the machine can read; credentials belong into `env`.
///
/// # Errors
///
/// [`Code::InputNotFound`] when it cannot be started, [`Code::Program`] when it ends with another
/// status than 0, with the last lines it printed.
pub fn capture<A>(
    program: &Path,
    args: impl IntoIterator<Item = A>,
    env: &BTreeMap<OsString, OsString>,
) -> Result<Output>
where
    A: Into<OsString>,
{
    wait(duct::cmd(program, args), program, env)
}

/// As [`capture`], in the folder `cwd`: for programs that read a configuration from the folder they
/// are started in and those above it.
///
/// # Errors
///
/// As [`capture`].
pub fn capture_in<A>(
    cwd: &Path,
    program: &Path,
    args: impl IntoIterator<Item = A>,
    env: &BTreeMap<OsString, OsString>,
) -> Result<Output>
where
    A: Into<OsString>,
{
    wait(duct::cmd(program, args).dir(cwd), program, env)
}

fn wait(command: duct::Expression, program: &Path, env: &BTreeMap<OsString, OsString>) -> Result<Output> {
    let command = command.full_env(env).stdin_null().stdout_capture().stderr_capture().unchecked();
    let output = super::run_program(command)
        .or_code(Code::InputNotFound, || format!("cannot start `{}`", program.display()))?;
    if output.status.success() {
        return Ok(Output { stdout: output.stdout, stderr: output.stderr });
    }
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let mut error = Error::new(Code::Program, format!("`{name}` failed")).cause(output.status.to_string());
    let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
        error = error.line(*line);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Output> {
        let env = BTreeMap::from([("GIVEN".into(), "yes".into())]);
        capture(Path::new("/bin/sh"), ["-c", script], &env)
    }

    #[test]
    fn only_the_given_environment_is_there() {
        assert_eq!(shell("echo $GIVEN-$HOME-$CARGO").unwrap().text(), "yes--\n");
    }

    #[test]
    fn a_failure_names_the_program_its_status_and_the_last_lines_without_credentials() {
        let error =
            shell("for i in 1 2 3 4 5 6 7 8 9; do echo line $i >&2; done; echo https://u:p@h/ >&2; exit 3")
                .unwrap_err();
        assert_eq!(error.code(), Code::Program);
        assert!(error.to_string().contains("`sh` failed") && error.to_string().contains('3'), "{error}");
        assert_eq!(error.lines().len(), LINES_SHOWN);
        assert_eq!(error.lines().last().unwrap(), "https://***@h/");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let none: [&str; 0] = [];
        let error = capture(Path::new("/no/such/program"), none, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.code(), Code::InputNotFound);
        assert!(error.headline().contains("/no/such/program"));
    }
}
