//! The tree an archive claims to hold, checked as a whole before a link of it exists anywhere.
//!
//! Readers add each entry here first. What the tree refuses (two names for one file, a file used
//! as a folder, anything below a link) can therefore never reach the disk. Links are created last
//! of all, once every one of them is known and was followed here: nothing is written through one.

use std::collections::{BTreeSet, HashMap};

use super::Limits;
use super::name::collision_key;
use super::refusal::{hostile, hostile_archive, shown};
use crate::report::Result;

/// Followed in one link at most, as Linux does (`ELOOP`).
const LONGEST_CHAIN: u32 = 40;

/// Components looked at while following all links of an archive: more is an attempt to keep us busy.
const MOST_STEPS: u64 = 4_000_000;

/// What an archive's tree is made for, which decides what links and names it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One folder that must mean the same anywhere. Links stay within the top-level folder they lie
    /// in, absolute ones lead out, and no two names may be one file on some file system.
    Project,
    /// A root of a Linux system, as a Debian package has it. Links stay within the archive's root,
    /// where absolute ones start, and names may differ by case (the kernel's headers do).
    Root,
    /// A folder of a Linux system. Links stay within it, absolute ones lead out, and names may differ
    /// by case.
    Folder,
}

/// What a name in the tree stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File { size: u64 },
    Link { target: String },
}

struct Node {
    path: String,
    kind: Kind,
    /// An entry of its own, not only the parent of one.
    explicit: bool,
}

/// Every name of an archive.
pub(super) struct Tree<'l> {
    layout: Layout,
    nodes: HashMap<String, Node>,
    links: Vec<String>,
    limits: &'l Limits,
    entries: u64,
    bytes: u64,
}

impl<'l> Tree<'l> {
    pub fn new(layout: Layout, limits: &'l Limits) -> Self {
        Self { layout, nodes: HashMap::new(), links: Vec::new(), limits, entries: 0, bytes: 0 }
    }

    /// What the archive may hold.
    pub fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Adds an entry. A folder may come twice, which says `false`.
    ///
    /// # Errors
    /// Hostile: the name, or one that differs only by case or normalisation, is taken; a parent is
    /// no folder; or a limit is reached.
    pub fn add(&mut self, path: &str, kind: Kind) -> Result<bool> {
        let size = match kind {
            Kind::File { size } => size,
            Kind::Folder | Kind::Link { .. } => 0,
        };
        if size > self.limits.entry_bytes {
            let limit = self.limits.entry_bytes;
            return Err(hostile(path, format_args!("holds {size} bytes, more than the limit of {limit}")));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            let limit = self.limits.bytes;
            return Err(hostile(path, format_args!("takes the archive over the limit of {limit} bytes")));
        }
        self.add_parents(path)?;
        if let Kind::Link { target } = &kind {
            check_target(path, target, self.limits)?;
            self.links.push(path.to_owned());
        }
        self.insert(path, kind, true)
    }

    fn add_parents(&mut self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            match self.nodes.get(&self.key(parent)) {
                None => {
                    self.insert(parent, Kind::Folder, false)?;
                }
                Some(node) if node.path != parent => return Err(collides(path, &node.path)),
                Some(Node { kind: Kind::Folder, .. }) => {}
                Some(Node { kind: Kind::Link { .. }, path: link, .. }) => {
                    return Err(hostile(
                        path,
                        format_args!("would be written through the link `{}`", shown(link)),
                    ));
                }
                Some(Node { kind: Kind::File { .. }, path: file, .. }) => {
                    return Err(hostile(path, format_args!("lies below the file `{}`", shown(file))));
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, kind: Kind, explicit: bool) -> Result<bool> {
        let key = self.key(path);
        if let Some(node) = self.nodes.get_mut(&key) {
            if node.path != path {
                return Err(collides(path, &node.path));
            }
            if (&node.kind, &kind) != (&Kind::Folder, &Kind::Folder) {
                return Err(hostile(path, "stands twice in the archive"));
            }
            let again = node.explicit;
            node.explicit = true;
            return Ok(!again);
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            let limit = self.limits.entries;
            return Err(hostile(
                path,
                format_args!("is one more than the {limit} files and folders allowed"),
            ));
        }
        self.nodes.insert(key, Node { path: path.to_owned(), kind, explicit });
        Ok(true)
    }

    fn key(&self, path: &str) -> String {
        match self.layout {
            Layout::Project => collision_key(path),
            Layout::Root | Layout::Folder => path.to_owned(),
        }
    }

    /// What stands at exactly `path`.
    pub fn get(&self, path: &str) -> Option<&Kind> {
        self.nodes.get(&self.key(path)).filter(|node| node.path == path).map(|node| &node.kind)
    }

    /// Files, links and folders, also those that are only a parent.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The names at the top, sorted.
    pub fn top_level(&self) -> Vec<String> {
        let tops: BTreeSet<&str> =
            self.nodes.values().map(|node| node.path.as_str()).filter(|path| !path.contains('/')).collect();
        tops.into_iter().map(str::to_owned).collect()
    }

    /// Every folder, also those that are only a parent.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.nodes.values().filter(|node| node.kind == Kind::Folder).map(|node| node.path.as_str())
    }

    /// Follows every link, through other links too, and refuses one that leads out.
    ///
    /// To be called when all entries are known and before any link is created.
    pub fn check_links(&self) -> Result<()> {
        let mut steps = 0;
        for path in &self.links {
            self.follow(path, &mut steps)?;
        }
        Ok(())
    }

    fn follow(&self, link: &str, steps: &mut u64) -> Result<()> {
        let floor = match self.layout {
            Layout::Project => 1,
            Layout::Root | Layout::Folder => 0,
        };
        let leads_out = || hostile(link, "is a link that leads out of the archive's folder");
        let Some(Kind::Link { target }) = self.get(link) else {
            return Ok(());
        };
        let mut at: Vec<&str> = link.split('/').collect();
        at.pop();
        if at.len() < floor {
            return Err(hostile(link, "is a link where the archive's folder should be"));
        }
        let mut chain = 0;
        let mut ahead: Vec<&str> = Vec::new();
        let mut target = target.as_str();
        loop {
            if target.starts_with('/') {
                if self.layout != Layout::Root {
                    return Err(leads_out());
                }
                at.clear();
            }
            ahead.extend(target.rsplit('/'));
            let next = loop {
                let Some(component) = ahead.pop() else { return Ok(()) };
                *steps += 1;
                if *steps > MOST_STEPS {
                    return Err(hostile_archive("the links of the archive are too entangled to follow"));
                }
                match component {
                    "" | "." => {}
                    ".." if at.len() <= floor => return Err(leads_out()),
                    ".." => {
                        at.pop();
                    }
                    _ => {
                        at.push(component);
                        if let Some(node) = self.nodes.get(&self.key(&at.join("/")))
                            && let Kind::Link { target } = &node.kind
                        {
                            at.pop();
                            break target;
                        }
                    }
                }
            };
            chain += 1;
            if chain > LONGEST_CHAIN {
                return Err(hostile(link, "is a link that leads in circles"));
            }
            target = next;
        }
    }
}

fn collides(path: &str, other: &str) -> crate::report::Error {
    hostile(path, format_args!("differs from `{}` only by case or Unicode form", shown(other)))
}

fn check_target(path: &str, target: &str, limits: &Limits) -> Result<()> {
    if target.is_empty() || target.len() > limits.path_bytes {
        return Err(hostile(path, "is a link with an empty or too long target"));
    }
    if target.contains('\\') || target.chars().any(char::is_control) {
        return Err(hostile(path, "is a link with a backslash or control character in its target"));
    }
    Ok(())
}
