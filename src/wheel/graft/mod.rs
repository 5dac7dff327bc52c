//! Grafting: shared libraries that a wheel needs and that no platform tag promises are copied into it.
//!
//! The layout is auditwheel's: `PROJECT.libs/` beside the packages, each library called
//! `libpq-1a2b3c4d.so.5` by eight digits of a SHA-256, so that no other library of the process is
//! taken for it. The names are rewritten in the library, in everything that needs it, and a RUNPATH
//! leads from each file to the folder. Nothing is judged here: the judge opens the grafted files as
//! it does all others, and refuses what the asked platform does not have.

mod folders;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::judge::{import_path, origin_path, promised};
use super::member::sha256_hex;
use super::{Member, RawWheel};
use crate::elf::{self, ElfFile, Kind, Renaming};
use crate::report::Result;
use crate::target::Target;

use folders::Found;
pub use folders::Libraries;

/// Parts of the C library and of Python, which come with the system: a second copy in a process would
/// have a heap, threads and an interpreter of its own.
const NEVER: [&str; 8] =
    ["ld-", "libc.so", "libc.musl-", "libpython", "libnss_", "libanl.so", "libthread_db.so", "linux-vdso"];

/// A library that was copied into the wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grafted {
    /// Name in the wheel.
    pub member: String,
    /// The name by which it was needed: `libpq.so.5`.
    pub name: String,
    /// The root it was found in, and its path below that.
    pub root: PathBuf,
    pub path: PathBuf,
    /// Of the library as it was.
    pub sha256: String,
}

/// Copies what `wheel` needs from `libraries` into it and rewrites the names. Libraries that are found
/// nowhere are left for the judge to name.
///
/// # Errors
/// `Io` when a library cannot be read, `BrokenElf` when one that is needed is not sound; those of
/// [`elf::rename`].
pub fn graft(wheel: &mut RawWheel, libraries: &Libraries, target: &Target) -> Result<Vec<Grafted>> {
    let found = Search::of(wheel, libraries, target)?.run()?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let names = new_names(&found);
    let renamed = |needed: &[String]| -> Vec<(String, String)> {
        let new = needed.iter().filter_map(|name| Some((name.clone(), names.get(name)?.clone())));
        new.collect()
    };
    let project = wheel.stem().split('-').next().unwrap_or_default().to_owned();
    let folder = format!("{project}.libs");

    for member in wheel.members_mut() {
        let Some(path) = import_path(&member.name) else { continue };
        let Some(file) = loadable(&member.data) else { continue };
        let needed = renamed(&owned(&file.needed));
        if needed.is_empty() {
            continue;
        }
        let way = origin_path(path, &format!("{folder}/library"));
        let mut runpath: Vec<String> =
            owned(file.search_path()).into_iter().filter(|entry| leads_inside(entry)).collect();
        if !runpath.contains(&way) {
            runpath.push(way);
        }
        member.data = elf::rename(&member.data, &Renaming { soname: None, needed, runpath: Some(runpath) })?;
    }

    let mut grafted = Vec::new();
    for (name, library) in &found {
        let needed = renamed(&library.needed);
        // What it searched in its own system is in the folder now.
        let runpath = if needed.is_empty() { Vec::new() } else { vec!["$ORIGIN".to_owned()] };
        let soname = names[name].clone();
        let member = format!("{folder}/{soname}");
        let renaming = Renaming { soname: Some(soname), needed, runpath: Some(runpath) };
        let data = elf::rename(&library.data, &renaming)
            .map_err(|error| error.wrap(format!("`{}` cannot be grafted", library.path.display())))?;
        wheel.members_mut().push(Member { name: member.clone(), data, executable: true });
        grafted.push(Grafted {
            member,
            name: name.clone(),
            root: library.root.clone(),
            path: library.path.clone(),
            sha256: sha256_hex(&library.data),
        });
    }
    Ok(grafted)
}

fn leads_inside(entry: &str) -> bool {
    entry.starts_with("$ORIGIN") || entry.starts_with("${ORIGIN}")
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The file, if it is one that a loader maps into a process of Python: no program, which is another.
fn loadable(data: &[u8]) -> Option<ElfFile<'_>> {
    // What is broken is the judge's to name.
    let file = elf::is_elf(data).then(|| ElfFile::parse(data).ok())??;
    (file.kind == Kind::Shared && file.dynamic && file.interpreter.is_none()).then_some(file)
}

/// From what the wheel's files need to what is found, each by the name that is needed.
struct Search<'a> {
    libraries: &'a Libraries,
    target: &'a Target,
    /// Names that files of the wheel answer to.
    inside: BTreeSet<String>,
    /// Names to look for.
    wanted: BTreeSet<String>,
}

impl<'a> Search<'a> {
    fn of(wheel: &RawWheel, libraries: &'a Libraries, target: &'a Target) -> Result<Self> {
        let mut search = Self { libraries, target, inside: BTreeSet::new(), wanted: BTreeSet::new() };
        if libraries.is_empty() {
            return Ok(search);
        }
        let files = || {
            let members = wheel.members().iter().filter(|member| import_path(&member.name).is_some());
            members.filter_map(|member| Some((member, loadable(&member.data)?)))
        };
        for (member, file) in files() {
            search.inside.insert(member.base_name().to_owned());
            search.inside.extend(file.soname.map(str::to_owned));
        }
        for (_, file) in files() {
            let mut needed = owned(&file.needed);
            needed.retain(|name| search.is_wanted(name));
            search.wanted.extend(needed);
        }
        Ok(search)
    }

    fn is_wanted(&self, name: &str) -> bool {
        !self.inside.contains(name)
            && promised(self.target, name).is_none()
            && !NEVER.iter().any(|never| name.starts_with(never))
    }

    fn run(self) -> Result<BTreeMap<String, Found>> {
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let mut open: Vec<(String, Vec<String>)> =
            self.wanted.iter().map(|name| (name.clone(), Vec::new())).collect();
        while let Some((name, folders)) = open.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let Some(library) = self.libraries.find(&name, &folders, self.target)? else { continue };
            let more = library.needed.iter().filter(|name| self.is_wanted(name));
            open.extend(more.map(|name| (name.clone(), library.searches.clone())));
            found.insert(name, library);
        }
        Ok(found)
    }
}

/// The name of each library in the wheel. Its digits cover the library and everything it is grafted
/// with, so that two wheels have the same name only for what behaves the same.
fn new_names(found: &BTreeMap<String, Found>) -> BTreeMap<String, String> {
    let digests: BTreeMap<&str, String> =
        found.iter().map(|(name, library)| (name.as_str(), sha256_hex(&library.data))).collect();
    let name_of = |name: &str| {
        let mut all = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for need in found.get(next).into_iter().flat_map(|library| &library.needed) {
                if found.contains_key(need) && need != name && all.insert(need.as_str()) {
                    open.push(need);
                }
            }
        }
        let digest = if all.is_empty() {
            digests[name].clone()
        } else {
            let lines: Vec<String> =
                std::iter::once(name).chain(all).map(|name| format!("{name} {}\n", digests[name])).collect();
            sha256_hex(lines.concat().as_bytes())
        };
        with_digits(name, &digest[..8])
    };
    found.keys().map(|name| (name.clone(), name_of(name))).collect()
}

/// `libpq.so.5` with `1a2b3c4d` is `libpq-1a2b3c4d.so.5`.
fn with_digits(name: &str, digits: &str) -> String {
    let at = name.find(".so").or_else(|| name.find('.')).unwrap_or(name.len());
    format!("{}-{digits}{}", &name[..at], &name[at..])
}
