//! The configuration of an image: what the base says, what the user says, what the layers are.

use std::collections::BTreeMap;

use super::assemble::Request;
use super::oci::{self, ConfigFile, History, Platform, RootFs};
use super::python::ImagePython;
use super::store::Layer;
use crate::report::Result;

/// The folders that engines search for programs when an image does not say.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

/// The image's configuration.
pub fn configuration(
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
    pub fn of_index(&self) -> BTreeMap<String, String> {
        self.annotations.clone()
    }
}
