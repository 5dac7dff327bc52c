//! What a shared cache says of a request: what was asked, what came of it, and who signs for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::action::{self, OutputFile};
use super::keys::{PublicKey, SigningKey};
use crate::cache::{Key, KeyParts, ResultEntry};
use crate::report::{Code, Error, Result};

/// The kind of the signed text.
const PAYLOAD: &str = "application/vnd.wheelbuild.cache-record.v1+json";

/// One finished build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Everything of the request key.
    pub request: KeyParts,
    pub entry: ResultEntry,
    /// Bytes of the provenance.
    pub provenance_size: u64,
}

/// A record as it was found.
#[derive(Debug)]
pub struct Found {
    pub record: Record,
    /// Who signed it, of those whose keys are known.
    pub signer: Option<PublicKey>,
}

/// DSSE, the envelope of in-toto: <https://github.com/secure-systems-lab/dsse>.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Record {
    /// The message that stores keep under the request key, signed if there is a key.
    ///
    /// # Errors
    /// A bug when it cannot be written as JSON.
    pub fn encode(&self, key: Option<&SigningKey>) -> Result<Vec<u8>> {
        let bug = |error: serde_json::Error| Error::bug(format!("cache record: {error}"));
        let payload = serde_json::to_vec(self).map_err(bug)?;
        let sign = |key: &SigningKey| Signature {
            keyid: key.public().id(),
            sig: STANDARD.encode(key.sign(&signed_text(&payload))),
        };
        let envelope = Envelope {
            payload_type: PAYLOAD.to_owned(),
            signatures: key.map(sign).into_iter().collect(),
            payload: STANDARD.encode(&payload),
        };
        let files = [
            OutputFile { name: &self.entry.file, digest: self.entry.wheel, size: self.entry.size },
            OutputFile {
                name: "provenance.intoto.json",
                digest: self.entry.provenance,
                size: self.provenance_size,
            },
        ];
        Ok(action::encode(&files, &serde_json::to_vec(&envelope).map_err(bug)?))
    }
}

impl Found {
    /// Reads what a store has under the request key `key`.
    ///
    /// # Errors
    /// [`Code::CacheEntry`] when it is no record, or one of another request.
    pub fn read(message: &[u8], key: Key, known: &[PublicKey]) -> Result<Self> {
        let bad = |why: &str| Error::new(Code::CacheEntry, format!("the entry {key} {why}"));
        let envelope = action::decode(message).ok_or_else(|| bad("is no action result"))?;
        let envelope: Envelope = serde_json::from_slice(envelope)
            .map_err(|error| bad("is none of wheelbuild's").cause(error.to_string()))?;
        if envelope.payload_type != PAYLOAD {
            return Err(bad("is of another kind"));
        }
        let payload = STANDARD.decode(&envelope.payload).map_err(|_| bad("is damaged"))?;
        let record: Record =
            serde_json::from_slice(&payload).map_err(|error| bad("is damaged").cause(error.to_string()))?;
        if record.request.key() != key {
            return Err(bad("belongs to another request"));
        }
        let text = signed_text(&payload);
        let signer = envelope.signatures.iter().find_map(|signature| {
            let bytes = STANDARD.decode(&signature.sig).ok()?;
            known.iter().find(|key| key.verifies(&text, &bytes)).copied()
        });
        Ok(Self { record, signer })
    }
}

/// What is signed of a payload (DSSE, "PAE").
fn signed_text(payload: &[u8]) -> Vec<u8> {
    let mut text = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len()).into_bytes();
    text.extend_from_slice(payload);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Digest;

    fn record() -> Record {
        let request = KeyParts::new().with("sdist", "x").with("target", "t");
        let entry = ResultEntry {
            parts: request.clone().with("requirement.a", "1 00"),
            name: "a".into(),
            version: "1".into(),
            tag: "any".into(),
            file: "a-1-py3-none-any.whl".into(),
            wheel: Digest::of("wheel"),
            size: 5,
            provenance: Digest::of("provenance"),
            notes: vec!["a note".into()],
        };
        Record { request, entry, provenance_size: 10 }
    }

    #[test]
    fn only_a_known_key_counts() {
        let (record, key, other) =
            (record(), SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let message = record.encode(Some(&key)).unwrap();
        let asked = record.request.key();
        let signer = |known: &[PublicKey]| Found::read(&message, asked, known).unwrap().signer;
        assert_eq!(signer(&[]), None);
        assert_eq!(signer(&[other.public()]), None);
        assert_eq!(signer(&[other.public(), key.public()]), Some(key.public()));
        let unsigned = record.encode(None).unwrap();
        let found = Found::read(&unsigned, asked, &[key.public()]).unwrap();
        assert_eq!((found.signer, found.record.entry.wheel), (None, Digest::of("wheel")));
    }

    /// Any other content under a signature that was made for this one.
    #[test]
    fn a_signature_holds_for_its_own_record_only() {
        let (record, key) = (record(), SigningKey::generate().unwrap());
        let signed = record.encode(Some(&key)).unwrap();
        let envelope: Envelope = serde_json::from_slice(action::decode(&signed).unwrap()).unwrap();
        type Change = fn(&mut Record);
        let changes: [Change; 5] = [
            |record| record.entry.wheel = Digest::of("another wheel"),
            |record| record.entry.provenance = Digest::of("another provenance"),
            |record| record.entry.file = "b-1-py3-none-any.whl".into(),
            |record| record.entry.notes.clear(),
            |record| record.entry.parts = record.request.clone(),
        ];
        for change in changes {
            let mut other = record.clone();
            change(&mut other);
            let forged = Envelope {
                payload: STANDARD.encode(serde_json::to_vec(&other).unwrap()),
                payload_type: PAYLOAD.to_owned(),
                signatures: vec![Signature {
                    keyid: envelope.signatures[0].keyid.clone(),
                    sig: envelope.signatures[0].sig.clone(),
                }],
            };
            let message = action::encode(&[], &serde_json::to_vec(&forged).unwrap());
            let found = Found::read(&message, record.request.key(), &[key.public()]).unwrap();
            assert_eq!(found.signer, None);
        }
    }

    #[test]
    fn the_record_of_another_request_is_refused_though_it_is_signed() {
        let (record, key) = (record(), SigningKey::generate().unwrap());
        let message = record.encode(Some(&key)).unwrap();
        let other = KeyParts::new().with("sdist", "y").key();
        let error = Found::read(&message, other, &[key.public()]).unwrap_err();
        assert_eq!(error.code(), Code::CacheEntry);
        for bad in [&b""[..], b"{}", b"<html>", &message[..message.len() - 3]] {
            assert_eq!(Found::read(bad, record.request.key(), &[]).unwrap_err().code(), Code::CacheEntry);
        }
    }
}
