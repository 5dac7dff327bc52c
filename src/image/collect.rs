//! The packed stretches of a layer in their order: written, hashed twice, and listed.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sha2::{Digest as _, Sha256};

use super::buffers::Buffers;
use super::codec::Compression;
use super::estargz::{Chunk, LANDMARK, Table};
use super::facts::{FileFacts, LayerFacts, PathFacts};
use super::pack::{AHEAD, Packed, Packing, Product};
use super::tree::LayerTree;
use crate::cache::Digest;
use crate::report::{Error, Result};

/// Takes the products of each task, in the order of the tasks, and writes the layer of `tree` to `out`.
///
/// # Errors
/// What a worker ran into; [`crate::report::Code::Io`].
pub(super) fn collect(
    ordered: Receiver<Receiver<Result<Product>>>,
    tree: &LayerTree,
    packing: Packing,
    buffers: &Buffers,
    out: &mut (impl Write + Send),
) -> Result<Packed> {
    let is_estargz = packing.compression == Compression::Estargz;
    // The two digests are the longest serial work there is, so they are kept by two threads.
    let (raw_chunks, for_diff_id) = sync_channel::<(Vec<u8>, Found)>(AHEAD);
    std::thread::scope(|scope| {
        let diff_id = scope.spawn(move || {
            let mut hash = Sha256::new();
            for (chunk, found) in for_diff_id {
                hash.update(&chunk);
                buffers.give(chunk);
                drop(found);
            }
            hash.finalize()
        });
        let mut sink = Sink { out, raw_chunks, buffers, hash: Sha256::new(), size: 0, raw_size: 0 };
        let (mut facts, mut table) = (LayerFacts::default(), Table::default());
        for results in ordered {
            let start = sink.size;
            for product in results {
                let Product { raw, packed, facts: found, chunks } = product?;
                // Copies, made by this thread: what lives long among the short-lived memory of the workers
                // would keep the allocator from using it again, and memory would grow with the number of
                // files. For the same reason another thread frees what was copied: an allocator keeps what
                // a thread frees for what that thread asks for next.
                for (path, found) in &found {
                    facts.paths.insert(path.clone(), PathFacts::File(found.clone()));
                }
                if is_estargz {
                    chunks.iter().for_each(|chunk| table.add(start, chunk.clone()));
                }
                sink.write(raw, packed, (found, chunks))?;
            }
        }
        let mut annotations = BTreeMap::new();
        if is_estargz {
            let end = table.finish(tree, packing.mtime, sink.size)?;
            annotations = end.annotations(sink.raw_size + end.raw.len() as u64);
            sink.write(end.raw, Some(end.packed), Found::default())?;
            // Every layer has it, so it says nothing of this one.
            facts.paths.remove(LANDMARK);
        }
        let Sink { raw_chunks, hash, size, raw_size, .. } = sink;
        drop(raw_chunks);
        // A panic of a thread is a bug and goes on here.
        let diff_id = diff_id.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let digest = |hash: sha2::digest::Output<Sha256>| Digest::from(<[u8; 32]>::from(hash));
        Ok(Packed {
            diff_id: digest(diff_id),
            digest: digest(hash.finalize()),
            size,
            raw_size,
            annotations,
            facts,
        })
    })
}

/// What is known of the files of a product.
type Found = (Vec<(String, FileFacts)>, Vec<Chunk>);

/// Where the bytes go.
struct Sink<'o, W> {
    out: &'o mut W,
    /// To the thread that keeps the diff id.
    raw_chunks: SyncSender<(Vec<u8>, Found)>,
    buffers: &'o Buffers,
    hash: Sha256,
    size: u64,
    raw_size: u64,
}

impl<W: Write> Sink<'_, W> {
    /// Some bytes of the tar stream and what stands for them in the layer; none when they do.
    fn write(&mut self, raw: Vec<u8>, packed: Option<Vec<u8>>, found: Found) -> Result<()> {
        crate::process::check_halted()?;
        let bytes = packed.as_deref().unwrap_or(&raw);
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.raw_size += raw.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(|error| Error::io("write", std::path::Path::new("layer"), &error))?;
        if let Some(packed) = packed {
            self.buffers.give(packed);
        }
        let is_empty = raw.is_empty() && found.0.is_empty();
        if !is_empty && self.raw_chunks.send((raw, found)).is_err() {
            return Err(Error::bug("the thread that keeps the diff id ended early"));
        }
        Ok(())
    }
}
