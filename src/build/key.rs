//! The two keys: everything that can change the bytes (ARCHITECTURE.md, decision 7).

use super::options::{CompilerChoice, Options};
use super::requirements::Requirements;
use crate::cache::{Digest, KeyParts};
use crate::python::interpreter::BuildPython;
use crate::report::Result;
use crate::target::Target;
use crate::toolchain::tools::Pin;
use crate::wheel::Library;

/// What is asked, known without a resolver.
pub(super) fn request(
    options: &Options,
    sdist_sha256: &str,
    python: &BuildPython,
    target: &Target,
) -> Result<KeyParts> {
    let mut parts = KeyParts::new()
        .with("sdist", sdist_sha256)
        .with("python", python.version)
        .with("interpreter", &python.identity);
    if options.compiler != CompilerChoice::System {
        parts = match &options.zig {
            Some(path) => parts.with("zig", Digest::of_file(path)?),
            None => parts.with("zig", &Pin::named("zig")?.version),
        };
    }
    if let Some(lock) = options.build_lock.as_ref().filter(|path| path.is_file()) {
        parts = parts.with("build-lock", Digest::of_file(lock)?);
    }
    options.key_parts(parts, target)
}

/// What is asked and what it is built with.
pub(super) fn result<'a>(
    request: &KeyParts,
    requirements: &Requirements,
    libraries: impl Iterator<Item = &'a Library>,
) -> KeyParts {
    let request = libraries.fold(request.clone(), |parts, library| {
        parts.with(&format!("native.{}", library.name), format!("{} {}", library.version, library.sha256))
    });
    let parts = requirements.installed().fold(request, |parts, pinned| {
        parts.with(&format!("requirement.{}", pinned.name), format!("{} {}", pinned.version, pinned.sha256))
    });
    requirements
        .fetched()
        .fold(parts, |parts, source| parts.with(&format!("source.{}", source.file), &source.sha256))
}
