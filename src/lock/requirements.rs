//! requirements.txt with hashes, as pip, pip-tools, uv and pdm write it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::Text;
use super::model::{Condition, Edge, File, Kind, Package, Source, file_of_url};
use super::pdm::hash;
use super::requirement;
use super::{Format, Lock};
use crate::report::{Code, Error, Result};

/// Files may include each other so deep, and no deeper.
const DEEPEST: usize = 16;

pub(super) fn read(text: Text<'_>) -> Result<Lock> {
    let mut reader =
        Reader { lock: Lock::new(text.file, Format::Requirements), constraints: BTreeMap::new() };
    reader.file(text, false, 0)?;
    reader.finish(text)
}

/// What a constraint file says of one project.
struct Constraint {
    version: Option<String>,
    hashes: Vec<(String, String)>,
}

struct Reader {
    lock: Lock,
    constraints: BTreeMap<String, Constraint>,
}

/// A line with what was continued below it.
struct Line {
    text: String,
    /// Byte where it begins.
    at: usize,
}

impl Reader {
    fn file(&mut self, text: Text<'_>, constraint: bool, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(Error::new(Code::BadLock, format!("`{}` includes itself", text.file.display())));
        }
        for line in logical_lines(text.text) {
            let line = Line { text: expand(&line.text), ..line };
            let words = line.text.trim();
            if words.is_empty() {
                continue;
            }
            match words.starts_with('-') {
                true => self.option(text, &line, words, constraint, depth)?,
                false => self.requirement(text, &line, words, constraint)?,
            }
        }
        Ok(())
    }

    fn option(
        &mut self,
        text: Text<'_>,
        line: &Line,
        words: &str,
        constraint: bool,
        depth: usize,
    ) -> Result<()> {
        let end = words.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(words.len());
        let (name, rest) = words.split_at(end);
        let value = rest.trim_start_matches(|c: char| c == '=' || c.is_whitespace()).trim();
        // `-rfile` is as good as `-r file`.
        let (name, value) = match name {
            _ if name.starts_with("--") || name.len() <= 2 => (name, value.to_owned()),
            _ if name.is_char_boundary(2) => (&name[..2], words[2..].trim().to_owned()),
            _ => (name, value.to_owned()),
        };
        match name {
            "-r" | "--requirement" => self.include(text, line, &value, constraint, depth),
            "-c" | "--constraint" => self.include(text, line, &value, true, depth),
            "-e" | "--editable" => {
                let place = value.split(['#', ';']).next().unwrap_or_default().trim();
                let (place, _) = place.split_once('[').unwrap_or((place, ""));
                let name = Path::new(place).file_name().map(|name| name.to_string_lossy().into_owned());
                let name = name.filter(|name| crate::metadata::is_valid_name(name));
                let named = name.unwrap_or_else(|| "project".to_owned());
                let source = match value.strip_prefix("git+") {
                    Some(url) => Source::Git { url: url.to_owned(), revision: None },
                    None => Source::Editable(place.to_owned()),
                };
                let mut package = Package::new(&named, None, source, text.line(line.at));
                package.conditions.push(Condition { part: None, marker: super::Marker::always() });
                self.lock.packages.push(package);
                Ok(())
            }
            "--no-binary" | "--only-binary" => {
                let set =
                    if name == "--no-binary" { &mut self.lock.no_binary } else { &mut self.lock.no_build };
                for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    match name {
                        ":none:" => set.clear(),
                        ":all:" => _ = set.insert(name.to_owned()),
                        _ => _ = set.insert(crate::metadata::normalize(name)),
                    }
                }
                Ok(())
            }
            // Indexes are the user's own configuration; what is pinned by hash may come from any.
            "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--trusted-host"
            | "--no-index" | "--pre" | "--require-hashes" | "--prefer-binary" | "--use-feature" => Ok(()),
            _ => Err(bad(text, line.at, None, &format!("`{}` is no option we know", name.escape_debug()))),
        }
    }

    fn include(
        &mut self,
        text: Text<'_>,
        line: &Line,
        value: &str,
        constraint: bool,
        depth: usize,
    ) -> Result<()> {
        let value = value.trim_matches(['"', '\'']);
        let folder = text.file.parent().unwrap_or(Path::new(""));
        let path: PathBuf = folder.join(value);
        let unreadable = |why: String| bad(text, line.at, None, &format!("cannot read `{value}`")).cause(why);
        let facts = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?;
        if !facts.is_file() || facts.len() > super::LARGEST {
            return Err(unreadable("it is no file, or too large".to_owned()));
        }
        let bytes = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let included =
            String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)).into_owned();
        self.file(Text { file: &path, text: &included }, constraint, depth + 1)
    }

    fn requirement(&mut self, text: Text<'_>, line: &Line, words: &str, constraint: bool) -> Result<()> {
        let (words, hashes) = take_hashes(words).map_err(|why| bad(text, line.at, None, &why))?;
        if is_place(&words) {
            return self.place(text, line, &words, hashes);
        }
        let edge = requirement::edge(&words).map_err(|why| {
            bad(text, line.at, None, &format!("`{}` is no requirement", words.escape_debug())).cause(why)
        })?;
        let version = pinned(&edge);
        if constraint {
            let entry = self.constraints.entry(edge.name.clone());
            let entry = entry.or_insert(Constraint { version: None, hashes: Vec::new() });
            entry.version = entry.version.take().or(version);
            entry.hashes.extend(hashes);
            return Ok(());
        }
        if version.is_none() && edge.source.is_none() {
            return Err(bad(text, line.at, Some(&edge.name), "is not pinned to one version with `==`")
                .hint("make a locked file: `uv pip compile --generate-hashes`, or `uv export`"));
        }
        let source = edge.source.clone().unwrap_or(Source::Index(None));
        let mut package = Package::new(&edge.name, version.as_deref(), source, text.line(line.at));
        package.conditions.push(Condition { part: None, marker: edge.marker });
        if let Source::Archive(url) = &package.source {
            let written = words.split_once('@').map_or(url.as_str(), |(_, url)| url.trim());
            let written = written.split_whitespace().next().unwrap_or(url);
            match archive(written, hashes) {
                Some(file) => {
                    if let Kind::Wheel(wheel) = &file.kind {
                        package.version = Some(wheel.version().to_string());
                    }
                    package.files.push(file);
                }
                None => {
                    return Err(bad(text, line.at, Some(&edge.name), "its address names no file"));
                }
            }
        } else {
            package.bare_hashes = hashes;
        }
        self.lock.packages.push(package);
        Ok(())
    }

    /// A bare path or address.
    fn place(
        &mut self,
        text: Text<'_>,
        line: &Line,
        words: &str,
        hashes: Vec<(String, String)>,
    ) -> Result<()> {
        let (place, marker) = match words.split_once(" ;") {
            Some((place, marker)) => (place.trim(), marker),
            None => (words, ""),
        };
        let marker = super::Marker::parse(marker).map_err(|why| bad(text, line.at, None, &why))?;
        let (bare, _) = place.split_once('[').unwrap_or((place, ""));
        let folder = text.file.parent().unwrap_or(Path::new(""));
        let mut package = if !bare.contains("://") && folder.join(bare).is_dir() {
            let name = folder.join(bare).canonicalize().ok();
            let name = name.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
            let name = name.filter(|name| crate::metadata::is_valid_name(name));
            let name = name.unwrap_or("project".into());
            Package::new(&name, None, Source::Directory(bare.to_owned()), text.line(line.at))
        } else {
            let file = archive(place, hashes)
                .ok_or_else(|| bad(text, line.at, None, &format!("`{place}` names no file")))?;
            let source = match file.url {
                Some(_) => Source::Archive(place.split('#').next().unwrap_or(place).to_owned()),
                None => Source::File(place.to_owned()),
            };
            let (name, version) = match &file.kind {
                Kind::Wheel(wheel) => (wheel.name(), Some(wheel.version().to_string())),
                Kind::Sdist => sdist_identity(&file.name)
                    .ok_or_else(|| bad(text, line.at, None, &format!("`{place}` names no project")))?,
                _ => return Err(bad(text, line.at, None, &format!("`{place}` is neither wheel nor sdist"))),
            };
            let mut package = Package::new(&name, version.as_deref(), source, text.line(line.at));
            package.files.push(file);
            package
        };
        package.conditions.push(Condition { part: None, marker });
        self.lock.packages.push(package);
        Ok(())
    }

    /// Constraints applied, and nothing without a hash.
    fn finish(mut self, text: Text<'_>) -> Result<Lock> {
        for package in &mut self.lock.packages {
            if let Some(constraint) = self.constraints.get(&package.name) {
                let version = package.version.as_deref();
                if let (Some(ours), Some(theirs)) = (version, constraint.version.as_deref())
                    && !crate::metadata::version_eq(ours, theirs)
                {
                    let headline = format!(
                        "`{}`, package `{}`: pinned to {ours}, constrained to {theirs}",
                        text.name(),
                        package.name
                    );
                    return Err(Error::new(Code::BadLock, headline).cause(format!("line {}", package.line)));
                }
                for hash in &constraint.hashes {
                    if !package.bare_hashes.contains(hash) {
                        package.bare_hashes.push(hash.clone());
                    }
                }
            }
            let hashed = !package.bare_hashes.is_empty()
                || package.files.iter().any(|file| !file.hashes.is_empty() || file.path.is_some());
            let own = package.source.is_folder() || matches!(package.source, Source::Git { .. });
            if !hashed && !own {
                let headline = format!("`{}`, package `{}`: it has no hash", text.name(), package.name);
                return Err(Error::new(Code::BadLock, headline)
                    .cause(format!("{}, line {}", text.file.display(), package.line))
                    .cause("only requirements with hashes are a lock")
                    .hint(
                        "make hashes: `uv pip compile --generate-hashes`, `pip-compile --generate-hashes`",
                    ));
            }
        }
        Ok(self.lock)
    }
}

fn bad(text: Text<'_>, at: usize, package: Option<&str>, what: &str) -> Error {
    let of = package.map_or_else(String::new, |package| format!(", package `{package}`"));
    text.place(at, Error::new(Code::BadLock, format!("`{}`{of}: {what}", text.name())))
}

/// The version of an edge that allows one only.
fn pinned(edge: &Edge) -> Option<String> {
    let alternatives = edge.range.as_ref()?.to_specifiers();
    let [specifiers] = &alternatives[..] else { return None };
    let exact = specifiers.iter().find_map(|specifier| {
        let version = specifier.strip_prefix("===").or_else(|| specifier.strip_prefix("=="))?;
        (!version.ends_with(".*")).then(|| version.trim().to_owned())
    });
    exact.filter(|_| specifiers.len() == 1)
}

/// A file with its hashes, those of the fragment too.
fn archive(place: &str, mut hashes: Vec<(String, String)>) -> Option<File> {
    let (name, address, sha256) = file_of_url(place)?;
    let mut file = File::named(&name);
    hashes.extend(sha256.map(|sha256| ("sha256".to_owned(), sha256)));
    file.hashes = hashes;
    match address.contains("://") {
        true => file.url = Some(address),
        false => file.path = Some(address),
    }
    Some(file)
}

/// Name and version in an sdist's file name; the last dash divides (PEP 625).
fn sdist_identity(file: &str) -> Option<(String, Option<String>)> {
    let (name, rest) = file.rsplit_once('-')?;
    let version =
        [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz"].iter().find_map(|end| rest.strip_suffix(end));
    crate::metadata::is_valid_name(name).then(|| (name.to_owned(), version.map(str::to_owned)))
}

/// Whether a line names a file or address rather than a project.
fn is_place(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default();
    let named = words.split_once('@').is_some_and(|(name, _)| {
        let name = name.split('[').next().unwrap_or_default().trim();
        crate::metadata::is_valid_name(name)
    });
    !named
        && (first.contains("://")
            || first.starts_with(['.', '/'])
            || first.contains('/')
            || first.to_ascii_lowercase().ends_with(".whl"))
}

/// The requirement without its `--hash` options, and those.
fn take_hashes(words: &str) -> Result<(String, Vec<(String, String)>), String> {
    let (mut kept, mut hashes) = (Vec::new(), Vec::new());
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(value) = word.strip_prefix("--hash=") {
            hashes.push(hash(value)?);
        } else if word == "--hash" {
            hashes.push(hash(words.next().ok_or("`--hash` has no value")?)?);
        } else if word.starts_with("--") {
            return Err(format!(
                "the option `{}` is not supported beside a requirement",
                word.escape_debug()
            ));
        } else {
            kept.push(word);
        }
    }
    Ok((kept.join(" "), hashes))
}

/// Lines joined where one ends with a backslash, comments taken out. As for pip a comment ends with
/// its line, whatever stands at its end, and ends what was continued before it.
fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim_end_matches(['\n', '\r']);
        let begins = at;
        at += raw.len();
        if line.trim_start().starts_with('#') {
            lines.extend(open.take());
            continue;
        }
        let (content, commented) = match line.find(" #").or_else(|| line.find("\t#")) {
            Some(comment) => (&line[..comment], true),
            None => (line, false),
        };
        let continued = !commented && content.ends_with('\\');
        let content = if continued { &content[..content.len() - 1] } else { content };
        let current = open.get_or_insert_with(|| Line { text: String::new(), at: begins });
        current.text.push(' ');
        current.text.push_str(content.trim());
        if !continued {
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    lines
}

/// `${NAME}` replaced by the variable, as pip does: capitals, digits and `_` only, and what is not
/// set stays.
fn expand(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let value = after[2..].find('}').and_then(|end| {
            let name = &after[2..2 + end];
            let valid = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            let value = if valid { std::env::var(name).ok() } else { None };
            value.map(|value| (value, end + 3))
        });
        match value {
            Some((value, length)) => {
                out.push_str(&value);
                rest = &after[length..];
            }
            None => {
                out.push_str("${");
                rest = &after[2..];
            }
        }
    }
    out.push_str(rest);
    out
}
