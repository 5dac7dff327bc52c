//! A shared cache in a bucket of an S3-compatible store: `s3://BUCKET[/PREFIX]`.
//!
//! Endpoint, region and credentials come from the variables that every tool for S3 reads. Requests are
//! signed addresses (AWS Signature Version 4), sent by the same client as those of the HTTP cache.

use std::time::Duration;

use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};
use ureq::http::Method;
use url::Url;

use super::http::{Web, refusal};
use super::store::{Kind, Store};
use crate::cache::Digest;
use crate::index::Variables;
use crate::report::{Code, Error, Result};

/// How long a signed address holds; clocks differ.
const VALID: Duration = Duration::from_secs(60 * 60);

/// The bucket.
pub(super) struct S3 {
    web: Web,
    bucket: Bucket,
    /// None asks as nobody: public buckets answer.
    credentials: Option<Credentials>,
    /// Empty, or ends in `/`.
    prefix: String,
}

impl S3 {
    /// The bucket at `address`, as the AWS variables among `variables` say how to reach it.
    ///
    /// # Errors
    /// [`Code::Config`] when they name no place.
    pub fn new(address: &Url, variables: &Variables, answer: Duration, insecure: bool) -> Result<Self> {
        let bad = |why: String| {
            Error::new(Code::Config, format!("cannot use the bucket `{address}`"))
                .cause(why)
                .hint("AWS_ENDPOINT_URL and AWS_REGION say where it is")
        };
        let named = |names: &[&str]| variables.first(names).filter(|value| !value.is_empty());
        let region = named(&["AWS_REGION", "AWS_DEFAULT_REGION"]).unwrap_or("us-east-1").to_owned();
        let (endpoint, style) = match named(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]) {
            // Few stores but Amazon's have a host name for each bucket.
            Some(endpoint) => (endpoint.to_owned(), UrlStyle::Path),
            None => (format!("https://s3.{region}.amazonaws.com"), UrlStyle::VirtualHost),
        };
        let endpoint = Url::parse(&endpoint).map_err(|error| bad(error.to_string()))?;
        let credentials = match (named(&["AWS_ACCESS_KEY_ID"]), named(&["AWS_SECRET_ACCESS_KEY"])) {
            (Some(id), Some(secret)) => Some(match named(&["AWS_SESSION_TOKEN"]) {
                Some(token) => Credentials::new_with_token(id, secret, token.to_owned()),
                None => Credentials::new(id, secret),
            }),
            _ => None,
        };
        let name = address.host_str().unwrap_or_default().to_owned();
        let prefix = address.path().trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let web = Web::new(&endpoint, crate::index::Credentials::default(), answer, insecure);
        let bucket = Bucket::new(endpoint, style, name, region).map_err(|error| bad(error.to_string()))?;
        Ok(Self { web, bucket, credentials, prefix })
    }

    fn key(&self, kind: Kind, name: Digest) -> String {
        format!("{}{}", self.prefix, kind.path(name))
    }

    fn refused(&self, url: &Url, status: u16) -> Error {
        let error = refusal(url, status);
        match (status, &self.credentials) {
            (403, None) => error.hint("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say who is asking"),
            (403, Some(_)) => error.hint("a key that may not list the bucket is refused what is not there"),
            _ => error,
        }
    }
}

impl Store for S3 {
    fn get(&self, kind: Kind, name: Digest, most: u64) -> Result<Option<Vec<u8>>> {
        let key = self.key(kind, name);
        let url = self.bucket.get_object(self.credentials.as_ref(), &key).sign(VALID);
        match self.web.call(&Method::GET, &url, None, most)? {
            (200, bytes) => Ok(Some(bytes)),
            (404, _) => Ok(None),
            (status, _) => Err(self.refused(&url, status)),
        }
    }

    fn has(&self, kind: Kind, name: Digest) -> Result<bool> {
        let key = self.key(kind, name);
        let url = self.bucket.head_object(self.credentials.as_ref(), &key).sign(VALID);
        match self.web.call(&Method::HEAD, &url, None, 0)?.0 {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(self.refused(&url, status)),
        }
    }

    fn put(&self, kind: Kind, name: Digest, bytes: &[u8]) -> Result<()> {
        let key = self.key(kind, name);
        let url = self.bucket.put_object(self.credentials.as_ref(), &key).sign(VALID);
        match self.web.call(&Method::PUT, &url, Some(bytes), 4096)?.0 {
            200..=299 => Ok(()),
            status => Err(self.refused(&url, status)),
        }
    }
}
