//! A shared cache behind HTTP: GET, HEAD and PUT, as nginx with WebDAV and servers of Bazel's HTTP
//! cache know them (<https://bazel.build/remote/caching#http-caching>).

use std::io::Read as _;
use std::time::Duration;

use ureq::http::{Method, Request, Uri};
use url::Url;

use super::store::{Kind, Store, patience};
use crate::cache::Digest;
use crate::index::{Access, Credentials, Routes, Strategy, Variables, is_loopback};
use crate::process::{abandonable, check_halted, pause};
use crate::report::{Code, Error, Result, redact};

const REDIRECTS: usize = 5;
/// A connection that the server closed meanwhile, or a restart, must not cost the whole run its cache.
const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(300);

/// How caches are spoken to.
pub(super) struct Web {
    routes: Routes,
    access: Access,
    variables: Variables,
}

impl Web {
    /// Answers may take `answer`. With `insecure` any host may be spoken to without TLS, or with an
    /// unknown certificate.
    pub fn new(host: &Url, credentials: Credentials, answer: Duration, insecure: bool) -> Self {
        let trusted = insecure.then(|| host.host_str().unwrap_or_default().to_owned());
        let access = Access {
            sources: Vec::new(),
            strategy: Strategy::FirstIndex,
            credentials,
            certificates: None,
            client_certificate: None,
            trusted_hosts: trusted.into_iter().collect(),
            proxy: None,
            timeout: answer,
            retries: 0,
            keyring: false,
            origin: "shared cache".to_owned(),
        };
        Self { routes: Routes::default(), access, variables: Variables::of_process() }
    }

    /// One request, again when it may help. Gives the status, and at most `most` bytes of the body.
    ///
    /// # Errors
    /// [`Code::RemoteCache`] when there is no answer in time, or one that is too long.
    pub fn call(&self, method: &Method, url: &Url, body: Option<&[u8]>, most: u64) -> Result<(u16, Vec<u8>)> {
        for left in (0..TRIES).rev() {
            let outcome = self.redirected(method, url, body, most);
            let passing = match &outcome {
                Ok((status, _)) => matches!(status, 408 | 429 | 502..=504),
                Err(failure) => failure.passing,
            };
            check_halted()?;
            if !passing || left == 0 {
                return outcome.map_err(|failure| failure.error);
            }
            pause(PAUSE);
            check_halted()?;
        }
        Err(Error::bug("a request without a try"))
    }

    fn redirected(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&[u8]>,
        most: u64,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let mut here = url.clone();
        for _ in 0..=REDIRECTS {
            self.check_scheme(&here).map_err(Failure::lasting)?;
            let (status, location, bytes) =
                self.one(method, &here, body, most, here.origin() == url.origin())?;
            match location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) {
                Some(location) => {
                    here = here.join(&location).map_err(|error| {
                        Failure::lasting(failed(
                            &here,
                            format!("it redirects to what is no address: {error}"),
                        ))
                    })?;
                    // Userinfo that a server made up is not for us.
                    let _ = here.set_username("");
                    let _ = here.set_password(None);
                }
                None => return Ok((status, bytes)),
            }
        }
        Err(Failure::lasting(failed(url, "it redirects without end".to_owned())))
    }

    /// One request to one host; credentials only for the host that the user named.
    fn one(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&[u8]>,
        most: u64,
        ours: bool,
    ) -> Result<(u16, Option<String>, Vec<u8>), Failure> {
        let agent = self.routes.agent(url, &self.access, &self.variables).map_err(Failure::lasting)?;
        let uri: Uri =
            url.as_str().parse().map_err(|_| Failure::lasting(failed(url, "it is no address".to_owned())))?;
        let mut request = Request::builder().method(method.clone()).uri(uri);
        let authorization = match ours {
            true => self.access.credentials.header(url),
            false => self.access.credentials.header_of_named_host(url),
        };
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let size = body.map_or(most, |body| body.len() as u64);
        let time = patience(self.access.timeout, size);
        let body = body.map(<[u8]>::to_vec);
        // The time for all of it: one that sends a byte now and then has no end otherwise.
        let limited = move || -> Result<_, ureq::Error> {
            let response = match body {
                Some(bytes) => {
                    let request = request.header("content-type", "application/octet-stream").body(bytes);
                    let request = agent.configure_request(request?).timeout_global(Some(time)).build();
                    agent.run(request)?
                }
                None => {
                    let request =
                        agent.configure_request(request.body(())?).timeout_global(Some(time)).build();
                    agent.run(request)?
                }
            };
            let (parts, body) = response.into_parts();
            let mut bytes = Vec::new();
            let read = body.into_reader().take(most.saturating_add(1)).read_to_end(&mut bytes);
            read.map_err(ureq::Error::Io)?;
            Ok((parts, bytes))
        };
        let answer = abandonable(limited)
            .map_err(|_| Failure::lasting(Error::new(Code::Interrupted, "interrupted")))?;
        let (parts, bytes) = answer.map_err(|error| {
            let passing = matches!(error, ureq::Error::Io(_) | ureq::Error::ConnectionFailed);
            let text = error.to_string();
            let error = failed(url, redact(&text).into_owned());
            Failure { error, passing: passing && !text.contains("timeout") }
        })?;
        if bytes.len() as u64 > most && method == Method::GET && parts.status.is_success() {
            return Err(Failure::lasting(failed(url, format!("it answers with more than {most} bytes"))));
        }
        let location = parts.headers.get("location").and_then(|value| value.to_str().ok());
        Ok((parts.status.as_u16(), location.map(str::to_owned), bytes))
    }

    /// Only TLS, but for this machine itself and what the user allows.
    fn check_scheme(&self, url: &Url) -> Result<()> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_loopback(url) || self.access.trusts(url) => Ok(()),
            "http" => Err(failed(url, "it would be reached without TLS".to_owned())
                .hint("if you trust the network: `--insecure-cache`")),
            other => Err(failed(url, format!("`{other}` is no way to reach it"))),
        }
    }
}

struct Failure {
    error: Error,
    /// Another try may succeed.
    passing: bool,
}

impl Failure {
    fn lasting(error: Error) -> Self {
        Self { error, passing: false }
    }
}

/// Reaching `url` failed.
pub(super) fn failed(url: &Url, why: String) -> Error {
    Error::new(Code::RemoteCache, format!("cannot use {}", shown(url))).cause(why)
}

/// The failure that an answer of this status is.
pub(super) fn refusal(url: &Url, status: u16) -> Error {
    let error = failed(url, format!("it answers with status {status}"));
    let host = url.host_str().unwrap_or_default();
    match status {
        401 | 403 => error.hint(format!("put `machine {host} login USER password SECRET` into ~/.netrc")),
        413 => error.hint("raise the size that the server takes (nginx: `client_max_body_size`)"),
        507 => error.cause("it is full"),
        _ => error,
    }
}

/// An address as it may be shown: signed addresses carry their signature in the query.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    format!("`{url}`")
}

/// The cache below an address.
pub(super) struct Http {
    web: Web,
    root: Url,
}

impl Http {
    /// The cache at `root`; its userinfo, else the netrc file, says who is asking.
    pub fn new(root: Url, answer: Duration, insecure: bool) -> Self {
        let mut credentials = Credentials::new(&Variables::of_process());
        let mut root = credentials.take_from(root);
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        Self { web: Web::new(&root, credentials, answer, insecure), root }
    }

    fn url(&self, kind: Kind, name: Digest) -> Result<Url> {
        self.root.join(&kind.path(name)).map_err(|error| Error::bug(error.to_string()))
    }
}

impl Store for Http {
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>> {
        let url = self.url(kind, name)?;
        match self.web.call(&Method::GET, &url, None, most)? {
            (200, bytes) => Ok(Some(bytes)),
            (404 | 410, _) => Ok(None),
            (status, _) => Err(refusal(&url, status)),
        }
    }

    fn has(&self, kind: Kind, name: Digest) -> Result<bool> {
        let url = self.url(kind, name)?;
        match self.web.call(&Method::HEAD, &url, None, 0)?.0 {
            200 | 204 => Ok(true),
            404 | 410 => Ok(false),
            status => Err(refusal(&url, status)),
        }
    }

    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()> {
        let url = self.url(kind, name)?;
        match self.web.call(&Method::PUT, &url, Some(bytes), 4096)?.0 {
            200..=299 => Ok(()),
            status => Err(refusal(&url, status)),
        }
    }
}
