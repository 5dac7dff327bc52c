//! `verify`: build again from what the provenance says, and compare the bytes.

use std::path::{Path, PathBuf};

use crate::build::{Builder, CompilerChoice, EPOCH, Options, Source};
use crate::cache::{Cache, Digest};
use crate::index::Index;
use crate::process::Interrupt;
use crate::report::{Code, Error, Report, Result};
use crate::target::{Interpreter, Target};
use crate::wheel::{BuildRecord, Difference, Provenance, compare};

/// What came of it.
#[derive(Debug)]
pub enum Verified {
    /// The rebuilt wheel has the same bytes.
    Same { sha256: Digest },
    /// It has not; empty when only the archive differs.
    Different { differences: Vec<Difference> },
}

/// Rebuilds `wheel` (its provenance lies beside it) from `sdist`, or from the index when None.
///
/// `options` say how to isolate and how much to use; everything that decides bytes comes from the
/// provenance.
///
/// # Errors
/// [`Code::InputNotFound`] without provenance, [`Code::HashMismatch`] when the provenance is not of
/// this wheel or the sdist not the one it names, and everything a build can fail with.
pub fn verify(
    wheel: &Path,
    sdist: Option<&Path>,
    options: &Options,
    cache: &Cache,
    report: &Report,
    interrupt: &Interrupt,
) -> Result<Verified> {
    let bytes = std::fs::read(wheel).map_err(|e| {
        Error::new(Code::InputNotFound, format!("cannot read `{}`", wheel.display())).cause(e.to_string())
    })?;
    let digest = Digest::of(&bytes);
    let provenance = provenance_of(wheel)?;
    let (file, sha256) = provenance.subject();
    if sha256 != digest.to_string() {
        return Err(Error::new(
            Code::HashMismatch,
            format!("the provenance is not of `{}`", wheel.display()),
        )
        .cause(format!("it names {file} with sha256 {sha256}, the wheel has {digest}")));
    }
    let record = provenance.record()?;
    let recipe = env!("WHEELBUILD_RECIPE");
    if record.recipe_digest != recipe {
        report.warn(format!(
            "the wheel was built by another version of wheelbuild (recipe {}, this one is {})",
            short(&record.recipe_digest),
            short(recipe)
        ));
    }
    let source = match sdist {
        Some(path) => {
            let found = crate::sdist::Sdist::open(path)?;
            if found.sha256() != record.sdist.sha256 {
                return Err(Error::new(Code::HashMismatch, format!("`{}` is another sdist", path.display()))
                    .cause(format!("the wheel was built from sha256 {}", record.sdist.sha256)));
            }
            Source::Path(path.to_owned())
        }
        None => Source::Index {
            name: crate::metadata::normalize(&record.sdist.name),
            version: record.sdist.version.clone(),
        },
    };
    let target: Target = record.target.parse()?;
    let options = options_of(&record, options)?;
    let index = Index::of_process(options.offline, report.clone());
    let built =
        Builder::new(cache, &index, &options, report, interrupt).enforce(&record).build(&source, &target)?;
    if built.entry.wheel == digest {
        return Ok(Verified::Same { sha256: digest });
    }
    Ok(Verified::Different { differences: compare(&bytes, built.wheel())? })
}

fn provenance_of(wheel: &Path) -> Result<Provenance> {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path: PathBuf = wheel.with_file_name(Provenance::file_name(&name));
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Error::new(Code::InputNotFound, format!("`{}` has no provenance", wheel.display()))
            .cause(format!("`{}`: {e}", path.display()))
            .hint("only wheels that lie beside their `.intoto.json` can be verified")
    })?;
    Provenance::from_json(&text)
}

/// What decided the bytes, taken back from the record.
fn options_of(record: &BuildRecord, options: &Options) -> Result<Options> {
    let given = |name: &str| record.options.get(name).map(String::as_str);
    let mut options = options.clone();
    options.no_cache = true;
    if options.python.is_none() {
        options.python = Some(Interpreter::Version(record.python.version.parse()?));
    }
    options.compiler = given("cc").map_or(Ok(CompilerChoice::default()), str::parse)?;
    options.source_date_epoch = record.source_date_epoch.unwrap_or(EPOCH);
    options.config_settings = record.config_settings.clone();
    options.allow_pure = given("allow-pure") == Some("true");
    options.build_requires =
        given("build-requires").map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
    let native = given("native").unwrap_or_default().split_whitespace();
    (options.native_only, options.native) = (false, Vec::new());
    for word in native {
        match word {
            "none" => options.native_only = true,
            asked => options.native.push(asked.parse()?),
        }
    }
    for (name, value) in &record.options {
        if let Some(variable) = name.strip_prefix("env.").filter(|name| !["CC", "CXX"].contains(name)) {
            options.env.insert(variable.to_owned(), value.clone());
        }
        for folder in ["sysroot.", "target-python", "build-dep.", "patch."] {
            if name.starts_with(folder) {
                return Err(Error::new(
                    Code::Usage,
                    format!(
                        "the wheel was built with `--{}`, which verify cannot know",
                        folder.trim_end_matches('.')
                    ),
                )
                .hint("build it again with the same arguments and compare the sha256"));
            }
        }
    }
    Ok(options)
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
