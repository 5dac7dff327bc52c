//! What the hooks answered.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::report::{Code, Error, Result};

/// The answer of `hook.py`.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Extension modules whose compilation raised, with the exception.
    #[serde(default)]
    pub failed_extensions: BTreeMap<String, String>,
    /// Extension modules that setup() was given.
    #[serde(default)]
    pub declared_extensions: Vec<String>,
    /// Those that the package's own commands took out of the list again.
    #[serde(default)]
    pub withdrawn_extensions: Vec<String>,
    /// Translators (Cython and the like) that the package looked for in vain, each with a source of
    /// the tree that it would have translated.
    #[serde(default)]
    pub untranslated: BTreeMap<String, String>,
}

/// How the hooks ended.
#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// The environment lacks these requirements.
    Requires { requires: Vec<String> },
    /// A wheel of this file name lies in the output folder; the backend asked for `requires`.
    Built { requires: Vec<String>, wheel: String },
    /// An exception ended the hook.
    Failed {
        #[serde(rename = "type")]
        kind: String,
        message: String,
        /// The module that could not be imported, if that was it.
        module: Option<String>,
    },
}

/// Reads the answer from the support folder. None when the hooks ended without writing one.
pub fn read_answer(support: &Path) -> Result<Option<Answer>> {
    let path = support.join("answer.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path, &error)),
    };
    // The folder is writable for the build, so the answer is input like any other.
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| Error::new(Code::Backend, "the hooks left an unreadable answer").cause(e.to_string()))
}
