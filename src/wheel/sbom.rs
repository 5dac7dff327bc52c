//! The SBOM inside the wheel (PEP 770): CycloneDX 1.6 as JSON.
//!
//! It is part of the wheel's bytes, which must be the same from every machine. So it names what does
//! not depend on the machine that built: every input with its version, and its digest where that is
//! one for all machines (the sdist, wheels for any platform, libraries of the target). The digests of
//! what ran on the build machine are in the provenance. There is no clock and no serial number.
//! <https://cyclonedx.org/docs/1.6/json/> is the specification.

use serde::{Deserialize, Serialize};

use super::build_record::{Artefact, BuildRecord, Crate, Library, cargo_purl, generic_purl, pypi_purl};
use super::file_name::WheelFileName;
use super::json;
use crate::report::{Code, Result, ResultExt};

/// Where the SBOM lies inside `.dist-info`.
pub const SBOM_NAME: &str = "sboms/wheelbuild.cdx.json";

/// The property that says what part an input had in the build.
const ROLE: &str = "wheelbuild:role";

/// The property that says what a grafted library is called in the wheel. Its digest is that of the
/// library as it was.
const GRAFTED: &str = "wheelbuild:grafted";

/// A CycloneDX document: the wheel, the libraries in it, and the formula it was made by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sbom {
    bom_format: String,
    spec_version: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    formulation: Vec<Formula>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    lifecycles: Vec<Lifecycle>,
    tools: Tools,
    component: Component,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifecycle {
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tools {
    components: Vec<Component>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Formula {
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    components: Vec<Component>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dependency {
    r#ref: String,
    depends_on: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    r#type: String,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "externalReferences")]
    external_references: Vec<Reference>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    r#type: String,
    url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    expression: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Property {
    name: String,
    value: String,
}

/// What part an input had in the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Sdist,
    Interpreter,
    BuildRequirement,
    Source,
    Tool,
    Library,
    Crate,
}

impl Role {
    /// As it is written into the documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sdist => "sdist",
            Self::Interpreter => "interpreter",
            Self::BuildRequirement => "build-requirement",
            Self::Source => "source",
            Self::Tool => "tool",
            Self::Library => "library",
            Self::Crate => "crate",
        }
    }
}

impl Component {
    fn input(role: Role, kind: &str, name: &str, version: &str) -> Self {
        Self {
            r#type: kind.to_owned(),
            bom_ref: format!("{}:{name}@{version}", role.name()),
            name: name.to_owned(),
            version: version.to_owned(),
            properties: vec![Property { name: ROLE.to_owned(), value: role.name().to_owned() }],
            ..Self::default()
        }
    }

    fn purl(self, purl: String) -> Self {
        Self { purl: Some(purl), ..self }
    }

    fn sha256(mut self, sha256: &str) -> Self {
        self.hashes.push(Hash { alg: "SHA-256".to_owned(), content: sha256.to_owned() });
        self
    }
}

impl Sbom {
    /// The SBOM of the wheel called `wheel` that was built from `record`.
    pub fn of(record: &BuildRecord, wheel: &WheelFileName) -> Self {
        let name = wheel.name();
        let version = wheel.version().to_string();
        let mut properties =
            vec![Property { name: "wheelbuild:tags".to_owned(), value: wheel.tags().to_string() }];
        // A wheel for any platform is the same whatever it was built for.
        if wheel.tags().platforms() != ["any"] {
            let target = Property { name: "wheelbuild:target".to_owned(), value: record.target.clone() };
            properties.insert(0, target);
        }
        let itself = Component {
            r#type: "library".to_owned(),
            bom_ref: format!("wheel:{name}@{version}"),
            purl: Some(pypi_purl(&name, &version, None)),
            properties,
            name,
            version,
            ..Component::default()
        };
        let wheelbuild = Component {
            r#type: "application".to_owned(),
            bom_ref: "wheelbuild".to_owned(),
            name: "wheelbuild".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Component::default()
        };
        let mut libraries: Vec<Component> = record.libraries.iter().map(library_component).collect();
        libraries.extend(record.crates.iter().map(crate_component));
        let dependency = Dependency {
            r#ref: itself.bom_ref.clone(),
            depends_on: libraries.iter().map(|library| library.bom_ref.clone()).collect(),
        };
        Self {
            bom_format: "CycloneDX".to_owned(),
            spec_version: "1.6".to_owned(),
            version: 1,
            metadata: Metadata {
                lifecycles: vec![Lifecycle { phase: "build".to_owned() }],
                tools: Tools { components: vec![wheelbuild] },
                component: itself,
            },
            components: libraries,
            dependencies: vec![dependency],
            formulation: vec![Formula { bom_ref: "build".to_owned(), components: formula(record) }],
        }
    }

    /// The document as text, always the same for the same content.
    pub fn to_json(&self) -> Result<String> {
        json::canonical(self)
    }

    /// Reads what [`Sbom::to_json`] wrote.
    ///
    /// # Errors
    /// [`Code::BadWheel`] when it is anything else.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).or_code(Code::BadWheel, || "the SBOM is none of wheelbuild's".to_owned())
    }

    /// Every input it names: role, name, version, digest where it has one; sorted.
    pub(super) fn inputs(&self) -> Vec<(&str, &str, &str, Option<&str>)> {
        let formulas = self.formulation.iter().flat_map(|formula| &formula.components);
        let mut inputs: Vec<_> = self
            .components
            .iter()
            .chain(formulas)
            .filter_map(|component| {
                let role = component.properties.iter().find(|property| property.name == ROLE)?;
                let hash = component.hashes.first().map(|hash| hash.content.as_str());
                Some((role.value.as_str(), component.name.as_str(), component.version.as_str(), hash))
            })
            .collect();
        inputs.sort_unstable();
        inputs
    }
}

fn library_component(library: &Library) -> Component {
    let mut component = Component {
        licenses: vec![Licence { expression: library.licence.clone() }],
        ..Component::input(Role::Library, "library", &library.name, &library.version)
            .purl(library.purl())
            .sha256(&library.sha256)
    };
    let file = library.file.iter().map(|file| Property { name: GRAFTED.to_owned(), value: file.clone() });
    component.properties.extend(file);
    component
}

fn crate_component(item: &Crate) -> Component {
    let component = Component {
        licenses: item.licence.iter().map(|text| Licence { expression: text.clone() }).collect(),
        ..Component::input(Role::Crate, "library", &item.name, &item.version).purl(cargo_purl(
            &item.name,
            &item.version,
            item.source.as_deref(),
        ))
    };
    match &item.sha256 {
        Some(sha256) => component.sha256(sha256),
        None => component,
    }
}

/// What the wheel was made with, but is not in it.
fn formula(record: &BuildRecord) -> Vec<Component> {
    let sdist = &record.sdist;
    let python = &record.python.version;
    let mut components = vec![
        Component::input(Role::Sdist, "file", &sdist.name, &sdist.version)
            // Its digest names it. A file name would let a renamed sdist give another wheel.
            .purl(pypi_purl(&sdist.name, &sdist.version, None))
            .sha256(&sdist.sha256),
        Component::input(Role::Interpreter, "platform", "cpython", python)
            .purl(generic_purl("cpython", python)),
    ];
    for requirement in &record.requirements {
        let component =
            Component::input(Role::BuildRequirement, "library", &requirement.name, &requirement.version)
                .purl(pypi_purl(&requirement.name, &requirement.version, None));
        components.push(match portable_sha256(requirement) {
            Some(sha256) => component.sha256(sha256),
            None => component,
        });
    }
    for source in &record.sources {
        components.push(Component {
            external_references: vec![Reference {
                r#type: "distribution".to_owned(),
                url: source.url.clone(),
            }],
            ..Component::input(Role::Source, "file", &source.name, &source.file).sha256(&source.sha256)
        });
    }
    for tool in &record.tools {
        components.push(
            Component::input(Role::Tool, "application", &tool.name, &tool.version)
                .purl(generic_purl(&tool.name, &tool.version)),
        );
    }
    components
}

/// The digest of a build requirement if every build machine would have taken the same file.
pub(super) fn portable_sha256(requirement: &Artefact) -> Option<&str> {
    requirement.file.ends_with("-none-any.whl").then_some(requirement.sha256.as_str())
}
