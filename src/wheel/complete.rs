//! Whether SBOM and provenance tell the whole truth: both against the record, by what they say and
//! not by how they were made.

use std::collections::BTreeSet;

use super::build_record::BuildRecord;
use super::provenance::Provenance;
use super::sbom::{Role, Sbom, portable_sha256};
use crate::report::{Error, Result};

/// Checks that `sbom` and `provenance` name every input of `record` and nothing else.
///
/// # Errors
/// A bug of ours that lists each input that is missing or made up.
pub fn check_complete(record: &BuildRecord, sbom: &Sbom, provenance: &Provenance) -> Result<()> {
    let told: BTreeSet<String> =
        sbom.inputs().into_iter().map(|input| line(input.0, input.1, input.2, input.3)).collect();
    let mut faults = differences("SBOM", &of_record(record, false), &told);

    let proven = provenance.record()?;
    faults.extend(differences("provenance", &of_record(record, true), &of_record(&proven, true)));
    if faults.is_empty() && proven != *record {
        faults.push("the provenance tells other parameters".to_owned());
    }
    if faults.is_empty() {
        return Ok(());
    }
    let error = Error::bug("the documents of the wheel do not name what went into it");
    Err(faults.into_iter().fold(error, Error::cause))
}

fn differences(document: &str, real: &BTreeSet<String>, told: &BTreeSet<String>) -> Vec<String> {
    let missing = real.difference(told).map(|input| format!("the {document} lacks {input}"));
    missing.chain(told.difference(real).map(|input| format!("the {document} invents {input}"))).collect()
}

fn line(role: &str, name: &str, version: &str, sha256: Option<&str>) -> String {
    let digest = sha256.map_or(String::new(), |sha256| format!(" sha256:{sha256}"));
    format!("{role} {name} {version}{digest}")
}

/// Every input; `of_this_machine` adds what only this build machine had.
fn of_record(record: &BuildRecord, of_this_machine: bool) -> BTreeSet<String> {
    let input = |role: Role, name: &str, version: &str, sha256: Option<&str>| {
        line(role.name(), name, version, sha256)
    };
    fn only_if(yes: bool, text: &str) -> Option<&str> {
        yes.then_some(text)
    }
    let sdist = &record.sdist;
    let python = &record.python;
    let mut inputs = BTreeSet::from([
        input(Role::Sdist, &sdist.name, &sdist.version, Some(&sdist.sha256)),
        input(
            Role::Interpreter,
            "cpython",
            if of_this_machine { &python.full } else { &python.version },
            only_if(of_this_machine, &python.identity),
        ),
    ]);
    for item in &record.requirements {
        let sha256 = only_if(of_this_machine, &item.sha256).or(portable_sha256(item));
        inputs.insert(input(Role::BuildRequirement, &item.name, &item.version, sha256));
    }
    for item in &record.sources {
        inputs.insert(input(Role::Source, &item.name, &item.file, Some(&item.sha256)));
    }
    for item in &record.tools {
        inputs.insert(input(Role::Tool, &item.name, &item.version, only_if(of_this_machine, &item.sha256)));
    }
    for item in &record.libraries {
        inputs.insert(input(Role::Library, &item.name, &item.version, Some(&item.sha256)));
    }
    for item in &record.crates {
        inputs.insert(input(Role::Crate, &item.name, &item.version, item.sha256.as_deref()));
    }
    inputs
}
