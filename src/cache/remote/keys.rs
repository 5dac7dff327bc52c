//! The keys that sign what goes into a shared cache (ed25519, RFC 8032).

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::cache::Digest;
use crate::report::{Code, Error, Result};

const PUBLIC: &str = "ed25519:";
const SECRET: &str = "ed25519-secret:";
const SIZE: usize = 32;

/// Tells who signed. Written as `ed25519:` and base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; SIZE]);

/// Signs. Written as `ed25519-secret:` and base64 of its 32 bytes; never shown.
pub struct SigningKey {
    seed: [u8; SIZE],
    pair: Ed25519KeyPair,
}

impl PublicKey {
    /// The name under which a signature mentions its key.
    pub fn id(&self) -> String {
        Digest::of(self.0).to_string()[..16].to_owned()
    }

    /// Whether `signature` is this key's under `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// A bug when the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; SIZE];
        SystemRandom::new().fill(&mut seed).map_err(|_| Error::bug("the system gives no random bytes"))?;
        Self::of(seed).ok_or_else(|| Error::bug("a new key cannot be used"))
    }

    fn of(seed: [u8; SIZE]) -> Option<Self> {
        Some(Self { seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).ok()? })
    }

    /// Reads `text`: the key itself, or the path of a file that holds it.
    ///
    /// # Errors
    /// [`Code::CacheKey`]; the text is not repeated, since it may be a secret.
    pub fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        let found = match text.starts_with(SECRET) {
            true => text.to_owned(),
            false => std::fs::read_to_string(Path::new(text)).map_err(|error| {
                Error::new(Code::CacheKey, "cannot read the file with the signing key")
                    .cause(error.to_string())
            })?,
        };
        bytes_of(found.trim(), SECRET).and_then(Self::of).ok_or_else(|| {
            Error::new(Code::CacheKey, "the signing key is none")
                .cause(format!("it should be `{SECRET}` and base64 of 32 bytes"))
                .hint("make one with `wheelbuild cache keygen FILE`")
        })
    }

    /// The text that [`Self::read`] reads: a secret.
    pub fn to_text(&self) -> String {
        format!("{SECRET}{}", STANDARD.encode(self.seed))
    }

    pub fn public(&self) -> PublicKey {
        let mut key = [0; SIZE];
        key.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(key)
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

fn bytes_of(text: &str, prefix: &str) -> Option<[u8; SIZE]> {
    STANDARD.decode(text.strip_prefix(prefix)?).ok()?.try_into().ok()
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim().starts_with(SECRET) {
            return Err(Error::new(Code::CacheKey, "a secret key is given where a public one belongs")
                .hint("the public one is the line that `cache keygen` prints"));
        }
        bytes_of(text.trim(), PUBLIC).map(Self).ok_or_else(|| {
            Error::new(Code::CacheKey, format!("`{}` is no public key", text.trim().escape_default()))
                .cause(format!("it should be `{PUBLIC}` and base64 of 32 bytes"))
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_signature_is_the_standards() {
        let hex = |text: &str| -> Vec<u8> {
            text.as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        };
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = SigningKey::of(seed.try_into().unwrap()).unwrap();
        let signature = key.sign(&[0x72]);
        assert_eq!(
            signature,
            hex(
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            )
        );
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!SigningKey::generate().unwrap().public().verifies(&[0x72], &signature));
    }

    #[test]
    fn keys_are_read_from_what_they_are_written_as() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(SigningKey::read(&key.to_text()).unwrap().public(), key.public());
        assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), key.public());
        assert!(!format!("{key:?}").contains(&STANDARD.encode(key.seed)));
        let secret = key.to_text();
        let error = secret.parse::<PublicKey>().unwrap_err();
        assert_eq!(error.code(), Code::CacheKey);
        assert!(!error.to_string().contains(&secret[20..]));
        for bad in ["", "ed25519:", "ed25519:AAAA", "rsa:x"] {
            assert_eq!(bad.parse::<PublicKey>().unwrap_err().code(), Code::CacheKey, "{bad}");
        }
        assert_eq!(SigningKey::read("/no/such/file").unwrap_err().code(), Code::CacheKey);
        assert_eq!(SigningKey::read("ed25519-secret:x").unwrap_err().code(), Code::CacheKey);
    }
}
