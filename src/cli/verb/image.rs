//! `image`: container images from wheels, an interpreter and an application.

use std::collections::BTreeMap;

use crate::cache::{Cache, Digest};
use crate::cli::output::{ImageOutput, LayerOutput, PackageOutput, PlatformImageOutput, VERSION};
use crate::cli::typed::{self, LayerCompression};
use crate::cli::{Context, print, print_json, ready, terminal};
use crate::image::registry::{self, Client, Reference, Repository};
use crate::image::{
    self, Compression, Image, Input, LayerStore, LoadedImage, OciLayout, Output, Packing, Placed, Platform,
    Request, RunOptions, Wheelhouse, words,
};
use crate::lock::{Lock, Selection};
use crate::python::interpreter::{self, BuildPython, Search};
use crate::report::{Code, Error, Result};
use crate::target::{Interpreter, PythonVersion, Target};

pub fn run(arguments: &typed::Image, context: &Context) -> Result<()> {
    crate::process::give_back_large_buffers();
    crate::cli::end_on_interrupt()?;
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let store = LayerStore::new(&cache);
    let offline = context.global.offline || found.config.offline.unwrap_or(false);
    let output = Output::parse(&arguments.output)?;
    let input = Input::parse(&arguments.base)?;
    let targets = targets(&arguments.target)?;
    let python: Option<PythonVersion> = arguments.python.as_deref().map(str::parse).transpose()?;
    let run = run_options(arguments)?;
    let place = |texts: &[String]| texts.iter().map(|text| Placed::parse(text)).collect::<Result<Vec<_>>>();
    let (applications, interpreters) = (place(&arguments.app)?, place(&arguments.interpreter)?);
    let wheels =
        arguments.wheels.iter().map(|path| image::given_wheel(path, &cache)).collect::<Result<Vec<_>>>()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.or(found.config.jobs);
    let packing = Packing {
        compression: compression(arguments.compression, arguments.estargz),
        mtime: epoch()?,
        jobs: jobs.map_or(cores, |jobs| usize::try_from(jobs.max(1)).unwrap_or(cores)),
    };
    let compiler = match arguments.compile {
        true => Some(compiler(python, &cache, context)?),
        false => None,
    };

    let elsewhere = |digest: Digest, size: u64| match &output {
        Output::Oci { folder, .. } => OciLayout::new(folder).has(digest, size),
        _ => false,
    };
    let chosen = match (&arguments.wheelhouse, &arguments.lock) {
        (Some(folder), Some(lock)) => {
            let python = python.ok_or_else(|| {
                Error::new(Code::Usage, "`--lock` needs to know the Python")
                    .hint("name the Python of the image: `--python 3.11`")
            })?;
            let selection = Selection::new(&arguments.extra, &arguments.group, &[]);
            Some((Wheelhouse::open(folder)?, Lock::read(lock, None)?, selection, python))
        }
        _ => None,
    };
    if let (Output::Zip(_) | Output::Folder(_) | Output::Packages(_), [_, _, ..]) = (&output, &targets[..]) {
        return Err(Error::new(Code::Usage, "a folder or zip is of one platform")
            .hint("name one `--target` for each"));
    }
    if matches!(output, Output::Packages(_)) && !applications.is_empty() {
        return Err(Error::new(Code::Usage, "`-o site-packages:` holds no application")
            .hint("leave out `--app`, or take the whole root: `-o dir:PATH`"));
    }
    let mut images = Vec::new();
    let mut function = None;
    for target in &targets {
        let mut wheels = wheels.clone();
        if let Some((house, lock, selection, python)) = &chosen {
            wheels.extend(house.select(lock, selection, target, *python, &cache, &context.report)?);
        }
        let base = base(&input, target, store, Access { insecure: arguments.insecure, offline }, context)?;
        let request = Request {
            target: *target,
            python,
            wheels: &wheels,
            applications: &applications,
            interpreters: &interpreters,
            base,
            exclude: &arguments.exclude,
            compile: compiler.as_ref(),
            split: arguments.split,
            packing,
            run: &run,
            allow: &arguments.allow,
        };
        let image = image::assemble(&request, store, &elsewhere, &context.report)?;
        for note in &image.findings {
            context.report.detail(format!("image {}: {note}", Platform::of(target)));
        }
        if let Some(compiler) = &compiler
            && compiler.version != image.python.version
        {
            return Err(Error::new(Code::Bytecode, format!("`--compile` has Python {}", compiler.version))
                .cause(format!("the image has {}", image.python.describe()))
                .hint(format!("name the version: `--python {}`", image.python.version)));
        }
        if let Output::Zip(file) = &output {
            function = Some(image::write_function(&image, &request, file, &cache, &context.report)?);
        }
        if let Output::Packages(path) = &output {
            image::unpack_packages(&image, &request, path, &cache, &context.report)?;
        }
        images.push(image);
    }
    let mut attached = Vec::new();
    if !arguments.no_attest {
        for image in &images {
            attached.extend(image::attest(image, &image::oci::rfc3339(packing.mtime), store)?);
        }
    }
    let export = image::export(&images, &run, attached)?;
    let digest = export.root().digest.clone();
    let reference = match &output {
        Output::Oci { folder, tag } => {
            OciLayout::new(folder).write(&export, tag)?;
            format!("oci:{}:{tag}@{digest}", folder.display())
        }
        Output::Docker { file, name } => {
            image::docker::write(&export, file, name.as_deref())?;
            match name {
                Some(name) => format!("docker:{}:{name}@{digest}", file.display()),
                None => format!("docker:{}@{digest}", file.display()),
            }
        }
        Output::Registry(reference) => {
            let client = Client::new(reference, arguments.insecure, offline, &context.report)?;
            let origin = match &input {
                Input::Registry(base) => registry::origin_of(&client, base),
                _ => None,
            };
            let pushed = context.report.phase(&reference.to_string(), "push", || {
                registry::push(&client, &export, origin.as_deref(), &cache, &context.report)
            })?;
            context.report.info(format!(
                "{reference}: {} blobs sent, {} mounted, {} there",
                pushed.sent, pushed.mounted, pushed.known
            ));
            let named = Reference { digest: Some(digest.clone()), ..reference.clone() };
            format!("registry:{named}")
        }
        Output::Folder(path) => {
            for image in &images {
                image::unpack(image, path)?;
            }
            format!("dir:{}@{digest}", path.display())
        }
        Output::Packages(path) => format!("site-packages:{}@{digest}", path.display()),
        Output::Zip(file) => {
            let sha256 = function.ok_or_else(|| Error::bug("no zip was written"))?;
            format!("zip:{}@sha256:{sha256}", file.display())
        }
    };
    show(&images, context);
    if context.global.json {
        return print_json(&ImageOutput {
            version: VERSION,
            reference,
            digest,
            images: images.iter().map(platform_output).collect(),
        });
    }
    print(&reference)
}

/// How registries may be spoken to.
#[derive(Clone, Copy)]
pub struct Access {
    pub insecure: bool,
    pub offline: bool,
}

/// The image to build upon, for `target`.
fn base(
    input: &Input,
    target: &Target,
    store: LayerStore<'_>,
    access: Access,
    context: &Context,
) -> Result<Option<LoadedImage>> {
    match input {
        Input::Scratch => Ok(None),
        other => open(other, target, store, access, context).map(Some),
    }
}

/// The image that `input` names, for `target`.
pub fn open(
    input: &Input,
    target: &Target,
    store: LayerStore<'_>,
    access: Access,
    context: &Context,
) -> Result<LoadedImage> {
    match input {
        Input::Scratch => Err(Error::new(Code::Usage, "`scratch` is no image to look at")),
        Input::Layout { folder, tag } => {
            let layout = OciLayout::new(folder);
            let root = layout.find(tag.as_deref())?;
            image::load(&layout, &root, target, &format!("oci:{}", folder.display()), store)
        }
        Input::Docker { file, name } => {
            image::load_docker_archive(file, name.as_deref(), Some(target), store)
        }
        Input::Registry(reference) => {
            let client = Client::new(reference, access.insecure, access.offline, &context.report)?;
            let repository = Repository { client: &client, store };
            let root = repository.root()?;
            image::load(&repository, &root, target, &reference.to_string(), store)
        }
    }
}

/// Says that everything in the image is for `target`. Only a docker archive's layers are read.
///
/// # Errors
/// As [`image::expect_platform`]; [`Code::Network`].
pub fn expect_platform(
    input: &Input,
    target: &Target,
    store: LayerStore<'_>,
    access: Access,
    context: &Context,
) -> Result<()> {
    match input {
        Input::Layout { folder, tag } => {
            let layout = OciLayout::new(folder);
            let root = layout.find(tag.as_deref())?;
            image::expect_platform(&layout, &root, target, &format!("oci:{}", folder.display()))
        }
        Input::Registry(reference) => {
            let client = Client::new(reference, access.insecure, access.offline, &context.report)?;
            let repository = Repository { client: &client, store };
            image::expect_platform(&repository, &repository.root()?, target, &reference.to_string())
        }
        Input::Scratch | Input::Docker { .. } => open(input, target, store, access, context).map(drop),
    }
}

/// The image that `path` names, where it is one: by its kind (`oci:`, `docker:`, `registry:`), or because
/// a layout or docker archive is there.
pub fn named(path: &std::path::Path) -> Result<Option<Input>> {
    let text = path.to_string_lossy();
    let is_named = ["oci:", "docker:", "registry:"].iter().any(|kind| text.starts_with(kind));
    if is_named || OciLayout::is_one(path) || image::is_docker_archive(path) {
        return Input::parse(&text).map(Some);
    }
    Ok(None)
}

/// What every image that `input` names holds, and which layers they share.
pub fn described(input: &Input, insecure: bool, context: &Context) -> Result<serde_json::Value> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let store = LayerStore::new(&cache);
    let all = |contents: &dyn image::Contents, root: &image::oci::Descriptor, name: &str| {
        let manifests = image::manifests(contents, root)?;
        manifests
            .iter()
            .map(|entry| image::load_manifest(contents, entry, name, store))
            .collect::<Result<Vec<LoadedImage>>>()
    };
    let images = match input {
        Input::Scratch => Vec::new(),
        Input::Layout { folder, tag } => {
            let layout = OciLayout::new(folder);
            all(&layout, &layout.find(tag.as_deref())?, &folder.display().to_string())?
        }
        Input::Docker { file, name } => {
            vec![image::load_docker_archive(file, name.as_deref(), None, store)?]
        }
        Input::Registry(reference) => {
            let offline = context.global.offline || found.config.offline.unwrap_or(false);
            let client = Client::new(reference, insecure, offline, &context.report)?;
            let repository = Repository { client: &client, store };
            all(&repository, &repository.root()?, &reference.to_string())?
        }
    };
    let mut by_layer: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for loaded in &images {
        for layer in &loaded.layers {
            let platform = image::platform_of(&loaded.config).to_string();
            by_layer.entry(layer.descriptor.digest.clone()).or_default().push(platform);
        }
    }
    let shared: Vec<serde_json::Value> = by_layer
        .into_iter()
        .filter(|(_, by)| by.len() > 1)
        .map(|(digest, by)| serde_json::json!({ "digest": digest, "by": by }))
        .collect();
    Ok(serde_json::json!({
        "version": VERSION,
        "kind": "image",
        "images": images.iter().map(image::examine::describe).collect::<Vec<_>>(),
        "shared": shared,
    }))
}

fn targets(typed: &[String]) -> Result<Vec<Target>> {
    if typed.is_empty() {
        return Err(Error::new(Code::Usage, "no target is given")
            .hint("say what the image runs on, for example `--target linux/amd64`"));
    }
    let mut targets: Vec<Target> = Vec::new();
    for text in typed {
        let target: Target = text.parse()?;
        if let Some(other) = targets.iter().find(|other| Platform::of(other) == Platform::of(&target)) {
            let headline = format!("`{text}` and `{other}` are one platform, {}", Platform::of(&target));
            return Err(Error::new(Code::Usage, headline));
        }
        targets.push(target);
    }
    Ok(targets)
}

pub fn compression(typed: LayerCompression, estargz: bool) -> Compression {
    match typed {
        _ if estargz => Compression::Estargz,
        LayerCompression::Gzip => Compression::Gzip,
        LayerCompression::Zstd => Compression::Zstd,
        LayerCompression::None => Compression::None,
    }
}

/// The date of everything: SOURCE_DATE_EPOCH, else 1970.
pub fn epoch() -> Result<u64> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(0);
    };
    // Dates are written with four digits of the year (RFC 3339).
    const YEAR_10000: u64 = 253_402_300_800;
    text.to_str().and_then(|text| text.parse().ok()).filter(|epoch| *epoch < YEAR_10000).ok_or_else(|| {
        Error::new(Code::Usage, "SOURCE_DATE_EPOCH is no number of seconds since 1970 up to the year 9999")
    })
}

/// The interpreter that compiles bytecode.
fn compiler(python: Option<PythonVersion>, cache: &Cache, context: &Context) -> Result<BuildPython> {
    let Some(version) = python else {
        return Err(Error::new(Code::Usage, "`--compile` needs to know the version")
            .hint("name the Python of the image: `--python 3.11`"));
    };
    let search = Search::from_environment(Some(cache.folder("interpreters")?));
    let wanted = Interpreter::Version(version);
    interpreter::find(Some(&wanted), &search, &context.report).map_err(|error| {
        Error::new(Code::Bytecode, format!("there is no Python {version} to compile bytecode"))
            .cause(error.headline())
    })
}

fn run_options(arguments: &typed::Image) -> Result<RunOptions> {
    let command = |text: &Option<String>| text.as_deref().map(words::command).transpose();
    let pairs = |texts: &[String]| texts.iter().map(|text| ready::setting(text)).collect::<Result<Vec<_>>>();
    let expose = arguments.expose.iter().map(|port| exposed(port)).collect::<Result<_>>()?;
    if let Some(folder) = arguments.workdir.as_deref().filter(|folder| !folder.starts_with('/')) {
        return Err(Error::new(Code::Usage, format!("`{folder}` is no folder a container can start in"))
            .hint(format!("name it from the root on: `--workdir /{folder}`")));
    }
    let map = |texts: &[String]| Ok::<_, Error>(pairs(texts)?.into_iter().collect::<BTreeMap<_, _>>());
    Ok(RunOptions {
        entrypoint: command(&arguments.entrypoint)?,
        cmd: command(&arguments.cmd)?,
        env: pairs(&arguments.env)?,
        user: arguments.user.clone(),
        workdir: arguments.workdir.clone(),
        expose,
        labels: map(&arguments.label)?,
        annotations: map(&arguments.annotation)?,
    })
}

/// `8080` as `8080/tcp`.
fn exposed(text: &str) -> Result<String> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    match (is_port, protocol) {
        (true, "tcp" | "udp" | "sctp") => Ok(format!("{port}/{protocol}")),
        _ => {
            Err(Error::new(Code::Usage, format!("`{text}` is no port"))
                .hint("write it like `--expose 8080/tcp`"))
        }
    }
}

fn platform_output(image: &Image) -> PlatformImageOutput {
    PlatformImageOutput {
        platform: Platform::of(&image.target).to_string(),
        target: image.target.to_string(),
        digest: image.descriptor.digest.clone(),
        config: format!("sha256:{}", Digest::of(&image.config)),
        interpreter: format!("/{}", image.python.program),
        python: image.python.full_version.clone().unwrap_or_else(|| image.python.version.to_string()),
        layers: image
            .layers
            .iter()
            .map(|layer| LayerOutput {
                title: layer.title.clone(),
                digest: layer.descriptor.digest.clone(),
                diff_id: format!("sha256:{}", layer.diff_id),
                size: layer.descriptor.size,
                cached: layer.cached,
            })
            .collect(),
        packages: image
            .packages
            .iter()
            .map(|given| &given.requirement)
            .map(|package| PackageOutput {
                name: package.name.clone(),
                version: package.version.clone(),
                file: package.file.clone(),
                sha256: package.sha256.clone(),
            })
            .collect(),
        notes: image.findings.iter().map(ToString::to_string).collect(),
    }
}

/// The table that ends a run.
fn show(images: &[Image], context: &Context) {
    for image in images {
        let mut rows = vec![["layer", "size", "digest", ""].map(str::to_owned).to_vec()];
        for layer in &image.layers {
            rows.push(vec![
                layer.title.chars().take(48).collect(),
                terminal::size(layer.descriptor.size),
                layer.descriptor.digest.clone(),
                if layer.cached { "cached" } else { "made" }.to_owned(),
            ]);
        }
        context.report.info(format!("{}: {}", Platform::of(&image.target), image.descriptor.digest));
        for line in terminal::table(&rows) {
            context.report.info(line);
        }
    }
}
