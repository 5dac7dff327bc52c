//! From a [`LayerTree`] to the bytes of a layer: one pass, all cores, bounded memory, same bytes.
//!
//! The tar stream is cut into *stretches* by rules that know nothing of the machine. Workers make each
//! stretch (read, inflate, compare, compress) in any order; one thread takes their results in order,
//! writes them and keeps the two digests. A worker that runs ahead waits, so that memory is bounded by
//! the number of workers.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::buffers::Buffers;
use super::codec::Compression;
use super::collect::collect;
use super::estargz::{self, Chunk};
use super::facts::{FileFacts, LayerFacts, PathFacts};
use super::member;
use super::tar;
use super::tree::{Content, LayerTree, Node, whiteout};
use crate::archive::ZipMethod;
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// Members whose deflate data is shorter are compressed together with what surrounds them: a gzip
/// member of their own would cost more than it saves.
const SPLICED_FROM: u64 = 4096;

/// More workers would only wait for the one thread that hashes.
const MOST_WORKERS: usize = 8;

/// Results a worker may be ahead by.
pub(super) const AHEAD: usize = 4;

/// How layers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    pub compression: Compression,
    /// The date of every entry, in seconds since 1970.
    pub mtime: u64,
    /// Most workers; has no influence on the bytes.
    pub jobs: usize,
}

/// What was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Of the tar stream.
    pub diff_id: Digest,
    /// Of the packed bytes.
    pub digest: Digest,
    /// Of the packed bytes.
    pub size: u64,
    /// Of the tar stream.
    pub raw_size: u64,
    /// Of the layer's descriptor.
    pub annotations: BTreeMap<String, String>,
    pub facts: LayerFacts,
}

/// Some bytes of the tar stream with the packed bytes that stand for them, in their order.
#[derive(Default)]
pub(super) struct Product {
    pub raw: Vec<u8>,
    /// None when they are the raw ones.
    pub packed: Option<Vec<u8>>,
    pub facts: Vec<(String, FileFacts)>,
    /// Those that begin in the packed bytes, of layers that want to know.
    pub chunks: Vec<Chunk>,
}

/// Where a worker puts its products; fails when nobody wants them any more.
pub(super) struct Products<'b> {
    to: SyncSender<Result<Product>>,
    /// What products are made in.
    pub buffers: &'b Buffers,
}

impl Products<'_> {
    pub fn give(&self, product: Product) -> Result<()> {
        // Shown to nobody: whoever hung up has an error of its own.
        self.to.send(Ok(product)).map_err(|_| Error::new(Code::Interrupted, "packing was given up"))
    }
}

/// A stretch of the tar stream.
enum Task<'t> {
    Pack(Vec<Part<'t>>),
    /// A member of a wheel whose own deflate data becomes a gzip member.
    Splice(FileOf<'t>),
    /// A long member of a wheel that has to be compressed by us.
    Stream(FileOf<'t>),
}

#[derive(Clone, Copy)]
pub(super) struct FileOf<'t> {
    /// In the image.
    pub path: &'t str,
    pub content: &'t Content,
    pub executable: bool,
}

enum Part<'t> {
    Bytes(Vec<u8>),
    Whole(FileOf<'t>),
    /// `count` bytes of a file of this machine.
    Range {
        file: FileOf<'t>,
        from: u64,
        count: u64,
    },
}

impl Part<'_> {
    /// Bytes of the tar stream.
    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            // What is longer than a stretch comes in ranges, or is streamed.
            Self::Whole(file) => usize::try_from(file.content.size()).unwrap_or(0),
            Self::Range { count, .. } => usize::try_from(*count).unwrap_or(0),
        }
    }
}

/// Packs `tree` and writes the layer to `out`.
///
/// # Errors
/// [`Code::BrokenArchive`] and [`Code::BadWheel`] for damaged wheels; [`Code::Io`], also when a file
/// changed since it was listed.
pub fn pack(tree: &LayerTree, packing: Packing, out: &mut (impl Write + Send)) -> Result<Packed> {
    if packing.compression == Compression::Estargz {
        estargz::check_names(tree)?;
    }
    let landmark = estargz::landmark();
    let workers = packing.jobs.clamp(1, MOST_WORKERS);
    let buffers = Buffers::default();
    let (tasks, queue) = sync_channel::<(Task<'_>, Products<'_>)>(workers);
    let (order, ordered) = sync_channel::<Receiver<Result<Product>>>(workers);
    let queue = Mutex::new(queue);
    let mut packed = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&queue, packing.compression));
        }
        let collector = scope.spawn(|| collect(ordered, tree, packing, &buffers, out));
        plan(tree, &landmark, packing, &mut |task| {
            let (to, results) = sync_channel(AHEAD);
            let products = Products { to, buffers: &buffers };
            order.send(results).is_ok() && tasks.send((task, products)).is_ok()
        });
        drop((order, tasks));
        // A panic of a thread is a bug and goes on here.
        collector.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    for (path, node) in tree.iter() {
        let facts = match node {
            Node::Folder => PathFacts::Folder,
            Node::Link { target } => PathFacts::Link(target.clone()),
            Node::Whiteout => PathFacts::Removed,
            Node::File { .. } => continue,
        };
        packed.facts.paths.insert(path.to_owned(), facts);
    }
    Ok(packed)
}

/// Cuts the tar stream of `tree` into tasks until `give` says that no more are wanted.
fn plan<'t>(
    tree: &'t LayerTree,
    landmark: &'t Content,
    packing: Packing,
    give: &mut dyn FnMut(Task<'t>) -> bool,
) {
    let mut stretch = Stretch { parts: Vec::new(), size: 0, most: packing.compression.stretch() as u64 };
    let is_estargz = packing.compression == Compression::Estargz;
    if is_estargz {
        let file = FileOf { path: estargz::LANDMARK, content: landmark, executable: false };
        let size = landmark.size();
        stretch.bytes(tar::header(file.path, tar::Kind::File { size, executable: false }, packing.mtime));
        stretch.add(Part::Whole(file), size, give);
        stretch.bytes(vec![0; tar::padding(size)]);
    }
    for (path, node) in tree.iter() {
        if matches!(node, Node::Whiteout) {
            let kind = tar::Kind::File { size: 0, executable: false };
            stretch.bytes(tar::header(&whiteout(path), kind, packing.mtime));
            continue;
        }
        let kind = match node {
            Node::Whiteout | Node::Folder => tar::Kind::Folder,
            Node::Link { target } => tar::Kind::Link { target },
            Node::File { content, executable } => {
                tar::Kind::File { size: content.size(), executable: *executable }
            }
        };
        stretch.bytes(tar::header(path, kind, packing.mtime));
        let Node::File { content, executable } = node else { continue };
        let file = FileOf { path, content, executable: *executable };
        let size = content.size();
        let wanted = match content {
            Content::Member { wheel, index, .. } => {
                let entry = &wheel.entries()[*index];
                let spliced = matches!(packing.compression, Compression::Gzip | Compression::Estargz)
                    && entry.method == ZipMethod::Deflated
                    && entry.packed >= SPLICED_FROM;
                if spliced {
                    stretch.flush(give) && give(Task::Splice(file))
                } else if size > stretch.most {
                    stretch.flush(give) && give(Task::Stream(file))
                } else {
                    stretch.add(Part::Whole(file), size, give)
                }
            }
            Content::File { .. } if size > stretch.most => {
                let mut from = 0;
                let mut wanted = true;
                while wanted && from < size {
                    let count = (stretch.most - stretch.size).min(size - from);
                    wanted = stretch.add(Part::Range { file, from, count }, count, give);
                    from += count;
                }
                wanted
            }
            Content::File { .. } | Content::Bytes(_) => stretch.add(Part::Whole(file), size, give),
        };
        if !wanted {
            return;
        }
        stretch.bytes(vec![0; tar::padding(size)]);
    }
    if !is_estargz {
        stretch.bytes(tar::END.to_vec());
    }
    stretch.flush(give);
}

struct Stretch<'t> {
    parts: Vec<Part<'t>>,
    size: u64,
    most: u64,
}

impl<'t> Stretch<'t> {
    fn bytes(&mut self, bytes: Vec<u8>) {
        self.size += bytes.len() as u64;
        match self.parts.last_mut() {
            Some(Part::Bytes(last)) => last.extend(bytes),
            _ => self.parts.push(Part::Bytes(bytes)),
        }
    }

    /// Adds a part and hands the stretch out if it is long enough.
    fn add(&mut self, part: Part<'t>, size: u64, give: &mut dyn FnMut(Task<'t>) -> bool) -> bool {
        self.parts.push(part);
        self.size += size;
        self.size < self.most || self.flush(give)
    }

    fn flush(&mut self, give: &mut dyn FnMut(Task<'t>) -> bool) -> bool {
        self.size = 0;
        self.parts.is_empty() || give(Task::Pack(std::mem::take(&mut self.parts)))
    }
}

fn work(queue: &Mutex<Receiver<(Task<'_>, Products<'_>)>>, compression: Compression) {
    loop {
        // Nothing panics while the lock is held.
        let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
        let Ok((task, products)) = next else { return };
        let done = match task {
            Task::Pack(parts) => pack_parts(&parts, compression, &products),
            Task::Splice(file) => member::splice(file, &products),
            Task::Stream(file) => member::stream(file, compression, &products),
        };
        if let Err(error) = done {
            // Whoever hung up has an error already.
            let _ = products.to.send(Err(error));
        }
    }
}

fn pack_parts(parts: &[Part<'_>], compression: Compression, products: &Products<'_>) -> Result<()> {
    let size = parts.iter().map(Part::size).sum();
    let mut product = Product { raw: products.buffers.take(size), ..Product::default() };
    let mut packed = match compression {
        Compression::None => Vec::new(),
        // Room that it is not sure to need comes from what was used before.
        _ => products.buffers.take(size),
    };
    let mut begun = 0;
    for part in parts {
        let start = product.raw.len();
        let (file, from) = match part {
            Part::Bytes(bytes) => {
                product.raw.extend_from_slice(bytes);
                continue;
            }
            Part::Whole(file) => {
                member::append(*file, &mut product.raw)?;
                let facts = FileFacts::of_bytes(file.path, file.executable, &product.raw[start..]);
                product.facts.push((file.path.to_owned(), facts));
                (file, 0)
            }
            Part::Range { file, from, count } => {
                if let Some(facts) = member::append_range(*file, *from, *count, &mut product.raw)? {
                    product.facts.push((file.path.to_owned(), facts));
                }
                (file, *from)
            }
        };
        if compression == Compression::Estargz && product.raw.len() > start {
            // The contents of each file begin a member of their own.
            if start > begun {
                compression.pack(&product.raw[begun..start], &mut packed)?;
                begun = start;
            }
            let at = packed.len() as u64;
            product.chunks.push(Chunk::of(file.path, at, from, &product.raw[start..]));
        }
    }
    if compression != Compression::None {
        compression.pack(&product.raw[begun..], &mut packed)?;
        product.packed = Some(packed);
    }
    products.give(product)
}
