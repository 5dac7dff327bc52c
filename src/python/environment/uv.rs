//! uv as a resolver and installer: run with the user's index, nothing else of the user's.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::index::Index;
use crate::process::run_program;
use crate::report::{Code, Error, Report, Result, redact};

/// Variables of the user that uv may see: how to reach the network, where to find programs.
const PASSED: [&str; 14] = [
    "PATH",
    "HOME",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSL_CLIENT_CERT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// A uv program with what it works on.
#[derive(Clone, Copy, Debug)]
pub struct Uv<'a> {
    pub program: &'a Path,
    pub index: &'a Index,
    pub cache: &'a Cache,
    pub report: &'a Report,
}

/// What a run of uv came to.
pub(super) struct Said {
    pub success: bool,
    pub stdout: String,
    /// Without colours and credentials.
    pub stderr: String,
}

impl Uv<'_> {
    /// Runs uv in `folder`, where it finds no configuration. Addresses of indexes and their
    /// credentials are in its environment only, where other users cannot see them.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] when it cannot be started, [`Code::IndexConfig`]. That uv fails is not
    /// an error here.
    pub(super) fn run(&self, arguments: &[String], stdin: &str, folder: &Path) -> Result<Said> {
        let mut environment: Vec<(String, String)> = PASSED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.index.variables().get(name)?.to_owned())))
            .collect();
        let of_index = self.index.access()?.uv_environment();
        environment.retain(|(name, _)| of_index.iter().all(|(other, _)| other != name));
        environment.extend(of_index.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let fixed = [
            ("UV_CACHE_DIR", self.cache.root().join("uv").to_string_lossy().into_owned()),
            // Shared files would let a build that writes into its environment reach uv's cache.
            ("UV_LINK_MODE", "copy".to_owned()),
            ("UV_PYTHON_DOWNLOADS", "never".to_owned()),
            ("UV_NO_PROGRESS", "1".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        if self.index.is_offline() {
            environment.push(("UV_OFFLINE".to_owned(), "1".to_owned()));
        }
        self.report.debug(format!("uv {}", redact(&arguments.join(" "))));
        let command = duct::cmd(self.program.as_os_str(), arguments)
            .full_env(environment)
            .dir(folder)
            .stdin_bytes(stdin)
            .stdout_capture()
            .stderr_capture()
            .unchecked();
        let output = run_program(command).map_err(|error| {
            Error::new(Code::InputNotFound, format!("cannot start `{}`", self.program.display()))
                .cause(error.to_string())
                .hint("name another uv with `--uv /path/to/uv`")
        })?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: redact(&String::from_utf8_lossy(&output.stderr)).into_owned(),
        })
    }

    /// A scratch folder in the cache, with a name nobody else has.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir> {
        self.cache.scratch("uv-")
    }
}

impl Said {
    /// The error that a failed run is.
    pub fn failure(&self, headline: &str) -> Error {
        let text = self.stderr.to_ascii_lowercase();
        let code =
            if text.contains("network was disabled") || text.contains("network connectivity is disabled") {
                Code::Offline
            } else if text.contains("failed to fetch") || text.contains("error sending request") {
                Code::Network
            } else if text.contains("hash mismatch") {
                Code::HashMismatch
            } else if text.contains("no space left") {
                Code::DiskFull
            } else {
                Code::Resolution
            };
        let lines = self.stderr.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
        let error = Error::new(code, headline);
        let error = lines.fold(error, |error, line| error.line(line));
        match code {
            Code::Offline => error.hint("run once without `--offline`"),
            Code::Network if text.contains("certificate") => error.hint(
                "name a PEM file with the certificate of your network's authority: `SSL_CERT_FILE=/path/to/roots.pem`",
            ),
            _ => error,
        }
    }
}

/// The path as an argument.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A folder for `--find-links` with copies of `wheels`; `None` when there are none.
pub(super) fn links(wheels: &[PathBuf], scratch: &Path) -> Result<Option<PathBuf>> {
    if wheels.is_empty() {
        return Ok(None);
    }
    let folder = scratch.join("wheels");
    std::fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
    for wheel in wheels {
        let name = wheel.file_name().ok_or_else(|| Error::bug("a wheel without a name"))?;
        std::fs::copy(wheel, folder.join(name)).map_err(|error| Error::io("copy", wheel, &error))?;
    }
    Ok(Some(folder))
}
