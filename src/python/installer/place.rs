//! Files and the paths they want: nothing is written before it is known that nobody collides.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::report::{Code, Error, Result};

/// A file to write.
#[derive(Debug)]
pub(super) struct File {
    /// Below the root, with `/`.
    pub path: String,
    pub executable: bool,
    pub data: Vec<u8>,
}

/// All files of an installation by path.
#[derive(Debug, Default)]
pub(super) struct Places {
    files: BTreeMap<String, (String, File)>,
    folders: HashSet<String>,
}

impl Places {
    /// Adds the files of `project`; a path that is taken is an error.
    pub fn add(&mut self, project: &str, files: Vec<File>) -> Result<()> {
        for file in files {
            let parents = file.path.match_indices('/').map(|(at, _)| file.path[..at].to_owned());
            let parents: Vec<String> = parents.collect();
            let taken = parents.iter().chain([&file.path]).find_map(|path| self.files.get(path));
            if let Some((owner, other)) = taken {
                return Err(collision(owner, project, &other.path));
            }
            if self.folders.contains(&file.path) {
                return Err(collision("another wheel", project, &file.path));
            }
            self.folders.extend(parents);
            self.files.insert(file.path.clone(), (project.to_owned(), file));
        }
        Ok(())
    }

    /// Writes everything below `root`.
    pub fn write(&self, root: &Path) -> Result<()> {
        let make = |folder: &Path| {
            std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))
        };
        make(root)?;
        let mut folders: Vec<&String> = self.folders.iter().collect();
        folders.sort_unstable();
        for folder in folders {
            make(&root.join(folder))?;
        }
        for (path, (_, file)) in &self.files {
            write(&root.join(path), file)?;
        }
        Ok(())
    }
}

fn collision(first: &str, second: &str, path: &str) -> Error {
    let whose =
        if first == second { format!("`{first}` twice") } else { format!("`{first}` and `{second}`") };
    Error::new(Code::BuildDependency, format!("two files want the path `{path}`"))
        .cause(format!("it is in {whose}"))
}

fn write(path: &Path, file: &File) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if file.executable { 0o755 } else { 0o644 });
    options.open(path).and_then(|mut out| out.write_all(&file.data)).map_err(failed)
}

/// A file as RECORD lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Below the root, with `/`.
    pub path: String,
    /// None for files that are made after the installation, such as bytecode.
    pub sha256_and_size: Option<([u8; 32], u64)>,
}

impl Row {
    pub(super) fn of(file: &File) -> Self {
        let sha256 = Sha256::digest(&file.data).into();
        Self { path: file.path.clone(), sha256_and_size: Some((sha256, file.data.len() as u64)) }
    }
}

/// RECORD of an installation (PEP 376), sorted: paths relative to `site_packages`, hashes, sizes. It
/// lists itself as `own_path`, without a hash.
pub fn record(files: &[Row], own_path: &str, site_packages: &str) -> Vec<u8> {
    let mut rows: Vec<String> = files
        .iter()
        .map(|file| {
            let path = quoted(&relative(&file.path, site_packages));
            match file.sha256_and_size {
                Some((sha256, size)) => format!("{path},sha256={},{size}\n", URL_SAFE_NO_PAD.encode(sha256)),
                None => format!("{path},,\n"),
            }
        })
        .collect();
    rows.push(format!("{},,\n", quoted(&relative(own_path, site_packages))));
    rows.sort_unstable();
    rows.concat().into_bytes()
}

/// `path` as seen from the folder `base`, both below one root.
fn relative(path: &str, base: &str) -> String {
    let from: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = path.split('/').collect();
    let shared = from.iter().zip(&to[..to.len() - 1]).take_while(|(one, other)| one == other).count();
    "../".repeat(from.len() - shared) + &to[shared..].join("/")
}

/// A field of comma separated values.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
