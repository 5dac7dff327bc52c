//! What a configuration file may say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// The values, in order.
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.clone()],
            Self::Many(values) => values.clone(),
        }
    }
}

/// The keys of a configuration file. Each has a flag of the same name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    pub target: Option<OneOrMany>,
    pub python: Option<String>,
    pub outdir: Option<PathBuf>,
    pub cache_dir: Option<PathBuf>,
    pub isolation: Option<String>,
    pub cc: Option<String>,
    pub build_lock: Option<PathBuf>,
    pub jobs: Option<u32>,
    /// `4GiB`, `512MiB`.
    pub memory: Option<String>,
    pub processes: Option<u64>,
    pub disk: Option<String>,
    /// Seconds.
    pub timeout: Option<u64>,
    pub zig: Option<PathBuf>,
    pub uv: Option<PathBuf>,
    /// Addresses of Debian archives, or folders of their files.
    pub debian_archives: Option<OneOrMany>,
    /// The folder of a Rust toolchain.
    pub rust: Option<PathBuf>,
    pub offline: Option<bool>,
    /// Leave out what wheelbuild itself knows of single packages.
    pub no_overrides: Option<bool>,
    pub no_cache: Option<bool>,
    /// Shared caches: `[rw:]URL|DIR`.
    pub cache: Option<OneOrMany>,
    /// Shared caches that are believed without a signature.
    pub trust_cache: Option<OneOrMany>,
    /// Public keys whose signatures count.
    pub cache_keys: Option<OneOrMany>,
    /// The file with the key that signs what is written to shared caches.
    pub cache_signing_key: Option<PathBuf>,
    /// Locks whose wheels are taken from shared caches by their digest.
    pub cache_locks: Option<OneOrMany>,
    /// How long a shared cache may take to answer, in seconds.
    pub cache_timeout: Option<u64>,
    /// Speak to shared caches without TLS, or without checking it.
    pub insecure_cache: Option<bool>,
    /// Files, and folders of files, that builds would download.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
    /// Per-package settings, by normalised name.
    #[serde(default)]
    pub packages: BTreeMap<String, Package>,
}

/// What one package needs beyond what it says itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// Passed to the hooks, like `-C KEY=VALUE`.
    #[serde(default)]
    pub config_settings: BTreeMap<String, OneOrMany>,
    /// Added to the environment of the hooks.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Added to `[build-system] requires`.
    #[serde(default)]
    pub build_requires: Vec<String>,
    /// Native libraries to provide, like `--native LIB[=WAY]`.
    #[serde(default)]
    pub native: Vec<String>,
    /// Patches of the unpacked sdist (unified diffs, `a/` and `b/` in front of the names), relative to
    /// the file that names them.
    #[serde(default)]
    pub patches: Vec<PathBuf>,
    /// Accept a wheel without its compiled extensions.
    pub allow_pure: Option<bool>,
}

impl Config {
    /// Every key a file may hold, for suggestions.
    pub(super) const KEYS: &[&str] = &[
        "target",
        "python",
        "outdir",
        "cache-dir",
        "isolation",
        "cc",
        "build-lock",
        "jobs",
        "memory",
        "processes",
        "disk",
        "timeout",
        "zig",
        "uv",
        "debian-archives",
        "rust",
        "offline",
        "no-overrides",
        "no-cache",
        "cache",
        "trust-cache",
        "cache-keys",
        "cache-signing-key",
        "cache-locks",
        "cache-timeout",
        "insecure-cache",
        "sources",
        "packages",
        "config-settings",
        "env",
        "build-requires",
        "native",
        "patches",
        "allow-pure",
    ];

    /// Patches are named relative to the `folder` of their file.
    pub(super) fn anchor(&mut self, folder: &Path) {
        for patch in self.packages.values_mut().flat_map(|package| &mut package.patches) {
            *patch = folder.join(&*patch);
        }
    }

    /// `self` with what it leaves open taken from `other`. Package tables merge by package.
    #[must_use]
    pub(super) fn or(mut self, other: Self) -> Self {
        macro_rules! fill { ($($field:ident),*) => { $(self.$field = self.$field.or(other.$field);)* } }
        fill!(
            target,
            python,
            outdir,
            cache_dir,
            isolation,
            cc,
            build_lock,
            jobs,
            memory,
            processes,
            disk,
            timeout,
            zig,
            uv,
            rust,
            debian_archives,
            offline,
            no_overrides,
            no_cache,
            cache,
            trust_cache,
            cache_keys,
            cache_signing_key,
            cache_locks,
            cache_timeout,
            insecure_cache
        );
        if self.sources.is_empty() {
            self.sources = other.sources;
        }
        for (name, package) in other.packages {
            self.packages.entry(name).or_insert(package);
        }
        self
    }
}
