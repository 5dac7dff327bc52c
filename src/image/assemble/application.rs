//! The application's layer: folders and files of the user's, and the line that makes them importable.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Maker;
use crate::cache::KeyParts;
use crate::image::facts::PathFacts;
use crate::image::python::Scheme;
use crate::image::root::Root;
use crate::image::source::{Reading, SourceTree};
use crate::image::store::Layer;
use crate::image::tree::{Content, LayerTree, Node};
use crate::report::{Code, Error, Result};

/// Where the application goes when the user does not say.
pub const APPLICATION: &str = "/app";

impl Maker<'_> {
    /// The application's layer; gives the folders it is in.
    pub(super) fn application(&mut self, scheme: &Scheme, lower: &Root) -> Result<Vec<String>> {
        let request = self.request;
        if request.applications.is_empty() {
            return Ok(Vec::new());
        }
        let reading = Reading { is_root: false, exclude: request.exclude };
        let mut parts = self
            .below_application(KeyParts::new(), lower)
            .with("kind", "application")
            .with("site", &scheme.site_packages);
        let (mut trees, mut folders, mut search) = (Vec::new(), Vec::new(), String::new());
        for (number, placed) in request.applications.iter().enumerate() {
            let tree = SourceTree::open(&placed.source, reading, self.store.cache())?;
            let folder = placed.folder(APPLICATION);
            parts = parts.with(&format!("tree.{number}"), format!("{} {folder}", tree.digest()));
            self.sources.push(("application", tree.digest()));
            if placed.source.is_dir() {
                search.push_str(&format!("/{folder}\n"));
            }
            trees.push((tree, folder.clone()));
            folders.push(folder);
        }
        let make = || {
            let mut layer = LayerTree::default();
            for (tree, folder) in &trees {
                tree.place(folder, &mut layer)?;
            }
            if !search.is_empty() {
                // So that imports of the application work from anywhere, without a variable.
                let node =
                    Node::File { content: Content::Bytes(search.as_bytes().into()), executable: false };
                let owner: Arc<str> = "the search path of the application".into();
                layer.insert(
                    &format!("{}/wheelbuild-application.pth", scheme.site_packages),
                    node,
                    &owner,
                )?;
            }
            layer.leave_out_folders(|path| lower.is_folder(path));
            Ok(layer)
        };
        let confirm = || {
            for ((tree, _), placed) in trees.iter().zip(request.applications) {
                tree.confirm(&SourceTree::open(&placed.source, reading, self.store.cache())?)?;
            }
            Ok(())
        };
        let layer =
            self.store.layer("application", &parts, request.packing, self.elsewhere, make, confirm)?;
        for packages in self.layers.iter().filter(|layer| !layer.title.starts_with("interpreter")) {
            self.check_application(packages, &layer, lower)?;
        }
        self.layers.push(layer);
        Ok(folders)
    }

    /// Only folders on the way to the application's matter to its layer.
    fn below_application(&self, parts: KeyParts, lower: &Root) -> KeyParts {
        let mut known = BTreeSet::new();
        for placed in self.request.applications {
            let folder = placed.folder(APPLICATION);
            known.extend(
                lower.below(&folder).filter(|(_, facts)| **facts == PathFacts::Folder).map(|(path, _)| path),
            );
        }
        parts.with("folders", known.into_iter().collect::<Vec<_>>().join(":")).with(
            "base",
            self.layers
                .iter()
                .filter(|layer| layer.title == "interpreter")
                .map(|layer| layer.diff_id.to_string())
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    /// An application must not replace a file of a package.
    fn check_application(&self, packages: &Layer, layer: &Layer, lower: &Root) -> Result<()> {
        let file = |facts: &PathFacts| !matches!(facts, PathFacts::Folder | PathFacts::Removed);
        let taken = layer.facts.paths.iter().find(|(path, facts)| {
            file(facts) && lower.get(path).is_none() && packages.facts.paths.get(*path).is_some_and(file)
        });
        match taken {
            None => Ok(()),
            Some((path, _)) => {
                Err(Error::new(Code::PathConflict, format!("two files want the path `/{path}`"))
                    .cause(format!("it is in the application and in the layer `{}`", packages.title))
                    .hint("put the application into a folder of its own: `--app SRC:/app`"))
            }
        }
    }
}
