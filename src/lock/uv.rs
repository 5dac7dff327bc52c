//! uv.lock, version 1 of any revision.

use std::path::Path;

use super::document::{Table, Text};
use super::model::{Edge, File, Package, Part, Source, file_of_url};
use super::pdm::hash;
use super::project::Pyproject;
use super::{Format, Lock, Locked, Marker, Range};
use crate::metadata::normalize;
use crate::report::Result;

pub(super) fn read<'d>(root: Table<'d>, text: Text<'d>, project: Option<&Pyproject>) -> Result<Lock> {
    let mut lock = Lock::new(text.file, Format::Uv);
    let version = root.number("version")?.unwrap_or(0);
    if version != 1 {
        return Err(root
            .bad(format!("version {version} is not supported"))
            .cause("version 1 is, in every revision")
            .hint("lock again with a uv that writes version 1: `uv lock`"));
    }
    lock.walks = true;
    if let Some(range) = root.string("requires-python")? {
        lock.requires_python = Some(Range::pep440(range).map_err(|why| root.bad(why))?);
    }
    // The forks of a resolution cover everything it was made for; only `environments` of the
    // project's configuration, which stand here, leave something out.
    for node in root.list("supported-markers")? {
        let marker = Marker::parse(node.string("supported-markers")?).map_err(|why| node.bad(why))?;
        lock.locked_for.push(Locked::of_marker(marker));
    }
    for set in root.list("conflicts")? {
        let mut conflict = Vec::new();
        for node in set.list("conflicts")? {
            let table = node.table("conflicts")?;
            let package = normalize(table.required("package")?);
            let part = match (table.string("extra")?, table.string("group")?) {
                (Some(extra), _) => Part::Extra(normalize(extra)),
                (None, Some(group)) => Part::Group(normalize(group)),
                (None, None) => Part::Main,
            };
            conflict.push((package, part));
        }
        lock.conflicts.push(conflict);
    }
    for table in root.tables("package")? {
        let name = table.required("name")?;
        let package = package(table.about(name), name)?;
        lock.packages.push(package);
    }
    let manifest = root.table("manifest")?;
    roots(&mut lock, manifest, text, project)?;
    if lock.roots.is_empty() {
        return Err(root.bad("none of its packages is the project it was made for"));
    }
    for position in lock.roots.clone() {
        for part in lock.packages[position].dependencies.keys() {
            match part {
                Part::Extra(name) => lock.extras.insert(name.clone()),
                Part::Group(name) => lock.groups.insert(name.clone()),
                Part::Main => continue,
            };
        }
    }
    Ok(lock)
}

/// Whose dependencies count: the project of the chosen pyproject.toml, else the one at the lock's
/// own place, else every member of the workspace; and what a script or a workspace without a project
/// asks for itself.
fn roots<'d>(
    lock: &mut Lock,
    manifest: Option<Table<'d>>,
    text: Text<'d>,
    project: Option<&Pyproject>,
) -> Result<()> {
    let mut members: Vec<String> = Vec::new();
    let mut own = Package::new("project", None, Source::Virtual(".".to_owned()), 0);
    if let Some(manifest) = manifest {
        members = manifest.strings("members")?.into_iter().map(normalize).collect();
        for table in manifest.tables("requirements")? {
            own.depend(Part::Main, requested(table)?);
        }
        if let Some(groups) = manifest.table("dependency-groups")? {
            for (group, list) in groups.entries() {
                for node in list.list(group)? {
                    own.depend(Part::Group(normalize(group)), requested(node.table(group)?)?);
                }
            }
        }
    }
    let folder_of = |package: &Package| match &package.source {
        Source::Virtual(path) | Source::Editable(path) | Source::Directory(path) => Some(path.clone()),
        _ => None,
    };
    let below = project.and_then(|project| project.folder_below(text.file.parent().unwrap_or(Path::new(""))));
    let at =
        |lock: &Lock, place: &str| lock.packages.iter().position(|p| folder_of(p).as_deref() == Some(place));
    if let Some(chosen) = below.and_then(|place| at(lock, &place)) {
        lock.roots.push(chosen);
    } else if let Some(here) = at(lock, ".") {
        lock.roots.push(here);
    } else {
        let is_member = |package: &Package| match members.is_empty() {
            true => matches!(package.source, Source::Virtual(_) | Source::Editable(_)),
            false => members.contains(&package.name) && folder_of(package).is_some(),
        };
        let found = lock.packages.iter().enumerate().filter(|(_, package)| is_member(package));
        lock.roots = found.map(|(position, _)| position).collect();
    }
    if !own.dependencies.is_empty() {
        lock.roots.push(lock.packages.len());
        lock.packages.push(own);
    }
    Ok(())
}

/// A requirement of the manifest: names and specifiers, unlike the edges between packages.
fn requested(table: Table<'_>) -> Result<Edge> {
    let mut edge = edge(table)?;
    if let Some(range) = table.string("specifier")? {
        edge.range = Some(Range::pep440(range).map_err(|why| table.bad(why))?);
    }
    edge.extras.extend(table.strings("extras")?.into_iter().map(normalize));
    Ok(edge)
}

fn package<'d>(table: Table<'d>, name: &'d str) -> Result<Package> {
    let source = match table.table("source")? {
        Some(source) => self::source(source)?,
        None => return Err(table.bad("there is no `source`")),
    };
    let mut package = Package::new(name, table.string("version")?, source, table.line());
    for node in table.list("resolution-markers")? {
        let marker = Marker::parse(node.string("resolution-markers")?).map_err(|why| node.bad(why))?;
        package.forks.push(marker);
    }
    for entry in table.tables("dependencies")? {
        package.depend(Part::Main, edge(entry)?);
    }
    type Make = fn(String) -> Part;
    for (key, make) in
        [("optional-dependencies", Part::Extra as Make), ("dev-dependencies", Part::Group as Make)]
    {
        for (name, list) in table.table(key)?.into_iter().flat_map(Table::entries) {
            let part = make(normalize(name));
            package.dependencies.entry(part.clone()).or_default();
            for node in list.list(name)? {
                package.depend(part.clone(), edge(node.table(name)?)?);
            }
        }
    }
    // Extras and groups that ask for nothing stand here only.
    if let Some(metadata) = table.table("metadata")? {
        for extra in metadata.strings("provides-extras")? {
            package.dependencies.entry(Part::Extra(normalize(extra))).or_default();
        }
        for group in metadata.table("requires-dev")?.iter().flat_map(Table::keys) {
            package.dependencies.entry(Part::Group(normalize(group))).or_default();
        }
    }
    if let Some(entry) = table.table("sdist")? {
        package.files.push(file(entry, &package.source)?);
    }
    for entry in table.tables("wheels")? {
        package.files.push(file(entry, &package.source)?);
    }
    Ok(package)
}

fn edge(table: Table<'_>) -> Result<Edge> {
    let marker = Marker::parse(table.string("marker")?.unwrap_or_default())
        .map_err(|why| table.bad(format!("`marker`: {why}")))?;
    let source = table.table("source")?.map(source).transpose()?;
    let extra = table.get("extra").and_then(|node| node.as_string()).is_some();
    Ok(Edge {
        name: normalize(table.required("name")?),
        version: table.string("version")?.map(str::to_owned),
        source,
        range: None,
        extras: match extra {
            true => table.string("extra")?.into_iter().map(normalize).collect(),
            false => table.strings("extra")?.into_iter().map(normalize).collect(),
        },
        marker,
    })
}

fn source(table: Table<'_>) -> Result<Source> {
    let text = |key: &str| table.string(key).map(|text| text.map(str::to_owned));
    if let Some(place) = text("registry")? {
        return Ok(if place.contains("://") { Source::Index(Some(place)) } else { Source::FlatIndex(place) });
    }
    if let Some(url) = text("url")? {
        return Ok(Source::Archive(url));
    }
    if let Some(url) = text("git")? {
        let (address, revision) = url.split_once('#').unwrap_or((&url, ""));
        let revision = (!revision.is_empty()).then(|| revision.to_owned());
        let address = address.split('?').next().unwrap_or(address);
        return Ok(Source::Git { url: address.to_owned(), revision });
    }
    if let Some(path) = text("path")? {
        return Ok(Source::File(path));
    }
    if let Some(path) = text("directory")? {
        return Ok(Source::Directory(path));
    }
    if let Some(path) = text("editable")? {
        return Ok(Source::Editable(path));
    }
    if let Some(path) = text("virtual")? {
        return Ok(Source::Virtual(path));
    }
    Err(table.bad("`source` is of no kind we know"))
}

fn file(entry: Table<'_>, source: &Source) -> Result<File> {
    let url = entry.string("url")?;
    let path = entry.string("path")?;
    let filename = entry.string("filename")?;
    // An archive named by the source alone has an entry with nothing but its hash.
    let of_source = match source {
        Source::Archive(place) | Source::File(place) => Some(place.as_str()),
        _ => None,
    };
    let place = filename
        .or(url)
        .or(path)
        .or(of_source)
        .ok_or_else(|| entry.bad("a file has neither `url` nor `path`"))?;
    let (name, _, _) = file_of_url(place).ok_or_else(|| entry.bad(format!("`{place}` names no file")))?;
    let mut file = File::named(&name);
    let address = |url: &str| url.split('#').next().unwrap_or(url).to_owned();
    file.url = match (url, source) {
        (Some(url), _) => Some(address(url)),
        (None, Source::Archive(url)) if path.is_none() => Some(address(url)),
        _ => None,
    };
    file.path = match (path, source) {
        (Some(path), Source::FlatIndex(folder)) if !path.starts_with('/') => {
            Some(format!("{}/{path}", folder.trim_end_matches('/')))
        }
        (Some(path), _) => Some(path.to_owned()),
        (None, Source::File(path)) => Some(path.clone()),
        _ => None,
    };
    if let Some(text) = entry.string("hash")? {
        file.hashes.push(hash(text).map_err(|why| entry.bad(why))?);
    }
    file.size = entry.number("size")?;
    file.upload_time = entry.get("upload-time").map(|node| node.moment("upload-time")).transpose()?;
    Ok(file)
}
