//! Files of Debian archives: pinned by sha256, fetched from wherever the machine has them, unpacked
//! into the cache.
//!
//! A pin ([`Pinned`]) names a file by its path in the archive's pool and by its sha256, both written
//! down by `scripts/pin-native` from indexes whose signatures apt has checked. The sha256 alone decides
//! what is used, so no index is read and no signature is checked here, and every archive that has the
//! file will do ([`Archives`]): those of the user's configuration, then those of the machine's own apt.
//! All suites of an archive share one pool, so that a machine of one release can give the packages of
//! another.

mod archives;
mod patch;
mod pinned;
mod source;
mod sources;
mod store;

pub use archives::Archives;
pub use pinned::{Pinned, read_table};
pub use store::Packages;
