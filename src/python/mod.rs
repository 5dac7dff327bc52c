//! Pythons: the one that runs the build, its environments, and the view of the target's that the
//! hooks are shown.
//!
//! [`interpreter`] finds the build interpreter and asks it once for its facts. [`environment`] makes
//! the set of packages a build runs with, [`installer`] installs wheels given as files. [`view`]
//! writes what a CPython of the target would have on disk (sysconfig data, headers, build details,
//! pkg-config files) and the module that makes the hooks believe it.

pub mod environment;
pub mod installer;
pub mod interpreter;
pub mod view;

/// Lower-case hex sha256.
fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in sha2::Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
