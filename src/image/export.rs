//! Everything that has to be where an image is put: blobs, manifests, the one root.

use std::path::PathBuf;

use super::assemble::Image;
use super::attest::Attached;
use super::configuration::RunOptions;
use super::oci::{self, Descriptor, Index};
use crate::report::Result;

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

/// One image, or an index of several, as what has to be where it is put. `attached` are manifests that
/// name one of the images as their subject, with their blobs.
///
/// # Errors
/// A bug: documents are plain data.
pub fn export(images: &[Image], run: &RunOptions, attached: Vec<Attached>) -> Result<Export> {
    let mut blobs = Vec::new();
    for image in images {
        for layer in &image.layers {
            blobs.push((layer.descriptor.clone(), Blob::File(layer.blob.clone())));
        }
        blobs.push((Descriptor::of(oci::CONFIG, &image.config), Blob::Bytes(image.config.clone())));
        let plain = Descriptor { platform: None, ..image.descriptor.clone() };
        blobs.push((plain, Blob::Bytes(image.manifest.clone())));
    }
    let root = match images {
        [only] => only.descriptor.clone(),
        several => {
            let manifests = several.iter().map(|image| image.descriptor.clone()).collect();
            let index = oci::to_bytes(&Index::new(manifests, run.of_index()))?;
            let descriptor = Descriptor::of(oci::INDEX, &index);
            blobs.push((descriptor.clone(), Blob::Bytes(index)));
            descriptor
        }
    };
    let mut referrers = Vec::new();
    for (descriptor, manifest, contents) in attached {
        blobs.extend(contents.into_iter().map(|(descriptor, bytes)| (descriptor, Blob::Bytes(bytes))));
        blobs.push((descriptor.clone(), Blob::Bytes(manifest)));
        referrers.push(descriptor);
    }
    Ok(Export::new(root, blobs, referrers))
}
