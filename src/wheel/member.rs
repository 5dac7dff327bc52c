//! The files of a wheel while it is in memory: what every stage from reading to writing passes on.

/// One file of a wheel. Links and folders are never members (PEP 427 knows neither).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Path inside the wheel, with `/`.
    pub name: String,
    pub data: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

impl Member {
    /// A member without the executable bit.
    pub fn file(name: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), data: data.into(), executable: false }
    }

    /// The last part of the name.
    pub fn base_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
