//! Names of images in registries: `HOST/REPOSITORY[:TAG][@sha256:DIGEST]`.

use std::fmt;

use crate::report::{Code, Error, Result};

/// The registry that names without a host mean, as docker reads them.
const DOCKER_HUB: &str = "docker.io";

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// With its port.
    pub host: String,
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:…`
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a name. Without a host it is docker's own, as everywhere.
    ///
    /// # Errors
    /// [`Code::ImageReference`].
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::new(Code::ImageReference, format!("`{}` is no name of an image", text.escape_default()))
                .cause(why.to_owned())
                .hint("write it like `registry.example.org/team/app:1.0`")
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        if digest.as_deref().is_some_and(|digest| super::super::oci::sha256(digest).is_err()) {
            return Err(bad("its digest is no `sha256:` with 64 digits"));
        }
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let is_tag_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if tag
            .as_deref()
            .is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.chars().all(is_tag_char))
        {
            return Err(bad("its tag has other characters than letters, digits, `_`, `.` and `-`"));
        }
        let (host, repository) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest.to_owned()),
            Some(_) => (DOCKER_HUB, name.to_owned()),
            None => (DOCKER_HUB, format!("library/{name}")),
        };
        let is_name_char =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
        let is_component = |part: &str| !part.is_empty() && part.chars().all(is_name_char);
        if !repository.split('/').all(is_component) {
            return Err(bad("a repository is lower case letters, digits, `_`, `.`, `-` and `/`"));
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(bad("its host is none"));
        }
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }

    /// What is asked for: the digest, else the tag, else `latest`.
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The name without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// Where the API of the registry is.
    pub fn api_host(&self) -> &str {
        if self.host == DOCKER_HUB { "registry-1.docker.io" } else { &self.host }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_docker_reads_them() {
        for (text, meant) in [
            ("debian", "docker.io/library/debian"),
            ("me/app:1", "docker.io/me/app:1"),
            ("localhost/a", "localhost/a"),
            ("127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t"),
            ("example.org/a", "example.org/a"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), meant);
        }
        let digest = format!("h.org/a:1@sha256:{}", "a".repeat(64));
        let parsed = Reference::parse(&digest).unwrap();
        assert_eq!(parsed.to_string(), digest);
        assert_eq!(parsed.version(), format!("sha256:{}", "a".repeat(64)));
        for bad in ["", "h.org/", "h.org/A", "a:", "a:b c", "a@sha256:1", "h.org/a//b", "h.org/a/../b@x"] {
            assert_eq!(Reference::parse(bad).unwrap_err().code(), Code::ImageReference, "{bad}");
        }
    }
}
