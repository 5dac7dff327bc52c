//! Where the files of a wheel go (PEP 427, "the .data directory").

use super::entry_points;
use super::launcher::{self, Head};
use super::place::{File, Row};
use crate::metadata::normalize;
use crate::report::{Code, Error, Result};
use crate::target::PythonVersion;
use crate::wheel::RawWheel;

/// What is written into `INSTALLER`.
pub const INSTALLER: &[u8] = b"wheelbuild\n";

/// Files of `.dist-info` that an installer writes itself, whatever the wheel has there.
pub const REPLACED: [&str; 6] =
    ["RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"];

/// The form that wheels are installed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A virtual environment of this Python: `bin`, `lib/pythonX.Y/site-packages`, `include`.
    Environment(PythonVersion),
    /// One folder to put on the search path, with scripts in its `bin`.
    Folder,
}

impl Layout {
    /// The folder of importable files, below the root; empty for the root itself.
    pub fn site_packages(self) -> String {
        match self {
            Self::Environment(version) => format!("lib/{}/site-packages", version.program()),
            Self::Folder => String::new(),
        }
    }

    fn head(self) -> Head<'static> {
        match self {
            Self::Environment(_) => Head::Beside,
            Self::Folder => Head::SearchPath,
        }
    }

    /// Every file of `wheel` in its place below the root, launchers, INSTALLER and RECORD included.
    pub(super) fn files(self, wheel: &RawWheel) -> Result<Vec<File>> {
        let dist_info = format!("{}.dist-info", wheel.stem());
        let data = format!("{}.data/", wheel.stem());
        let replaced = REPLACED.map(|name| format!("{dist_info}/{name}"));
        let mut files = Vec::new();
        for member in wheel.members() {
            if replaced.contains(&member.name) {
                continue;
            }
            let (scheme, rest) = match member.name.strip_prefix(&data) {
                Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
                None => ("purelib", member.name.as_str()),
            };
            let folder = self.folder(scheme, wheel)?;
            if rest.is_empty() {
                return Err(Error::new(Code::BadWheel, format!("`{}` has no place", member.name)));
            }
            let launcher =
                if scheme == "scripts" { launcher::of_script(&member.data, self.head()) } else { None };
            files.push(File {
                path: join(&folder, rest),
                executable: member.executable || scheme == "scripts",
                data: launcher.unwrap_or_else(|| member.data.clone()),
            });
        }
        if let Some(text) = wheel.dist_info("entry_points.txt") {
            let bin = self.folder("scripts", wheel)?;
            for entry in entry_points::parse(&String::from_utf8_lossy(&text.data))? {
                let data = launcher::of_entry(&entry, self.head());
                files.push(File { path: join(&bin, &entry.name), executable: true, data });
            }
        }
        let info = join(&self.site_packages(), &dist_info);
        files.push(File { path: format!("{info}/INSTALLER"), executable: false, data: INSTALLER.to_vec() });
        let record = format!("{info}/RECORD");
        let rows: Vec<_> = files.iter().map(Row::of).collect();
        let data = super::place::record(&rows, &record, &self.site_packages());
        files.push(File { path: record, executable: false, data });
        Ok(files)
    }

    fn folder(self, scheme: &str, wheel: &RawWheel) -> Result<String> {
        let site_packages = self.site_packages();
        Ok(match (scheme, self) {
            ("purelib" | "platlib", _) => site_packages,
            ("scripts", _) => "bin".to_owned(),
            ("data", _) => String::new(),
            ("headers", Self::Environment(version)) => {
                format!("include/site/{}/{}", version.program(), normalize(wheel.metadata().name()))
            }
            ("headers", Self::Folder) => format!("include/{}", normalize(wheel.metadata().name())),
            _ => {
                let headline = format!("`{scheme}` is no installation scheme");
                return Err(Error::new(Code::BadWheel, headline));
            }
        })
    }
}

fn join(folder: &str, rest: &str) -> String {
    if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") }
}
