//! One image for one platform: base, interpreter, packages, application; checked as a whole.

mod application;
mod interpreter;
mod packages;
mod replaced;

use std::sync::Arc;

use super::base::LoadedImage;
use super::check::{self, Finding, Subject};
use super::configuration::{RunOptions, configuration};
use super::facts::{LayerFacts, PathFacts};
use super::oci::{self, Descriptor, Manifest, Platform};
use super::pack::Packing;
use super::python::ImagePython;
use super::root::Root;
use super::select::select;
use super::source::Placed;
use super::store::{Layer, LayerStore};
use crate::cache::{Digest, KeyParts};
use crate::python::installer::GivenWheel;
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Report, Result};
use crate::target::{PythonVersion, Target};

pub use application::APPLICATION;

/// What an image is made of.
pub struct Request<'a> {
    pub target: Target,
    pub python: Option<PythonVersion>,
    pub wheels: &'a [GivenWheel],
    pub applications: &'a [Placed],
    pub interpreters: &'a [Placed],
    pub base: Option<LoadedImage>,
    /// Patterns of files of folders that are left out.
    pub exclude: &'a [String],
    /// Compiles the bytecode, if it is wanted.
    pub compile: Option<&'a BuildPython>,
    /// Most layers of packages, if large wheels get their own.
    pub split: Option<usize>,
    pub packing: Packing,
    pub run: &'a RunOptions,
    /// Patterns of files in which the check accepts everything.
    pub allow: &'a [String],
}

/// An image of one platform, complete and checked.
#[derive(Clone, Debug)]
pub struct Image {
    pub target: Target,
    pub python: ImagePython,
    pub layers: Vec<Layer>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
    /// Of the manifest.
    pub descriptor: Descriptor,
    pub packages: Vec<GivenWheel>,
    /// Notes of the check.
    pub findings: Vec<Finding>,
    /// Name in a registry and digest of the base, as far as it has them.
    pub base: Option<(Option<String>, Option<String>)>,
    /// The trees that were put in, as `interpreter` and `application`, and their digests.
    pub sources: Vec<(&'static str, Digest)>,
}

/// Makes the image. `elsewhere` says whether the output has a blob already.
///
/// # Errors
/// As the stages say; [`crate::report::Code::ImageCheck`] when the whole would not work.
pub fn assemble(
    request: &Request<'_>,
    store: LayerStore<'_>,
    elsewhere: &dyn Fn(Digest, u64) -> bool,
    report: &Report,
) -> Result<Image> {
    let subject = format!("image {}", Platform::of(&request.target));
    let mut maker = Maker { request, store, elsewhere, report, layers: Vec::new(), sources: Vec::new() };
    if let Some(base) = &request.base {
        maker.layers.extend(base.layers.iter().cloned());
    }
    let inherited = maker.layers.len();
    let python = report.phase(&subject, "interpreter", || maker.interpreter())?;
    report.detail(format!("{subject}: {}", python.describe()));
    let below: Vec<Arc<LayerFacts>> = maker.layers.iter().map(|layer| layer.facts.clone()).collect();
    let lower = Root::of(below.iter().map(|facts| &**facts));
    let wheels = select(request.wheels, python.version, &request.target)?;
    report.phase(&subject, "packages", || maker.packages(&wheels, &python.scheme, &lower))?;
    let folders = report.phase(&subject, "application", || maker.application(&python.scheme, &lower))?;
    let Maker { layers, sources, .. } = maker;

    let config = configuration(request, &layers, &python, &folders)?;
    let root = Root::of(layers.iter().map(|layer| &*layer.facts));
    let program = |root: &Root| {
        let place = root.resolve(&python.program)?;
        Some((root.layer_of(&place)?, place))
    };
    if program(&lower) != program(&root) {
        return Err(Error::new(
            Code::PathConflict,
            format!("something replaces the interpreter `/{}`", python.program),
        )
        .cause("a wheel or the application has a file or link of that path"));
    }
    check_kinds(&layers[inherited..], &layers[..inherited])?;
    let findings = Subject {
        root: &root,
        target: request.target,
        config: &config.config,
        python: Some(&python),
        allow: request.allow,
        applications: &folders,
    }
    .check();
    check::judge(&findings)?;

    let config = oci::to_bytes(&config)?;
    let base = request.base.as_ref().map(|base| (base.reference.clone(), base.digest.clone()));
    let mut annotations = request.run.annotations.clone();
    if let Some((reference, Some(digest))) = &base {
        let mut add = |key: &str, value: &str| {
            annotations
                .entry(format!("org.opencontainers.image.base.{key}"))
                .or_insert_with(|| value.to_owned());
        };
        if let Some(reference) = reference {
            add("name", reference);
        }
        add("digest", digest);
    }
    let manifest = oci::to_bytes(&Manifest {
        schema_version: 2,
        media_type: oci::MANIFEST.to_owned(),
        artifact_type: None,
        config: Descriptor::of(oci::CONFIG, &config),
        layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        subject: None,
        annotations,
    })?;
    Ok(Image {
        target: request.target,
        descriptor: Descriptor {
            platform: Some(Platform::of(&request.target)),
            ..Descriptor::of(oci::MANIFEST, &manifest)
        },
        python,
        layers,
        config,
        manifest,
        packages: wheels.into_iter().cloned().collect(),
        findings,
        base,
        sources,
    })
}

/// Says that no layer above the base puts a file in the place of a folder below it, which would take all of
/// that away, or a folder in the place of a file.
fn check_kinds(layers: &[Layer], below: &[Layer]) -> Result<()> {
    let mut root = Root::of(below.iter().map(|layer| &*layer.facts));
    for (number, layer) in layers.iter().enumerate() {
        for (path, facts) in &layer.facts.paths {
            let place = root.place(path);
            let both = (root.get(&place), facts);
            let what = match both {
                (Some(PathFacts::Folder), PathFacts::File(_) | PathFacts::Link(_)) => {
                    "a file or link where a folder is"
                }
                (Some(PathFacts::File(_) | PathFacts::Link(_)), PathFacts::Folder) => {
                    "a folder where a file or link is"
                }
                _ => continue,
            };
            let headline = format!("`/{place}` cannot be both");
            return Err(Error::new(Code::PathConflict, headline)
                .cause(format!("the layer `{}` has {what} in a layer below", layer.title)));
        }
        root.lay(&layer.facts, below.len() + number);
    }
    Ok(())
}

struct Maker<'m> {
    request: &'m Request<'m>,
    store: LayerStore<'m>,
    elsewhere: &'m dyn Fn(Digest, u64) -> bool,
    report: &'m Report,
    layers: Vec<Layer>,
    sources: Vec<(&'static str, Digest)>,
}

impl Maker<'_> {
    fn root(&self) -> Root {
        Root::of(self.layers.iter().map(|layer| &*layer.facts))
    }

    /// What lies below decides which folders a layer has to make.
    fn below(&self, parts: KeyParts) -> KeyParts {
        let below: Vec<String> = self.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        parts.with("below", below.join(" "))
    }
}
