//! Where pinned files are looked for.

use std::path::{Path, PathBuf};

use url::Url;

use super::sources;
use crate::report::{Code, Error, Result, redact};

/// The archives to ask, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archives {
    places: Vec<Place>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its root, as in apt's configuration, with a slash at the end.
    Remote(Url),
    /// A folder: an archive's root, or a heap of files.
    Folder(PathBuf),
}

impl Archives {
    /// The archives of the user's configuration (`debian-archives`: addresses and folders), then those
    /// of this machine's apt.
    ///
    /// # Errors
    /// [`Code::Config`] when one of `named` is neither.
    pub fn of_machine(named: &[String]) -> Result<Self> {
        Self::new(named, &sources::of_machine(Path::new("/etc/apt")))
    }

    pub(super) fn new(named: &[String], machine: &[String]) -> Result<Self> {
        let mut places = Vec::new();
        for text in named {
            let place = Place::parse(text).ok_or_else(|| {
                Error::new(Code::Config, format!("`{text}` is neither a Debian archive nor a folder"))
                    .hint("give the address that stands in a sources.list, or a folder of packages")
            })?;
            places.push(place);
        }
        // What apt reads by other means (cdrom, mirror lists, ssh) is left out.
        places.extend(machine.iter().filter_map(|text| Place::parse(text)));
        Ok(Self { places })
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        if Path::new(text).is_absolute() || Path::new(text).is_dir() {
            return std::path::absolute(text).ok().map(Self::Folder);
        }
        let mut url = Url::parse(text).ok()?;
        match url.scheme() {
            "file" | "copy" => Some(Self::Folder(PathBuf::from(url.path()))),
            "http" | "https" => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Some(Self::Remote(url))
            }
            _ => None,
        }
    }

    /// For people; no userinfo.
    pub fn describe(&self) -> String {
        match self {
            Self::Remote(url) => redact(url.as_str()).into_owned(),
            Self::Folder(folder) => folder.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_come_first() {
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let archives = Archives::new(
            &text(&["/srv/debs", "https://mirror.test/debian"]),
            &text(&["cdrom:[Debian]/", "mirror+file:/x", "http://a.test/debian/", "file:/srv/debian"]),
        )
        .unwrap();
        let places: Vec<String> = archives.places().iter().map(Place::describe).collect();
        assert_eq!(
            places,
            ["/srv/debs", "https://mirror.test/debian/", "http://a.test/debian/", "/srv/debian"]
        );
        assert_eq!(Archives::new(&text(&["nothing"]), &[]).unwrap_err().code(), Code::Config);
    }
}
