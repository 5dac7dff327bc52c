//! Projects that an image has already below the packages that are put into it: what an installer would
//! uninstall first. Otherwise two versions of a project would lie in one folder, mixed.

use std::collections::BTreeSet;

use crate::image::facts::PathFacts;
use crate::image::python::Scheme;
use crate::image::root::Root;
use crate::image::tree::{LayerTree, Node};
use crate::metadata::normalize;
use crate::python::installer::GivenWheel;
use crate::report::{Code, Error, Result};

/// What stands below and belongs to other versions of the projects that are installed.
#[derive(Default)]
pub(super) struct Replaced {
    site: String,
    /// The `.dist-info` folders.
    infos: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Replaced {
    /// What `lower` has of the projects of `wheels`, by its RECORD files (PEP 376).
    ///
    /// # Errors
    /// [`Code::PathConflict`] when a project is there and does not say which files are its own.
    pub fn find(wheels: &[&GivenWheel], scheme: &Scheme, lower: &Root) -> Result<Self> {
        let site = lower.resolve(&scheme.site_packages).unwrap_or_else(|| scheme.site_packages.clone());
        let projects: BTreeSet<&str> = wheels.iter().map(|wheel| wheel.requirement.name.as_str()).collect();
        let mut found = Self { site: site.clone(), ..Self::default() };
        for (path, _) in lower.below(&site) {
            let below = path.strip_prefix(&*site).unwrap_or(path).trim_start_matches('/');
            let top = below.split('/').next().unwrap_or(below);
            let name = top.strip_suffix(".dist-info").and_then(|stem| stem.split('-').next());
            if name.is_some_and(|name| projects.contains(&*normalize(name))) {
                found.infos.insert(if site.is_empty() { top.to_owned() } else { format!("{site}/{top}") });
            }
        }
        for info in &found.infos {
            let record = match lower.get(&format!("{info}/RECORD")) {
                Some(PathFacts::File(file)) => file.text.as_deref(),
                _ => None,
            };
            let Some(record) = record else {
                return Err(Error::new(Code::PathConflict, format!("`/{info}` is in the image already"))
                    .cause("it has no RECORD, so which files are its own is not known")
                    .hint("leave that package out of what is installed, or build upon an image without it"));
            };
            found.files.extend(record.lines().map(|row| below(&site, row)));
            found.files.extend(lower.below(info).map(|(path, _)| path.to_owned()));
        }
        found.files.retain(|path| lower.get(path).is_some_and(|facts| *facts != PathFacts::Folder));
        Ok(found)
    }

    /// What names it in the key of a layer: with what lies below, the rest follows from it.
    pub fn key(&self) -> String {
        self.infos.iter().map(String::as_str).collect::<Vec<_>>().join(":")
    }

    /// Puts a whiteout into `tree` for everything that it does not replace.
    ///
    /// # Errors
    /// None: what is taken away is not in `tree`.
    pub fn take_away(&self, lower: &Root, tree: &mut LayerTree) -> Result<()> {
        let mut gone = BTreeSet::new();
        for path in self.files.iter().filter(|path| !tree.has(path)) {
            let mut at = path.as_str();
            // A folder that would be left empty goes as a whole: it would still be a package to import.
            while let Some((folder, _)) = at.rsplit_once('/') {
                let is_below = folder.strip_prefix(&*self.site).is_some_and(|rest| rest.starts_with('/'));
                let is_empty = || {
                    lower.below(folder).all(|(path, facts)| {
                        *facts == PathFacts::Folder
                            || self.files.contains(path)
                            || path.contains("/__pycache__/")
                    })
                };
                if !is_below || tree.has(folder) || !is_empty() {
                    break;
                }
                at = folder;
            }
            gone.insert(at.to_owned());
        }
        let owner = "what is replaced".into();
        gone.into_iter().try_for_each(|path| tree.insert(&path, Node::Whiteout, &owner))
    }
}

/// A path of RECORD, which is relative to the folder of packages.
fn below(site: &str, row: &str) -> String {
    let mut parts: Vec<&str> = match row.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => site.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in row.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
