//! What the whole-image check has to know of the files of a layer, gathered while they pass by.
//!
//! Facts are kept with the layer in the cache, so that a layer is read once in its life.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::linker_cache;
use super::sparse_elf;
use crate::elf::{self, ElfFile, Kind};
use crate::report::Result;

/// The facts of every path of a layer, without a slash at either end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerFacts {
    pub paths: BTreeMap<String, PathFacts>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathFacts {
    Folder,
    /// A folder that hides what layers below have in it.
    Opaque,
    /// A symbolic link to this.
    Link(String),
    /// The same file as this path of the layer.
    HardLink(String),
    File(FileFacts),
    /// Not there any more, whatever layers below say.
    Removed,
    /// A device, socket or pipe.
    Special,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// Its first line after `#!`, of an executable file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<Box<ElfFacts>>,
    /// The text of a file that decides something ([`is_kept`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the program loader goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfFacts {
    /// `e_machine`; 0 with `broken`.
    pub machine: u16,
    pub bits: u8,
    pub big_endian: bool,
    /// Programs and shared libraries; objects and core files are none.
    pub loadable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpath: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runpath: Option<Vec<String>>,
    /// Symbol versions asked of each library.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, Vec<String>>,
    /// Symbol versions it defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defines: Vec<String>,
    /// `3.11.2`, of an interpreter or libpython.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Symbols it needs whatever library has them, for a C library without symbol versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// Symbols it offers, of libraries in a system without symbol versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<String>,
    /// Why it is no sound ELF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// More than this of a first line is no interpreter any kernel runs.
const FIRST_LINE: usize = 256;

/// Files up to this size are looked at in memory; larger ones only in part.
pub const WHOLE: u64 = 1 << 20;

/// Texts over this size decide nothing.
const LARGEST_TEXT: u64 = 4 << 20;

/// Whether the text of the file at `path` is kept: what the loader, Python and package managers go by.
pub fn is_kept(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(path, "etc/ld.so.conf" | "etc/ld.so.cache" | "etc/os-release" | "usr/lib/os-release")
        || (path.starts_with("etc/ld.so.conf.d/") && name.ends_with(".conf"))
        || (path.starts_with("etc/ld-musl-") && name.ends_with(".path"))
        || (name == "site.py" && path.contains("/python3"))
        || name == "pyvenv.cfg"
        || is_record(path)
        || matches!(path, "var/lib/dpkg/status" | "lib/apk/db/installed")
}

/// Whether the file lists what an installer installed (PEP 376).
fn is_record(path: &str) -> bool {
    path.ends_with(".dist-info/RECORD")
}

/// The paths of a RECORD file, one a line. Its hashes would be most of it.
fn recorded(text: &str) -> String {
    let rows = text.lines().filter_map(|row| row.rsplitn(3, ',').nth(2));
    let paths = rows.map(|path| match path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => path.to_owned(),
    });
    paths.collect::<Vec<_>>().join("\n")
}

/// Whether more than the start of the file at `path` that begins with `head` is looked at.
pub fn wants_whole(path: &str, head: &[u8]) -> bool {
    elf::is_elf(head) || is_kept(path)
}

impl FileFacts {
    /// The facts of the file at `path`, whole in `data`.
    pub fn of_bytes(path: &str, executable: bool, data: &[u8]) -> Self {
        let mut facts = Self::of_head(executable, data.len() as u64, data);
        if elf::is_elf(data) {
            let mut found = ElfFacts::of(ElfFile::parse(data));
            if may_be_python(path) {
                found.python = python_version(data);
            }
            facts.elf = Some(Box::new(found));
        } else if path == "etc/ld.so.cache" {
            facts.text = linker_cache::read(data);
        } else if is_record(path) && data.len() as u64 <= LARGEST_TEXT {
            facts.text = Some(recorded(&String::from_utf8_lossy(data)));
        } else if is_kept(path) && data.len() as u64 <= LARGEST_TEXT {
            facts.text = Some(String::from_utf8_lossy(data).into_owned());
        }
        facts
    }

    /// The facts of the file at `path` that `file` holds, of which only what matters is read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &str, executable: bool, file: &File, size: u64) -> io::Result<Self> {
        if size <= WHOLE || is_kept(path) && size <= LARGEST_TEXT {
            // Either is below the largest usize of any machine.
            let mut data = vec![0; size as usize];
            file.read_exact_at(&mut data, 0)?;
            return Ok(Self::of_bytes(path, executable, &data));
        }
        let mut head = [0; FIRST_LINE];
        file.read_exact_at(&mut head, 0)?;
        let mut facts = Self::of_head(executable, size, &head);
        if elf::is_elf(&head) {
            let image = sparse_elf::read(file, size)?;
            let mut parsed = ElfFacts::of(ElfFile::parse(&image));
            if parsed.needed.iter().any(String::is_empty) || parsed.broken.is_some() {
                // Its section headers do not say where its tables are.
                let mut whole = vec![0; usize::try_from(size).map_err(io::Error::other)?];
                file.read_exact_at(&mut whole, 0)?;
                parsed = ElfFacts::of(ElfFile::parse(&whole));
            }
            if may_be_python(path) {
                parsed.python = python_version_in(file, size)?;
            }
            facts.elf = Some(Box::new(parsed));
        }
        Ok(facts)
    }

    /// What the first bytes and the size say, of a file that [`wants_whole`] has no use for.
    pub fn of_head(executable: bool, size: u64, head: &[u8]) -> Self {
        let interpreter = head.strip_prefix(b"#!").filter(|_| executable).map(|rest| {
            let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let line = &line[..line.len().min(FIRST_LINE)];
            String::from_utf8_lossy(line).trim().to_owned()
        });
        Self { size, executable, interpreter, elf: None, text: None }
    }
}

impl ElfFacts {
    fn of(parsed: Result<ElfFile<'_>>) -> Self {
        let file = match parsed {
            Ok(file) => file,
            Err(error) => {
                let why = error.causes().first().map_or(error.headline(), String::as_str).to_owned();
                return Self { broken: Some(why), ..Self::default() };
            }
        };
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let needed = owned(&file.needed);
        let is_musl = needed.iter().any(|name| name.starts_with("libc.musl-") || name == "libc.so")
            || file.soname.is_some_and(|name| name.starts_with("libc.musl-") || name == "libc.so");
        let names = |wanted: bool, list: &mut dyn Iterator<Item = &str>| -> Vec<String> {
            let mut names: Vec<String> = match wanted {
                true => list.map(str::to_owned).collect(),
                false => Vec::new(),
            };
            names.sort_unstable();
            names.dedup();
            names
        };
        Self {
            machine: file.machine,
            bits: file.bits,
            big_endian: file.endian == crate::target::Endian::Big,
            loadable: matches!(file.kind, Kind::Program | Kind::Shared),
            loader: file.interpreter.map(str::to_owned),
            soname: file.soname.map(str::to_owned),
            rpath: file.rpath.as_deref().map(owned),
            runpath: file.runpath.as_deref().map(owned),
            needs: file
                .version_needs
                .iter()
                .map(|need| (need.library.to_owned(), owned(&need.versions)))
                .collect(),
            defines: owned(&file.version_definitions),
            python: None,
            imports: names(
                is_musl,
                &mut file.imports.iter().filter(|import| !import.weak).map(|import| import.name),
            ),
            exports: names(is_musl, &mut file.exports.iter().map(|export| export.name)),
            needed,
            broken: None,
        }
    }
}

fn may_be_python(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("python3") || name.starts_with("libpython3")
}

/// [`python_version`] of a large file, which is never in memory as a whole.
fn python_version_in(file: &File, size: u64) -> io::Result<Option<String>> {
    // What is looked for is shorter than this, and may lie across two windows.
    const OVERLAP: u64 = 32;
    let mut window = Vec::new();
    let mut from = 0;
    while from < size {
        // A window is far below the largest usize.
        window.resize(WHOLE.min(size - from) as usize, 0);
        file.read_exact_at(&mut window, from)?;
        if from > 0 {
            // What stands before is unknown here, and was known to the window before.
            window[0] = 1;
        }
        if let Some(version) = python_version(&window) {
            return Ok(Some(version));
        }
        from += if size - from > WHOLE { WHOLE - OVERLAP } else { WHOLE };
    }
    Ok(None)
}

/// The literal `PY_VERSION` in the data of an interpreter: `3.11.2`, standing alone.
fn python_version(data: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(found) = data[at..].windows(2).position(|pair| pair == b"3.") {
        let start = at + found;
        at = start + 2;
        let alone = start == 0 || data[start - 1] == 0;
        let Some(end) = data[start..].iter().take(16).position(|&byte| byte == 0 || byte == b'+') else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(&data[start..start + end]) else { continue };
        let fields: Vec<&str> = text.split('.').collect();
        let [_, minor, patch] = fields[..] else { continue };
        let minor_ok = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
        let digits = patch.bytes().take_while(u8::is_ascii_digit).count();
        let rest = patch[digits..].trim_start_matches(['a', 'b', 'r', 'c']);
        if alone && minor_ok && digits > 0 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(text.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::sample::Sample;

    #[test]
    fn an_interpreter_says_its_version() {
        assert_eq!(python_version(b"\0\x003.11.2\0..."), Some("3.11.2".into()));
        assert_eq!(python_version(b"x3.1\x003.14.0rc2+\0"), Some("3.14.0rc2".into()));
        assert_eq!(python_version(b"13.11.2\0 3.11\0 3.x.2\x003.1.x\0"), None);
    }

    #[test]
    fn a_large_file_gives_the_same_facts_in_part_and_whole() {
        let sample = Sample::library("x86_64-linux").need("liba.so.1").runpath("$ORIGIN/a");
        let mut bytes = sample.bytes();
        let small = FileFacts::of_bytes("a.so", false, &bytes);
        bytes.resize(WHOLE as usize + 4096, 1);
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let large = FileFacts::of_file("a.so", false, &file, bytes.len() as u64).unwrap();
        assert_eq!(large.elf, small.elf);
        assert_eq!(large.elf.unwrap().needed, ["liba.so.1"]);
    }

    #[test]
    fn a_version_across_two_windows_is_found() {
        let mut bytes = vec![1; WHOLE as usize * 2 + 100];
        let at = WHOLE as usize - 4;
        bytes[at..at + 8].copy_from_slice(b"\x003.11.2\0");
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let version = python_version_in(&file, bytes.len() as u64).unwrap();
        assert_eq!(version.as_deref(), Some("3.11.2"));
        bytes[at] = b'1';
        file.write_all_at(&bytes, 0).unwrap();
        assert_eq!(python_version_in(&file, bytes.len() as u64).unwrap(), None);
    }

    #[test]
    fn only_executable_scripts_have_an_interpreter() {
        let line = b"#! /usr/bin/env python3 \nprint()\n";
        let facts = FileFacts::of_bytes("a", true, line);
        assert_eq!(facts.interpreter.as_deref(), Some("/usr/bin/env python3"));
        assert_eq!(FileFacts::of_bytes("a", false, line).interpreter, None);
    }
}
