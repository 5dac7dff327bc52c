//! Images that others made: checked like our own, and described.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::base::{LoadedImage, platform_of};
use super::check::{Finding, Subject};
use super::facts::PathFacts;
use super::python::ImagePython;
use super::root::Root;
use crate::target::Target;

/// Checks `image` as [`super::assemble()`] does what it makes. Gives what was found and the interpreter.
pub fn check(image: &LoadedImage, target: Target, allow: &[String]) -> (Vec<Finding>, Option<ImagePython>) {
    let root = Root::of(image.layers.iter().map(|layer| &*layer.facts));
    let config = &image.config.config;
    let python = interpreter(image, &root);
    let workdir = config.working_dir.as_deref().unwrap_or_default().trim_matches('/').to_owned();
    let applications: Vec<String> = Some(workdir).filter(|folder| !folder.is_empty()).into_iter().collect();
    let mut findings =
        Subject { root: &root, target, config, python: python.as_ref(), allow, applications: &applications }
            .check();
    let packages = root.iter().find(|(path, _)| path.ends_with(".dist-info/METADATA"));
    if let (None, Some((path, _))) = (&python, packages) {
        findings.insert(
            0,
            Finding {
                path: format!("/{path}"),
                what: "is of a package, and the image has no interpreter".to_owned(),
                chain: Vec::new(),
                fatal: true,
            },
        );
    }
    (findings, python)
}

fn interpreter(image: &LoadedImage, root: &Root) -> Option<ImagePython> {
    let config = &image.config.config;
    let started = config.entrypoint.iter().flatten().chain(config.cmd.iter().flatten()).next();
    let program = started.and_then(|program| root.resolve(program));
    let by_start = ImagePython::all(root)
        .into_iter()
        .find(|python| program.is_some() && root.resolve(&python.program) == program);
    let search: Vec<String> =
        config.variable("PATH").unwrap_or_default().split(':').map(str::to_owned).collect();
    by_start.or_else(|| ImagePython::find(root, None, &search))
}

/// Files of a layer over this size in the same package's tests are worth a word, in bytes.
const WORTH_A_WORD: u64 = 5 << 20;

/// What `image` holds: layers, packages, sizes, advice.
pub fn describe(image: &LoadedImage) -> Value {
    let root = Root::of(image.layers.iter().map(|layer| &*layer.facts));
    let python = interpreter(image, &root);
    let mut layers = Vec::new();
    let mut hidden_in_all = 0;
    for (number, layer) in image.layers.iter().enumerate() {
        let (mut files, mut size, mut hidden) = (0_u64, 0_u64, 0_u64);
        for (path, facts) in &layer.facts.paths {
            let PathFacts::File(file) = facts else { continue };
            files += 1;
            size += file.size;
            let place = root.resolve(path).unwrap_or_else(|| path.clone());
            if root.layer_of(&place) != Some(number) {
                hidden += file.size;
            }
        }
        hidden_in_all += hidden;
        layers.push(json!({
            "title": layer.title,
            "digest": layer.descriptor.digest,
            "diff_id": format!("sha256:{}", layer.diff_id),
            "media_type": layer.descriptor.media_type,
            "size": layer.descriptor.size,
            "files": files,
            "unpacked": size,
            "hidden": hidden,
            "contents": contents(&root, number),
        }));
    }
    let packages = packages(image, &root);
    let mut value = json!({
        "platform": platform_of(&image.config).to_string(),
        "digest": image.digest,
        "interpreter": python.as_ref().map(ImagePython::describe),
        "entrypoint": image.config.config.entrypoint,
        "cmd": image.config.config.cmd,
        "layers": layers,
        "packages": packages,
    });
    value["advice"] = json!(advice(image, &root, hidden_in_all));
    value
}

/// Groups of a layer's files that are seen in the image, largest first: in a folder of packages by what
/// stands directly in it, elsewhere by the first three names of the path.
fn contents(root: &Root, layer: usize) -> Vec<Value> {
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for (path, facts) in root.iter() {
        let PathFacts::File(file) = facts else { continue };
        if root.layer_of(path) != Some(layer) {
            continue;
        }
        let inside = ["site-packages/", "dist-packages/"].iter().find_map(|folder| {
            let at = path.find(folder)? + folder.len();
            Some(path[at..].split('/').next().unwrap_or_default())
        });
        let name = match inside {
            Some(name) => name.to_owned(),
            None => path.split('/').take(3).collect::<Vec<_>>().join("/"),
        };
        *sizes.entry(name).or_default() += file.size;
    }
    let mut groups: Vec<(String, u64)> = sizes.into_iter().collect();
    groups.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), name.clone()));
    groups.into_iter().map(|(name, size)| json!({ "name": name, "unpacked": size })).collect()
}

/// The packages of the image with the layer they are in, largest first. A package's size is that of the
/// top-level folder of its name, and of the libraries grafted into it.
fn packages(image: &LoadedImage, root: &Root) -> Vec<Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for (path, _) in root.iter() {
        let Some(info) = path.strip_suffix(".dist-info/METADATA") else { continue };
        let (site, stem) = info.rsplit_once('/').unwrap_or(("", info));
        let Some((name, version)) = stem.rsplit_once('-') else { continue };
        let size: u64 = [name.to_owned(), name.to_lowercase(), format!("{name}.libs")]
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .flat_map(|folder| root.below(&format!("{site}/{folder}")))
            .filter_map(|(_, facts)| match facts {
                PathFacts::File(file) => Some(file.size),
                _ => None,
            })
            .sum();
        let layer = root.layer_of(path).and_then(|number| image.layers.get(number));
        found.insert(
            stem.to_owned(),
            json!({
                "name": crate::metadata::normalize(name),
                "version": version,
                "unpacked": size,
                "layer": layer.map(|layer| layer.descriptor.digest.clone()),
            }),
        );
    }
    let mut packages: Vec<Value> = found.into_values().collect();
    packages.sort_by_key(|package| std::cmp::Reverse(package["unpacked"].as_u64()));
    packages
}

fn advice(image: &LoadedImage, root: &Root, hidden: u64) -> Vec<String> {
    let mut advice = Vec::new();
    let size_of = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        root.iter()
            .filter(|(path, _)| wanted(path))
            .filter_map(|(_, facts)| match facts {
                PathFacts::File(file) => Some(file.size),
                _ => None,
            })
            .sum()
    };
    let mib = |bytes: u64| bytes >> 20;
    if hidden > WORTH_A_WORD {
        advice.push(format!("{} MiB lie in layers below and are hidden by those above", mib(hidden)));
    }
    let tests = size_of(&|path| Subject::is_package(path) && path.contains("/tests/"));
    if tests > WORTH_A_WORD {
        advice.push(format!("tests of packages take {} MiB", mib(tests)));
    }
    let own = |path: &str| path.contains("/__pycache__/");
    let bytecode = size_of(&own);
    if bytecode > WORTH_A_WORD {
        advice.push(format!("bytecode takes {} MiB", mib(bytecode)));
    }
    let large = image.layers.iter().filter(|layer| layer.descriptor.size > 64 << 20);
    for layer in large.filter(|layer| layer.title.contains("packages")) {
        advice.push(format!(
            "the layer `{}` has {} MiB: with `--split` a new version of one package moves only its own layer",
            layer.title,
            mib(layer.descriptor.size)
        ));
    }
    advice
}
