//! A registry as a cache that machines share: content as blobs, each entry as a manifest whose tag is
//! the key.
//!
//! The manifest names the files of the entry as its layers, so that no clean-up of the registry takes
//! them away.

use std::sync::OnceLock;

use ureq::http::Method;

use super::Reference;
use super::client::{Answer, Body, Call, Client};
use crate::cache::Digest;
use crate::cache::remote::{Kind, Store, named_files};
use crate::image::oci::{self, Descriptor, Manifest};
use crate::report::{Code, Error, Report, Result};

/// What the artefact is.
const ARTEFACT: &str = "application/vnd.wheelbuild.cache-entry.v1";
/// The entry itself.
const ENTRY: &str = "application/vnd.bazel.action-result.v1+protobuf";
/// A configuration without content (image-spec 1.1, "Guidance for an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const LARGEST_MANIFEST: u64 = 4 << 20;

/// One repository that holds the entries.
pub struct RegistryCache {
    reference: Reference,
    insecure: bool,
    report: Report,
    client: OnceLock<Client>,
}

impl RegistryCache {
    /// The cache in the repository `HOST/NAME`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Code::ImageReference`] when it is no name of a repository.
    pub fn new(name: &str, insecure: bool, report: &Report) -> Result<Self> {
        let reference = Reference::parse(name)?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(Error::new(
                Code::ImageReference,
                format!("`{reference}` is one image of a repository"),
            )
            .hint("name the repository alone, for example `oci://registry.example.org/team/wheels`"));
        }
        Ok(Self { reference, insecure, report: report.clone(), client: OnceLock::new() })
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Two threads may ask at once; either is as good.
        let client = Client::new(&self.reference, self.insecure, false, &self.report)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn call(&self, method: Method, rest: &str, accept: Option<&str>) -> Result<Answer> {
        let client = self.client()?;
        client.call(&Call {
            method,
            url: client.url(rest)?,
            headers: accept.map(|kind| ("accept", kind.to_owned())).into_iter().collect(),
            body: Body::None,
            scope: client.scope("pull"),
        })
    }

    fn blob(&self, digest: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let answer = self.call(Method::GET, &format!("blobs/{digest}"), None)?;
        match answer.status {
            200 => answer.bytes(most).map(Some),
            404 => Ok(None),
            _ => Err(answer.refusal()),
        }
    }

    fn send(&self, method: Method, url: url::Url, kind: &str, bytes: &[u8]) -> Result<Answer> {
        let client = self.client()?;
        client.call(&Call {
            method,
            url,
            headers: vec![("content-type", kind.to_owned())],
            body: Body::Bytes(bytes),
            scope: client.scope("pull,push"),
        })
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<String> {
        let digest = format!("sha256:{}", Digest::of(bytes));
        if self.call(Method::HEAD, &format!("blobs/{digest}"), None)?.status == 200 {
            return Ok(digest);
        }
        let begun =
            self.send(Method::POST, self.client()?.url("blobs/uploads/")?, "application/octet-stream", b"")?;
        if begun.status != 202 {
            return Err(begun.refusal());
        }
        let mut url = begun.location()?;
        url.query_pairs_mut().append_pair("digest", &digest);
        let done = self.send(Method::PUT, url, "application/octet-stream", bytes)?;
        if done.status != 201 { Err(done.refusal()) } else { Ok(digest) }
    }
}

impl Store for RegistryCache {
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>> {
        if kind == Kind::Content {
            return self.blob(&format!("sha256:{name}"), most).map_err(ours);
        }
        let answer =
            self.call(Method::GET, &format!("manifests/{name}"), Some(oci::MANIFEST)).map_err(ours)?;
        let bytes = match answer.status {
            200 => answer.bytes(LARGEST_MANIFEST).map_err(ours)?,
            404 => return Ok(None),
            _ => return Err(ours(answer.refusal())),
        };
        let manifest: Manifest = oci::from_bytes("manifest of an entry", &bytes).map_err(ours)?;
        match manifest.layers.iter().find(|layer| layer.media_type == ENTRY) {
            Some(layer) => self.blob(&layer.digest, most).map_err(ours),
            None => Err(Error::new(Code::RemoteCache, format!("`{}:{name}` is no entry", self.reference))),
        }
    }

    fn has(&self, kind: Kind, name: Digest) -> Result<bool> {
        let (rest, accept) = match kind {
            Kind::Content => (format!("blobs/sha256:{name}"), None),
            Kind::Action => (format!("manifests/{name}"), Some(oci::MANIFEST)),
        };
        let answer = self.call(Method::HEAD, &rest, accept).map_err(ours)?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(ours(answer.refusal())),
        }
    }

    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()> {
        let digest = self.put_blob(bytes).map_err(ours)?;
        if kind == Kind::Content {
            return Ok(());
        }
        self.put_blob(b"{}").map_err(ours)?;
        let layer = |media_type: &str, digest: String, size: u64| Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            artifact_type: None,
            platform: None,
            annotations: Default::default(),
        };
        let mut layers = vec![layer(ENTRY, digest, bytes.len() as u64)];
        for (digest, size) in named_files(bytes).unwrap_or_default() {
            layers.push(layer("application/octet-stream", format!("sha256:{digest}"), size));
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: oci::MANIFEST.to_owned(),
            artifact_type: Some(ARTEFACT.to_owned()),
            config: Descriptor::of(EMPTY, b"{}"),
            layers,
            subject: None,
            annotations: Default::default(),
        };
        let url = self.client()?.url(&format!("manifests/{name}"))?;
        let answer = self.send(Method::PUT, url, oci::MANIFEST, &oci::to_bytes(&manifest)?).map_err(ours)?;
        if matches!(answer.status, 200..=202) { Ok(()) } else { Err(ours(answer.refusal())) }
    }
}

/// A failure of a registry as one of a cache.
fn ours(error: Error) -> Error {
    if error.code() == Code::Interrupted {
        return error;
    }
    let wrapped = Error::new(Code::RemoteCache, error.headline());
    error.causes().iter().fold(wrapped, |error, cause| error.cause(cause.clone()))
}
