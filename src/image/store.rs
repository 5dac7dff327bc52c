//! Layers kept by what they were made from: what did not change is not read again.
//!
//! ```text
//! <cache>/layers/keys/<key>.json       the layer that some inputs led to, and the inputs
//! <cache>/layers/facts/<layer>.json    what the whole-image check has to know of its files
//! <cache>/layers/blobs/<digest>        the packed bytes; an output that has them does without
//! ```

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::codec::Compression;
use super::facts::LayerFacts;
use super::oci::Descriptor;
use super::pack::{Packing, pack};
use super::tree::LayerTree;
use crate::cache::{Cache, Digest, KeyParts};
use crate::report::{Error, Result};

/// A layer of an image. A value of this type is whole: digests, size and facts are known.
#[derive(Clone, Debug)]
pub struct Layer {
    pub descriptor: Descriptor,
    /// Of the tar stream.
    pub diff_id: Digest,
    pub facts: Arc<LayerFacts>,
    /// The packed bytes, if they are on this machine.
    pub blob: PathBuf,
    /// What it holds, for the history.
    pub title: String,
    /// It was known before.
    pub cached: bool,
}

/// What a key led to.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    parts: KeyParts,
    compression: Compression,
    diff_id: Digest,
    digest: Digest,
    size: u64,
    /// Of the descriptor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// The layers in the cache.
#[derive(Clone, Copy)]
pub struct LayerStore<'c> {
    cache: &'c Cache,
}

impl<'c> LayerStore<'c> {
    pub fn new(cache: &'c Cache) -> Self {
        Self { cache }
    }

    pub fn cache(&self) -> &'c Cache {
        self.cache
    }

    fn place(&self, kind: &str, name: &str) -> PathBuf {
        self.cache.root().join("layers").join(kind).join(name)
    }

    /// Where the packed bytes of `digest` are kept.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.place("blobs", &digest.to_string())
    }

    /// The layer that `parts` name: from the cache, or packed from what `make` gives.
    ///
    /// `elsewhere` says whether the output has a blob already, so that it need not be in the cache. `confirm`
    /// is asked once the layer is packed: are its inputs still what `parts` say? Otherwise other content
    /// would be found by their name for ever.
    ///
    /// # Errors
    /// What `make`, packing and `confirm` say.
    pub fn layer(
        &self,
        title: &str,
        parts: &KeyParts,
        packing: Packing,
        elsewhere: &dyn Fn(Digest, u64) -> bool,
        make: impl FnOnce() -> Result<LayerTree>,
        confirm: impl FnOnce() -> Result<()>,
    ) -> Result<Layer> {
        let parts = parts
            .clone()
            .with("recipe", env!("WHEELBUILD_IMAGE_RECIPE"))
            .with("compression", packing.compression.name())
            .with("mtime", packing.mtime);
        let key = parts.key();
        let place = self.place("keys", &format!("{key}.json"));
        let known = std::fs::read(&place).ok().and_then(|text| serde_json::from_slice::<Entry>(&text).ok());
        if let Some(entry) = known.filter(|entry| entry.parts == parts) {
            let there = elsewhere(entry.digest, entry.size)
                || std::fs::metadata(self.blob(entry.digest)).is_ok_and(|facts| facts.len() == entry.size);
            if there && let Some(facts) = self.facts(entry.digest, entry.diff_id) {
                return Ok(self.known(title, &entry, facts, true));
            }
        }
        let tree = make()?;
        let folder = self.cache.folder("layers/blobs")?;
        let mut file = tempfile::NamedTempFile::new_in(self.cache.root().join("tmp"))
            .map_err(|error| Error::io("write", &folder, &error))?;
        let mut out = BufWriter::with_capacity(1 << 20, file.as_file_mut());
        let packed = pack(&tree, packing, &mut out)?;
        out.flush().map_err(|error| Error::io("write", &folder, &error))?;
        drop(out);
        confirm()?;
        let blob = self.blob(packed.digest);
        file.persist(&blob).map_err(|error| Error::io("write", &blob, &error.error))?;
        self.remember(packed.digest, packed.diff_id, &packed.facts)?;
        let entry = Entry {
            parts,
            compression: packing.compression,
            diff_id: packed.diff_id,
            digest: packed.digest,
            size: packed.size,
            annotations: packed.annotations,
        };
        let text = serde_json::to_vec(&entry).map_err(|error| Error::bug(format!("layer entry: {error}")))?;
        self.cache.write(&place, &text)?;
        Ok(self.known(title, &entry, packed.facts, false))
    }

    fn known(&self, title: &str, entry: &Entry, facts: LayerFacts, cached: bool) -> Layer {
        let media_type = entry.compression.media_type();
        Layer {
            descriptor: Descriptor {
                annotations: entry.annotations.clone(),
                ..Descriptor::new(media_type, entry.digest, entry.size)
            },
            diff_id: entry.diff_id,
            facts: Arc::new(facts),
            blob: self.blob(entry.digest),
            title: title.to_owned(),
            cached,
        }
    }

    /// What is known of the files of the layer with this digest and diff id: that some blob unpacks to that
    /// stream is known then, too.
    pub fn facts(&self, digest: Digest, diff_id: Digest) -> Option<LayerFacts> {
        let text = std::fs::read(self.place("facts", &facts_name(digest, diff_id))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Remembers the facts of a layer whose two digests were compared.
    ///
    /// # Errors
    /// [`crate::report::Code::Io`].
    pub fn remember(&self, digest: Digest, diff_id: Digest, facts: &LayerFacts) -> Result<()> {
        let text =
            serde_json::to_vec(facts).map_err(|error| Error::bug(format!("facts of a layer: {error}")))?;
        self.cache.write(&self.place("facts", &facts_name(digest, diff_id)), &text)
    }
}

/// Facts of another version of this program may lack what the check wants now.
fn facts_name(digest: Digest, diff_id: Digest) -> String {
    let layer = Digest::of(format!("{digest} {diff_id}"));
    format!("{layer}-{}.json", &env!("WHEELBUILD_IMAGE_RECIPE")[..16])
}

/// Copies the blob of `descriptor` from `from` to the new file `to`, and compares its digest on the
/// way. Nothing stands at `to` unless it is right.
///
/// # Errors
/// [`crate::report::Code::BrokenImage`] when it is other content, [`crate::report::Code::Io`].
pub fn copy_blob(descriptor: &Descriptor, from: &Path, to: &Path) -> Result<()> {
    use std::io::Read;

    use sha2::{Digest as _, Sha256};
    let folder = to.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Error::io("write", to, &error);
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut input = std::fs::File::open(from).map_err(|error| Error::io("read", from, &error))?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        crate::process::check_halted()?;
        let count = input.read(&mut buffer).map_err(|error| Error::io("read", from, &error))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        size += count as u64;
        file.write_all(&buffer[..count]).map_err(failed)?;
    }
    let sha256 = Digest::from(<[u8; 32]>::from(hash.finalize()));
    if size != descriptor.size || sha256 != descriptor.sha256()? {
        return Err(super::oci::broken(format!("`{}` is not `{}`", from.display(), descriptor.digest)));
    }
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tree::{Content, Node};
    use crate::report::Code;

    #[test]
    fn what_changed_while_it_was_packed_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let store = LayerStore::new(&cache);
        let packing = Packing { compression: Compression::Gzip, mtime: 0, jobs: 1 };
        let parts = KeyParts::new().with("tree", "as it was");
        let layer = |data: &[u8], confirm: &dyn Fn() -> Result<()>| {
            let make = || {
                let mut tree = LayerTree::default();
                let content = Content::Bytes(data.into());
                tree.insert("a", Node::File { content, executable: false }, &"me".into())?;
                Ok(tree)
            };
            store.layer("a", &parts, packing, &|_, _| false, make, confirm)
        };
        let changed = || Err(Error::new(Code::Io, "it changed"));
        assert!(layer(b"as it is now", &changed).is_err());
        let made = layer(b"as it was", &|| Ok(())).unwrap();
        assert!(!made.cached);
        // What is known is not asked for again.
        let known = layer(b"whatever", &changed).unwrap();
        assert!(known.cached && known.descriptor == made.descriptor);
    }
}
