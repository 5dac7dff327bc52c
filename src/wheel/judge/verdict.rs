//! What the judge says.

use crate::elf::{SearchPath, set_search_path};
use crate::report::{Code, Error, Result};
use crate::target::{Libc, PlatformTag, Target};
use crate::wheel::{RawWheel, TagSet};

/// A wheel that was found right, with the tags its binaries prove.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The interpreter tags: `cp311`, or `py2` and `py3`.
    pub pythons: Vec<String>,
    /// The ABI tags: `cp311`, `abi3`, `none`.
    pub abis: Vec<String>,
    /// The platform tag: the lowest floor that every binary runs on.
    pub platform: PlatformTag,
    /// One entry a native file, in the order of the wheel.
    pub files: Vec<FileFinding>,
    /// Changes to make before the wheel is written.
    pub edits: Vec<Edit>,
    /// What was tolerated or could not be checked, as sentences.
    pub notes: Vec<String>,
}

impl Verdict {
    /// The tags the wheel is written under.
    ///
    /// # Errors
    /// As [`TagSet::new`], for tags of the backend's that are none.
    pub fn tag_set(&self) -> Result<TagSet> {
        TagSet::new(&self.pythons, &self.abis, &self.platform)
    }

    /// Makes the verdict's edits in `wheel`, the wheel it is about.
    ///
    /// # Errors
    /// As [`Edit::apply`].
    pub fn apply_edits(&self, wheel: &mut RawWheel) -> Result<()> {
        for edit in &self.edits {
            for member in wheel.members_mut().iter_mut().filter(|member| member.name == edit.member) {
                member.data = edit.apply(&member.data)?;
            }
        }
        Ok(())
    }
}

/// What a native file is to Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// An extension module of this dotted name.
    Extension { module: String },
    /// A shared library that is no module.
    Library,
    /// A program.
    Program,
    /// An object file or static archive, for linking on the user's machine.
    Object,
    /// Code of a device, such as a GPU or the kernel's BPF machine.
    Device,
}

/// What one native file needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFinding {
    /// Name in the wheel.
    pub member: String,
    pub kind: FileKind,
    /// Minor of the lowest glibc 2.x it runs on; None where no C library is needed, or musl.
    pub floor: Option<u32>,
    /// What sets the floor: `pow@GLIBC_2.29`.
    pub floor_reason: Option<String>,
    /// The highest version asked of each library outside the wheel, by `LIBRARY:PREFIX`-wise order of
    /// appearance: (`libc.so.6`, `GLIBC_2.17`).
    pub versions: Vec<(String, String)>,
    /// DT_NEEDED.
    pub needed: Vec<String>,
}

/// A search path to cut down to the entries that lead into the wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Name in the wheel.
    pub member: String,
    pub path: SearchPath,
    /// What stays; the path is dropped when nothing does.
    pub keep: Vec<String>,
}

impl Edit {
    /// The member's `bytes` with the edit made, of the same length.
    ///
    /// # Errors
    /// As [`set_search_path`].
    pub fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let keep: Vec<&str> = self.keep.iter().map(String::as_str).collect();
        set_search_path(bytes, self.path, &keep)
            .map_err(|error| error.wrap(format!("the search path of `{}` cannot be cut", self.member)))
    }
}

/// One reason against the wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: Code,
    /// The file it is about; None for the wheel as a whole.
    pub member: Option<String>,
    pub reason: String,
    pub hint: Option<String>,
    /// The minor of the glibc 2.x that would do.
    pub wanted_floor: Option<u32>,
}

/// Faults and notes as they are found.
#[derive(Debug, Default)]
pub(super) struct Docket {
    pub faults: Vec<Fault>,
    pub notes: Vec<String>,
}

impl Docket {
    pub fn fault(&mut self, code: Code, member: &str, reason: impl Into<String>) -> &mut Fault {
        self.push(code, Some(member.to_owned()), reason.into())
    }

    /// A fault of no single file.
    pub fn general(&mut self, code: Code, reason: impl Into<String>) -> &mut Fault {
        self.push(code, None, reason.into())
    }

    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    fn push(&mut self, code: Code, member: Option<String>, reason: String) -> &mut Fault {
        self.faults.push(Fault { code, member, reason, hint: None, wanted_floor: None });
        self.faults.last_mut().expect("a fault was just added")
    }

    /// The one error that says every fault, or None without any. Its code is the gravest fault's.
    pub fn error(&self, target: &Target) -> Option<Error> {
        let gravest = self.faults.iter().min_by_key(|fault| gravity(fault.code))?;
        let mut error = match (&self.faults[..], &gravest.member) {
            ([only], Some(member)) => Error::new(only.code, format!("`{member}` {}", only.reason)),
            ([only], None) => Error::new(only.code, only.reason.clone()),
            _ => self.faults.iter().fold(
                Error::new(gravest.code, format!("the wheel is wrong in {} ways", self.faults.len())),
                |error, fault| {
                    error.cause(match &fault.member {
                        Some(member) => format!("{} `{member}` {}", fault.code, fault.reason),
                        None => format!("{} {}", fault.code, fault.reason),
                    })
                },
            ),
        };
        // One floor is enough for every file that wants a higher one.
        if let Some(minor) = self.faults.iter().filter_map(|fault| fault.wanted_floor).max() {
            let raised = Target { libc: Libc::Gnu { minor }, ..*target };
            error = error.hint(format!("ask for a higher floor: `--target {raised}`"));
        }
        let hints: Vec<&String> = self.faults.iter().filter_map(|fault| fault.hint.as_ref()).collect();
        for (position, hint) in hints.iter().enumerate() {
            if !hints[..position].contains(hint) {
                error = error.hint(hint.as_str());
            }
        }
        Some(error)
    }
}

impl Fault {
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// The fault would be none at the floor 2.`minor`.
    pub fn wants_floor(&mut self, minor: u32) {
        self.wanted_floor = Some(minor);
    }
}

/// Which fault explains the others best: a file for the wrong machine fails every later check too.
fn gravity(code: Code) -> usize {
    const ORDER: [Code; 11] = [
        Code::BrokenElf,
        Code::BrokenArchive,
        Code::WrongMachine,
        Code::LostExtension,
        Code::BadExtension,
        Code::ForeignLibrary,
        Code::TooNewSymbol,
        Code::UndefinedSymbol,
        Code::LeakedRuntime,
        Code::MetadataMismatch,
        Code::BadWheel,
    ];
    ORDER.iter().position(|known| *known == code).unwrap_or(ORDER.len())
}

/// `names` for a sentence: the first few in backticks, then how many more.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const MOST: usize = 6;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", name.as_ref())).collect();
    let more = names.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}
