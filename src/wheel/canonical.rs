//! The canonical wheel: the one archive that a set of members and tags can become.
//!
//! PEP 427 leaves the order of members, time stamps, modes, compression, and the layout of RECORD
//! and WHEEL open, and every backend decides otherwise. Here all of it is decided once, so the bytes
//! depend on the content only: members in byte order, then `.dist-info`, then RECORD.

use super::build_paths::{self, BuildPath};
use super::build_record::BuildRecord;
use super::file_name::{TagSet, WheelFileName};
use super::member::{Member, sha256_hex};
use super::raw::RawWheel;
use super::sbom::{SBOM_NAME, Sbom};
use super::wheel_file::WheelFile;
use super::{backend_sbom, record_file, scripts, volatile};
use crate::archive::{DosTime, ZipMember, ZipOptions, write_zip};
use crate::report::Result;

/// A finished wheel. Same members, tags and record: same bytes.
#[derive(Clone, Debug)]
pub struct Wheel {
    pub file_name: WheelFileName,
    pub bytes: Vec<u8>,
    /// Of `bytes`, in hexadecimal.
    pub sha256: String,
    /// The SBOM as it stands in the wheel; none without a record.
    pub sbom: Option<Sbom>,
    /// What was changed, left out or looks odd, as sentences.
    pub notes: Vec<String>,
}

/// Turns a judged wheel into a canonical one.
#[derive(Debug)]
pub struct WheelBuilder {
    file_name: WheelFileName,
    members: Vec<Member>,
    stem: String,
    wheel: WheelFile,
    notes: Vec<String>,
    paths: Vec<BuildPath>,
    record: Option<BuildRecord>,
    options: ZipOptions,
}

impl WheelBuilder {
    /// A builder for the content of `raw` under the tags that its binaries proved.
    pub fn new(raw: RawWheel, tags: TagSet) -> Self {
        let (file_name, members, stem, wheel, notes) = raw.into_parts();
        Self {
            file_name: file_name.with_tags(tags),
            members,
            stem,
            wheel,
            notes,
            paths: Vec::new(),
            record: None,
            options: ZipOptions::default(),
        }
    }

    /// The folders of this build: replaced by their alias in backends' SBOMs, noted elsewhere.
    #[must_use]
    pub fn build_paths(mut self, paths: Vec<BuildPath>) -> Self {
        self.paths = paths;
        self
    }

    /// What went into the build; becomes the SBOM of the wheel (PEP 770).
    #[must_use]
    pub fn record(mut self, record: BuildRecord) -> Self {
        self.record = Some(record);
        self
    }

    /// SOURCE_DATE_EPOCH, seconds since 1970; without it members are of 1980-01-01.
    #[must_use]
    pub fn source_date_epoch(mut self, seconds: Option<u64>) -> Self {
        self.options.time = seconds.map_or(DosTime::FIRST, DosTime::from_epoch);
        self
    }

    /// How many threads compress; no influence on the bytes.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.options.jobs = jobs;
        self
    }

    /// Writes the wheel.
    ///
    /// # Errors
    /// Members that share a name or have an unsafe one, a wheel beyond 4 GiB.
    pub fn build(self) -> Result<Wheel> {
        let Self { file_name, mut members, stem, wheel, mut notes, paths, record, options } = self;
        let old_dist_info = format!("{stem}.dist-info");
        volatile::drop_volatile(&mut members, &old_dist_info, &mut notes);

        let dist_info = format!("{}.dist-info", file_name.stem());
        let data = format!("{}.data", file_name.stem());
        rename_folder(&mut members, &old_dist_info, &dist_info);
        rename_folder(&mut members, &format!("{stem}.data"), &data);
        normalize_scripts(&mut members, &data, &mut notes);
        backend_sbom::normalize(&mut members, &dist_info, &paths, &mut notes)?;
        build_paths::note_leftovers(&members, &paths, &mut notes);

        let tags = file_name.tags();
        let purelib = wheel.purelib && tags.is_any_platform();
        if purelib != wheel.purelib {
            notes.push("Root-Is-Purelib is made false: the wheel is for one platform".to_owned());
        }
        let record_name = format!("{dist_info}/RECORD");
        let sbom_name = format!("{dist_info}/{SBOM_NAME}");
        let wheel_name = format!("{dist_info}/WHEEL");
        members.retain(|member| ![&record_name, &sbom_name, &wheel_name].contains(&&member.name));
        members.push(Member::file(wheel_name, WheelFile::canonical(purelib, tags, file_name.build())));
        let sbom = record.map(|record| Sbom::of(&record, &file_name));
        if let Some(sbom) = &sbom {
            members.push(Member::file(sbom_name, sbom.to_json()?));
        }

        let last = format!("{dist_info}/");
        members.sort_unstable_by(|a, b| {
            (a.name.starts_with(&last), &a.name).cmp(&(b.name.starts_with(&last), &b.name))
        });
        let rows = record_file::write(&members, &record_name);
        members.push(Member::file(record_name, rows));

        let entries: Vec<ZipMember<'_>> = members
            .iter()
            .map(|Member { name, data, executable }| ZipMember { name, data, executable: *executable })
            .collect();
        let mut bytes = Vec::new();
        write_zip(&entries, &options, &mut bytes)?;
        notes.sort_unstable();
        notes.dedup();
        Ok(Wheel { sha256: sha256_hex(&bytes), file_name, bytes, sbom, notes })
    }
}

fn rename_folder(members: &mut [Member], from: &str, to: &str) {
    for member in members {
        if let Some(rest) = member.name.strip_prefix(from)
            && rest.starts_with('/')
        {
            member.name = format!("{to}{rest}");
        }
    }
}

/// Scripts run with the interpreter they are installed for, and are executable.
fn normalize_scripts(members: &mut [Member], data: &str, notes: &mut Vec<String>) {
    let folder = format!("{data}/scripts/");
    for member in members.iter_mut().filter(|member| member.name.starts_with(&folder)) {
        member.executable = true;
        if let Some(script) = scripts::with_portable_interpreter(&member.data) {
            member.data = script;
            notes.push(format!("`{}` now starts with `#!python`", member.name));
        }
    }
}
