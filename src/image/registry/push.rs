//! Images into a registry: only what is missing there, several blobs at once, large ones in parts that
//! the next push goes on with.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use ureq::http::Method;
use url::Url;

use super::client::{Answer, Body, Call, Client};
use crate::cache::{Cache, Digest};
use crate::image::export::{Blob, Export};
use crate::image::oci::{self, Descriptor, Index, Manifest};
use crate::report::{Error, Report, Result};

/// Blobs sent at once.
const AT_ONCE: usize = 4;

/// Blobs up to this size are sent in one request; larger ones in parts of it.
const PART: u64 = 16 << 20;

/// Parts of a blob that may fail.
const TRIES: u32 = 4;

/// What a push did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Blobs that were there.
    pub known: usize,
    /// Blobs that the registry took from another of its repositories.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
}

/// An upload that was begun.
#[derive(Serialize, Deserialize)]
struct Begun {
    location: String,
}

/// Puts `export` into the client's repository, under its tag if it has one. `origin` is another
/// repository of the same registry that may have the blobs.
///
/// # Errors
/// [`Code::Registry`](crate::report::Code::Registry); [`Code::NotInRegistry`](crate::report::Code::NotInRegistry)
/// when the user may not push.
pub fn push(
    client: &Client,
    export: &Export,
    origin: Option<&str>,
    cache: &Cache,
    report: &Report,
) -> Result<Pushed> {
    let (mut manifests, mut blobs) = (Vec::new(), Vec::new());
    for (descriptor, blob) in export.blobs() {
        match descriptor.is_manifest() || descriptor.is_index() {
            true => manifests.push((descriptor, blob)),
            false => blobs.push((descriptor, blob)),
        }
    }
    let sender = Sender { client, origin, cache, report };
    let next = AtomicUsize::new(0);
    let outcome: Mutex<Result<Pushed>> = Mutex::new(Ok(Pushed::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(blobs.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((descriptor, blob)) = blobs.get(at) else { return };
                    let done = sender.blob(descriptor, blob);
                    // Nothing panics while the lock is held.
                    let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match (&mut *outcome, done) {
                        (Ok(pushed), Ok(Done::Known)) => pushed.known += 1,
                        (Ok(pushed), Ok(Done::Mounted)) => pushed.mounted += 1,
                        (Ok(pushed), Ok(Done::Sent)) => pushed.sent += 1,
                        (Ok(_), Err(error)) => *outcome = Err(error),
                        (Err(_), _) => {}
                    }
                    if outcome.is_err() {
                        next.store(usize::MAX / 2, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let pushed = outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)?;
    for (descriptor, blob) in manifests {
        let Blob::Bytes(bytes) = blob else { return Err(Error::bug("a manifest in a file")) };
        let is_root = descriptor.digest == export.root().digest;
        let tag = client.reference().tag.as_deref().filter(|_| is_root);
        sender.manifest(descriptor, bytes, tag.unwrap_or(&descriptor.digest))?;
    }
    Ok(pushed)
}

enum Done {
    Known,
    Mounted,
    Sent,
}

struct Sender<'s> {
    client: &'s Client,
    origin: Option<&'s str>,
    cache: &'s Cache,
    report: &'s Report,
}

impl Sender<'_> {
    fn call(
        &self,
        method: Method,
        url: Url,
        headers: Vec<(&'static str, String)>,
        body: Body<'_>,
    ) -> Result<Answer> {
        let mut scope = self.client.scope("pull,push");
        if let Some(origin) = self.origin {
            scope.push_str(&format!(" repository:{origin}:pull"));
        }
        self.client.call(&Call { method, url, headers, body, scope })
    }

    fn blob(&self, descriptor: &Descriptor, blob: &Blob) -> Result<Done> {
        let digest = &descriptor.digest;
        let head =
            self.call(Method::HEAD, self.client.url(&format!("blobs/{digest}"))?, Vec::new(), Body::None)?;
        match head.status {
            200 => return Ok(Done::Known),
            401 | 403 => return Err(head.refusal()),
            _ => {}
        }
        if let Blob::File(path) = blob {
            // Nothing leaves this machine that is not what it should be.
            if Digest::of_file(path)? != descriptor.sha256()? {
                return Err(oci::broken(format!("`{}` is not `{digest}`", path.display())));
            }
        }
        let saved = self.saved(digest);
        let begun = std::fs::read(&saved)
            .ok()
            .and_then(|text| serde_json::from_slice::<Begun>(&text).ok())
            .and_then(|begun| Url::parse(&begun.location).ok());
        if let (Some(location), Blob::File(path)) = (begun, blob)
            && let Some((location, from)) = self.resumed(&location)?
        {
            self.report.detail(format!("going on with `{digest}` at {from} of {} bytes", descriptor.size));
            self.parts(descriptor, path, location, from, &saved)?;
            return Ok(Done::Sent);
        }
        let mut url = self.client.url("blobs/uploads/")?;
        if let Some(origin) = self.origin {
            url.query_pairs_mut().append_pair("mount", digest).append_pair("from", origin);
        }
        let answer = self.call(Method::POST, url, Vec::new(), Body::Bytes(b""))?;
        match answer.status {
            201 => return Ok(Done::Mounted),
            202 => {}
            _ => return Err(answer.refusal()),
        }
        let location = answer.location()?;
        match blob {
            Blob::Bytes(bytes) => self.finish(descriptor, location, Body::Bytes(bytes))?,
            Blob::File(path) if descriptor.size <= PART => {
                self.finish(descriptor, location, Body::Part { path, from: 0, count: descriptor.size })?;
            }
            Blob::File(path) => self.parts(descriptor, path, location, 0, &saved)?,
        }
        Ok(Done::Sent)
    }

    /// Where an upload of this blob to this repository is noted.
    fn saved(&self, digest: &str) -> std::path::PathBuf {
        let name = Digest::of(format!("{} {digest}", self.client.reference().name()));
        self.cache.root().join("uploads").join(format!("{name}.json"))
    }

    /// Where an upload goes on, and from which byte; none when the registry has forgotten it.
    fn resumed(&self, location: &Url) -> Result<Option<(Url, u64)>> {
        if location.origin() != self.client.url("")?.origin() {
            return Ok(None);
        }
        let answer = self.call(Method::GET, location.clone(), Vec::new(), Body::None)?;
        if answer.status != 204 {
            return Ok(None);
        }
        let from = received(&answer).unwrap_or(0);
        Ok(Some((answer.location().unwrap_or_else(|_| location.clone()), from)))
    }

    fn parts(
        &self,
        descriptor: &Descriptor,
        path: &Path,
        location: Url,
        from: u64,
        saved: &Path,
    ) -> Result<()> {
        let (mut location, mut from) = (location, from.min(descriptor.size));
        let mut setbacks = 0;
        while from < descriptor.size {
            let begun = Begun { location: location.to_string() };
            let text = serde_json::to_vec(&begun).map_err(|error| Error::bug(error.to_string()))?;
            self.cache.write(saved, &text)?;
            let count = PART.min(descriptor.size - from);
            let headers = vec![
                ("content-type", "application/octet-stream".to_owned()),
                ("content-range", format!("{from}-{}", from + count - 1)),
            ];
            let sent = self.call(Method::PATCH, location.clone(), headers, Body::Part { path, from, count });
            let failed = match sent {
                Ok(answer) if answer.status == 202 => Ok(answer),
                Ok(answer) => Err(answer.refusal()),
                Err(error) => Err(error),
            };
            let answer = match failed {
                Ok(answer) => answer,
                Err(error) => {
                    // What arrived of the part is known to the registry only.
                    setbacks += 1;
                    let Some(again) =
                        (setbacks < TRIES).then(|| self.resumed(&location)).transpose()?.flatten()
                    else {
                        return Err(error);
                    };
                    self.report
                        .detail(format!("{error}; going on at {} of {} bytes", again.1, descriptor.size));
                    (location, from) = again;
                    continue;
                }
            };
            from = received(&answer).unwrap_or(from + count).min(descriptor.size);
            location = answer.location()?;
            self.report.progress(&descriptor.digest, from, Some(descriptor.size));
        }
        let done = self.finish(descriptor, location, Body::Bytes(b""));
        // Whatever came of it, it is over.
        let _ = std::fs::remove_file(saved);
        done
    }

    fn finish(&self, descriptor: &Descriptor, mut location: Url, body: Body<'_>) -> Result<()> {
        location.query_pairs_mut().append_pair("digest", &descriptor.digest);
        let headers = vec![("content-type", "application/octet-stream".to_owned())];
        let answer = self.call(Method::PUT, location, headers, body)?;
        match answer.status {
            201 | 204 => Ok(()),
            _ => Err(answer.refusal()),
        }
    }

    fn manifest(&self, descriptor: &Descriptor, bytes: &[u8], version: &str) -> Result<()> {
        let headers = vec![("content-type", descriptor.media_type.clone())];
        let url = self.client.url(&format!("manifests/{version}"))?;
        let answer = self.call(Method::PUT, url, headers, Body::Bytes(bytes))?;
        if !matches!(answer.status, 200..=202) {
            return Err(answer.refusal());
        }
        let knows_subjects = answer.header("oci-subject").is_some();
        if descriptor.is_manifest() && !knows_subjects {
            let manifest: Manifest = oci::from_bytes("manifest", bytes)?;
            if let Some(subject) = &manifest.subject {
                return self.refer(descriptor, &manifest, subject);
            }
        }
        Ok(())
    }

    /// Lists `descriptor` in the index that stands for the referrers of `subject` in registries without
    /// an API for them ("Referrers Tag Schema").
    fn refer(&self, descriptor: &Descriptor, manifest: &Manifest, subject: &Descriptor) -> Result<()> {
        let url = self.client.url(&format!("manifests/{}", subject.digest.replace(':', "-")))?;
        let headers = vec![("accept", oci::INDEX.to_owned())];
        let answer = self.call(Method::GET, url.clone(), headers, Body::None)?;
        let mut index = match answer.status {
            200 => oci::from_bytes("list of referrers", &answer.bytes(32 << 20)?)?,
            404 => Index::new(Vec::new(), Default::default()),
            _ => return Err(answer.refusal()),
        };
        if index.manifests.iter().any(|known| known.digest == descriptor.digest) {
            return Ok(());
        }
        let listed = Descriptor {
            artifact_type: manifest.artifact_type.clone(),
            annotations: manifest.annotations.clone(),
            platform: None,
            ..descriptor.clone()
        };
        index.manifests.push(listed);
        let bytes = oci::to_bytes(&index)?;
        let headers = vec![("content-type", oci::INDEX.to_owned())];
        let answer = self.call(Method::PUT, url, headers, Body::Bytes(&bytes))?;
        match answer.status {
            200..=202 => Ok(()),
            _ => Err(answer.refusal()),
        }
    }
}

/// How many bytes the registry has, by `Range: 0-N`.
fn received(answer: &Answer) -> Option<u64> {
    let range = answer.header("range")?;
    let last: u64 = range.trim_start_matches("bytes=").split_once('-')?.1.parse().ok()?;
    // An upload without a byte says `0-0`, as one with a single byte does.
    if last == 0 { Some(0) } else { last.checked_add(1) }
}

/// The name of a repository in the same registry, if `base` is an image of it.
pub fn origin_of(client: &Client, base: &super::Reference) -> Option<String> {
    let ours = client.reference();
    (base.host == ours.host && base.repository != ours.repository).then(|| base.repository.clone())
}
