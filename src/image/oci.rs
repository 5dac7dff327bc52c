//! The documents of the OCI image format (image-spec 1.1), and docker's older twins of them.
//!
//! What a base image says that we know nothing of is kept as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cache::Digest;
use crate::report::{Code, Error, Result, ResultExt};
use crate::target::Target;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The config of a manifest that is no image.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const EMPTY_CONTENT: &[u8] = b"{}";

pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The annotation with the tag of an entry in index.json.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A piece of content by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    /// Bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of `content`.
    pub fn of(media_type: &str, content: &[u8]) -> Self {
        Self::new(media_type, Digest::of(content), content.len() as u64)
    }

    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{digest}"),
            size,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The digest.
    ///
    /// # Errors
    /// [`Code::BrokenImage`] when it is no sha256.
    pub fn sha256(&self) -> Result<Digest> {
        sha256(&self.digest)
    }

    pub fn is_index(&self) -> bool {
        self.media_type == INDEX || self.media_type == DOCKER_LIST
    }

    pub fn is_manifest(&self) -> bool {
        self.media_type == MANIFEST || self.media_type == DOCKER_MANIFEST
    }

    /// `content` if it is what this describes.
    ///
    /// # Errors
    /// [`Code::BrokenImage`].
    pub fn verified(&self, content: Vec<u8>) -> Result<Vec<u8>> {
        if content.len() as u64 == self.size && Digest::of(&content) == self.sha256()? {
            return Ok(content);
        }
        Err(broken(format!("`{}` is not the content of that digest", self.digest)))
    }
}

/// Reads `sha256:…`.
pub fn sha256(text: &str) -> Result<Digest> {
    text.strip_prefix("sha256:")
        .and_then(|hex| hex.parse().ok())
        .ok_or_else(|| broken(format!("`{}` is no sha256 digest", text.escape_default())))
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    pub architecture: String,
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Platform {
    /// The platform of `target`: `linux/arm64/v8`.
    pub fn of(target: &Target) -> Self {
        Self {
            architecture: target.arch.oci.clone(),
            os: "linux".to_owned(),
            variant: target.arch.oci_variant.clone(),
            other: serde_json::Map::new(),
        }
    }

    /// Whether an image of this platform is one for `target`. Variants that are not said are the
    /// architecture's usual ones.
    pub fn fits(&self, target: &Target) -> bool {
        let usual = |variant: Option<&str>| match (self.architecture.as_str(), variant) {
            ("arm64", None) => Some("v8".to_owned()),
            ("arm", None) => Some("v7".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == "linux"
            && self.architecture == target.arch.oci
            && usual(self.variant.as_deref()) == usual(target.arch.oci_variant.as_deref())
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default = "manifest_type")]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

fn manifest_type() -> String {
    MANIFEST.to_owned()
}

/// An image index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Required, and left out by rules_oci in the index of several images.
    #[serde(default = "schema_version")]
    pub schema_version: u32,
    #[serde(default = "index_type")]
    pub media_type: String,
    pub manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

fn index_type() -> String {
    INDEX.to_owned()
}

fn schema_version() -> u32 {
    2
}

impl Index {
    pub fn new(manifests: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        Self { schema_version: 2, media_type: index_type(), manifests, annotations }
    }
}

/// An image's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    pub architecture: String,
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(default)]
    pub config: RunConfig,
    pub rootfs: RootFs,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// How a container is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl RunConfig {
    /// The value of an environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let env = self.env.as_deref().unwrap_or_default();
        env.iter().rev().find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
    }

    /// Sets an environment variable, in place if it is there.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        let env = self.env.get_or_insert_default();
        let pair = format!("{name}={value}");
        match env.iter().position(|old| old.split_once('=').is_some_and(|(key, _)| key == name)) {
            Some(at) => env[at] = pair,
            None => env.push(pair),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    pub r#type: String,
    pub diff_ids: Vec<String>,
}

/// How a layer came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// `document` as the bytes that its digest is of.
///
/// # Errors
/// A bug: documents are plain data.
pub fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(document).map_err(|error| Error::bug(format!("image document: {error}")))
}

/// Reads a document.
///
/// # Errors
/// [`Code::BrokenImage`].
pub fn from_bytes<'d, T: Deserialize<'d>>(what: &str, bytes: &'d [u8]) -> Result<T> {
    serde_json::from_slice(bytes).or_code(Code::BrokenImage, || format!("the {what} cannot be read"))
}

pub fn broken(why: impl Into<String>) -> Error {
    Error::new(Code::BrokenImage, why)
}

/// Seconds since 1970 as RFC 3339 writes them, `1970-01-01T00:00:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    // No calendar has a year of five digits; a larger date is a typing error that stays readable.
    let days = i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 2);
    let rest = seconds % 86_400;
    // Years that begin in March, so that leap days come last, in eras of 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn what_a_base_says_is_kept() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":["A=1"],"StopSignal":"SIGINT"},"rootfs":{"type":"layers","diff_ids":[]},"os.version":"7"}"#;
        let mut config: ConfigFile = from_bytes("config", text.as_bytes()).unwrap();
        config.config.set_variable("A", "2");
        config.config.set_variable("B", "3");
        let written = String::from_utf8(to_bytes(&config).unwrap()).unwrap();
        assert!(written.contains(r#""StopSignal":"SIGINT""#) && written.contains(r#""os.version":"7""#));
        assert!(written.contains(r#"["A=2","B=3"]"#), "{written}");
        assert_eq!(config.config.variable("B"), Some("3"));
    }

    #[test]
    fn platforms_of_targets() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        let arm = Platform::of(&target("linux/arm64"));
        assert!(arm.fits(&target("aarch64-linux-musl")) && !arm.fits(&target("x86_64-linux")));
        let plain = Platform { variant: None, ..arm };
        assert!(plain.fits(&target("aarch64-linux")));
        let v6 = Platform { architecture: "arm".into(), variant: Some("v6".into()), ..plain };
        assert!(!v6.fits(&target("armv7-linux")));
    }
}
