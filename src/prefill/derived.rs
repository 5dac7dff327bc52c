//! The derived lock: `pylock.toml` (PEP 751) and hashed requirements that name the wheelhouse's own
//! files, since wheels that were built here have hashes that no other lock holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::report_row::Placed;
use super::work::Cell;
use crate::metadata::Version;
use crate::report::{Code, Error, Result};
use crate::target::{MacMachine, Platform};
use crate::wheelhouse;

/// The names of the two files.
pub const PYLOCK: &str = "pylock.toml";
pub const REQUIREMENTS: &str = "requirements.txt";

/// What markers can tell of a target and a Python (PEP 508).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    system: &'static str,
    machine: String,
    minor: u32,
}

impl Place {
    fn of(cell: &Cell) -> Self {
        let (system, machine) = match &cell.platform {
            Platform::Linux(target) => ("linux", target.arch.machine.clone()),
            Platform::MacOs(macos) => match macos.machine {
                MacMachine::Arm64 => ("darwin", "arm64".to_owned()),
                MacMachine::X86_64 => ("darwin", "x86_64".to_owned()),
            },
        };
        Self { system, machine, minor: cell.python.minor }
    }

    fn platform(&self) -> String {
        format!("sys_platform == '{}' and platform_machine == '{}'", self.system, self.machine)
    }

    fn python(&self) -> String {
        format!("python_version == '3.{}'", self.minor)
    }

    fn marker(&self) -> String {
        format!("{} and {}", self.python(), self.platform())
    }
}

/// One release: its wheels by name, and where it is wanted.
#[derive(Debug, Default)]
struct Release {
    wheels: BTreeMap<String, Placed>,
    places: BTreeSet<Place>,
}

/// Everything that is wanted in some cells, with the wheels that serve there.
#[derive(Debug, Default)]
pub struct Derived {
    places: BTreeSet<Place>,
    releases: BTreeMap<(String, Version), Release>,
}

impl Derived {
    /// Counts `cell` as one that everything was had for.
    pub fn cover(&mut self, cell: &Cell) {
        self.places.insert(Place::of(cell));
    }

    /// Adds that `wheel` of `name` `version` is installed in `cell`.
    ///
    /// # Errors
    /// [`Code::BadMetadata`] for a version that is none; [`Code::AmbiguousLock`] when another version
    /// of it is installed where markers tell no difference.
    pub fn add(&mut self, name: &str, version: &str, cell: &Cell, wheel: &Placed) -> Result<()> {
        let version = crate::metadata::parse_version(version)?;
        let place = Place::of(cell);
        let other = self.releases.iter().find(|((other, theirs), release)| {
            other == name && *theirs != version && release.places.contains(&place)
        });
        if let Some(((_, theirs), _)) = other {
            return Err(Error::new(
                Code::AmbiguousLock,
                format!("{name} {theirs} and {name} {version} are both wanted for {cell}"),
            ));
        }
        let release = self.releases.entry((name.to_owned(), version)).or_default();
        release.wheels.insert(wheel.file.clone(), wheel.clone());
        release.places.insert(place);
        Ok(())
    }

    /// When a release is wanted; nothing when always.
    fn marker(&self, release: &Release) -> Option<String> {
        if release.places == self.places {
            return None;
        }
        // A simple one where it says the same.
        let ways: [fn(&Place) -> String; 3] = [Place::platform, Place::python, Place::marker];
        for way in ways {
            let wanted: BTreeSet<String> = release.places.iter().map(way).collect();
            let others = self.places.difference(&release.places);
            if others.map(way).any(|other| wanted.contains(&other)) {
                continue;
            }
            let terms: Vec<String> = match wanted.len() {
                1 => wanted.into_iter().collect(),
                _ => wanted.into_iter().map(|term| grouped(&term)).collect(),
            };
            return Some(terms.join(" or "));
        }
        None
    }

    /// `pylock.toml`, its paths relative to the wheelhouse.
    pub fn pylock(&self) -> String {
        let mut text = String::from(
            "# Names the wheels of this wheelhouse. Those that were built here match no hash of the lock\n\
             # they come from.\n\
             lock-version = \"1.0\"\ncreated-by = \"wheelbuild\"\n",
        );
        if let (Some(first), Some(last)) = (
            self.places.iter().map(|place| place.minor).min(),
            self.places.iter().map(|place| place.minor).max(),
        ) {
            let _ = writeln!(text, "requires-python = \">=3.{first},<3.{}\"", last + 1);
        }
        text.push_str("environments = [\n");
        for place in &self.places {
            let _ = writeln!(text, "    {},", quoted(&place.marker()));
        }
        text.push_str("]\n");
        for ((name, version), release) in &self.releases {
            let _ = write!(
                text,
                "\n[[packages]]\nname = {}\nversion = {}\n",
                quoted(name),
                quoted(&version.to_string())
            );
            if let Some(marker) = self.marker(release) {
                let _ = writeln!(text, "marker = {}", quoted(&marker));
            }
            text.push_str("wheels = [\n");
            for wheel in release.wheels.values() {
                let _ = writeln!(
                    text,
                    "    {{ name = {}, path = {}, size = {}, hashes = {{ sha256 = \"{}\" }} }},",
                    quoted(&wheel.file),
                    quoted(&format!("{}/{}", wheelhouse::FILES, wheel.file)),
                    wheel.size,
                    wheel.sha256
                );
            }
            text.push_str("]\n");
        }
        text
    }

    /// Requirements with hashes for pip and uv, which look beside the file and nowhere else.
    pub fn requirements(&self) -> String {
        let mut text = format!(
            "# Names the wheels of this wheelhouse. Those that were built here match no hash of the lock\n\
             # they come from. Install: pip install -r {REQUIREMENTS}\n\
             --no-index\n--find-links {}\n",
            wheelhouse::FILES
        );
        for ((name, version), release) in &self.releases {
            let _ = write!(text, "{name}=={version}");
            if let Some(marker) = self.marker(release) {
                let _ = write!(text, " ; {marker}");
            }
            let hashes: BTreeSet<&str> = release.wheels.values().map(|wheel| wheel.sha256.as_str()).collect();
            for hash in hashes {
                let _ = write!(text, " \\\n    --hash=sha256:{hash}");
            }
            text.push('\n');
        }
        text
    }

    /// How many releases it names.
    pub fn len(&self) -> usize {
        self.releases.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

fn grouped(term: &str) -> String {
    if term.contains(" and ") { format!("({term})") } else { term.to_owned() }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::lock::{Kind, Lock, Selection};

    fn cell(target: &str, python: &str) -> Cell {
        Cell { target: target.to_owned(), platform: target.parse().unwrap(), python: python.parse().unwrap() }
    }

    fn wheel(file: &str) -> Placed {
        Placed { file: file.to_owned(), sha256: format!("{:064x}", file.len()), size: 7 }
    }

    fn sample() -> Derived {
        let cells = [
            cell("x86_64-linux", "3.10"),
            cell("x86_64-linux", "3.11"),
            cell("aarch64-linux-musl", "3.10"),
            cell("aarch64-linux-musl", "3.11"),
        ];
        let mut derived = Derived::default();
        for cell in &cells {
            derived.cover(cell);
            derived.add("all", "1.0", cell, &wheel("all-1.0-py3-none-any.whl")).unwrap();
        }
        for (cell, version) in cells.iter().zip(["1", "2", "1", "2"]) {
            derived.add("fork", version, cell, &wheel(&format!("fork-{version}-py3-none-any.whl"))).unwrap();
        }
        derived.add("some", "1+cpu", &cells[0], &wheel("some-1+cpu-py3-none-any.whl")).unwrap();
        derived.add("arm", "1", &cells[2], &wheel("arm-1-py3-none-any.whl")).unwrap();
        derived.add("arm", "1", &cells[3], &wheel("arm-1-py3-none-any.whl")).unwrap();
        derived
    }

    #[test]
    fn markers_say_where_a_release_is_wanted() {
        let requirements = sample().requirements();
        let lines: Vec<&str> = requirements.lines().filter(|line| line.contains("==")).collect();
        let x86 = "sys_platform == 'linux' and platform_machine == 'x86_64'";
        assert_eq!(
            lines,
            [
                "all==1.0 \\",
                "arm==1 ; sys_platform == 'linux' and platform_machine == 'aarch64' \\",
                "fork==1 ; python_version == '3.10' \\",
                "fork==2 ; python_version == '3.11' \\",
                &format!("some==1+cpu ; python_version == '3.10' and {x86} \\"),
            ]
        );
    }

    #[test]
    fn pylock_is_one_that_our_own_reader_reads() {
        let lock = Lock::parse(Path::new("house/pylock.toml"), sample().pylock().as_bytes(), None).unwrap();
        let chosen = |target: &str, python: &str| {
            let cell = cell(target, python);
            let environment = lock.environment(cell.platform, cell.python, None).unwrap();
            let selected = lock.select(&Selection::new(&[], &[], &[]), &environment).unwrap();
            selected.iter().map(|one| lock.packages[one.position].describe()).collect::<Vec<_>>()
        };
        assert_eq!(chosen("x86_64-linux", "3.10"), ["all 1.0", "fork 1", "some 1+cpu"]);
        assert_eq!(chosen("aarch64-linux", "3.11"), ["all 1.0", "arm 1", "fork 2"]);
        let outside = cell("s390x-linux", "3.10");
        assert_eq!(
            lock.environment(outside.platform, outside.python, None).unwrap_err().code(),
            Code::OutsideLock
        );
        let file = &lock.packages[4].files[0];
        assert_eq!(file.path.as_deref(), Some("files/some-1+cpu-py3-none-any.whl"));
        assert!(matches!(file.kind, Kind::Wheel(_)) && file.size == Some(7));
    }

    #[test]
    fn two_versions_at_one_place_are_refused() {
        let mut derived = sample();
        let error =
            derived.add("all", "2", &cell("x86_64-linux-musl", "3.10"), &wheel("all-2-py3-none-any.whl"));
        assert_eq!(error.unwrap_err().code(), Code::AmbiguousLock);
    }
}
