//! The kit of one target as one file, for build systems that hand files from action to action.
//!
//! A `tar` of `kit.json` and one packed part for each ([`KitPaths::pack`]); the same bytes for the
//! same kit.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Zig;
use super::kit::{self, KitPaths, Part, key};
use crate::archive::{self, Limits};
use crate::report::{Code, Error, Result};
use crate::target::Target;

const ABOUT: &str = "kit.json";

/// A kit is some ten megabytes in five files.
const LIMITS: Limits =
    Limits { bytes: 512 << 20, entry_bytes: 256 << 20, entries: 16, path_bytes: 256, depth: 2, ratio: 200 };

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct About {
    version: u32,
    /// [`key`] of the zig it was made with.
    key: String,
    target: String,
}

/// Writes what `kit` has for `target` to `out`, with the C++ runtime if `cxx`. Its parts must be there.
///
/// # Errors
/// [`Code::CacheEntry`] when a part is not as it was made, [`Code::Io`].
pub fn write(zig: &Zig, kit: &KitPaths, target: &Target, cxx: bool, out: &Path) -> Result<()> {
    let scratch = scratch(&kit.root)?;
    let failed = |error: std::io::Error| Error::io("write", out, &error);
    let about = About { version: 1, key: key(zig).to_string(), target: target.to_string() };
    let about = serde_json::to_vec(&about)
        .map_err(|error| Error::bug(format!("{ABOUT} does not serialise: {error}")))?;
    let mut tar = tar::Builder::new(File::create(out).map_err(failed)?);
    append(&mut tar, ABOUT, &about).map_err(failed)?;
    for part in Part::needed(target, cxx) {
        let packed = scratch.path().join(part.name());
        kit.pack(part, &packed)?;
        let bytes = std::fs::read(&packed).map_err(|error| Error::io("read", &packed, &error))?;
        append(&mut tar, &file_name(part), &bytes).map_err(failed)?;
    }
    tar.into_inner().and_then(|mut file| file.flush()).map_err(failed)
}

/// Puts the parts in the bundle at `path` into the kit of `zig` in the folder `store`.
///
/// # Errors
/// [`Code::RuntimeKit`] when it is no bundle or was made by another zig or version of wheelbuild;
/// what [`KitPaths::unpack`] says of a part.
pub fn read(zig: &Zig, store: &Path, path: &Path) -> Result<KitPaths> {
    let kit = kit::open(zig, store);
    std::fs::create_dir_all(&kit.root).map_err(|error| Error::io("make", &kit.root, &error))?;
    let scratch = scratch(&kit.root)?;
    let unusable = |why: String| {
        Error::new(Code::RuntimeKit, format!("`{}` is no runtime kit for this build", path.display()))
            .cause(why)
            .hint(
                "make it with this program and this zig: `wheelbuild toolchain kit --target T --output FILE`",
            )
    };
    archive::unpack(path, scratch.path(), &LIMITS).map_err(|error| unusable(error.headline().to_owned()))?;
    let about =
        std::fs::read(scratch.path().join(ABOUT)).map_err(|_| unusable("it has no kit.json".to_owned()))?;
    let about: About = serde_json::from_slice(&about).map_err(|error| unusable(error.to_string()))?;
    if about.key != key(zig).to_string() {
        return Err(unusable(format!(
            "it was made by another zig or wheelbuild: key {}, not {}",
            about.key,
            key(zig)
        )));
    }
    let target: Target = about.target.parse()?;
    for part in Part::needed(&target, true) {
        let packed = scratch.path().join(file_name(part));
        if packed.is_file() {
            kit.unpack(part, &packed)?;
        }
    }
    Ok(kit)
}

fn file_name(part: Part) -> String {
    format!("{}.tar.zst", part.name())
}

fn append(tar: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
}

fn scratch(folder: &Path) -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix(".bundle-")
        .tempdir_in(folder)
        .map_err(|error| Error::io("make a folder in", folder, &error))
}
