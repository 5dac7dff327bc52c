//! The provenance beside the wheel, `<wheel>.intoto.json`: an in-toto Statement v1 with a SLSA
//! provenance v1 predicate. It says enough to build the wheel again.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md> and
//! <https://slsa.dev/spec/v1.0/provenance> are the specifications. There is no clock, no invocation
//! id and no path of the machine in it, so a second build writes the same file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::build_record::{
    Artefact, BuildRecord, Crate, Library, PythonRecord, SourceFile, Tool, cargo_purl, generic_purl,
    is_sha256, pypi_purl,
};
use super::json;
use super::sbom::Role;
use crate::report::{Code, Error, Result, ResultExt};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What kind of build the parameters describe; docs/provenance.md defines it.
const BUILD_TYPE: &str = "urn:wheelbuild:build-type:sdist-to-wheel:1";
const BUILDER: &str = "urn:wheelbuild:builder";

/// A statement about one wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provenance {
    #[serde(rename = "_type")]
    statement: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Sha256,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sha256 {
    sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predicate {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BuildDefinition {
    build_type: String,
    external_parameters: ExternalParameters,
    internal_parameters: InternalParameters,
    resolved_dependencies: Vec<Dependency>,
}

/// What the user decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExternalParameters {
    sdist: String,
    target: String,
    python: String,
    options: BTreeMap<String, String>,
    config_settings: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_date_epoch: Option<u64>,
}

/// What wheelbuild and the machine decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InternalParameters {
    recipe_digest: String,
    isolation: String,
}

/// A resource descriptor of in-toto.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    name: String,
    uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256>,
    annotations: Annotations,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    role: Role,
    version: String,
    /// Of files from the index: the file name. Of grafted libraries: the name in the wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Of crates that are a checkout: `git+URL#COMMIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Of libraries and crates: an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    licence: Option<String>,
    /// Of the interpreter: what tells it from other builds of its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunDetails {
    builder: Builder,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builder {
    id: String,
    version: BTreeMap<String, String>,
}

impl Provenance {
    /// The statement that the wheel called `wheel` with the digest `sha256` was built from `record`.
    pub fn of(record: &BuildRecord, wheel: &str, sha256: &str) -> Self {
        Self {
            statement: STATEMENT.to_owned(),
            subject: vec![Subject { name: wheel.to_owned(), digest: Sha256 { sha256: sha256.to_owned() } }],
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                build_definition: BuildDefinition {
                    build_type: BUILD_TYPE.to_owned(),
                    external_parameters: ExternalParameters {
                        sdist: record.sdist.file.clone(),
                        target: record.target.clone(),
                        python: record.python.version.clone(),
                        options: record.options.clone(),
                        config_settings: record.config_settings.clone(),
                        source_date_epoch: record.source_date_epoch,
                    },
                    internal_parameters: InternalParameters {
                        recipe_digest: record.recipe_digest.clone(),
                        isolation: record.isolation.clone(),
                    },
                    resolved_dependencies: dependencies(record),
                },
                run_details: RunDetails {
                    builder: Builder {
                        id: BUILDER.to_owned(),
                        version: BTreeMap::from([(
                            "wheelbuild".to_owned(),
                            env!("CARGO_PKG_VERSION").to_owned(),
                        )]),
                    },
                },
            },
        }
    }

    /// The name of the file that holds the provenance of the wheel called `wheel`.
    pub fn file_name(wheel: &str) -> String {
        format!("{wheel}.intoto.json")
    }

    /// The statement as text, always the same for the same content.
    pub fn to_json(&self) -> Result<String> {
        json::canonical(self)
    }

    /// Reads a statement that [`Provenance::to_json`] wrote.
    ///
    /// # Errors
    /// [`Code::BadMetadata`] when it is another document, or of another kind of build.
    pub fn from_json(text: &str) -> Result<Self> {
        let provenance: Self = serde_json::from_str(text)
            .or_code(Code::BadMetadata, || "the file is no provenance of wheelbuild's".to_owned())?;
        let kinds = [
            (&provenance.statement, STATEMENT),
            (&provenance.predicate_type, PREDICATE),
            (&provenance.predicate.build_definition.build_type, BUILD_TYPE),
        ];
        for (found, known) in kinds {
            if found != known {
                return Err(Error::new(Code::BadMetadata, "the provenance is of another kind")
                    .cause(format!("it says `{}`, known is `{known}`", found.escape_default())));
            }
        }
        let [_] = provenance.subject[..] else {
            return Err(Error::new(Code::BadMetadata, "the provenance is not about one wheel"));
        };
        Ok(provenance)
    }

    /// File name and SHA-256 of the wheel it is about.
    pub fn subject(&self) -> (&str, &str) {
        // `of` and `from_json` both see to it that there is one.
        self.subject.first().map_or(("", ""), |subject| (&subject.name, &subject.digest.sha256))
    }

    /// The version of wheelbuild that built.
    pub fn builder_version(&self) -> &str {
        self.predicate.run_details.builder.version.get("wheelbuild").map_or("", String::as_str)
    }

    /// The inputs it names, to build again with.
    ///
    /// # Errors
    /// [`Code::BadMetadata`] when something needed is not named or not named well.
    pub fn record(&self) -> Result<BuildRecord> {
        let bad = |why: &str| Error::new(Code::BadMetadata, format!("the provenance {why}"));
        let definition = &self.predicate.build_definition;
        let external = &definition.external_parameters;
        let mut sdist = None;
        let mut python = None;
        let (mut requirements, mut sources) = (Vec::new(), Vec::new());
        let (mut tools, mut libraries) = (Vec::new(), Vec::new());
        let mut crates = Vec::new();
        for dependency in &definition.resolved_dependencies {
            let Dependency { name, digest, annotations, uri } = dependency;
            let unnamed = || bad(&format!("does not name `{}` fully", name.escape_default()));
            let (name, version) = (name.clone(), annotations.version.clone());
            let sha256 = digest.as_ref().map(|digest| digest.sha256.clone());
            let artefact = || -> Result<Artefact> {
                Ok(Artefact {
                    name: name.clone(),
                    version: version.clone(),
                    file: annotations.file.clone().ok_or_else(unnamed)?,
                    sha256: sha256.clone().ok_or_else(unnamed)?,
                })
            };
            match annotations.role {
                Role::Sdist => sdist = Some(artefact()?),
                Role::BuildRequirement => requirements.push(artefact()?),
                Role::Interpreter => {
                    python = Some(PythonRecord {
                        version: external.python.clone(),
                        full: version,
                        identity: annotations.identity.clone().ok_or_else(unnamed)?,
                    });
                }
                // The file name stands where others have their version.
                Role::Source => sources.push(SourceFile {
                    name,
                    url: uri.clone(),
                    file: version,
                    sha256: sha256.ok_or_else(unnamed)?,
                }),
                Role::Tool => tools.push(Tool { name, version, sha256: sha256.ok_or_else(unnamed)? }),
                Role::Crate => crates.push(Crate {
                    licence: annotations.licence.clone(),
                    source: annotations.source.clone(),
                    name,
                    version,
                    sha256,
                }),
                Role::Library => libraries.push(Library {
                    licence: annotations.licence.clone().ok_or_else(unnamed)?,
                    sha256: sha256.ok_or_else(unnamed)?,
                    origin: Some(uri.clone()).filter(|uri| *uri != generic_purl(&name, &version)),
                    file: annotations.file.clone(),
                    name,
                    version,
                }),
            }
        }
        BuildRecord {
            sdist: sdist.ok_or_else(|| bad("names no sdist"))?,
            target: external.target.clone(),
            python: python.ok_or_else(|| bad("names no interpreter"))?,
            requirements,
            sources,
            tools,
            libraries,
            crates,
            options: external.options.clone(),
            config_settings: external.config_settings.clone(),
            isolation: definition.internal_parameters.isolation.clone(),
            source_date_epoch: external.source_date_epoch,
            recipe_digest: definition.internal_parameters.recipe_digest.clone(),
        }
        .checked()
        // The file came from outside, so what is wrong in it is no bug of ours.
        .map_err(|error| bad("names impossible inputs").cause(error.headline()))
    }
}

fn dependencies(record: &BuildRecord) -> Vec<Dependency> {
    let dependency = |role, name: &str, version: &str, uri, sha256: &str| Dependency {
        name: name.to_owned(),
        uri,
        digest: is_sha256(sha256).then(|| Sha256 { sha256: sha256.to_owned() }),
        annotations: Annotations {
            role,
            version: version.to_owned(),
            file: None,
            source: None,
            licence: None,
            identity: None,
        },
    };
    let artefact = |role, artefact: &Artefact| {
        let Artefact { name, version, file, sha256 } = artefact;
        let mut described = dependency(role, name, version, pypi_purl(name, version, Some(file)), sha256);
        described.annotations.file = Some(file.clone());
        described
    };
    let mut python = {
        let PythonRecord { full, identity, .. } = &record.python;
        dependency(Role::Interpreter, "cpython", full, generic_purl("cpython", full), identity)
    };
    python.annotations.identity = Some(record.python.identity.clone());

    let mut all = vec![artefact(Role::Sdist, &record.sdist), python];
    all.extend(record.requirements.iter().map(|item| artefact(Role::BuildRequirement, item)));
    for SourceFile { name, url, file, sha256 } in &record.sources {
        all.push(dependency(Role::Source, name, file, url.clone(), sha256));
    }
    for Tool { name, version, sha256 } in &record.tools {
        all.push(dependency(Role::Tool, name, version, generic_purl(name, version), sha256));
    }
    for library in &record.libraries {
        let Library { name, version, licence, sha256, file, .. } = library;
        let mut described = dependency(Role::Library, name, version, library.purl(), sha256);
        described.annotations.licence = Some(licence.clone());
        described.annotations.file.clone_from(file);
        all.push(described);
    }
    for Crate { name, version, licence, sha256, source } in &record.crates {
        let uri = cargo_purl(name, version, source.as_deref());
        let mut item = dependency(Role::Crate, name, version, uri, sha256.as_deref().unwrap_or_default());
        item.annotations.licence = licence.clone();
        item.annotations.source = source.clone();
        all.push(item);
    }
    all
}
