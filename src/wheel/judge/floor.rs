//! The floor of one file: the lowest C library that has every symbol version it asks for.

use std::collections::BTreeMap;

use super::binaries::Binary;
use super::policy;
use super::verdict::{Docket, listed};
use crate::report::Code;
use crate::target::{Libc, Target};

/// What the versions of a file say.
#[derive(Debug, Default)]
pub(super) struct Floor {
    /// Minor of glibc 2.x, and what sets it.
    pub highest: Option<(u32, String)>,
    /// The highest version per library and version family: (`libc.so.6`, `GLIBC_2.17`).
    pub versions: Vec<(String, String)>,
}

impl Floor {
    /// Raises the floor to 2.`minor` because of `reason`.
    pub fn raise(&mut self, minor: u32, reason: impl FnOnce() -> String) {
        if self.highest.as_ref().is_none_or(|(highest, _)| *highest < minor) {
            self.highest = Some((minor, reason()));
        }
    }
}

/// Reads the floor of `binary` off the versions it needs from libraries outside the wheel. Versions
/// beyond the target's floor, and ones that no platform has, are faults.
pub(super) fn of(
    binary: &Binary<'_>,
    binaries: &[Binary<'_>],
    target: &Target,
    docket: &mut Docket,
) -> Floor {
    let mut floor = Floor::default();
    let Libc::Gnu { minor: asked } = target.libc else {
        return floor;
    };
    // Too new, by the version asked for.
    let mut too_new: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for need in &binary.file.version_needs {
        let outside = !binaries.iter().any(|other| other.answers_to(need.library));
        // A library that is not promised is a fault of its own.
        if !outside || policy::promised(target, need.library).is_none() {
            continue;
        }
        let mut families: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
        for version in need.versions.iter().copied() {
            let Some(minor) = policy::floor_of_node(target, version) else {
                let symbols = users(binary, need.library, version);
                docket.fault(
                    Code::TooNewSymbol,
                    binary.member,
                    format!(
                        "needs `{version}` of `{}`, which no platform promises ({symbols})",
                        need.library
                    ),
                );
                continue;
            };
            if minor > asked {
                let symbols = users(binary, need.library, version);
                too_new.entry(minor).or_default().push(format!("{symbols} with `{version}`"));
            }
            floor.raise(minor, || {
                let import = symbols_of(binary, need.library, version).next();
                import.map_or_else(|| version.to_owned(), |symbol| format!("{symbol}@{version}"))
            });
            let family = version.rsplit_once('_').map_or(version, |(family, _)| family);
            let highest = families.entry(family).or_insert((minor, version));
            if (minor, numbers(version)) >= (highest.0, numbers(highest.1)) {
                *highest = (minor, version);
            }
        }
        let highest = families.into_values();
        floor.versions.extend(highest.map(|(_, version)| (need.library.to_owned(), version.to_owned())));
    }
    if let Some(highest) = too_new.keys().next_back().copied() {
        let reasons: Vec<String> = too_new.into_values().flatten().collect();
        docket
            .fault(
                Code::TooNewSymbol,
                binary.member,
                format!("needs glibc 2.{highest}, above the floor 2.{asked}: {}", reasons.join("; ")),
            )
            .wants_floor(highest);
    }
    floor
}

fn symbols_of<'a>(
    binary: &'a Binary<'_>,
    library: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a str> {
    let imports = binary.file.imports.iter();
    imports
        .filter(move |import| import.version.is_some_and(|v| v.library == library && v.name == version))
        .map(|import| import.name)
}

fn users(binary: &Binary<'_>, library: &str, version: &str) -> String {
    let symbols: Vec<&str> = symbols_of(binary, library, version).collect();
    if symbols.is_empty() { "no symbol".to_owned() } else { listed(&symbols) }
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}
