//! Every ELF file: of the image's machine, its loader there, every library and symbol version found.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::loader::{Asking, Found, Loader};
use super::{FROM_THE_HOST, Finding, Subject};
use crate::image::facts::{ElfFacts, PathFacts};
use crate::image::python::LibcKind;
use crate::target::Arch;

/// What the interpreter has loaded before it imports anything.
struct Loaded<'s> {
    /// By the name they are asked for.
    names: HashMap<String, Option<String>>,
    /// The interpreter itself, for the RPATH that what it loads inherits.
    program: Option<(&'s str, &'s ElfFacts)>,
}

/// A file whose needs are to be followed, with what led to it, nearest first.
type Waiting<'s> = (&'s str, &'s ElfFacts, Vec<(&'s str, &'s ElfFacts)>);

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let libc = subject.libc();
    let environment = subject.config.variable("LD_LIBRARY_PATH");
    let loader = Loader::new(subject.root, subject.target.arch, libc, environment);
    let mut walk = Walk { subject, loader, libc, findings, told: HashSet::new() };
    let mut loaded = Loaded { names: HashMap::new(), program: None };
    if let Some(python) = subject.python
        && let Some(program) = subject.root.resolve(&python.program)
        && let Some((path, facts)) = subject.root.entry(&program)
        && let PathFacts::File(file) = facts
        && let Some(elf) = file.elf.as_deref()
    {
        walk.closure(path, elf, &Loaded { names: HashMap::new(), program: None }, &mut loaded.names);
        loaded.program = Some((path, elf));
    }
    for (path, _, elf) in subject.elf_files() {
        walk.file(path, elf, &loaded);
    }
}

struct Walk<'s, 'f> {
    subject: &'s Subject<'s>,
    loader: Loader<'s>,
    libc: LibcKind,
    findings: &'f mut Vec<Finding>,
    /// What was said of a file already: who asks for it does not matter.
    told: HashSet<(String, String)>,
}

impl<'s> Walk<'s, '_> {
    fn file(&mut self, path: &'s str, elf: &'s ElfFacts, loaded: &Loaded<'s>) {
        let arch = self.subject.target.arch;
        if let Some(why) = &elf.broken {
            self.tell(self.subject.finding(path, format!("is no sound ELF file: {why}")));
            return;
        }
        if !elf.loadable {
            return;
        }
        if elf.machine != arch.elf_machine || elf.bits != arch.bits {
            let machine = Arch::of_elf(elf.machine).filter(|found| found.bits == elf.bits).map_or_else(
                || format!("machine {} of {} bits", elf.machine, elf.bits),
                |a| a.machine.clone(),
            );
            let mut finding =
                self.subject.finding(path, format!("is for {machine}, the image is for {arch}"));
            // Nothing of another machine is an optional part of a system.
            finding.fatal = true;
            self.tell(finding);
            return;
        }
        if let Some(interpreter) = &elf.loader
            && self.subject.root.file(interpreter).is_none()
        {
            let what = format!("is loaded by `{interpreter}`, which is not in the image");
            self.tell(self.subject.finding(path, what));
        }
        // What a program loads starts from nothing, a library is loaded by the interpreter.
        let nothing = Loaded { names: HashMap::new(), program: None };
        let before = if elf.loader.is_some() { &nothing } else { loaded };
        self.closure(path, elf, before, &mut HashMap::new());
    }

    /// Follows everything that `path` needs. `into` gets what was loaded, by name.
    fn closure(
        &mut self,
        path: &'s str,
        elf: &'s ElfFacts,
        loaded: &Loaded<'s>,
        into: &mut HashMap<String, Option<String>>,
    ) {
        let mut queue: Vec<Waiting<'s>> = vec![(path, elf, loaded.program.into_iter().collect())];
        let mut at = 0;
        while at < queue.len() {
            let (path, elf, before) = queue[at].clone();
            at += 1;
            for name in &elf.needed {
                let known = into.get(name).or_else(|| loaded.names.get(name)).cloned();
                let place = match known {
                    Some(place) => place,
                    None => {
                        let found = self.loader.find(name, Asking { path, elf, before: &before });
                        let place = self.found(name, path, elf, &before, found);
                        into.insert(name.clone(), place.clone());
                        if let Some((place, facts)) = place.as_deref().and_then(|place| self.elf_at(place)) {
                            if let Some(soname) = &facts.soname {
                                into.entry(soname.clone()).or_insert_with(|| Some(place.to_owned()));
                            }
                            let mut chain = vec![(path, elf)];
                            chain.extend(before.iter().copied());
                            if queue.iter().all(|(known, ..)| *known != place) {
                                queue.push((place, facts, chain));
                            }
                        }
                        place
                    }
                };
                if let Some((place, facts)) = place.as_deref().and_then(|place| self.elf_at(place)) {
                    self.versions(path, elf, name, place, facts, &before);
                }
            }
        }
        if self.libc == LibcKind::Musl {
            self.symbols(path, elf, &queue, loaded);
        }
    }

    fn elf_at(&self, place: &str) -> Option<(&'s str, &'s ElfFacts)> {
        let root = self.subject.root;
        let (path, facts) = root.entry(place)?;
        match facts {
            PathFacts::File(file) => Some((path, file.elf.as_deref()?)),
            _ => None,
        }
    }

    /// Says what is wrong with how `name` was found, and gives the place.
    fn found(
        &mut self,
        name: &str,
        path: &str,
        elf: &ElfFacts,
        before: &[(&str, &ElfFacts)],
        found: Option<Found>,
    ) -> Option<String> {
        let chain = || before.iter().map(|(path, _)| format!("/{path}")).collect::<Vec<_>>();
        match found {
            Some(Found::At(place)) => Some(place),
            Some(Found::Itself) => None,
            Some(Found::OnlyByConfiguration(place)) => {
                let what = format!(
                    "needs `{name}`, which only a new ld.so.cache would find in `/{place}`: run ldconfig"
                );
                self.tell(Finding { fatal: false, chain: chain(), ..self.subject.finding(path, what) });
                Some(place)
            }
            None => {
                let mut finding = Finding { chain: chain(), ..self.subject.finding(path, String::new()) };
                finding.fatal |= before.iter().any(|(path, _)| Subject::is_package(path));
                finding.what = match self.elsewhere(name, path) {
                    _ if FROM_THE_HOST.contains(&name) => {
                        finding.fatal = false;
                        format!("needs `{name}`, which the host has to bring")
                    }
                    Some(place) => {
                        // Python code of the package may load it first, by its path.
                        finding.fatal = false;
                        format!("needs `{name}`, which the loader would not look for in `/{place}`")
                    }
                    None => format!("needs `{name}`, which is not where the loader looks"),
                };
                let _ = elf;
                self.tell(finding);
                None
            }
        }
    }

    /// A library called `name` in the packages that `path` is among.
    fn elsewhere(&self, name: &str, path: &str) -> Option<String> {
        if !Subject::is_package(path) {
            return None;
        }
        let ending = format!("/{name}");
        self.subject
            .elf_files()
            .find(|(other, ..)| other.ends_with(&ending) && Subject::is_package(other))
            .map(|(other, ..)| other.to_owned())
    }

    /// The symbol versions that `path` asks of the library found at `place`.
    fn versions(
        &mut self,
        path: &str,
        elf: &ElfFacts,
        name: &str,
        place: &str,
        library: &ElfFacts,
        before: &[(&str, &ElfFacts)],
    ) {
        // Without any versions of its own the loader takes the library as it is.
        let Some(wanted) = elf.needs.get(name).filter(|_| !library.defines.is_empty()) else { return };
        let missing: Vec<&str> =
            wanted.iter().filter(|version| !library.defines.contains(version)).map(String::as_str).collect();
        if missing.is_empty() {
            return;
        }
        let what = format!(
            "needs {} of `{name}`, `/{place}` has {}",
            missing.join(" and "),
            newest(library, missing[0])
        );
        let chain = before.iter().map(|(path, _)| format!("/{path}")).collect();
        self.tell(Finding { chain, ..self.subject.finding(path, what) });
    }

    /// Where symbols have no versions each must be there by name: musl's loader binds them all at once.
    fn symbols(&mut self, path: &str, elf: &ElfFacts, queue: &[Waiting<'_>], loaded: &Loaded<'_>) {
        if elf.imports.is_empty() {
            return;
        }
        let libc = self.subject.root.iter().find_map(|(path, facts)| match facts {
            PathFacts::File(file) if path.rsplit('/').next().is_some_and(|n| n.starts_with("ld-musl-")) => {
                file.elf.as_deref()
            }
            _ => None,
        });
        let Some(libc) = libc.filter(|libc| !libc.exports.is_empty()) else { return };
        let of_python =
            loaded.names.values().flatten().filter_map(|place| self.elf_at(place)).map(|(_, e)| e);
        let program = loaded.program.map(|(_, elf)| elf);
        let mut offered: HashSet<&str> = libc.exports.iter().map(String::as_str).collect();
        let mut all_known = true;
        for library in queue.iter().map(|(_, elf, _)| *elf).chain(of_python).chain(program) {
            all_known &= !library.exports.is_empty() || library.needed.is_empty();
            offered.extend(library.exports.iter().map(String::as_str));
        }
        let missing: BTreeSet<&str> =
            elf.imports.iter().map(String::as_str).filter(|name| !offered.contains(name)).collect();
        if missing.is_empty() || !all_known {
            return;
        }
        let shown: Vec<&str> = missing.iter().copied().take(5).collect();
        let what = format!("needs the symbols {}, which nothing provides", shown.join(", "));
        self.tell(self.subject.finding(path, what));
    }

    fn tell(&mut self, finding: Finding) {
        if self.told.insert((finding.path.clone(), finding.what.clone())) {
            self.findings.push(finding);
        }
    }
}

/// The newest version of the family of `wanted` that `library` defines: `GLIBC_2.36 at most`.
fn newest(library: &ElfFacts, wanted: &str) -> String {
    let family = wanted.split('_').next().unwrap_or(wanted);
    let numbers = |version: &str| -> Vec<u32> {
        version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
    };
    let versions = library.defines.iter().filter(|version| {
        version.split('_').next() == Some(family) && version.ends_with(|c: char| c.is_ascii_digit())
    });
    match versions.max_by_key(|version| numbers(version)) {
        Some(newest) => format!("{newest} at most"),
        None => format!("no {family} versions"),
    }
}
