//! Every native file of a wheel, opened.

use super::contents::{Contents, file_name_of, import_path};
use super::extension::is_python_tag;
use super::machine;
use super::verdict::{Docket, FileFinding, FileKind};
use crate::elf::{self, ElfFile, Kind};
use crate::report::Code;
use crate::target::Target;

/// A dynamic file for the target: what the later checks look at.
pub(super) struct Binary<'a> {
    /// Name in the wheel.
    pub member: &'a str,
    /// Where imports and `$ORIGIN` see it: the path below site-packages, or the name in the wheel.
    pub path: &'a str,
    pub file: ElfFile<'a>,
}

impl Binary<'_> {
    /// The names a DT_NEEDED entry may know it by.
    pub fn answers_to(&self, name: &str) -> bool {
        self.file.soname == Some(name) || file_name_of(self.path) == name
    }

    /// True for a program, false for a shared library.
    pub fn is_program(&self) -> bool {
        self.file.kind == Kind::Program || self.file.interpreter.is_some()
    }

    pub fn uses_python(&self) -> bool {
        self.file.imports.iter().any(|import| super::stable_abi::is_python_name(import.name))
    }
}

/// What was found by opening every file.
#[derive(Default)]
pub(super) struct Opened<'a> {
    /// Dynamic files for the target.
    pub binaries: Vec<Binary<'a>>,
    /// Findings on objects, archives, static programs and device code, which need no library.
    pub others: Vec<FileFinding>,
    /// Paths of everything that is no mere object file, for whatever machine.
    pub loadable: Vec<&'a str>,
    /// Extension modules of another system, each with its format.
    pub foreign: Vec<(&'a str, &'static str)>,
    /// True when something in the wheel is bound to a machine.
    pub native: bool,
}

/// Opens every member. Files for another machine, and what only has the name of a module, are faults;
/// what is another system's is a note.
pub(super) fn open<'a>(contents: &Contents<'a>, target: &Target, docket: &mut Docket) -> Opened<'a> {
    let mut opened = Opened::default();
    for (member, bytes) in contents.members.iter().copied() {
        if elf::is_elf(bytes) {
            match ElfFile::parse(bytes) {
                Ok(file) => opened.sort_in(member, file, target, docket),
                Err(error) => {
                    opened.native = true;
                    opened.loadable.push(import_path(member).unwrap_or(member));
                    let why = error.causes().first().map_or("", String::as_str);
                    docket.fault(Code::BrokenElf, member, format!("is a broken ELF file: {why}"));
                }
            }
        } else if elf::is_archive(bytes) {
            opened.open_archive(member, bytes, target, docket);
        } else if let Some(format) = foreign_format(bytes) {
            if is_module_name(member) {
                opened.foreign.push((member, format));
            }
            docket.note(format!("`{member}` is a {format} file, which nothing on Linux loads"));
        } else if let Some(what) = hollow(member, bytes) {
            docket.fault(Code::BadExtension, member, format!("is named like a shared object and is {what}"));
        }
    }
    opened
}

impl<'a> Opened<'a> {
    fn sort_in(&mut self, member: &'a str, file: ElfFile<'a>, target: &Target, docket: &mut Docket) {
        if let Some(device) = machine::device(&file) {
            docket.note(format!("`{member}` is code for a {device} and was not judged"));
            self.others.push(plain(member, FileKind::Device));
            return;
        }
        self.native = true;
        if file.kind != Kind::Object {
            self.loadable.push(import_path(member).unwrap_or(member));
        }
        if let Some(reason) = machine::mismatch(&file, target) {
            docket.fault(Code::WrongMachine, member, reason);
        } else if file.kind == Kind::Object {
            self.others.push(plain(member, FileKind::Object));
        } else if !file.dynamic {
            self.others.push(plain(member, FileKind::Program));
        } else {
            let path = import_path(member).unwrap_or(member);
            self.binaries.push(Binary { member, path, file });
        }
    }

    fn open_archive(&mut self, member: &str, bytes: &[u8], target: &Target, docket: &mut Docket) {
        match elf::objects(bytes) {
            Ok(objects) => {
                let for_cpu = |object: &&elf::Object<'_>| machine::device(&object.file).is_none();
                for object in objects.iter().filter(for_cpu) {
                    self.native = true;
                    if let Some(reason) = machine::mismatch(&object.file, target) {
                        let reason = format!("holds `{}`, which {reason}", object.name);
                        docket.fault(Code::WrongMachine, member, reason);
                        return;
                    }
                }
                if !objects.is_empty() {
                    self.others.push(plain(member, FileKind::Object));
                }
            }
            Err(error) => {
                docket.fault(
                    error.code(),
                    member,
                    format!("is a broken static archive: {}", error.headline()),
                );
            }
        }
    }
}

/// True when Python would import `member` for its name, and for no other reason it would be called so.
fn is_module_name(member: &str) -> bool {
    let suffix = import_path(member).and_then(|path| file_name_of(path).split_once('.'));
    suffix.is_some_and(|(_, suffix)| suffix.ends_with(".so") && is_python_tag(suffix))
}

/// What a member that is named like native code is instead; None for everything that may be as it is,
/// such as a linker script, or a test's own file.
fn hollow(member: &str, bytes: &[u8]) -> Option<&'static str> {
    let name = file_name_of(member);
    if !(name.ends_with(".so") || name.contains(".so.")) {
        return None;
    }
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Some("a Git LFS pointer: the sdist was made without the file itself");
    }
    let of_tests = member.split('/').any(|part| matches!(part, "test" | "tests" | "testing"));
    match (bytes.is_empty(), is_module_name(member)) {
        (true, named) if named || !of_tests => Some("empty"),
        (false, true) => Some("no ELF file"),
        _ => None,
    }
}

fn plain(member: &str, kind: FileKind) -> FileFinding {
    FileFinding {
        member: member.to_owned(),
        kind,
        floor: None,
        floor_reason: None,
        versions: Vec::new(),
        needed: Vec::new(),
    }
}

/// The other systems' formats of native code, by their magic.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    const MACH_O: [[u8; 4]; 5] = [
        [0xfe, 0xed, 0xfa, 0xce],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbf],
    ];
    let magic = bytes.get(..4)?;
    if MACH_O.iter().any(|known| known == magic) {
        return Some("Mach-O");
    }
    if magic.starts_with(b"MZ") {
        let at = bytes.get(0x3c..0x40)?;
        let at = usize::try_from(u32::from_le_bytes(at.try_into().ok()?)).ok()?;
        return bytes.get(at..)?.starts_with(b"PE\0\0").then_some("Windows");
    }
    None
}
