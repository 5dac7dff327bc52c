//! The file system that a stack of layers makes, as far as facts go.
//!
//! Layers are laid over each other as engines do it (OCI image spec, "Applying Changesets"): what lies
//! below a link goes where the link leads, and whiteouts take away what layers below have.

use std::collections::BTreeMap;

use super::facts::{FileFacts, LayerFacts, PathFacts};

/// Links followed in one path, as Linux does it.
const MOST_LINKS: u32 = 40;

/// A merged tree. Paths have no slash at either end; `` is the root.
#[derive(Clone, Debug, Default)]
pub struct Root {
    nodes: BTreeMap<String, Stands>,
}

#[derive(Clone, Debug)]
struct Stands {
    facts: PathFacts,
    layer: usize,
}

impl Root {
    /// The tree of `layers`, lowest first.
    pub fn of<'l>(layers: impl IntoIterator<Item = &'l LayerFacts>) -> Self {
        let mut root = Self::default();
        for (number, layer) in layers.into_iter().enumerate() {
            root.lay(layer, number);
        }
        root
    }

    /// Lays a layer over what is there.
    pub fn lay(&mut self, layer: &LayerFacts, number: usize) {
        for (path, facts) in &layer.paths {
            match facts {
                PathFacts::Removed => self.remove(&self.place(path), true),
                PathFacts::Opaque => self.remove(&self.place(path), false),
                _ => {}
            }
        }
        // Paths come in order, so that most lie in the folder of the one before: what it leads to is known,
        // as long as no link or folder came or went.
        let mut known: Option<(&str, String)> = None;
        for (path, facts) in &layer.paths {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let is_known = known.as_ref().is_some_and(|(last, _)| *last == folder);
            let leads_to = match &known {
                Some((_, leads_to)) if is_known => leads_to.clone(),
                _ => self.folder(folder),
            };
            let place = join(&leads_to, name);
            let facts = match facts {
                PathFacts::Removed => continue,
                PathFacts::Opaque => PathFacts::Folder,
                // Until it is known whose other name it is, which may come later in this order.
                PathFacts::HardLink(_) => PathFacts::Special,
                other => other.clone(),
            };
            if !is_known {
                for end in leads_to.match_indices('/').map(|(at, _)| at).chain([leads_to.len()]) {
                    let parent = &leads_to[..end];
                    if !parent.is_empty() && !self.nodes.contains_key(parent) {
                        self.nodes
                            .insert(parent.to_owned(), Stands { facts: PathFacts::Folder, layer: number });
                    }
                }
                known = Some((folder, leads_to));
            }
            let is_folder = facts == PathFacts::Folder;
            let is_link = matches!(facts, PathFacts::Link(_));
            let before = self.nodes.insert(place.clone(), Stands { facts, layer: number });
            match before.map(|stood| stood.facts) {
                Some(PathFacts::Folder) if !is_folder => {
                    self.remove(&place, false);
                    known = None;
                }
                Some(PathFacts::Link(_)) => known = None,
                _ if is_link => known = None,
                _ => {}
            }
        }
        self.join_hard_links(layer);
    }

    /// Gives the hard links of `layer` what the file of the other name is.
    fn join_hard_links(&mut self, layer: &LayerFacts) {
        let mut waiting: Vec<(String, String)> = (layer.paths.iter())
            .filter_map(|(path, facts)| match facts {
                PathFacts::HardLink(target) => Some((self.place(path), self.place(target))),
                _ => None,
            })
            .collect();
        // A link to a link waits for it; what waits for nothing that comes stays what it is.
        loop {
            let before = waiting.len();
            waiting.retain(|(place, target)| match self.get(target).cloned() {
                Some(facts @ (PathFacts::File(_) | PathFacts::Link(_))) => {
                    if let Some(stands) = self.nodes.get_mut(place) {
                        stands.facts = facts;
                    }
                    false
                }
                _ => true,
            });
            if waiting.len() == before {
                return;
            }
        }
    }

    /// Where an entry `path` of a layer goes: its folder with links followed.
    pub fn place(&self, path: &str) -> String {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        join(&self.folder(folder), name)
    }

    /// The folder that `path` leads to, as far as it is there, and what is not there yet below it.
    fn folder(&self, path: &str) -> String {
        match self.resolve(path) {
            Some(place) => place,
            None => self.place(path),
        }
    }

    fn remove(&mut self, path: &str, itself: bool) {
        let below: Vec<String> = self.below(path).map(|(path, _)| path.to_owned()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
        if itself {
            self.nodes.remove(path);
        }
    }

    /// What lies below the folder `path`, at any depth, in byte order.
    pub fn below<'r>(&'r self, path: &str) -> impl Iterator<Item = (&'r str, &'r PathFacts)> + use<'r> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.nodes
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, stands)| (path.as_str(), &stands.facts))
    }

    /// Everything in byte order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PathFacts)> {
        self.below("")
    }

    /// What stands at exactly `path`.
    pub fn get(&self, path: &str) -> Option<&PathFacts> {
        self.nodes.get(path).map(|stands| &stands.facts)
    }

    /// The same, with the path as the tree has it.
    pub fn entry(&self, path: &str) -> Option<(&str, &PathFacts)> {
        self.nodes.get_key_value(path).map(|(path, stands)| (path.as_str(), &stands.facts))
    }

    /// The number of the layer that `path` is of.
    pub fn layer_of(&self, path: &str) -> Option<usize> {
        self.nodes.get(path).map(|stands| stands.layer)
    }

    /// The path that `path` (with or without a slash at its start) leads to when every link in it is
    /// followed; `None` when something on the way is missing, or links lead in circles.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut ahead: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            match component.as_str() {
                "" | "." => {}
                // At the root `..` is the root.
                ".." => {
                    at.pop();
                }
                _ => {
                    at.push(component);
                    match self.get(&at.join("/")) {
                        None => return None,
                        Some(PathFacts::Link(target)) => {
                            links += 1;
                            if links > MOST_LINKS {
                                return None;
                            }
                            at.pop();
                            if target.starts_with('/') {
                                at.clear();
                            }
                            ahead.extend(target.rsplit('/').map(str::to_owned));
                        }
                        Some(PathFacts::Folder) => {}
                        // Nothing lies below a file.
                        Some(_) if ahead.iter().any(|rest| !matches!(rest.as_str(), "" | ".")) => {
                            return None;
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        Some(at.join("/"))
    }

    /// The file that `path` leads to, with the path it has.
    pub fn file(&self, path: &str) -> Option<(String, &FileFacts)> {
        let place = self.resolve(path)?;
        match &self.nodes.get(&place)?.facts {
            PathFacts::File(facts) => Some((place, facts)),
            _ => None,
        }
    }

    /// Whether `path` leads to a folder.
    pub fn is_folder(&self, path: &str) -> bool {
        match self.resolve(path) {
            Some(place) => place.is_empty() || matches!(self.get(&place), Some(PathFacts::Folder)),
            None => false,
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, PathFacts)]) -> LayerFacts {
        LayerFacts {
            paths: entries.iter().map(|(path, facts)| ((*path).to_owned(), facts.clone())).collect(),
        }
    }

    fn file(size: u64) -> PathFacts {
        PathFacts::File(FileFacts { size, ..FileFacts::default() })
    }

    fn paths(root: &Root) -> Vec<&str> {
        root.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn upper_layers_hide_remove_and_follow_links() {
        let below = layer(&[
            ("lib", PathFacts::Link("usr/lib".into())),
            ("usr", PathFacts::Folder),
            ("usr/lib", PathFacts::Folder),
            ("usr/lib/a", file(1)),
            ("usr/lib/b", file(2)),
            ("opt/x/y", file(3)),
            ("srv", PathFacts::Folder),
            ("srv/old", file(4)),
        ]);
        let above = layer(&[
            ("lib/c", file(5)),
            ("usr/lib/a", PathFacts::Removed),
            ("opt/x", file(6)),
            ("srv", PathFacts::Opaque),
            ("srv/new", PathFacts::HardLink("lib/c".into())),
        ]);
        let root = Root::of([&below, &above]);
        assert_eq!(
            paths(&root),
            ["lib", "opt", "opt/x", "srv", "srv/new", "usr", "usr/lib", "usr/lib/b", "usr/lib/c"]
        );
        assert_eq!(root.file("/lib/c").unwrap().0, "usr/lib/c");
        assert_eq!(root.file("srv/new").unwrap().1.size, 5);
        assert_eq!((root.layer_of("usr/lib/b"), root.layer_of("usr/lib/c")), (Some(0), Some(1)));
        assert!(root.is_folder("/lib/") && !root.is_folder("lib/c") && root.is_folder(""));
    }

    #[test]
    fn folders_without_an_entry_lie_behind_links_too() {
        let below = layer(&[("lib", PathFacts::Link("usr/lib".into())), ("usr/lib", PathFacts::Folder)]);
        let above = layer(&[("lib/new/deep/a", file(1)), ("lib/new/deep/b", file(2))]);
        let root = Root::of([&below, &above]);
        assert_eq!(
            paths(&root),
            [
                "lib",
                "usr",
                "usr/lib",
                "usr/lib/new",
                "usr/lib/new/deep",
                "usr/lib/new/deep/a",
                "usr/lib/new/deep/b"
            ]
        );
    }

    #[test]
    fn hard_links_are_the_file_wherever_its_name_comes() {
        let root = Root::of([&layer(&[
            ("a", PathFacts::HardLink("b".into())),
            ("b", PathFacts::HardLink("d/c".into())),
            ("d/c", file(3)),
            ("e", PathFacts::HardLink("a".into())),
            ("f", PathFacts::HardLink("nothing".into())),
            ("g", PathFacts::HardLink("g".into())),
        ])]);
        for path in ["a", "b", "e"] {
            assert_eq!(root.file(path).unwrap().1.size, 3, "{path}");
        }
        assert_eq!((root.get("f"), root.get("g")), (Some(&PathFacts::Special), Some(&PathFacts::Special)));
    }

    #[test]
    fn what_a_folder_leads_to_may_change_within_a_layer() {
        let below = layer(&[("d/a", file(1)), ("e", PathFacts::Link("d".into())), ("f/x", file(1))]);
        // `e` becomes a folder, and `f`, a folder with files, a link.
        let above = layer(&[
            ("e", PathFacts::Folder),
            ("e/b", file(2)),
            ("f", PathFacts::Link("d".into())),
            ("f/c", file(3)),
            ("f/d", file(4)),
        ]);
        let root = Root::of([&below, &above]);
        assert_eq!(paths(&root), ["d", "d/a", "d/c", "d/d", "e", "e/b", "f"]);
    }

    #[test]
    fn links_are_followed_within_the_root_and_not_for_ever() {
        let root = Root::of([&layer(&[
            ("a", PathFacts::Link("b".into())),
            ("b", PathFacts::Link("a".into())),
            ("d/up", PathFacts::Link("../../../f".into())),
            ("d/abs", PathFacts::Link("/f".into())),
            ("f", file(1)),
        ])]);
        assert_eq!(root.resolve("a"), None);
        assert_eq!(root.resolve("d/up").as_deref(), Some("f"));
        assert_eq!(root.resolve("d/abs").as_deref(), Some("f"));
        assert_eq!(root.resolve("f/x"), None);
        assert_eq!(root.resolve("nothing"), None);
    }
}
