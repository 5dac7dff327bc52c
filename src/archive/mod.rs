//! Archives: hardened reading, deterministic writing.
//!
//! Everything that comes from outside (sdists, wheels, Debian packages) is read here. The format is
//! told by content, never by name. An archive that holds one bad entry is refused whole, with the
//! entry named; nothing is ever repaired or skipped, and nothing is written outside the folder that
//! was asked for. What is refused, and why, is the list in docs/security.md; each line of it is a
//! test in `tests/`.
//!
//! - [`unpack`], [`list`], [`read_first`]: tar (plain, gzip, bzip2, xz, zstd) and zip alike
//! - [`unpack_deb`]: the files of a Debian package
//! - [`ZipReader`]: members of a zip by name, for wheels
//! - [`digest_folder`], [`copy_folder`]: a folder of the user's, read as strictly
//! - [`write_zip`]: the canonical zip

mod compression;
mod deb;
mod destination;
mod folder;
mod name;
mod pax;
mod refusal;
mod tar_reader;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;
mod zip_end;
mod zip_reader;
mod zip_source;
mod zip_structure;
mod zip_writer;

pub use deb::unpack_deb;
pub use folder::{Keep, copy_folder, digest_folder, list_folder};
pub use unpack::{Entry, EntryKind, Unpacked, list, read_first, unpack, unpack_root};
pub use zip_reader::ZipReader;
pub use zip_structure::{ZipEntry, ZipMethod};
pub use zip_writer::{DosTime, ZipMember, ZipOptions, write_zip};

use crate::report::{Code, Error};

/// How much an archive may hold. What goes over is refused as hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of all files together, in bytes.
    pub bytes: u64,
    /// Size of one file, in bytes.
    pub entry_bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// Length of a path, in bytes.
    pub path_bytes: usize,
    /// Components of a path.
    pub depth: usize,
    /// Unpacked size over packed size, once more than 64 MiB came out.
    pub ratio: u64,
}

impl Default for Limits {
    /// Far above the largest sdists and wheels there are, far below what harms a machine.
    fn default() -> Self {
        Self {
            bytes: 4 << 30,
            entry_bytes: 2 << 30,
            entries: 200_000,
            path_bytes: 1024,
            depth: 64,
            ratio: 250,
        }
    }
}

/// A failure while reading an archive: over the limits, or damaged.
fn read_error(error: std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<compression::Bomb>()) {
        Some(bomb) => refusal::hostile_archive(bomb.to_string()),
        None if error.raw_os_error().is_some() => {
            Error::new(Code::Io, "cannot read the archive").cause(error.to_string())
        }
        None => {
            Error::new(Code::BrokenArchive, "the archive is damaged or cut short").cause(error.to_string())
        }
    }
}
