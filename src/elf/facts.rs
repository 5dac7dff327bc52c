//! The facts of one ELF file.

use crate::report::Result;
use crate::target::{Arch, Endian};

/// One ELF file as its headers, dynamic segment and symbol tables describe it. Borrows from the bytes.
#[derive(Clone, Debug)]
pub struct ElfFile<'a> {
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64, the ELF class.
    pub bits: u8,
    pub endian: Endian,
    pub kind: Kind,
    /// `e_flags`, whose meaning is the machine's.
    pub flags: u32,
    /// How floating-point arguments are passed, where the file says so.
    pub float_abi: Option<FloatAbi>,
    /// The program loader a program asks for (PT_INTERP).
    pub interpreter: Option<&'a str>,
    pub soname: Option<&'a str>,
    /// DT_NEEDED, in order.
    pub needed: Vec<&'a str>,
    /// DT_RPATH, split at colons.
    pub rpath: Option<Vec<&'a str>>,
    /// DT_RUNPATH, split at colons.
    pub runpath: Option<Vec<&'a str>>,
    /// PT_GNU_STACK asks for a stack that can be executed.
    pub executable_stack: bool,
    /// The smallest alignment of a loadable segment, in bytes: the largest page it can be mapped with.
    pub page_alignment: Option<u64>,
    /// True when there is a dynamic segment: a shared library or a dynamically linked program.
    pub dynamic: bool,
    /// Exported dynamic symbols: not local, visible outside.
    pub exports: Vec<Export<'a>>,
    /// Undefined dynamic symbols.
    pub imports: Vec<Import<'a>>,
    /// Symbol versions asked of other libraries (.gnu.version_r).
    pub version_needs: Vec<VersionNeed<'a>>,
    /// Symbol versions this library defines (.gnu.version_d) beside its base one.
    pub version_definitions: Vec<&'a str>,
    /// True without a static symbol table.
    pub stripped: bool,
    pub has_debug_info: bool,
    pub build_id: Option<&'a [u8]>,
}

/// `e_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ET_REL, an object file.
    Object,
    /// ET_EXEC, a program at a fixed address.
    Program,
    /// ET_DYN, a shared library or a position-independent program.
    Shared,
    /// ET_CORE.
    Core,
}

/// The floating-point part of a procedure call standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatAbi {
    Soft,
    Single,
    Double,
    Quad,
}

/// Where the loader searches for needed libraries before the system's folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchPath {
    Rpath,
    Runpath,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    Global,
    Weak,
    /// STB_GNU_UNIQUE: one definition a process.
    Unique,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    Default,
    Protected,
}

/// A dynamic symbol that other files can bind to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export<'a> {
    pub name: &'a str,
    pub binding: Binding,
    pub visibility: Visibility,
    pub version: Option<&'a str>,
    /// True when a reference without a version binds to this one (`name@@VERSION`).
    pub default: bool,
}

/// A dynamic symbol that another file must define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    pub name: &'a str,
    /// The file loads without it.
    pub weak: bool,
    pub version: Option<NeededVersion<'a>>,
}

/// The version an [`Import`] is bound to: `GLIBC_2.17` of `libc.so.6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededVersion<'a> {
    pub library: &'a str,
    pub name: &'a str,
}

/// What is asked of one library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed<'a> {
    pub library: &'a str,
    pub versions: Vec<&'a str>,
}

impl<'a> ElfFile<'a> {
    /// Reads `data`.
    ///
    /// # Errors
    /// `BrokenElf` when it is no ELF file, is cut short, or contradicts itself.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        super::read::parse(data)
    }

    /// The machine, when it is one that wheels are built for.
    pub fn arch(&self) -> Option<&'static Arch> {
        Arch::of_elf(self.machine)
    }

    /// The search path the loader uses: RUNPATH replaces RPATH.
    pub fn search_path(&self) -> &[&'a str] {
        self.runpath.as_deref().or(self.rpath.as_deref()).unwrap_or_default()
    }

    /// True when the file exports `name`, under whatever version.
    pub fn exports_name(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export.name == name)
    }
}
