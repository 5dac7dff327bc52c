//! What an ELF file says about itself, and the few things that may be changed in it.
//!
//! Facts are read the way the program loader reads them (program headers and the dynamic segment);
//! section headers only add what a loader has no use for. Every input is taken as hostile: what does
//! not hold together is an [`Error`](crate::report::Error) of code `BrokenElf`, never a panic.

mod archive;
mod edit;
mod facts;
mod glibc;
mod layout;
mod read;
mod rewrite;
#[cfg(test)]
mod rewrite_tests;
#[cfg(test)]
pub(crate) mod sample;
mod symbols;
#[cfg(test)]
mod tests;
mod versions;

pub use archive::{Object, is_archive, objects};
pub use edit::set_search_path;
pub use facts::{
    Binding, ElfFile, Export, FloatAbi, Import, Kind, NeededVersion, SearchPath, VersionNeed, Visibility,
};
pub use glibc::glibc_since;
pub use rewrite::{Renaming, rename};
pub use symbols::{SymbolTable, Symbols, python_api};

/// True when `data` starts as an ELF file does.
pub fn is_elf(data: &[u8]) -> bool {
    data.starts_with(b"\x7fELF")
}
