//! What is said about an image beside it: an SBOM and a provenance, attached as referrers.
//!
//! The SBOM (CycloneDX 1.6) is composed of the wheels and the SBOMs inside of them (PEP 770), the
//! interpreter and the base; the provenance is an in-toto statement with a SLSA v1 predicate. Neither
//! has a clock, a random id or a path of the machine in it.

use serde_json::{Value, json};

use super::assemble::Image;
use super::oci::{self, Descriptor, Manifest};
use super::store::LayerStore;
use crate::python::installer::GivenWheel;
use crate::report::Result;
use crate::wheel::WheelArchive;

const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const BUILD_TYPE: &str = "urn:wheelbuild:build-type:image:1";

/// A manifest that is attached to another, with its blobs.
pub type Attached = (Descriptor, Vec<u8>, Vec<(Descriptor, Vec<u8>)>);

/// SBOM and provenance of `image`.
///
/// # Errors
/// When a wheel cannot be read.
pub fn attest(image: &Image, created: &str, store: LayerStore<'_>) -> Result<Vec<Attached>> {
    Ok(vec![
        attached(image, CYCLONEDX, &sbom(image, store)?, created)?,
        attached(image, IN_TOTO, &provenance(image), created)?,
    ])
}

fn attached(image: &Image, media_type: &str, document: &Value, created: &str) -> Result<Attached> {
    let content = oci::to_bytes(document)?;
    let layer = Descriptor::of(media_type, &content);
    let config = Descriptor::of(oci::EMPTY, oci::EMPTY_CONTENT);
    let subject = Descriptor { platform: None, ..image.descriptor.clone() };
    let annotations =
        [("org.opencontainers.image.created".to_owned(), created.to_owned())].into_iter().collect();
    let manifest = oci::to_bytes(&Manifest {
        schema_version: 2,
        media_type: oci::MANIFEST.to_owned(),
        artifact_type: Some(media_type.to_owned()),
        config: config.clone(),
        layers: vec![layer.clone()],
        subject: Some(subject),
        annotations,
    })?;
    let descriptor =
        Descriptor { artifact_type: Some(media_type.to_owned()), ..Descriptor::of(oci::MANIFEST, &manifest) };
    Ok((descriptor, manifest, vec![(config, oci::EMPTY_CONTENT.to_vec()), (layer, content)]))
}

fn sbom(image: &Image, store: LayerStore<'_>) -> Result<Value> {
    let python = image.python.full_version.clone().unwrap_or_else(|| image.python.version.to_string());
    let itself = format!("image:{}", image.descriptor.digest);
    let mut components = vec![json!({
        "type": "platform",
        "bom-ref": format!("cpython@{python}"),
        "name": "cpython",
        "version": python,
        "purl": format!("pkg:generic/cpython@{python}"),
    })];
    for given in &image.packages {
        components.push(package(given, store)?);
    }
    if let Some((name, digest)) = &image.base {
        let name = name.as_deref().unwrap_or("base");
        let mut base = json!({ "type": "container", "bom-ref": "base", "name": name });
        if let Some(digest) = digest {
            base["version"] = json!(digest);
        }
        components.push(base);
    }
    let parts: Vec<Value> = components.iter().map(|component| component["bom-ref"].clone()).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{ "phase": "build" }],
            "tools": { "components": [{
                "type": "application",
                "name": "wheelbuild",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "container",
                "bom-ref": itself,
                "name": "image",
                "version": image.descriptor.digest,
                "properties": [{ "name": "wheelbuild:target", "value": image.target.to_string() }],
            },
        },
        "components": components,
        "dependencies": [{ "ref": itself, "dependsOn": parts }],
    }))
}

/// A package with what its own SBOMs say is in it.
fn package(given: &GivenWheel, store: LayerStore<'_>) -> Result<Value> {
    let requirement = &given.requirement;
    let (name, version) = (&requirement.name, &requirement.version);
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("pypi:{name}@{version}"),
        "name": name,
        "version": version,
        "purl": format!("pkg:pypi/{name}@{version}"),
        "hashes": [{ "alg": "SHA-256", "content": requirement.sha256 }],
        "properties": [{ "name": "wheelbuild:file", "value": requirement.file }],
    });
    let known = store.cache().root().join("layers/wheels").join(format!("{}.json", requirement.sha256));
    let inner = match std::fs::read(&known).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
        Some(inner) => inner,
        None => {
            let inner = inside(given)?;
            store.cache().write(&known, &oci::to_bytes(&inner)?)?;
            inner
        }
    };
    for key in ["licenses", "components"] {
        if inner[key].as_array().is_some_and(|list| !list.is_empty()) {
            component[key] = inner[key].clone();
        }
    }
    Ok(component)
}

/// The licence and the components that a wheel names.
fn inside(given: &GivenWheel) -> Result<Value> {
    let wheel = WheelArchive::open(&given.path)?;
    let licence = wheel.metadata().get("License-Expression").map(|text| json!([{ "expression": text }]));
    let folder = format!("{}.dist-info/sboms/", wheel.stem());
    let mut components = Vec::new();
    for entry in wheel.entries() {
        let wanted = entry.name.strip_prefix(&folder).is_some_and(|rest| rest.ends_with(".json"));
        if !wanted || entry.folder || entry.size > 16 << 20 {
            continue;
        }
        // An SBOM of another format says nothing here.
        let Ok(document) = serde_json::from_slice::<Value>(&wheel.read(entry)?) else { continue };
        for inner in document["components"].as_array().into_iter().flatten() {
            let mut kept = serde_json::Map::new();
            for key in ["type", "name", "version", "purl", "hashes", "licenses"] {
                if let Some(value) = inner.get(key) {
                    kept.insert(key.to_owned(), value.clone());
                }
            }
            if kept.contains_key("type") && kept.contains_key("name") {
                components.push(Value::Object(kept));
            }
        }
    }
    Ok(json!({ "licenses": licence.unwrap_or_else(|| json!([])), "components": components }))
}

fn provenance(image: &Image) -> Value {
    let sha256 = |digest: &str| json!({ "sha256": digest.trim_start_matches("sha256:") });
    let mut dependencies: Vec<Value> = image
        .packages
        .iter()
        .map(|given| {
            let requirement = &given.requirement;
            json!({
                "name": requirement.name,
                "uri": format!("pkg:pypi/{}@{}?file_name={}", requirement.name, requirement.version, requirement.file),
                "digest": sha256(&requirement.sha256),
            })
        })
        .collect();
    if let Some((name, digest)) = &image.base {
        let name = name.as_deref().unwrap_or("base");
        let mut base = json!({ "name": name, "annotations": { "role": "base" } });
        if let Some(digest) = digest {
            base["digest"] = sha256(digest);
        }
        dependencies.push(base);
    }
    for (role, digest) in &image.sources {
        dependencies.push(json!({
            "name": role,
            "digest": { "sha256": digest.to_string() },
            "annotations": { "role": role },
        }));
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "image", "digest": sha256(&image.descriptor.digest) }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "target": image.target.to_string(),
                    "python": image.python.version.to_string(),
                },
                "internalParameters": { "recipeDigest": env!("WHEELBUILD_IMAGE_RECIPE") },
                "resolvedDependencies": dependencies,
            },
            "runDetails": { "builder": {
                "id": "urn:wheelbuild:builder",
                "version": { "wheelbuild": env!("CARGO_PKG_VERSION") },
            } },
        },
    })
}
