//! Whether a base image is for a target, by its configuration (OCI image specification, "Image
//! Configuration"): what a builder that does not look must be told before it builds upon it.

use super::base::{Contents, manifests, open_manifest, platform_of};
use super::oci::{Descriptor, Platform, broken};
use crate::report::{Code, Error, Result};
use crate::target::Target;

/// Says that every image of `root` is for `target`. No layer is read.
///
/// Of an index with further platforms a builder could take another than is meant, so it is refused.
///
/// # Errors
/// [`Code::UnsupportedTarget`] for an image of another platform; [`Code::BrokenImage`].
pub fn expect_platform(
    contents: &dyn Contents,
    root: &Descriptor,
    target: &Target,
    name: &str,
) -> Result<()> {
    let all = manifests(contents, root)?;
    if all.is_empty() {
        return Err(broken(format!("the index of `{name}` has no image")));
    }
    let mut platforms = Vec::new();
    for entry in &all {
        platforms.push(platform_of(&open_manifest(contents, entry)?.1));
    }
    if platforms.iter().all(|platform| platform.fits(target)) {
        return Ok(());
    }
    let wanted = Platform::of(target);
    let found: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    Err(Error::new(Code::UnsupportedTarget, format!("the image `{name}` is not for {wanted}"))
        .cause(format!("its configuration says {}", found.join(", ")))
        .hint(format!(
            "name the image for {wanted}; with Bazel, `platforms` of `oci.pull` that has `{wanted}`, or a `py_image` with another `target_platform`"
        )))
}
