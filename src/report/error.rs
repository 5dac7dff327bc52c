//! The one error type: a coded headline with everything a person needs to go on.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Code, redact};

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure as a person or a program is told it.
///
/// Built at the place that knows what went wrong, and added to on the way up:
///
/// ```
/// use wheelbuild::report::{Code, Error};
/// let error = Error::new(Code::HashMismatch, "`a.tar.gz` is not the file the lock names")
///     .cause("expected sha256 00, found 11")
///     .hint("delete the file and fetch it again");
/// assert_eq!(error.code().exit().number(), 5);
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    headline: String,
    causes: Vec<String>,
    lines: Vec<String>,
    hints: Vec<String>,
    log: Option<PathBuf>,
    kept: Option<PathBuf>,
}

impl Error {
    /// An error of class `code`. `headline` is one sentence without a full stop, literals in backticks.
    pub fn new(code: Code, headline: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            headline: redact(&headline.into()).into_owned(),
            causes: Vec::new(),
            lines: Vec::new(),
            hints: Vec::new(),
            log: None,
            kept: None,
        }))
    }

    /// Reading or writing `path` failed. A full disk gets its own code.
    pub fn io(action: &str, path: &Path, source: &std::io::Error) -> Self {
        let code = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
            _ => Code::Io,
        };
        let error =
            Self::new(code, format!("cannot {action} `{}`", path.display())).cause(source.to_string());
        match code {
            Code::DiskFull => {
                error.hint("make room there, or name another place: `--cache-dir DIR`, `-o DIR`")
            }
            _ => error,
        }
    }

    /// A state that our own code should make impossible.
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(Code::Bug, what)
    }

    /// Adds a cause, outermost first.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.0.causes.push(redact(&cause.into()).into_owned());
        self
    }

    /// Adds a line of a log that decided the failure.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.0.lines.push(redact(&line.into()).into_owned());
        self
    }

    /// Adds a hint: the exact flag, setting or command that would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(redact(&hint.into()).into_owned());
        self
    }

    /// Names the full log.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.log = Some(path.into());
        self
    }

    /// Without a full log: there is none any more.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.0.log = None;
        self
    }

    /// Names the build folder that was kept.
    #[must_use]
    pub fn kept(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.kept = Some(path.into());
        self
    }

    /// Puts `outer` in front: the old headline becomes its first cause.
    #[must_use]
    pub fn wrap(mut self, outer: impl Into<String>) -> Self {
        let old = std::mem::replace(&mut self.0.headline, redact(&outer.into()).into_owned());
        self.0.causes.insert(0, old);
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }
    pub fn headline(&self) -> &str {
        &self.0.headline
    }
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }
    pub fn lines(&self) -> &[String] {
        &self.0.lines
    }
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
    pub fn log_path(&self) -> Option<&Path> {
        self.0.log.as_deref()
    }
    pub fn kept_path(&self) -> Option<&Path> {
        self.0.kept.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.headline)?;
        for cause in &self.0.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Turns foreign errors into ours where they happen.
pub trait ResultExt<T> {
    /// On failure an [`Error`] of class `code` whose cause is the foreign error.
    fn or_code(self, code: Code, headline: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> ResultExt<T> for std::result::Result<T, E> {
    fn or_code(self, code: Code, headline: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(code, headline()).cause(error.to_string()))
    }
}
