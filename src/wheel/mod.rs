//! Wheels: read what a backend made, judge it, and write the one canonical form of it together with
//! what proves where it came from (PEP 427, PEP 770, in-toto).

mod archive;
mod backend_sbom;
mod build_paths;
mod build_record;
mod canonical;
mod compare;
mod complete;
mod file_name;
mod graft;
mod inside;
mod json;
pub mod judge;
mod member;
mod provenance;
mod raw;
mod record_file;
mod sbom;
mod scripts;
mod unzip;
mod volatile;
mod wheel_file;

pub use archive::WheelArchive;
pub use build_paths::BuildPath;
pub use build_record::{Artefact, BuildRecord, Crate, Library, PythonRecord, SourceFile, Tool, debian_purl};
pub use canonical::{Wheel, WheelBuilder};
pub use compare::{Difference, compare};
pub use complete::check_complete;
pub use file_name::{TagSet, WheelFileName};
pub use graft::{Grafted, Libraries, graft};
pub use member::Member;
pub use provenance::Provenance;
pub use raw::RawWheel;
pub use sbom::{Role, SBOM_NAME, Sbom};
pub use wheel_file::WheelFile;

#[cfg(test)]
mod tests;
