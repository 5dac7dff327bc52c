//! The judgement of a raw wheel: every native file opened and proven to load on the target, the tags
//! computed from what was found. A wheel that is wrong in any way becomes one error with a reason per
//! file; nothing is corrected silently.

mod binaries;
mod contents;
mod extension;
mod floor;
mod identity;
mod leaks;
mod lost;
mod machine;
mod mapping;
mod needed;
mod policy;
mod punycode;
mod search_path;
mod stable_abi;
mod tags;
#[cfg(test)]
mod tests;
mod undefined;
mod verdict;

pub use contents::Contents;
pub(super) use contents::import_path;
pub(super) use machine::mismatch;
pub(super) use needed::origin_path;
pub(super) use policy::promised;
pub use verdict::{Edit, FileFinding, FileKind, Verdict};

use crate::elf::Symbols;
use crate::metadata::Metadata;
use crate::report::{Code, Result};
use crate::target::{PythonVersion, Target};
use binaries::Opened;
use extension::Extension;
use verdict::Docket;

/// What the wheel is held against.
#[derive(Clone, Copy)]
pub struct Expectation<'a> {
    /// Machine and C library; a glibc floor is the upper bound of what files may need.
    pub target: Target,
    pub python: PythonVersion,
    /// PKG-INFO of the sdist it was built from.
    pub sdist: Option<&'a Metadata>,
    /// What the C library exports at the target's floor; without it its symbols are not looked up.
    pub libc: Option<&'a dyn Symbols>,
    /// What the interpreter exports ([`crate::elf::python_api`]); without it no C API name is looked up.
    pub python_api: Option<&'a dyn Symbols>,
    /// Take a wheel whose extensions were lost.
    pub allow_pure: bool,
    /// Extensions whose compilation failed, from the compiler driver's log: module names or paths.
    pub lost_extensions: &'a [String],
    /// Extensions the backend was told to build: dotted module names.
    pub declared_extensions: &'a [String],
    /// Those of them that the package itself took out again: a feature whose library is not there. No
    /// loss, while others were built.
    pub withdrawn_extensions: &'a [String],
    /// What speaks against a wheel without any native file: reasons to believe that it lost some.
    pub against_pure: &'a [String],
    /// Folders of the build, of which no native file should speak.
    pub build_prefixes: &'a [String],
}

impl<'a> Expectation<'a> {
    /// The least there is to expect: the target and the Python version.
    pub fn new(target: Target, python: PythonVersion) -> Self {
        Self {
            target,
            python,
            sdist: None,
            libc: None,
            python_api: None,
            allow_pure: false,
            lost_extensions: &[],
            declared_extensions: &[],
            withdrawn_extensions: &[],
            against_pure: &[],
            build_prefixes: &[],
        }
    }
}

/// Judges `contents`.
///
/// # Errors
/// One error for all that is wrong, with the code of the gravest fault and one cause each:
/// `WrongMachine`, `LostExtension`, `BadExtension`, `ForeignLibrary`, `TooNewSymbol`,
/// `UndefinedSymbol`, `LeakedRuntime`, `MetadataMismatch`, `BadWheel`, `BrokenElf`, `BrokenArchive`.
pub fn judge(contents: &Contents<'_>, expectation: &Expectation<'_>) -> Result<Verdict> {
    let mut docket = Docket::default();
    let target = &expectation.target;
    let opened = binaries::open(contents, target, &mut docket);
    let binaries = &opened.binaries;

    let extensions: Vec<Extension> = (binaries.iter().enumerate())
        .filter_map(|(index, binary)| extension::of(binary, index, expectation, &mut docket))
        .collect();
    let exports = undefined::Exports::of(binaries);
    let mut files = opened.others.clone();
    let mut edits = Vec::new();
    for (index, binary) in binaries.iter().enumerate() {
        let mut floor = floor::of(binary, binaries, target, &mut docket);
        if let Some((minor, library)) = needed::check(binaries, index, target, &mut docket) {
            floor.raise(minor, || library);
        }
        undefined::check(binaries, &exports, index, expectation, &mut floor, &mut docket);
        leaks::check(binary, &mut docket);
        mapping::check(binary, target, &mut docket);
        edits.extend(search_path::edits(binary, &mut docket));
        files.push(finding(binary, index, &extensions, floor));
    }
    let position = |member: &str| contents.members.iter().position(|(name, _)| *name == member);
    files.sort_by_key(|finding| position(&finding.member));
    mapping::check_purelib(contents, &opened, &mut docket);
    note_build_folders(contents, expectation, &mut docket);

    if let Some(sdist) = expectation.sdist {
        identity::check(contents.metadata, sdist, &mut docket);
    }
    lost::check(&opened, expectation, &mut docket);
    let mut abi = tags::abi(contents, expectation, binaries, &extensions, &mut docket);
    check_stable_abi(&opened, &extensions, &abi, expectation, &mut docket);
    let floor = files.iter().filter_map(|finding| finding.floor).max();
    let lost = docket.faults.iter().any(|fault| fault.code == Code::LostExtension);
    let platform = if lost && !opened.native {
        // Said already; what its platform would be is no second fault.
        target.platform_tag()
    } else {
        tags::platform(contents, expectation, opened.native, floor, &mut abi, &mut docket)
    };
    match docket.error(target) {
        Some(error) => Err(error),
        None => {
            Ok(Verdict { pythons: abi.pythons, abis: abi.abis, platform, files, edits, notes: docket.notes })
        }
    }
}

fn finding(
    binary: &binaries::Binary<'_>,
    index: usize,
    extensions: &[Extension],
    floor: floor::Floor,
) -> FileFinding {
    let module = extensions.iter().find(|extension| extension.index == index);
    let kind = match module {
        Some(extension) => FileKind::Extension { module: extension.module.clone() },
        None if binary.is_program() => FileKind::Program,
        None => FileKind::Library,
    };
    let (minor, reason) = floor.highest.unzip();
    FileFinding {
        member: binary.member.to_owned(),
        kind,
        floor: minor,
        floor_reason: reason,
        versions: floor.versions,
        needed: binary.file.needed.iter().map(|&name| name.to_owned()).collect(),
    }
}

/// Holds every file that claims the stable ABI, by its suffix or by the wheel's tag, to the symbols
/// of the claimed minimum version.
fn check_stable_abi(
    opened: &Opened<'_>,
    extensions: &[Extension],
    abi: &tags::Abi,
    expectation: &Expectation<'_>,
    docket: &mut Docket,
) {
    let minimum = abi.stable_since.unwrap_or(expectation.python.minor);
    for (index, binary) in opened.binaries.iter().enumerate() {
        let claims = abi.stable_since.is_some()
            || extensions.iter().any(|extension| extension.index == index && extension.suffix.is_stable());
        if !claims || binary.is_program() {
            continue;
        }
        let symbols = binary.file.imports.iter().filter(|import| !import.weak).map(|import| import.name);
        let breaches = stable_abi::breaches(symbols, minimum);
        if !breaches.is_empty() {
            const MOST: usize = 6;
            let more = breaches.len().saturating_sub(MOST);
            let mut reason = breaches[..breaches.len() - more].join(", ");
            if more > 0 {
                reason.push_str(&format!(" and {more} more"));
            }
            docket.fault(
                Code::BadExtension,
                binary.member,
                format!("claims the stable ABI of 3.{minimum}: {reason}"),
            );
        }
    }
}

/// Notes native files that name a folder of the build: harmless to run, but a leak, and a reason why
/// another build folder gives other bytes.
fn note_build_folders(contents: &Contents<'_>, expectation: &Expectation<'_>, docket: &mut Docket) {
    for prefix in expectation.build_prefixes.iter().filter(|prefix| prefix.len() > 1) {
        for (member, bytes) in &contents.members {
            if crate::elf::is_elf(bytes) && holds(bytes, prefix.as_bytes()) {
                docket.note(format!("`{member}` speaks of the build folder `{prefix}`"));
            }
        }
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
