//! Everything that has to be where an image is put: blobs, manifests, the one root.

use std::path::PathBuf;

use super::oci::Descriptor;

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub enum Blob {
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// An image, or an index of several, ready to be written somewhere.
#[derive(Clone, Debug)]
pub struct Export {
    root: Descriptor,
    /// Layers and configurations, then manifests, what is named before what names it.
    blobs: Vec<(Descriptor, Blob)>,
    referrers: Vec<Descriptor>,
}

impl Export {
    /// `root` and `referrers` are among `blobs`, which are in an order in which each names only earlier
    /// ones.
    pub fn new(root: Descriptor, blobs: Vec<(Descriptor, Blob)>, referrers: Vec<Descriptor>) -> Self {
        let mut unique: Vec<(Descriptor, Blob)> = Vec::new();
        for (descriptor, blob) in blobs {
            if unique.iter().all(|(known, _)| known.digest != descriptor.digest) {
                unique.push((descriptor, blob));
            }
        }
        Self { root, blobs: unique, referrers }
    }

    /// The manifest or index that stands for all.
    pub fn root(&self) -> &Descriptor {
        &self.root
    }

    /// Every blob once, manifests included.
    pub fn blobs(&self) -> &[(Descriptor, Blob)] {
        &self.blobs
    }

    /// Manifests attached to images: SBOM, provenance.
    pub fn referrers(&self) -> Vec<Descriptor> {
        self.referrers.clone()
    }
}
