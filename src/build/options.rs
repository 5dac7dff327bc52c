//! What a build is asked to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::NamedCompiler;
use crate::apt::Archives;
use crate::backend::ConfigSettings;
use crate::cache::{Digest, KeyParts};
use crate::config::{self, Package};
use crate::metadata::normalize;
use crate::native::Asked;
use crate::process::{IsolationChoice, Limits};
use crate::report::{Code, Error, Report, Result};
use crate::target::{Interpreter, Target};

/// 1980-01-01 00:00 UTC, the first time a zip archive can hold.
pub const EPOCH: u64 = 315_532_800;

/// Where a source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file or folder.
    Path(PathBuf),
    /// `NAME==VERSION` from the user's index.
    Index { name: String, version: String },
}

impl Source {
    /// Reads what was typed: an existing path is one, else `NAME==VERSION`.
    pub fn parse(text: &str) -> Result<Self> {
        let path = Path::new(text);
        if path.exists() {
            return Ok(Self::Path(path.to_owned()));
        }
        match text.split_once("==") {
            Some((name, version))
                if is_name(name.trim()) && !version.trim().is_empty() && !text.contains('/') =>
            {
                Ok(Self::Index { name: normalize(name.trim()), version: version.trim().to_owned() })
            }
            _ if is_name(text) => Err(Error::new(Code::InputNotFound, format!("no file or folder `{text}`"))
                .hint(format!("for a package of the index name the version: `{text}==VERSION`"))),
            _ => Err(Error::new(Code::InputNotFound, format!("no file or folder `{text}`"))
                .hint("name a file, a folder, or a package of the index with its version: `NAME==VERSION`")),
        }
    }

    /// As a person would call it before its metadata is known.
    pub fn describe(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Index { name, version } => format!("{name} {version}"),
        }
    }
}

/// A project name (PEP 508): letters and digits, with `-_.` inside.
fn is_name(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// `--cc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompilerChoice {
    /// zig's clang and lld against the runtime kit.
    #[default]
    Kit,
    /// Plain `zig cc -target …`.
    ZigCc,
    /// What CC and CXX say.
    System,
}

impl CompilerChoice {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kit => "zig",
            Self::ZigCc => "zig-cc",
            Self::System => "system",
        }
    }
}

impl FromStr for CompilerChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "zig" => Ok(Self::Kit),
            "zig-cc" => Ok(Self::ZigCc),
            "system" => Ok(Self::System),
            _ => Err(Error::new(Code::Usage, format!("`{text}` is no way to compile"))
                .hint("use one of `zig`, `zig-cc`, `system`")),
        }
    }
}

/// What holds for every source and target of one run.
#[derive(Clone, Debug)]
pub struct Options {
    pub python: Option<Interpreter>,
    pub compiler: CompilerChoice,
    pub isolation: IsolationChoice,
    pub limits: Limits,
    pub jobs: usize,
    pub config_settings: ConfigSettings,
    /// Extra variables of the hooks.
    pub env: BTreeMap<String, String>,
    /// With any given, nothing is resolved.
    pub build_deps: Vec<PathBuf>,
    /// Resolve nothing, even when no wheel is given.
    pub given_only: bool,
    pub build_requires: Vec<String>,
    pub build_lock: Option<PathBuf>,
    pub upgrade: bool,
    pub allow_pure: bool,
    pub target_python: Option<PathBuf>,
    pub sysroots: Vec<PathBuf>,
    /// Native libraries to provide, and how.
    pub native: Vec<Asked>,
    /// Provide no native library that was not asked for.
    pub native_only: bool,
    /// With [`CompilerChoice::System`]: the C toolchain, instead of what CC and CXX say.
    pub named_compiler: Option<NamedCompiler>,
    /// Files, and folders of files, that builds would download.
    pub sources: Vec<PathBuf>,
    pub no_cache: bool,
    pub keep: bool,
    pub zig: Option<PathBuf>,
    pub uv: Option<PathBuf>,
    /// Where pinned Debian packages are looked for.
    pub archives: Archives,
    /// The folder of a Rust toolchain; None takes one of this machine's.
    pub rust: Option<PathBuf>,
    pub offline: bool,
    /// Leave out what is known of single packages.
    pub no_overrides: bool,
    /// Unified diffs to apply to the unpacked sdist, in order.
    pub patches: Vec<PathBuf>,
    pub allow_python_download: bool,
    /// The time of everything in the wheel, seconds; part of the key.
    pub source_date_epoch: u64,
}

impl Options {
    /// These options with what is known of `version` of the package `name`; what the user says wins.
    pub(super) fn with_overrides(&self, name: &str, version: &str, report: &Report) -> Result<Self> {
        let mut options = self.clone();
        let Ok(version) = version.parse() else { return Ok(options) };
        if self.no_overrides {
            return Ok(options);
        }
        for known in config::overrides(&normalize(name), &version)? {
            report.detail(format!("{name} {version}: {}", known.why));
            options.add(known.set)?;
        }
        Ok(options)
    }

    /// These options for building a requirement of the build: without what is the dependent's own.
    pub(super) fn for_requirement(&self) -> Self {
        let mut options = self.clone();
        options.config_settings.clear();
        options.env.clear();
        options.build_requires.clear();
        options.build_lock = None;
        options.target_python = None;
        options.sysroots.clear();
        options.native.clear();
        options.patches.clear();
        options
    }

    /// Adds what a package's table says and the user does not.
    fn add(&mut self, package: Package) -> Result<()> {
        for (key, values) in package.config_settings {
            self.config_settings.entry(key).or_insert_with(|| values.values());
        }
        for (key, value) in package.env {
            self.env.entry(key).or_insert(value);
        }
        self.build_requires.extend(package.build_requires);
        self.native_only |= package.native.iter().any(|text| text == "none");
        for text in package.native.iter().filter(|text| *text != "none") {
            self.native.push(text.parse()?);
        }
        self.patches.extend(package.patches);
        self.allow_pure |= package.allow_pure.unwrap_or(false);
        Ok(())
    }

    /// The files of `--sources`, each with its sha256.
    pub(super) fn source_files(&self) -> Result<Vec<(PathBuf, String)>> {
        super::sources::files_of(&self.sources)
    }

    /// The parts of the request key that these options decide.
    ///
    /// Jobs, limits, isolation and output folder are left out: they do not change the bytes.
    pub(super) fn key_parts(&self, parts: KeyParts, target: &Target) -> Result<KeyParts> {
        let mut parts = parts
            .with("target", target)
            .with("cc", self.compiler.name())
            .with("epoch", self.source_date_epoch)
            .with("recipe", env!("WHEELBUILD_RECIPE"));
        if self.allow_pure {
            parts = parts.with("allow-pure", true);
        }
        for (key, values) in &self.config_settings {
            parts = parts.with(&format!("config.{key}"), values.join("\n"));
        }
        parts = parts.with_all("env", &self.env);
        if !self.build_requires.is_empty() {
            parts = parts.with("build-requires", self.build_requires.join("\n"));
        }
        for wheel in &self.build_deps {
            let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
            parts = parts.with(&format!("build-dep.{name}"), Digest::of_file(wheel)?);
        }
        if self.compiler == CompilerChoice::System {
            if let Some(named) = &self.named_compiler {
                for program in [&named.cc, &named.cxx].into_iter().chain(&named.ar) {
                    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    parts = parts.with(&format!("compiler.{name}"), Digest::of_file(program)?);
                }
                for (name, words) in
                    [("", &named.flags), ("-cxx", &named.cxx_flags), ("-link", &named.link_flags)]
                {
                    parts = parts.with(&format!("compiler{name}-flags"), words.join("\n"));
                }
                // Nothing is looked up by a key that no wheel is kept under.
                for (position, folder) in named.folders.iter().enumerate().filter(|_| !self.no_cache) {
                    parts = parts.with(&format!("compiler-folder.{position}"), tree_digest(folder)?);
                }
            }
            for name in ["CC", "CXX"] {
                parts = parts.with(&format!("env.{name}"), std::env::var(name).unwrap_or_default());
            }
        }
        if let Some(folder) = &self.target_python {
            parts = parts.with("target-python", tree_digest(folder)?);
        }
        if self.native_only || !self.native.is_empty() {
            let asked = self.native.iter().map(Asked::to_string);
            let asked: Vec<String> = asked.chain(self.native_only.then(|| "none".to_owned())).collect();
            parts = parts.with("native", asked.join(" "));
        }
        if self.no_overrides {
            parts = parts.with("no-overrides", true);
        }
        for (position, patch) in self.patches.iter().enumerate() {
            let digest = Digest::of_file(patch).map_err(|error| {
                Error::new(Code::InputNotFound, format!("there is no patch at `{}`", patch.display()))
                    .cause(error.headline())
            })?;
            parts = parts.with(&format!("patch.{position}"), digest);
        }
        if !self.sources.is_empty() {
            let files = self.source_files()?;
            let lines: Vec<String> = files
                .iter()
                .map(|(path, sha256)| {
                    format!("{sha256} {}", path.file_name().unwrap_or_default().to_string_lossy())
                })
                .collect();
            parts = parts.with("sources", Digest::of(lines.join("\n")));
        }
        for (position, folder) in self.sysroots.iter().enumerate() {
            parts = parts.with(&format!("sysroot.{position}"), tree_digest(folder)?);
        }
        Ok(parts)
    }
}

/// A digest over the names, kinds and contents of a folder given by the user.
fn tree_digest(folder: &Path) -> Result<Digest> {
    if !folder.is_dir() {
        return Err(Error::new(Code::InputNotFound, format!("`{}` is no folder", folder.display())));
    }
    let mut text = String::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|e| {
            Error::new(Code::Io, format!("cannot read `{}`", folder.display())).cause(e.to_string())
        })?;
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).display().to_string();
        if entry.file_type().is_file() {
            text.push_str(&format!("file {name} {}\n", Digest::of_file(entry.path())?));
        } else if entry.file_type().is_symlink() {
            let to = std::fs::read_link(entry.path()).map_err(|e| Error::io("read", entry.path(), &e))?;
            text.push_str(&format!("link {name} {}\n", to.display()));
        }
    }
    Ok(Digest::of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        assert_eq!(
            Source::parse("Mark_Upsafe==3.0.3").unwrap(),
            Source::Index { name: "mark-upsafe".into(), version: "3.0.3".into() }
        );
        assert_eq!(Source::parse("Cargo.toml").unwrap(), Source::Path("Cargo.toml".into()));
        let error = Source::parse("numpy").unwrap_err();
        assert_eq!(error.code(), Code::InputNotFound);
        assert!(error.hints()[0].contains("numpy==VERSION"));
        for bad in ["a/b==1", "==1", "x==", "nothere.tar.gz", "-a==1"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }
}
