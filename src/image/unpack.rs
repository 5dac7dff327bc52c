//! An image, or the packages of one, as a plain folder.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::assemble::{Image, Request};
use super::codec::Compression;
use super::function;
use super::merge::merge;
use super::pack::{Packing, pack};
use crate::archive::{Limits, unpack_root};
use crate::cache::Cache;
use crate::report::{Code, Error, Report, Result};

/// Makes the folder `path`, which is absent or empty, the root that a container of `image` would see.
/// Nothing stands there until all of it does.
///
/// # Errors
/// [`Code::Usage`] when something is there; [`Code::HostileArchive`] when a layer of a base image holds what
/// only a container engine can make, such as devices; [`Code::BrokenImage`]; [`Code::Io`].
pub fn unpack(image: &Image, path: &Path) -> Result<()> {
    put(path, &mut |out| merge(&image.layers, out))
}

/// Makes the folder `path` what `pip install --target` of the packages of `image`, which was made of
/// `request`, would: programs are in `bin/`, data at the root.
///
/// # Errors
/// As [`unpack`], and those of reading wheels.
pub fn unpack_packages(
    image: &Image,
    request: &Request<'_>,
    path: &Path,
    cache: &Cache,
    report: &Report,
) -> Result<()> {
    let tree = function::packages(image, request, cache, report)?;
    let packing = Packing { compression: Compression::None, ..request.packing };
    put(path, &mut |mut out| pack(&tree, packing, &mut out).map(drop))
}

/// Makes the folder `path` of the tar stream that `write` gives.
fn put(path: &Path, write: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<()>) -> Result<()> {
    let is_taken = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        // A file, or a link that leads nowhere.
        Err(_) => path.symlink_metadata().is_ok(),
    };
    if is_taken {
        return Err(Error::new(Code::Usage, format!("`{}` is not empty", path.display()))
            .hint("name a folder that does not exist yet: `-o dir:PATH`"));
    }
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    std::fs::create_dir_all(parent).map_err(failed)?;
    let scratch = tempfile::Builder::new().prefix(".wheelbuild-").tempdir_in(parent).map_err(failed)?;
    let (stream, root) = (scratch.path().join("stream.tar"), scratch.path().join("root"));
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create_new(&stream).map_err(failed)?);
    write(&mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    std::fs::create_dir(&root).map_err(failed)?;
    // A stream without an entry is no archive.
    if std::fs::metadata(&stream).map_err(failed)?.len() > super::tar::END.len() as u64 {
        let limits = Limits {
            bytes: 1 << 40,
            entry_bytes: 1 << 38,
            entries: 2_000_000,
            path_bytes: 4096,
            depth: 256,
            ..Limits::default()
        };
        unpack_root(&stream, &root, &limits)?;
    }
    // As the folders in it, whatever the umask.
    std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(failed)?;
    crate::process::check_halted()?;
    // An empty folder may give way.
    let _ = std::fs::remove_dir(path);
    std::fs::rename(&root, path).map_err(failed)
}
