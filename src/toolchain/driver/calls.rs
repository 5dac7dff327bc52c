//! The call log: one JSON line for each call of a driver.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::probe::Probe;
use crate::report::{Code, Error, Result};

/// The file of the log, inside its folder.
pub const FILE: &str = "calls.jsonl";

/// What a compiler call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Asked about the compiler, read no source (also every call of another tool).
    #[default]
    Query,
    /// Ended after the preprocessor.
    Preprocess,
    /// Made objects or assembly from sources.
    Compile,
    /// Made a program, shared object or relocatable object.
    Link,
}

/// One call of a driver, as logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// The name it was called by.
    pub tool: String,
    /// The target as wheelbuild spells it, or `build`.
    pub target: String,
    pub cwd: PathBuf,
    /// The package's arguments, without the program.
    pub argv: Vec<String>,
    /// What was run instead, program first; empty when the driver answered by itself.
    pub ran: Vec<String>,
    /// Exit code; 128 + the signal's number after a signal.
    pub code: i32,
    /// Wall time, milliseconds.
    pub ms: u64,
    pub kind: Kind,
    /// Sources, as absolute paths.
    pub sources: Vec<PathBuf>,
    /// Objects, archives and libraries named as files, as absolute paths.
    pub objects: Vec<PathBuf>,
    /// What was to be made, as an absolute path.
    pub output: Option<PathBuf>,
    /// A link of a shared object.
    pub shared: bool,
    pub probe: Probe,
    /// Arguments that the rules dropped or changed, as the package wrote them.
    pub dropped: Vec<String>,
    /// After a failure: the first lines of the error output.
    pub stderr: Vec<String>,
}

impl Call {
    /// True when it ended with exit code 0.
    pub fn succeeded(&self) -> bool {
        self.code == 0
    }

    pub fn is_link(&self) -> bool {
        self.kind == Kind::Link
    }
}

/// Appends one call to the log in `folder`, as one write, so that calls at the same time do not mix.
///
/// # Errors
/// `Code::Io` or `Code::DiskFull`.
pub fn append(folder: &Path, call: &Call) -> Result<()> {
    let file = folder.join(FILE);
    let mut line =
        serde_json::to_vec(call).map_err(|error| Error::bug(format!("a call cannot be written: {error}")))?;
    line.push(b'\n');
    let write = || {
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(&file)?;
        log.write_all(&line)
    };
    write().map_err(|error| Error::io("write", &file, &error))
}

/// The calls logged in `folder`, in the order they ended; none when nothing was called.
///
/// # Errors
/// `Code::Io` when the log cannot be read, `Code::Backend` when a line is damaged, which only the build
/// can have done: by the log is decided whether an extension was lost, so nothing of it may be passed over.
pub fn read_log(folder: &Path) -> Result<Vec<Call>> {
    let file = folder.join(FILE);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", &file, &error)),
    };
    text.lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| {
                Error::new(Code::Backend, "the build damaged the log of its compiler calls")
                    .cause(format!("`{}`: {error}", file.display()))
                    .hint("something in the build writes to that file, or ended a compiler half way")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_at_the_same_time_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for n in 0..50 {
                        let argv = vec!["x".repeat(5000), format!("{thread} {n}")];
                        append(folder, &Call { tool: "cc".into(), argv, ..Call::default() }).unwrap();
                    }
                });
            }
        });
        let calls = read_log(folder.path()).unwrap();
        assert_eq!(calls.len(), 200);
        assert!(calls.iter().all(|call| call.argv[0].len() == 5000));
        std::fs::write(folder.path().join(FILE), "{\"tool\": \"cc").unwrap();
        assert_eq!(read_log(folder.path()).unwrap_err().code(), Code::Backend);
    }
}
