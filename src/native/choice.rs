//! How a library is had.

use std::str::FromStr;

use super::catalogue::{Library, pinned};
use crate::apt::Pinned;
use crate::report::{Code, Error, Result};
use crate::target::{Libc, Target};

/// A way to have a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The static archives of the distribution's development packages.
    Static,
    /// Built from the distribution's source by the build's own compilers.
    Source,
    /// The distribution's shared libraries, copied into the wheel.
    Graft,
}

impl Way {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Source => "source",
            Self::Graft => "graft",
        }
    }
}

/// `LIB` or `LIB=WAY`, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The catalogue's name.
    pub name: String,
    pub way: Option<Way>,
}

impl FromStr for Asked {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, way) = text.split_once('=').map_or((text, None), |(name, way)| (name, Some(way)));
        let way = match way {
            None => None,
            Some("static") => Some(Way::Static),
            Some("source") => Some(Way::Source),
            Some("graft") => Some(Way::Graft),
            Some(other) => {
                return Err(Error::new(Code::Usage, format!("`{other}` is no way to have a library"))
                    .hint(format!("use `{name}=static`, `{name}=source` or `{name}=graft`")));
            }
        };
        Ok(Self { name: Library::named(name.trim())?.name.clone(), way })
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.way {
            Some(way) => write!(f, "{}={}", self.name, way.name()),
            None => f.write_str(&self.name),
        }
    }
}

/// The packages of a row's `graft` that every machine has: headers, library.
pub(super) const OWN_PACKAGES: usize = 2;

/// The way that was chosen, with the files it takes.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub library: &'static Library,
    pub way: Way,
    pub pins: Vec<&'static Pinned>,
}

/// Chooses how `library` is had for `target`: the distribution's archives where they are good for the
/// target's C library and floor, else a build from source, else its shared libraries. `asked` overrides
/// that.
///
/// # Errors
/// [`Code::NativeLibrary`] when there is no way.
pub fn choose(library: &'static Library, target: &Target, asked: Option<Way>) -> Result<Chosen> {
    let archives = archives(library, target);
    let source = library.source.as_ref().map(|source| pinned(&source.package, "source"));
    let chosen = |way, pins| Ok(Chosen { library, way, pins });
    let shared = shared(library, target);
    if let Some(pins) = &shared
        && (asked == Some(Way::Graft) || asked.is_none() && archives.is_none() && source.is_none())
    {
        return chosen(Way::Graft, pins.clone());
    }
    match (asked, archives, source) {
        (Some(Way::Static), Some((pins, _)), _) => chosen(Way::Static, pins),
        (None, Some((pins, true)), _) => chosen(Way::Static, pins),
        (None | Some(Way::Source), _, Some(pins)) => chosen(Way::Source, pins),
        // Too new for the floor perhaps; the judge knows what was really linked.
        (None, Some((pins, false)), None) => chosen(Way::Static, pins),
        (asked, archives, _) => {
            let name = &library.name;
            let how = asked.map(|way| format!(" as `{}`", way.name())).unwrap_or_default();
            let error = Error::new(
                Code::NativeLibrary,
                format!("the library {name} is not to be had{how} for {target}"),
            );
            let error = match archives {
                Some(_) => error.hint(format!("use the distribution's archive: `--native {name}=static`")),
                None => error,
            };
            let error = match shared {
                Some(_) => {
                    error.hint(format!("copy the shared library into the wheel: `--native {name}=graft`"))
                }
                None => error,
            };
            Err(error.hint("give the target's copy with `--sysroot DIR`"))
        }
    }
}

/// The pins of the distribution's archives, and whether they are good for the floor.
fn archives(library: &'static Library, target: &Target) -> Option<(Vec<&'static Pinned>, bool)> {
    let Libc::Gnu { minor } = target.libc else { return None };
    let row = library.archives.as_ref()?;
    Some((pins_of(&row.packages, target)?, row.glibc <= minor))
}

/// The pins of the distribution's shared libraries, which are for its own C library. What one loads on
/// some machines only has no pin on the others.
fn shared(library: &'static Library, target: &Target) -> Option<Vec<&'static Pinned>> {
    let row = library.graft.as_ref().filter(|_| matches!(target.libc, Libc::Gnu { .. }))?;
    let (own, loaded) = row.packages.split_at(row.packages.len().min(OWN_PACKAGES));
    let mut pins = pins_of(own, target)?;
    pins.extend(loaded.iter().flat_map(|package| pinned(package, &target.arch.debian)));
    Some(pins)
}

/// The pins of `packages`, if there is one of each for the target's machine.
fn pins_of(packages: &[String], target: &Target) -> Option<Vec<&'static Pinned>> {
    let debian = target.arch.debian.as_str();
    let pins: Vec<_> = packages.iter().flat_map(|package| pinned(package, debian)).collect();
    (pins.len() == packages.len()).then_some(pins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(library: &str, target: &str, asked: Option<Way>) -> Result<Way> {
        choose(Library::named(library)?, &target.parse()?, asked).map(|chosen| chosen.way)
    }

    #[test]
    fn archives_serve_the_floors_they_are_good_for() {
        assert_eq!(way("libffi", "aarch64-linux-gnu.2.28", None).unwrap(), Way::Static);
        assert_eq!(way("libpq", "aarch64-linux-gnu.2.28", None).unwrap(), Way::Source);
        assert_eq!(way("libxml2", "x86_64-linux-musl", None).unwrap(), Way::Source);
        assert_eq!(way("libpq", "aarch64-linux-gnu.2.28", Some(Way::Graft)).unwrap(), Way::Graft);
        assert!(way("libpq", "aarch64-linux-musl", Some(Way::Graft)).is_err());
        let error = way("unixodbc", "x86_64-linux-musl", None).unwrap_err();
        assert_eq!(error.code(), Code::NativeLibrary);
        let error = way("unixodbc", "x86_64-linux-gnu.2.28", Some(Way::Source)).unwrap_err();
        assert!(error.hints()[0].contains("unixodbc=static"), "{error:?}");
    }

    #[test]
    fn what_is_typed() {
        assert_eq!("yaml".parse::<Asked>().unwrap(), Asked { name: "libyaml".into(), way: None });
        assert_eq!("openssl=static".parse::<Asked>().unwrap().way, Some(Way::Static));
        assert_eq!("libpq=graft".parse::<Asked>().unwrap().to_string(), "libpq=graft");
        assert_eq!("openssl=magic".parse::<Asked>().unwrap_err().code(), Code::Usage);
        assert_eq!("nothing".parse::<Asked>().unwrap_err().code(), Code::Usage);
    }
}
