//! OCI image layouts: a folder of blobs by digest with an index (image-spec, "Image Layout").

use std::path::{Path, PathBuf};

use super::export::{Blob, Export};
use super::oci::{self, Descriptor, Index, REF_NAME};
use super::store::copy_blob;
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A layout folder.
#[derive(Clone, Debug)]
pub struct OciLayout {
    folder: PathBuf,
}

impl OciLayout {
    /// The layout in `folder`, which need not be there yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Whether `folder` is a layout.
    pub fn is_one(folder: &Path) -> bool {
        folder.join("oci-layout").is_file()
    }

    /// Where the blob of `digest` lies.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.to_string())
    }

    /// Whether the blob is there with that size. Its content is not read.
    pub fn has(&self, digest: Digest, size: u64) -> bool {
        std::fs::metadata(self.blob(digest)).is_ok_and(|facts| facts.is_file() && facts.len() == size)
    }

    /// index.json.
    ///
    /// # Errors
    /// [`Code::BrokenImage`], [`Code::InputNotFound`].
    pub fn index(&self) -> Result<Index> {
        let path = self.folder.join("index.json");
        let text = std::fs::read(&path).map_err(|error| {
            Error::new(Code::InputNotFound, format!("`{}` is no OCI layout", self.folder.display()))
                .cause(format!("cannot read `{}`: {error}", path.display()))
        })?;
        oci::from_bytes("index of the layout", &text)
    }

    /// The content of a blob, compared with its digest.
    ///
    /// # Errors
    /// [`Code::BrokenImage`].
    pub fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let path = self.blob(descriptor.sha256()?);
        let content = std::fs::read(&path).map_err(|error| {
            oci::broken(format!("the layout lacks `{}`", descriptor.digest)).cause(error.to_string())
        })?;
        descriptor.verified(content).map_err(|error| error.cause(format!("in `{}`", path.display())))
    }

    /// The entry of index.json called `tag`; without one the only entry, or the one called `latest`.
    ///
    /// # Errors
    /// [`Code::ImageReference`] when there is none or it is not clear which.
    pub fn find(&self, tag: Option<&str>) -> Result<Descriptor> {
        let index = self.index()?;
        let name = |entry: &Descriptor| entry.annotations.get(REF_NAME).cloned();
        let by_name = |wanted: &str| {
            index.manifests.iter().find(|entry| name(entry).as_deref() == Some(wanted)).cloned()
        };
        let images: Vec<&Descriptor> =
            index.manifests.iter().filter(|entry| entry.artifact_type.is_none()).collect();
        let found = match (tag, &images[..]) {
            (Some(tag), _) if tag.starts_with("sha256:") => {
                index.manifests.iter().find(|entry| entry.digest == tag).cloned()
            }
            (Some(tag), _) => by_name(tag),
            (None, [only]) => Some((*only).clone()),
            (None, _) => by_name("latest"),
        };
        found.ok_or_else(|| {
            let names: Vec<String> = index.manifests.iter().filter_map(name).collect();
            let what = tag.map_or_else(|| "one image to take".to_owned(), |tag| format!("image `{tag}`"));
            let error = Error::new(
                Code::ImageReference,
                format!("the layout `{}` has no {what}", self.folder.display()),
            );
            match names.first() {
                Some(first) => error
                    .cause(format!("it has {}", names.join(", ")))
                    .hint(format!("name one: `oci:{}:{first}`", self.folder.display())),
                None => error,
            }
        })
    }

    /// Writes `export` under `tag`; other images of the layout stay. Blobs that are there are not
    /// read; index.json is changed last, so that a reader sees the old image or the new one.
    ///
    /// # Errors
    /// [`Code::Io`]; [`Code::BrokenImage`] when a blob is not what it should be.
    pub fn write(&self, export: &Export, tag: &str) -> Result<()> {
        let blobs = self.folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|error| Error::io("make", &blobs, &error))?;
        let mut index = match self.folder.join("index.json").exists() {
            true => self.index()?,
            false => Index::new(Vec::new(), Default::default()),
        };
        for (descriptor, blob) in export.blobs() {
            let place = self.blob(descriptor.sha256()?);
            if self.has(descriptor.sha256()?, descriptor.size) {
                continue;
            }
            match blob {
                Blob::Bytes(bytes) => write_whole(&place, bytes)?,
                Blob::File(path) => copy_blob(descriptor, path, &place)?,
            }
        }
        let replaced: Vec<String> = index
            .manifests
            .iter()
            .filter(|entry| entry.annotations.get(REF_NAME).is_some_and(|name| name == tag))
            .map(|entry| entry.digest.clone())
            .collect();
        let (root, referrers) = (export.root(), export.referrers());
        index.manifests.retain(|entry| {
            let of_old = replaced.iter().any(|old| self.subject(entry).as_ref() == Some(old));
            !replaced.contains(&entry.digest)
                && !of_old
                && entry.digest != root.digest
                && referrers.iter().all(|referrer| referrer.digest != entry.digest)
        });
        let mut named = root.clone();
        named.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
        // The image first: some readers take the first entry.
        index.manifests.insert(0, named);
        index.manifests.extend(referrers);
        write_whole(&self.folder.join("oci-layout"), LAYOUT)?;
        write_whole(&self.folder.join("index.json"), &oci::to_bytes(&index)?)
    }

    /// The digest of what the manifest `entry` is attached to.
    fn subject(&self, entry: &Descriptor) -> Option<String> {
        entry.artifact_type.as_ref()?;
        let manifest: oci::Manifest = oci::from_bytes("manifest", &self.read(entry).ok()?).ok()?;
        Some(manifest.subject?.digest)
    }
}

/// Writes a file so that a reader sees all of it or nothing, mode 0644.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
