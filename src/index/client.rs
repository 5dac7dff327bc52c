//! HTTP as package indexes want it: the user's certificates, proxies and credentials, redirects that
//! lose the credentials of another host, and patience with what fails for a moment.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::config::Access;
use super::credentials::basic;
use super::page::{ACCEPT, JSON, Page};
use super::route::{Routes, is_loopback};
use super::{Source, Variables};
use crate::process::{Abandonable, abandonable, check_halted, pause};
use crate::report::{Code, Error, Report, Result, redact};

/// More hops than any index needs.
const REDIRECTS: usize = 10;
/// No project's page is near this, decompressed.
const LARGEST_PAGE: u64 = 512 << 20;
/// The first pause between two tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Tries in all, however much progress each of them makes.
const MOST_TRIES: u32 = 100;

/// An HTTP client for the user's indexes.
#[derive(Debug)]
pub(super) struct Client {
    access: Access,
    variables: Variables,
    report: Report,
    routes: Routes,
    /// What the keyring said for an origin and user.
    keyring: Mutex<HashMap<(String, String), Option<String>>>,
    pub(super) pause: fn(Duration),
}

/// An answer whose body is still to be read, as the server sent it (never decompressed).
pub(super) struct Answer {
    pub status: u16,
    /// Where it came from after redirects.
    pub url: Url,
    headers: ureq::http::HeaderMap,
    pub body: Abandonable,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What makes an answer believable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// The server's certificate.
    Server,
    /// A sha256 that was known beforehand: the way it comes does not matter.
    Content,
}

/// A try that failed.
pub(super) struct Failure {
    pub error: Error,
    /// Another try may succeed.
    pub passing: bool,
    /// The server asked for a pause of this length.
    pub pause: Option<Duration>,
    /// Some of a body arrived in this try.
    pub progressed: bool,
}

impl Failure {
    /// Trying again would not help.
    pub fn lasting(error: Error) -> Self {
        Self { error, passing: false, pause: None, progressed: false }
    }

    /// Trying again may help.
    pub fn passing(error: Error) -> Self {
        Self { error, passing: true, pause: None, progressed: false }
    }
}

impl Client {
    pub fn new(access: Access, variables: Variables, report: Report) -> Self {
        let (routes, keyring) = (Routes::default(), Mutex::default());
        Self { access, variables, report, routes, keyring, pause }
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The page at `url`, `None` when there is none (404 and 410, or no such folder).
    pub fn page(&self, url: &Url) -> Result<Option<Page>> {
        if url.scheme() == "file" {
            return local_page(url);
        }
        self.retrying(&shown(url), || {
            let answer = self.get(url, &[("accept", ACCEPT), ("accept-encoding", "gzip")], Trust::Server)?;
            match answer.status {
                200 => read_page(answer).map(Some),
                404 | 410 => Ok(None),
                _ => Err(refusal(&answer)),
            }
        })
    }

    /// Tries until it works, fails for good, or the configured number of tries without progress is
    /// used up, with growing pauses.
    pub fn retrying<T>(&self, what: &str, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        let (mut fruitless, mut tries) = (0, 0);
        loop {
            let failure = match attempt() {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            check_halted()?;
            tries += 1;
            fruitless = if failure.progressed { 0 } else { fruitless + 1 };
            if !failure.passing || fruitless > self.access.retries || tries >= MOST_TRIES {
                return Err(failure.error);
            }
            let grown = FIRST_PAUSE.saturating_mul(1 << fruitless.saturating_sub(1).min(10));
            let pause = failure.pause.unwrap_or(grown).min(LONGEST_PAUSE);
            self.report.detail(format!("{what}: {}; trying again", failure.error));
            (self.pause)(pause);
            check_halted()?;
        }
    }

    /// One GET, redirects followed. Any status is an answer.
    pub fn get(&self, url: &Url, headers: &[(&str, &str)], trust: Trust) -> Result<Answer, Failure> {
        let mut url = url.clone();
        for hop in 0..=REDIRECTS {
            self.check_scheme(&url, trust).map_err(Failure::lasting)?;
            let agent = self.routes.agent(&url, &self.access, &self.variables).map_err(Failure::lasting)?;
            let mut request = agent.get(url.as_str());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            // Looked up anew for each hop: what belongs to another origin is never sent.
            let authorization = self.of_keyring(&url).or_else(|| match hop {
                0 => self.access.credentials.header(&url),
                _ => self.access.credentials.header_of_named_host(&url),
            });
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let called = abandonable(move || request.call());
            let response = match called {
                Ok(response) => response.map_err(|error| {
                    let uri = url.as_str().parse::<ureq::http::Uri>();
                    let used = |proxy: &&ureq::Proxy| uri.is_ok_and(|uri| !proxy.is_no_proxy(&uri));
                    let proxy = agent.config().proxy().filter(used);
                    by_way_of(failure(&url, &error), proxy)
                })?,
                Err(_) => return Err(interrupted()),
            };
            let status = response.status().as_u16();
            let moved = matches!(status, 301 | 302 | 303 | 307 | 308);
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match location.filter(|_| moved) {
                Some(location) => {
                    let next = url.join(location).map_err(|error| {
                        let headline = format!("{} redirects to what is no address", shown(&url));
                        Failure::lasting(Error::new(Code::Network, headline).cause(error.to_string()))
                    })?;
                    url = without_userinfo(next);
                }
                None => {
                    let (parts, body) = response.into_parts();
                    return Ok(Answer {
                        status,
                        url,
                        headers: parts.headers,
                        body: Abandonable::new(body.into_reader()),
                    });
                }
            }
        }
        Err(Failure::lasting(Error::new(Code::Network, format!("{} redirects without end", shown(&url)))))
    }

    /// What the program `keyring` says, where the user chose it and an address names a user without a
    /// password. It is asked for the origin, then for the host, as pip and uv do.
    fn of_keyring(&self, url: &Url) -> Option<String> {
        if !self.access.keyring {
            return None;
        }
        let user = self.access.credentials.user_without_password(url)?;
        let origin = url.origin().ascii_serialization();
        let mut kept = self.keyring.lock().unwrap_or_else(PoisonError::into_inner);
        let password = kept.entry((origin.clone(), user.to_owned())).or_insert_with(|| {
            let services = [origin.as_str(), url.host_str().unwrap_or_default()];
            services.iter().find_map(|service| {
                let output = duct::cmd("keyring", ["get", service, user])
                    .full_env(self.variables.iter())
                    .stdin_null()
                    .stdout_capture()
                    .stderr_capture()
                    .unchecked()
                    .run()
                    .ok()
                    .filter(|output| output.status.success())?;
                let said = String::from_utf8(output.stdout).ok()?;
                Some(said.trim_end_matches(['\r', '\n']).to_owned()).filter(|password| !password.is_empty())
            })
        });
        password.as_deref().map(|password| basic(user, password))
    }

    /// Only TLS, but for this machine itself, hosts that the user trusts, and content that is known.
    fn check_scheme(&self, url: &Url, trust: Trust) -> Result<()> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if trust == Trust::Content || is_loopback(url) || self.access.trusts(url) => Ok(()),
            "http" => {
                let host = url.host_str().unwrap_or_default();
                Err(Error::new(Code::Network, format!("{} would be fetched without TLS", shown(url)))
                    .cause("plain http is used for this machine and for trusted hosts only")
                    .hint(format!("use https, or trust the host: `PIP_TRUSTED_HOST={host}`")))
            }
            other => {
                let headline = format!("cannot fetch from an address of scheme `{other}`");
                Err(Error::new(Code::Network, headline))
            }
        }
    }
}

impl Access {
    /// One line for people: what decided, and the addresses.
    pub fn describe(&self) -> String {
        let places: Vec<String> = self.sources.iter().map(|source: &Source| shown(source.url())).collect();
        format!("{} ({})", places.join(", "), self.origin)
    }
}

/// An address as it may be shown: no userinfo, no query (signed addresses carry tokens there).
pub(super) fn shown(url: &Url) -> String {
    let mut url = without_userinfo(url.clone());
    url.set_query(None);
    url.set_fragment(None);
    format!("`{url}`")
}

fn without_userinfo(mut url: Url) -> Url {
    // Both fail only for addresses that cannot have userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

fn local_page(url: &Url) -> Result<Option<Page>> {
    let wrong = || Error::new(Code::IndexConfig, format!("{} is no path of this machine", shown(url)));
    let path = url.to_file_path().map_err(|()| wrong())?;
    let index = path.join("index.html");
    let html = if index.is_file() { index } else { path.clone() };
    if html.is_file() {
        let text = std::fs::read(&html).map_err(|error| Error::io("read", &html, &error))?;
        return Page::from_html(&String::from_utf8_lossy(&text), url).map(Some);
    }
    if path.is_dir() { Page::from_folder(&path).map(Some) } else { Ok(None) }
}

fn read_page(mut answer: Answer) -> Result<Page, Failure> {
    let base = answer.url.clone();
    let cut_short = |error: std::io::Error| {
        let headline = format!("{} broke off", shown(&base));
        Failure::passing(Error::new(Code::Network, headline).cause(error.to_string()))
    };
    let zipped = answer.header("content-encoding").is_some_and(|value| value.eq_ignore_ascii_case("gzip"));
    let is_json = answer.header("content-type").is_some_and(|value| value.trim_start().starts_with(JSON));
    let mut bytes = Vec::new();
    match zipped {
        true => flate2::read::MultiGzDecoder::new(answer.body).take(LARGEST_PAGE + 1).read_to_end(&mut bytes),
        false => answer.body.by_ref().take(LARGEST_PAGE + 1).read_to_end(&mut bytes),
    }
    .map_err(cut_short)?;
    if bytes.len() as u64 > LARGEST_PAGE {
        return Err(Failure::lasting(Error::new(Code::Network, format!("{} has no end", shown(&base)))));
    }
    match is_json {
        true => Page::from_json(&bytes, &base),
        false => Page::from_html(&String::from_utf8_lossy(&bytes), &base),
    }
    .map_err(Failure::lasting)
}

/// The failure that an answer of this status is.
pub(super) fn refusal(answer: &Answer) -> Failure {
    let status = answer.status;
    let host = answer.url.host_str().unwrap_or_default();
    let error = Error::new(Code::Network, format!("{} answered with status {status}", shown(&answer.url)));
    let error = match status {
        401 | 403 => error
            .cause(format!("`{host}` wants other credentials"))
            .hint(format!("put `machine {host} login USER password SECRET` into ~/.netrc"))
            .hint("or put them into the index address of your pip or uv configuration"),
        407 => error.cause("the proxy wants credentials"),
        _ => error,
    };
    let pause = answer.header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs);
    let passing = matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
    Failure { error, passing, pause, progressed: false }
}

/// The failure that no answer is.
fn failure(url: &Url, error: &ureq::Error) -> Failure {
    use ureq::Error as Http;
    let host = url.host_str().unwrap_or_default();
    let ours = Error::new(Code::Network, format!("cannot fetch {}", shown(url)));
    let text = redact(&error.to_string()).into_owned();
    if text.to_ascii_lowercase().contains("certificate") {
        let ours = ours
            .cause(text)
            .hint("name a PEM file with the certificate of your network's authority: `SSL_CERT_FILE=/path/to/roots.pem`")
            .hint(format!("or trust the host without a check: `PIP_TRUSTED_HOST={host}`"));
        return Failure::lasting(ours);
    }
    match error {
        Http::HostNotFound => Failure::passing(ours.cause(format!("the host `{host}` is not known"))),
        Http::Timeout(what) => Failure::passing(ours.cause(format!("no answer in time ({what:?})"))),
        Http::Io(_) | Http::ConnectionFailed | Http::Protocol(_) => Failure::passing(ours.cause(text)),
        _ => Failure::lasting(ours.cause(text)),
    }
}

/// `failure`, and whether it is the proxy's: what it says is not about the host that was asked.
fn by_way_of(mut failure: Failure, proxy: Option<&ureq::Proxy>) -> Failure {
    failure.error = match proxy {
        Some(proxy) => failure
            .error
            .cause(format!("by way of the proxy `{}:{}`", proxy.host(), proxy.port()))
            .hint("the proxy is what `https_proxy`, `http_proxy` or pip's configuration says; `no_proxy=HOST` leaves it out"),
        None => failure.error.hint("check the network; behind a proxy say which: `https_proxy=URL`"),
    };
    failure
}

/// The process is to end.
fn interrupted() -> Failure {
    Failure::lasting(Error::new(Code::Interrupted, "interrupted"))
}

/// Reading or writing what is fetched failed on our side.
pub(super) fn disk(action: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::lasting(Error::io(action, path, error))
}
