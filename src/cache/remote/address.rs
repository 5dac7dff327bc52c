//! How a shared cache is named: `[rw:]PATH|URL`.

use std::path::{Path, PathBuf};

use url::Url;

use crate::report::{Code, Error, Result, redact};

/// What is behind an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder(PathBuf),
    Http(Url),
    /// `s3://BUCKET/PREFIX`
    S3(Url),
    /// `HOST/REPOSITORY` of an OCI registry.
    Registry(String),
}

/// A cache as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub place: Place,
    /// Spelled `rw:`.
    pub writable: bool,
}

impl Address {
    /// Reads `text`; a path is one below `folder`.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let (writable, rest) = match text.strip_prefix("rw:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let bad = |why: &str| {
            Error::new(Code::Usage, format!("`{}` is no shared cache", redact(text)))
                .cause(why.to_owned())
                .hint("name a folder, or an address like `https://cache.example.org/wheels/`")
        };
        if rest.is_empty() {
            return Err(bad("it names nothing"));
        }
        if !rest.contains("://") {
            return Ok(Self { place: Place::Folder(folder.join(rest)), writable });
        }
        let url = Url::parse(rest).map_err(|error| bad(&error.to_string()))?;
        let place = match url.scheme() {
            "file" => Place::Folder(url.to_file_path().map_err(|()| bad("it is no path of this machine"))?),
            "http" | "https" | "s3" | "oci" if url.query().is_some() || url.fragment().is_some() => {
                return Err(bad("an address with a query or a fragment has nothing below it"));
            }
            "http" | "https" => Place::Http(url),
            "s3" | "oci"
                if !url.username().is_empty() || url.password().is_some() || url.host().is_none() =>
            {
                return Err(bad(
                    "it is written without a user, as `s3://BUCKET/PREFIX`, `oci://HOST/REPOSITORY`",
                ));
            }
            "s3" => Place::S3(url),
            "oci" => Place::Registry(rest.trim_start_matches("oci://").trim_end_matches('/').to_owned()),
            other => return Err(bad(&format!("`{other}` is no way to reach one"))),
        };
        Ok(Self { place, writable })
    }

    /// For people: without userinfo and query.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Folder(path) => path.display().to_string(),
            Place::Http(url) => super::http::shown(url).trim_matches('`').to_owned(),
            Place::S3(url) => url.to_string(),
            Place::Registry(name) => format!("oci://{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let parse = |text| Address::parse(text, Path::new("/here"));
        let folder = |path: &str, writable| Address { place: Place::Folder(path.into()), writable };
        assert_eq!(parse("shared").unwrap(), folder("/here/shared", false));
        assert_eq!(parse("rw:/mnt/shared").unwrap(), folder("/mnt/shared", true));
        assert_eq!(parse("rw:file:///mnt/a%20b").unwrap(), folder("/mnt/a b", true));
        let web = parse("rw:https://me:secret@cache.test/wheels").unwrap();
        assert!(web.writable);
        assert_eq!(web.shown(), "https://cache.test/wheels");
        assert_eq!(parse("rw:s3://bucket/a/b").unwrap().shown(), "s3://bucket/a/b");
        let registry = parse("oci://localhost:5000/team/wheels").unwrap();
        assert_eq!(registry.place, Place::Registry("localhost:5000/team/wheels".into()));
        assert_eq!(registry.shown(), "oci://localhost:5000/team/wheels");
        for bad in [
            "",
            "rw:",
            "s3://",
            "s3://id:secret@bucket/",
            "oci://me@host/a",
            "ftp://host/x",
            "https://",
            "file://host/x",
            "https://a/?b",
            "s4://bucket",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.code(), Code::Usage, "{bad}");
        }
        let error = parse("gopher://me:secret@host/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
