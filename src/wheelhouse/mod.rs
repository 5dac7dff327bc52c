//! A wheelhouse: a folder of wheels with a static index that every installer reads (PEP 503, 658,
//! 691, 714), over `file://` and from any plain file server.
//!
//! ```text
//! simple/index.html, index.v1.json             every project
//! simple/<project>/index.html, index.v1.json   every file of it
//! files/<wheel>, <wheel>.metadata              the wheels and their METADATA
//! ```
//!
//! Links are relative, so that the folder can be moved. Pages list only files that are there, and
//! are replaced as a whole: first what a page needs, then the page, then what nothing lists any more.

mod entry;
mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use entry::Entry;

use crate::file;
use crate::report::{Code, Error, Report, Result};

/// Where the pages lie.
pub const SIMPLE: &str = "simple";
/// Where wheels are put by those who fill a wheelhouse.
pub const FILES: &str = "files";
const HTML: &str = "index.html";
/// To be served as `application/vnd.pypi.simple.v1+json` to those who accept it.
const JSON: &str = "index.v1.json";

/// Files that are read or written at the same time.
const WRITERS: usize = 8;

/// What an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub projects: usize,
    pub files: usize,
}

/// Writes the index of the wheels and sdists in `root` and in `root/files` anew. What is no longer
/// there goes from it.
///
/// # Errors
/// [`Code::InputNotFound`] when there is no such folder; [`Code::BadWheel`] and [`Code::BadMetadata`]
/// for a wheel whose name and content contradict each other; storage codes.
pub fn index(root: &Path, report: &Report) -> Result<Indexed> {
    if !root.is_dir() {
        return Err(Error::new(Code::InputNotFound, format!("`{}` is no folder", root.display())));
    }
    // Two at once would each write what it saw.
    let handle = File::open(root).map_err(|error| Error::io("open", root, &error))?;
    handle.lock().map_err(|error| Error::io("lock", root, &error))?;
    let mut projects: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (folder, below) in [(root.to_owned(), ""), (root.join(FILES), FILES)] {
        let paths = files_of(&folder)?;
        for (path, entry) in paths.iter().zip(side_by_side(&paths, |path| Entry::read(path, below))?) {
            match entry {
                Some(entry) => projects.entry(entry.project.clone()).or_default().push(entry),
                None => report.debug(format!("`{}` is neither wheel nor sdist", path.display())),
            }
        }
    }
    for (project, entries) in &mut projects {
        entries.sort_by(|a, b| (&a.version, &a.name).cmp(&(&b.version, &b.name)));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let headline = format!("`{}` of {project} lies in two places", pair[0].name);
            return Err(Error::new(Code::BadWheel, headline)
                .hint(format!("keep the one in `{}`", root.join(FILES).display())));
        }
    }
    write_pages(root, &projects)?;
    Ok(Indexed { projects: projects.len(), files: projects.values().map(Vec::len).sum() })
}

fn write_pages(root: &Path, projects: &BTreeMap<String, Vec<Entry>>) -> Result<()> {
    let simple = root.join(SIMPLE);
    let all: Vec<(&String, &Vec<Entry>)> = projects.iter().collect();
    side_by_side(&all, |(project, entries)| {
        for entry in *entries {
            if let Some(metadata) = &entry.metadata {
                file::update(
                    &root.join(&entry.below).join(format!("{}.metadata", entry.name)),
                    &metadata.bytes,
                )?;
            }
        }
        let folder = simple.join(project);
        file::update(&folder.join(HTML), page::project_html(project, entries).as_bytes())?;
        file::update(&folder.join(JSON), page::project_json(project, entries)?.as_bytes())
    })?;
    let names: BTreeSet<&str> = projects.keys().map(String::as_str).collect();
    file::update(&simple.join(HTML), page::root_html(&names).as_bytes())?;
    file::update(&simple.join(JSON), page::root_json(&names)?.as_bytes())?;
    for folder in fs::read_dir(&simple).map_err(|error| Error::io("list", &simple, &error))?.flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let ours = folder.path().join(HTML).is_file();
        if ours && folder.path().is_dir() && !names.contains(name.as_str()) {
            fs::remove_dir_all(folder.path()).map_err(|error| Error::io("remove", &folder.path(), &error))?;
        }
    }
    Ok(())
}

/// What `work` makes of each of `items`, in their order. The time goes by waiting for the disk, and it
/// takes several files as fast as one.
///
/// # Errors
/// The first of those of `work`, in the order of the items.
fn side_by_side<T: Sync, R: Send + Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done: Vec<OnceLock<Result<R>>> = items.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(item), Some(place)) = (items.get(number), done.get(number)) else { return };
                    // Nobody else has this number, so the place is empty.
                    let _ = place.set(work(item));
                }
            });
        }
    });
    done.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// The files directly in `folder`, in byte order; none where there is no such folder.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io("list", folder, &error))?.path();
        // A name with a dot in front is still being written.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
