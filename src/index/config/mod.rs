//! Where packages come from, as the user's own pip and uv configuration says.
//!
//! Nothing here names an index. In order of precedence: `WHEELBUILD_INDEX_URL` (alone, and without
//! starting an interpreter: certificates and proxies then come from variables); uv's variables and
//! files, if they name a default index; else pip's variables and files, and at last the default
//! that pip itself carries. Indexes that uv adds to the default are asked in either case.

mod pip;
mod uv;

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::Variables;
use super::credentials::Credentials;
use crate::report::{Code, Error, Result, redact};

/// The variable that overrides every configuration of pip and uv.
pub const INDEX_URL: &str = "WHEELBUILD_INDEX_URL";

const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 4;

/// A place that offers files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A simple repository (PEP 503): one page per project below this address.
    Simple(Url),
    /// One page, folder or file list for all projects (`--find-links`).
    Links(Url),
}

impl Source {
    /// The address without userinfo.
    pub fn url(&self) -> &Url {
        match self {
            Self::Simple(url) | Self::Links(url) => url,
        }
    }
}

/// What to do when more than one index has a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The first index that has the project decides (uv's default): no other index can slip in a
    /// version of its own.
    FirstIndex,
    /// Every index may provide a version (pip's behaviour).
    AnyIndex,
}

/// The access to packages, with credentials taken out of every address.
#[derive(Clone, Debug)]
pub struct Access {
    /// In the order they are asked.
    pub sources: Vec<Source>,
    pub strategy: Strategy,
    pub credentials: Credentials,
    /// Certificates to trust instead of the system's: a PEM file or a folder of them.
    pub certificates: Option<PathBuf>,
    /// A PEM file with a certificate and its key to present.
    pub client_certificate: Option<PathBuf>,
    /// `host` or `host:port` that may be asked without TLS or with an unknown certificate.
    pub trusted_hosts: Vec<String>,
    /// A proxy for every request, instead of the proxy variables.
    pub proxy: Option<String>,
    /// The longest silence of a connection.
    pub timeout: Duration,
    /// How often a failed request is tried again.
    pub retries: u32,
    /// Ask the `keyring` program where no credentials are known.
    pub keyring: bool,
    /// What decided, for `--verbose` and `doctor`.
    pub origin: String,
}

/// What one tool's configuration says, before both are put together.
#[derive(Clone, Debug, Default)]
struct Settings {
    default_index: Option<String>,
    extra_indexes: Vec<String>,
    find_links: Vec<String>,
    no_index: bool,
    any_index: Option<bool>,
    certificates: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    trusted_hosts: Vec<String>,
    proxy: Option<String>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    keyring: bool,
    /// (address, user, password) that are configured apart from an address.
    credentials: Vec<(String, String, String)>,
}

impl Access {
    /// Finds the access out. May start the interpreter `python` once, to ask its pip.
    ///
    /// `folder` is the one the user stands in: uv looks there and above for the project's file.
    ///
    /// # Errors
    /// [`Code::IndexConfig`] when a file does not parse, an address is none, or neither pip nor uv
    /// can say what their default is.
    pub fn discover(variables: &Variables, folder: &Path, python: &Path) -> Result<Self> {
        if let Some(url) = variables.get(INDEX_URL) {
            // How to reach it is still the user's; what else there is to ask is not.
            let (pip, uv) = (pip::from_variables(variables), uv::from_variables(variables));
            let settings = Settings {
                default_index: Some(url.to_owned()),
                certificates: pip.certificates,
                client_certificate: pip.client_certificate,
                trusted_hosts: [pip.trusted_hosts, uv.trusted_hosts].concat(),
                proxy: pip.proxy,
                timeout: uv.timeout.or(pip.timeout),
                retries: uv.retries.or(pip.retries),
                keyring: pip.keyring || uv.keyring,
                ..Settings::default()
            };
            return Self::assemble(settings, INDEX_URL.to_owned(), variables, folder);
        }
        let uv = uv::read(variables, folder)?;
        if uv.default_index.is_some() || uv.no_index {
            return Self::assemble(uv, "uv's configuration".to_owned(), variables, folder);
        }
        let mut settings = pip::ask(python, variables)?;
        // Who adds an index by uv's means relies on uv's order.
        settings.any_index =
            if uv.extra_indexes.is_empty() { uv.any_index.or(settings.any_index) } else { uv.any_index };
        let mut extra = uv.extra_indexes;
        extra.append(&mut settings.extra_indexes);
        settings.extra_indexes = extra;
        settings.find_links.extend(uv.find_links);
        settings.trusted_hosts.extend(uv.trusted_hosts);
        settings.credentials.extend(uv.credentials);
        settings.timeout = uv.timeout.or(settings.timeout);
        settings.retries = uv.retries.or(settings.retries);
        settings.keyring |= uv.keyring;
        Self::assemble(settings, format!("the pip of `{}`", python.display()), variables, folder)
    }

    fn assemble(settings: Settings, origin: String, variables: &Variables, folder: &Path) -> Result<Self> {
        let mut credentials = Credentials::new(variables);
        let mut sources = Vec::new();
        for text in &settings.find_links {
            let url = location(text, folder)?;
            // pip only warns of a folder that is not there, and such settings linger.
            let gone = url.scheme() == "file" && url.to_file_path().is_ok_and(|path| !path.exists());
            if !gone {
                sources.push(Source::Links(credentials.take_from(url)));
            }
        }
        if !settings.no_index {
            // uv asks extra indexes before the default one; so does a first-index strategy need it.
            let any_index = settings.any_index.unwrap_or(false);
            let default = settings.default_index.iter();
            let extra = settings.extra_indexes.iter();
            let in_order: Vec<&String> =
                if any_index { default.chain(extra).collect() } else { extra.chain(default).collect() };
            for text in in_order {
                let url = as_folder(location(text, folder)?);
                let source = Source::Simple(credentials.take_from(url));
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        for (address, user, password) in settings.credentials {
            credentials.add(&location(&address, folder)?, &user, &password);
        }
        let certificates = settings.certificates.or_else(|| {
            variables
                .first(&["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
                .map(PathBuf::from)
        });
        Ok(Self {
            sources,
            strategy: match settings.any_index {
                Some(true) => Strategy::AnyIndex,
                _ => Strategy::FirstIndex,
            },
            credentials,
            certificates,
            client_certificate: settings
                .client_certificate
                .or_else(|| variables.first(&["PIP_CLIENT_CERT", "SSL_CLIENT_CERT"]).map(PathBuf::from)),
            trusted_hosts: settings.trusted_hosts,
            proxy: settings.proxy,
            timeout: settings.timeout.unwrap_or(TIMEOUT),
            retries: settings.retries.unwrap_or(RETRIES),
            keyring: settings.keyring,
            origin,
        })
    }

    /// Whether `host` (with or without the port of `url`) is configured as trusted.
    pub fn trusts(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        self.trusted_hosts.iter().any(|trusted| {
            trusted.eq_ignore_ascii_case(host)
                || with_port.as_deref().is_some_and(|with_port| trusted.eq_ignore_ascii_case(with_port))
        })
    }

    /// The same access as environment variables of uv, which reads no configuration of pip.
    ///
    /// Credentials stand in the values: for a child's environment, never for its arguments or a log.
    pub fn uv_environment(&self) -> Vec<(&'static str, String)> {
        let with_secret = |source: &Source| self.credentials.put_into(source.url()).to_string();
        let simple: Vec<String> =
            self.sources.iter().filter(|s| matches!(s, Source::Simple(_))).map(with_secret).collect();
        let links: Vec<String> =
            self.sources.iter().filter(|s| matches!(s, Source::Links(_))).map(with_secret).collect();
        let mut out = vec![("UV_NO_CONFIG", "1".to_owned())];
        let (default, extra) = match self.strategy {
            Strategy::FirstIndex => simple.split_last(),
            Strategy::AnyIndex => simple.split_first(),
        }
        .unzip();
        match default {
            Some(default) => out.push(("UV_DEFAULT_INDEX", default.clone())),
            None => out.push(("UV_NO_INDEX", "1".to_owned())),
        }
        if let Some(extra) = extra.filter(|extra| !extra.is_empty()) {
            out.push(("UV_INDEX", extra.join(" ")));
        }
        if !links.is_empty() {
            out.push(("UV_FIND_LINKS", links.join(",")));
        }
        let strategy = match self.strategy {
            Strategy::FirstIndex => "first-index",
            Strategy::AnyIndex => "unsafe-best-match",
        };
        out.push(("UV_INDEX_STRATEGY", strategy.to_owned()));
        if let Some(path) = &self.certificates {
            let variable = if path.is_dir() { "SSL_CERT_DIR" } else { "SSL_CERT_FILE" };
            out.push((variable, path.display().to_string()));
        }
        if let Some(path) = &self.client_certificate {
            out.push(("SSL_CLIENT_CERT", path.display().to_string()));
        }
        if let Some(proxy) = &self.proxy {
            out.extend(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, proxy.clone())));
        }
        if !self.trusted_hosts.is_empty() {
            out.push(("UV_INSECURE_HOST", self.trusted_hosts.join(" ")));
        }
        if self.keyring {
            out.push(("UV_KEYRING_PROVIDER", "subprocess".to_owned()));
        }
        out.push(("UV_HTTP_TIMEOUT", self.timeout.as_secs().max(1).to_string()));
        out.push(("UV_HTTP_RETRIES", self.retries.to_string()));
        out
    }
}

/// `text` as an address: a URL, or a path below `folder`.
fn location(text: &str, folder: &Path) -> Result<Url> {
    let text = text.trim();
    if text.contains("://") || text.starts_with("file:") {
        return Url::parse(text).map_err(|error| {
            Error::new(Code::IndexConfig, format!("`{}` is no address", redact(text)))
                .cause(error.to_string())
        });
    }
    let path = match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None => folder.join(text),
    };
    let url = if path.is_dir() { Url::from_directory_path(&path) } else { Url::from_file_path(&path) };
    url.map_err(|()| Error::new(Code::IndexConfig, format!("`{text}` is neither an address nor a path")))
}

/// The same address with a closing slash, so that joining goes below it.
fn as_folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

#[cfg(test)]
mod tests;
