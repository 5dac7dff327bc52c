//! Layers that can be read file by file out of a registry (eStargz, docs/estargz.md of
//! containerd/stargz-snapshotter): gzip layers like others, with a gzip member for the contents of each
//! file and a table of contents at their end. Ordinary engines see two files more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::codec::Compression;
use super::oci::rfc3339;
use super::tar;
use super::tree::{Content, LayerTree, Node, whiteout};
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// The table of contents, the last entry of the archive.
const TABLE: &str = "stargz.index.json";

/// Says that no files are worth fetching before they are asked for.
pub const LANDMARK: &str = ".no.prefetch.landmark";

/// The annotation of the layer with the digest of its table.
const TABLE_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";

/// The annotation with the size of the tar archive, which podman asks for.
const UNCOMPRESSED_SIZE: &str = "io.containers.estargz.uncompressed-size";

/// What the landmark holds.
pub fn landmark() -> Content {
    Content::Bytes(Arc::from(&[0x0f_u8][..]))
}

/// A part of a file's contents that begins a gzip member.
#[derive(Clone)]
pub struct Chunk {
    pub path: String,
    /// Of the member, in the packed bytes of one task.
    pub at: u64,
    /// The first byte of the part in the file.
    pub from: u64,
    pub size: u64,
    pub sha256: [u8; 32],
}

impl Chunk {
    /// The part of the file `path` that begins at `from` and is `data`.
    pub fn of(path: &str, at: u64, from: u64, data: &[u8]) -> Self {
        let sha256 = Sha256::digest(data).into();
        Self { path: path.to_owned(), at, from, size: data.len() as u64, sha256 }
    }
}

/// Where the contents of each file of a layer are.
#[derive(Default)]
pub struct Table {
    chunks: HashMap<String, Vec<Chunk>>,
}

/// What comes after all files of a layer.
pub struct End {
    /// The last bytes of the tar archive: table, padding, end.
    pub raw: Vec<u8>,
    /// What stands for them in the layer, footer included.
    pub packed: Vec<u8>,
    table: Digest,
}

impl End {
    /// The annotations of the layer, whose tar archive has `size` bytes.
    pub fn annotations(&self, size: u64) -> BTreeMap<String, String> {
        BTreeMap::from([
            (TABLE_DIGEST.to_owned(), format!("sha256:{}", self.table)),
            (UNCOMPRESSED_SIZE.to_owned(), size.to_string()),
        ])
    }
}

#[derive(Serialize)]
struct Document {
    version: u32,
    entries: Vec<Entry>,
}

/// "TOCEntry". What is empty or zero is left out, as the specification's own writer does.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    modtime: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    link_name: String,
    mode: u32,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    digest: String,
    #[serde(skip_serializing_if = "is_zero")]
    chunk_offset: u64,
    #[serde(skip_serializing_if = "is_zero")]
    chunk_size: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    chunk_digest: String,
}

/// By reference, as serde asks.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Table {
    /// Notes a chunk of a task whose packed bytes begin at `start` of the layer.
    pub fn add(&mut self, start: u64, mut chunk: Chunk) {
        chunk.at += start;
        self.chunks.entry(chunk.path.clone()).or_default().push(chunk);
    }

    /// The end of the layer of `tree`, whose packed bytes so far are `offset` many.
    ///
    /// # Errors
    /// A bug: the table is plain data.
    pub fn finish(mut self, tree: &LayerTree, mtime: u64, offset: u64) -> Result<End> {
        let landmark = Node::File { content: landmark(), executable: false };
        let mut entries = Vec::new();
        for (path, node) in std::iter::once((LANDMARK, &landmark)).chain(tree.iter()) {
            self.describe(path, node, mtime, &mut entries);
        }
        let json = serde_json::to_vec(&Document { version: 1, entries })
            .map_err(|error| Error::bug(format!("table of contents: {error}")))?;
        let size = json.len() as u64;
        let mut raw = tar::header(TABLE, tar::Kind::File { size, executable: false }, mtime);
        raw.extend_from_slice(&json);
        raw.resize(raw.len() + tar::padding(size), 0);
        raw.extend_from_slice(&tar::END);
        let mut packed = Vec::new();
        Compression::Estargz.pack(&raw, &mut packed)?;
        packed.extend_from_slice(&footer(offset));
        Ok(End { raw, packed, table: Digest::of(&json) })
    }

    fn describe(&mut self, path: &str, node: &Node, mtime: u64, entries: &mut Vec<Entry>) {
        let common = Entry { name: path.to_owned(), modtime: rfc3339(mtime), ..Entry::default() };
        let (content, executable) = match node {
            Node::Folder => {
                let name = format!("{path}/");
                return entries.push(Entry {
                    name,
                    r#type: "dir",
                    mode: 0o040_000 | tar::folder_mode(path),
                    ..common
                });
            }
            Node::Link { target } => {
                let link_name = target.clone();
                return entries.push(Entry { r#type: "symlink", mode: 0o120_777, link_name, ..common });
            }
            Node::Whiteout => {
                let name = whiteout(path);
                return entries.push(Entry { name, r#type: "reg", mode: 0o100_644, ..common });
            }
            Node::File { content, executable } => (content, *executable),
        };
        let mode = if executable { 0o100_755 } else { 0o100_644 };
        let mut chunks = self.chunks.remove(path).unwrap_or_default();
        chunks.sort_by_key(|chunk| chunk.from);
        let last = chunks.len().saturating_sub(1);
        let whole = chunks.len() == 1;
        if chunks.is_empty() {
            entries.push(Entry { r#type: "reg", mode, ..common });
            return;
        }
        for (number, chunk) in chunks.into_iter().enumerate() {
            let digest = format!("sha256:{}", Digest::from(chunk.sha256));
            let entry = Entry {
                name: path.to_owned(),
                offset: chunk.at,
                chunk_offset: chunk.from,
                chunk_size: if number == last { 0 } else { chunk.size },
                chunk_digest: digest.clone(),
                ..Entry::default()
            };
            entries.push(match number {
                0 => Entry {
                    r#type: "reg",
                    size: content.size(),
                    modtime: rfc3339(mtime),
                    mode,
                    digest: if whole { digest } else { String::new() },
                    ..entry
                },
                _ => Entry { r#type: "chunk", ..entry },
            });
        }
    }
}

/// An empty gzip member that says where the table begins.
fn footer(offset: u64) -> [u8; 51] {
    let mut footer = [0; 51];
    // deflate, with an extra field; no time, system unknown.
    footer[..10].copy_from_slice(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff]);
    footer[10..16].copy_from_slice(&[26, 0, b'S', b'G', 22, 0]);
    footer[16..38].copy_from_slice(format!("{offset:016x}STARGZ").as_bytes());
    // One last, stored, empty block; its checksum and size are 0.
    footer[38..43].copy_from_slice(&[1, 0, 0, 0xff, 0xff]);
    footer
}

/// The two names that such a layer needs for itself must be free in `tree`.
///
/// # Errors
/// [`Code::PathConflict`].
pub fn check_names(tree: &LayerTree) -> Result<()> {
    match [TABLE, LANDMARK].into_iter().find_map(|name| Some((name, tree.owner(name)?))) {
        None => Ok(()),
        Some((name, owner)) => {
            Err(Error::new(Code::PathConflict, format!("two files want the path `/{name}`"))
                .cause(format!("it is in `{owner}`, and eStargz layers have a file of that name"))
                .hint("leave it out: `--exclude`, or do without `--estargz`"))
        }
    }
}
