//! pdm.lock, versions 4.3 to 4.5.

use std::collections::BTreeSet;

use super::document::{Table, Text};
use super::model::{Condition, File, Package, Part, Source, file_of_url};
use super::project::{Dialect, Pyproject};
use super::requirement;
use super::{Format, Lock, Locked, Marker, Range};
use crate::metadata::normalize;
use crate::report::{Code, Error, Result};
use crate::target::{Libc, MacMachine, Platform};

/// pdm's name of what a project itself depends on.
const MAIN: &str = "default";

pub(super) fn read<'d>(root: Table<'d>, text: Text<'d>, project: Option<&Pyproject>) -> Result<Lock> {
    let mut lock = Lock::new(text.file, Format::Pdm);
    let metadata = root.table("metadata")?.unwrap_or(root);
    let version = metadata.required("lock_version")?;
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(4), Some(3..=5)) => {}
        (Some(4), Some(6..)) => lock.notes.push(format!("lock_version {version} is newer than 4.5")),
        _ => {
            return Err(metadata
                .bad(format!("lock_version `{version}` is not supported"))
                .cause("versions 4.3 to 4.5 are")
                .hint("lock again with a current pdm: `pdm lock`"));
        }
    }
    let strategy = metadata.strings("strategy")?;
    lock.walks = !strategy.contains(&"inherit_metadata");
    for target in metadata.tables("targets")? {
        let range = target.string("requires_python")?;
        lock.locked_for.push(Locked {
            marker: Marker::always(),
            requires_python: range
                .map(|range| Range::poetry(range).map_err(|why| target.bad(why)))
                .transpose()?,
            platform: target.string("platform")?.map(str::to_owned),
        });
        if let Some(other) = target.string("implementation")?.filter(|name| *name != "cpython") {
            lock.notes.push(format!("a target of the lock is for `{other}`"));
        }
    }
    // What all targets agree on reads better as the lock's own.
    let ranges: Vec<&Range> =
        lock.locked_for.iter().filter_map(|locked| locked.requires_python.as_ref()).collect();
    if let [first, rest @ ..] = &ranges[..]
        && ranges.len() == lock.locked_for.len()
        && rest.iter().all(|range| range == first)
    {
        lock.requires_python = Some((*first).clone());
        if lock.locked_for.iter().all(|locked| locked.platform.is_none()) {
            lock.locked_for.clear();
        }
    }
    lock.groups =
        metadata.strings("groups")?.into_iter().filter(|name| *name != MAIN).map(normalize).collect();
    for table in root.tables("package")? {
        let name = table.required("name")?;
        package(&mut lock, table.about(name), name)?;
    }
    attach_project(&mut lock, project, text)
}

/// The project's own dependencies, where pyproject.toml is there.
fn attach_project(lock: &mut Lock, project: Option<&Pyproject>, text: Text<'_>) -> Result<Lock> {
    match project {
        Some(project) => {
            let read = project.read(Dialect::Standard)?;
            if lock.requires_python.is_none() && lock.locked_for.is_empty() {
                lock.requires_python.clone_from(&read.requires_python);
            }
            lock.groups.extend(read.groups);
            lock.extras.extend(read.extras);
            lock.roots.push(lock.packages.len());
            lock.packages.push(read.package);
        }
        None if lock.walks => return Err(needs_project(text)),
        None => {}
    }
    // pdm keeps extras and groups under one set of names.
    let both: BTreeSet<String> = lock.groups.union(&lock.extras).cloned().collect();
    (lock.groups, lock.extras) = (both.clone(), both);
    Ok(std::mem::replace(lock, Lock::new(text.file, Format::Pdm)))
}

/// The lock does not say what it was made for.
pub(super) fn needs_project(text: Text<'_>) -> Error {
    Error::new(Code::LockProject, format!("`{}` does not say what the project needs", text.file.display()))
        .cause("in this version of the format only pyproject.toml does, and there is none beside it")
        .hint("name it with `--project DIR`")
}

fn package<'d>(lock: &mut Lock, table: Table<'d>, name: &'d str) -> Result<()> {
    let mut package = Package::new(name, table.string("version")?, source(table)?, table.line());
    if let Some(range) = table.string("requires_python")?.filter(|range| !range.trim().is_empty()) {
        package.requires_python = Some(Range::poetry(range).map_err(|why| table.bad(why))?);
    }
    let extras: Vec<String> = table.strings("extras")?.into_iter().map(normalize).collect();
    let marker = Marker::parse(table.string("marker")?.unwrap_or_default())
        .map_err(|why| table.bad(format!("`marker`: {why}")))?;
    for group in table.strings("groups")? {
        let part = if group == MAIN { Part::Main } else { Part::Group(normalize(group)) };
        package.conditions.push(Condition { part: Some(part), marker: marker.clone() });
    }
    if package.conditions.is_empty() && !marker.text().is_empty() {
        package.forks.push(marker);
    }
    // The plain package is a dependency of what stands for it with extras.
    let part = if extras.is_empty() { Part::Main } else { Part::Extra(joined(&extras)) };
    for node in table.list("dependencies")? {
        let edge = requirement::edge(node.string("dependencies")?)
            .map_err(|why| node.bad(format!("`dependencies`: {why}")))?;
        if edge.name != package.name || !edge.extras.is_empty() {
            package.depend(part.clone(), edge);
        }
    }
    package.dependencies.entry(part).or_default();
    for entry in table.tables("files")? {
        package.files.push(file(entry)?);
    }
    if package.files.is_empty()
        && let Source::Archive(place) | Source::File(place) = &package.source
        && let Some((name, address, sha256)) = file_of_url(place)
    {
        let mut file = File::named(&name);
        file.hashes.extend(sha256.map(|sha256| ("sha256".to_owned(), sha256)));
        match package.source {
            Source::Archive(_) => file.url = Some(address),
            _ => file.path = Some(address),
        }
        package.files.push(file);
    }
    merge(lock, package);
    Ok(())
}

/// The name under which a set of extras is kept.
pub(super) fn joined(extras: &[String]) -> String {
    let sorted: BTreeSet<&str> = extras.iter().map(String::as_str).collect();
    sorted.into_iter().collect::<Vec<_>>().join(",")
}

/// Adds `package`, or joins it with the one it is a variant of: extras are blocks of their own.
fn merge(lock: &mut Lock, package: Package) {
    let same = lock.packages.iter_mut().find(|other| {
        other.name == package.name && other.version == package.version && other.source == package.source
    });
    let Some(other) = same else {
        lock.packages.push(package);
        return;
    };
    for file in package.files {
        if !other.files.contains(&file) {
            other.files.push(file);
        }
    }
    other.conditions.extend(package.conditions);
    other.forks.extend(package.forks);
    for (part, edges) in package.dependencies {
        other.dependencies.entry(part).or_default().extend(edges);
    }
}

fn source(table: Table<'_>) -> Result<Source> {
    if let Some(url) = table.string("git")? {
        let revision = table.string("revision")?.or(table.string("ref")?);
        return Ok(Source::Git { url: url.to_owned(), revision: revision.map(str::to_owned) });
    }
    if let Some(url) = table.string("url")? {
        return Ok(Source::Archive(url.to_owned()));
    }
    if let Some(path) = table.string("path")? {
        let lower = path.to_ascii_lowercase();
        let archive = [".whl", ".gz", ".zip", ".bz2", ".xz", ".tgz"].iter().any(|end| lower.ends_with(end));
        return Ok(match (archive, table.boolean("editable")?) {
            (true, _) => Source::File(path.to_owned()),
            (false, Some(true)) => Source::Editable(path.to_owned()),
            (false, _) => Source::Directory(path.to_owned()),
        });
    }
    Ok(Source::Index(None))
}

fn file(entry: Table<'_>) -> Result<File> {
    let mut file = match (entry.string("file")?, entry.string("url")?) {
        (Some(name), url) => {
            let mut file = File::named(name);
            file.url = url.map(str::to_owned);
            file
        }
        (None, Some(url)) => {
            let (name, address, _) =
                file_of_url(url).ok_or_else(|| entry.bad(format!("`{url}` names no file")))?;
            let mut file = File::named(&name);
            file.url = Some(address);
            file
        }
        (None, None) => return Err(entry.bad("a file has neither `file` nor `url`")),
    };
    if let Some(hash) = entry.string("hash")? {
        file.hashes.push(self::hash(hash).map_err(|why| entry.bad(why))?);
    }
    Ok(file)
}

/// `sha256:ab…` in two. The error is a sentence.
pub(super) fn hash(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{}` is no hash", text.escape_debug());
    let (algorithm, value) = text.split_once([':', '=']).ok_or_else(wrong)?;
    let algorithm = algorithm.to_ascii_lowercase();
    let digits = match algorithm.as_str() {
        "md5" => 32,
        "sha1" => 40,
        "sha224" | "sha3_224" => 56,
        "sha256" | "sha3_256" | "blake2s" => 64,
        "sha384" | "sha3_384" => 96,
        "sha512" | "sha3_512" | "blake2b" => 128,
        _ => return Err(format!("`{}` is no hash algorithm we know", algorithm.escape_debug())),
    };
    if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    Ok((algorithm, value.to_ascii_lowercase()))
}

/// Whether pdm's platform `name` covers `platform`: the lock then lists every file that fits there.
/// A lock for a newer C library or system lists those for older ones too.
pub(super) fn platform_covers(name: &str, platform: &Platform) -> bool {
    let name = name.to_ascii_lowercase();
    let wildcard = match name.as_str() {
        // pdm's short names stand for the x86_64 machine, but for macOS, which it takes for arm64.
        "linux" => Some("manylinux_2_17_x86_64"),
        "alpine" => Some("musllinux_1_2_x86_64"),
        "macos" => Some("macos_14_0_arm64"),
        _ => None,
    };
    let name = wildcard.unwrap_or(&name);
    let short = wildcard.is_some();
    let numbers = |rest: &str| -> Option<(u32, u32, String)> {
        let mut parts = rest.splitn(3, '_');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned()))
    };
    match platform {
        Platform::Linux(target) => {
            let machine = |name: &str| crate::target::Arch::find(name) == Some(target.arch);
            if let Some((2, _, arch)) = name.strip_prefix("manylinux_").and_then(numbers) {
                return matches!(target.libc, Libc::Gnu { .. }) && machine(&arch);
            }
            if let Some((1, _, arch)) = name.strip_prefix("musllinux_").and_then(numbers) {
                return target.libc == Libc::Musl && machine(&arch);
            }
            false
        }
        Platform::MacOs(macos) => {
            let is = |arch: &str| match macos.machine {
                MacMachine::Arm64 => matches!(arch, "arm64" | "aarch64"),
                MacMachine::X86_64 => matches!(arch, "x86_64" | "amd64"),
            };
            let rest = name.strip_prefix("macos_").unwrap_or_default();
            match numbers(rest) {
                Some((major, minor, arch)) => is(&arch) && (short || macos.version <= (major, minor)),
                None => is(rest),
            }
        }
    }
}
