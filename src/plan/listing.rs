//! The files of each package: what the lock lists, and what the index has besides.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Places, Policy};
use crate::index::{Index, RemoteFile, sdist_version};
use crate::lock::{File, Kind, Lock, Package, Source};
use crate::metadata::Version;
use crate::report::{Code, Error, Result};

/// How many pages are asked for at once.
const AT_ONCE: usize = 8;

/// Files by position of their package, where the index was asked.
#[derive(Debug, Default)]
pub(super) struct Listing {
    files: BTreeMap<usize, Vec<File>>,
    /// Packages of whose files nothing is known.
    unknown: Vec<usize>,
    pub notes: Vec<String>,
}

impl Listing {
    /// Asks the index for the packages at `positions` that need it.
    pub fn ask(lock: &Lock, positions: Vec<usize>, policy: &Policy, places: &Places<'_>) -> Result<Self> {
        let mut listing = Self::default();
        let nameless = |package: &Package| package.files.is_empty() && !package.bare_hashes.is_empty();
        let from_index = |package: &Package| matches!(package.source, Source::Index(_));
        let asked: Vec<usize> = positions
            .into_iter()
            .filter(|at| {
                let package = &lock.packages[*at];
                from_index(package) && (policy.refresh || nameless(package))
            })
            .collect();
        let Some(index) = places.index.filter(|index| !index.is_offline()) else {
            if policy.refresh {
                return Err(Error::new(
                    Code::Offline,
                    "`--refresh-files` asks the index, which `--offline` forbids",
                )
                .hint("leave one of the two out"));
            }
            listing.unknown = asked;
            return Ok(listing);
        };
        let answers = ask_all(index, lock, &asked);
        for (position, answer) in answers {
            let package = &lock.packages[position];
            match answer {
                Ok(remote) => listing.add(position, package, remote),
                Err(error) if error.code() == Code::NotOnIndex => {
                    listing.notes.push(format!("{} is not on the index", package.describe()));
                    listing.files.insert(position, package.files.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(listing)
    }

    /// Joins what the index has with what the lock lists.
    fn add(&mut self, position: usize, package: &Package, remote: Vec<RemoteFile>) {
        let Some(version) = package.version.as_deref().and_then(|text| text.parse::<Version>().ok()) else {
            return;
        };
        let mut files = package.files.clone();
        for remote in remote {
            let mut file = File::named(&remote.filename);
            let found = match &file.kind {
                Kind::Wheel(wheel) if wheel.name() == package.name => Some(wheel.version().clone()),
                Kind::Sdist => sdist_version(&file.name, &package.name),
                _ => None,
            };
            if found.as_ref() != Some(&version) {
                continue;
            }
            let listed = files.iter_mut().find(|listed| listed.name == remote.filename);
            if let Some(listed) = listed {
                let other =
                    matches!((listed.sha256(), &remote.sha256), (Some(ours), Some(theirs)) if ours != theirs);
                if other {
                    self.notes.push(format!("the index has another `{}` than the lock", listed.name));
                    continue;
                }
                listed.size = listed.size.or(remote.size);
                listed.requires_python = remote.requires_python;
                listed.yanked = remote.yanked;
                listed.upload_time = listed.upload_time.take().or(remote.upload_time);
                listed.url.get_or_insert_with(|| remote.url.to_string());
                continue;
            }
            file.locked = remote.sha256.as_ref().is_some_and(|sha256| {
                package.bare_hashes.iter().any(|(algorithm, value)| algorithm == "sha256" && value == sha256)
            });
            file.hashes.extend(remote.sha256.map(|sha256| ("sha256".to_owned(), sha256)));
            file.size = remote.size;
            file.requires_python = remote.requires_python;
            file.yanked = remote.yanked;
            file.upload_time = remote.upload_time;
            file.url = Some(remote.url.to_string());
            files.push(file);
        }
        // A requirements file holds the hashes of all that may be taken, and nothing else may.
        if !package.bare_hashes.is_empty() {
            files.retain(|file| file.locked);
        }
        self.files.insert(position, files);
    }

    /// The files to choose from.
    pub fn files(&self, lock: &Lock, position: usize) -> Vec<File> {
        self.files.get(&position).unwrap_or(&lock.packages[position].files).clone()
    }

    /// Whether every published file is known, rather than what the lock lists.
    pub fn is_complete(&self, position: usize) -> bool {
        self.files.contains_key(&position)
    }

    /// Whether nothing is known of the package's files.
    pub fn unknown(&self, position: usize) -> bool {
        self.unknown.contains(&position)
    }
}

type Answer = (usize, Result<Vec<RemoteFile>>);

/// What the index has of each package, several asked at once.
fn ask_all(index: &Index, lock: &Lock, positions: &[usize]) -> Vec<Answer> {
    let next = AtomicUsize::new(0);
    let answers: Mutex<Vec<Answer>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(positions.len()) {
            scope.spawn(|| {
                while let Some(position) = positions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = index.files(&lock.packages[*position].name);
                    let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    answers.push((*position, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    answers.sort_by_key(|(position, _)| *position);
    answers
}
