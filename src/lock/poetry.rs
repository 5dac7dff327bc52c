//! poetry.lock, versions 1.1, 2.0 and 2.1.

use super::document::{Node, Table, Text};
use super::model::{Condition, Edge, File, Kind, Package, Part, Source, file_of_url};
use super::pdm::{hash, needs_project};
use super::project::{Dialect, Pyproject};
use super::requirement;
use super::{Format, Lock, Marker, Range};
use crate::index::sdist_version;
use crate::metadata::{Version, normalize};
use crate::report::Result;

/// poetry's name of what a project itself depends on.
const MAIN: &str = "main";

pub(super) fn read<'d>(root: Table<'d>, text: Text<'d>, project: Option<&Pyproject>) -> Result<Lock> {
    let mut lock = Lock::new(text.file, Format::Poetry);
    let metadata = root.table("metadata")?.unwrap_or(root);
    let version = metadata.required("lock-version")?;
    lock.walks = match version {
        "1.1" | "2.0" => true,
        "2.1" => false,
        newer if newer.strip_prefix("2.").is_some_and(|minor| minor.parse::<u32>().is_ok()) => {
            lock.notes.push(format!("lock-version {version} is newer than 2.1"));
            false
        }
        _ => {
            return Err(metadata
                .bad(format!("lock-version `{version}` is not supported"))
                .cause("versions 1.1, 2.0 and 2.1 are")
                .hint("lock again with a current poetry: `poetry lock`"));
        }
    };
    if let Some(range) = metadata.string("python-versions")? {
        lock.requires_python = Some(Range::poetry(range).map_err(|why| metadata.bad(why))?);
    }
    if let Some(extras) = root.table("extras")? {
        lock.extras = extras.keys().map(normalize).collect();
    }
    let files = metadata.table("files")?;
    for table in root.tables("package")? {
        let name = table.required("name")?;
        let package = package(table.about(name), name, files, &mut lock)?;
        lock.packages.push(package);
    }
    match project {
        Some(project) => {
            let read = project.read(Dialect::Poetry)?;
            lock.groups.extend(read.groups);
            lock.extras.extend(read.extras);
            lock.roots.push(lock.packages.len());
            lock.packages.push(read.package);
        }
        None if lock.walks => return Err(needs_project(text)),
        None => {}
    }
    Ok(lock)
}

fn package<'d>(
    table: Table<'d>,
    name: &'d str,
    files_by_name: Option<Table<'d>>,
    lock: &mut Lock,
) -> Result<Package> {
    let source = source(table)?;
    let mut package = Package::new(name, Some(table.required("version")?), source, table.line());
    if let Some(range) = table.string("python-versions")? {
        package.requires_python = Some(Range::poetry(range).map_err(|why| table.bad(why))?);
    }
    if !lock.walks {
        for group in table.strings("groups")? {
            if group != MAIN {
                lock.groups.insert(normalize(group));
            }
            let part = if group == MAIN { Part::Main } else { Part::Group(normalize(group)) };
            let marker = group_marker(table, group)?;
            package.conditions.push(Condition { part: Some(part), marker });
        }
    }
    if let Some(dependencies) = table.table("dependencies")? {
        for (name, node) in dependencies.entries() {
            for (edge, optional) in constraints(name, node)? {
                if !optional {
                    package.depend(Part::Main, edge);
                }
            }
        }
    }
    if let Some(extras) = table.table("extras")? {
        for (extra, list) in extras.entries() {
            let part = Part::Extra(normalize(extra));
            package.dependencies.entry(part.clone()).or_default();
            for node in list.list(extra)? {
                let text = node.string(extra)?;
                package.depend(part.clone(), extra_edge(text, table, &node)?);
            }
        }
    }
    let entries = match (table.get("files"), files_by_name) {
        (Some(list), _) => list.list("files")?,
        (None, Some(by_name)) => {
            let same = by_name.entries().find(|(key, _)| normalize(key) == package.name);
            same.map_or(Ok(Vec::new()), |(key, node)| node.list(key))?
        }
        (None, None) => Vec::new(),
    };
    for node in entries {
        let entry = node.table("files")?;
        let mut file = File::named(entry.required("file")?);
        file.url = entry.string("url")?.map(str::to_owned);
        file.hashes.push(hash(entry.required("hash")?).map_err(|why| node.bad(why))?);
        package.files.push(file);
    }
    if files_by_name.is_some() {
        of_own_version(&mut package);
    }
    add_source_file(&mut package);
    Ok(package)
}

/// Version 1.1 lists the files of every version under the name.
fn of_own_version(package: &mut Package) {
    let Some(version) = package.version.as_deref().and_then(|text| text.parse::<Version>().ok()) else {
        return;
    };
    let name = package.name.clone();
    package.files.retain(|file| match &file.kind {
        Kind::Wheel(wheel) => *wheel.version() == version,
        Kind::Sdist => sdist_version(&file.name, &name).is_none_or(|found| found == version),
        _ => true,
    });
}

/// A package from an address or path has no list of files: what the source names is the file.
fn add_source_file(package: &mut Package) {
    let (Source::Archive(place) | Source::File(place)) = &package.source else { return };
    let Some((name, address, sha256)) = file_of_url(place) else { return };
    let is_url = matches!(package.source, Source::Archive(_));
    if let Some(file) = package.files.iter_mut().find(|file| file.name == name) {
        if is_url {
            file.url = Some(address)
        } else {
            file.path = Some(address)
        }
        return;
    }
    let mut file = File::named(&name);
    file.hashes.extend(sha256.map(|sha256| ("sha256".to_owned(), sha256)));
    if is_url {
        file.url = Some(address)
    } else {
        file.path = Some(address)
    }
    package.files.push(file);
}

/// `markers`: one for all groups, or one a group.
fn group_marker(table: Table<'_>, group: &str) -> Result<Marker> {
    let Some(node) = table.get("markers") else { return Ok(Marker::always()) };
    let text = match node.as_table() {
        Some(by_group) => by_group.string(group)?.unwrap_or_default(),
        None => node.string("markers")?,
    };
    Marker::parse(text).map_err(|why| node.bad(format!("`markers`: {why}")))
}

/// What `[package.extras]` says of one dependency. Its versions may be in poetry's own syntax; then
/// the dependency table has them.
fn extra_edge(text: &str, table: Table<'_>, node: &Node<'_>) -> Result<Edge> {
    if let Ok(edge) = requirement::edge(text) {
        return Ok(edge);
    }
    let name: String = text
        .trim()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    if !crate::metadata::is_valid_name(&name) {
        return Err(node.bad(format!("`{}` is no requirement", text.escape_debug())));
    }
    let listed = table.table("dependencies")?.into_iter().flat_map(Table::entries);
    for (key, node) in listed {
        if normalize(key) == normalize(&name)
            && let Some((mut edge, _)) = constraints(key, node)?.into_iter().next()
        {
            // Being in the extra's list is what the marker `extra == …` says.
            edge.marker = Marker::always();
            return Ok(edge);
        }
    }
    Ok(Edge { name: normalize(&name), ..Edge::default() })
}

/// One entry of a dependency table: a constraint, a table, or a list of both. With whether it is optional.
pub(super) fn constraints(name: &str, node: Node<'_>) -> Result<Vec<(Edge, bool)>> {
    if let Some(list) = node.as_list() {
        let mut all = Vec::new();
        for node in list {
            all.extend(constraints(name, node)?);
        }
        return Ok(all);
    }
    let range = |text: &str, node: &Node<'_>| {
        Range::poetry(text).map_err(|why| node.bad(format!("`{}`: {why}", name.escape_debug())))
    };
    let mut edge = Edge { name: normalize(name), ..Edge::default() };
    let Some(table) = node.as_table() else {
        edge.range = Some(range(node.string(name)?, &node)?);
        return Ok(vec![(edge, false)]);
    };
    if let Some(version) = table.string("version")? {
        edge.range = Some(range(version, &node)?);
    }
    edge.extras = table.strings("extras")?.into_iter().map(normalize).collect();
    let mut markers = vec![table.string("markers")?.unwrap_or_default().to_owned()];
    if let Some(python) = table.string("python")? {
        markers.push(python_marker(python).map_err(|why| node.bad(why))?);
    }
    if let Some(platform) = table.string("platform")? {
        markers.push(format!("sys_platform == '{}'", platform.replace('\'', "")));
    }
    for text in markers {
        let marker = Marker::parse(&text).map_err(|why| node.bad(format!("`markers`: {why}")))?;
        edge.marker = edge.marker.and(marker);
    }
    Ok(vec![(edge, table.boolean("optional")?.unwrap_or(false))])
}

/// A range of Pythons as a marker.
fn python_marker(range: &str) -> Result<String, String> {
    let alternatives = Range::poetry(range)?.to_specifiers();
    let alternative = |specifiers: &Vec<String>| {
        let terms: Vec<String> = specifiers
            .iter()
            .map(|specifier| {
                let at = specifier.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
                format!("python_full_version {} '{}'", specifier[..at].trim(), &specifier[at..])
            })
            .collect();
        format!("({})", terms.join(" and "))
    };
    if alternatives.iter().any(Vec::is_empty) {
        return Ok(String::new());
    }
    Ok(alternatives.iter().map(alternative).collect::<Vec<_>>().join(" or "))
}

fn source(table: Table<'_>) -> Result<Source> {
    let Some(source) = table.table("source")? else { return Ok(Source::Index(None)) };
    let url = source.required("url")?.to_owned();
    let kind = source.string("type")?.unwrap_or("legacy");
    Ok(match kind {
        "legacy" => Source::Index(Some(url)),
        "url" => Source::Archive(url),
        "git" => {
            let revision = source.string("resolved_reference")?.or(source.string("reference")?);
            Source::Git { url, revision: revision.map(str::to_owned) }
        }
        "directory" if table.boolean("develop")? == Some(true) => Source::Editable(url),
        "directory" => Source::Directory(url),
        "file" => Source::File(url),
        other => return Err(source.bad(format!("`{}` is no kind of source we know", other.escape_debug()))),
    })
}
