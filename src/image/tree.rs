//! What one layer shall hold: paths in the image and what stands there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::report::{Code, Error, Result};
use crate::wheel::WheelArchive;

/// Where the bytes of a file come from. Nothing is read until the layer is packed.
#[derive(Clone)]
pub enum Content {
    /// Made here.
    Bytes(Arc<[u8]>),
    /// A file of this machine of exactly `size` bytes.
    File { path: PathBuf, size: u64 },
    /// A member of a wheel, by its place in [`WheelArchive::entries`], and the sha256 that the
    /// wheel's RECORD names.
    Member { wheel: Arc<WheelArchive>, index: usize, sha256: Option<[u8; 32]> },
}

impl Content {
    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
            Self::Member { wheel, index, .. } => wheel.entries()[*index].size,
        }
    }
}

/// What stands at a path.
#[derive(Clone)]
pub enum Node {
    Folder,
    File {
        content: Content,
        executable: bool,
    },
    /// A symbolic link.
    Link {
        target: String,
    },
    /// What layers below have there is gone (OCI image spec, "Whiteouts").
    Whiteout,
}

/// The prefix of names that take something away.
pub const WHITEOUT: &str = ".wh.";

/// The path of the entry that takes `path` away.
pub fn whiteout(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{WHITEOUT}{name}"),
        None => format!("{WHITEOUT}{path}"),
    }
}

struct Placed {
    node: Node,
    owner: Arc<str>,
}

/// The entries of a layer in byte order of their paths, which is the order they are written in.
///
/// A path has no slash at either end. No path is taken twice, but for folders.
#[derive(Default)]
pub struct LayerTree {
    nodes: BTreeMap<String, Placed>,
}

impl LayerTree {
    /// Puts `node` of `owner` (a wheel's file name, a folder given by the user) at `path`.
    ///
    /// # Errors
    /// [`Code::PathConflict`] that names both owners, when the path is taken or lies below a file;
    /// [`Code::HostileArchive`] for a name that would take away what layers below have.
    pub fn insert(&mut self, path: &str, node: Node, owner: &Arc<str>) -> Result<()> {
        if path.split('/').any(|name| name.starts_with(WHITEOUT)) {
            return Err(Error::new(Code::HostileArchive, format!("`{path}` cannot be in an image"))
                .cause(format!("it is in `{owner}`"))
                .cause("a name that starts with `.wh.` takes away what layers below have"));
        }
        for (at, _) in path.match_indices('/') {
            match self.nodes.get(&path[..at]) {
                None => {
                    let folder = Placed { node: Node::Folder, owner: owner.clone() };
                    self.nodes.insert(path[..at].to_owned(), folder);
                }
                Some(Placed { node: Node::Folder, .. }) => {}
                Some(other) => return Err(conflict(&path[..at], &other.owner, owner)),
            }
        }
        match self.nodes.get(path) {
            Some(Placed { node: Node::Folder, .. }) if matches!(node, Node::Folder) => Ok(()),
            Some(other) if same_marker(path, &other.node, &node) => Ok(()),
            Some(other) => Err(conflict(path, &other.owner, owner)),
            None => {
                self.nodes.insert(path.to_owned(), Placed { node, owner: owner.clone() });
                Ok(())
            }
        }
    }

    /// Takes out every folder entry that `known` says to be in a layer below: writing it again would
    /// change its owner and mode there, or replace a link of that name.
    pub fn leave_out_folders(&mut self, known: impl Fn(&str) -> bool) {
        self.nodes.retain(|path, placed| !matches!(placed.node, Node::Folder) || !known(path));
    }

    /// Every path with what stands there, in byte order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, placed)| (path.as_str(), &placed.node))
    }

    /// Whether something stands at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Who put something at `path`.
    pub fn owner(&self, path: &str) -> Option<&str> {
        self.nodes.get(path).map(|placed| &*placed.owner)
    }

    /// An error that names both owners of a path that `self` and `other` want.
    ///
    /// # Errors
    /// [`Code::PathConflict`].
    pub fn check_apart(&self, other: &Self) -> Result<()> {
        for (path, placed) in &other.nodes {
            let Some(ours) = self.nodes.get(path) else { continue };
            let both_folders = matches!((&ours.node, &placed.node), (Node::Folder, Node::Folder));
            if !both_folders && !same_marker(path, &ours.node, &placed.node) {
                return Err(conflict(path, &ours.owner, &placed.owner));
            }
        }
        Ok(())
    }
}

/// Whether both are the same `__init__.py`: the marker of a package that several projects share
/// (`nvidia`, `google`) is in each of their wheels, and it does not matter whose is taken.
fn same_marker(path: &str, one: &Node, other: &Node) -> bool {
    let sha256 = |node: &Node| match node {
        Node::File { content: Content::Member { sha256, .. }, .. } => *sha256,
        _ => None,
    };
    path.ends_with("/__init__.py") && sha256(one).is_some() && sha256(one) == sha256(other)
}

fn conflict(path: &str, first: &str, second: &str) -> Error {
    let whose =
        if first == second { format!("`{first}` twice") } else { format!("`{first}` and `{second}`") };
    Error::new(Code::PathConflict, format!("two files want the path `/{path}`"))
        .cause(format!("it is in {whose}"))
        .hint("leave one of them out: which of the two an installer would keep depends on its order")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Node {
        Node::File { content: Content::Bytes(Arc::from(&b"x"[..])), executable: false }
    }

    #[test]
    fn a_taken_path_names_both_owners() {
        let (one, two): (Arc<str>, Arc<str>) = ("one.whl".into(), "two.whl".into());
        let mut tree = LayerTree::default();
        tree.insert("a/b", file(), &one).unwrap();
        tree.insert("a/c", file(), &two).unwrap();
        for path in [".wh.a", "a/.wh..wh..opq", ".wh.a/b"] {
            assert_eq!(tree.insert(path, file(), &two).unwrap_err().code(), Code::HostileArchive, "{path}");
        }
        for path in ["a/b", "a", "a/b/c"] {
            let error = tree.insert(path, file(), &two).unwrap_err();
            assert_eq!(error.code(), Code::PathConflict);
            assert!(error.causes()[0].contains("one.whl") && error.causes()[0].contains("two.whl"), "{path}");
        }
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "a/b", "a/c"]);
    }

    #[test]
    fn layers_are_held_against_each_other() {
        let (one, two): (Arc<str>, Arc<str>) = ("one.whl".into(), "two.whl".into());
        let (mut first, mut second) = (LayerTree::default(), LayerTree::default());
        first.insert("a/b", file(), &one).unwrap();
        second.insert("a/c", file(), &two).unwrap();
        first.check_apart(&second).unwrap();
        second.insert("a/b", file(), &two).unwrap();
        assert_eq!(first.check_apart(&second).unwrap_err().code(), Code::PathConflict);
    }
}
