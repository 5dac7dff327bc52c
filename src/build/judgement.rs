//! From the raw wheel to the proven one: judged, recorded, written canonically.

use std::path::Path;

use super::hooks::HookOutcome;
use super::output::Built;
use super::work::Work;
use super::{Builder, check_python, clock, failure, key, stable_abi};
use crate::cache::{Digest, ResultEntry};
use crate::elf::{self, Symbols};
use crate::metadata::{Metadata, normalize, parse_version, version_eq};
use crate::report::{Code, Error, Result};
use crate::toolchain::diagnosis;
use crate::wheel::judge::{Contents, Expectation, FileFinding, Verdict, judge};
use crate::wheel::{
    Artefact, BuildPath, BuildRecord, Library, Provenance, PythonRecord, RawWheel, SourceFile, TagSet, Tool,
    WheelBuilder, check_complete,
};

impl Builder<'_> {
    /// Judges what the hooks left and makes the canonical wheel of it.
    pub(super) fn judge_and_write(&self, work: &Work<'_>, outcome: HookOutcome) -> Result<Built> {
        let Work { job, layout, tree, native, rust, requirements, .. } = work;
        let parts = rust.key_parts(key::result(&job.request, requirements, native.libraries()));
        let mut raw = RawWheel::read(&outcome.wheel).map_err(|error| error.log(layout.hook_log()))?;
        let grafted = self.graft(job, &mut raw, native).map_err(|error| error.log(layout.hook_log()))?;
        if tree.pkg_info.is_none() {
            check_version(job.sdist.path(), raw.metadata())?;
        }
        // Without PKG-INFO only now it is known.
        check_python(raw.metadata(), job.python, &job.subject)?;
        let verdict = self
            .judge(work, &outcome, &raw)
            .map_err(|error| failure::of_judgement(error, layout, &outcome.calls))?;
        stable_abi::check(&raw, &outcome.calls, &layout.source)
            .map_err(|error| error.log(layout.hook_log()))?;
        for name in clock::dated(raw.members(), std::time::SystemTime::now()) {
            self.report.warn(format!(
                "{}: `{name}` holds the time of this build, so that another build gives other bytes",
                job.subject
            ));
        }
        for edit in &verdict.edits {
            if let Some(member) = raw.members_mut().iter_mut().find(|member| member.name == edit.member) {
                member.data = edit.apply(&member.data)?;
            }
        }
        let has_binaries = !verdict.files.is_empty();
        let record = self.record(work, grafted, has_binaries, raw.metadata())?;
        let tags = TagSet::new(&verdict.pythons, &verdict.abis, &verdict.platform)?;
        let paths = outcome
            .places
            .iter()
            .map(|place| {
                BuildPath::new(place.inside.display().to_string(), place.fixed.display().to_string())
            })
            .collect();
        let (name, version) = (raw.metadata().name().to_owned(), raw.metadata().version().to_owned());
        let wheel = WheelBuilder::new(raw, tags)
            .build_paths(paths)
            .record(record.clone())
            .source_date_epoch(Some(self.options.source_date_epoch))
            .jobs(self.options.jobs)
            .build()?;
        let file = wheel.file_name.to_string();
        let provenance = Provenance::of(&record, &file, &wheel.sha256);
        if let Some(sbom) = &wheel.sbom {
            check_complete(&record, sbom, &provenance)?;
        }
        let provenance = provenance.to_json()?.into_bytes();
        let mut notes = verdict.notes;
        notes.extend(self.left_out(&outcome, &verdict.files, &job.subject));
        notes.extend(wheel.notes);
        let entry = ResultEntry {
            parts,
            name,
            version,
            tag: verdict.platform.to_string(),
            file,
            wheel: wheel.sha256.parse()?,
            size: wheel.bytes.len() as u64,
            provenance: Digest::of(&provenance),
            notes,
        };
        Ok(Built { entry, cached: false, wheel: wheel.bytes, provenance })
    }

    fn judge(&self, work: &Work<'_>, outcome: &HookOutcome, raw: &RawWheel) -> Result<Verdict> {
        let Work { job, tree, compilers, .. } = work;
        let contents = Contents::from(raw);
        let native = contents.members.iter().any(|(_, bytes)| elf::is_elf(bytes));
        // Both tables cost some milliseconds; a pure wheel needs none.
        let libc = native.then(|| compilers.libc_symbols(job)).transpose()?;
        let python_api = native.then(|| elf::python_api(job.python.c_api_library(), &[])).transpose()?;
        let mut lost = outcome.failed_extensions.clone();
        lost.extend(diagnosis::lost_extensions(&outcome.calls));
        let mut against_pure = diagnosis::against_pure(&outcome.calls);
        against_pure.extend(outcome.untranslated.iter().map(|(translator, source)| {
            format!(
                "`{source}` is there and `{translator}`, which its build looked for, is not: \
                 add it with `--build-requires {translator}`"
            )
        }));
        if !native {
            let log = failure::read_log(&work.layout.hook_log());
            against_pure
                .extend(diagnosis::gave_up(&log).map(|why| format!("its build went on after this: {why}")));
        }
        // A package that only loads a library when it runs asks for it, too.
        if !native && holds_sources(&tree.root) {
            against_pure.extend(
                diagnosis::asked_for(&outcome.calls)
                    .iter()
                    .map(|what| format!("its build looked for {what}, which is not there")),
            );
        }
        let prefixes: Vec<String> =
            outcome.places.iter().map(|place| place.inside.display().to_string()).collect();
        let expectation = Expectation {
            sdist: tree.pkg_info.as_ref(),
            libc: libc.as_ref().map(|table| table as &dyn Symbols),
            python_api: python_api.as_ref().map(|table| table as &dyn Symbols),
            allow_pure: self.options.allow_pure,
            lost_extensions: &lost,
            declared_extensions: &outcome.declared_extensions,
            withdrawn_extensions: &outcome.withdrawn_extensions,
            against_pure: &against_pure,
            build_prefixes: &prefixes,
            ..Expectation::new(*job.target, job.python.version)
        };
        judge(&contents, &expectation)
    }

    /// Says of which declared extensions the package itself thought better, and they are not there.
    fn left_out(&self, outcome: &HookOutcome, files: &[FileFinding], subject: &str) -> Option<String> {
        let is_there = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            files.iter().any(|file| {
                let base = file.member.rsplit('/').next().unwrap_or(&file.member);
                base.split('.').next() == Some(last)
            })
        };
        let names = outcome.withdrawn_extensions.iter().filter(|name| !is_there(name));
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            return None;
        }
        let text = format!(
            "its build left out {}, which it declares: what they need is not there (`--native LIB`, `--sysroot DIR`)",
            names.join(", ")
        );
        self.report.warn(format!("{subject}: {text}"));
        Some(text)
    }

    /// Everything that went in, for SBOM and provenance.
    fn record(
        &self,
        work: &Work<'_>,
        grafted: Vec<Library>,
        has_binaries: bool,
        metadata: &Metadata,
    ) -> Result<BuildRecord> {
        let Work { job, layout, compilers, native, rust, requirements, .. } = work;
        let file = job.sdist.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let sdist = Artefact {
            name: metadata.name().to_owned(),
            version: metadata.version().to_owned(),
            file: file.ok_or_else(|| Error::new(Code::NotAnSdist, "the source has no file name"))?,
            sha256: job.sdist.sha256().to_owned(),
        };
        let mut tools = vec![Tool {
            name: "wheelbuild".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: env!("WHEELBUILD_RECIPE").to_owned(),
        }];
        let mut libraries = Vec::new();
        if has_binaries {
            tools.push(Tool {
                name: "zig".to_owned(),
                version: compilers.zig.version.clone(),
                sha256: self.zig_digest(&compilers.zig)?.to_string(),
            });
            libraries.push(Library {
                name: "runtime-kit".to_owned(),
                version: compilers.zig.version.clone(),
                licence: "Apache-2.0 WITH LLVM-exception AND MIT".to_owned(),
                sha256: compilers.kit_key().to_string(),
                ..Library::default()
            });
            libraries.extend(native.linked().cloned());
            libraries.extend(grafted);
        }
        if let Some((version, digest)) = rust.compiler(layout) {
            tools.push(Tool { name: "rustc".to_owned(), version, sha256: digest.to_string() });
        }
        let options = job
            .request
            .iter()
            .filter(|(name, _)| *name != "sdist")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        BuildRecord {
            sdist,
            target: job.target.to_string(),
            python: PythonRecord {
                version: job.python.version.to_string(),
                full: job.python.full_version.clone(),
                identity: job.python.identity.clone(),
            },
            requirements: requirements
                .installed()
                .map(|pinned| Artefact {
                    name: pinned.name.clone(),
                    version: pinned.version.clone(),
                    file: pinned.file.clone(),
                    sha256: pinned.sha256.clone(),
                })
                .collect(),
            sources: requirements
                .fetched()
                .map(|source| SourceFile {
                    name: source.name.clone(),
                    url: source.url.clone(),
                    file: source.file.clone(),
                    sha256: source.sha256.clone(),
                })
                .collect(),
            tools,
            libraries,
            crates: rust.crates(layout),
            options,
            config_settings: self.options.config_settings.clone(),
            isolation: job.isolation.name().to_owned(),
            source_date_epoch: Some(self.options.source_date_epoch),
            recipe_digest: env!("WHEELBUILD_RECIPE").to_owned(),
        }
        .checked()
    }
}

/// Backends write the version 0.0.0 when nothing tells them one, as without version control. Refuses it for
/// an sdist whose file name has another.
fn check_version(sdist: &Path, metadata: &Metadata) -> Result<()> {
    let stem = sdist.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"]
        .iter()
        .find_map(|ending| stem.strip_suffix(ending))
        .unwrap_or(stem);
    let told = stem.rsplit_once('-').filter(|(name, version)| {
        normalize(name) == normalize(metadata.name()) && parse_version(version).is_ok()
    });
    match told {
        Some((_, version)) if version_eq(metadata.version(), "0") && !version_eq(version, "0") => {
            Err(Error::new(
                Code::MetadataMismatch,
                format!("METADATA names the version `{}`, the file name `{version}`", metadata.version()),
            )
            .cause("there is no PKG-INFO, and the backend found no version where it looks for one")
            .hint(format!(
                "if it takes it from version control, say it: `SETUPTOOLS_SCM_PRETEND_VERSION={version}`"
            )))
        }
        _ => Ok(()),
    }
}

/// Whether a tree holds something that a compiler would take.
fn holds_sources(root: &Path) -> bool {
    const ENDINGS: [&str; 8] = ["c", "cc", "cpp", "cxx", "pyx", "s", "S", "rs"];
    walkdir::WalkDir::new(root).into_iter().flatten().any(|entry| {
        let ending = entry.path().extension().and_then(|ending| ending.to_str());
        entry.file_type().is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending))
    })
}
