//! What `--json` prints: one versioned document a verb, with its schema in docs/schemas/.
//!
//! A field is added without a new version; a field that goes or changes meaning makes one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use crate::prefill::record::{Line, PackageLine};
use crate::report::Error;

/// The version of every document.
pub const VERSION: u32 = 1;

/// An error, as every verb shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorOutput {
    /// `WB0403`
    pub code: String,
    pub title: String,
    pub message: String,
    /// Outermost first.
    pub causes: Vec<String>,
    /// Lines of the log that decided.
    pub lines: Vec<String>,
    pub hints: Vec<String>,
    /// The full log.
    pub log: Option<PathBuf>,
    /// The build folder that was kept.
    pub kept: Option<PathBuf>,
}

impl From<&Error> for ErrorOutput {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().to_string(),
            title: error.code().title().to_owned(),
            message: error.headline().to_owned(),
            causes: error.causes().to_vec(),
            lines: error.lines().to_vec(),
            hints: error.hints().to_vec(),
            log: error.log_path().map(ToOwned::to_owned),
            kept: error.kept_path().map(ToOwned::to_owned),
        }
    }
}

/// A verb that could not do anything.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FailureOutput {
    pub version: u32,
    pub error: ErrorOutput,
}

/// `build`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BuildOutput {
    pub version: u32,
    pub wheels: Vec<WheelOutput>,
    pub errors: Vec<BuildErrorOutput>,
}

/// A wheel that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WheelOutput {
    pub path: PathBuf,
    pub name: String,
    pub project_version: String,
    /// The platform tag that was proven, or `any`.
    pub tag: String,
    /// What was asked for.
    pub target: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    pub cached: bool,
    pub notes: Vec<String>,
}

/// A wheel that was not built.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BuildErrorOutput {
    pub source: String,
    pub target: String,
    #[serde(flatten)]
    pub error: ErrorOutput,
}

/// `check`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckOutput {
    pub version: u32,
    pub target: String,
    pub wheels: Vec<CheckedOutput>,
}

/// The judgement of one wheel.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckedOutput {
    pub path: PathBuf,
    pub ok: bool,
    /// The platform tag that was proven; absent when it is not ok.
    pub tag: Option<String>,
    pub notes: Vec<String>,
    pub error: Option<ErrorOutput>,
}

/// `plan`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanOutput {
    pub version: u32,
    /// The lock that was read.
    pub lock: PathBuf,
    /// `pdm.lock`, `poetry.lock`, `uv.lock`, `pylock.toml` or `requirements`.
    pub format: String,
    /// One for each package, target and Python.
    pub packages: Vec<PlannedOutput>,
    /// What was strange about the lock, as sentences.
    pub notes: Vec<String>,
}

/// What would be done about one package for one target and Python.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlannedOutput {
    /// Normalised (PEP 503).
    pub name: String,
    /// Absent for a project whose version is dynamic.
    pub version: Option<String>,
    /// As it was asked for.
    pub target: String,
    /// The target in its one spelling, with the C library's or system's version.
    pub platform: String,
    pub python: String,
    pub verdict: VerdictOutput,
    /// The wheel that is taken, the sdist that is built, or the file to check.
    pub file: Option<String>,
    /// Of `file`; absent where the lock has another hash or none.
    pub sha256: Option<String>,
    /// Every hash of `file`, by algorithm.
    pub hashes: BTreeMap<String, String>,
    pub url: Option<String>,
    /// Relative to the lock's folder.
    pub path: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Whether the lock lists `file`; false for one that only the index has.
    pub locked: bool,
    /// Why its authors withdrew `file`; absent when they did not.
    pub yanked: Option<String>,
    pub reason: String,
    /// What would help.
    pub hints: Vec<String>,
    /// The PEP 517 backend, where the sdist is here to be read.
    pub backend: Option<String>,
    /// Whether a build compiles for the target: `pure`, `native` or `unknown`; absent when nothing is built.
    pub risk: Option<String>,
    /// Languages that are compiled, where the sdist is here to be read.
    pub languages: Vec<String>,
    /// From what the project needs itself, to this package.
    pub needed_by: Vec<String>,
    /// Names of the packages it depends on itself there, where the lock says.
    pub requires: Vec<String>,
}

/// What would be done.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictOutput {
    /// A published wheel is taken.
    Wheel,
    /// A wheel that was built earlier is taken.
    Cached,
    /// The sdist is built.
    Build,
    /// Only a look into the file, or at the index, decides.
    Check,
    /// Neither a wheel nor a build.
    Impossible,
    /// Not needed there.
    Inactive,
}

/// `prefill`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PrefillOutput {
    pub version: u32,
    pub wheelhouse: PathBuf,
    /// Whether everything that the locks want is there.
    pub complete: bool,
    /// As in `run.jsonl`, in the order in which they ended.
    pub packages: Vec<PackageLine>,
    pub errors: Vec<PrefillErrorOutput>,
    /// How many packages ended how.
    pub counts: BTreeMap<String, usize>,
}

/// Something that failed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PrefillErrorOutput {
    pub package: String,
    #[serde(flatten)]
    pub error: ErrorOutput,
}

/// `index`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IndexOutput {
    pub version: u32,
    /// The folder with the pages.
    pub index: PathBuf,
    pub projects: usize,
    pub files: usize,
}

/// `image`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImageOutput {
    pub version: u32,
    /// Where it was put, with its digest.
    pub reference: String,
    /// `sha256:…` of the manifest, or of the index of several.
    pub digest: String,
    pub images: Vec<PlatformImageOutput>,
}

/// The image of one platform.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlatformImageOutput {
    /// `linux/arm64/v8`
    pub platform: String,
    pub target: String,
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// `sha256:…` of its configuration, which engines call the image's id.
    pub config: String,
    /// `/usr/bin/python3.11`
    pub interpreter: String,
    pub python: String,
    pub layers: Vec<LayerOutput>,
    pub packages: Vec<PackageOutput>,
    /// What the check found and does not mind.
    pub notes: Vec<String>,
}

/// A layer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LayerOutput {
    pub title: String,
    pub digest: String,
    pub diff_id: String,
    /// Bytes, packed.
    pub size: u64,
    pub cached: bool,
}

/// `layer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LayerFileOutput {
    pub version: u32,
    pub path: PathBuf,
    pub media_type: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// `sha256:…` of the tar stream in it.
    pub diff_id: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the tar stream.
    pub unpacked: u64,
    /// What the descriptor of the layer has to say besides; of eStargz the digest of its table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A package that was installed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PackageOutput {
    pub name: String,
    pub version: String,
    pub file: String,
    pub sha256: String,
}

/// `verify`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifyOutput {
    pub version: u32,
    pub same: bool,
    pub sha256: Option<String>,
    /// What differs, as sentences.
    pub differences: Vec<String>,
}

/// `explain WHEEL`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyOutput {
    pub version: u32,
    pub wheel: String,
    pub sha256: String,
    pub key: String,
    /// Everything that could have changed the bytes, by name.
    pub parts: BTreeMap<String, String>,
    /// What differs from the build of the same sdist before it; absent when there is none.
    pub changed: Option<Vec<ChangeOutput>>,
}

/// A part of a key that changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChangeOutput {
    pub part: String,
    pub before: Option<String>,
    pub now: Option<String>,
}

/// The schemas (JSON Schema 2020-12) by the name of their file in docs/schemas/.
pub fn schemas() -> Vec<(&'static str, String)> {
    let text = |schema: schemars::Schema| {
        // A schema is plain data: writing it cannot fail.
        serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
    };
    vec![
        ("failure.json", text(schema_for!(FailureOutput))),
        ("build.json", text(schema_for!(BuildOutput))),
        ("plan.json", text(schema_for!(PlanOutput))),
        ("prefill.json", text(schema_for!(PrefillOutput))),
        ("run.json", text(schema_for!(Line))),
        ("index.json", text(schema_for!(IndexOutput))),
        ("check.json", text(schema_for!(CheckOutput))),
        ("image.json", text(schema_for!(ImageOutput))),
        ("layer.json", text(schema_for!(LayerFileOutput))),
        ("verify.json", text(schema_for!(VerifyOutput))),
        ("explain.json", text(schema_for!(KeyOutput))),
    ]
}
