//! How a server is reached: directly or by a proxy, with which certificates.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};
use url::Url;

use super::Variables;
use super::config::Access;
use crate::report::{Code, Error, Result, redact};

/// Agents by what they have in common, made when first needed.
#[derive(Debug, Default)]
pub struct Routes {
    agents: Mutex<HashMap<Route, Agent>>,
    roots: OnceLock<RootCerts>,
}

/// Requests that share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Route {
    secure: bool,
    verified: bool,
    loopback: bool,
}

/// What an agent is made of.
struct Making<'a> {
    access: &'a Access,
    variables: &'a Variables,
    roots: &'a OnceLock<RootCerts>,
}

impl Routes {
    /// The agent for requests to `url`.
    ///
    /// # Errors
    /// [`Code::IndexConfig`] when a proxy or certificate cannot be used.
    pub fn agent(&self, url: &Url, access: &Access, variables: &Variables) -> Result<Agent> {
        let route = Route {
            secure: url.scheme() == "https",
            verified: !access.trusts(url),
            loopback: is_loopback(url),
        };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&route) {
            return Ok(agent.clone());
        }
        let agent = Making { access, variables, roots: &self.roots }.agent(route)?;
        agents.insert(route, agent.clone());
        Ok(agent)
    }
}

impl Making<'_> {
    fn agent(&self, route: Route) -> Result<Agent> {
        Ok(Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("wheelbuild/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.access.timeout))
            .timeout_connect(Some(self.access.timeout))
            .timeout_per_read(Some(self.access.timeout))
            .timeout_per_write(Some(self.access.timeout))
            .proxy(self.proxy(route)?)
            .tls_config(self.tls(route)?)
            .build()
            .into())
    }

    fn proxy(&self, route: Route) -> Result<Option<Proxy>> {
        if route.loopback {
            return Ok(None);
        }
        let by_scheme = match route.secure {
            true => self.variables.first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            // HTTP_PROXY in capitals is a request header where a web server runs programs.
            false => self.variables.first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
        };
        let Some(text) = self.access.proxy.as_deref().or(by_scheme) else { return Ok(None) };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let wrong = || Error::new(Code::IndexConfig, format!("cannot use the proxy `{}`", redact(&text)));
        let proxy = Proxy::new(&text).map_err(|error| wrong().cause(error.to_string()))?;
        let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
        if let Some(user) = proxy.username() {
            builder = builder.username(user);
        }
        if let Some(password) = proxy.password() {
            builder = builder.password(password);
        }
        if let Some(hosts) = self.variables.first(&["no_proxy", "NO_PROXY"]) {
            builder = hosts
                .split(',')
                .map(str::trim)
                .filter(|host| !host.is_empty())
                .fold(builder, |builder, host| builder.no_proxy(host));
        }
        builder.build().map(Some).map_err(|error| wrong().cause(error.to_string()))
    }

    fn tls(&self, route: Route) -> Result<TlsConfig> {
        if !route.secure {
            return Ok(TlsConfig::default());
        }
        let mut builder = TlsConfig::builder().disable_verification(!route.verified);
        if route.verified {
            builder = builder.root_certs(self.roots()?);
        }
        if let Some(path) = &self.access.client_certificate {
            let wrong = |cause: String| {
                let headline = format!("cannot use the client certificate `{}`", path.display());
                Error::new(Code::IndexConfig, headline).cause(cause)
            };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let chain = certificates(&pem);
            let key = PrivateKey::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
            if chain.is_empty() {
                return Err(wrong("it holds no certificate".to_owned()));
            }
            builder = builder.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        Ok(builder.build())
    }

    fn roots(&self) -> Result<RootCerts> {
        if let Some(roots) = self.roots.get() {
            return Ok(roots.clone());
        }
        let wrong = |cause: String| {
            Error::new(Code::IndexConfig, "there are no certificates to trust")
                .cause(cause)
                .hint("name a PEM file of certificates with `SSL_CERT_FILE`")
        };
        let found = match &self.access.certificates {
            Some(path) => {
                let (file, folder) = if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
                rustls_native_certs::load_certs_from_paths(
                    file.map(|p| p.as_path()),
                    folder.map(|p| p.as_path()),
                )
            }
            None => rustls_native_certs::load_native_certs(),
        };
        if found.certs.is_empty() {
            let first = found.errors.first().map(ToString::to_string);
            let place = self.access.certificates.as_ref().map(|path| format!("`{}`", path.display()));
            return Err(wrong(match (first, place) {
                (Some(first), _) => first,
                (None, Some(place)) => format!("{place} holds none"),
                (None, None) => "the system has none".to_owned(),
            }));
        }
        let roots: RootCerts = found.certs.iter().map(|cert| Certificate::from_der(cert).to_owned()).into();
        Ok(self.roots.get_or_init(|| roots).clone())
    }
}

/// Whether `url` is of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    items.collect()
}
