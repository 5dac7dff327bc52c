//! Who provides a symbol: the C library at a floor, Python's C API, another library.

use std::collections::HashMap;
use std::path::Path;

use super::ElfFile;
use crate::report::{Code, Error, Result};

/// The exported symbols of one provider, for example of a C library at a floor.
pub trait Symbols {
    /// The versions under which `name` is exported, oldest first, an empty string for no version;
    /// None when it is not exported.
    fn versions(&self, name: &str) -> Option<Vec<String>>;
}

/// Exported symbols by name, read from shared libraries or programs.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    versions: HashMap<String, Vec<String>>,
}

impl SymbolTable {
    /// Adds what `file` exports.
    pub fn add(&mut self, file: &ElfFile<'_>) {
        for export in &file.exports {
            self.insert(export.name, export.version.unwrap_or_default());
        }
    }

    /// Adds one symbol; `version` is empty for a symbol without one.
    pub fn insert(&mut self, name: &str, version: &str) {
        let versions = self.versions.entry(name.to_owned()).or_default();
        if !versions.iter().any(|known| known == version) {
            versions.push(version.to_owned());
            versions.sort_by_key(|version| numbers(version));
        }
    }

    /// The exports of the shared libraries or programs at `paths`.
    ///
    /// # Errors
    /// `Io` when one cannot be read, `BrokenElf` when one is no ELF file.
    pub fn of_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut table = Self::default();
        for path in paths {
            let path = path.as_ref();
            let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
            let file = ElfFile::parse(&bytes)
                .map_err(|error| error.wrap(format!("`{}` cannot be used", path.display())))?;
            table.add(&file);
        }
        Ok(table)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}

impl<N: AsRef<str>> FromIterator<N> for SymbolTable {
    /// A table of names without versions.
    fn from_iter<T: IntoIterator<Item = N>>(names: T) -> Self {
        let mut table = Self::default();
        for name in names {
            table.insert(name.as_ref(), "");
        }
        table
    }
}

impl Symbols for SymbolTable {
    fn versions(&self, name: &str) -> Option<Vec<String>> {
        self.versions.get(name).cloned()
    }
}

/// The numbers in a version name, for ordering: `GLIBC_2.17` is `[2, 17]`.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Python's C API: what the interpreter at `program` exports, itself or through the `libpython` it
/// needs, which is looked for beside its RUNPATH, in `../lib` and in `libraries`.
///
/// # Errors
/// `InterpreterNotFound` when neither exports `Py_IncRef`-like symbols; `Io`; `BrokenElf` (a script
/// that starts another interpreter is none).
pub fn python_api(program: &Path, libraries: &[&Path]) -> Result<SymbolTable> {
    let bytes = std::fs::read(program).map_err(|error| Error::io("read", program, &error))?;
    let file = ElfFile::parse(&bytes)
        .map_err(|error| error.wrap(format!("`{}` is no interpreter", program.display())))?;
    let mut table = SymbolTable::default();
    table.add(&file);
    let real = std::fs::canonicalize(program).map_err(|error| Error::io("resolve", program, &error))?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let needed = file.needed.iter().filter(|name| name.starts_with("libpython"));
    for name in needed {
        let by_search_path = file.search_path().iter().map(|entry| {
            let origin = folder.to_string_lossy();
            Path::new(&entry.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin)).join(name)
        });
        let by_prefix = std::iter::once(folder.join("../lib").join(name));
        let given = libraries.iter().map(|library| library.join(name));
        let found = by_search_path.chain(by_prefix).chain(given).find(|path| path.is_file());
        if let Some(path) = found {
            let bytes = std::fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
            table.add(&ElfFile::parse(&bytes)?);
        }
    }
    if table.versions("PyType_Ready").is_none() {
        return Err(Error::new(
            Code::InterpreterNotFound,
            format!("`{}` exports no C API, nor does a libpython beside it", program.display()),
        ));
    }
    Ok(table)
}
