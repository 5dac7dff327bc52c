//! Base images: read from a layout or a docker archive, for one platform, every blob compared.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::layer_reader;
use super::layout::OciLayout;
use super::oci::{self, ConfigFile, Descriptor, Index, Manifest, broken};
use super::store::{Layer, LayerStore};
use crate::cache::Digest;
use crate::report::{Code, Error, Result};
use crate::target::Target;

/// An image to build upon, or to look at.
#[derive(Clone, Debug)]
pub struct LoadedImage {
    /// As it was named.
    pub name: String,
    /// Its name in a registry; of a place of this machine nothing is to be said in an image.
    pub reference: Option<String>,
    /// `sha256:…` of its manifest, where it has one.
    pub digest: Option<String>,
    pub config: ConfigFile,
    pub layers: Vec<Layer>,
}

/// Reads content by descriptor: a layout, a registry.
pub trait Contents {
    /// A small document, compared with its digest.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>>;
    /// A file of this machine with the blob.
    fn blob(&self, descriptor: &Descriptor) -> Result<PathBuf>;
    /// The name that others know it by, without its digest.
    fn reference(&self) -> Option<String> {
        None
    }
}

impl Contents for OciLayout {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.read(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<PathBuf> {
        let digest = descriptor.sha256()?;
        if !self.has(digest, descriptor.size) {
            return Err(broken(format!("the layout lacks `{}`", descriptor.digest)));
        }
        Ok(OciLayout::blob(self, digest))
    }
}

/// Most indexes within indexes.
const DEEPEST: u32 = 4;

/// The manifests below `root` with their platforms, indexes opened.
///
/// # Errors
/// [`Code::BrokenImage`].
pub fn manifests(contents: &dyn Contents, root: &Descriptor) -> Result<Vec<Descriptor>> {
    let mut found = Vec::new();
    open_index(contents, root, DEEPEST, &mut found)?;
    Ok(found)
}

fn open_index(
    contents: &dyn Contents,
    root: &Descriptor,
    depth: u32,
    found: &mut Vec<Descriptor>,
) -> Result<()> {
    if !root.is_index() {
        found.push(root.clone());
        return Ok(());
    }
    if depth == 0 {
        return Err(broken("image indexes within indexes without end"));
    }
    let index: Index = oci::from_bytes("image index", &contents.document(root)?)?;
    for entry in &index.manifests {
        let is_attestation =
            entry.annotations.contains_key("vnd.docker.reference.type") || entry.artifact_type.is_some();
        if (entry.is_index() || entry.is_manifest()) && !is_attestation {
            open_index(contents, entry, depth - 1, found)?;
        }
    }
    Ok(())
}

/// The image of `root` for `target`.
///
/// # Errors
/// [`Code::UnsupportedTarget`] when there is none for it; [`Code::BrokenImage`].
pub fn load(
    contents: &dyn Contents,
    root: &Descriptor,
    target: &Target,
    name: &str,
    store: LayerStore<'_>,
) -> Result<LoadedImage> {
    let all = manifests(contents, root)?;
    let mut platforms = Vec::new();
    for entry in &all {
        if let Some(platform) = &entry.platform
            && !platform.fits(target)
        {
            platforms.push(platform.to_string());
            continue;
        }
        let (manifest, config) = open_manifest(contents, entry)?;
        let platform = platform_of(&config);
        if platform.fits(target) {
            return finish(contents, entry, &manifest, config, name, store);
        }
        platforms.push(platform.to_string());
    }
    Err(Error::new(
        Code::UnsupportedTarget,
        format!("the image `{name}` is not for {}", oci::Platform::of(target)),
    )
    .cause(format!("it is for {}", platforms.join(", "))))
}

/// The image whose manifest `entry` is.
///
/// # Errors
/// [`Code::BrokenImage`].
pub fn load_manifest(
    contents: &dyn Contents,
    entry: &Descriptor,
    name: &str,
    store: LayerStore<'_>,
) -> Result<LoadedImage> {
    let (manifest, config) = open_manifest(contents, entry)?;
    finish(contents, entry, &manifest, config, name, store)
}

/// The manifest `entry` and the configuration it names.
///
/// # Errors
/// [`Code::BrokenImage`].
pub(super) fn open_manifest(contents: &dyn Contents, entry: &Descriptor) -> Result<(Manifest, ConfigFile)> {
    let manifest: Manifest = oci::from_bytes("image manifest", &contents.document(entry)?)?;
    let config = oci::from_bytes("image configuration", &contents.document(&manifest.config)?)?;
    Ok((manifest, config))
}

/// The platform that a configuration names.
pub fn platform_of(config: &ConfigFile) -> oci::Platform {
    oci::Platform {
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        variant: config.variant.clone(),
        other: serde_json::Map::new(),
    }
}

fn finish(
    contents: &dyn Contents,
    entry: &Descriptor,
    manifest: &Manifest,
    config: ConfigFile,
    name: &str,
    store: LayerStore<'_>,
) -> Result<LoadedImage> {
    if manifest.layers.len() != config.rootfs.diff_ids.len() {
        return Err(broken(format!("the manifest of `{name}` has {} layers", manifest.layers.len()))
            .cause(format!("its configuration names {}", config.rootfs.diff_ids.len())));
    }
    let mut layers = Vec::new();
    for (at, (descriptor, diff_id)) in manifest.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
        let blob = contents.blob(descriptor)?;
        layers.push(layer(descriptor, oci::sha256(diff_id)?, blob, title(&config, at), store)?);
    }
    Ok(LoadedImage {
        name: name.to_owned(),
        reference: contents.reference(),
        digest: Some(entry.digest.clone()),
        config,
        layers,
    })
}

/// What the history says of the layer number `at`.
fn title(config: &ConfigFile, at: usize) -> String {
    let made = config.history.iter().filter(|history| !history.empty_layer).nth(at);
    made.and_then(|history| history.created_by.clone()).unwrap_or_else(|| "base layer".to_owned())
}

/// A layer of others. Its facts are read, and its digests compared, the first time it is seen.
fn layer(
    descriptor: &Descriptor,
    diff_id: Digest,
    blob: PathBuf,
    title: String,
    store: LayerStore<'_>,
) -> Result<Layer> {
    let (facts, cached) = match store.facts(descriptor.sha256()?, diff_id) {
        Some(facts) => (facts, true),
        None => {
            if Digest::of_file(&blob)? != descriptor.sha256()? {
                return Err(broken(format!("`{}` is not `{}`", blob.display(), descriptor.digest)));
            }
            let (found, facts) = layer_reader::read(&blob)?;
            if found != diff_id {
                return Err(broken(format!("the layer `{}` unpacks to other content", descriptor.digest))
                    .cause(format!("the configuration says sha256:{diff_id}, it is sha256:{found}")));
            }
            store.remember(descriptor.sha256()?, diff_id, &facts)?;
            (facts, false)
        }
    };
    let mut descriptor = descriptor.clone();
    descriptor.media_type = match descriptor.media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => oci_type("+gzip"),
        "application/vnd.docker.image.rootfs.diff.tar" => oci_type(""),
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => oci_type("+zstd"),
        other => other.to_owned(),
    };
    Ok(Layer { descriptor, diff_id, facts: Arc::new(facts), blob, title, cached })
}

fn oci_type(suffix: &str) -> String {
    format!("application/vnd.oci.image.layer.v1.tar{suffix}")
}

/// An entry of a docker archive's manifest.json.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Whether the file at `path` is a tar archive as `docker save` writes it.
pub fn is_docker_archive(path: &Path) -> bool {
    path.is_file() && index_tar(path).is_ok_and(|members| members.contains_key("manifest.json"))
}

/// The image of the docker archive at `path` that is called `wanted` (its only one if not given).
///
/// # Errors
/// [`Code::BrokenImage`]; [`Code::ImageReference`] when no image, or more than one, is meant.
pub fn load_docker_archive(
    path: &Path,
    wanted: Option<&str>,
    target: Option<&Target>,
    store: LayerStore<'_>,
) -> Result<LoadedImage> {
    let name = format!("docker:{}", path.display());
    let members = index_tar(path)?;
    let mut file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    let mut read = |member: &str| -> Result<Vec<u8>> {
        let &(at, size) = members
            .get(member.trim_start_matches("./"))
            .ok_or_else(|| broken(format!("`{}` has no `{member}`", path.display())))?;
        if size > 64 << 20 {
            return Err(broken(format!("`{member}` of `{}` is too large", path.display())));
        }
        file.seek(SeekFrom::Start(at)).map_err(|error| Error::io("read", path, &error))?;
        let mut bytes = Vec::new();
        file.by_ref().take(size).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, &error))?;
        Ok(bytes)
    };
    let saved: Vec<Saved> = oci::from_bytes("manifest.json", &read("manifest.json")?)?;
    let named = |saved: &&Saved| {
        wanted.is_none_or(|wanted| saved.repo_tags.iter().flatten().any(|tag| tag == wanted))
    };
    let images: Vec<&Saved> = saved.iter().filter(named).collect();
    let [saved] = images[..] else {
        let all: Vec<&str> =
            saved.iter().flat_map(|saved| saved.repo_tags.iter().flatten()).map(String::as_str).collect();
        return Err(Error::new(
            Code::ImageReference,
            format!("`{}` has {} such images", path.display(), images.len()),
        )
        .cause(format!("it has {}", all.join(", ")))
        .hint("name one: `docker:FILE:NAME:TAG`"));
    };
    let config: ConfigFile = oci::from_bytes("image configuration", &read(&saved.config)?)?;
    if let Some(target) = target
        && !platform_of(&config).fits(target)
    {
        return Err(Error::new(
            Code::UnsupportedTarget,
            format!("the image `{name}` is not for {}", oci::Platform::of(target)),
        )
        .cause(format!("it is for {}", platform_of(&config))));
    }
    if saved.layers.len() != config.rootfs.diff_ids.len() {
        return Err(broken(format!("`{}` names other layers than its configuration", path.display())));
    }
    let mut layers = Vec::new();
    for (at, (member, diff_id)) in saved.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
        let &(start, size) = members
            .get(member.trim_start_matches("./"))
            .ok_or_else(|| broken(format!("`{}` has no `{member}`", path.display())))?;
        let (digest, blob) = extract(path, start, size, store)?;
        let mut head = [0; 4];
        let mut opened = File::open(&blob).map_err(|error| Error::io("read", &blob, &error))?;
        let count = opened.read(&mut head).map_err(|error| Error::io("read", &blob, &error))?;
        let suffix = match &head[..count] {
            [0x1f, 0x8b, ..] => "+gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "+zstd",
            _ => "",
        };
        let descriptor = Descriptor::new(&oci_type(suffix), digest, size);
        layers.push(layer(&descriptor, oci::sha256(diff_id)?, blob, title(&config, at), store)?);
    }
    Ok(LoadedImage { name, reference: None, digest: None, config, layers })
}

/// Copies a part of a file into the store.
fn extract(path: &Path, start: u64, size: u64, store: LayerStore<'_>) -> Result<(Digest, PathBuf)> {
    use sha2::{Digest as _, Sha256};
    let failed = |error: std::io::Error| Error::io("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let folder = store.cache().folder("layers/blobs")?;
    let mut scratch = tempfile::NamedTempFile::new_in(store.cache().root().join("tmp"))
        .map_err(|error| Error::io("write", &folder, &error))?;
    let (mut hash, mut left, mut buffer) = (Sha256::new(), size, vec![0; 256 << 10]);
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = file.read(&mut buffer[..most]).map_err(failed)?;
        if count == 0 {
            return Err(broken(format!("`{}` is cut short", path.display())));
        }
        hash.update(&buffer[..count]);
        std::io::Write::write_all(&mut scratch, &buffer[..count])
            .map_err(|error| Error::io("write", &folder, &error))?;
        left -= count as u64;
    }
    let digest = Digest::from(<[u8; 32]>::from(hash.finalize()));
    let blob = store.blob(digest);
    scratch.persist(&blob).map_err(|error| Error::io("write", &blob, &error.error))?;
    Ok((digest, blob))
}

/// Where the files of a tar archive lie: offset and size by name, links followed once.
fn index_tar(path: &Path) -> Result<HashMap<String, (u64, u64)>> {
    let failed = |error: std::io::Error| {
        broken(format!("`{}` is no docker archive", path.display())).cause(error.to_string())
    };
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    let mut archive = tar::Archive::new(file);
    let (mut members, mut links) = (HashMap::new(), Vec::new());
    for entry in archive.entries_with_seek().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_file() {
            members.insert(name, (entry.raw_file_position(), entry.size()));
        } else if let Some(target) = entry.link_name_bytes() {
            // Older dockers link layers that two images share.
            let target = String::from_utf8_lossy(&target).trim_start_matches("../").to_owned();
            links.push((name, target));
        }
    }
    for (name, target) in links {
        if let Some(&place) = members.get(&target) {
            members.insert(name, place);
        }
    }
    Ok(members)
}
