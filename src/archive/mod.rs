//! Archives: hardened reading, deterministic writing.

mod zip_writer;

pub use zip_writer::{DosTime, ZipMember, ZipOptions, write_zip};
