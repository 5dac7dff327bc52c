//! uv's configuration: its variables and its files of the system, the user and the project.
//!
//! Read by ourselves: uv prints it nowhere, and may not be on this machine yet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Settings;
use crate::index::Variables;
use crate::report::{Code, Error, Result};

/// The keys of uv.toml (or `[tool.uv]`) that concern us; uv has many others.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    index: Vec<IndexTable>,
    #[serde(flatten)]
    legacy: Legacy,
    /// Settings for uv's pip interface, which win there.
    pip: Legacy,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Legacy {
    index_url: Option<String>,
    extra_index_url: Vec<String>,
    find_links: Vec<String>,
    no_index: Option<bool>,
    index_strategy: Option<String>,
    keyring_provider: Option<String>,
    allow_insecure_host: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct IndexTable {
    name: Option<String>,
    url: String,
    #[serde(default)]
    default: bool,
    /// Only for packages that a project pins to it.
    #[serde(default)]
    explicit: bool,
    #[serde(default)]
    format: Option<String>,
}

/// Everything uv would take into account when called in `folder`.
pub(super) fn read(variables: &Variables, folder: &Path) -> Result<Settings> {
    let mut settings = from_variables(variables);
    for path in files(variables, folder) {
        if let Some(file) = parse(&path)? {
            merge(&mut settings, file, path.parent().unwrap_or(folder), variables);
        }
    }
    Ok(settings)
}

/// What the `UV_` variables say.
pub(super) fn from_variables(variables: &Variables) -> Settings {
    let mut settings = Settings::default();
    let words = |name: &str| variables.get(name).into_iter().flat_map(str::split_whitespace);
    if let Some(value) = variables.first(&["UV_DEFAULT_INDEX", "UV_INDEX_URL"]) {
        let (name, url) = named(value);
        settings.credentials.extend(credentials_of(name, url, variables));
        settings.default_index = Some(url.to_owned());
    }
    for value in words("UV_INDEX").chain(words("UV_EXTRA_INDEX_URL")) {
        let (name, url) = named(value);
        settings.credentials.extend(credentials_of(name, url, variables));
        settings.extra_indexes.push(url.to_owned());
    }
    let links = variables.get("UV_FIND_LINKS").into_iter().flat_map(|value| value.split(','));
    settings.find_links = links.map(|link| link.trim().to_owned()).filter(|link| !link.is_empty()).collect();
    settings.no_index = variables.get("UV_NO_INDEX").is_some_and(|value| value != "0" && value != "false");
    settings.any_index = variables.get("UV_INDEX_STRATEGY").map(|value| value != "first-index");
    settings.trusted_hosts = words("UV_INSECURE_HOST").map(str::to_owned).collect();
    settings.timeout = variables
        .first(&["UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"])
        .and_then(|value| value.parse().ok())
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    settings.retries = variables.get("UV_HTTP_RETRIES").and_then(|value| value.parse().ok());
    settings.keyring = variables.get("UV_KEYRING_PROVIDER") == Some("subprocess");
    settings
}

/// `name=URL` or a bare URL.
fn named(value: &str) -> (Option<&str>, &str) {
    match value.split_once('=') {
        Some((name, url)) if !name.is_empty() && !name.contains([':', '/']) => (Some(name), url),
        _ => (None, value),
    }
}

/// `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD` of a named index.
fn credentials_of(name: Option<&str>, url: &str, variables: &Variables) -> Option<(String, String, String)> {
    let name: String =
        name?.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let user = variables.get(&format!("UV_INDEX_{name}_USERNAME")).unwrap_or_default();
    let password = variables.get(&format!("UV_INDEX_{name}_PASSWORD")).unwrap_or_default();
    let known = !user.is_empty() || !password.is_empty();
    known.then(|| (url.to_owned(), user.to_owned(), password.to_owned()))
}

/// The files in order of precedence: the project's, the user's, the system's.
fn files(variables: &Variables, folder: &Path) -> Vec<PathBuf> {
    if variables.get("UV_NO_CONFIG").is_some_and(|value| value != "0" && value != "false") {
        return Vec::new();
    }
    if let Some(path) = variables.get("UV_CONFIG_FILE") {
        return vec![folder.join(path)];
    }
    let mut files = Vec::new();
    for above in folder.ancestors() {
        let own = above.join("uv.toml");
        if own.is_file() {
            files.push(own);
            break;
        }
        let project = above.join("pyproject.toml");
        if project.is_file() {
            files.push(project);
            break;
        }
    }
    let user = variables
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variables.get("HOME").map(|home| Path::new(home).join(".config")));
    files.extend(user.map(|folder| folder.join("uv/uv.toml")));
    let system = variables.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    files.extend(system.split(':').map(|folder| Path::new(folder).join("uv/uv.toml")));
    files.push(PathBuf::from("/etc/uv/uv.toml"));
    files.retain(|path| path.is_file());
    files
}

fn parse(path: &Path) -> Result<Option<File>> {
    let wrong = |cause: String| {
        Error::new(Code::IndexConfig, format!("cannot read uv's configuration `{}`", path.display()))
            .cause(cause)
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    // The parser's message quotes the line, which may hold a password: only its place is told.
    let place = |error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        wrong(format!("line {line}: {}", error.message()))
    };
    if path.file_name().is_some_and(|name| name == "pyproject.toml") {
        let mut table: toml::Table = toml::from_str(&text).map_err(place)?;
        let uv = table.remove("tool").and_then(|mut tool| tool.as_table_mut()?.remove("uv"));
        return uv.map(|uv| uv.try_into().map_err(|error| wrong(error.to_string()))).transpose();
    }
    toml::from_str(&text).map(Some).map_err(place)
}

fn merge(settings: &mut Settings, file: File, beside: &Path, variables: &Variables) {
    let absolute = |text: String| {
        let is_path = !text.contains("://");
        if is_path { beside.join(text).to_string_lossy().into_owned() } else { text }
    };
    for table in file.index {
        settings.credentials.extend(credentials_of(table.name.as_deref(), &table.url, variables));
        if table.explicit {
            continue;
        }
        let url = absolute(table.url);
        if table.format.as_deref() == Some("flat") {
            settings.find_links.push(url);
        } else if table.default {
            settings.default_index.get_or_insert(url);
        } else {
            settings.extra_indexes.push(url);
        }
    }
    for part in [file.pip, file.legacy] {
        if let Some(url) = part.index_url {
            settings.default_index.get_or_insert_with(|| absolute(url));
        }
        settings.extra_indexes.extend(part.extra_index_url.into_iter().map(absolute));
        settings.find_links.extend(part.find_links.into_iter().map(absolute));
        settings.no_index |= part.no_index.unwrap_or(false);
        if let Some(strategy) = part.index_strategy {
            settings.any_index.get_or_insert(strategy != "first-index");
        }
        settings.keyring |= part.keyring_provider.as_deref() == Some("subprocess");
        settings.trusted_hosts.extend(part.allow_insecure_host);
    }
}
