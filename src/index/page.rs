//! What an index offers of a project: the simple repository API as JSON (PEP 691) and as HTML
//! (PEP 503), and plain folders of files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use url::Url;

use super::credentials::percent_decode;
use super::html::start_tags;
use crate::report::{Code, Error, Result, ResultExt};

/// The content type of PEP 691's JSON.
pub(super) const JSON: &str = "application/vnd.pypi.simple.v1+json";
/// What is asked for, best first.
pub(super) const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
     application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A file that an index offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it lies: http, https or file; without userinfo and fragment.
    pub url: Url,
    /// The last part of its path, escapes decoded: no slash, no leading dot.
    pub filename: String,
    /// Lower-case hex, where the index tells it.
    pub sha256: Option<String>,
    /// Bytes, where the index tells it (PEP 700).
    pub size: Option<u64>,
    /// A version specifier (PEP 345) that the index hands on.
    pub requires_python: Option<String>,
    /// `Some` when its authors withdrew it (PEP 592), with their reason, if any.
    pub yanked: Option<String>,
    /// When it was published (RFC 3339), where the index tells it (PEP 700).
    pub upload_time: Option<String>,
    /// The metadata of a wheel lies beside it, at the same address with `.metadata` (PEP 658).
    pub metadata: Option<MetadataFile>,
}

/// The promise of a `.metadata` file beside a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFile {
    /// Lower-case hex, where the index tells it.
    pub sha256: Option<String>,
}

impl RemoteFile {
    /// A file known by its address alone, as locks name them.
    ///
    /// # Errors
    /// [`Code::IndexConfig`] when the address is none, or names no file.
    pub fn from_url(url: &str, sha256: Option<String>) -> Result<Self> {
        let wrong = || Error::new(Code::IndexConfig, format!("`{url}` is no address of a file"));
        let url = Url::parse(url).map_err(|error| wrong().cause(error.to_string()))?;
        let mut file = Self::at(url).ok_or_else(wrong)?;
        file.sha256 = sha256.or(file.sha256);
        Ok(file)
    }

    /// A file by its address and the name it is to have, which the address need not tell.
    ///
    /// # Errors
    /// [`Code::Network`] when the address is none.
    pub fn named(url: &str, filename: &str, sha256: Option<String>) -> Result<Self> {
        let wrong = || Error::new(Code::Network, format!("`{url}` is no address of a file"));
        let mut url = Url::parse(url).map_err(|error| wrong().cause(error.to_string()))?;
        url.set_fragment(None);
        is_filename(filename)
            .then(|| Self {
                url,
                filename: filename.to_owned(),
                sha256,
                size: None,
                requires_python: None,
                upload_time: None,
                yanked: None,
                metadata: None,
            })
            .ok_or_else(wrong)
    }

    fn at(mut url: Url) -> Option<Self> {
        let sha256 = url.fragment().and_then(|fragment| {
            let value = fragment.split('&').find_map(|part| part.strip_prefix("sha256="))?;
            is_sha256(value).then(|| value.to_ascii_lowercase())
        });
        url.set_fragment(None);
        let filename = percent_decode(url.path().rsplit('/').next()?);
        is_filename(&filename).then_some(Self {
            url,
            filename,
            sha256,
            size: None,
            requires_python: None,
            yanked: None,
            upload_time: None,
            metadata: None,
        })
    }
}

/// One project's files as one index page lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub files: Vec<RemoteFile>,
}

impl Page {
    /// Reads PEP 691 JSON; `base` is the address it came from.
    ///
    /// # Errors
    /// [`Code::Network`] when it is not such JSON, or of a major version other than 1.
    pub fn from_json(bytes: &[u8], base: &Url) -> Result<Self> {
        let wrong = || format!("`{base}` is no simple repository page");
        let page: JsonPage = serde_json::from_slice(bytes).or_code(Code::Network, wrong)?;
        check_version(&page.meta.api_version, base)?;
        let files = page.files.into_iter().filter_map(|file| file.into_remote(base)).collect();
        Ok(Self { files })
    }

    /// Reads PEP 503 HTML; `base` is the address it came from.
    ///
    /// # Errors
    /// [`Code::Network`] when it claims a major version other than 1.
    pub fn from_html(text: &str, base: &Url) -> Result<Self> {
        let mut base = base.clone();
        let mut files = Vec::new();
        for tag in start_tags(text) {
            match tag.name.as_str() {
                "base" => {
                    if let Some(moved) = tag.get("href").and_then(|href| base.join(href).ok()) {
                        base = moved;
                    }
                }
                "meta" if tag.get("name") == Some("pypi:repository-version") => {
                    check_version(tag.get("content").unwrap_or("1.0"), &base)?;
                }
                "a" => {
                    let joined = tag.get("href").and_then(|href| base.join(href.trim()).ok());
                    let Some(mut file) = joined.and_then(RemoteFile::at) else { continue };
                    file.requires_python = tag.get("data-requires-python").map(str::to_owned);
                    file.yanked = tag.get("data-yanked").map(str::to_owned);
                    let metadata =
                        tag.get("data-core-metadata").or_else(|| tag.get("data-dist-info-metadata"));
                    file.metadata = metadata.filter(|value| *value != "false").map(|value| MetadataFile {
                        sha256: value.strip_prefix("sha256=").map(str::to_ascii_lowercase),
                    });
                    files.push(file);
                }
                _ => {}
            }
        }
        Ok(Self { files })
    }

    /// Lists a folder (`--find-links DIR`), in byte order.
    ///
    /// # Errors
    /// [`Code::Io`] when it cannot be read.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Error::io("list", folder, &error);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if !path.is_file() {
                continue;
            }
            if let Some(mut file) = Url::from_file_path(&path).ok().and_then(RemoteFile::at) {
                file.size = path.metadata().ok().map(|metadata| metadata.len());
                files.push(file);
            }
        }
        files.sort_by(|a, b| a.filename.cmp(&b.filename));
        Ok(Self { files })
    }
}

/// A name that can be written into a folder without leading anywhere else.
pub(super) fn is_filename(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0'])
        && !name.chars().any(char::is_control)
}

/// 64 hex digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_version(version: &str, base: &Url) -> Result<()> {
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    Err(Error::new(Code::Network, format!("`{base}` speaks version {version} of the simple repository API"))
        .cause("only version 1 is known"))
}

#[derive(Deserialize)]
struct JsonPage {
    meta: Meta,
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    yanked: Option<Flag<String>>,
    size: Option<u64>,
    upload_time: Option<String>,
    core_metadata: Option<Flag<BTreeMap<String, String>>>,
    dist_info_metadata: Option<Flag<BTreeMap<String, String>>>,
}

/// A value, or just yes or no.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag<T> {
    Bare(bool),
    With(T),
}

impl<T: Default> Flag<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Bare(yes) => yes.then(T::default),
            Self::With(value) => Some(value),
        }
    }
}

impl JsonFile {
    fn into_remote(self, base: &Url) -> Option<RemoteFile> {
        let mut file = RemoteFile::at(base.join(&self.url).ok()?)?;
        if !is_filename(&self.filename) {
            return None;
        }
        file.filename = self.filename;
        let sha256 = |hashes: &BTreeMap<String, String>| {
            hashes.get("sha256").filter(|value| is_sha256(value)).map(|value| value.to_ascii_lowercase())
        };
        file.sha256 = sha256(&self.hashes).or(file.sha256);
        file.size = self.size;
        file.requires_python = self.requires_python.filter(|text| !text.is_empty());
        file.yanked = self.yanked.and_then(Flag::value);
        file.upload_time = self.upload_time;
        file.metadata = self
            .core_metadata
            .or(self.dist_info_metadata)
            .and_then(Flag::value)
            .map(|hashes| MetadataFile { sha256: sha256(&hashes) });
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://index.test/simple/a/").unwrap()
    }

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF";

    #[test]
    fn json_with_every_optional_key_and_with_none() {
        let text = format!(
            r#"{{"meta": {{"api-version": "1.1"}}, "name": "a", "files": [
                {{"filename": "a-1+c.tar.gz", "url": "../../f/a-1%2Bc.tar.gz", "hashes": {{"sha256": "{HASH}"}},
                  "requires-python": ">=3.8", "yanked": "broken", "size": 7, "upload-time": "2026-01-31T01:02:03Z", "core-metadata": false}},
                {{"filename": "a-2-py3-none-any.whl", "url": "https://files.test/a-2-py3-none-any.whl",
                  "hashes": {{"md5": "00"}}, "yanked": false, "dist-info-metadata": {{"sha256": "{HASH}"}}}},
                {{"filename": "../evil", "url": "x/evil", "hashes": {{}}}}]}}"#
        );
        let page = Page::from_json(text.as_bytes(), &base()).unwrap();
        assert_eq!(page.files.len(), 2);
        let first = &page.files[0];
        assert_eq!(first.url.as_str(), "https://index.test/f/a-1%2Bc.tar.gz");
        assert_eq!(first.filename, "a-1+c.tar.gz");
        assert_eq!(first.sha256.as_deref(), Some(HASH.to_ascii_lowercase().as_str()));
        assert_eq!((first.yanked.as_deref(), first.size), (Some("broken"), Some(7)));
        assert_eq!(first.upload_time.as_deref(), Some("2026-01-31T01:02:03Z"));
        assert_eq!(first.metadata, None);
        let second = &page.files[1];
        assert_eq!((&second.yanked, &second.sha256), (&None, &None));
        assert!(second.metadata.as_ref().unwrap().sha256.is_some());
    }

    #[test]
    fn html_with_the_attributes_of_every_standard() {
        let text = format!(
            r#"<meta name="pypi:repository-version" content="1.3">
            <a href="a%2Bb-1.zip#sha256={HASH}" data-yanked="">x</a> <a href="/f/.hidden">h</a>
            <a href="/f/a-1-py3-none-any.whl" data-core-metadata="sha256={HASH}">y</a> <a href="sub/">s</a>"#
        );
        let page = Page::from_html(&text, &base()).unwrap();
        assert_eq!(page.files.len(), 2, "{page:?}");
        assert_eq!(page.files[0].filename, "a+b-1.zip");
        assert_eq!(page.files[0].yanked.as_deref(), Some(""));
        assert_eq!(page.files[0].url.fragment(), None);
        assert!(page.files[0].sha256.is_some());
        assert!(page.files[1].metadata.as_ref().unwrap().sha256.is_some());
    }

    #[test]
    fn another_major_version_is_refused() {
        let json = br#"{"meta": {"api-version": "2.0"}, "files": []}"#;
        assert_eq!(Page::from_json(json, &base()).unwrap_err().code(), Code::Network);
        let html = r#"<meta name="pypi:repository-version" content="2.0">"#;
        assert_eq!(Page::from_html(html, &base()).unwrap_err().code(), Code::Network);
    }

    #[test]
    fn a_name_never_leads_out() {
        for bad in ["", ".", "..", "a/b", "a\\b", ".hidden", "a\nb", "a\0"] {
            assert!(!is_filename(bad), "{bad:?}");
        }
        for escaped in ["https://x.test/%2e%2e", "https://x.test/a%2Fb", "https://x.test/"] {
            assert!(RemoteFile::from_url(escaped, None).is_err(), "{escaped}");
        }
    }

    #[test]
    fn a_folder_lists_its_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b-1+c.tar.gz"), b"xyz").unwrap();
        std::fs::write(folder.path().join("a-1.zip"), b"").unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let page = Page::from_folder(folder.path()).unwrap();
        let names: Vec<&str> = page.files.iter().map(|file| file.filename.as_str()).collect();
        assert_eq!(names, ["a-1.zip", "b-1+c.tar.gz"]);
        assert_eq!(page.files[1].size, Some(3));
    }
}
