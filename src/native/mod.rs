//! Native libraries of the target: which ones a build needs, and a folder that holds them.
//!
//! [`Library`] is a row of the catalogue `toolchains/native.toml`. What a build needs is said by the
//! sdist (PEP 725, [`of_external`]), by the user, or found out from what its tools looked for and did
//! not find ([`wanted`]). [`choose`] decides how a library is had for a target, and [`assemble`] lays
//! headers, static archives and `.pc` files of all of them into one folder in the cache.

mod catalogue;
mod choice;
mod copyright;
mod needs;
mod sysroot;

pub use catalogue::{Graft, Library, Source, Static, closure, driver_archives, pinned};
pub use choice::{Asked, Chosen, Way, choose};
pub use copyright::licence_of;
pub use needs::{of_external, wanted};
pub use sysroot::{Piece, PieceKind, assemble};
