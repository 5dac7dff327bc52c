//! The layers of packages: the wheels, all in one layer or the large ones by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Maker;
use super::replaced::Replaced;
use crate::cache::KeyParts;
use crate::image::bytecode;
use crate::image::digests;
use crate::image::facts::PathFacts;
use crate::image::member::changed;
use crate::image::python::Scheme;
use crate::image::root::Root;
use crate::image::site;
use crate::image::tree::LayerTree;
use crate::python::installer::GivenWheel;
use crate::report::{Error, Result};
use crate::wheel::WheelArchive;

impl Maker<'_> {
    pub(super) fn packages(&mut self, wheels: &[&GivenWheel], scheme: &Scheme, lower: &Root) -> Result<()> {
        let request = self.request;
        let mut sizes = Vec::new();
        for wheel in wheels {
            let facts =
                std::fs::metadata(&wheel.path).map_err(|error| Error::io("read", &wheel.path, &error))?;
            sizes.push((wheel.requirement.name.clone(), facts.len()));
        }
        let below = self.below(KeyParts::new()).with("kind", "packages");
        let below = below
            .with("site", &scheme.site_packages)
            .with("scripts", &scheme.scripts)
            .with("data", &scheme.data)
            .with("headers", &scheme.headers)
            .with("program", &scheme.program)
            .with("bytecode", request.compile.map_or("", |python| python.full_version.as_str()));
        let groups = site::split(&sizes, request.split);
        let first = self.layers.len();
        let replaced = Replaced::find(wheels, scheme, lower)?;
        for (number, group) in groups.iter().enumerate() {
            // Before any of the new files, which may have moved from one project to another.
            let takes_away = number == 0;
            let members: Vec<&GivenWheel> = group.iter().map(|&at| wheels[at]).collect();
            let mut parts = below.clone();
            for wheel in &members {
                parts = parts.with(&format!("wheel.{}", wheel.requirement.file), &wheel.requirement.sha256);
            }
            if takes_away {
                parts = parts.with("replaced", replaced.key());
            }
            let title = match (&members[..], groups.len()) {
                ([only], 2..) => format!("{} {}", only.requirement.name, only.requirement.version),
                _ => "packages".to_owned(),
            };
            let make = || {
                let mut tree = self.tree_of(&members, scheme)?;
                if takes_away {
                    replaced.take_away(lower, &mut tree)?;
                }
                tree.leave_out_folders(|path| lower.is_folder(path));
                Ok(tree)
            };
            let confirm = || {
                for wheel in &members {
                    let sha256 = digests::of_file(&wheel.path, self.store.cache())?.to_string();
                    if sha256 != wheel.requirement.sha256 {
                        return Err(changed(&wheel.path));
                    }
                }
                Ok(())
            };
            let layer = self.store.layer(&title, &parts, request.packing, self.elsewhere, make, confirm)?;
            self.layers.push(layer);
        }
        self.check_groups(first, &groups, wheels, scheme)
    }

    fn tree_of(&self, wheels: &[&GivenWheel], scheme: &Scheme) -> Result<LayerTree> {
        let mut tree = LayerTree::default();
        for given in wheels {
            let wheel = Arc::new(WheelArchive::open(&given.path)?);
            let compiled = match self.request.compile {
                None => Vec::new(),
                Some(python) => {
                    let sha256 = &given.requirement.sha256;
                    bytecode::compile(&wheel, sha256, python, scheme, self.store.cache(), self.report)?
                }
            };
            site::place(&wheel, &compiled, scheme, &mut tree)?;
        }
        Ok(tree)
    }

    /// Wheels in different layers must not share a path either.
    fn check_groups(
        &self,
        first: usize,
        groups: &[Vec<usize>],
        wheels: &[&GivenWheel],
        scheme: &Scheme,
    ) -> Result<()> {
        let layers = &self.layers[first..];
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, layer) in layers.iter().enumerate() {
            for (path, facts) in &layer.facts.paths {
                if matches!(facts, PathFacts::Folder | PathFacts::Removed) {
                    continue;
                }
                if let Some(other) = seen.insert(path, number) {
                    let tree = |group: &[usize]| {
                        let members: Vec<&GivenWheel> = group.iter().map(|&at| wheels[at]).collect();
                        self.tree_of(&members, scheme)
                    };
                    tree(&groups[other])?.check_apart(&tree(&groups[number])?)?;
                }
            }
        }
        Ok(())
    }
}
