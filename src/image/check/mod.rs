//! The check of a whole image: would the program loader, the kernel and Python find what they need?
//!
//! It knows facts only (`facts`), so that it costs nothing but a walk; it is always on. What it finds
//! in the files of an application and its packages is an error. What it finds in the rest of a system,
//! where optional parts lack their libraries as a matter of course (tkinter in slim images), is a note.

mod extension;
mod libraries;
mod loader;
mod scripts;
#[cfg(test)]
mod tests;

use super::facts::{ElfFacts, FileFacts, PathFacts};
use super::oci::RunConfig;
use super::pattern;
use super::python::{ImagePython, LibcKind};
use super::root::Root;
use crate::report::{Code, Error, Result};
use crate::target::{Libc, Target};

/// Something that would not work.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The file it is about, with a slash at its start.
    pub path: String,
    pub what: String,
    /// Who needs it, nearest first.
    pub chain: Vec<String>,
    /// Not only in an optional part of the system.
    pub fatal: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.path, self.what)?;
        self.chain.iter().try_for_each(|link| write!(f, ", needed by `{link}`"))
    }
}

/// What is checked and for what.
pub struct Subject<'s> {
    pub root: &'s Root,
    pub target: Target,
    pub config: &'s RunConfig,
    /// The interpreter that runs the application, if there is one.
    pub python: Option<&'s ImagePython>,
    /// Patterns of paths in which nothing is fatal.
    pub allow: &'s [String],
    /// Folders of the application, without a slash at their start.
    pub applications: &'s [String],
}

/// Libraries that the host puts into a container when it starts it: the drivers of NVIDIA's cards.
const FROM_THE_HOST: [&str; 6] = [
    "libcuda.so.1",
    "libnvidia-ml.so.1",
    "libnvcuvid.so.1",
    "libnvidia-encode.so.1",
    "libnvidia-ptxjitcompiler.so.1",
    "libnvidia-opticalflow.so.1",
];

impl Subject<'_> {
    /// Everything that was found, fatal things first, then by path.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        libraries::check(self, &mut findings);
        extension::check(self, &mut findings);
        scripts::check(self, &mut findings);
        for finding in &mut findings {
            let path = finding.path.trim_start_matches('/');
            if self.allow.iter().any(|allow| pattern::matches(allow.trim_start_matches('/'), path)) {
                finding.fatal = false;
            }
        }
        findings.sort_by(|one, other| (!one.fatal, &one.path).cmp(&(!other.fatal, &other.path)));
        findings.dedup();
        findings
    }

    /// The C library that programs of the image are for.
    fn libc(&self) -> LibcKind {
        match (self.python.and_then(|python| python.libc), self.target.libc) {
            (Some(libc), _) => libc,
            (None, Libc::Gnu { .. }) => LibcKind::Gnu,
            (None, Libc::Musl) => LibcKind::Musl,
        }
    }

    /// Folders that hold packages: site-packages of any Python.
    pub(super) fn is_package(path: &str) -> bool {
        ["/site-packages/", "/dist-packages/"].iter().any(|folder| path.contains(folder))
            || path.starts_with("site-packages/")
    }

    fn is_application(&self, path: &str) -> bool {
        self.applications.iter().any(|folder| {
            folder.is_empty()
                || path == folder
                || path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether what is wrong with the file at `path` keeps the application from working, as far as a path
    /// can tell.
    fn matters(&self, path: &str) -> bool {
        let is_optional = path.contains("/lib-dynload/");
        let is_system = ["usr/", "lib/", "lib64/", "bin/", "sbin/", "etc/", "var/"]
            .iter()
            .any(|folder| path.starts_with(folder));
        let is_interpreter =
            self.python.is_some_and(|python| self.root.resolve(&python.program).as_deref() == Some(path));
        is_interpreter || Self::is_package(path) || self.is_application(path) || !(is_optional || is_system)
    }

    fn finding(&self, path: &str, what: impl Into<String>) -> Finding {
        Finding { path: format!("/{path}"), what: what.into(), chain: Vec::new(), fatal: self.matters(path) }
    }

    fn files(&self) -> impl Iterator<Item = (&str, &FileFacts)> {
        self.root.iter().filter_map(|(path, facts)| match facts {
            PathFacts::File(file) => Some((path, file)),
            _ => None,
        })
    }

    fn elf_files(&self) -> impl Iterator<Item = (&str, &FileFacts, &ElfFacts)> {
        self.files().filter_map(|(path, file)| Some((path, file, file.elf.as_deref()?)))
    }
}

/// The error that fatal findings are; `Ok` when there are none.
///
/// # Errors
/// [`Code::ImageCheck`] with a line for each.
pub fn judge(findings: &[Finding]) -> Result<()> {
    let fatal: Vec<&Finding> = findings.iter().filter(|finding| finding.fatal).collect();
    let Some(first) = fatal.first() else { return Ok(()) };
    const SHOWN: usize = 20;
    let headline = match fatal.len() {
        1 => "the image would not work".to_owned(),
        count => format!("the image would not work: {count} things are wrong"),
    };
    let mut error = Error::new(Code::ImageCheck, headline);
    for finding in fatal.iter().take(SHOWN) {
        error = error.line(finding.to_string());
    }
    if fatal.len() > SHOWN {
        error = error.line(format!("and {} more", fatal.len() - SHOWN));
    }
    Err(error.hint(format!("accept what is known to work: `--allow '{}'`", first.path)))
}
