//! One image for one platform: base, interpreter, packages, application; checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::attest::Attached;
use super::base::LoadedImage;
use super::bytecode;
use super::check::{self, Finding, Subject};
use super::digests;
use super::export::{Blob, Export};
use super::facts::{LayerFacts, PathFacts};
use super::oci::{self, ConfigFile, Descriptor, History, Index, Manifest, Platform, RootFs};
use super::pack::Packing;
use super::python::{ImagePython, Scheme};
use super::root::Root;
use super::select::select;
use super::site;
use super::source::{self, Placed, Reading, SourceTree};
use super::store::{Layer, LayerStore};
use super::tree::{Content, LayerTree, Node};
use crate::cache::{Cache, Digest, KeyParts, Requirement};
use crate::python::installer::GivenWheel;
use crate::python::interpreter::BuildPython;
use crate::report::{Code, Error, Report, Result};
use crate::target::{PythonVersion, Target};
use crate::wheel::{WheelArchive, WheelFileName};

/// The folders that engines search for programs when an image does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where the application goes when the user does not say.
pub const APPLICATION: &str = "/app";

/// How a container is run, where the user says so.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    pub env: Vec<(String, String)>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    /// `8080/tcp`
    pub expose: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

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
    /// Name and digest of the base.
    pub base: Option<(String, Option<String>)>,
    /// The trees that were put in, as `interpreter` and `application`, and their digests.
    pub sources: Vec<(&'static str, Digest)>,
}

/// A wheel given by its path. Its digest is known if it was read before.
///
/// # Errors
/// [`Code::InputNotFound`], [`Code::BadWheel`] when it is called like no wheel.
pub fn given_wheel(path: &Path, cache: &Cache) -> Result<GivenWheel> {
    if !path.is_file() {
        return Err(Error::new(Code::InputNotFound, format!("there is no wheel at `{}`", path.display())));
    }
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: WheelFileName = file.parse()?;
    Ok(GivenWheel {
        path: path.to_owned(),
        requirement: Requirement {
            name: name.name(),
            version: name.version().to_string(),
            file: file.to_owned(),
            sha256: digests::of_file(path, cache)?.to_string(),
        },
    })
}

/// Makes the image. `elsewhere` says whether the output has a blob already.
///
/// # Errors
/// As the stages say; [`Code::ImageCheck`] when the whole would not work.
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
    let base = request.base.as_ref().map(|base| (base.name.clone(), base.digest.clone()));
    let mut annotations = request.run.annotations.clone();
    if let Some((name, Some(digest))) = &base {
        let mut add = |key: &str, value: &str| {
            annotations
                .entry(format!("org.opencontainers.image.base.{key}"))
                .or_insert_with(|| value.to_owned());
        };
        add("name", name.split_once('@').map_or(name.as_str(), |(name, _)| name));
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

struct Maker<'m> {
    request: &'m Request<'m>,
    store: LayerStore<'m>,
    elsewhere: &'m dyn Fn(Digest, u64) -> bool,
    report: &'m Report,
    layers: Vec<Layer>,
    sources: Vec<(&'static str, Digest)>,
}

impl Maker<'_> {
    /// Finds the interpreter in what the user gave, else in the base; what it was given is a layer then.
    fn interpreter(&mut self) -> Result<ImagePython> {
        let request = self.request;
        let search: Vec<String> = request
            .base
            .as_ref()
            .and_then(|base| base.config.config.variable("PATH"))
            .unwrap_or(DEFAULT_PATH)
            .split(':')
            .map(str::to_owned)
            .collect();
        let mut seen = Vec::new();
        for placed in request.interpreters {
            let tree = source::interpreter(placed, request.exclude, self.store.cache(), self.report)?;
            let destination = placed.folder("/");
            let parts = self
                .below(KeyParts::new())
                .with("kind", "interpreter")
                .with("tree", tree.digest())
                .with("destination", &destination);
            let lower = self.root();
            let layer = self.store.layer("interpreter", &parts, request.packing, self.elsewhere, || {
                let mut layer = LayerTree::default();
                tree.place(&destination, &mut layer)?;
                layer.leave_out_folders(|path| lower.is_folder(path));
                Ok(layer)
            })?;
            let below = self.layers.iter().map(|layer| &*layer.facts);
            let root = Root::of(below.chain([&*layer.facts]));
            let found = ImagePython::all(&Root::of([&*layer.facts]));
            seen.extend(found.iter().map(ImagePython::describe));
            let fitting = ImagePython::find(&root, request.python, &search);
            if let Some(python) = fitting.filter(|python| {
                python.fits(&request.target) && found.iter().any(|own| own.program == python.program)
            }) {
                self.sources.push(("interpreter", tree.digest()));
                self.layers.push(layer);
                return Ok(python);
            }
        }
        let root = self.root();
        let found = ImagePython::all(&root);
        if request.interpreters.is_empty()
            && let Some(python) = ImagePython::find(&root, request.python, &search)
            && python.fits(&request.target)
        {
            return Ok(python);
        }
        seen.extend(found.iter().map(ImagePython::describe));
        let wanted =
            request.python.map_or_else(|| "Python".to_owned(), |version| format!("Python {version}"));
        let error =
            Error::new(Code::NoInterpreter, format!("no {wanted} for {} in the image", request.target));
        Err(match &seen[..] {
            [] => {
                error.cause("neither `--interpreter` nor `--base` brings a Python with its standard library")
            }
            _ => error.cause(format!("there is {}", seen.join("; "))),
        }
        .hint("give one: `--interpreter DIR`, an unpacked Python of that machine, or `--base IMAGE`"))
    }

    fn root(&self) -> Root {
        Root::of(self.layers.iter().map(|layer| &*layer.facts))
    }

    /// What lies below decides which folders a layer has to make.
    fn below(&self, parts: KeyParts) -> KeyParts {
        let below: Vec<String> = self.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        parts.with("below", below.join(" "))
    }

    fn packages(&mut self, wheels: &[&GivenWheel], scheme: &Scheme, lower: &Root) -> Result<()> {
        let request = self.request;
        let mut sizes = Vec::new();
        for wheel in wheels {
            let facts =
                std::fs::metadata(&wheel.path).map_err(|error| Error::io("read", &wheel.path, &error))?;
            sizes.push((wheel.requirement.name.clone(), facts.len()));
        }
        let below = self.below(KeyParts::new()).with("kind", "packages");
        let below = below
            .with("site", &scheme.site_packages)
            .with("scripts", &scheme.scripts)
            .with("data", &scheme.data)
            .with("headers", &scheme.headers)
            .with("program", &scheme.program)
            .with("bytecode", request.compile.map_or("", |python| python.full_version.as_str()));
        let groups = site::split(&sizes, request.split);
        let first = self.layers.len();
        for group in &groups {
            let members: Vec<&GivenWheel> = group.iter().map(|&at| wheels[at]).collect();
            let mut parts = below.clone();
            for wheel in &members {
                parts = parts.with(&format!("wheel.{}", wheel.requirement.file), &wheel.requirement.sha256);
            }
            let title = match (&members[..], groups.len()) {
                ([only], 2..) => format!("{} {}", only.requirement.name, only.requirement.version),
                _ => "packages".to_owned(),
            };
            let layer = self.store.layer(&title, &parts, request.packing, self.elsewhere, || {
                let mut tree = self.tree_of(&members, scheme)?;
                tree.leave_out_folders(|path| lower.is_folder(path));
                Ok(tree)
            })?;
            self.layers.push(layer);
        }
        self.check_groups(first, &groups, wheels, scheme)
    }

    fn tree_of(&self, wheels: &[&GivenWheel], scheme: &Scheme) -> Result<LayerTree> {
        let mut tree = LayerTree::default();
        for given in wheels {
            let wheel = Arc::new(WheelArchive::open(&given.path)?);
            let compiled = match self.request.compile {
                None => Vec::new(),
                Some(python) => {
                    let sha256 = &given.requirement.sha256;
                    bytecode::compile(&wheel, sha256, python, scheme, self.store.cache(), self.report)?
                }
            };
            site::place(&wheel, &compiled, scheme, &mut tree)?;
        }
        Ok(tree)
    }

    /// Wheels in different layers must not share a path either.
    fn check_groups(
        &self,
        first: usize,
        groups: &[Vec<usize>],
        wheels: &[&GivenWheel],
        scheme: &Scheme,
    ) -> Result<()> {
        let layers = &self.layers[first..];
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, layer) in layers.iter().enumerate() {
            for (path, facts) in &layer.facts.paths {
                if matches!(facts, PathFacts::Folder) {
                    continue;
                }
                if let Some(other) = seen.insert(path, number) {
                    let tree = |group: &[usize]| {
                        let members: Vec<&GivenWheel> = group.iter().map(|&at| wheels[at]).collect();
                        self.tree_of(&members, scheme)
                    };
                    tree(&groups[other])?.check_apart(&tree(&groups[number])?)?;
                }
            }
        }
        Ok(())
    }

    /// The application's layer; gives the folders it is in.
    fn application(&mut self, scheme: &Scheme, lower: &Root) -> Result<Vec<String>> {
        let request = self.request;
        if request.applications.is_empty() {
            return Ok(Vec::new());
        }
        let reading = Reading { is_root: false, exclude: request.exclude };
        let mut parts = self
            .below_application(KeyParts::new(), lower)
            .with("kind", "application")
            .with("site", &scheme.site_packages);
        let (mut trees, mut folders, mut search) = (Vec::new(), Vec::new(), String::new());
        for (number, placed) in request.applications.iter().enumerate() {
            let tree = SourceTree::open(&placed.source, reading, self.store.cache())?;
            let folder = placed.folder(APPLICATION);
            parts = parts.with(&format!("tree.{number}"), format!("{} {folder}", tree.digest()));
            self.sources.push(("application", tree.digest()));
            if placed.source.is_dir() {
                search.push_str(&format!("/{folder}\n"));
            }
            trees.push((tree, folder.clone()));
            folders.push(folder);
        }
        let layer = self.store.layer("application", &parts, request.packing, self.elsewhere, || {
            let mut layer = LayerTree::default();
            for (tree, folder) in &trees {
                tree.place(folder, &mut layer)?;
            }
            if !search.is_empty() {
                // So that imports of the application work from anywhere, without a variable.
                let node =
                    Node::File { content: Content::Bytes(search.as_bytes().into()), executable: false };
                let owner: Arc<str> = "the search path of the application".into();
                layer.insert(
                    &format!("{}/wheelbuild-application.pth", scheme.site_packages),
                    node,
                    &owner,
                )?;
            }
            layer.leave_out_folders(|path| lower.is_folder(path));
            Ok(layer)
        })?;
        for packages in self.layers.iter().filter(|layer| !layer.title.starts_with("interpreter")) {
            self.check_application(packages, &layer, lower)?;
        }
        self.layers.push(layer);
        Ok(folders)
    }

    /// Only folders on the way to the application's matter to its layer.
    fn below_application(&self, parts: KeyParts, lower: &Root) -> KeyParts {
        let mut known = BTreeSet::new();
        for placed in self.request.applications {
            let folder = placed.folder(APPLICATION);
            known.extend(
                lower.below(&folder).filter(|(_, facts)| **facts == PathFacts::Folder).map(|(path, _)| path),
            );
        }
        parts.with("folders", known.into_iter().collect::<Vec<_>>().join(":")).with(
            "base",
            self.layers
                .iter()
                .filter(|layer| layer.title == "interpreter")
                .map(|layer| layer.diff_id.to_string())
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    /// An application must not replace a file of a package.
    fn check_application(&self, packages: &Layer, layer: &Layer, lower: &Root) -> Result<()> {
        let file = |facts: &PathFacts| !matches!(facts, PathFacts::Folder);
        let taken = layer.facts.paths.iter().find(|(path, facts)| {
            file(facts) && lower.get(path).is_none() && packages.facts.paths.get(*path).is_some_and(file)
        });
        match taken {
            None => Ok(()),
            Some((path, _)) => {
                Err(Error::new(Code::PathConflict, format!("two files want the path `/{path}`"))
                    .cause(format!("it is in the application and in the layer `{}`", packages.title))
                    .hint("put the application into a folder of its own: `--app SRC:/app`"))
            }
        }
    }
}

/// The image's configuration.
fn configuration(
    request: &Request<'_>,
    layers: &[Layer],
    python: &ImagePython,
    folders: &[String],
) -> Result<ConfigFile> {
    let run = request.run;
    let created = oci::rfc3339(request.packing.mtime);
    let mut config = request.base.as_ref().map(|base| base.config.clone()).unwrap_or_default();
    let inherited = config.rootfs.diff_ids.len();
    let platform = Platform::of(&request.target);
    config.created = Some(created.clone());
    config.architecture = platform.architecture;
    config.os = platform.os;
    config.variant = config.variant.or(platform.variant);
    config.rootfs = RootFs {
        r#type: "layers".to_owned(),
        diff_ids: layers.iter().map(|layer| format!("sha256:{}", layer.diff_id)).collect(),
    };
    let described = config.history.iter().filter(|history| !history.empty_layer).count();
    if described != inherited {
        // A history that does not fit its layers is none.
        config.history = layers[..inherited].iter().map(|layer| history(layer, &created)).collect();
    }
    config.history.extend(layers[inherited..].iter().map(|layer| history(layer, &created)));

    let settings = &mut config.config;
    let own: Vec<String> = [&python.scheme.scripts, folder_of(&python.program)]
        .into_iter()
        .map(|folder| format!("/{folder}"))
        .collect();
    let mut path: Vec<String> =
        settings.variable("PATH").unwrap_or(DEFAULT_PATH).split(':').map(str::to_owned).collect();
    for folder in own.iter().rev() {
        if !path.contains(folder) {
            path.insert(0, folder.clone());
        }
    }
    settings.set_variable("PATH", &path.join(":"));
    for (name, value) in &run.env {
        settings.set_variable(name, value);
    }
    settings.entrypoint =
        Some(run.entrypoint.clone().unwrap_or_else(|| vec![format!("/{}", python.program)]));
    settings.cmd = run.cmd.clone();
    if let Some(user) = &run.user {
        settings.user = Some(user.clone());
    }
    let workdir = run.workdir.clone().or_else(|| {
        let placed = request.applications.iter().zip(folders).find(|(placed, _)| placed.source.is_dir());
        placed.map(|(_, folder)| format!("/{folder}"))
    });
    if let Some(workdir) = workdir {
        settings.working_dir = Some(workdir);
    }
    if !run.expose.is_empty() {
        let ports = settings.exposed_ports.get_or_insert_default();
        ports.extend(run.expose.iter().map(|port| (port.clone(), serde_json::json!({}))));
    }
    if !run.labels.is_empty() {
        settings.labels.get_or_insert_default().extend(run.labels.clone());
    }
    Ok(config)
}

fn folder_of(program: &str) -> &str {
    program.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn history(layer: &Layer, created: &str) -> History {
    History {
        created: Some(created.to_owned()),
        created_by: Some(format!("wheelbuild image: {}", layer.title)),
        ..History::default()
    }
}

impl RunOptions {
    /// The annotations of an index, which are those of its images.
    fn of_index(&self) -> BTreeMap<String, String> {
        self.annotations.clone()
    }
}

/// One image, or an index of several, as what has to be where it is put. `attached` are manifests that
/// name one of the images as their subject, with their blobs.
///
/// # Errors
/// A bug: documents are plain data.
pub fn export(images: &[Image], run: &RunOptions, attached: Vec<Attached>) -> Result<Export> {
    let mut blobs = Vec::new();
    for image in images {
        for layer in &image.layers {
            blobs.push((layer.descriptor.clone(), Blob::File(layer.blob.clone())));
        }
        blobs.push((Descriptor::of(oci::CONFIG, &image.config), Blob::Bytes(image.config.clone())));
        let plain = Descriptor { platform: None, ..image.descriptor.clone() };
        blobs.push((plain, Blob::Bytes(image.manifest.clone())));
    }
    let root = match images {
        [only] => only.descriptor.clone(),
        several => {
            let manifests = several.iter().map(|image| image.descriptor.clone()).collect();
            let index = oci::to_bytes(&Index::new(manifests, run.of_index()))?;
            let descriptor = Descriptor::of(oci::INDEX, &index);
            blobs.push((descriptor.clone(), Blob::Bytes(index)));
            descriptor
        }
    };
    let mut referrers = Vec::new();
    for (descriptor, manifest, contents) in attached {
        blobs.extend(contents.into_iter().map(|(descriptor, bytes)| (descriptor, Blob::Bytes(bytes))));
        blobs.push((descriptor.clone(), Blob::Bytes(manifest)));
        referrers.push(descriptor);
    }
    Ok(Export::new(root, blobs, referrers))
}
