//! Images out of a registry: every blob compared with its digest, resumed where it broke off.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use super::Reference;
use super::client::{Body, Call, Client, broke_off, shown};
use crate::cache::Digest;
use crate::image::base::Contents;
use crate::image::oci::{self, Descriptor};
use crate::image::store::LayerStore;
use crate::report::{Code, Error, Result};

/// No manifest or configuration is near this.
const LARGEST_DOCUMENT: u64 = 32 << 20;

/// Tries of one blob, as long as each gets further.
const TRIES: u32 = 20;

/// A repository as something to read images from.
pub struct Repository<'r> {
    pub client: &'r Client,
    pub store: LayerStore<'r>,
}

impl Repository<'_> {
    /// The manifest or index that the client's reference names.
    ///
    /// # Errors
    /// [`Code::NotInRegistry`], [`Code::Registry`]; [`Code::BrokenImage`] when it is not what its
    /// digest says.
    pub fn root(&self) -> Result<Descriptor> {
        let reference = self.client.reference();
        let (media_type, bytes) = self.manifest(reference.version())?;
        let descriptor = Descriptor::of(&media_type, &bytes);
        if let Some(digest) = reference.digest.as_deref().filter(|digest| **digest != descriptor.digest) {
            return Err(oci::broken(format!("`{reference}` is `{}`", descriptor.digest))
                .cause(format!("asked was for `{digest}`")));
        }
        Ok(descriptor)
    }

    fn manifest(&self, version: &str) -> Result<(String, Vec<u8>)> {
        let accept = [oci::MANIFEST, oci::INDEX, oci::DOCKER_MANIFEST, oci::DOCKER_LIST].join(", ");
        let answer = self.client.call(&Call {
            method: Method::GET,
            url: self.client.url(&format!("manifests/{version}"))?,
            headers: vec![("accept", accept)],
            body: Body::None,
            scope: self.client.scope("pull"),
        })?;
        if answer.status != 200 {
            return Err(answer.refusal());
        }
        let named = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = named.trim().to_owned();
        let bytes = answer.bytes(LARGEST_DOCUMENT)?;
        Ok((media_type, bytes))
    }
}

impl Contents for Repository<'_> {
    fn reference(&self) -> Option<String> {
        let named = Reference { digest: None, ..self.client.reference().clone() };
        Some(named.to_string())
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > LARGEST_DOCUMENT {
            return Err(oci::broken(format!("`{}` is too large a document", descriptor.digest)));
        }
        if let Some(known) = self.store.cache().get(descriptor.sha256()?)? {
            return descriptor.verified(known);
        }
        let bytes = match descriptor.is_index() || descriptor.is_manifest() {
            true => self.manifest(&descriptor.digest)?.1,
            false => std::fs::read(self.blob(descriptor)?)
                .map_err(|error| Error::io("read", &self.store.blob(Digest::of("")), &error))?,
        };
        let bytes = descriptor.verified(bytes)?;
        self.store.cache().put(&bytes)?;
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<PathBuf> {
        let digest = descriptor.sha256()?;
        let place = self.store.blob(digest);
        if std::fs::metadata(&place).is_ok_and(|facts| facts.len() == descriptor.size) {
            return Ok(place);
        }
        self.store.cache().folder("layers/blobs")?;
        let failed = |error: &std::io::Error| Error::io("write", &place, error);
        let mut file = tempfile::NamedTempFile::new_in(self.store.cache().root().join("tmp"))
            .map_err(|error| failed(&error))?;
        let (mut hash, mut have) = (Sha256::new(), 0_u64);
        let url = self.client.url(&format!("blobs/{}", descriptor.digest))?;
        let mut tries = 0;
        while have < descriptor.size {
            tries += 1;
            let headers = match have {
                0 => Vec::new(),
                have => vec![("range", format!("bytes={have}-"))],
            };
            let mut answer = self.client.call(&Call {
                method: Method::GET,
                url: url.clone(),
                headers,
                body: Body::None,
                scope: self.client.scope("pull"),
            })?;
            match (answer.status, have) {
                (206, _) | (200, 0) => {}
                (200, _) => {
                    // It does not go on where it stopped.
                    (hash, have) = (Sha256::new(), 0);
                    file.as_file_mut().set_len(0).map_err(|error| failed(&error))?;
                    file.as_file_mut().seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
                }
                _ => return Err(answer.refusal()),
            }
            let mut buffer = vec![0; 128 << 10];
            let broke = loop {
                match answer.body.read(&mut buffer) {
                    Ok(0) => break None,
                    Ok(count) => {
                        have += count as u64;
                        if have > descriptor.size {
                            return Err(oci::broken(format!("{} is larger than it should be", shown(&url))));
                        }
                        hash.update(&buffer[..count]);
                        file.write_all(&buffer[..count]).map_err(|error| failed(&error))?;
                    }
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = broke.filter(|_| tries >= TRIES) {
                return Err(broke_off(&url, &error));
            }
            if have < descriptor.size && tries >= TRIES {
                return Err(Error::new(Code::Registry, format!("{} ends too early", shown(&url))));
            }
        }
        if Digest::from(<[u8; 32]>::from(hash.finalize())) != digest {
            return Err(oci::broken(format!("{} is not what its digest says", shown(&url))));
        }
        file.persist(&place).map_err(|error| failed(&error.error))?;
        Ok(place)
    }
}
