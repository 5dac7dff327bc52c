//! An image as a plain folder: its layers unpacked over each other.

use std::path::Path;

use super::assemble::Image;
use crate::archive::{Limits, unpack_root};
use crate::report::{Code, Error, Result};

/// Unpacks every layer of `image` into the folder `path`, which is absent or empty. Nothing stands there
/// until all of it does.
///
/// # Errors
/// [`Code::Usage`] when something is there; [`Code::HostileArchive`] and [`Code::Io`] when a layer of a base
/// image holds what only a container engine can make: devices, files that replace others.
pub fn unpack(image: &Image, path: &Path) -> Result<()> {
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file() {
        return Err(Error::new(Code::Usage, format!("`{}` is not empty", path.display()))
            .hint("name a folder that does not exist yet: `-o dir:PATH`"));
    }
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    let scratch = tempfile::Builder::new().prefix(".wheelbuild-").tempdir_in(parent).map_err(failed)?;
    let inner = scratch.path().join("root");
    let limits = Limits { bytes: 1 << 40, entry_bytes: 1 << 38, entries: 2_000_000, ..Limits::default() };
    for layer in &image.layers {
        unpack_root(&layer.blob, &inner, &limits)
            .map_err(|error| error.wrap(format!("the layer `{}` cannot be unpacked", layer.title)))?;
    }
    // As folders in it are; whoever was to see it sees it where it is put.
    std::fs::set_permissions(&inner, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(failed)?;
    // An empty folder may give way.
    let _ = std::fs::remove_dir(path);
    std::fs::rename(&inner, path).map_err(failed)
}
