//! HTTP as registries want it (distribution-spec 1.1): tokens, redirects that lose the credentials of
//! another host, and patience.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::http;
use url::Url;

use super::Reference;
use super::credentials::{self, Credentials};
use crate::index::{Access, Routes, Strategy, Variables, is_loopback};
use crate::report::{Code, Error, Report, Result, redact};

/// A registry hashes what it was sent before it answers.
const TIMEOUT: Duration = Duration::from_secs(300);
const REDIRECTS: usize = 10;
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// One repository of a registry.
pub struct Client {
    routes: Routes,
    access: Access,
    variables: Variables,
    base: Url,
    reference: Reference,
    pub(super) credentials: Option<Credentials>,
    /// Authorization headers by scope.
    tokens: Mutex<HashMap<String, String>>,
    report: Report,
}

/// What is sent.
#[derive(Clone, Copy)]
pub enum Body<'b> {
    None,
    Bytes(&'b [u8]),
    /// `count` bytes of a file from `from` on.
    Part {
        path: &'b Path,
        from: u64,
        count: u64,
    },
}

/// What is asked for.
#[derive(Clone)]
pub struct Call<'b> {
    pub method: http::Method,
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body<'b>,
    /// `repository:team/app:pull,push`; of several, with blanks between.
    pub scope: String,
}

pub struct Answer {
    pub status: u16,
    pub url: Url,
    headers: http::HeaderMap,
    pub body: ureq::BodyReader<'static>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address in `Location`.
    ///
    /// # Errors
    /// [`Code::Registry`] when there is none.
    pub fn location(&self) -> Result<Url> {
        self.header("location").and_then(|place| self.url.join(place).ok()).ok_or_else(|| {
            Error::new(Code::Registry, format!("{} names no place to go on", shown(&self.url)))
        })
    }

    /// At most `most` bytes of the body.
    ///
    /// # Errors
    /// [`Code::Registry`].
    pub fn bytes(mut self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.body.by_ref().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| broke_off(&self.url, &error))?;
        if bytes.len() as u64 > most {
            return Err(Error::new(Code::Registry, format!("{} has no end", shown(&self.url))));
        }
        Ok(bytes)
    }

    /// The error that this answer is.
    pub fn refusal(self) -> Error {
        let (status, url) = (self.status, self.url.clone());
        let code = if matches!(status, 401 | 403 | 404) { Code::NotInRegistry } else { Code::Registry };
        let host = url.host_str().unwrap_or_default().to_owned();
        let said = self.bytes(4096).unwrap_or_default();
        let error = Error::new(code, format!("{} answered with status {status}", shown(&url)));
        let error = match messages(&said) {
            Some(text) => error.cause(text),
            None => error,
        };
        match status {
            401 | 403 => error.hint(format!("log in: `docker login {host}`")),
            _ => error,
        }
    }
}

/// What the registry says is wrong ("Error Codes" of the specification).
fn messages(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let errors = value["errors"].as_array()?;
    let text = |error: &serde_json::Value| {
        Some(format!("{}: {}", error["code"].as_str()?, error["message"].as_str().unwrap_or_default()))
    };
    let all: Vec<String> = errors.iter().filter_map(text).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

impl Client {
    /// A client for the repository of `reference`. Plain HTTP is spoken with this machine and, if
    /// `insecure`, with whoever has no TLS.
    ///
    /// # Errors
    /// [`Code::Registry`] when nobody is there, [`Code::Config`] for unreadable credentials.
    pub fn new(reference: &Reference, insecure: bool, offline: bool, report: &Report) -> Result<Self> {
        if offline {
            return Err(Error::new(Code::Offline, format!("`{reference}` is in a registry"))
                .hint("copy it to an OCI layout beforehand and name that"));
        }
        let variables = Variables::of_process();
        let api = reference.api_host();
        let secure = Url::parse(&format!("https://{api}/")).map_err(|error| {
            Error::new(Code::ImageReference, format!("`{api}` is no host")).cause(error.to_string())
        })?;
        let mut trusted = Vec::new();
        if insecure {
            let host = secure.host_str().unwrap_or_default();
            trusted.push(secure.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")));
        }
        let access = Access {
            sources: Vec::new(),
            strategy: Strategy::FirstIndex,
            credentials: crate::index::Credentials::default(),
            certificates: None,
            client_certificate: None,
            trusted_hosts: trusted,
            proxy: None,
            timeout: TIMEOUT,
            retries: 0,
            keyring: false,
            origin: "image registry".to_owned(),
        };
        let mut client = Self {
            routes: Routes::default(),
            access,
            variables: variables.clone(),
            base: secure.clone(),
            credentials: credentials::find(&reference.host, &variables)?,
            reference: reference.clone(),
            tokens: Mutex::default(),
            report: report.clone(),
        };
        if insecure || is_loopback(&secure) {
            client.base = client.spoken(&secure)?;
        }
        Ok(client)
    }

    /// `secure`, or the same without TLS if the server speaks none.
    fn spoken(&self, secure: &Url) -> Result<Url> {
        let ping = secure.join("v2/").map_err(|error| Error::bug(error.to_string()))?;
        let agent = self.routes.agent(&ping, &self.access, &self.variables)?;
        if agent.get(ping.as_str()).call().is_ok() {
            return Ok(secure.clone());
        }
        let mut plain = secure.clone();
        // Only schemes of other kinds refuse.
        let _ = plain.set_scheme("http");
        Ok(plain)
    }

    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The address of `rest` below the repository.
    ///
    /// # Errors
    /// A bug: references are checked.
    pub fn url(&self, rest: &str) -> Result<Url> {
        let path = format!("v2/{}/{rest}", self.reference.repository);
        self.base.join(&path).map_err(|error| Error::bug(format!("`{path}`: {error}")))
    }

    pub fn scope(&self, actions: &str) -> String {
        format!("repository:{}:{actions}", self.reference.repository)
    }

    /// Makes a call, again where that may help.
    ///
    /// # Errors
    /// [`Code::Registry`] when there is no answer; any status is one.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let outcome = self.authorized(call);
            let passing = match &outcome {
                Ok(answer) => matches!(answer.status, 408 | 429 | 500 | 502 | 503 | 504),
                Err(error) => error.code() == Code::Registry,
            };
            // A part of an upload that may have arrived must not be sent blindly again.
            let repeatable = call.method != http::Method::PATCH && call.method != http::Method::POST;
            if !passing || tries >= TRIES || !repeatable {
                return outcome;
            }
            self.report.detail(format!("{}: trying again", shown(&call.url)));
            crate::process::pause(pause);
            crate::process::check_halted()?;
            pause *= 2;
            tries += 1;
        }
    }

    fn authorized(&self, call: &Call<'_>) -> Result<Answer> {
        let token = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&call.scope).cloned();
        let answer = self.redirected(call, token.as_deref())?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let Some(challenge) = answer.header("www-authenticate").map(str::to_owned) else { return Ok(answer) };
        let Some(header) = self.token(&challenge, &call.scope)? else { return Ok(answer) };
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(call.scope.clone(), header.clone());
        self.redirected(call, Some(&header))
    }

    /// Follows redirects. Credentials go to the registry's own host only.
    fn redirected(&self, call: &Call<'_>, authorization: Option<&str>) -> Result<Answer> {
        let mut url = call.url.clone();
        for _ in 0..=REDIRECTS {
            let ours = url.origin() == self.base.origin();
            let answer = self.one(call, &url, authorization.filter(|_| ours))?;
            // 202 with a place to go on is no redirect.
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            url = answer.location()?;
        }
        Err(Error::new(Code::Registry, format!("{} redirects without end", shown(&url))))
    }

    pub(super) fn one(&self, call: &Call<'_>, url: &Url, authorization: Option<&str>) -> Result<Answer> {
        self.check_scheme(url)?;
        let agent = self.routes.agent(url, &self.access, &self.variables)?;
        let mut request = http::Request::builder().method(call.method.clone()).uri(url.as_str());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let wrong = |error: http::Error| Error::bug(format!("request: {error}"));
        let sent = match call.body {
            Body::None => agent.run(request.body(()).map_err(wrong)?),
            Body::Bytes(bytes) => agent.run(request.body(bytes).map_err(wrong)?),
            Body::Part { path, from, count } => {
                let failed = |error: std::io::Error| Error::io("read", path, &error);
                let mut file = File::open(path).map_err(failed)?;
                file.seek(SeekFrom::Start(from)).map_err(failed)?;
                let mut part = file.take(count);
                let request = request.header("content-length", count.to_string());
                agent.run(request.body(ureq::SendBody::from_reader(&mut part)).map_err(wrong)?)
            }
        };
        let response = sent.map_err(|error| {
            let ours = Error::new(Code::Registry, format!("cannot reach {}", shown(url)))
                .cause(redact(&error.to_string()).into_owned());
            match is_loopback(url) || url.scheme() == "http" {
                true => ours,
                false => ours.hint("a registry without TLS is spoken to with `--insecure` only"),
            }
        })?;
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            url: url.clone(),
            headers: parts.headers,
            body: body.into_reader(),
        })
    }

    pub(super) fn check_scheme(&self, url: &Url) -> Result<()> {
        let known = url.scheme() == "https"
            || url.scheme() == "http" && (is_loopback(url) || self.access.trusts(url));
        if known {
            return Ok(());
        }
        Err(Error::new(Code::Registry, format!("{} would be reached without TLS", shown(url)))
            .hint("if you trust the network: `--insecure`"))
    }
}

/// An address as it may be shown: signed addresses carry tokens in their query.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    format!("`{url}`")
}

pub fn broke_off(url: &Url, error: &std::io::Error) -> Error {
    Error::new(Code::Registry, format!("{} broke off", shown(url))).cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_say_is_told() {
        let text = br#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}"#;
        assert_eq!(messages(text).as_deref(), Some("DENIED: no; X: "));
        assert_eq!(messages(b"<html>"), None);
    }
}
