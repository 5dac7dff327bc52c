//! Layers of installed packages, made from wheels as pip would install them.
//!
//! Every file goes where the image's interpreter looks for it (PEP 427, "the .data directory"),
//! programs are written for entry points, and RECORD, sorted, lists what was installed.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::python::Scheme;
use super::tree::{Content, LayerTree, Node};
use crate::metadata::normalize;
use crate::python::installer::launcher::{Head, of_entry, of_script};
use crate::python::installer::{INSTALLER, REPLACED, Row, entry_points, record};
use crate::report::{Code, Error, Result};
use crate::wheel::WheelArchive;

/// A file that was compiled from a wheel's module.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Below the folder of packages.
    pub path: String,
    pub content_of: std::path::PathBuf,
    pub size: u64,
}

/// Puts the files of `wheel` where `scheme` says, with `compiled` bytecode.
///
/// # Errors
/// [`Code::PathConflict`] when another wheel has a file there; [`Code::BadWheel`],
/// [`Code::BrokenArchive`].
pub fn place(
    wheel: &Arc<WheelArchive>,
    compiled: &[Compiled],
    scheme: &Scheme,
    tree: &mut LayerTree,
) -> Result<()> {
    place_here(wheel, compiled, scheme, tree).map_err(|error| match error.code() {
        Code::PathConflict => error,
        _ => error.wrap(format!("cannot install `{}`", file_name(wheel))),
    })
}

/// The wheel's file name as it lies there.
pub fn file_name(wheel: &WheelArchive) -> String {
    wheel.path().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn place_here(
    wheel: &Arc<WheelArchive>,
    compiled: &[Compiled],
    scheme: &Scheme,
    tree: &mut LayerTree,
) -> Result<()> {
    let owner: Arc<str> = file_name(wheel).into();
    let head = Head::Program(&scheme.program);
    let site = &scheme.site_packages;
    let dist_info = format!("{}.dist-info", wheel.stem());
    let data_folder = format!("{}.data/", wheel.stem());
    let replaced = REPLACED.map(|name| format!("{dist_info}/{name}"));
    let mut rows = Vec::new();
    let mut put = |path: String, executable: bool, content: Content, sha256: [u8; 32]| {
        rows.push(Row { path: path.clone(), sha256_and_size: Some((sha256, content.size())) });
        tree.insert(&path, Node::File { content, executable }, &owner)
    };
    let made = |data: Vec<u8>| {
        let sha256 = Sha256::digest(&data).into();
        (Content::Bytes(data.into()), sha256)
    };
    for (index, entry) in wheel.entries().iter().enumerate() {
        if entry.folder || replaced.contains(&entry.name) {
            continue;
        }
        let (kind, rest) = match entry.name.strip_prefix(&data_folder) {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("purelib", entry.name.as_str()),
        };
        if rest.is_empty() {
            return Err(Error::new(Code::BadWheel, format!("`{}` has no place", entry.name)));
        }
        let path = join(&folder(kind, wheel, scheme)?, rest);
        let is_script = kind == "scripts";
        let rewritten = if is_script { of_script(&wheel.read(entry)?, head) } else { None };
        if let Some(data) = rewritten {
            let (content, sha256) = made(data);
            put(path, true, content, sha256)?;
            continue;
        }
        let sha256 = match wheel.recorded(entry)? {
            Some(sha256) => sha256,
            None => wheel.sha256(entry)?,
        };
        let content = Content::Member { wheel: wheel.clone(), index, sha256: Some(sha256) };
        put(path, entry.executable || is_script, content, sha256)?;
    }
    if let Some(text) = wheel.dist_info("entry_points.txt")? {
        for entry in entry_points::parse(&String::from_utf8_lossy(&text))? {
            let (content, sha256) = made(of_entry(&entry, head));
            put(join(&scheme.scripts, &entry.name), true, content, sha256)?;
        }
    }
    let info = join(site, &dist_info);
    let (content, sha256) = made(INSTALLER.to_vec());
    put(format!("{info}/INSTALLER"), false, content, sha256)?;
    for file in compiled {
        let path = join(site, &file.path);
        rows.push(Row { path: path.clone(), sha256_and_size: None });
        let content = Content::File { path: file.content_of.clone(), size: file.size };
        tree.insert(&path, Node::File { content, executable: false }, &owner)?;
    }
    let record_path = format!("{info}/RECORD");
    let text = record(&rows, &record_path, site);
    let node = Node::File { content: Content::Bytes(text.into()), executable: false };
    tree.insert(&record_path, node, &owner)
}

fn folder(kind: &str, wheel: &WheelArchive, scheme: &Scheme) -> Result<String> {
    Ok(match kind {
        "purelib" | "platlib" => scheme.site_packages.clone(),
        "scripts" => scheme.scripts.clone(),
        "data" => scheme.data.clone(),
        "headers" => format!("{}/{}", scheme.headers, normalize(wheel.metadata().name())),
        _ => {
            let headline = format!("`{}` is no installation scheme", kind.escape_default());
            return Err(Error::new(Code::BadWheel, headline));
        }
    })
}

fn join(folder: &str, rest: &str) -> String {
    if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") }
}

/// Wheels smaller than this share a layer, in packed bytes.
const LARGE: u64 = 1 << 20;

/// The wheels of each layer: all in one, or with `budget` layers the largest alone and the rest
/// together. The order of layers is that of the projects' names, so that a change of one wheel moves
/// no other; `sizes` are those of the wheel files.
pub fn split(sizes: &[(String, u64)], budget: Option<usize>) -> Vec<Vec<usize>> {
    let mut by_name: Vec<usize> = (0..sizes.len()).collect();
    by_name.sort_by(|&one, &other| sizes[one].0.cmp(&sizes[other].0));
    let Some(budget) = budget.filter(|budget| *budget > 1) else { return vec![by_name] };
    let mut large: Vec<usize> = by_name.iter().copied().filter(|&at| sizes[at].1 >= LARGE).collect();
    // Stable: of equal sizes the first by name.
    large.sort_by_key(|&at| std::cmp::Reverse(sizes[at].1));
    large.truncate(budget - 1);
    let (own, together): (Vec<usize>, Vec<usize>) = by_name.into_iter().partition(|at| large.contains(at));
    let mut layers: Vec<Vec<usize>> = own.into_iter().map(|at| vec![at]).collect();
    if !together.is_empty() || layers.is_empty() {
        layers.push(together);
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_wheels_get_layers_of_their_own_within_the_budget() {
        let sizes: Vec<(String, u64)> =
            [("b", 5 << 20), ("a", 1000), ("d", 9 << 20), ("c", 7 << 20), ("e", 10)]
                .map(|(name, size)| (name.to_owned(), size))
                .to_vec();
        assert_eq!(split(&sizes, None), [vec![1, 0, 3, 2, 4]]);
        assert_eq!(split(&sizes, Some(10)), [vec![0], vec![3], vec![2], vec![1, 4]]);
        assert_eq!(split(&sizes, Some(3)), [vec![3], vec![2], vec![1, 0, 4]]);
        assert_eq!(split(&[], Some(3)), [Vec::<usize>::new()]);
        assert_eq!(split(&[], None), [Vec::<usize>::new()]);
    }
}
