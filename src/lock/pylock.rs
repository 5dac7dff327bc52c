//! pylock.toml, version 1 (PEP 751).

use super::document::{Table, Text};
use super::model::{Condition, Edge, File, Package, Part, Source, file_of_url};
use super::pdm::hash;
use super::{Format, Lock, Locked, Marker, Range};
use crate::metadata::normalize;
use crate::report::Result;

pub(super) fn read<'d>(root: Table<'d>, text: Text<'d>) -> Result<Lock> {
    let mut lock = Lock::new(text.file, Format::Pylock);
    let version = root.required("lock-version")?;
    match version.split_once('.') {
        Some(("1", "0")) => {}
        Some(("1", _)) => lock.notes.push(format!("lock-version {version} is newer than 1.0")),
        _ => {
            return Err(root
                .bad(format!("lock-version `{version}` is not supported"))
                .cause("version 1 is (PEP 751)")
                .hint("lock again with a tool that writes version 1.0"));
        }
    }
    if let Some(range) = root.string("requires-python")? {
        lock.requires_python = Some(Range::pep440(range).map_err(|why| root.bad(why))?);
    }
    for node in root.list("environments")? {
        let marker = Marker::parse(node.string("environments")?).map_err(|why| node.bad(why))?;
        lock.locked_for.push(Locked::of_marker(marker));
    }
    let names = |key: &str| -> Result<_> { Ok(root.strings(key)?.into_iter().map(normalize).collect()) };
    lock.extras = names("extras")?;
    lock.groups = names("dependency-groups")?;
    lock.default_groups = names("default-groups")?;
    lock.groups.extend(lock.default_groups.iter().cloned());
    for table in root.tables("packages")? {
        let name = table.required("name")?;
        let package = package(table.about(name), name)?;
        lock.packages.push(package);
    }
    Ok(lock)
}

fn package<'d>(table: Table<'d>, name: &'d str) -> Result<Package> {
    let ways = ["vcs", "directory", "archive"].into_iter().filter(|key| table.has(key)).count();
    let files = table.has("wheels") || table.has("sdist");
    if ways > 1 || (ways == 1 && files) {
        return Err(table.bad("`vcs`, `directory`, `archive` and `wheels` or `sdist` exclude each other"));
    }
    let mut package = Package::new(name, table.string("version")?, source(table)?, table.line());
    if let Some(range) = table.string("requires-python")? {
        package.requires_python = Some(Range::pep440(range).map_err(|why| table.bad(why))?);
    }
    let marker = Marker::parse(table.string("marker")?.unwrap_or_default())
        .map_err(|why| table.bad(format!("`marker`: {why}")))?;
    package.conditions.push(Condition { part: None, marker });
    // Informational: says why a package is there, never whether.
    for entry in table.tables("dependencies")? {
        let edge = Edge {
            name: normalize(entry.required("name")?),
            version: entry.string("version")?.map(str::to_owned),
            ..Edge::default()
        };
        package.depend(Part::Main, edge);
    }
    let archives = table.table("archive")?.into_iter().chain(table.table("sdist")?);
    for entry in archives.chain(table.tables("wheels")?) {
        package.files.push(file(entry)?);
    }
    Ok(package)
}

fn source(table: Table<'_>) -> Result<Source> {
    if let Some(vcs) = table.table("vcs")? {
        let place = vcs.string("url")?.or(vcs.string("path")?);
        let url = place.ok_or_else(|| vcs.bad("`vcs` has neither `url` nor `path`"))?.to_owned();
        return Ok(Source::Git { url, revision: Some(vcs.required("commit-id")?.to_owned()) });
    }
    if let Some(directory) = table.table("directory")? {
        let path = directory.required("path")?.to_owned();
        return Ok(match directory.boolean("editable")? {
            Some(true) => Source::Editable(path),
            _ => Source::Directory(path),
        });
    }
    if let Some(archive) = table.table("archive")? {
        return match (archive.string("url")?, archive.string("path")?) {
            (Some(url), _) => Ok(Source::Archive(url.to_owned())),
            (None, Some(path)) => Ok(Source::File(path.to_owned())),
            (None, None) => Err(archive.bad("`archive` has neither `url` nor `path`")),
        };
    }
    Ok(Source::Index(table.string("index")?.map(str::to_owned)))
}

/// A file goes by its `name`, else by the last part of its address or path.
fn file(entry: Table<'_>) -> Result<File> {
    let url = entry.string("url")?;
    let path = entry.string("path")?;
    let named = |place: &str| {
        file_of_url(place).map(|(name, ..)| name).ok_or_else(|| entry.bad(format!("`{place}` names no file")))
    };
    let name = match (entry.string("name")?, url.or(path)) {
        (Some(name), _) if file_of_url(name).is_some() => name.to_owned(),
        (Some(name), _) => return Err(entry.bad(format!("`{}` is no file name", name.escape_debug()))),
        (None, Some(place)) => named(place)?,
        (None, None) => return Err(entry.bad("a file has neither `name`, `url` nor `path`")),
    };
    let mut file = File::named(&name);
    file.url = url.map(|url| url.split('#').next().unwrap_or(url).to_owned());
    file.path = path.map(str::to_owned);
    file.size = entry.number("size")?;
    file.upload_time = entry.get("upload-time").map(|node| node.moment("upload-time")).transpose()?;
    let hashes = entry.table("hashes")?.ok_or_else(|| entry.bad("a file has no `hashes`"))?;
    for (algorithm, value) in hashes.entries() {
        let text = format!("{algorithm}:{}", value.string(algorithm)?);
        file.hashes.push(hash(&text).map_err(|why| value.bad(why))?);
    }
    if file.hashes.is_empty() {
        return Err(entry.bad("a file has no `hashes`"));
    }
    Ok(file)
}
