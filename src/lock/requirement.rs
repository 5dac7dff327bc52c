//! One dependency as text: PEP 508, and what poetry writes for extras.

use pep508_rs::VersionOrUrl;

use super::model::{Edge, Source};
use super::{Marker, Range};
use crate::metadata::{self, normalize};

/// Reads a PEP 508 requirement. The error is a sentence.
///
/// The marker is read apart from the rest, since it may use sets that older readers refuse.
pub(super) fn edge(text: &str) -> Result<Edge, String> {
    let (requirement, marker) = split_marker(text);
    let read = metadata::requirement(requirement.trim())?;
    let (mut range, mut source) = (None, None);
    match read.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => range = Some(Range::of(specifiers)),
        Some(VersionOrUrl::Url(url)) => source = Some(source_of(url.as_str())),
        None => {}
    }
    Ok(Edge {
        name: normalize(read.name.as_ref()),
        version: None,
        source,
        range,
        extras: read.extras.iter().map(|extra| normalize(extra.as_ref())).collect(),
        marker: Marker::parse(marker)?,
    })
}

/// What an address after `@` stands for.
fn source_of(url: &str) -> Source {
    match url.strip_prefix("git+") {
        Some(repository) => Source::Git { url: repository.to_owned(), revision: None },
        None => Source::Archive(url.split('#').next().unwrap_or(url).to_owned()),
    }
}

/// The text before and after the `;` that begins the marker. After an address it needs a blank
/// before it, since addresses hold semicolons.
pub(super) fn split_marker(text: &str) -> (&str, &str) {
    let address = text.split(';').next().is_some_and(|head| head.contains('@'));
    let at = if address { text.find(" ;").map(|at| at + 1) } else { text.find(';') };
    match at {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_of_every_form() {
        let read = edge("Zope.Interface[B,a]>=5,<6 ; 'x' in extras").unwrap();
        assert_eq!((read.name.as_str(), &read.extras[..]), ("zope-interface", &["b".into(), "a".into()][..]));
        assert!(read.range.unwrap().contains(&"5.1".parse().unwrap()));
        assert_eq!(read.marker.text(), "'x' in extras");
        assert!(edge("brotli (>=1.0.9)").unwrap().range.is_some());
        let read = edge("a @ https://h.invalid/x;y/a-1.zip ; python_version>'3'").unwrap();
        assert_eq!(read.source, Some(Source::Archive("https://h.invalid/x;y/a-1.zip".into())));
        assert!(edge("a @ git+https://h.invalid/a.git@v1").unwrap().source.is_some());
        for bad in ["", "-r x", "a b", "a==x y", "A- ; x", "a-==1", "a[x-]", "a[x_, y]==1"] {
            assert!(edge(bad).is_err(), "{bad}");
        }
    }
}
