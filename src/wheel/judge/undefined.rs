//! Every undefined symbol has a provider: a library of the wheel, the C library at the floor, or
//! Python's C API. A shared link does not fail on a missing symbol; an import does.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Expectation;
use super::binaries::Binary;
use super::floor::Floor;
use super::policy::{self, Role};
use super::stable_abi::is_python_name;
use super::verdict::{Docket, listed};
use crate::elf::{Import, glibc_since};
use crate::report::Code;
use crate::target::Libc;

/// What the libraries of a wheel export, by name: the versions of each.
pub(super) struct Exports<'a> {
    tables: Vec<HashMap<&'a str, Vec<Option<&'a str>>>>,
}

impl<'a> Exports<'a> {
    pub fn of(binaries: &[Binary<'a>]) -> Self {
        let table = |binary: &Binary<'a>| {
            let mut table: HashMap<&'a str, Vec<Option<&'a str>>> = HashMap::new();
            for export in &binary.file.exports {
                table.entry(export.name).or_default().push(export.version);
            }
            table
        };
        Self { tables: binaries.iter().map(table).collect() }
    }

    fn has(&self, library: usize, name: &str, version: Option<&str>) -> bool {
        self.tables[library].get(name).is_some_and(|versions| {
            // A library without versions provides whatever is asked of it.
            version.is_none() || versions.contains(&version) || versions.contains(&None)
        })
    }
}

/// Symbols of one file without a provider, by reason.
#[derive(Default)]
struct Missing<'a> {
    nowhere: Vec<&'a str>,
    python: Vec<&'a str>,
    private: Vec<&'a str>,
    later: Vec<(u32, String)>,
    /// Found, but without a version that ties them to a library.
    untied: Vec<&'a str>,
    /// Left to a library whose symbols are not known.
    unknown: Vec<&'a str>,
}

/// Finds the provider of every import of `binaries[index]`; raises `floor` for those of the C
/// library that carry no version of their own.
pub(super) fn check(
    binaries: &[Binary<'_>],
    exports: &Exports<'_>,
    index: usize,
    expectation: &Expectation<'_>,
    floor: &mut Floor,
    docket: &mut Docket,
) {
    let binary = &binaries[index];
    let scope = Scope::of(binaries, index, expectation);
    let mut missing = Missing::default();
    for import in binary.file.imports.iter().filter(|import| !import.weak) {
        scope.look_up(import, exports, floor, &mut missing);
    }
    report(binary, missing, expectation, docket);
}

/// Where the loader looks for the symbols of one file.
struct Scope<'a, 'b> {
    binaries: &'b [Binary<'a>],
    expectation: &'b Expectation<'b>,
    /// The file and every library of the wheel it loads, by position.
    inside: Vec<usize>,
    /// A promised library is loaded whose symbols are not known.
    opaque: bool,
    program: bool,
}

impl<'a, 'b> Scope<'a, 'b> {
    fn of(binaries: &'b [Binary<'a>], index: usize, expectation: &'b Expectation<'b>) -> Self {
        let mut inside = vec![index];
        let mut seen = HashSet::from([index]);
        let mut opaque = false;
        let mut at = 0;
        while let Some(current) = inside.get(at).copied() {
            at += 1;
            for name in binaries[current].file.needed.iter().copied() {
                let found = binaries.iter().position(|other| other.answers_to(name));
                match found {
                    Some(next) if seen.insert(next) => inside.push(next),
                    Some(_) => {}
                    None => {
                        // A library nobody promises is a fault already; its symbols are no second one.
                        let role = policy::promised(&expectation.target, name).map(|promised| promised.role);
                        opaque |= matches!(role, None | Some(Role::Other));
                    }
                }
            }
        }
        Self { binaries, expectation, inside, opaque, program: binaries[index].is_program() }
    }

    fn look_up<'i>(
        &self,
        import: &Import<'i>,
        exports: &Exports<'_>,
        floor: &mut Floor,
        missing: &mut Missing<'i>,
    ) {
        let name = import.name;
        let asked = import.version.map(|version| version.name);
        let inside = self.inside.iter().any(|library| exports.has(*library, name, asked));
        match import.version {
            _ if inside => {}
            Some(version) => self.look_up_version(name, version.library, version.name, missing),
            None if is_python_name(name) && !self.program => match self.expectation.python_api {
                Some(api) if api.versions(name).is_none() => missing.python.push(name),
                _ => {}
            },
            None => self.look_up_bare(name, floor, missing),
        }
    }

    fn look_up_version<'i>(&self, name: &'i str, library: &str, version: &str, missing: &mut Missing<'i>) {
        if self.binaries.iter().any(|other| other.answers_to(library)) {
            missing.nowhere.push(name);
            return;
        }
        let target = &self.expectation.target;
        let Some(promised) = policy::promised(target, library) else { return };
        if let Libc::Gnu { minor } = target.libc
            && policy::is_private(library, name, minor)
        {
            missing.private.push(name);
            return;
        }
        let Some(libc) = self.expectation.libc.filter(|_| promised.role == Role::Core) else { return };
        let known = libc.versions(name).is_some_and(|versions| versions.iter().any(|known| known == version));
        // A version beyond the floor is told by the floor's own check.
        let within = |minor| policy::floor_of_node(target, version).is_some_and(|needed| needed <= minor);
        if !known && matches!(target.libc, Libc::Gnu { minor } if within(minor)) {
            missing.nowhere.push(name);
        }
    }

    fn look_up_bare<'i>(&self, name: &'i str, floor: &mut Floor, missing: &mut Missing<'i>) {
        let target = &self.expectation.target;
        let Some(libc) = self.expectation.libc else { return };
        if let Some(versions) = libc.versions(name) {
            if matches!(target.libc, Libc::Gnu { .. }) {
                missing.untied.push(name);
                // The loader binds it to whatever is there: the oldest version is the floor.
                if let Some(minor) = versions.iter().filter_map(|version| policy::glibc_minor(version)).min()
                {
                    floor.raise(minor, || format!("{name}, first in glibc 2.{minor}"));
                }
            }
            return;
        }
        let since = glibc_since(name).filter(|_| matches!(target.libc, Libc::Gnu { .. }));
        if let Some(minor) = since {
            missing.later.push((minor, format!("`{name}` (glibc 2.{minor})")));
        } else if self.opaque {
            missing.unknown.push(name);
        } else {
            missing.nowhere.push(name);
        }
    }
}

fn report(binary: &Binary<'_>, missing: Missing<'_>, expectation: &Expectation<'_>, docket: &mut Docket) {
    let target = &expectation.target;
    if !missing.nowhere.is_empty() {
        docket.fault(
            Code::UndefinedSymbol,
            binary.member,
            format!(
                "needs {}, which neither {}, the wheel nor Python provides",
                listed(&missing.nowhere),
                target.libc.describe()
            ),
        );
    }
    if !missing.python.is_empty() {
        docket.fault(
            Code::UndefinedSymbol,
            binary.member,
            format!("needs {}, which CPython {} does not have", listed(&missing.python), expectation.python),
        );
    }
    if !missing.private.is_empty() {
        docket.fault(
            Code::UndefinedSymbol,
            binary.member,
            format!("needs {}, which only some builds of that library export", listed(&missing.private)),
        );
    }
    if let Some(highest) = missing.later.iter().map(|(minor, _)| *minor).max() {
        let symbols: Vec<&str> = missing.later.iter().map(|(_, text)| text.as_str()).collect();
        let reason = format!("needs {}, above {}", symbols.join(", "), target.libc.describe());
        docket.fault(Code::TooNewSymbol, binary.member, reason).wants_floor(highest);
    }
    let notes = [
        (missing.untied, "binds without a version, so only what the interpreter has loaded provides"),
        (missing.unknown, "leaves to libraries that were not looked into"),
    ];
    for (symbols, what) in notes {
        if !symbols.is_empty() {
            let symbols: BTreeSet<&str> = symbols.into_iter().collect();
            let symbols: Vec<&str> = symbols.into_iter().collect();
            docket.note(format!("`{}` {what} {}", binary.member, listed(&symbols)));
        }
    }
}
