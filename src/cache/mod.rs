//! The cache: keys, content-addressed store, entries; and the caches that machines share ([`remote`]).
//!
//! ```text
//! <cache>/blobs/ab/<sha256>       content by its digest, verified on every read
//! <cache>/requests/<key>.json     what one request led to: its requirement set and result key
//! <cache>/results/<key>.json      what one build made: digests of wheel and provenance
//! <cache>/layers/                packed layers of images, what they were made from, their facts
//! <cache>/digests/               sha256 of files by path, size and dates
//! <cache>/{tools,envs,kits,views} made once, shared by builds (owned by their modules)
//! <cache>/tmp                     scratch; everything in it may vanish
//! ```
//!
//! Every write is a temporary file, fsync and rename, so that a killed process leaves nothing
//! half-made and several processes may use one cache. A damaged blob is removed and reported as
//! absent, so that the build runs again instead of failing.

mod digest;
mod key;
mod made;
mod prune;
pub mod remote;
mod seal;
mod store;

pub use digest::Digest;
pub use key::{Key, KeyParts};
pub use prune::{Pruned, Usage};
pub use seal::{is_sealed, seal};
pub use store::{Cache, RequestEntry, Requirement, ResultEntry};
