//! Sources that a build would download: asked for in the hooks, which have no network, and given to
//! the next run.
//!
//! Inside the hooks meson's wrap resolver and CMake's dependency provider write what they want into
//! one file and fail. The build fetches it and runs the hooks again, with the files in place: meson's
//! as a package cache, CMake's by a table of addresses.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::Paths;
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// The variable that tells the hooks where to write what they want.
pub(super) const VARIABLE: &str = "WHEELBUILD_WANTED";
/// The file it names, in the support folder.
const FILE: &str = "wanted";
/// Beside it: the names of the files that were used, or `*`.
const USED: &str = "wanted.used";
/// The folder of meson's files, in the support folder.
const PACKAGE_CACHE: &str = "packagecache";
/// CMake's table, in the support folder.
const TABLE: &str = "sources.cmake";
/// No build asks for more.
const MOST: usize = 500;

/// One file that a build would download, as its build system declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `meson` or `cmake`.
    pub by: String,
    /// The subproject or dependency.
    pub name: String,
    /// Addresses, the first one first.
    pub urls: Vec<String>,
    /// Lower-case hex, where it is declared.
    pub sha256: Option<String>,
    /// What else pins it, for example `SHA512=…`; the build system checks that itself.
    pub hash: Option<String>,
    /// The name the file is to have.
    pub file: String,
    /// It is no file but a repository: its kind, address and revision.
    pub repository: Option<(String, String, String)>,
}

/// A file to give to the hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplied<'a> {
    /// Every address it is asked for by.
    pub urls: &'a [String],
    /// The name it is to have.
    pub file: &'a str,
    /// Where it is.
    pub path: &'a Path,
}

/// What the last run of the hooks asked for; none when it asked for nothing.
///
/// # Errors
/// [`Code::Backend`] when the file is not as the hooks write it.
pub fn read_wanted(support: &Path) -> Result<Vec<Wanted>> {
    let path = support.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", &path, &error)),
    };
    let mut all: Vec<Wanted> = Vec::new();
    for line in text.lines().take(MOST) {
        // The folder is writable for the build, so this is input like any other.
        let wanted = parse(line).ok_or_else(|| {
            Error::new(Code::Backend, "the hooks left an unreadable list of sources").line(line)
        })?;
        if !all.contains(&wanted) {
            all.push(wanted);
        }
    }
    Ok(all)
}

/// Whether the last run of the hooks used the supplied file called `file`.
pub fn is_used(support: &Path, file: &str) -> bool {
    let used = fs::read_to_string(support.join(USED)).unwrap_or_default();
    used.lines().any(|line| line == file || line == "*")
}

/// Reads a line: `key=value` fields with tabs between.
fn parse(line: &str) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let (mut kind, mut repository, mut revision) = (String::new(), String::new(), String::new());
    for field in line.split('\t').filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=')?;
        if value.is_empty() {
            continue;
        }
        match key {
            "by" => wanted.by = value.to_owned(),
            "name" => wanted.name = value.to_owned(),
            "url" => wanted.urls.push(value.to_owned()),
            "file" => wanted.file = value.to_owned(),
            "hash" => match value.split_once('=') {
                Some((kind, digest)) if kind.eq_ignore_ascii_case("sha256") => {
                    let digest: Digest = digest.to_ascii_lowercase().parse().ok()?;
                    wanted.sha256 = Some(digest.to_string());
                }
                _ => wanted.hash = Some(value.to_owned()),
            },
            "kind" => kind = value.to_owned(),
            "repository" => repository = value.to_owned(),
            "revision" => revision = value.to_owned(),
            _ => return None,
        }
    }
    if wanted.file.is_empty() {
        let address = wanted.urls.first().map_or("", |url| url.split(['?', '#']).next().unwrap_or(url));
        wanted.file = address.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let plain = !wanted.file.contains('/') && !wanted.file.starts_with('.') && !wanted.file.is_empty();
    if !repository.is_empty() {
        wanted.repository = Some((kind, repository, revision));
    } else if wanted.urls.is_empty() || !plain {
        return None;
    }
    (!wanted.by.is_empty() && !wanted.name.is_empty()).then_some(wanted)
}

/// Puts `sources` where the hooks find them: into `folder`, the build machine's path of
/// `paths.support`. `tree` is the unpacked sdist, whose own package cache still counts.
pub(super) fn place(folder: &Path, paths: &Paths, tree: &Path, sources: &[Supplied<'_>]) -> Result<()> {
    let cache = folder.join(PACKAGE_CACHE);
    let make = |path: &Path| fs::create_dir_all(path).map_err(|e| Error::io("make", path, &e));
    let copy = |from: &Path, to: &Path| match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::io("copy", from, &error)),
    };
    make(&cache)?;
    for entry in fs::read_dir(tree.join("subprojects/packagecache")).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            copy(&entry.path(), &cache.join(entry.file_name()))?;
        }
    }
    let mut table = String::new();
    for source in sources {
        copy(source.path, &cache.join(source.file))?;
        let seen: PathBuf = paths.support.join(PACKAGE_CACHE).join(source.file);
        for url in source.urls {
            // Writing to a String cannot fail.
            let _ = writeln!(table, "set(WHEELBUILD_SOURCE_{} [==[{}]==])", Digest::of(url), seen.display());
        }
    }
    super::write(folder, TABLE, &table)
}

/// The variables that lead the hooks to both.
pub(super) fn variables(paths: &Paths) -> Vec<(String, String)> {
    vec![
        (VARIABLE.to_owned(), paths.support.join(FILE).display().to_string()),
        ("MESON_PACKAGE_CACHE_DIR".to_owned(), paths.support.join(PACKAGE_CACHE).display().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn declarations() {
        let line = format!(
            "by=meson\tname=qhull\turl=https://h/q.tgz?x=1\turl=https://m/q.tgz\thash=SHA256={}",
            SHA.to_uppercase()
        );
        let wanted = parse(&line).unwrap();
        assert_eq!((wanted.file.as_str(), wanted.sha256.as_deref()), ("q.tgz", Some(SHA)));
        assert_eq!(wanted.urls.len(), 2);
        let wanted = parse("by=cmake\tname=a\turl=https://h/a.zip\thash=MD5=00").unwrap();
        assert_eq!((wanted.sha256, wanted.hash.as_deref()), (None, Some("MD5=00")));
        let wanted = parse("by=cmake\tname=a\tkind=git\trepository=https://h/a\trevision=v1").unwrap();
        assert_eq!(wanted.repository, Some(("git".into(), "https://h/a".into(), "v1".into())));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "by=meson",
            "by=meson\tname=a",
            "by=cmake\tname=a\turl=https://h/a\tfile=../a",
            "by=cmake\tname=a\turl=https://h/",
            "by=cmake\tname=a\turl=https://h/a.zip\thash=SHA256=zz",
            "name=a\turl=https://h/a.zip",
            "by=x\tname=a\tmore=1",
            "text",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
